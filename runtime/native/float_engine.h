/* The float engine: G, A, the gradient and the proximal loop for batches of rows.
 *
 * Rows are independent. A batch is cut into parts of a few rows, and each part goes through the
 * whole call on one thread, in that thread's own workspace.
 */
#ifndef BITPRIOR_FLOAT_ENGINE_H
#define BITPRIOR_FLOAT_ENGINE_H

#include "float_program.h"
#include "pool.h"
#include "solver.h"

typedef struct bp_float_engine bp_float_engine;

/* Check `program` and make an engine of kernel `isa` on it. Program and pool are kept by
 * reference and must outlive the engine. One call at a time per engine. */
BP_API int bp_float_engine_create(const bp_program *program, int isa, bp_pool *pool,
                                  bp_float_engine **engine);
BP_API void bp_float_engine_destroy(bp_float_engine *engine);

/* Floats of scratch memory that a convolution needs: bp_program.scratch is the most of all nodes;
 * -1: there is no such convolution. */
BP_API int64_t bp_float_scratch(const bp_geometry *geometry);

/* Bytes of all workspaces. */
BP_API int64_t bp_float_engine_bytes(const bp_float_engine *engine);

/* x [rows][n] = G(z [rows][k]). */
BP_API void bp_float_generate(bp_float_engine *engine, int64_t rows, const float *z, float *x);

/* y [rows][m] = A(x [rows][n]). */
BP_API void bp_float_sense(bp_float_engine *engine, int64_t rows, const float *x, float *y);

/* loss [rows] = ||y - A(G(z))||^2, and its gradient [rows][k] unless that is NULL. */
BP_API void bp_float_gradient(bp_float_engine *engine, int64_t rows, const float *z,
                              const float *y, float *loss, float *gradient);

/* gradient [rows][k] = J^T c for cotangents c [rows][m], J the Jacobian of A(G(z)): at z [rows][k],
 * or, if `shared`, at z [k] for all of them. */
BP_API void bp_float_vjp(bp_float_engine *engine, int64_t rows, int shared, const float *z,
                         const float *cotangents, float *gradient);

/* gradient [k] = J^T c for one cotangent c [m], at the one latent that the last call was made for:
 * bp_float_generate, bp_float_vjp or this, with one row. */
BP_API void bp_float_pull(bp_float_engine *engine, const float *cotangent, float *gradient);

/* The proximal loop: z [rows][k] is start and result, history [steps + 1][rows], taken [rows]. */
BP_API int bp_float_proximal(bp_float_engine *engine, const bp_proximal_options *options,
                             int64_t rows, const float *y, float *z, float *history,
                             int64_t *taken);

#endif
