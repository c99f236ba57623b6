/* Vectors of 16 floats, AVX-512 (F, BW, DQ, VL). See vector_scalar.h. */
#ifndef BITPRIOR_VECTOR_H
#define BITPRIOR_VECTOR_H

#include <immintrin.h>
#include <stdint.h>

#define VL 16
#define TILE 16
#define BY_TABLE 4
#define BY_MASK 1
#define INLINE static inline __attribute__((always_inline))

typedef __m512 V;
typedef uint32_t VU __attribute__((vector_size(64)));
typedef int32_t VI __attribute__((vector_size(64)));

INLINE __mmask16 v_first(int64_t n)
{
    return (__mmask16)(n <= 0 ? 0u : n >= VL ? 0xffffu : (1u << n) - 1u);
}
INLINE V v_set(float value) { return _mm512_set1_ps(value); }
INLINE V v_load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void v_store(float *p, V a) { _mm512_storeu_ps(p, a); }
INLINE V v_load_part(const float *p, int64_t n) { return _mm512_maskz_loadu_ps(v_first(n), p); }
INLINE void v_store_part(float *p, V a, int64_t n) { _mm512_mask_storeu_ps(p, v_first(n), a); }
INLINE V v_fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
INLINE float v_sum(V a) { return _mm512_reduce_add_ps(a); }
INLINE VU v_words(const uint32_t *p) { return (VU)_mm512_loadu_si512(p); }

/* The centred value of each code of up to 4 bits, repeated; a permute then decodes. */
INLINE V v_table(int bits)
{
    float value[VL];
    for (int i = 0; i < VL; i++)
        value[i] = bits > BY_TABLE ? 0.0f : (float)((int32_t)((uint32_t)i << (32 - bits)) >> (32 - bits));
    return _mm512_loadu_ps(value);
}
INLINE V v_decode(VU words, int bits, V table)
{
    if (bits == 32)
        return (V)words;
    if (bits <= BY_TABLE)
        return _mm512_permutexvar_ps((__m512i)words, table);
    VI value = (VI)words >> (32 - bits);
    return _mm512_cvtepi32_ps((__m512i)value);
}
INLINE V v_less_where(VU words, VU bit, V sum, V value)
{
    return _mm512_mask_sub_ps(sum, _mm512_test_epi32_mask((__m512i)words, (__m512i)bit), sum, value);
}
INLINE V v_load_pairs(const float *p)
{
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_ps(v_load(p), even, v_load(p + VL));
}
INLINE void v_add_pairs(float *p, V a)
{
    const __m512i low = _mm512_setr_epi32(0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0);
    const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
    v_store(p, v_load(p) + _mm512_maskz_permutexvar_ps(0x5555, low, a));
    v_store(p + VL, v_load(p + VL) + _mm512_maskz_permutexvar_ps(0x5555, high, a));
}

#endif
