/* Solver steps, exactly those of bitprior_runtime.solvers: IEEE float32, nothing contracted. */
#ifndef BITPRIOR_SOLVER_H
#define BITPRIOR_SOLVER_H

#include "bitprior.h"

/* P_s on one row z [k], in place: keep the s entries of largest magnitude, zero the rest. Of equal
 * magnitudes the lower index is kept; NaN counts as smallest. s < 0 or s >= k keeps all.
 * `scratch` holds k floats. */
BP_API void bp_hard_threshold(float *z, int64_t k, int64_t s, float *scratch);

typedef struct {
    int64_t steps;
    float step_size;
    int64_t sparsity; /* or -1 */
    float tolerance;
} bp_proximal_options;

/* f and its gradient (NULL: not wanted) of a few rows at z. */
typedef void (*bp_objective)(void *context, const float *z, float *loss, float *gradient);

/* z <- P_s(z - beta grad f(z)) for `rows` rows z [rows][k], until every row has stopped.
 * history [steps + 1], each `history_stride` floats apart, gets f along the way.
 * `scratch` holds rows * k + k + rows floats, `stopped` rows. */
void bp_proximal(const bp_proximal_options *options, bp_objective objective, void *context,
                 int64_t rows, int64_t k, float *z, float *history, int64_t history_stride,
                 float *scratch, uint8_t *stopped);

#endif
