/* Packed weights: one copy in memory, at their bit width, read by both directions.
 *
 * A row is a run of blocks of 16 words of 32 bits. A word holds per = 32 / bits codes: code number
 * t * 16 + lane of a block is bits t * bits .. (t + 1) * bits - 1 of word `lane`, so one shift
 * brings 16 neighbouring weights into place. 3 bits take 3.2 (ten codes a word), 5 take 5.3, 6 take
 * 6.4 and 7 take 8; 1, 2, 4 and 8 take just themselves. 32 bits are float32 values, per = 1. Codes
 * behind the last column are zero bits.
 *
 * Codes are centred: the b bits are a two's-complement integer v, -2^(b-1) .. 2^(b-1) - 1, and
 * the grid's integer is q = multiplier * v + extra: 1, 0 (wide, narrow) or 2, 1 (binary, mid-rise).
 */
#ifndef BITPRIOR_WEIGHTS_H
#define BITPRIOR_WEIGHTS_H

#include "bitprior.h"

#define BP_LANES 16

typedef struct {
    const uint32_t *words; /* [rows][blocks][16] */
    int64_t rows, columns, blocks;
    int32_t bits; /* 1 .. 8, or 32 */
    float multiplier, extra;
} bp_weight;

static inline const uint32_t *bp_row(const bp_weight *weight, int64_t row)
{
    return weight->words + row * weight->blocks * BP_LANES;
}

#endif
