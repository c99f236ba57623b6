#include "float_elementwise.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "float_regions.h"

static void affine_forward(const bp_node *node, int64_t size, const float *x, float *y)
{
    for (int64_t i = 0; i < size; i++)
        y[i] = node->factor ? x[i] * node->factor[i] : x[i];
    if (node->term)
        for (int64_t i = 0; i < size; i++)
            y[i] += node->term[i];
}

static void pair_forward(int32_t op, int64_t size, const float *a, const float *b, float *y)
{
    if (op == BP_ADD)
        for (int64_t i = 0; i < size; i++)
            y[i] = a[i] + b[i];
    else if (op == BP_SUB)
        for (int64_t i = 0; i < size; i++)
            y[i] = a[i] - b[i];
    else if (op == BP_MUL)
        for (int64_t i = 0; i < size; i++)
            y[i] = a[i] * b[i];
    else
        for (int64_t i = 0; i < size; i++)
            y[i] = a[i] / b[i];
}

static void move_forward(const bp_node *node, int64_t size, const float *x, float *y)
{
    if (node->first) {
        if (node->term)
            memcpy(y, node->term, (size_t)size * sizeof *y);
        else
            memset(y, 0, (size_t)size * sizeof *y);
    }
    for (int64_t i = 0; i < node->count; i++)
        y[node->target[i]] += node->factor ? x[node->source[i]] * node->factor[i]
                                           : x[node->source[i]];
}

static void lines_forward(const bp_node *node, const float *x, float *y)
{
    const bp_geometry *g = &node->geometry;
    memset(y, 0, (size_t)(g->channels * g->rows * g->width) * sizeof *y);
    for (int64_t outer = 0; outer < g->channels; outer++) {
        const float *from = x + outer * g->height * g->width;
        float *to = y + outer * g->rows * g->width;
        for (int64_t p = 0; p < node->count; p++) {
            const float *source = from + node->source[p] * g->width;
            float *target = to + node->target[p] * g->width;
            const float factor = node->factor ? node->factor[p] : 1.0f;
            for (int64_t i = 0; i < g->width; i++)
                target[i] += source[i] * factor;
        }
    }
}

static void lines_term(const bp_node *node, const float *c, float *to)
{
    const bp_geometry *g = &node->geometry;
    memset(to, 0, (size_t)(g->channels * g->height * g->width) * sizeof *to);
    for (int64_t outer = 0; outer < g->channels; outer++) {
        float *back = to + outer * g->height * g->width;
        const float *from = c + outer * g->rows * g->width;
        for (int64_t p = 0; p < node->count; p++) {
            float *source = back + node->source[p] * g->width;
            const float *target = from + node->target[p] * g->width;
            const float factor = node->factor ? node->factor[p] : 1.0f;
            for (int64_t i = 0; i < g->width; i++)
                source[i] += target[i] * factor;
        }
    }
}

void bp_float_elementwise_forward(const bp_node *node, const float *x[2], int64_t size, float *y)
{
    switch (node->op) {
    case BP_APPLY:
        memcpy(y, x[0], (size_t)size * sizeof *y);
        break;
    case BP_AFFINE:
        affine_forward(node, size, x[0], y);
        break;
    case BP_MOVE:
        move_forward(node, size, x[0], y);
        break;
    case BP_PRELU:
        for (int64_t i = 0; i < size; i++)
            y[i] = x[0][i] < 0.0f ? x[0][i] * node->factor[i] : x[0][i];
        break;
    case BP_POW:
        for (int64_t i = 0; i < size; i++)
            y[i] = powf(x[0][i], node->factor[i]);
        break;
    case BP_MAX_POOL:
        bp_max_pool_forward(&node->geometry, x[0], y);
        break;
    case BP_INSTANCE_NORM:
        bp_instance_norm_forward(node, size, x[0], y);
        break;
    case BP_LINES:
        lines_forward(node, x[0], y);
        break;
    default:
        pair_forward(node->op, size, x[0], x[1], y);
        break;
    }
}

static void pair_term(int32_t op, const float *x[2], int index, int64_t size, const float *c,
                      float *to)
{
    const float *a = x[0], *b = x[1];
    if (op == BP_MUL)
        for (int64_t i = 0; i < size; i++)
            to[i] = c[i] * x[1 - index][i];
    else if (op == BP_DIV && index == 0)
        for (int64_t i = 0; i < size; i++)
            to[i] = c[i] / b[i];
    else if (op == BP_DIV)
        for (int64_t i = 0; i < size; i++)
            to[i] = -(c[i] / b[i]) * (a[i] / b[i]);
    else
        for (int64_t i = 0; i < size; i++)
            to[i] = op == BP_SUB && index == 1 ? -c[i] : c[i];
}

static void move_term(const bp_node *node, int64_t size, const float *c, float *to)
{
    memset(to, 0, (size_t)size * sizeof *to);
    for (int64_t i = 0; i < node->count; i++)
        to[node->source[i]] += node->factor ? c[node->target[i]] * node->factor[i]
                                            : c[node->target[i]];
}

void bp_float_elementwise_term(const bp_node *node, const float *x[2], int index, int64_t size,
                         const float *c, float *to)
{
    const float *factor = node->factor;
    switch (node->op) {
    case BP_APPLY:
        memcpy(to, c, (size_t)size * sizeof *to);
        break;
    case BP_AFFINE:
        for (int64_t i = 0; i < size; i++)
            to[i] = factor ? c[i] * factor[i] : c[i];
        break;
    case BP_MOVE:
        move_term(node, size, c, to);
        break;
    case BP_PRELU:
        for (int64_t i = 0; i < size; i++)
            to[i] = x[0][i] > 0.0f ? c[i] : c[i] * factor[i];
        break;
    case BP_POW: /* x^0 has slope 0, at x = 0 too, where 0 * 0^-1 would be NaN */
        for (int64_t i = 0; i < size; i++)
            to[i] = c[i] * factor[i] * powf(x[0][i], factor[i] == 0.0f ? 0.0f : factor[i] - 1.0f);
        break;
    case BP_MAX_POOL:
        bp_max_pool_adjoint(&node->geometry, x[0], c, to);
        break;
    case BP_INSTANCE_NORM:
        bp_instance_norm_adjoint(node, size, x[0], c, to);
        break;
    case BP_LINES:
        lines_term(node, c, to);
        break;
    default:
        pair_term(node->op, x, index, size, c, to);
        break;
    }
}
