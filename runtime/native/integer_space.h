/* Memory one thread works in: activations and cotangents of some rows, and buffers of products. */
#ifndef BITPRIOR_INTEGER_SPACE_H
#define BITPRIOR_INTEGER_SPACE_H

#include "integer_plan.h"

/* Patches that are multiplied at a time: whole register blocks of the widest kernel. */
enum { BP_PATCHES = 24 };

/* Cotangents of a tensor: row r is mantissa[r * stride ..] * 2^exponent[r]. */
typedef struct {
    int32_t *mantissa;
    int64_t *exponent;
    int64_t stride;
} bp_cotangent;

/* One network's activations and cotangents, and each linear node's sums before requantising. */
typedef struct {
    int32_t **values;  /* [tensors], rows of stride[t] */
    int64_t *strides;  /* [tensors] */
    int32_t **sums;    /* [nodes]; NULL if not linear */
    bp_cotangent *cotangents; /* [tensors] */
} bp_state;

typedef struct {
    bp_integer_kernels kernels;
    int8_t *bytes; /* [rows * 2], rows of byte_stride */
    int64_t byte_stride;
    int8_t *patches;
    int32_t *products;
    void *scratch;
    int64_t *wide;      /* one row */
    int32_t *further;   /* [rows], cotangents before they are merged */
    int64_t *exponents; /* [rows] */
    float *solver;      /* what bp_proximal needs */
    uint8_t *stopped;   /* [rows] */
    bp_state generator, sensing;
    void *memory;
} bp_space;

/* Memory for `rows` rows; BP_OK or BP_NO_MEMORY. */
int bp_space_create(const bp_integer_plan *plan, bp_isa isa, int64_t rows, bp_space *space);
void bp_space_destroy(bp_space *space);

#endif
