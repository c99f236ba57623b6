/* Arithmetic of sizes that cannot leave int64: -1 stands for what did, or is larger than anything
 * that fits a memory, and whatever is computed from it is -1, too. */
#ifndef BITPRIOR_CHECKED_H
#define BITPRIOR_CHECKED_H

#include <stdint.h>

#define BP_MOST ((int64_t)1 << 44) /* elements of anything */

static inline int64_t bp_times(int64_t a, int64_t b)
{
    int64_t c;
    return a < 0 || b < 0 || __builtin_mul_overflow(a, b, &c) || c > BP_MOST ? -1 : c;
}

static inline int64_t bp_plus(int64_t a, int64_t b)
{
    int64_t c;
    return a < 0 || b < 0 || __builtin_add_overflow(a, b, &c) || c > BP_MOST ? -1 : c;
}

static inline int64_t bp_volume(int64_t a, int64_t b, int64_t c)
{
    return bp_times(bp_times(a, b), c);
}

/* Whether least <= value <= most. */
static inline int bp_within(int64_t value, int64_t least, int64_t most)
{
    return value >= least && value <= most;
}

/* Pixels that `count` windows of `taps` taps reach over. */
static inline int64_t bp_reach(int64_t count, int64_t stride, int64_t taps, int64_t dilation)
{
    return bp_plus(bp_plus(bp_times(count - 1, stride), bp_times(taps - 1, dilation)), 1);
}

#endif
