/* Vectors of 4 floats, NEON of aarch64. See vector_scalar.h. */
#ifndef BITPRIOR_VECTOR_H
#define BITPRIOR_VECTOR_H

#include <arm_neon.h>
#include <stdint.h>

#define VL 4
#define TILE 16
#define BY_TABLE 0
#define BY_MASK 0
#define INLINE static inline __attribute__((always_inline))

typedef float32x4_t V;
typedef uint32x4_t VU;

INLINE V v_set(float value) { return vdupq_n_f32(value); }
INLINE V v_load(const float *p) { return vld1q_f32(p); }
INLINE void v_store(float *p, V a) { vst1q_f32(p, a); }
INLINE V v_load_part(const float *p, int64_t n)
{
    float value[VL] = {0.0f, 0.0f, 0.0f, 0.0f};
    for (int64_t i = 0; i < n && i < VL; i++)
        value[i] = p[i];
    return vld1q_f32(value);
}
INLINE void v_store_part(float *p, V a, int64_t n)
{
    float value[VL];
    vst1q_f32(value, a);
    for (int64_t i = 0; i < n && i < VL; i++)
        p[i] = value[i];
}
INLINE V v_fma(V a, V b, V c) { return vfmaq_f32(c, a, b); }
INLINE float v_sum(V a) { return vaddvq_f32(a); }
INLINE VU v_words(const uint32_t *p) { return vld1q_u32(p); }
INLINE V v_table(int bits) { return vdupq_n_f32((float)bits); }
INLINE V v_decode(VU words, int bits, V table)
{
    (void)table;
    if (bits == 32)
        return vreinterpretq_f32_u32(words);
    return vcvtq_f32_s32(vreinterpretq_s32_u32(words) >> (32 - bits));
}
INLINE V v_less_where(VU words, VU bit, V sum, V value)
{
    VU kept = vandq_u32(vtstq_u32(words, bit), vreinterpretq_u32_f32(value));
    return vsubq_f32(sum, vreinterpretq_f32_u32(kept));
}
INLINE V v_load_pairs(const float *p) { return vld2q_f32(p).val[0]; }
INLINE void v_add_pairs(float *p, V a)
{
    float32x4x2_t both = vld2q_f32(p);
    both.val[0] = vaddq_f32(both.val[0], a);
    vst2q_f32(p, both);
}

#endif
