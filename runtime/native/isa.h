/* Which kernels this library holds, and which of them this CPU can run. */
#ifndef BITPRIOR_ISA_H
#define BITPRIOR_ISA_H

#include "bitprior.h"

/* Of one machine, a later kernel contains the instructions of the earlier ones. */
typedef enum {
    BP_SCALAR,
    BP_AVX2,
    BP_AVX512VNNI,
    BP_NEON,
    BP_SDOT,
    BP_ISAS,
} bp_isa;

/* Name of kernel `isa`, as in BITPRIOR_KERNEL; NULL past the last one. */
BP_API const char *bp_isa_name(int isa);

/* 1 if kernel `isa` was built for this machine. */
BP_API int bp_isa_built(int isa);

/* 1 if it was built and this CPU can run it. */
BP_API int bp_isa_supported(int isa);

#endif
