/* Nodes without a weight matrix, on one row: the same portable C for every kernel. */
#ifndef BITPRIOR_FLOAT_ELEMENTWISE_H
#define BITPRIOR_FLOAT_ELEMENTWISE_H

#include "float_program.h"

/* y [size] from the inputs x[0] and, of a pair, x[1]. */
void bp_float_elementwise_forward(const bp_node *node, const float *x[2], int64_t size, float *y);

/* The term that input `index`, of `size` floats, gets from the output's cotangent c. The output
 * itself is not asked for: a function may have overwritten it. */
void bp_float_elementwise_term(const bp_node *node, const float *x[2], int index, int64_t size,
                         const float *c, float *to);

#endif
