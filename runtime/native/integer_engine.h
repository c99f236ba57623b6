/* The integer engine: what Python calls. */
#ifndef BITPRIOR_INTEGER_ENGINE_H
#define BITPRIOR_INTEGER_ENGINE_H

#include "integer_plan.h"
#include "pool.h"
#include "solver.h"

typedef struct bp_integer_engine bp_integer_engine;

/* An engine keeps the plan's address, not a copy. A thread works on at most max_rows rows at a
 * time: its memory grows with them. */
BP_API int bp_integer_create(const bp_integer_plan *plan, int isa, bp_pool *pool, int64_t max_rows,
                             bp_integer_engine **engine);
BP_API void bp_integer_destroy(bp_integer_engine *engine);

BP_API int bp_integer_generate(bp_integer_engine *engine, const float *z, int64_t rows,
                               float *image);
BP_API int bp_integer_sense(bp_integer_engine *engine, const float *image, int64_t rows, float *y);
/* gradient may be NULL: only the loss. */
BP_API int bp_integer_value_and_grad(bp_integer_engine *engine, const float *z, const float *y,
                                     int64_t rows, float *loss, float *gradient);
/* J^T of cotangents [rows][m] of the measurements, [rows][k]. */
BP_API int bp_integer_vjp(bp_integer_engine *engine, const float *z, const float *cotangent,
                          int64_t rows, float *gradient);
/* The same of one cotangent [m], at the one latent that the last call was made for:
 * bp_integer_generate, bp_integer_vjp or this, with one row. */
BP_API int bp_integer_pull(bp_integer_engine *engine, const float *cotangent, float *gradient);
/* Take latents z [rows][k] to where the proximal solver takes them; history [steps + 1][rows],
 * taken [rows]. */
BP_API int bp_integer_proximal(bp_integer_engine *engine, const bp_proximal_options *options,
                               float *z, const float *y, int64_t rows, float *history,
                               int64_t *taken);

#endif
