#include "integer_program.h"

#include "integer_nodes.h"

#include <float.h>
#include <math.h>
#include <string.h>

void bp_integer_forward(bp_space *space, bp_state *state, const bp_integer_program *program,
                        int64_t rows)
{
    for (int64_t n = 0; n < program->count; n++) {
        const bp_integer_node *node = &program->nodes[n];
        switch (node->kind) {
        case BP_ELEMENTWISE:
            bp_elementwise_forward(space, state, program, node, rows);
            break;
        case BP_GATHER:
            bp_gather_forward(space, state, program, node, rows);
            break;
        case BP_TABLE:
            bp_table_forward(space, state, program, node, rows);
            break;
        default:
            bp_linear_forward(space, state, program, n, rows);
        }
    }
}

void bp_integer_adjoint(bp_space *space, bp_state *state, const bp_integer_program *program,
                        int64_t rows)
{
    for (int64_t n = program->count - 1; n >= 0; n--) {
        const bp_integer_node *node = &program->nodes[n];
        switch (node->kind) {
        case BP_ELEMENTWISE:
            bp_elementwise_adjoint(space, state, program, node, rows);
            break;
        case BP_GATHER:
            bp_gather_adjoint(space, state, program, node, rows);
            break;
        case BP_TABLE:
            bp_table_adjoint(space, state, program, node, rows);
            break;
        default:
            bp_linear_adjoint(space, state, program, n, rows);
        }
    }
}

static int64_t at(const int32_t *order, int64_t i)
{
    return order == NULL ? i : order[i];
}

void bp_quantise(const float *real, const int32_t *order, int64_t n, double step, int32_t limit,
                 int32_t *q)
{
    /* Adding 1.5 * 2^52 rounds to an integer, to even between two; the limit is one already. */
    const double rounder = 6755399441055744.0;
    for (int64_t i = 0; i < n; i++) {
        double value = (double)real[at(order, i)] / step;
        value = value > limit ? limit : value < -limit ? -limit : value == value ? value : 0;
        q[i] = (int32_t)(value + rounder - rounder);
    }
}

void bp_dequantise(const int32_t *q, const int32_t *order, int64_t n, double step, float *real)
{
    for (int64_t i = 0; i < n; i++)
        real[at(order, i)] = (float)((double)q[i] * step);
}

void bp_draw(const bp_integer_plan *plan, bp_space *space, const float *z, int64_t rows)
{
    const bp_integer_program *program = &plan->generator;
    const int64_t size = program->sizes[program->source];
    bp_state *state = &space->generator;
    for (int64_t r = 0; r < rows; r++)
        bp_quantise(z + r * size, plan->latent_order, size, plan->latent_step, plan->latent_limit,
                    state->values[program->source] + r * state->strides[program->source]);
    bp_integer_forward(space, state, program, rows);
}

void bp_measure(const bp_integer_plan *plan, bp_space *space, int64_t rows)
{
    const int32_t from = plan->generator.target, to = plan->sensing.source;
    const int64_t size = plan->sensing.sizes[to];
    for (int64_t r = 0; r < rows; r++) {
        const int32_t *drawn =
            space->generator.values[from] + r * space->generator.strides[from];
        int32_t *image = space->sensing.values[to] + r * space->sensing.strides[to];
        if (plan->hand_over == NULL)
            memcpy(image, drawn, (size_t)size * sizeof *image);
        else
            for (int64_t i = 0; i < size; i++)
                image[i] = drawn[plan->hand_over[i]];
    }
    bp_integer_forward(space, &space->sensing, &plan->sensing, rows);
}

void bp_residual(const bp_integer_plan *plan, bp_space *space, const float *y, int64_t rows,
                 float *loss)
{
    const int32_t target = plan->sensing.target;
    const int64_t size = plan->sensing.sizes[target];
    const bp_cotangent *cotangent = &space->sensing.cotangents[target];
    const double step = plan->measurement_step;
    for (int64_t r = 0; r < rows; r++) {
        int32_t *residual = cotangent->mantissa + r * cotangent->stride;
        const int32_t *found = space->sensing.values[target] + r * cotangent->stride;
        int64_t squares = 0;
        bp_quantise(y + r * size, plan->measurement_order, size, step, plan->measurement_limit,
                    residual);
        for (int64_t i = 0; i < size; i++) {
            residual[i] = found[i] - residual[i];
            squares += (int64_t)residual[i] * residual[i];
        }
        cotangent->exponent[r] = 0;
        loss[r] = (float)((double)squares * (step * step));
    }
}

void bp_cotangents(const bp_integer_plan *plan, bp_space *space, const float *real, int64_t rows)
{
    const int32_t target = plan->sensing.target;
    const int64_t size = plan->sensing.sizes[target];
    bp_cotangent *cotangent = &space->sensing.cotangents[target];
    const double rounder = 6755399441055744.0; /* see bp_quantise */
    for (int64_t r = 0; r < rows; r++) {
        const float *row = real + r * size;
        int32_t *mantissa = cotangent->mantissa + r * cotangent->stride;
        double largest = 0;
        for (int64_t i = 0; i < size; i++) {
            const double magnitude = fabs((double)row[i]);
            largest = magnitude > largest && magnitude <= FLT_MAX ? magnitude : largest;
        }
        int exponent = 0;
        if (largest > 0) {
            frexp(largest, &exponent);
            exponent -= BP_COTANGENT_BITS;
        }
        const double unit = ldexp(1.0, -exponent);
        for (int64_t i = 0; i < size; i++) {
            const double value = (double)row[at(plan->measurement_order, i)];
            const double finite = fabs(value) <= FLT_MAX ? value * unit : 0;
            mantissa[i] = (int32_t)(finite + rounder - rounder);
        }
        cotangent->exponent[r] = exponent;
    }
}

void bp_gradient(const bp_integer_plan *plan, bp_space *space, int64_t rows, double scale,
                 float *gradient)
{
    bp_integer_adjoint(space, &space->sensing, &plan->sensing, rows);
    const bp_cotangent *image = &space->sensing.cotangents[plan->sensing.source];
    const bp_cotangent *drawn = &space->generator.cotangents[plan->generator.target];
    const int64_t size = plan->sensing.sizes[plan->sensing.source];
    for (int64_t r = 0; r < rows; r++) {
        const int32_t *from = image->mantissa + r * image->stride;
        int32_t *to = drawn->mantissa + r * drawn->stride;
        drawn->exponent[r] = image->exponent[r];
        if (plan->hand_over == NULL)
            memcpy(to, from, (size_t)size * sizeof *to);
        else
            for (int64_t i = 0; i < size; i++)
                to[plan->hand_over[i]] = from[i];
    }
    bp_integer_adjoint(space, &space->generator, &plan->generator, rows);
    const bp_cotangent *latent = &space->generator.cotangents[plan->generator.source];
    const int64_t k = plan->generator.sizes[plan->generator.source];
    for (int64_t r = 0; r < rows; r++) {
        const int32_t *row = latent->mantissa + r * latent->stride;
        /* 2^exponent in two factors: each is a normal number, and only the last product rounds. */
        const int exponent = (int)latent->exponent[r], part = exponent / 2;
        const double first = ldexp(1.0, part), second = ldexp(1.0, exponent - part);
        for (int64_t i = 0; i < k; i++)
            gradient[r * k + at(plan->latent_order, i)] =
                (float)((double)row[i] * first * second * scale);
    }
}
