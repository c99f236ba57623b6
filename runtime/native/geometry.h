/* Where the patches of a convolution lie: a dense side [channels][height][width] and a patch side
 * [outputs][rows][columns]. Conv goes from the dense side to the patches, ConvTranspose back. */
#ifndef BITPRIOR_GEOMETRY_H
#define BITPRIOR_GEOMETRY_H

#include "checked.h"
#include "weights.h"

#define BP_DEEP 256      /* terms of a sum that are gathered at a time; a multiple of 16 */
#define BP_POSITIONS 192 /* positions that are gathered at a time, in whole rows */
#define BP_SAMPLES 16    /* most samples that share a decoded block of weights */

typedef struct {
    int64_t channels, height, width;
    int64_t outputs, rows, columns;
    int64_t kernel[2], strides[2], dilations[2];
    int64_t top, left;
    int64_t groups;
} bp_geometry;

/* The dense side with its zeros around it: taps then need no bounds. */
typedef struct {
    int64_t height, width;
} bp_padded;

static inline bp_padded bp_padded_of(const bp_geometry *g)
{
    int64_t height = (g->rows - 1) * g->strides[0] + (g->kernel[0] - 1) * g->dilations[0] + 1;
    int64_t width = (g->columns - 1) * g->strides[1] + (g->kernel[1] - 1) * g->dilations[1] + 1;
    return (bp_padded){height > g->top + g->height ? height : g->top + g->height,
                       width > g->left + g->width ? width : g->left + g->width};
}

/* Floats of the padded dense side, and of what a vector may touch behind it. */
static inline int64_t bp_padded_floats(const bp_geometry *g)
{
    bp_padded size = bp_padded_of(g);
    return g->channels * size.height * size.width + 2 * BP_LANES;
}

/* Whether a geometry describes patches that can be: then none of the sizes that this file derives
 * from it can leave int64. */
static inline int bp_geometry_sound(const bp_geometry *g)
{
    int64_t padded = bp_times(g->channels, 1);
    for (int i = 0; i < 2; i++) {
        const int64_t before = i ? g->left : g->top, side = i ? g->width : g->height;
        const int64_t count = i ? g->columns : g->rows;
        if (g->kernel[i] < 1 || g->strides[i] < 1 || g->dilations[i] < 1 || side < 1 || count < 1 ||
            before < 0)
            return 0;
        const int64_t reach = bp_reach(count, g->strides[i], g->kernel[i], g->dilations[i]);
        const int64_t end = bp_plus(before, side);
        if (reach < 0 || end < 0)
            return 0;
        padded = bp_times(padded, reach > end ? reach : end);
    }
    if (g->channels < 1 || g->outputs < 1 || g->groups < 1 || g->channels % g->groups ||
        g->outputs % g->groups)
        return 0;
    const int64_t patch = bp_volume(g->channels / g->groups, g->kernel[0], g->kernel[1]);
    const int64_t positions = bp_times(g->rows, g->columns);
    const int64_t tile = bp_times(BP_DEEP, bp_plus(positions, BP_POSITIONS));
    const int64_t each = bp_plus(bp_plus(padded, 2 * BP_LANES), bp_plus(tile, patch));
    return bp_times(g->outputs, positions) >= 0 && bp_times(BP_SAMPLES, each) >= 0;
}

/* Offset of tap `k` of a group in its padded channels. */
static inline int64_t bp_tap(const bp_geometry *g, bp_padded size, int64_t k)
{
    int64_t taps = g->kernel[0] * g->kernel[1];
    int64_t channel = k / taps, i = k % taps / g->kernel[1], j = k % g->kernel[1];
    return (channel * size.height + i * g->dilations[0]) * size.width + j * g->dilations[1];
}

static inline int64_t bp_rows_at_a_time(const bp_geometry *g)
{
    int64_t rows = BP_POSITIONS / g->columns;
    return rows < 1 ? 1 : rows > g->rows ? g->rows : rows;
}

/* Samples whose patches are gathered together: small ones share a decoded block of weights. */
static inline int64_t bp_samples_at_a_time(const bp_geometry *g)
{
    int64_t samples = BP_POSITIONS / (g->rows * g->columns);
    return samples < 1 ? 1 : samples > BP_SAMPLES ? BP_SAMPLES : samples;
}

/* Floats of scratch memory, in either direction. */
static inline int64_t bp_convolution_scratch(const bp_geometry *g)
{
    int64_t tile = BP_DEEP * bp_rows_at_a_time(g) * g->columns;
    int64_t patch = g->channels / g->groups * g->kernel[0] * g->kernel[1];
    int64_t each = bp_padded_floats(g) + (tile > patch ? tile : patch);
    return bp_samples_at_a_time(g) * each + 2 * BP_LANES;
}

#endif
