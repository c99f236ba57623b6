#include "float_kernels.h"

void bp_float_kernels_of(bp_isa isa, bp_float_kernels *table)
{
    bp_float_use_scalar(table);
#if defined(__x86_64__)
    if (isa >= BP_AVX2)
        bp_float_use_avx2(table);
    if (isa >= BP_AVX512VNNI)
        bp_float_use_avx512vnni(table);
#elif defined(__aarch64__)
    /* SDOT multiplies integers: for floats it is NEON. */
    if (isa >= BP_NEON)
        bp_float_use_neon(table);
#else
    (void)isa;
#endif
}
