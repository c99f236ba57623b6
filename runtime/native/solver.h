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
    int32_t momentum;    /* Nesterov's, with restarts */
    int32_t unit_sphere; /* latents are scaled to unit norm; without momentum */
} bp_proximal_options;

/* f and its gradient (NULL: not wanted) of a few rows at z. */
typedef void (*bp_objective)(void *context, const float *z, float *loss, float *gradient);

/* Where the loop leaves what it found about its rows. */
typedef struct {
    float *z;       /* [rows][k]: start and result */
    float *history; /* [steps + 1], each `stride` floats apart: f along the way */
    int64_t stride;
    int64_t *taken; /* [rows]: steps */
} bp_proximal_rows;

/* Floats that the loop works in. */
static inline int64_t bp_proximal_scratch(int64_t rows, int64_t k)
{
    return rows * (2 * k + 3) + k;
}

/* z <- P_s(z - beta grad f(z)) for `rows` rows, until every row has stopped; with momentum the
 * gradient is taken at v, see Momentum in solvers/momentum.py. `stopped` holds rows. */
void bp_proximal(const bp_proximal_options *options, bp_objective objective, void *context,
                 int64_t rows, int64_t k, const bp_proximal_rows *found, float *scratch,
                 uint8_t *stopped);

#endif
