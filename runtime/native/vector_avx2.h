/* Vectors of 8 floats, AVX2 and FMA. See vector_scalar.h. */
#ifndef BITPRIOR_VECTOR_H
#define BITPRIOR_VECTOR_H

#include <immintrin.h>
#include <stdint.h>

#define VL 8
#define TILE 8
#define BY_TABLE 3
#define BY_MASK 0
#define INLINE static inline __attribute__((always_inline))

typedef __m256 V;
typedef uint32_t VU __attribute__((vector_size(32)));
typedef int32_t VI __attribute__((vector_size(32)));

INLINE __m256i v_first(int64_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
INLINE V v_set(float value) { return _mm256_set1_ps(value); }
INLINE V v_load(const float *p) { return _mm256_loadu_ps(p); }
INLINE void v_store(float *p, V a) { _mm256_storeu_ps(p, a); }
INLINE V v_load_part(const float *p, int64_t n) { return _mm256_maskload_ps(p, v_first(n)); }
INLINE void v_store_part(float *p, V a, int64_t n) { _mm256_maskstore_ps(p, v_first(n), a); }
INLINE V v_fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
INLINE float v_sum(V a)
{
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_shuffle_ps(half, half, 1)));
}
INLINE VU v_words(const uint32_t *p) { return (VU)_mm256_loadu_si256((const __m256i *)p); }

/* The centred value of each code of up to 3 bits, repeated; a permute then decodes. */
INLINE V v_table(int bits)
{
    float value[VL];
    for (int i = 0; i < VL; i++)
        value[i] = bits > BY_TABLE ? 0.0f : (float)((int32_t)((uint32_t)i << (32 - bits)) >> (32 - bits));
    return _mm256_loadu_ps(value);
}
INLINE V v_decode(VU words, int bits, V table)
{
    if (bits == 32)
        return (V)words;
    if (bits <= BY_TABLE)
        return _mm256_permutevar8x32_ps(table, (__m256i)words);
    VI value = (VI)words >> (32 - bits);
    return _mm256_cvtepi32_ps((__m256i)value);
}
INLINE V v_less_where(VU words, VU bit, V sum, V value)
{
    __m256i clear = _mm256_cmpeq_epi32((__m256i)(words & bit), _mm256_setzero_si256());
    return _mm256_sub_ps(sum, _mm256_andnot_ps((V)clear, value));
}
INLINE V v_load_pairs(const float *p)
{
    __m256 mixed = _mm256_shuffle_ps(v_load(p), v_load(p + VL), 0x88);
    return (V)_mm256_permute4x64_pd((__m256d)mixed, 0xd8);
}
INLINE void v_add_pairs(float *p, V a)
{
    __m256 zero = _mm256_setzero_ps();
    __m256 ordered = (V)_mm256_permute4x64_pd((__m256d)a, 0xd8);
    v_store(p, _mm256_add_ps(v_load(p), _mm256_unpacklo_ps(ordered, zero)));
    v_store(p + VL, _mm256_add_ps(v_load(p + VL), _mm256_unpackhi_ps(ordered, zero)));
}

#endif
