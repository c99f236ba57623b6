/* The table of float kernels; a kernel file overwrites the entries it does better. */
#ifndef BITPRIOR_FLOAT_KERNELS_H
#define BITPRIOR_FLOAT_KERNELS_H

#include "geometry.h"
#include "isa.h"

typedef enum {
    BP_NONE,
    BP_RELU,
    BP_LEAKY_RELU, /* alpha */
    BP_ELU,        /* alpha */
    BP_TANH,
    BP_SIGMOID,
    BP_SOFTPLUS,
    BP_ABS,
    BP_CLIP, /* to alpha .. beta */
    BP_EXP,
    BP_LOG,
    BP_SQRT,
    BP_HARD_SIGMOID, /* alpha x + beta, clipped to 0 .. 1 */
    BP_HARD_SWISH,   /* x times the HardSigmoid of alpha and beta */
    BP_FUNCTIONS,
} bp_function;

typedef struct {
    /* y[r][o] = sum_i q[o,i] x[r][i] for r < count, with q the grid's integers (or the float
     * weights). Scales are left to the caller, in every direction. */
    void (*forward)(const bp_weight *weight, const float *x, int64_t x_stride, int64_t count,
                    float *y, int64_t y_stride);
    /* g[r][i] = sum_o q[o,i] c[r][o]. */
    void (*adjoint)(const bp_weight *weight, const float *c, int64_t c_stride, int64_t count,
                    float *g, int64_t g_stride);
    /* y [outputs][rows][columns] from x [channels][height][width] of each sample; the weight is
     * [outputs][channels / groups x taps], the scratch of bp_convolution_scratch floats. */
    void (*correlate)(const bp_weight *weight, const bp_geometry *geometry, int64_t samples,
                      const float *x, int64_t x_stride, float *y, int64_t y_stride, float *scratch);
    /* Its adjoint: x from y. */
    void (*scatter)(const bp_weight *weight, const bp_geometry *geometry, int64_t samples,
                    const float *y, int64_t y_stride, float *x, int64_t x_stride, float *scratch);
    /* sum_i a[i] b[i], or sum_i a[i] if b is NULL. */
    float (*dot)(const float *a, const float *b, int64_t size);
    /* y = f(y). */
    void (*apply)(bp_function function, float alpha, float beta, float *y, int64_t size);
    /* c = c * f'(x), with x (may be NULL where y is enough) and y = f(x). */
    void (*chain)(bp_function function, float alpha, float beta, const float *x, const float *y,
                  float *c, int64_t size);
} bp_float_kernels;

void bp_float_use_scalar(bp_float_kernels *table);
void bp_float_use_avx2(bp_float_kernels *table);
void bp_float_use_avx512vnni(bp_float_kernels *table);
void bp_float_use_neon(bp_float_kernels *table);

/* Fill the table with what kernel `isa` has, and with plainer ones where it has nothing. */
void bp_float_kernels_of(bp_isa isa, bp_float_kernels *table);

#endif
