#include "integer_packed.h"

#include <string.h>

void bp_pack_codes(const bp_packed *w, const uint8_t *codes, uint8_t *packed)
{
    const int32_t tiles = bp_tiles_per_word(w->bits);
    memset(packed, 0, (size_t)w->strips * (size_t)w->words * WORD_BYTES);
    for (int32_t o = 0; o < w->outs; o++) {
        const int32_t strip = o / TILE_OUTS;
        uint8_t *base = packed + (bp_strip(w, strip) - w->codes);
        const int64_t step = bp_word_step(w, strip);
        for (int32_t i = 0; i < w->ins; i++) {
            const int32_t tile = i / TILE_INS;
            const int32_t byte = TILE_INS * (o % TILE_OUTS) + i % TILE_INS;
            const int32_t shift = tile % tiles * w->bits;
            base[tile / tiles * step + byte] |=
                (uint8_t)(codes[(int64_t)o * w->ins + i] << shift);
        }
    }
}

int64_t bp_scratch_bytes(const bp_packed *w) {
    /* Expanded rows (64 bytes a strip) and transposed sums (64 bytes a tile) of two rows. */
    return (int64_t)2 * WORD_BYTES * (w->strips + bp_padded_ins(w) / TILE_INS);
}
