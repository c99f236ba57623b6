/* Element-wise functions and their slopes; plain loops that the compiler vectorises per kernel.
 *
 * exp is 2^n times a polynomial, to 1e-7 relative. No contraction and no reordering, so a value
 * comes out the same wherever it lies in the array, and in every kernel.
 */
#include <math.h>
#include <string.h>

#include "float_kernels.h"

/* exp(x) for -87 <= x <= 88, clamped outside. */
INLINE float exponential(float x)
{
    const float shift = 12582912.0f; /* 1.5 x 2^23: adding it rounds to an integer */
    x = x > -87.0f ? x : -87.0f; /* NaN becomes -87: whoever may meet one puts it back */
    x = x < 88.0f ? x : 88.0f;
    float n = (x * 1.44269504f + shift) - shift;
    float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    union { int32_t bits; float value; } power = {((int32_t)n + 127) * (1 << 23)};
    return p * power.value;
}

/* exp(x) - 1 for x <= 0. */
INLINE float exponential_less_one(float x)
{
    float p = 1.0f / 5040.0f;
    p = p * x + 1.0f / 720.0f;
    p = p * x + 1.0f / 120.0f;
    p = p * x + 1.0f / 24.0f;
    p = p * x + 1.0f / 6.0f;
    p = p * x + 0.5f;
    p = p * (x * x) + x;
    float far = exponential(x) - 1.0f;
    return x > -0.35f ? p : far;
}

INLINE float hyperbolic_tangent(float x)
{
    float size = fabsf(x), square = x * x;
    float p = -5.70498872745e-3f;
    p = p * square + 2.06390887954e-2f;
    p = p * square - 5.37397155531e-2f;
    p = p * square + 1.33314422036e-1f;
    p = p * square - 3.33332819422e-1f;
    p = p * (square * x) + x;
    float far = copysignf(1.0f - 2.0f / (exponential(2.0f * size) + 1.0f), x);
    return size < 0.625f ? p : far;
}

INLINE float logistic(float x)
{
    float decay = exponential(-fabsf(x));
    return (x >= 0.0f ? 1.0f : decay) / (1.0f + decay);
}

/* NaN must stay NaN: the clamps of exponential would hide it. */
INLINE float unless_nan(float x, float result) { return x == x ? result : x; }

/* min(max(line, 0), 1), and its slope along the line. */
INLINE float ramp(float line) { return line < 0.0f ? 0.0f : line > 1.0f ? 1.0f : line; }
INLINE float ramp_slope(float line) { return line > 0.0f && line < 1.0f ? 1.0f : 0.0f; }

static void apply(bp_function function, float alpha, float beta, float *y, int64_t size)
{
    switch (function) {
    case BP_RELU:
        for (int64_t i = 0; i < size; i++)
            y[i] = y[i] <= 0.0f ? 0.0f : y[i];
        break;
    case BP_LEAKY_RELU:
        for (int64_t i = 0; i < size; i++)
            y[i] = y[i] >= 0.0f ? y[i] : y[i] * alpha;
        break;
    case BP_ELU:
        for (int64_t i = 0; i < size; i++) {
            float below = alpha * exponential_less_one(y[i] < 0.0f ? y[i] : 0.0f);
            y[i] = y[i] <= 0.0f ? below : y[i];
        }
        break;
    case BP_TANH:
        for (int64_t i = 0; i < size; i++)
            y[i] = unless_nan(y[i], hyperbolic_tangent(y[i]));
        break;
    case BP_SIGMOID:
        for (int64_t i = 0; i < size; i++)
            y[i] = unless_nan(y[i], logistic(y[i]));
        break;
    case BP_SOFTPLUS:
        for (int64_t i = 0; i < size; i++)
            y[i] = unless_nan(y[i], fmaxf(y[i], 0.0f) + log1pf(expf(-fabsf(y[i]))));
        break;
    case BP_ABS:
        for (int64_t i = 0; i < size; i++)
            y[i] = fabsf(y[i]);
        break;
    case BP_CLIP:
        for (int64_t i = 0; i < size; i++) {
            float above = y[i] < alpha ? alpha : y[i];
            y[i] = above > beta ? beta : above;
        }
        break;
    case BP_EXP: /* the library's: exponential stops short of overflow */
        for (int64_t i = 0; i < size; i++)
            y[i] = expf(y[i]);
        break;
    case BP_LOG:
        for (int64_t i = 0; i < size; i++)
            y[i] = logf(y[i]);
        break;
    case BP_SQRT:
        for (int64_t i = 0; i < size; i++)
            y[i] = sqrtf(y[i]);
        break;
    case BP_HARD_SIGMOID:
        for (int64_t i = 0; i < size; i++)
            y[i] = ramp(y[i] * alpha + beta);
        break;
    case BP_HARD_SWISH:
        for (int64_t i = 0; i < size; i++)
            y[i] = y[i] * ramp(y[i] * alpha + beta);
        break;
    default:
        break;
    }
}

static void chain(bp_function function, float alpha, float beta, const float *x, const float *y,
                  float *c, int64_t size)
{
    switch (function) {
    case BP_RELU:
        for (int64_t i = 0; i < size; i++)
            c[i] = c[i] * (y[i] > 0.0f ? 1.0f : 0.0f);
        break;
    case BP_LEAKY_RELU: /* for alpha >= 0 the output has the sign of the input */
        for (int64_t i = 0; i < size; i++)
            c[i] = c[i] * ((x ? x[i] : y[i]) > 0.0f ? 1.0f : alpha);
        break;
    case BP_ELU:
        for (int64_t i = 0; i < size; i++)
            c[i] = c[i] * ((x ? x[i] : y[i]) > 0.0f ? 1.0f : y[i] + alpha);
        break;
    case BP_TANH:
        for (int64_t i = 0; i < size; i++)
            c[i] = c[i] * (1.0f - y[i] * y[i]);
        break;
    case BP_SIGMOID:
        for (int64_t i = 0; i < size; i++)
            c[i] = c[i] * (y[i] * (1.0f - y[i]));
        break;
    case BP_SOFTPLUS: /* the logistic of x is 1 - exp(-y) */
        for (int64_t i = 0; i < size; i++)
            c[i] = c[i] * -exponential_less_one(-y[i]);
        break;
    case BP_ABS:
        for (int64_t i = 0; i < size; i++)
            c[i] = c[i] * (x[i] > 0.0f ? 1.0f : x[i] < 0.0f ? -1.0f : 0.0f);
        break;
    case BP_CLIP:
        for (int64_t i = 0; i < size; i++)
            c[i] = c[i] * (x[i] >= alpha && x[i] <= beta ? 1.0f : 0.0f);
        break;
    case BP_EXP:
        for (int64_t i = 0; i < size; i++)
            c[i] = c[i] * y[i];
        break;
    case BP_LOG:
        for (int64_t i = 0; i < size; i++)
            c[i] = c[i] * (1.0f / x[i]);
        break;
    case BP_SQRT:
        for (int64_t i = 0; i < size; i++)
            c[i] = c[i] * (1.0f / (2.0f * y[i]));
        break;
    case BP_HARD_SIGMOID: /* inside the ramp the output is the line */
        for (int64_t i = 0; i < size; i++)
            c[i] = c[i] * (alpha * ramp_slope(y[i]));
        break;
    case BP_HARD_SWISH:
        for (int64_t i = 0; i < size; i++) {
            float line = x[i] * alpha + beta;
            c[i] = c[i] * (ramp(line) + x[i] * (alpha * ramp_slope(line)));
        }
        break;
    default:
        break;
    }
}
