/* The plain products: the definition the other instruction sets are tested against. */
#include "integer_rows.h"

#include <string.h>

static inline uint32_t code_at(const uint8_t *word, int32_t bits, int32_t tile, int32_t byte)
{
    return (uint32_t)(word[byte] >> (tile * bits)) & ((1u << bits) - 1u);
}

static void forward_scalar(const bp_product *p)
{
    const bp_packed *w = p->w;
    const int32_t tiles = bp_tiles_per_word(w->bits);
    for (int32_t strip = 0; strip < w->strips; strip++) {
        const uint8_t *base = bp_strip(w, strip);
        const int64_t step = bp_word_step(w, strip);
        for (int64_t r = 0; r < p->count; r++) {
            uint32_t sums[TILE_OUTS] = {0};
            const int8_t *row = p->rows + r * p->row_stride;
            for (int32_t t = 0; t < w->words * tiles; t++) {
                const uint8_t *word = base + (t / tiles) * step;
                for (int32_t byte = 0; byte < WORD_BYTES; byte++) {
                    const uint32_t value = (uint32_t)row[t * TILE_INS + byte % TILE_INS];
                    sums[byte / TILE_INS] += code_at(word, w->bits, t % tiles, byte) * value;
                }
            }
            memcpy(p->acc + r * p->acc_stride + strip * TILE_OUTS, sums, sizeof sums);
        }
    }
}

static void transposed_scalar(const bp_product *p)
{
    const bp_packed *w = p->w;
    const int32_t tiles = bp_tiles_per_word(w->bits);
    for (int64_t r = 0; r < p->count; r++) {
        const int8_t *row = p->rows + r * p->row_stride;
        for (int32_t t = 0; t < w->words * tiles; t++) {
            uint32_t sums[TILE_INS] = {0};
            for (int32_t strip = 0; strip < w->strips; strip++) {
                const uint8_t *word =
                    bp_strip(w, strip) + (t / tiles) * bp_word_step(w, strip);
                for (int32_t byte = 0; byte < WORD_BYTES; byte++) {
                    const uint32_t value = (uint32_t)row[strip * TILE_OUTS + byte / TILE_INS];
                    sums[byte % TILE_INS] += code_at(word, w->bits, t % tiles, byte) * value;
                }
            }
            memcpy(p->acc + r * p->acc_stride + t * TILE_INS, sums, sizeof sums);
        }
    }
}

void bp_integer_use_scalar(bp_integer_kernels *table)
{
    use_rows(table);
    table->forward = forward_scalar;
    table->transposed = transposed_scalar;
}
