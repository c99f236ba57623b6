/* Products on packed weights for vectors of one or two 128-bit lanes: included by the kernel of an
 * instruction set, which defines before
 *
 *   vec, VEC_LANES     a vector of bytes or of int32, and its 128-bit lanes
 *   SIGNED_CODES       1 if dot takes codes of 8 bits as signed bytes, code - 128
 *   vec zero_vec(void), load_vec(address), add_vec(a, b), broadcast4(address of 4 bytes)
 *   void store_vec(address, vec)
 *   vec tile_of(word, bits, tile)      codes of one tile of a word
 *   vec turn(word)                     4 outputs x 4 inputs of each lane, turned around
 *   vec dot(sum, codes, values, bits)  sum + 4-way byte products, a sum for each 4 bytes
 *   void store_lane_sum(address, vec)  int32 [4]: the lanes added up
 */
#ifndef BITPRIOR_INTEGER_PRODUCTS_H
#define BITPRIOR_INTEGER_PRODUCTS_H

#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")

enum {
    STRIP_VECS = 4 / VEC_LANES, /* vectors of a 64-byte word */
    VEC_BYTES = 16 * VEC_LANES,
    VEC_SUMS = 4 * VEC_LANES,
    MOST_VECS = 8, /* sums that fit the registers */
};

/* What signed codes lack: 128 * the sum of the row, over the padding too. */
INLINE int32_t correction(const int8_t *row, int32_t length, const int bits)
{
    int32_t sum = 0;
    if (SIGNED_CODES && bits == 8) {
        for (int32_t i = 0; i < length; i++) {
            sum += row[i];
        }
    }
    return sum * 128;
}

INLINE void add_everywhere(int32_t *acc, int32_t length, int32_t value)
{
    for (int32_t i = 0; value != 0 && i < length; i++) {
        acc[i] = (int32_t)((uint32_t)acc[i] + (uint32_t)value);
    }
}

