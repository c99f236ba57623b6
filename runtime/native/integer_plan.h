/* An integer plan in C: the structs of bitprior_runtime.kernels.integer_plan, filled in by Python.
 *
 * Rows are int32 and flat. A tensor that a convolution reads or writes lies channels-last; every
 * array here is already in that order, and what is per channel is repeated to `period` entries,
 * where the period divides the row.
 */
#ifndef BITPRIOR_INTEGER_PLAN_H
#define BITPRIOR_INTEGER_PLAN_H

#include "integer_kernels.h"

enum { BP_DENSE, BP_CONV, BP_CONV_TRANSPOSE, BP_ELEMENTWISE, BP_GATHER, BP_TABLE };
enum { BP_COTANGENT_BITS = 29 };

/* How a further cotangent joins the one its tensor has; present = 0: it is the first. */
typedef struct {
    int32_t present, multiplier, exponent, unused;
} bp_merge;

/* The weights of one group. Codes of more than 8 bits lie in two parts: part 0 + 256 * part 1;
 * sums are 128 * the sum of the weights of an output, of an input. */
typedef struct {
    bp_packed part[2];
    int64_t parts;
    const int32_t *out_sums, *in_sums;
} bp_matrix;

/* A convolution of [height, width, channels] to [rows, columns, outs]; of DENSE a 1 x 1 one. A
 * transposed convolution is described by the convolution it is the adjoint of. */
typedef struct {
    int64_t height, width, channels;
    int64_t rows, columns, outs;
    int64_t kernel[2], strides[2], pads[2], dilations[2];
    int64_t groups;
} bp_patches;

typedef struct {
    bp_patches geometry;
    const bp_matrix *matrices; /* one a group */
    int32_t code_multiplier, code_offset;
    const int32_t *bias; /* [period] */
    bp_requantiser requantiser;
    const int32_t *slope_positive, *slope_negative; /* [period] */
    int32_t input_limit, cotangent_limit;
    bp_merge merge;
} bp_linear_node;

typedef struct {
    int32_t source, normalise;
    const int32_t *positive, *negative, *slope_positive, *slope_negative; /* [period] */
    bp_merge merge;
} bp_operand;

typedef struct {
    const bp_operand *operands;
    int64_t count;
    const int64_t *offset; /* [period] */
    int32_t shift, low, high, unused;
    int32_t gate[2];
} bp_elementwise_node;

typedef struct {
    const int32_t *index; /* [elements, taps] */
    int64_t taps;
    int32_t requantised, normalise;
    bp_requantiser requantiser; /* [period] */
    const int32_t *slope;       /* [period], or NULL */
    bp_merge merge;
} bp_gather_node;

typedef struct {
    const int32_t *values, *slopes; /* [2^BP_TABLE_BITS + 1] */
    bp_merge merge;
} bp_table_node;

typedef struct {
    int32_t kind, source, target, unused;
    int64_t period;
    union {
        const bp_linear_node *linear;
        const bp_elementwise_node *elementwise;
        const bp_gather_node *gather;
        const bp_table_node *table;
    } as;
} bp_integer_node;

typedef struct {
    const int64_t *sizes; /* elements of a row of each tensor */
    int64_t tensors;
    const bp_integer_node *nodes;
    int64_t count;
    int32_t source, target;
} bp_integer_program;

typedef struct {
    bp_integer_program generator, sensing;
    /* Element i as it lies here is element order[i] as the caller has it, or i if NULL. */
    const int32_t *latent_order, *drawn_order, *image_order, *measurement_order;
    const int32_t *hand_over; /* sensing input i is generator output hand_over[i]; NULL: i */
    double latent_step, image_step, measurement_step, gradient_scale;
    int32_t latent_limit, image_limit, measurement_limit, unused;
} bp_integer_plan;

#endif
