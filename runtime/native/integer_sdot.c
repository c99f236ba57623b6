/* Products on packed weights with the dot product instructions of ARMv8.2. */
#include "integer_arm.h"

static inline vec dot(vec sum, vec codes, vec values, const int bits)
{
    (void)bits;
    return vreinterpretq_s8_s32(vdotq_s32(vreinterpretq_s32_s8(sum), codes, values));
}

#include "integer_products.h"

void bp_integer_use_sdot(bp_integer_kernels *table)
{
    use_rows(table);
    table->forward = forward;
    table->transposed = transposed;
    table->requantise = requantise;
}
