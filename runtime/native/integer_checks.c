#include "integer_checks.h"

#include <stddef.h>

#include "checked.h"

enum { MOST_CODES = 65536, MOST_PARTS = 2, MOST_LIMIT = 32767 };

static int64_t size_of(const bp_integer_program *p, int32_t tensor)
{
    return tensor >= 0 && tensor < p->tensors ? p->sizes[tensor] : -1;
}

static int order_sound(const int32_t *order, int64_t n, int64_t size)
{
    for (int64_t i = 0; order != NULL && i < n; i++)
        if (order[i] < 0 || order[i] >= size)
            return 0;
    return order != NULL || n <= size;
}

static int shifts_sound(const int32_t *shifts, int64_t period)
{
    if (shifts == NULL)
        return 0;
    for (int64_t i = 0; i < period; i++)
        if (!bp_within(shifts[i], 1, 62))
            return 0;
    return 1;
}

static int requantiser_sound(const bp_requantiser *r, int64_t period)
{
    return r->positive != NULL && r->negative != NULL && r->low <= r->high &&
           shifts_sound(r->positive_shift, period) && shifts_sound(r->negative_shift, period);
}

static int packed_sound(const bp_packed *w, int64_t outs, int64_t ins)
{
    const int known = w->bits == 1 || w->bits == 2 || w->bits == 4 || w->bits == 8;
    return known && w->codes != NULL && w->outs == outs && w->ins == ins &&
           bp_within(outs, 1, MOST_CODES) && bp_within(ins, 1, MOST_CODES) &&
           w->strips == (outs + TILE_OUTS - 1) / TILE_OUTS &&
           bp_within(w->words, 1, MOST_CODES) && bp_padded_ins(w) >= ins &&
           bp_padded_ins(w) < ins + bp_tiles_per_word(w->bits) * TILE_INS;
}

static int patches_sound(const bp_patches *g)
{
    for (int i = 0; i < 2; i++) {
        const int64_t side = i ? g->width : g->height, count = i ? g->columns : g->rows;
        if (side < 1 || count < 1 || g->kernel[i] < 1 || g->strides[i] < 1 || g->dilations[i] < 1 ||
            !bp_within(g->pads[i], 0, BP_MOST) ||
            bp_reach(count, g->strides[i], g->kernel[i], g->dilations[i]) < 0)
            return 0;
    }
    return g->groups >= 1 && g->channels >= 1 && g->outs >= 1 && g->channels % g->groups == 0 &&
           g->outs % g->groups == 0;
}

static int linear_sound(const bp_integer_program *p, const bp_integer_node *node)
{
    const bp_linear_node *linear = node->as.linear;
    const bp_patches *g = &linear->geometry;
    if (!patches_sound(g) || linear->matrices == NULL || linear->bias == NULL ||
        linear->slope_positive == NULL || linear->slope_negative == NULL ||
        !bp_within(linear->input_limit, 1, MOST_LIMIT) ||
        !bp_within(linear->cotangent_limit, 1, MOST_LIMIT) ||
        !requantiser_sound(&linear->requantiser, node->period))
        return 0;
    const int64_t dense = bp_volume(g->height, g->width, g->channels);
    const int64_t patches = bp_volume(g->rows, g->columns, g->outs);
    const int transposed = node->kind == BP_CONV_TRANSPOSE;
    if (size_of(p, node->source) != (transposed ? patches : dense) ||
        size_of(p, node->target) != (transposed ? dense : patches))
        return 0;
    const int64_t ins = bp_volume(g->kernel[0], g->kernel[1], g->channels / g->groups);
    for (int64_t group = 0; group < g->groups; group++) {
        const bp_matrix *matrix = &linear->matrices[group];
        if (!bp_within(matrix->parts, 1, MOST_PARTS) || matrix->out_sums == NULL ||
            matrix->in_sums == NULL)
            return 0;
        for (int64_t part = 0; part < matrix->parts; part++)
            if (!packed_sound(&matrix->part[part], g->outs / g->groups, ins))
                return 0;
    }
    return 1;
}