INLINE void forward_block(const bp_product *p, int32_t strip, int64_t row, const int bits,
                          const int strips, const int rows)
{
    const int tiles = 8 / bits;
    const int vecs = strips * STRIP_VECS;
    const uint8_t *word = bp_strip(p->w, strip);
    const int64_t step = bp_word_step(p->w, strip);
    const int8_t *input = p->rows + row * p->row_stride;
    vec sums[MOST_VECS];
    UNROLL for (int n = 0; n < rows * vecs; n++) { sums[n] = zero_vec(); }
    for (int32_t k = 0; k < p->w->words; k++, word += step, input += tiles * TILE_INS) {
        UNROLL for (int t = 0; t < tiles; t++) {
            UNROLL for (int v = 0; v < vecs; v++) {
                const vec codes = tile_of(load_vec(word + v * VEC_BYTES), bits, t);
                UNROLL for (int r = 0; r < rows; r++) {
                    const vec q = broadcast4(input + r * p->row_stride + t * TILE_INS);
                    sums[r * vecs + v] = dot(sums[r * vecs + v], codes, q, bits);
                }
            }
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        int32_t *acc = p->acc + (row + r) * p->acc_stride + strip * TILE_OUTS;
        UNROLL for (int v = 0; v < vecs; v++) {
            store_vec(acc + v * VEC_SUMS, sums[r * vecs + v]);
        }
    }
}

INLINE void forward_rows(const bp_product *p, int64_t row, const int bits, const int strips,
                         const int rows)
{
    int32_t strip = 0;
    for (; strip + strips <= p->w->strips; strip += strips) {
        forward_block(p, strip, row, bits, strips, rows);
    }
    for (; strip < p->w->strips; strip++) {
        forward_block(p, strip, row, bits, 1, rows);
    }
    const int32_t ins = bp_padded_ins(p->w);
    for (int r = 0; r < rows; r++) {
        const int8_t *input = p->rows + (row + r) * p->row_stride;
        add_everywhere(p->acc + (row + r) * p->acc_stride, bp_padded_outs(p->w),
                       correction(input, ins, bits));
    }
}

INLINE void forward_bits(const bp_product *p, const int bits)
{
    /* strips x rows x STRIP_VECS sums stay in registers; strips divides GROUP_STRIPS. */
    const int strips = MOST_VECS / STRIP_VECS, pair = strips / 2;
    int64_t row = 0;
    for (; row + 2 <= p->count; row += 2) {
        forward_rows(p, row, bits, pair, 2);
    }
    if (row < p->count) {
        forward_rows(p, row, bits, strips, 1);
    }
}

/* Each group of four bytes of a row, repeated over a 128-bit lane. */
INLINE void expand(const bp_product *p, int64_t row, int8_t *expanded)
{
    const int8_t *input = p->rows + row * p->row_stride;
    for (int32_t group = 0; group < p->w->strips * 4; group++) {
        for (int copy = 0; copy < 4; copy++) {
            memcpy(expanded + group * 16 + copy * 4, input + group * 4, 4);
        }
    }
}

/* One pass over the words of `strips` strips; the sums of a tile, a vector a row, are in memory. */
INLINE void stream_block(const bp_product *p, int32_t strip, const int bits, const int strips,
                         const int rows, const int8_t *expanded, int32_t *sums)
{
    const int tiles = 8 / bits;
    const int vecs = strips * STRIP_VECS;
    const uint8_t *word = bp_strip(p->w, strip);
    const int64_t step = bp_word_step(p->w, strip), apart = (int64_t)p->w->strips * WORD_BYTES;
    const int8_t *input = expanded + (int64_t)strip * WORD_BYTES;
    for (int32_t k = 0; k < p->w->words; k++, word += step) {
        UNROLL for (int t = 0; t < tiles; t++, sums += rows * VEC_SUMS) {
            vec total[2];
            UNROLL for (int r = 0; r < rows; r++) { total[r] = load_vec(sums + r * VEC_SUMS); }
            UNROLL for (int v = 0; v < vecs; v++) {
                const vec turned = tile_of(turn(load_vec(word + v * VEC_BYTES)), bits, t);
                UNROLL for (int r = 0; r < rows; r++) {
                    const vec values = load_vec(input + r * apart + v * VEC_BYTES);
                    total[r] = dot(total[r], turned, values, bits);
                }
            }
            UNROLL for (int r = 0; r < rows; r++) { store_vec(sums + r * VEC_SUMS, total[r]); }
        }
    }
}

INLINE void stream_rows(const bp_product *p, int64_t row, const int bits, const int rows)
{
    const int32_t ins = bp_padded_ins(p->w), tiles = ins / TILE_INS;
    const int64_t apart = (int64_t)p->w->strips * WORD_BYTES;
    int8_t *expanded = p->scratch;
    int32_t *sums = (int32_t *)(void *)(expanded + rows * apart);
    memset(sums, 0, (size_t)(rows * tiles * VEC_BYTES));
    for (int r = 0; r < rows; r++) {
        expand(p, row + r, expanded + r * apart);
    }
    int32_t strip = 0;
    for (; strip + 2 <= p->w->strips; strip += 2) {
        stream_block(p, strip, bits, 2, rows, expanded, sums);
    }
    if (strip < p->w->strips) {
        stream_block(p, strip, bits, 1, rows, expanded, sums);
    }
    for (int r = 0; r < rows; r++) {
        int32_t *acc = p->acc + (row + r) * p->acc_stride;
        for (int32_t tile = 0; tile < tiles; tile++) {
            store_lane_sum(acc + tile * TILE_INS, load_vec(sums + (tile * rows + r) * VEC_SUMS));
        }
        const int8_t *input = p->rows + (row + r) * p->row_stride;
        add_everywhere(acc, ins, correction(input, bp_padded_outs(p->w), bits));
    }
}

INLINE void transposed_bits(const bp_product *p, const int bits)
{
    int64_t row = 0;
    for (; row + 2 <= p->count; row += 2) {
        stream_rows(p, row, bits, 2);
    }
    if (row < p->count) {
        stream_rows(p, row, bits, 1);
    }
}

#include "integer_widths.h"

FOR_EACH_WIDTH(forward)
FOR_EACH_WIDTH(transposed)

#endif
