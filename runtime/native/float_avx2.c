/* Float kernels: the shared sources, compiled for the vectors of vector_avx2.h. */
#include "vector_avx2.h"

#include "float_activations.h"
#include "float_convolution.h"

void bp_float_use_avx2(bp_float_kernels *table)
{
    *table = (bp_float_kernels){forward, adjoint, correlate, scatter, dot, apply, chain};
}
