/* Weights of the integer engine: one packed copy in memory that serves both directions.
 *
 * A matrix of codes [outs, ins] is cut into tiles of 16 outputs x 4 inputs: 64 bytes, byte
 * 4 * (output % 16) + input % 4. A 64-byte word holds 8 / bits tiles that follow each other along
 * the inputs; tile p lies in bits [p * bits, (p + 1) * bits) of every byte. Strips of 16 outputs
 * are grouped by four; in a group the words go [word along the inputs][strip]. Codes outside the
 * matrix are 0.
 *
 * Forward, a tile is the left operand of a 4-way byte dot product as it is: lane = output.
 * Transposed, one byte shuffle inside 128-bit lanes turns a lane's 4 outputs x 4 inputs around.
 *
 * Stored widths are 1, 2, 4 and 8 bits: codes of 3 bits take 4, codes of 5 to 7 bits take 8.
 */
#ifndef BITPRIOR_INTEGER_PACKED_H
#define BITPRIOR_INTEGER_PACKED_H

#include "bitprior.h"

#include <stddef.h>
#include <stdint.h>

enum { TILE_OUTS = 16, TILE_INS = 4, WORD_BYTES = 64, GROUP_STRIPS = 4 };

typedef struct {
    int32_t bits;         /* stored width: 1, 2, 4 or 8 */
    int32_t outs;         /* rows of the matrix */
    int32_t ins;          /* columns of the matrix */
    int32_t strips;       /* ceil(outs / 16) */
    int32_t words;        /* 64-byte words along the inputs of one strip */
    const uint8_t *codes; /* strips * words * 64 bytes, 64-byte aligned */
} bp_packed;

/* Tiles in one word. */
static inline int32_t bp_tiles_per_word(int32_t bits) { return 8 / bits; }

/* Outputs and inputs, rounded up to what the products read and write. */
static inline int32_t bp_padded_outs(const bp_packed *w) { return w->strips * TILE_OUTS; }
static inline int32_t bp_padded_ins(const bp_packed *w)
{
    return w->words * bp_tiles_per_word(w->bits) * TILE_INS;
}

/* Address of the first word of a strip; the next along the inputs is bp_word_step bytes on. */
static inline const uint8_t *bp_strip(const bp_packed *w, int32_t strip)
{
    int32_t group = strip / GROUP_STRIPS;
    int64_t words = (int64_t)group * GROUP_STRIPS * w->words + strip % GROUP_STRIPS;
    return w->codes + words * WORD_BYTES;
}
static inline int32_t bp_group_strips(const bp_packed *w, int32_t strip)
{
    int32_t left = w->strips - strip / GROUP_STRIPS * GROUP_STRIPS;
    return left < GROUP_STRIPS ? left : GROUP_STRIPS;
}
static inline int64_t bp_word_step(const bp_packed *w, int32_t strip)
{
    return (int64_t)bp_group_strips(w, strip) * WORD_BYTES;
}

/* Lay codes [outs, ins] (one byte each, row-major) out in place of w->codes. */
BP_API void bp_pack_codes(const bp_packed *w, const uint8_t *codes, uint8_t *packed);

/* Scratch memory of a product. */
BP_API int64_t bp_scratch_bytes(const bp_packed *w);

#endif
