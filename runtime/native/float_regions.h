/* Ops over regions of a channel, on one row: the largest pixel of a window, and the mean and
 * variance of the whole channel. */
#ifndef BITPRIOR_FLOAT_REGIONS_H
#define BITPRIOR_FLOAT_REGIONS_H

#include "float_program.h"

/* y [channels][rows][columns]: the largest pixel of each window of x [channels][height][width]. */
void bp_max_pool_forward(const bp_geometry *g, const float *x, float *y);

/* Its adjoint at x: each window's cotangent c to its largest pixel, the first of equal ones. */
void bp_max_pool_adjoint(const bp_geometry *g, const float *x, const float *c, float *to);

/* y = scale n + bias by channel of node->count values, n = (x - mean) / sqrt(variance + alpha). */
void bp_instance_norm_forward(const bp_node *node, int64_t size, const float *x, float *y);

/* to = scale / deviation (c - mean(c) - n mean(c n)). */
void bp_instance_norm_adjoint(const bp_node *node, int64_t size, const float *x, const float *c,
                              float *to);

#endif
