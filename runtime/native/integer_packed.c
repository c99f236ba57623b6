/* Packing of codes, and the scalar products: the definition the other paths are tested against. */
#include "integer_packed.h"

#include <string.h>

void bp_pack_codes(const bp_packed *w, const uint8_t *codes, uint8_t *packed) {
    const int32_t tiles = bp_tiles_per_word(w->bits);
    memset(packed, 0, (size_t)w->strips * (size_t)w->words * WORD_BYTES);
    for (int32_t o = 0; o < w->outs; o++) {
        const int32_t strip = o / TILE_OUTS;
        uint8_t *base = packed + (bp_strip(w, strip) - w->codes);
        const size_t step = bp_word_step(w, strip);
        for (int32_t i = 0; i < w->ins; i++) {
            const int32_t tile = i / TILE_INS;
            const int32_t byte = TILE_INS * (o % TILE_OUTS) + i % TILE_INS;
            const int32_t shift = tile % tiles * w->bits;
            base[(size_t)(tile / tiles) * step + (size_t)byte] |=
                (uint8_t)(codes[(size_t)o * (size_t)w->ins + (size_t)i] << shift);
        }
    }
}

size_t bp_scratch_bytes(const bp_packed *w) {
    /* Expanded rows (64 bytes a strip) and transposed sums (64 bytes a tile) of two rows. */
    const size_t tiles = (size_t)bp_padded_ins(w) / TILE_INS;
    return 2 * WORD_BYTES * ((size_t)w->strips + tiles);
}

static inline uint32_t code_at(const uint8_t *word, int32_t bits, int32_t tile, int32_t byte) {
    return (uint32_t)(word[byte] >> (tile * bits)) & ((1u << bits) - 1u);
}

static void forward_scalar(const bp_product *p) {
    const bp_packed *w = p->w;
    const int32_t tiles = bp_tiles_per_word(w->bits);
    for (int32_t strip = 0; strip < w->strips; strip++) {
        const uint8_t *base = bp_strip(w, strip);
        const size_t step = bp_word_step(w, strip);
        for (int32_t r = 0; r < p->count; r++) {
            uint32_t sums[TILE_OUTS] = {0};
            const int8_t *row = p->rows + (size_t)r * p->row_stride;
            for (int32_t t = 0; t < w->words * tiles; t++) {
                const uint8_t *word = base + (size_t)(t / tiles) * step;
                for (int32_t byte = 0; byte < WORD_BYTES; byte++) {
                    const uint32_t value = (uint32_t)row[t * TILE_INS + byte % TILE_INS];
                    sums[byte / TILE_INS] += code_at(word, w->bits, t % tiles, byte) * value;
                }
            }
            memcpy(p->acc + (size_t)r * p->acc_stride + strip * TILE_OUTS, sums, sizeof sums);
        }
    }
}

static void transposed_scalar(const bp_product *p) {
    const bp_packed *w = p->w;
    const int32_t tiles = bp_tiles_per_word(w->bits);
    for (int32_t r = 0; r < p->count; r++) {
        const int8_t *row = p->rows + (size_t)r * p->row_stride;
        for (int32_t t = 0; t < w->words * tiles; t++) {
            uint32_t sums[TILE_INS] = {0};
            for (int32_t strip = 0; strip < w->strips; strip++) {
                const uint8_t *word =
                    bp_strip(w, strip) + (size_t)(t / tiles) * bp_word_step(w, strip);
                for (int32_t byte = 0; byte < WORD_BYTES; byte++) {
                    const uint32_t value = (uint32_t)row[strip * TILE_OUTS + byte / TILE_INS];
                    sums[byte % TILE_INS] += code_at(word, w->bits, t % tiles, byte) * value;
                }
            }
            memcpy(p->acc + (size_t)r * p->acc_stride + t * TILE_INS, sums, sizeof sums);
        }
    }
}

const bp_integer_kernels bp_integer_scalar = {forward_scalar, transposed_scalar};
