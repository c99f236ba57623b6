/* Float kernels: the shared sources, compiled for the vectors of vector_scalar.h. */
#include "vector_scalar.h"

#include "float_activations.h"
#include "float_convolution.h"

void bp_float_use_scalar(bp_float_kernels *table)
{
    *table = (bp_float_kernels){forward, adjoint, correlate, scatter, dot, apply, chain};
}
