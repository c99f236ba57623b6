/* Vectors of one lane: the plain C twin of the SIMD headers. All of them define
 *   VL, V (floats), VU (words), TILE (accumulators that fit into registers),
 *   BY_TABLE (widest codes that v_decode looks up: it then reads the lowest bits of a word, else
 *   the highest), BY_MASK (whether v_less_where beats v_decode for one bit), and
 *   v_set, v_load, v_store, v_load_part, v_store_part (n lanes; the others zero, or left alone),
 *   v_fma (a * b + c), v_sum (of the lanes, in a fixed order), v_words, v_table, v_decode,
 *   v_less_where (sum - value in lanes whose word has the bit set),
 *   v_load_pairs (every second float), v_add_pairs (add to every second float).
 */
#ifndef BITPRIOR_VECTOR_H
#define BITPRIOR_VECTOR_H

#include <stdint.h>

#define VL 1
#define TILE 8
#define BY_TABLE 0
#define BY_MASK 0
#define INLINE static inline __attribute__((always_inline))

typedef float V;
typedef uint32_t VU;

INLINE V v_set(float value) { return value; }
INLINE V v_load(const float *p) { return *p; }
INLINE void v_store(float *p, V a) { *p = a; }
INLINE V v_load_part(const float *p, int64_t n) { return n > 0 ? *p : 0.0f; }
INLINE void v_store_part(float *p, V a, int64_t n)
{
    if (n > 0)
        *p = a;
}
INLINE V v_fma(V a, V b, V c) { return a * b + c; }
INLINE float v_sum(V a) { return a; }
INLINE VU v_words(const uint32_t *p) { return *p; }
INLINE V v_table(int bits) { return (float)bits; }
INLINE V v_decode(VU words, int bits, V table)
{
    (void)table;
    if (bits == 32) {
        union { uint32_t word; float value; } same = {words};
        return same.value;
    }
    return (float)((int32_t)words >> (32 - bits));
}
INLINE V v_less_where(VU words, VU bit, V sum, V value) { return words & bit ? sum - value : sum; }
INLINE V v_load_pairs(const float *p) { return *p; }
INLINE void v_add_pairs(float *p, V a) { *p += a; }

#endif