static int elementwise_sound(const bp_integer_program *p, const bp_integer_node *node)
{
    const bp_elementwise_node *e = node->as.elementwise;
    if (e->operands == NULL || e->offset == NULL || !bp_within(e->count, 1, BP_MOST) ||
        !bp_within(e->shift, 1, 62) || e->low > e->high)
        return 0;
    for (int64_t o = 0; o < e->count; o++) {
        const bp_operand *operand = &e->operands[o];
        if (size_of(p, operand->source) != size_of(p, node->target) || operand->positive == NULL ||
            operand->negative == NULL || operand->slope_positive == NULL ||
            operand->slope_negative == NULL)
            return 0;
    }
    return 1;
}

static int gather_sound(const bp_integer_program *p, const bp_integer_node *node)
{
    const bp_gather_node *g = node->as.gather;
    const int64_t inputs = size_of(p, node->source);
    const int64_t indices = bp_times(size_of(p, node->target), g->taps);
    if (g->index == NULL || g->taps < 1 || indices < 0)
        return 0;
    for (int64_t i = 0; i < indices; i++)
        if (g->index[i] < -1 || g->index[i] >= inputs)
            return 0;
    return !g->requantised || requantiser_sound(&g->requantiser, node->period);
}

static int node_sound(const bp_integer_program *p, const bp_integer_node *node)
{
    const int64_t source = size_of(p, node->source), target = size_of(p, node->target);
    if (source < 1 || target < 1 || node->period < 1 || target % node->period ||
        node->as.linear == NULL)
        return 0;
    switch (node->kind) {
    case BP_DENSE:
    case BP_CONV:
    case BP_CONV_TRANSPOSE:
        return linear_sound(p, node);
    case BP_ELEMENTWISE:
        return elementwise_sound(p, node);
    case BP_GATHER:
        return gather_sound(p, node);
    case BP_TABLE:
        return source == target && node->as.table->values != NULL &&
               node->as.table->slopes != NULL;
    default:
        return 0;
    }
}

static int program_sound(const bp_integer_program *p)
{
    if (p->sizes == NULL || !bp_within(p->tensors, 1, BP_MOST) ||
        !bp_within(p->count, 0, BP_MOST) || (p->count > 0 && p->nodes == NULL))
        return 0;
    int64_t all = 0;
    for (int64_t t = 0; t < p->tensors; t++)
        all = p->sizes[t] < 1 ? -1 : bp_plus(all, p->sizes[t]);
    if (all < 0 || size_of(p, p->source) < 0 || size_of(p, p->target) < 0)
        return 0;
    for (int64_t n = 0; n < p->count; n++)
        if (!node_sound(p, &p->nodes[n]))
            return 0;
    return 1;
}

int bp_integer_plan_sound(const bp_integer_plan *plan)
{
    const bp_integer_program *generator = &plan->generator, *sensing = &plan->sensing;
    if (!program_sound(generator) || !program_sound(sensing))
        return 0;
    const int64_t latent = size_of(generator, generator->source);
    const int64_t drawn = size_of(generator, generator->target);
    const int64_t image = size_of(sensing, sensing->source);
    const int64_t measured = size_of(sensing, sensing->target);
    return drawn == image && order_sound(plan->latent_order, latent, latent) &&
           order_sound(plan->drawn_order, drawn, drawn) &&
           order_sound(plan->image_order, image, image) &&
           order_sound(plan->measurement_order, measured, measured) &&
           order_sound(plan->hand_over, image, drawn) && plan->latent_step > 0 &&
           plan->image_step > 0 && plan->measurement_step > 0 && plan->latent_limit > 0 &&
           plan->image_limit > 0 && plan->measurement_limit > 0;
}
