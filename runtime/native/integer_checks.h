/* Look at a plan before it runs: whoever compiled it may have been mistaken, or misled. */
#ifndef BITPRIOR_INTEGER_CHECKS_H
#define BITPRIOR_INTEGER_CHECKS_H

#include "integer_plan.h"

/* Whether a plan reads and writes nothing but its own tensors: all that can be told from its
 * numbers. The arrays that it points to have the lengths written in integer_plan.h. */
int bp_integer_plan_sound(const bp_integer_plan *plan);

#endif
