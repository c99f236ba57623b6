/* Products on packed weights with AVX-512 VNNI: vpdpbusd, 64 byte products an instruction. */
#include "integer_rows.h"

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

INLINE __m512i broadcast4(const int8_t *bytes)
{
    int32_t value;
    memcpy(&value, bytes, sizeof value);
    return _mm512_set1_epi32(value);
}

/* The codes of tile number `tile` times 2^(tile % phases * bits), as unsigned bytes. With one phase
 * a tile is shifted down; with more, masking alone will do and the sum is shifted at its end. */
INLINE __m512i tile_of(__m512i word, const int bits, const int tile, const int phases)
{
    if (bits == 8) {
        return word;
    }
    const int phase = tile % phases;
    const int shift = (tile - phase) * bits;
    const __m512i mask = _mm512_set1_epi8((char)(((1 << bits) - 1) << (phase * bits)));
    return _mm512_and_si512(shift == 0 ? word : _mm512_srli_epi16(word, shift), mask);
}

/* Four outputs x four inputs of each 128-bit lane, turned around. */
INLINE __m512i turn(__m512i tile)
{
    const __m128i order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_shuffle_epi8(tile, _mm512_broadcast_i32x4(order));
}

/* --- forward: `strips` strips x `rows` rows of sums stay in registers ------------------------ */

