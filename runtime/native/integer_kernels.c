#include "integer_kernels.h"

void bp_integer_kernels_of(bp_isa isa, bp_integer_kernels *table)
{
    bp_integer_use_scalar(table);
#if defined(__x86_64__)
    if (isa >= BP_AVX2)
        bp_integer_use_avx2(table);
    if (isa >= BP_AVX512VNNI)
        bp_integer_use_avx512vnni(table);
#elif defined(__aarch64__)
    if (isa >= BP_NEON)
        bp_integer_use_neon(table);
    if (isa >= BP_SDOT)
        bp_integer_use_sdot(table);
#else
    (void)isa;
#endif
}
