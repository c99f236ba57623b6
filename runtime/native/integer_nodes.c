/* Nodes without weights: sums of scaled activations, moved elements, tables. */
#include "integer_nodes.h"

#include <string.h>

static int32_t clamp(int64_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : (int32_t)value;
}

void bp_elementwise_forward(bp_state *state, const bp_program *program, const bp_node *node,
                            int64_t rows)
{
    const bp_elementwise *e = node->as.elementwise;
    const int64_t size = program->sizes[node->target], stride = state->strides[node->target];
    for (int64_t r = 0; r < rows; r++) {
        int32_t *out = state->values[node->target] + r * stride;
        for (int64_t i = 0; i < size; i++) {
            const int64_t channel = i % node->period;
            int64_t v = e->offset[channel];
            for (int64_t o = 0; o < e->count; o++) {
                const bp_operand *operand = &e->operands[o];
                const int32_t q = state->values[operand->source][r * stride + i];
                v += (int64_t)q * (q > 0 ? operand->positive : operand->negative)[channel];
            }
            out[i] = clamp(bp_rounding_shift(v, e->shift), e->low, e->high);
        }
    }
}

void bp_elementwise_adjoint(bp_space *space, bp_state *state, const bp_program *program,
                            const bp_node *node, int64_t rows)
{
    const bp_elementwise *e = node->as.elementwise;
    const int64_t size = program->sizes[node->target], stride = state->strides[node->target];
    const bp_cotangent *given = &state->cotangents[node->target];
    for (int64_t o = 0; o < e->count; o++) {
        const bp_operand *operand = &e->operands[o];
        for (int64_t r = 0; r < rows; r++) {
            const int32_t *out = state->values[node->target] + r * stride;
            const int32_t *q = state->values[operand->source] + r * stride;
            const int32_t *c = given->mantissa + r * given->stride;
            for (int64_t i = 0; i < size; i++) {
                const int32_t *slope = q[i] > 0 ? operand->slope_positive : operand->slope_negative;
                const int open = out[i] > e->gate[0] && out[i] < e->gate[1];
                space->wide[i] = open ? (int64_t)c[i] * slope[i % node->period] : 0;
            }
            bp_give_wide(space, &state->cotangents[operand->source], &operand->merge, r,
                         space->wide, size, given->exponent[r], operand->normalise);
        }
    }
}

void bp_gather_forward(bp_space *space, bp_state *state, const bp_program *program,
                       const bp_node *node, int64_t rows)
{
    const bp_gather *g = node->as.gather;
    const int64_t size = program->sizes[node->target];
    for (int64_t r = 0; r < rows; r++) {
        const int32_t *q = state->values[node->source] + r * state->strides[node->source];
        int32_t *out = state->values[node->target] + r * state->strides[node->target];
        for (int64_t i = 0; i < size; i++) {
            int32_t sum = 0;
            for (int64_t t = 0; t < g->taps; t++) {
                const int32_t from = g->index[i * g->taps + t];
                sum += from < 0 ? 0 : q[from];
            }
            out[i] = sum;
        }
        if (g->requantised) {
            int32_t *sums = space->further;
            memcpy(sums, out, (size_t)size * sizeof *sums);
            for (int64_t i = 0; i < size; i += node->period)
                space->kernels.requantise(&g->requantiser, sums + i, node->period, out + i);
        }
    }
}

void bp_gather_adjoint(bp_space *space, bp_state *state, const bp_program *program,
                       const bp_node *node, int64_t rows)
{
    const bp_gather *g = node->as.gather;
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

/* Linear interpolation at q in -32768..32767, rounded half up. */
static int32_t look_up(const int32_t *table, int32_t q)
{
    const int bits = 16 - BP_TABLE_BITS;
    const int32_t place = (q + 32768) >> bits, fraction = (q + 32768) & ((1 << bits) - 1);
    const int64_t left = table[place], right = table[place + 1];
    return (int32_t)((left * ((1 << bits) - fraction) + right * fraction + (1 << (bits - 1))) >>
                     bits);
}

void bp_table_forward(bp_state *state, const bp_program *program, const bp_node *node,
                      int64_t rows)
{
    const int64_t size = program->sizes[node->target];
    for (int64_t r = 0; r < rows; r++) {
        const int32_t *q = state->values[node->source] + r * state->strides[node->source];
        int32_t *out = state->values[node->target] + r * state->strides[node->target];
        for (int64_t i = 0; i < size; i++)
            out[i] = look_up(node->as.table->values, q[i]);
    }
}

void bp_table_adjoint(bp_space *space, bp_state *state, const bp_program *program,
                      const bp_node *node, int64_t rows)
{
    const bp_table *table = node->as.table;
    const int64_t size = program->sizes[node->target];
    const bp_cotangent *given = &state->cotangents[node->target];
    for (int64_t r = 0; r < rows; r++) {
        const int32_t *q = state->values[node->source] + r * state->strides[node->source];
        const int32_t *c = given->mantissa + r * given->stride;
        for (int64_t i = 0; i < size; i++)
            space->wide[i] = (int64_t)c[i] * look_up(table->slopes, q[i]);
        bp_give_wide(space, &state->cotangents[node->source], &table->merge, r, space->wide, size,
                     given->exponent[r], 1);
    }
}