INLINE void forward_block(const bp_product *p, int32_t strip, int64_t row, const int bits,
                          const int strips, const int rows)
{
    const int tiles = 8 / bits;
    const int most = rows == 1 ? 4 : rows == 2 ? 2 : 1; /* sums that fit the registers */
    const int phases = tiles < most ? tiles : most;
    const uint8_t *word = bp_strip(p->w, strip);
    const int64_t step = bp_word_step(p->w, strip);
    const int8_t *input = p->rows + row * p->row_stride;
    __m512i sums[24];
    UNROLL for (int n = 0; n < rows * strips * phases; n++) { sums[n] = _mm512_setzero_si512(); }
    for (int32_t k = 0; k < p->w->words; k++, word += step, input += tiles * TILE_INS) {
        __m512i words[4];
        UNROLL for (int s = 0; s < strips; s++) {
            words[s] = _mm512_load_si512(word + s * WORD_BYTES);
        }
        UNROLL for (int t = 0; t < tiles; t++) {
            __m512i codes[4];
            UNROLL for (int s = 0; s < strips; s++) {
                codes[s] = tile_of(words[s], bits, t, phases);
            }
            UNROLL for (int r = 0; r < rows; r++) {
                const __m512i q = broadcast4(input + r * p->row_stride + t * TILE_INS);
                UNROLL for (int s = 0; s < strips; s++) {
                    __m512i *sum = &sums[(t % phases * rows + r) * strips + s];
                    *sum = _mm512_dpbusd_epi32(*sum, codes[s], q);
                }
            }
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        int32_t *acc = p->acc + (row + r) * p->acc_stride + strip * TILE_OUTS;
        UNROLL for (int s = 0; s < strips; s++) {
            __m512i total = sums[r * strips + s];
            UNROLL for (int phase = 1; phase < phases; phase++) {
                const __m512i sum = sums[(phase * rows + r) * strips + s];
                total = _mm512_add_epi32(total, _mm512_srai_epi32(sum, (unsigned)(phase * bits)));
            }
            _mm512_storeu_si512(acc + s * TILE_OUTS, total);
        }
    }
}

INLINE void forward_rows(const bp_product *p, int64_t row, const int bits, const int rows)
{
    int32_t strip = 0;
    for (; strip + 4 <= p->w->strips; strip += 4) {
        forward_block(p, strip, row, bits, 4, rows);
    }
    if (strip + 2 <= p->w->strips) {
        forward_block(p, strip, row, bits, 2, rows);
        strip += 2;
    }
    if (strip < p->w->strips) {
        forward_block(p, strip, row, bits, 1, rows);
    }
}

INLINE void forward_bits(const bp_product *p, const int bits)
{
    int64_t row = 0;
    for (; row + 6 <= p->count; row += 6) {
        forward_rows(p, row, bits, 6);
    }
    for (; row + 4 <= p->count; row += 4) {
        forward_rows(p, row, bits, 4);
    }
    if (row + 2 <= p->count) {
        forward_rows(p, row, bits, 2);
        row += 2;
    }
    if (row < p->count) {
        forward_rows(p, row, bits, 1);
    }
}

/* --- transposed, one or two rows: stream the words once, sums in memory ---------------------- */

/* Each group of four bytes, repeated over a 128-bit lane: what a turned tile is multiplied by. */
INLINE void expand(const bp_product *p, int64_t row, const int rows, __m512i *expanded)
{
    const __m512i order = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    for (int r = 0; r < rows; r++) {
        const int8_t *input = p->rows + (row + r) * p->row_stride;
        for (int32_t strip = 0; strip < p->w->strips; strip++) {
            const __m128i bytes = _mm_loadu_si128((const __m128i *)(input + strip * TILE_OUTS));
            expanded[strip * rows + r] =
                _mm512_permutexvar_epi32(order, _mm512_castsi128_si512(bytes));
        }
    }
}

INLINE void stream_block(const bp_product *p, int32_t strip, const int bits, const int strips,
                         const int rows, const int first, const __m512i *expanded, __m512i *sums)
{
    const int tiles = 8 / bits;
    const uint8_t *word = bp_strip(p->w, strip);
    const int64_t step = bp_word_step(p->w, strip);
    const int64_t apart = (int64_t)p->w->words * GROUP_STRIPS * WORD_BYTES; /* of two groups */
    __m512i inputs[8][2];
    UNROLL for (int s = 0; s < strips; s++) {
        UNROLL for (int r = 0; r < rows; r++) {
            inputs[s][r] = expanded[(strip + s) * rows + r];
        }
    }
    for (int32_t k = 0; k < p->w->words; k++, word += step) {
        __m512i words[8];
        UNROLL for (int s = 0; s < strips; s++) {
            const int64_t at = s / GROUP_STRIPS * apart + s % GROUP_STRIPS * WORD_BYTES;
            words[s] = turn(_mm512_load_si512(word + at));
        }
        UNROLL for (int t = 0; t < tiles; t++) {
            __m512i *sum = sums + ((size_t)k * (size_t)tiles + (size_t)t) * (size_t)rows;
            __m512i total[2];
            UNROLL for (int r = 0; r < rows; r++) {
                total[r] = first ? _mm512_setzero_si512() : sum[r];
            }
            UNROLL for (int s = 0; s < strips; s++) {
                const __m512i turned = tile_of(words[s], bits, t, tiles);
                UNROLL for (int r = 0; r < rows; r++) {
                    total[r] = _mm512_dpbusd_epi32(total[r], turned, inputs[s][r]);
                }
            }
            UNROLL for (int r = 0; r < rows; r++) { sum[r] = total[r]; }
        }
    }
}

/* Add up the four lanes of each sum: four inputs a sum, at the scale its tile was masked at. */
INLINE void fold(const bp_product *p, int64_t row, const int bits, const int rows,
                 const __m512i *sums)
{
    const int32_t tiles = bp_padded_ins(p->w) / TILE_INS;
    for (int r = 0; r < rows; r++) {
        int32_t *acc = p->acc + (row + r) * p->acc_stride;
        for (int32_t t = 0; t < tiles; t++) {
            const __m512i sum = sums[(size_t)t * (size_t)rows + (size_t)r];
            const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(sum),
                                                  _mm512_extracti64x4_epi64(sum, 1));
            const __m128i total = _mm_add_epi32(_mm256_castsi256_si128(half),
                                                _mm256_extracti128_si256(half, 1));
            const __m128i shift = _mm_cvtsi32_si128(t % (8 / bits) * bits);
            _mm_storeu_si128((__m128i *)(acc + t * TILE_INS), _mm_sra_epi32(total, shift));
        }
    }
}

