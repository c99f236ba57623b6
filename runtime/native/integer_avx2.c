/* Products on packed weights with AVX2: vpmaddubsw, on nibbles so that it cannot saturate. */
#include "integer_rows.h"

#include <immintrin.h>
#include <string.h>

typedef __m256i vec;
enum { VEC_LANES = 2, SIGNED_CODES = 0 };

static inline vec zero_vec(void) { return _mm256_setzero_si256(); }
static inline vec load_vec(const void *at) { return _mm256_loadu_si256(at); }
static inline void store_vec(void *at, vec value) { _mm256_storeu_si256(at, value); }

static inline vec broadcast4(const int8_t *at)
{
    int32_t value;
    memcpy(&value, at, sizeof value);
    return _mm256_set1_epi32(value);
}

static inline vec tile_of(vec word, const int bits, const int tile)
{
    if (bits == 8) {
        return word;
    }
    const vec mask = _mm256_set1_epi8((char)((1 << bits) - 1));
    return _mm256_and_si256(_mm256_srli_epi16(word, tile * bits), mask);
}

static inline vec turn(vec word)
{
    const __m128i order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm256_shuffle_epi8(word, _mm256_broadcastsi128_si256(order));
}

/* A nibble times a byte, twice: at most 2 * 15 * 128 in 16 bits. */
static inline vec dot_nibbles(vec codes, vec values, const short scale)
{
    return _mm256_madd_epi16(_mm256_maddubs_epi16(codes, values), _mm256_set1_epi16(scale));
}

static inline vec dot(vec sum, vec codes, vec values, const int bits)
{
    if (bits < 8) {
        return _mm256_add_epi32(sum, dot_nibbles(codes, values, 1));
    }
    const vec nibble = _mm256_set1_epi8(15);
    const vec low = _mm256_and_si256(codes, nibble);
    const vec high = _mm256_and_si256(_mm256_srli_epi16(codes, 4), nibble);
    sum = _mm256_add_epi32(sum, dot_nibbles(low, values, 1));
    return _mm256_add_epi32(sum, dot_nibbles(high, values, 16));
}

static inline void store_lane_sum(int32_t *at, vec sum)
{
    const __m128i low = _mm256_castsi256_si128(sum), high = _mm256_extracti128_si256(sum, 1);
    _mm_storeu_si128((__m128i *)(void *)at, _mm_add_epi32(low, high));
}

#include "integer_products.h"

static inline vec widen(const int32_t *at)
{
    return _mm256_cvtepi32_epi64(_mm_loadu_si128((const __m128i *)(const void *)at));
}

/* Arithmetic shifts of 64-bit lanes, which AVX2 lacks: of the complement where negative. */
static inline vec shift_right(vec value, vec shift)
{
    const vec sign = _mm256_cmpgt_epi64(_mm256_setzero_si256(), value);
    return _mm256_xor_si256(_mm256_srlv_epi64(_mm256_xor_si256(value, sign), shift), sign);
}

static void requantise(const bp_requantiser *q, const int32_t *v, int64_t n, int32_t *out)
{
    const vec low = _mm256_set1_epi64x(q->low), high = _mm256_set1_epi64x(q->high);
    const vec one = _mm256_set1_epi64x(1);
    const vec evens = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        const vec value = widen(v + i);
        const vec below = _mm256_cmpgt_epi64(_mm256_setzero_si256(), value);
        const vec multiplier =
            _mm256_blendv_epi8(widen(q->positive + i), widen(q->negative + i), below);
        const vec shift = _mm256_blendv_epi8(widen(q->positive_shift + i),
                                             widen(q->negative_shift + i), below);
        const vec half = _mm256_sllv_epi64(one, _mm256_sub_epi64(shift, one));
        const vec product = _mm256_add_epi64(_mm256_mul_epi32(value, multiplier), half);
        vec moved = shift_right(product, shift);
        moved = _mm256_blendv_epi8(moved, low, _mm256_cmpgt_epi64(low, moved));
        moved = _mm256_blendv_epi8(moved, high, _mm256_cmpgt_epi64(moved, high));
        const vec packed = _mm256_permutevar8x32_epi32(moved, evens);
        _mm_storeu_si128((__m128i *)(void *)(out + i), _mm256_castsi256_si128(packed));
    }
    const bp_requantiser rest = {q->positive + i, q->positive_shift + i, q->negative + i,
                                 q->negative_shift + i, q->low, q->high};
    requantise_row(&rest, v + i, n - i, out + i);
}

void bp_integer_use_avx2(bp_integer_kernels *table)
{
    use_rows(table);
    table->forward = forward;
    table->transposed = transposed;
    table->requantise = requantise;
}
