/* What the two ARM kernels share: vectors of one 128-bit lane, codes as signed bytes. */
#ifndef BITPRIOR_INTEGER_ARM_H
#define BITPRIOR_INTEGER_ARM_H

#include "integer_rows.h"

#include <arm_neon.h>
#include <string.h>

typedef int8x16_t vec;
enum { VEC_LANES = 1, SIGNED_CODES = 1 };

static inline vec zero_vec(void) { return vdupq_n_s8(0); }
static inline vec load_vec(const void *at) { return vld1q_s8(at); }
static inline void store_vec(void *at, vec value) { vst1q_s8(at, value); }
static inline void store_lane_sum(int32_t *at, vec sum) { vst1q_s8((int8_t *)(void *)at, sum); }

static inline vec broadcast4(const int8_t *at) {
    int32_t value;
    memcpy(&value, at, sizeof value);
    return vreinterpretq_s8_s32(vdupq_n_s32(value));
}

static inline vec tile_of(vec word, const int bits, const int tile) {
    const uint8x16_t codes = vreinterpretq_u8_s8(word);
    if (bits == 8) {
        return vreinterpretq_s8_u8(veorq_u8(codes, vdupq_n_u8(128)));
    }
    const uint8x16_t mask = vdupq_n_u8((uint8_t)((1 << bits) - 1));
    const uint8x16_t moved = vshlq_u8(codes, vdupq_n_s8((int8_t)(-tile * bits)));
    return vreinterpretq_s8_u8(vandq_u8(moved, mask));
}

static inline vec turn(vec word) {
    static const uint8_t order[16] = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
    return vqtbl1q_s8(word, vld1q_u8(order));
}

#endif