INLINE void stream_rows(const bp_product *p, int64_t row, const int bits, const int rows)
{
    __m512i *expanded = p->scratch;
    __m512i *sums = expanded + (size_t)p->w->strips * (size_t)rows;
    expand(p, row, rows, expanded);
    int32_t strip = 0;
    if (p->w->strips >= 8) {
        stream_block(p, strip, bits, 8, rows, 1, expanded, sums);
        strip = 8;
    } else if (p->w->strips >= 4) {
        stream_block(p, strip, bits, 4, rows, 1, expanded, sums);
        strip = 4;
    } else {
        const int32_t tiles = bp_padded_ins(p->w) / TILE_INS;
        memset(sums, 0, (size_t)tiles * (size_t)rows * WORD_BYTES);
    }
    for (; strip + 8 <= p->w->strips; strip += 8) {
        stream_block(p, strip, bits, 8, rows, 0, expanded, sums);
    }
    if (strip + 4 <= p->w->strips) {
        stream_block(p, strip, bits, 4, rows, 0, expanded, sums);
        strip += 4;
    }
    if (strip + 2 <= p->w->strips) {
        stream_block(p, strip, bits, 2, rows, 0, expanded, sums);
        strip += 2;
    }
    if (strip < p->w->strips) {
        stream_block(p, strip, bits, 1, rows, 0, expanded, sums);
    }
    fold(p, row, bits, rows, sums);
}

/* --- transposed, many rows: 16 inputs x `rows` rows of sums stay in registers ----------------- */

/* Four turned tiles that follow along the inputs, as 16 inputs x 4 outputs: lanes[a] has outputs
 * 4a..4a+3 of the strip. */
INLINE void gather_lanes(const __m512i tile[4], __m512i lanes[4])
{
    const __m512i low01 = _mm512_shuffle_i32x4(tile[0], tile[1], 0x44);
    const __m512i low23 = _mm512_shuffle_i32x4(tile[2], tile[3], 0x44);
    const __m512i high01 = _mm512_shuffle_i32x4(tile[0], tile[1], 0xee);
    const __m512i high23 = _mm512_shuffle_i32x4(tile[2], tile[3], 0xee);
    lanes[0] = _mm512_shuffle_i32x4(low01, low23, 0x88);
    lanes[1] = _mm512_shuffle_i32x4(low01, low23, 0xdd);
    lanes[2] = _mm512_shuffle_i32x4(high01, high23, 0x88);
    lanes[3] = _mm512_shuffle_i32x4(high01, high23, 0xdd);
}

/* `first` is the first tile of the four inside its word. */
INLINE void block_columns(const bp_product *p, int64_t row, int32_t word, const int bits,
                          const int first, const int rows)
{
    const int tiles = 8 / bits;
    __m512i sums[16];
    UNROLL for (int r = 0; r < rows; r++) { sums[r] = _mm512_setzero_si512(); }
    for (int32_t strip = 0; strip < p->w->strips; strip++) {
        const int64_t step = bp_word_step(p->w, strip);
        const uint8_t *at = bp_strip(p->w, strip) + word * step;
        const int8_t *input = p->rows + row * p->row_stride + strip * TILE_OUTS;
        __m512i tile[4], lanes[4];
        UNROLL for (int t = 0; t < 4; t++) {
            const int number = first + t;
            /* Inputs past the last word: the tile of the last word stands in, its sums are
             * dropped when they are stored. */
            const int32_t ahead = number / tiles;
            const int32_t valid = word + ahead < p->w->words ? ahead : 0;
            const __m512i found = _mm512_load_si512(at + valid * step);
            tile[t] = tile_of(turn(found), bits, number % tiles, 1);
        }
        gather_lanes(tile, lanes);
        UNROLL for (int a = 0; a < 4; a++) {
            UNROLL for (int r = 0; r < rows; r++) {
                const __m512i c = broadcast4(input + r * p->row_stride + 4 * a);
                sums[r] = _mm512_dpbusd_epi32(sums[r], lanes[a], c);
            }
        }
    }
    const int32_t column = (word * tiles + first) * TILE_INS;
    const int32_t left = bp_padded_ins(p->w) - column;
    const __mmask16 kept = (__mmask16)(left >= 16 ? 0xffff : (1u << left) - 1u);
    UNROLL for (int r = 0; r < rows; r++) {
        int32_t *acc = p->acc + (row + r) * p->acc_stride + column;
        _mm512_mask_storeu_epi32(acc, kept, sums[r]);
    }
}

INLINE void block_rows(const bp_product *p, int64_t row, const int bits, const int rows)
{
    if (bits == 1) {
        for (int32_t word = 0; word < p->w->words; word++) {
            block_columns(p, row, word, bits, 0, rows);
            block_columns(p, row, word, bits, 4, rows);
        }
        return;
    }
    const int32_t words = bits / 2; /* words of 16 inputs */
    for (int32_t word = 0; word < p->w->words; word += words) {
        block_columns(p, row, word, bits, 0, rows);
    }
}

