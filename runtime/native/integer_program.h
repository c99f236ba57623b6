/* Whole networks over the rows of one thread's memory. */
#ifndef BITPRIOR_INTEGER_PROGRAM_H
#define BITPRIOR_INTEGER_PROGRAM_H

#include "integer_space.h"

/* From the input in state->values[program->source] to the output. */
void bp_integer_forward(bp_space *space, bp_state *state, const bp_integer_program *program,
                        int64_t rows);
/* From the output's cotangent to the input's. */
void bp_integer_adjoint(bp_space *space, bp_state *state, const bp_integer_program *program,
                        int64_t rows);

/* q[i] = rint(real[order[i]] / step), clamped to the limit; NaN becomes 0. */
void bp_quantise(const float *real, const int32_t *order, int64_t n, double step, int32_t limit,
                 int32_t *q);
/* real[order[i]] = step * q[i]. */
void bp_dequantise(const int32_t *q, const int32_t *order, int64_t n, double step, float *real);

/* Image of the rows' latents z [rows, k], in the generator's memory. */
void bp_draw(const bp_integer_plan *plan, bp_space *space, const float *z, int64_t rows);
/* Hand the image on and measure it. */
void bp_measure(const bp_integer_plan *plan, bp_space *space, int64_t rows);
/* Leave the residual at y [rows, m] as the cotangent of the measurement; loss [rows]. */
void bp_residual(const bp_integer_plan *plan, bp_space *space, const float *y, int64_t rows,
                 float *loss);
/* Gradient [rows, k] from the residual. */
void bp_gradient(const bp_integer_plan *plan, bp_space *space, int64_t rows, double scale,
                 float *gradient);
/* Give the measurements real cotangents [rows][m], as mantissas of BP_COTANGENT_BITS. */
void bp_cotangents(const bp_integer_plan *plan, bp_space *space, const float *real, int64_t rows);

#endif
