#include "isa.h"

#include <stddef.h>

#if defined(__aarch64__)
#include <sys/auxv.h>
#ifndef HWCAP_ASIMDDP
#define HWCAP_ASIMDDP (1UL << 20)
#endif
#endif

static const char *const names[BP_ISAS] = {"scalar", "avx2", "avx512vnni", "neon", "sdot"};

int bp_interface(void)
{
    return BP_INTERFACE;
}

const char *bp_isa_name(int isa)
{
    return isa >= 0 && isa < BP_ISAS ? names[isa] : NULL;
}

int bp_isa_built(int isa)
{
#if defined(__x86_64__)
    return isa == BP_SCALAR || isa == BP_AVX2 || isa == BP_AVX512VNNI;
#elif defined(__aarch64__)
    return isa == BP_SCALAR || isa == BP_NEON || isa == BP_SDOT;
#else
    return isa == BP_SCALAR;
#endif
}

int bp_isa_supported(int isa)
{
    switch (isa) {
    case BP_SCALAR:
        return 1;
#if defined(__x86_64__)
    /* These ask the operating system too: it must save the wide registers. */
    case BP_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case BP_AVX512VNNI:
        return bp_isa_supported(BP_AVX2) && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
#elif defined(__aarch64__)
    case BP_NEON:
        return 1; /* part of every aarch64 */
    case BP_SDOT:
        return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#endif
    default:
        return 0;
    }
}
