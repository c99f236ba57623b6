/* Look at a program before it runs: whoever compiled it may have been mistaken, or misled. */
#include "float_program.h"

#include <stddef.h>

#include "checked.h"

static int value_sound(const bp_program *p, const bp_value *value)
{
    const int64_t stride = bp_within(value->size, 1, BP_MOST) ? bp_stride(value) : -1;
    return bp_within(bp_plus(value->offset, stride), 0, p->floats) &&
           bp_within(bp_plus(value->cotangent, stride), 0, p->floats) &&
           bp_within(bp_plus(p->spare, stride), 0, p->floats);
}

static int known(const bp_program *p, int32_t value)
{
    return value >= 0 && value < p->numbers;
}

static int weight_sound(const bp_weight *w)
{
    if (w->words == NULL || !bp_within(w->rows, 1, BP_MOST) || !bp_within(w->columns, 1, BP_MOST))
        return 0;
    if (!bp_within(w->bits, 1, 8) && w->bits != 32)
        return 0;
    const int64_t words = bp_volume(w->rows, w->blocks, BP_LANES);
    return words >= 0 && bp_volume(w->blocks, BP_LANES, 32 / w->bits) >= w->columns;
}

/* Whether all places of `count` are below `size`. */
static int places_sound(const int32_t *places, int64_t count, int64_t size)
{
    if (count == 0)
        return 1;
    if (places == NULL || !bp_within(count, 0, BP_MOST))
        return 0;
    for (int64_t i = 0; i < count; i++)
        if (places[i] < 0 || places[i] >= size)
            return 0;
    return 1;
}

static int convolution_sound(const bp_program *p, const bp_node *node, int64_t x, int64_t y)
{
    const bp_geometry *g = &node->geometry;
    if (!bp_geometry_sound(g) || bp_convolution_scratch(g) > p->scratch)
        return 0;
    const int64_t dense = bp_volume(g->channels, g->height, g->width);
    const int64_t patches = bp_volume(g->outputs, g->rows, g->columns);
    const int64_t taps = bp_times(g->kernel[0], g->kernel[1]);
    return weight_sound(&node->weight) && node->weight.rows == g->outputs &&
           node->weight.columns == bp_times(g->channels / g->groups, taps) &&
           x == (node->op == BP_CONV ? dense : patches) &&
           y == (node->op == BP_CONV ? patches : dense);
}

static int windows_sound(const bp_geometry *g, int64_t x, int64_t y)
{
    return bp_geometry_sound(g) && g->outputs == g->channels &&
           x == bp_volume(g->channels, g->height, g->width) &&
           y == bp_volume(g->outputs, g->rows, g->columns);
}

static int lines_sound(const bp_node *node, int64_t x, int64_t y)
{
    const bp_geometry *g = &node->geometry;
    return g->channels >= 1 && g->width >= 1 && x == bp_volume(g->channels, g->height, g->width) &&
           y == bp_volume(g->channels, g->rows, g->width) &&
           places_sound(node->source, node->count, g->height) &&
           places_sound(node->target, node->count, g->rows);
}

/* A node of one input x that writes y, by their sizes. */
static int single_sound(const bp_program *p, const bp_node *node, int64_t x, int64_t y)
{
    switch (node->op) {
    case BP_LINEAR:
        return weight_sound(&node->weight) && node->count >= 1 &&
               x == bp_times(node->count, node->weight.columns) &&
               y == bp_times(node->count, node->weight.rows);
    case BP_CONV:
    case BP_CONV_TRANSPOSE:
        return convolution_sound(p, node, x, y);
    case BP_APPLY:
    case BP_AFFINE:
        return x == y;
    case BP_PRELU:
    case BP_POW:
        return x == y && node->factor != NULL;
    case BP_MOVE:
        return places_sound(node->source, node->count, x) &&
               places_sound(node->target, node->count, y);
    case BP_MAX_POOL:
        return windows_sound(&node->geometry, x, y);
    case BP_INSTANCE_NORM:
        return x == y && node->count >= 1 && x % node->count == 0 && node->scale != NULL &&
               node->bias != NULL;
    case BP_LINES:
        return lines_sound(node, x, y);
    default:
        return 0;
    }
}

static int node_sound(const bp_program *p, const bp_node *node)
{
    const int32_t *inputs = node->inputs;
    if (node->function < 0 || node->function >= BP_FUNCTIONS || !known(p, node->output) ||
        !known(p, inputs[0]) || (inputs[1] != -1 && !known(p, inputs[1])))
        return 0;
    const int64_t x = p->values[inputs[0]].size, y = p->values[node->output].size;
    if (node->op == BP_ADD || node->op == BP_SUB || node->op == BP_MUL || node->op == BP_DIV)
        return inputs[1] >= 0 && x == y && p->values[inputs[1]].size == y;
    return inputs[1] == -1 && single_sound(p, node, x, y);
}

int bp_program_sound(const bp_program *p)
{
    if (!bp_within(p->numbers, 1, BP_MOST) || !bp_within(p->floats, 1, BP_MOST) ||
        !bp_within(p->scratch, 0, BP_MOST) || !bp_within(p->count, 0, BP_MOST) ||
        !bp_within(p->middle, 0, p->count) || !bp_within(p->spare, 0, p->floats))
        return 0;
    if (!known(p, p->latent) || !known(p, p->image) || !known(p, p->measurement))
        return 0;
    for (int64_t v = 0; v < p->numbers; v++)
        if (!value_sound(p, &p->values[v]))
            return 0;
    for (int64_t i = 0; i < p->count; i++)
        if (!node_sound(p, &p->nodes[i]))
            return 0;
    return 1;
}
