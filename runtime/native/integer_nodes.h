/* Forward and adjoint of the nodes of a program, over `rows` rows of a thread's memory. */
#ifndef BITPRIOR_INTEGER_NODES_H
#define BITPRIOR_INTEGER_NODES_H

#include "integer_space.h"

/* Number of bits of a magnitude. */
static inline int bp_bit_length(int64_t magnitude)
{
    return magnitude == 0 ? 0 : 64 - __builtin_clzll((unsigned long long)magnitude);
}

/* value * 2^-shift, rounded half up; shift 0 to 62. */
static inline int64_t bp_rounding_shift(int64_t value, int shift)
{
    return (value + (((int64_t)1 << shift) >> 1)) >> shift;
}

/* Least shift that brings a row whose largest magnitude is given to `limit`. */
int bp_normalising_shift(int64_t largest, int64_t limit);

/* Give row r of a tensor a cotangent: n mantissas of magnitude below 2^31 and their exponent. */
void bp_give(bp_cotangent *cotangent, const bp_merge *merge, int64_t r, const int32_t *mantissa,
             int64_t n, int64_t exponent);
/* The same of wide mantissas, rounded to BP_COTANGENT_BITS first if normalise is set. */
void bp_give_wide(bp_space *space, bp_cotangent *cotangent, const bp_merge *merge, int64_t r,
                  const int64_t *mantissa, int64_t n, int64_t exponent, int normalise);

void bp_linear_forward(bp_space *space, bp_state *state, const bp_integer_program *program,
                       int64_t node, int64_t rows);
void bp_linear_adjoint(bp_space *space, bp_state *state, const bp_integer_program *program,
                       int64_t node, int64_t rows);
void bp_elementwise_forward(bp_space *space, bp_state *state, const bp_integer_program *program,
                            const bp_integer_node *node, int64_t rows);
void bp_elementwise_adjoint(bp_space *space, bp_state *state, const bp_integer_program *program,
                            const bp_integer_node *node, int64_t rows);
void bp_gather_forward(bp_space *space, bp_state *state, const bp_integer_program *program,
                       const bp_integer_node *node, int64_t rows);
void bp_gather_adjoint(bp_space *space, bp_state *state, const bp_integer_program *program,
                       const bp_integer_node *node, int64_t rows);
void bp_table_forward(bp_space *space, bp_state *state, const bp_integer_program *program,
                      const bp_integer_node *node, int64_t rows);
void bp_table_adjoint(bp_space *space, bp_state *state, const bp_integer_program *program,
                      const bp_integer_node *node, int64_t rows);

#endif
