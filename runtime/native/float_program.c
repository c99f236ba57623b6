#include "float_program.h"

#include <stddef.h>

#include "float_elementwise.h"

/* One node at work on the rows of a workspace. */
typedef struct {
    const bp_program *program;
    const bp_float_kernels *kernels;
    const bp_workspace *work;
    const bp_node *node;
} step;

float *bp_at(const bp_program *program, const bp_workspace *work, int32_t value)
{
    return work->values + work->rows * program->values[value].offset;
}

float *bp_cotangent_at(const bp_program *program, const bp_workspace *work, int32_t value)
{
    return work->values + work->rows * program->values[value].cotangent;
}

static int64_t size_of(const step *s, int32_t value)
{
    return s->program->values[value].size;
}

static int64_t stride_of(const step *s, int32_t value)
{
    return bp_stride(&s->program->values[value]);
}

/* Rows of the forward pass. */
static int64_t rows_of(const bp_workspace *work)
{
    return work->shared ? 1 : work->rows;
}

static float *row_of(const step *s, int32_t value, int64_t row)
{
    return bp_at(s->program, s->work, value) + (s->work->shared ? 0 : row * stride_of(s, value));
}

static float *cotangent_of(const step *s, int32_t value, int64_t row)
{
    return bp_cotangent_at(s->program, s->work, value) + row * stride_of(s, value);
}

/* y = y * scale + bias by channel, each `size` positions long. */
static void rescale(const float *scale, const float *bias, int64_t channels, int64_t size, float *y)
{
    for (int64_t channel = 0; channel < channels; channel++) {
        float *at = y + channel * size;
        if (scale)
            for (int64_t i = 0; i < size; i++)
                at[i] *= scale[channel];
        if (bias)
            for (int64_t i = 0; i < size; i++)
                at[i] += bias[channel];
    }
}

/* The same where a channel is one value. */
static void rescale_vector(const float *scale, const float *bias, int64_t size, float *y)
{
    if (scale)
        for (int64_t i = 0; i < size; i++)
            y[i] *= scale[i];
    if (bias)
        for (int64_t i = 0; i < size; i++)
            y[i] += bias[i];
}

/* Rescale the output of a convolution: the patch side of Conv, the dense side of ConvTranspose. */
static void rescale_output(const bp_node *node, const float *bias, float *y)
{
    const bp_geometry *g = &node->geometry;
    if (node->op == BP_CONV)
        rescale(node->scale, bias, g->outputs, g->rows * g->columns, y);
    else
        rescale(node->scale, bias, g->channels, g->height * g->width, y);
}

/* Rows of x are `count` vectors each; if that is one, all rows go through the matrix together. */
static void linear_forward(const step *s)
{
    const bp_node *node = s->node;
    const bp_weight *weight = &node->weight;
    int64_t rows = rows_of(s->work), together = node->count == 1 ? rows : node->count;
    for (int64_t row = 0; row < rows; row += node->count == 1 ? together : 1) {
        const float *x = row_of(s, node->inputs[0], row);
        float *y = row_of(s, node->output, row);
        int64_t x_stride = weight->columns, y_stride = weight->rows;
        if (node->count == 1) {
            x_stride = stride_of(s, node->inputs[0]);
            y_stride = stride_of(s, node->output);
        }
        s->kernels->forward(weight, x, x_stride, together, y, y_stride);
        for (int64_t r = 0; r < together; r++)
            rescale_vector(node->scale, node->bias, weight->rows, y + r * y_stride);
    }
}

/* Cotangents of the output are used up. `to` gives where a row's result goes. */
static void linear_adjoint(const step *s, float *to, int64_t to_stride)
{
    const bp_node *node = s->node;
    const bp_weight *weight = &node->weight;
    int64_t together = node->count == 1 ? s->work->rows : node->count;
    for (int64_t row = 0; row < s->work->rows; row += node->count == 1 ? together : 1) {
        float *c = cotangent_of(s, node->output, row);
        int64_t c_stride = weight->rows, g_stride = weight->columns;
        if (node->count == 1) {
            c_stride = stride_of(s, node->output);
            g_stride = to_stride;
        }
        for (int64_t r = 0; r < together; r++)
            rescale_vector(node->scale, NULL, weight->rows, c + r * c_stride);
        s->kernels->adjoint(weight, c, c_stride, together, to + row * to_stride, g_stride);
    }
}

