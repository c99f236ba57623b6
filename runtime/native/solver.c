#include "solver.h"

#include <math.h>
#include <string.h>

/* Magnitude for ranking: NaN below everything. */
static float magnitude(float value)
{
    return isnan(value) ? -1.0f : fabsf(value);
}

/* The `rank`-th largest (from 0) of `values`, which get reordered (Hoare's selection). */
static float select_largest(float *values, int64_t count, int64_t rank)
{
    int64_t low = 0, high = count - 1;
    while (low < high) {
        float pivot = values[low + (high - low) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (values[i] > pivot)
                i++;
            while (values[j] < pivot)
                j--;
            if (i <= j) {
                float swapped = values[i];
                values[i++] = values[j];
                values[j--] = swapped;
            }
        }
        if (rank <= j)
            high = j;
        else if (rank >= i)
            low = i;
        else
            break;
    }
    return values[rank];
}

void bp_hard_threshold(float *z, int64_t k, int64_t s, float *scratch)
{
    if (s < 0 || s >= k)
        return;
    for (int64_t i = 0; i < k; i++)
        scratch[i] = magnitude(z[i]);
    float least = s > 0 ? select_largest(scratch, k, s - 1) : INFINITY;
    int64_t ties = s;
    for (int64_t i = 0; i < k; i++)
        ties -= magnitude(z[i]) > least;
    for (int64_t i = 0; i < k; i++) {
        float size = magnitude(z[i]);
        if (size > least || (size == least && ties-- > 0))
            continue;
        z[i] = 0.0f;
    }
}

static int settled(float before, float now, float tolerance)
{
    return fabsf(before - now) <= tolerance * before;
}

void bp_proximal(const bp_proximal_options *options, bp_objective objective, void *context,
                 int64_t rows, int64_t k, float *z, float *history, int64_t history_stride,
                 float *scratch, uint8_t *stopped)
{
    float *gradient = scratch, *ranks = gradient + rows * k, *loss = ranks + k;
    memset(stopped, 0, (size_t)rows);
    int64_t left = rows, t = 0;
    for (; t < options->steps && left > 0; t++) {
        objective(context, z, loss, gradient);
        memcpy(history + t * history_stride, loss, (size_t)rows * sizeof *loss);
        for (int64_t r = 0; r < rows; r++) {
            const float *before = history + (t - 1) * history_stride + r;
            if (!stopped[r] && t > 0 && options->tolerance > 0.0f &&
                settled(*before, loss[r], options->tolerance)) {
                stopped[r] = 1;
                left--;
            }
            if (stopped[r])
                continue;
            for (int64_t i = r * k; i < (r + 1) * k; i++)
                z[i] = z[i] - options->step_size * gradient[i];
            bp_hard_threshold(z + r * k, k, options->sparsity, ranks);
        }
    }
    if (left > 0) {
        objective(context, z, loss, NULL);
        memcpy(history + t * history_stride, loss, (size_t)rows * sizeof *loss);
        t++;
    }
    /* Nothing moves any more. */
    for (; t <= options->steps; t++)
        memcpy(history + t * history_stride, history + (t - 1) * history_stride,
               (size_t)rows * sizeof *loss);
}
