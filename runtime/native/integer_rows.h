/* Passes over rows of integers in plain C: each instruction set's file includes them, so that the
 * compiler vectorises them for it. */
#ifndef BITPRIOR_INTEGER_ROWS_H
#define BITPRIOR_INTEGER_ROWS_H

#include "integer_kernels.h"

/* A sum modulo 2^64. Range analysis keeps sums far inside int64; if a plan is wrong, so are its
 * numbers, and nothing else. */
static inline int64_t wrapped(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static void narrow_row(const int32_t *restrict q, int64_t n, int8_t *restrict bytes)
{
    for (int64_t i = 0; i < n; i++)
        bytes[i] = (int8_t)q[i];
}

static void split_row(const int32_t *restrict q, int64_t n, int8_t *restrict low,
                      int8_t *restrict high)
{
    for (int64_t i = 0; i < n; i++) {
        low[i] = (int8_t)((q[i] & 255) - 128);
        high[i] = (int8_t)(q[i] >> 8);
    }
}

static int32_t sum_row(const int8_t *bytes, int64_t n)
{
    int32_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += bytes[i];
    return sum;
}

static void combine_row(const int32_t *restrict low, const int32_t *restrict high, int64_t n,
                        int32_t multiplier, int32_t same, const int32_t *restrict each,
                        int32_t *restrict v)
{
    const uint32_t factor = (uint32_t)multiplier, constant = (uint32_t)same;
    if (high == NULL) {
        for (int64_t i = 0; i < n; i++)
            v[i] = (int32_t)((uint32_t)v[i] + factor * (uint32_t)low[i] + constant);
    } else {
        for (int64_t i = 0; i < n; i++) {
            const uint32_t both = (uint32_t)low[i] + ((uint32_t)high[i] << 8);
            v[i] = (int32_t)((uint32_t)v[i] + factor * both + constant);
        }
    }
    if (each != NULL) {
        for (int64_t i = 0; i < n; i++)
            v[i] = (int32_t)((uint32_t)v[i] + (uint32_t)each[i]);
    }
}

static void requantise_row(const bp_requantiser *r, const int32_t *restrict v, int64_t n,
                           int32_t *restrict out)
{
    const int32_t *restrict positive = r->positive, *restrict negative = r->negative;
    const int32_t *restrict positive_shift = r->positive_shift;
    const int32_t *restrict negative_shift = r->negative_shift;
    const int64_t low = r->low, high = r->high;
    for (int64_t i = 0; i < n; i++) {
        /* Both sides are read whatever the sign: a choice among values becomes a blend. */
        const int32_t up = positive[i], down = negative[i];
        const int32_t up_shift = positive_shift[i], down_shift = negative_shift[i];
        const int64_t multiplier = v[i] < 0 ? down : up;
        const int64_t shift = v[i] < 0 ? down_shift : up_shift;
        const int64_t half = (int64_t)1 << (shift - 1);
        const int64_t moved = wrapped(v[i] * multiplier, half) >> shift;
        const int64_t raised = moved < low ? low : moved;
        out[i] = (int32_t)(raised > high ? high : raised);
    }
}

static int64_t largest_row(const int32_t *restrict c, const int32_t *restrict gate,
                           const int32_t *restrict positive, const int32_t *restrict negative,
                           int64_t n)
{
    int64_t largest = 0;
    for (int64_t i = 0; i < n; i++) {
        const int32_t up = positive[i], down = negative[i];
        const int64_t value = (int64_t)c[i] * (gate[i] > 0 ? up : down);
        const int64_t magnitude = value < 0 ? -value : value;
        largest = magnitude > largest ? magnitude : largest;
    }
    return largest;
}

static void slope_row(const int32_t *restrict c, const int32_t *restrict gate,
                      const int32_t *restrict positive, const int32_t *restrict negative,
                      int64_t n, int shift, int32_t *restrict out)
{
    const int64_t half = ((int64_t)1 << shift) >> 1;
    for (int64_t i = 0; i < n; i++) {
        const int32_t up = positive[i], down = negative[i];
        const int64_t value = (int64_t)c[i] * (gate[i] > 0 ? up : down);
        out[i] = (int32_t)(wrapped(value, half) >> shift);
    }
}

static void scale_row(const int32_t *restrict q, const int32_t *restrict positive,
                      const int32_t *restrict negative, int64_t n, int64_t *restrict v)
{
    for (int64_t i = 0; i < n; i++) {
        const int32_t up = positive[i], down = negative[i];
        v[i] = wrapped(v[i], (int64_t)q[i] * (q[i] > 0 ? up : down));
    }
}

static void clamp_row(const int64_t *restrict v, int64_t n, int shift, int32_t low, int32_t high,
                      int32_t *restrict out)
{
    const int64_t half = (int64_t)1 << (shift - 1);
    for (int64_t i = 0; i < n; i++) {
        const int64_t moved = wrapped(v[i], half) >> shift;
        const int64_t raised = moved < low ? low : moved;
        out[i] = (int32_t)(raised > high ? high : raised);
    }
}

static void look_up_row(const int32_t *restrict table, const int32_t *restrict q, int64_t n,
                        int32_t *restrict out)
{
    enum { BITS = 16 - BP_TABLE_BITS, SPAN = 1 << BITS };
    for (int64_t i = 0; i < n; i++) {
        const int32_t from = q[i] + 32768, place = from >> BITS, fraction = from & (SPAN - 1);
        const int32_t left = table[place] * (SPAN - fraction), right = table[place + 1] * fraction;
        out[i] = (left + right + SPAN / 2) >> BITS;
    }
}

static void use_rows(bp_integer_kernels *table)
{
    table->narrow = narrow_row;
    table->split = split_row;
    table->sum = sum_row;
    table->combine = combine_row;
    table->requantise = requantise_row;
    table->largest = largest_row;
    table->slope = slope_row;
    table->scale = scale_row;
    table->clamp = clamp_row;
    table->look_up = look_up_row;
}

#endif
