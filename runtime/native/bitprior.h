/* What every part of the native library shares: error codes and visibility.
 *
 * Names: exported functions and types begin with bp_, constants with BP_. A function that can fail
 * returns int: BP_OK or one of the codes below. Sizes and indices are int64_t.
 */
#ifndef BITPRIOR_H
#define BITPRIOR_H

#include <stdint.h>

#define BP_API __attribute__((visibility("default")))

/* Raised whenever an exported signature or struct changes; kernels/library.py has the same one. */
#define BP_INTERFACE 4

enum {
    BP_OK = 0,
    BP_NO_MEMORY = 1,    /* an allocation failed */
    BP_NO_THREADS = 2,   /* a thread could not be started */
    BP_BAD_ARGUMENT = 3, /* a size, index or op out of its range: a bug in the caller */
};

BP_API int bp_interface(void);

#endif
