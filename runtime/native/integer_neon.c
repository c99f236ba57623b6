/* Products on packed weights with the instructions every aarch64 has. */
#include "integer_arm.h"

static inline vec dot(vec sum, vec codes, vec values, const int bits)
{
    const int16x8_t low = vmull_s8(vget_low_s8(codes), vget_low_s8(values));
    const int16x8_t high = vmull_high_s8(codes, values);
    const int32x4_t before = vreinterpretq_s32_s8(sum);
    if (bits < 8) { /* pairs are at most 2 * 15 * 128: they fit 16 bits */
        return vreinterpretq_s8_s32(vpadalq_s16(before, vpaddq_s16(low, high)));
    }
    const int32x4_t pairs = vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high));
    return vreinterpretq_s8_s32(vaddq_s32(before, pairs));
}

#include "integer_products.h"

void bp_integer_use_neon(bp_integer_kernels *table)
{
    use_rows(table);
    table->forward = forward;
    table->transposed = transposed;
    table->requantise = requantise;
}
