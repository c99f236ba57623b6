/* Nodes without weights: sums of scaled activations, moved elements, tables. */
#include "integer_nodes.h"

#include <string.h>

void bp_elementwise_forward(bp_space *space, bp_state *state, const bp_integer_program *program,
                            const bp_integer_node *node, int64_t rows)
{
    const bp_elementwise_node *e = node->as.elementwise;
    const int64_t size = program->sizes[node->target], stride = state->strides[node->target];
    for (int64_t i = 0; i < rows * size; i += node->period) {
        const int64_t at = i / size * stride + i % size;
        memcpy(space->wide, e->offset, (size_t)node->period * sizeof *space->wide);
        for (int64_t o = 0; o < e->count; o++)
            space->kernels.scale(state->values[e->operands[o].source] + at,
                                 e->operands[o].positive, e->operands[o].negative, node->period,
                                 space->wide);
        space->kernels.clamp(space->wide, node->period, e->shift, e->low, e->high,
                             state->values[node->target] + at);
    }
}

/* Multiply a row of cotangents by slopes that depend on the sign of a gate, normalise it if that is
 * asked for, and give it to a tensor. */
static void give_scaled(bp_space *space, bp_cotangent *to, const bp_merge *merge, int64_t r,
                        const int32_t *c, int64_t exponent, const int32_t *gate,
                        const int32_t *positive, const int32_t *negative, int64_t period,
                        int64_t size, int normalise)
{
    int64_t largest = 0;
    int shift = 0;
    if (normalise) {
        for (int64_t i = 0; i < size; i += period) {
            const int64_t found =
                space->kernels.largest(c + i, gate + i, positive, negative, period);
            largest = found > largest ? found : largest;
        }
        shift = bp_normalising_shift(largest, ((int64_t)1 << BP_COTANGENT_BITS) - 1);
    }
    int32_t *row = merge->present ? space->further : to->mantissa + r * to->stride;
    for (int64_t i = 0; i < size; i += period)
        space->kernels.slope(c + i, gate + i, positive, negative, period, shift, row + i);
    bp_give(to, merge, r, row, size, exponent + shift);
}

void bp_elementwise_adjoint(bp_space *space, bp_state *state, const bp_integer_program *program,
                            const bp_integer_node *node, int64_t rows)
{
    const bp_elementwise_node *e = node->as.elementwise;
    const int64_t size = program->sizes[node->target], stride = state->strides[node->target];
    const bp_cotangent *given = &state->cotangents[node->target];
    for (int64_t r = 0; r < rows; r++) {
        const int32_t *out = state->values[node->target] + r * stride;
        int32_t *c = given->mantissa + r * given->stride;
        for (int64_t i = 0; i < size; i++)
            c[i] = out[i] > e->gate[0] && out[i] < e->gate[1] ? c[i] : 0;
        for (int64_t o = 0; o < e->count; o++) {
            const bp_operand *operand = &e->operands[o];
            give_scaled(space, &state->cotangents[operand->source], &operand->merge, r, c,
                        given->exponent[r], state->values[operand->source] + r * stride,
                        operand->slope_positive, operand->slope_negative, node->period, size,
                        operand->normalise);
        }
    }
}

void bp_gather_forward(bp_space *space, bp_state *state, const bp_integer_program *program,
                       const bp_integer_node *node, int64_t rows)
{
    const bp_gather_node *g = node->as.gather;
    const int64_t size = program->sizes[node->target];
    for (int64_t r = 0; r < rows; r++) {
        const int32_t *q = state->values[node->source] + r * state->strides[node->source];
        int32_t *out = state->values[node->target] + r * state->strides[node->target];
        for (int64_t i = 0; i < size; i++) {
            uint32_t sum = 0;
            for (int64_t t = 0; t < g->taps; t++) {
                const int32_t from = g->index[i * g->taps + t];
                sum += from < 0 ? 0 : (uint32_t)q[from];
            }
            out[i] = (int32_t)sum;
        }
        if (g->requantised) {
            int32_t *sums = space->further;
            memcpy(sums, out, (size_t)size * sizeof *sums);
            for (int64_t i = 0; i < size; i += node->period)
                space->kernels.requantise(&g->requantiser, sums + i, node->period, out + i);
        }
    }
}

void bp_gather_adjoint(bp_space *space, bp_state *state, const bp_integer_program *program,
                       const bp_integer_node *node, int64_t rows)
{
    const bp_gather_node *g = node->as.gather;
    const int64_t size = program->sizes[node->target], inputs = program->sizes[node->source];
    const bp_cotangent *given = &state->cotangents[node->target];
    for (int64_t r = 0; r < rows; r++) {
        const int32_t *c = given->mantissa + r * given->stride;
        memset(space->wide, 0, (size_t)inputs * sizeof *space->wide);
        for (int64_t i = 0; i < size; i++) {
            const int64_t slope = g->slope == NULL ? 1 : g->slope[i % node->period];
            for (int64_t t = 0; t < g->taps; t++) {
                const int32_t from = g->index[i * g->taps + t];
                if (from >= 0)
                    space->wide[from] += c[i] * slope;
            }
        }
        bp_give_wide(space, &state->cotangents[node->source], &g->merge, r, space->wide, inputs,
                     given->exponent[r], g->normalise);
    }
}

void bp_table_forward(bp_space *space, bp_state *state, const bp_integer_program *program,
                      const bp_integer_node *node, int64_t rows)
{
    for (int64_t r = 0; r < rows; r++)
        space->kernels.look_up(node->as.table->values,
                               state->values[node->source] + r * state->strides[node->source],
                               program->sizes[node->target],
                               state->values[node->target] + r * state->strides[node->target]);
}

void bp_table_adjoint(bp_space *space, bp_state *state, const bp_integer_program *program,
                      const bp_integer_node *node, int64_t rows)
{
    const bp_table_node *table = node->as.table;
    const int64_t size = program->sizes[node->target];
    const bp_cotangent *given = &state->cotangents[node->target];
    int32_t *slopes = (int32_t *)(void *)space->wide;
    for (int64_t r = 0; r < rows; r++) {
        const int32_t *q = state->values[node->source] + r * state->strides[node->source];
        space->kernels.look_up(table->slopes, q, size, slopes);
        give_scaled(space, &state->cotangents[node->source], &table->merge, r,
                    given->mantissa + r * given->stride, given->exponent[r], q, slopes, slopes,
                    size, size, 1);
    }
}
