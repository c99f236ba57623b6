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

static inline vec broadcast4(const int8_t *at)
{
    int32_t value;
    memcpy(&value, at, sizeof value);
    return vreinterpretq_s8_s32(vdupq_n_s32(value));
}

static inline vec tile_of(vec word, const int bits, const int tile)
{
    const uint8x16_t codes = vreinterpretq_u8_s8(word);
    if (bits == 8) {
        return vreinterpretq_s8_u8(veorq_u8(codes, vdupq_n_u8(128)));
    }
    const uint8x16_t mask = vdupq_n_u8((uint8_t)((1 << bits) - 1));
    const uint8x16_t moved = vshlq_u8(codes, vdupq_n_s8((int8_t)(-tile * bits)));
    return vreinterpretq_s8_u8(vandq_u8(moved, mask));
}

static inline vec turn(vec word)
{
    static const uint8_t order[16] = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
    return vqtbl1q_s8(word, vld1q_u8(order));
}

/* Two products at a time; a rounding shift to the left by -shift rounds half up. */
static inline int32x2_t requantise_pair(int32x2_t v, int32x2_t multiplier, int32x2_t shift)
{
    const int64x2_t product = vmull_s32(v, multiplier);
    return vqmovn_s64(vrshlq_s64(product, vnegq_s64(vmovl_s32(shift))));
}

static inline void requantise(const bp_requantiser *q, const int32_t *v, int64_t n, int32_t *out)
{
    const int32x2_t low = vdup_n_s32(q->low), high = vdup_n_s32(q->high);
    int64_t i = 0;
    for (; i + 2 <= n; i += 2) {
        const int32x2_t value = vld1_s32(v + i);
        const uint32x2_t below = vclt_s32(value, vdup_n_s32(0));
        const int32x2_t multiplier =
            vbsl_s32(below, vld1_s32(q->negative + i), vld1_s32(q->positive + i));
        const int32x2_t shift =
            vbsl_s32(below, vld1_s32(q->negative_shift + i), vld1_s32(q->positive_shift + i));
        const int32x2_t moved = requantise_pair(value, multiplier, shift);
        vst1_s32(out + i, vmin_s32(vmax_s32(moved, low), high));
    }
    const bp_requantiser rest = {q->positive + i, q->positive_shift + i, q->negative + i,
                                 q->negative_shift + i, q->low, q->high};
    requantise_row(&rest, v + i, n - i, out + i);
}

#endif