static void convolution_forward(const step *s)
{
    const bp_node *node = s->node;
    const bp_geometry *g = &node->geometry;
    const float *x = row_of(s, node->inputs[0], 0);
    float *y = row_of(s, node->output, 0);
    int64_t rows = rows_of(s->work), x_stride = stride_of(s, node->inputs[0]);
    int64_t y_stride = stride_of(s, node->output);
    if (node->op == BP_CONV)
        s->kernels->correlate(&node->weight, g, rows, x, x_stride, y, y_stride, s->work->scratch);
    else
        s->kernels->scatter(&node->weight, g, rows, x, x_stride, y, y_stride, s->work->scratch);
    for (int64_t row = 0; row < rows; row++)
        rescale_output(node, node->bias, y + row * y_stride);
}

static void convolution_adjoint(const step *s, float *to, int64_t to_stride)
{
    const bp_node *node = s->node;
    const bp_geometry *g = &node->geometry;
    float *c = cotangent_of(s, node->output, 0), *scratch = s->work->scratch;
    int64_t rows = s->work->rows, c_stride = stride_of(s, node->output);
    for (int64_t row = 0; row < rows; row++)
        rescale_output(node, NULL, c + row * c_stride);
    if (node->op == BP_CONV)
        s->kernels->scatter(&node->weight, g, rows, c, c_stride, to, to_stride, scratch);
    else
        s->kernels->correlate(&node->weight, g, rows, c, c_stride, to, to_stride, scratch);
}

static void inputs_of(const step *s, int64_t row, const float *x[2])
{
    for (int i = 0; i < 2; i++)
        x[i] = s->node->inputs[i] < 0 ? NULL : row_of(s, s->node->inputs[i], row);
}

static void elementwise_forward(const step *s)
{
    for (int64_t row = 0; row < rows_of(s->work); row++) {
        const float *x[2];
        inputs_of(s, row, x);
        bp_float_elementwise_forward(s->node, x, size_of(s, s->node->output),
                               row_of(s, s->node->output, row));
    }
}

static void elementwise_adjoint(const step *s, int index, float *to, int64_t to_stride)
{
    for (int64_t row = 0; row < s->work->rows; row++) {
        const float *x[2];
        inputs_of(s, row, x);
        bp_float_elementwise_term(s->node, x, index, size_of(s, s->node->inputs[index]),
                            cotangent_of(s, s->node->output, row), to + row * to_stride);
    }
}

static int is_linear(const bp_node *node)
{
    return node->op == BP_LINEAR || node->op == BP_CONV || node->op == BP_CONV_TRANSPOSE;
}

void bp_program_forward(const bp_program *program, const bp_float_kernels *kernels,
                        const bp_workspace *work, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) {
        const bp_node *node = &program->nodes[i];
        const step s = {program, kernels, work, node};
        if (node->op == BP_LINEAR)
            linear_forward(&s);
        else if (is_linear(node))
            convolution_forward(&s);
        else
            elementwise_forward(&s);
        if (node->function == BP_NONE)
            continue;
        for (int64_t row = 0; row < rows_of(work); row++)
            kernels->apply((bp_function)node->function, node->alpha, node->beta,
                           row_of(&s, node->output, row), size_of(&s, node->output));
    }
}

static void add_rows(const step *s, int32_t value, const float *from)
{
    for (int64_t row = 0; row < s->work->rows; row++) {
        float *to = cotangent_of(s, value, row);
        const float *term = from + row * stride_of(s, value);
        for (int64_t i = 0; i < size_of(s, value); i++)
            to[i] += term[i];
    }
}

/* Pass the output's cotangent on to one input. A term that is to be added goes through `spare`. */
static void node_adjoint(const step *s, int index, float *spare)
{
    const bp_node *node = s->node;
    int32_t input = node->inputs[index];
    int64_t stride = stride_of(s, input);
    float *to = node->add[index] ? spare : bp_cotangent_at(s->program, s->work, input);
    if (node->op == BP_LINEAR)
        linear_adjoint(s, to, stride);
    else if (is_linear(node))
        convolution_adjoint(s, to, stride);
    else
        elementwise_adjoint(s, index, to, stride);
    if (node->add[index])
        add_rows(s, input, spare);
}

void bp_program_adjoint(const bp_program *program, const bp_float_kernels *kernels,
                        const bp_workspace *work)
{
    float *spare = work->values + work->rows * program->spare;
    for (int64_t i = program->count - 1; i >= 0; i--) {
        const bp_node *node = &program->nodes[i];
        const step s = {program, kernels, work, node};
        if (node->function != BP_NONE)
            for (int64_t row = 0; row < work->rows; row++)
                kernels->chain((bp_function)node->function, node->alpha, node->beta,
                               node->op == BP_APPLY ? row_of(&s, node->inputs[0], row) : NULL,
                               row_of(&s, node->output, row), cotangent_of(&s, node->output, row),
                               size_of(&s, node->output));
        node_adjoint(&s, 0, spare);
        if (node->inputs[1] >= 0)
            node_adjoint(&s, 1, spare);
    }
}
