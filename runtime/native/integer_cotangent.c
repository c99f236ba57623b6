/* Block floating point: how cotangents are normalised, and how two of one tensor add up. */
#include "integer_nodes.h"

#include <string.h>

static const int64_t nothing = -((int64_t)1 << 40);

int bp_normalising_shift(int64_t largest, int64_t limit)
{
    int shift = bp_bit_length(largest) - bp_bit_length(limit);
    if (shift < 0)
        shift = 0;
    return shift + (bp_rounding_shift(largest, shift) > limit);
}

static int64_t largest_of(const int32_t *row, int64_t n)
{
    int64_t largest = 0;
    for (int64_t i = 0; i < n; i++) {
        const int64_t magnitude = row[i] < 0 ? -(int64_t)row[i] : row[i];
        largest = magnitude > largest ? magnitude : largest;
    }
    return largest;
}

/* value * 2^-shift: rounded half up to the right, exact to the left. */
static int64_t moved(int64_t value, int64_t shift)
{
    if (shift > 0)
        return bp_rounding_shift(value, shift > 62 ? 62 : (int)shift);
    return (int64_t)((uint64_t)value << (shift < -62 ? 62 : -shift));
}

static void merge_row(bp_cotangent *first, const bp_merge *merge, int64_t r, const int32_t *further,
                      int64_t n, int64_t exponent)
{
    int32_t *row = first->mantissa + r * first->stride;
    const int64_t here = largest_of(row, n), there = largest_of(further, n) * merge->multiplier;
    const int64_t old = first->exponent[r], new = exponent + merge->exponent;
    const int64_t top_here = here == 0 ? nothing : old + bp_bit_length(here);
    const int64_t top_there = there == 0 ? nothing : new + bp_bit_length(there);
    const int64_t top = (top_here > top_there ? top_here : top_there) - BP_COTANGENT_BITS;
    for (int64_t i = 0; i < n; i++) {
        const int64_t kept = here == 0 ? 0 : moved(row[i], top - old);
        const int64_t added =
            there == 0 ? 0 : moved((int64_t)further[i] * merge->multiplier, top - new);
        row[i] = (int32_t)(kept + added);
    }
    first->exponent[r] = top < nothing / 2 ? 0 : top;
}

void bp_give(bp_cotangent *cotangent, const bp_merge *merge, int64_t r, const int32_t *mantissa,
             int64_t n, int64_t exponent)
{
    if (merge->present) {
        merge_row(cotangent, merge, r, mantissa, n, exponent);
        return;
    }
    int32_t *row = cotangent->mantissa + r * cotangent->stride;
    if (row != mantissa)
        memcpy(row, mantissa, (size_t)n * sizeof *row);
    cotangent->exponent[r] = exponent;
}

void bp_give_wide(bp_space *space, bp_cotangent *cotangent, const bp_merge *merge, int64_t r,
                  const int64_t *mantissa, int64_t n, int64_t exponent, int normalise)
{
    int64_t largest = 0;
    int shift = 0;
    if (normalise) {
        for (int64_t i = 0; i < n; i++) {
            const int64_t magnitude = mantissa[i] < 0 ? -mantissa[i] : mantissa[i];
            largest = magnitude > largest ? magnitude : largest;
        }
        shift = bp_normalising_shift(largest, ((int64_t)1 << BP_COTANGENT_BITS) - 1);
    }
    int32_t *row = merge->present ? space->further : cotangent->mantissa + r * cotangent->stride;
    for (int64_t i = 0; i < n; i++)
        row[i] = (int32_t)bp_rounding_shift(mantissa[i], shift);
    bp_give(cotangent, merge, r, row, n, exponent + shift);
}