INLINE void transposed_bits(const bp_product *p, const int bits)
{
    int64_t row = 0;
    for (; row + 16 <= p->count; row += 16) {
        block_rows(p, row, bits, 16);
    }
    if (row + 8 <= p->count) {
        block_rows(p, row, bits, 8);
        row += 8;
    }
    if (row + 4 <= p->count) {
        block_rows(p, row, bits, 4);
        row += 4;
    }
    if (row + 2 <= p->count) {
        stream_rows(p, row, bits, 2);
        row += 2;
    }
    if (row < p->count) {
        stream_rows(p, row, bits, 1);
    }
}

#include "integer_widths.h"

FOR_EACH_WIDTH(forward)
FOR_EACH_WIDTH(transposed)

/* --- passes that compilers do not vectorise well ---------------------------------------------- */

static inline __m512i load_half(__mmask8 kept, const int32_t *at)
{
    return _mm512_cvtepi32_epi64(_mm256_maskz_loadu_epi32(kept, at));
}

static void requantise(const bp_requantiser *q, const int32_t *v, int64_t n, int32_t *out)
{
    const __m512i low = _mm512_set1_epi64(q->low), high = _mm512_set1_epi64(q->high);
    const __m512i one = _mm512_set1_epi64(1);
    for (int64_t i = 0; i < n; i += 8) {
        const __mmask8 kept = (__mmask8)(n - i >= 8 ? 0xff : (1 << (n - i)) - 1);
        const __m512i value = load_half(kept, v + i);
        const __mmask8 below = _mm512_movepi64_mask(value);
        const __m512i multiplier =
            _mm512_mask_blend_epi64(below, load_half(kept, q->positive + i),
                                    load_half(kept, q->negative + i));
        const __m512i shift =
            _mm512_mask_blend_epi64(below, load_half(kept, q->positive_shift + i),
                                    load_half(kept, q->negative_shift + i));
        const __m512i half = _mm512_sllv_epi64(one, _mm512_sub_epi64(shift, one));
        const __m512i product = _mm512_add_epi64(_mm512_mul_epi32(value, multiplier), half);
        const __m512i moved = _mm512_srav_epi64(product, shift);
        const __m512i clamped = _mm512_min_epi64(_mm512_max_epi64(moved, low), high);
        _mm256_mask_storeu_epi32(out + i, kept, _mm512_cvtepi64_epi32(clamped));
    }
}

/* Both ends of a segment are gathered at once, as one 64-bit lane. */
static void look_up(const int32_t *table, const int32_t *q, int64_t n, int32_t *out)
{
    enum { BITS = 16 - BP_TABLE_BITS, SPAN = 1 << BITS };
    for (int64_t i = 0; i < n; i += 8) {
        const __mmask8 kept = (__mmask8)(n - i >= 8 ? 0xff : (1 << (n - i)) - 1);
        const __m256i from = _mm256_add_epi32(_mm256_maskz_loadu_epi32(kept, q + i),
                                              _mm256_set1_epi32(32768));
        const __m512i ends = _mm512_mask_i32gather_epi64(
            _mm512_setzero_si512(), kept, _mm256_srli_epi32(from, BITS), table, 4);
        const __m512i fraction =
            _mm512_cvtepi32_epi64(_mm256_and_si256(from, _mm256_set1_epi32(SPAN - 1)));
        const __m512i rest = _mm512_sub_epi64(_mm512_set1_epi64(SPAN), fraction);
        const __m512i left = _mm512_mul_epi32(ends, rest);
        const __m512i right = _mm512_mul_epi32(_mm512_srli_epi64(ends, 32), fraction);
        const __m512i total = _mm512_add_epi64(_mm512_add_epi64(left, right),
                                               _mm512_set1_epi64(SPAN / 2));
        const __m512i value = _mm512_srai_epi64(total, BITS);
        _mm256_mask_storeu_epi32(out + i, kept, _mm512_cvtepi64_epi32(value));
    }
}

void bp_integer_use_avx512vnni(bp_integer_kernels *table)
{
    use_rows(table);
    table->forward = forward;
    table->transposed = transposed;
    table->requantise = requantise;
    table->look_up = look_up;
}
