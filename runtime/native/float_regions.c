#include "float_regions.h"

#include <math.h>
#include <string.h>

/* Where in a channel's plane the largest pixel of a window lies: the first of equal ones, or the
 * first NaN; -1 if all of them are -inf, as the padding is. */
static int64_t largest(const bp_geometry *g, const float *plane, int64_t row, int64_t column)
{
    int64_t first = row * g->strides[0] - g->top, left = column * g->strides[1] - g->left;
    int64_t at = -1;
    float best = -INFINITY;
    for (int64_t i = first < 0 ? 0 : first; i < first + g->kernel[0] && i < g->height; i++)
        for (int64_t j = left < 0 ? 0 : left; j < left + g->kernel[1] && j < g->width; j++) {
            float value = plane[i * g->width + j];
            if (!isnan(best) && !(value <= best)) {
                best = value;
                at = i * g->width + j;
            }
        }
    return at;
}

void bp_max_pool_forward(const bp_geometry *g, const float *x, float *y)
{
    for (int64_t channel = 0; channel < g->channels; channel++) {
        const float *plane = x + channel * g->height * g->width;
        for (int64_t row = 0; row < g->rows; row++)
            for (int64_t column = 0; column < g->columns; column++) {
                int64_t at = largest(g, plane, row, column);
                *y++ = at < 0 ? -INFINITY : plane[at];
            }
    }
}

void bp_max_pool_adjoint(const bp_geometry *g, const float *x, const float *c, float *to)
{
    memset(to, 0, (size_t)(g->channels * g->height * g->width) * sizeof *to);
    for (int64_t channel = 0; channel < g->channels; channel++) {
        int64_t begin = channel * g->height * g->width;
        for (int64_t row = 0; row < g->rows; row++)
            for (int64_t column = 0; column < g->columns; column++, c++) {
                int64_t at = largest(g, x + begin, row, column);
                if (at >= 0)
                    to[begin + at] += *c;
            }
    }
}

/* Sums are in double: a channel may have many values, and this op is rare. */
static float mean(const float *values, int64_t size)
{
    double sum = 0.0;
    for (int64_t i = 0; i < size; i++)
        sum += (double)values[i];
    return (float)(sum / (double)size);
}

static float mean_product(const float *a, const float *b, int64_t size)
{
    double sum = 0.0;
    for (int64_t i = 0; i < size; i++)
        sum += (double)a[i] * (double)b[i];
    return (float)(sum / (double)size);
}

/* normal = (x - mean) / deviation; returns the deviation. */
static float normalise(const float *x, int64_t size, float epsilon, float *normal)
{
    float level = mean(x, size);
    for (int64_t i = 0; i < size; i++)
        normal[i] = x[i] - level;
    float deviation = sqrtf(mean_product(normal, normal, size) + epsilon);
    for (int64_t i = 0; i < size; i++)
        normal[i] /= deviation;
    return deviation;
}

void bp_instance_norm_forward(const bp_node *node, int64_t size, const float *x, float *y)
{
    for (int64_t channel = 0; channel < size / node->count; channel++) {
        float *to = y + channel * node->count;
        normalise(x + channel * node->count, node->count, node->alpha, to);
        for (int64_t i = 0; i < node->count; i++)
            to[i] = to[i] * node->scale[channel] + node->bias[channel];
    }
}

void bp_instance_norm_adjoint(const bp_node *node, int64_t size, const float *x, const float *c,
                              float *to)
{
    for (int64_t channel = 0; channel < size / node->count; channel++) {
        const float *flowing = c + channel * node->count;
        float *at = to + channel * node->count; /* holds n, then the result */
        float deviation = normalise(x + channel * node->count, node->count, node->alpha, at);
        float level = mean(flowing, node->count);
        float along = mean_product(flowing, at, node->count);
        float scale = node->scale[channel] / deviation;
        for (int64_t i = 0; i < node->count; i++)
            at[i] = (flowing[i] - level - at[i] * along) * scale;
    }
}
