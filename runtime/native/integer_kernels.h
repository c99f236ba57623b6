/* The integer kernels of one instruction set: products on packed weights, and passes over rows.
 *
 * Sums are taken modulo 2^32, so their order does not matter; range analysis keeps what they stand
 * for inside int32. Every entry gives the same bits on every instruction set.
 */
#ifndef BITPRIOR_INTEGER_KERNELS_H
#define BITPRIOR_INTEGER_KERNELS_H

#include "integer_packed.h"
#include "isa.h"

enum { BP_TABLE_BITS = 10 };

/* v becomes clamp((v * multiplier + 2^(shift - 1)) >> shift), one pair a channel and sign. */
typedef struct {
    const int32_t *positive, *positive_shift; /* for v >= 0 */
    const int32_t *negative, *negative_shift; /* for v < 0 */
    int32_t low, high;
} bp_requantiser;

/* Rows of bytes times codes.
 *
 * forward:    acc[r][o] = sum_i code[o][i] * rows[r][i]
 * transposed: acc[r][i] = sum_o code[o][i] * rows[r][o]
 *
 * Rows must be readable up to the padded length (the values there do not matter: their codes are
 * 0), acc is written up to the padded length. Strides are in elements, row_stride a multiple of 4;
 * scratch: bp_scratch_bytes(w), 64-byte aligned. At most 65536 outs and ins.
 */
typedef struct {
    const bp_packed *w;
    const int8_t *rows;
    int64_t row_stride;
    int64_t count;
    int32_t *acc;
    int64_t acc_stride;
    void *scratch;
} bp_product;

typedef struct {
    void (*forward)(const bp_product *);
    void (*transposed)(const bp_product *);

    /* bytes[i] = q[i], of magnitude at most 127. */
    void (*narrow)(const int32_t *q, int64_t n, int8_t *bytes);
    /* q[i] = 256 * high[i] + low[i] + 128. */
    void (*split)(const int32_t *q, int64_t n, int8_t *low, int8_t *high);
    /* Sum of bytes. */
    int32_t (*sum)(const int8_t *bytes, int64_t n);
    /* v[i] += multiplier * (low[i] + 256 * high[i]) + same + each[i]; high and each may be NULL. */
    void (*combine)(const int32_t *low, const int32_t *high, int64_t n, int32_t multiplier,
                    int32_t same, const int32_t *each, int32_t *v);

    void (*requantise)(const bp_requantiser *, const int32_t *v, int64_t n, int32_t *out);

    /* max |c[i] * slope|, slope = gate[i] > 0 ? positive[i] : negative[i]. */
    int64_t (*largest)(const int32_t *c, const int32_t *gate, const int32_t *positive,
                       const int32_t *negative, int64_t n);
    /* out[i] = (c[i] * slope + half) >> shift; shift 0 to 62. */
    void (*slope)(const int32_t *c, const int32_t *gate, const int32_t *positive,
                  const int32_t *negative, int64_t n, int shift, int32_t *out);

    /* v[i] += q[i] * (q[i] > 0 ? positive[i] : negative[i]). */
    void (*scale)(const int32_t *q, const int32_t *positive, const int32_t *negative, int64_t n,
                  int64_t *v);
    /* out[i] = clamp((v[i] + half) >> shift); shift 1 to 62. */
    void (*clamp)(const int64_t *v, int64_t n, int shift, int32_t low, int32_t high, int32_t *out);

    /* Linear interpolation of a table of 2^BP_TABLE_BITS + 1 values, of magnitude at most 2^24, at
     * q in -32768..32767, rounded half up. */
    void (*look_up)(const int32_t *table, const int32_t *q, int64_t n, int32_t *out);
} bp_integer_kernels;

/* Each overwrites the entries its instruction set has. */
void bp_integer_use_scalar(bp_integer_kernels *table);
void bp_integer_use_avx2(bp_integer_kernels *table);
void bp_integer_use_avx512vnni(bp_integer_kernels *table);
void bp_integer_use_neon(bp_integer_kernels *table);
void bp_integer_use_sdot(bp_integer_kernels *table);

/* The table of an instruction set, for an engine, and for tests of every entry. */
BP_API void bp_integer_kernels_of(bp_isa isa, bp_integer_kernels *table);

#endif
