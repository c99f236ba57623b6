/* A compiled program: nodes in execution order over values in one workspace, run for a few rows.
 *
 * Generator and sensing network are one list of nodes, the generator's first. The workspace of
 * `rows` rows holds value v at rows * offset[v], row after row, each on 16 floats; its cotangent at
 * rows * cotangent[v]. Values that are the same memory (a Reshape) have the same offsets.
 */
#ifndef BITPRIOR_FLOAT_PROGRAM_H
#define BITPRIOR_FLOAT_PROGRAM_H

#include "float_kernels.h"

typedef enum {
    BP_LINEAR,         /* `count` vectors of each row with a matrix [outputs][inputs] */
    BP_CONV,           /* dense side to patches */
    BP_CONV_TRANSPOSE, /* patches to dense side */
    BP_APPLY,          /* the function alone */
    BP_AFFINE,         /* x * factor + term; either may be NULL */
    BP_ADD,            /* of two values; likewise below */
    BP_SUB,
    BP_MUL,
    BP_DIV,
    BP_MOVE, /* y = term or 0 if `first`, then y[target[i]] += x[source[i]] * factor[i] (or * 1) */
    BP_PRELU,         /* x * factor where x < 0 */
    BP_POW,           /* x to the power of factor */
    BP_MAX_POOL,      /* over the windows of the geometry */
    BP_INSTANCE_NORM, /* by channel of `count` values: scale, bias; alpha is epsilon */
    BP_LINES, /* along one axis of [outer][height][inner] to [outer][rows][inner], as MOVE by
                 `count` pairs of places on a line; the geometry's channels and width are outer
                 and inner */
    BP_OPS,
} bp_op;

typedef struct {
    int32_t op;
    int32_t function; /* applied to the output; reads only the output in the adjoint unless APPLY */
    float alpha, beta;
    int32_t inputs[2];
    int32_t output;
    int32_t add[2]; /* 1: the cotangent of this input already holds another consumer's term */
    int32_t first;
    int64_t count; /* LINEAR: vectors; MOVE: pairs; INSTANCE_NORM: values of a channel */
    bp_weight weight;
    const float *scale; /* per output channel, or NULL */
    const float *bias;  /* per output channel, or NULL */
    const float *factor, *term;
    const int32_t *source, *target;
    bp_geometry geometry;
} bp_node;

typedef struct {
    int64_t size; /* floats of a row */
    int64_t offset, cotangent;
} bp_value;

typedef struct {
    const bp_node *nodes;
    const bp_value *values;
    int64_t count;  /* nodes */
    int64_t numbers; /* of values */
    int64_t middle; /* nodes of the generator */
    int64_t floats; /* workspace of one row */
    int64_t spare;  /* offset of room for the largest value, in the workspace */
    int64_t scratch;
    int32_t latent, image, measurement; /* values */
} bp_program;

typedef struct {
    float *values;  /* rows * floats */
    float *scratch; /* of one sample */
    int64_t rows;
    int shared; /* 1: the values are those of one row, and every row's cotangent meets them */
} bp_workspace;

static inline int64_t bp_stride(const bp_value *value)
{
    return (value->size + BP_LANES - 1) / BP_LANES * BP_LANES;
}

float *bp_at(const bp_program *program, const bp_workspace *work, int32_t value);
float *bp_cotangent_at(const bp_program *program, const bp_workspace *work, int32_t value);

/* Whether a program reads and writes nothing but its own values: all that can be told from its
 * numbers. The arrays that it points to have the lengths written above. */
int bp_program_sound(const bp_program *program);

/* Run nodes `from` .. `to` - 1, for the first row alone if it stands for all. */
void bp_program_forward(const bp_program *program, const bp_float_kernels *kernels,
                        const bp_workspace *work, int64_t from, int64_t to);

/* Turn the measurement's cotangent into the latent's; the forward pass has just run. */
void bp_program_adjoint(const bp_program *program, const bp_float_kernels *kernels,
                        const bp_workspace *work);

#endif
