/* Products on packed weights with AVX2: vpmaddubsw, on nibbles so that it cannot saturate. */
#include "integer_rows.h"

#include <immintrin.h>
#include <string.h>

typedef __m256i vec;
enum { VEC_LANES = 2, SIGNED_CODES = 0 };

static inline vec zero_vec(void) { return _mm256_setzero_si256(); }
static inline vec load_vec(const void *at) { return _mm256_loadu_si256(at); }
static inline void store_vec(void *at, vec value) { _mm256_storeu_si256(at, value); }

static inline vec broadcast4(const int8_t *at) {
    int32_t value;
    memcpy(&value, at, sizeof value);
    return _mm256_set1_epi32(value);
}

static inline vec tile_of(vec word, const int bits, const int tile) {
    if (bits == 8) {
        return word;
    }
    const vec mask = _mm256_set1_epi8((char)((1 << bits) - 1));
    return _mm256_and_si256(_mm256_srli_epi16(word, tile * bits), mask);
}

static inline vec turn(vec word) {
    const __m128i order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm256_shuffle_epi8(word, _mm256_broadcastsi128_si256(order));
}

/* A nibble times a byte, twice: at most 2 * 15 * 128 in 16 bits. */
static inline vec dot_nibbles(vec codes, vec values, const short scale) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(codes, values), _mm256_set1_epi16(scale));
}

static inline vec dot(vec sum, vec codes, vec values, const int bits) {
    if (bits < 8) {
        return _mm256_add_epi32(sum, dot_nibbles(codes, values, 1));
    }
    const vec nibble = _mm256_set1_epi8(15);
    const vec low = _mm256_and_si256(codes, nibble);
    const vec high = _mm256_and_si256(_mm256_srli_epi16(codes, 4), nibble);
    sum = _mm256_add_epi32(sum, dot_nibbles(low, values, 1));
    return _mm256_add_epi32(sum, dot_nibbles(high, values, 16));
}

static inline void store_lane_sum(int32_t *at, vec sum) {
    const __m128i low = _mm256_castsi256_si128(sum), high = _mm256_extracti128_si256(sum, 1);
    _mm_storeu_si128((__m128i *)(void *)at, _mm_add_epi32(low, high));
}

#include "integer_products.h"

void bp_integer_use_avx2(bp_integer_kernels *table)
{
    use_rows(table);
    table->forward = forward;
    table->transposed = transposed;
}
