/* Linear nodes: products on packed weights, convolutions by patches.
 *
 * An input of up to 8 bits is one row of bytes; one of up to 16 bits is two, q = 256 * high + low
 * + 128, and the sums are put together: weight = multiplier * code - offset, so that
 *
 *   sum weight * q = multiplier * (low + 256 * high) - offset * sum(low + 256 * high bytes)
 *                    + 128 * sum weight.
 */
#include "integer_nodes.h"

#include <string.h>

enum { FILL_LOW = -128, FILL_HIGH = 0 }; /* the bytes of q = 0 in two planes */

typedef struct {
    bp_space *space;
    const bp_linear_node *linear;
    int planes;
} context;

static int planes_of(int32_t limit)
{
    return limit <= 127 ? 1 : 2;
}

/* Put n integers into the bytes of row r. */
static void put_bytes(const context *c, int64_t r, const int32_t *q, int64_t n)
{
    int8_t *bytes = c->space->bytes + r * c->planes * c->space->byte_stride;
    if (c->planes == 1)
        c->space->kernels.narrow(q, n, bytes);
    else
        c->space->kernels.split(q, n, bytes, bytes + c->space->byte_stride);
}

/* - offset * sum of the bytes of a row whose planes lie `apart` bytes apart. */
static int32_t offset_term(const context *c, const int8_t *bytes, int64_t apart, int64_t n)
{
    const bp_integer_kernels *k = &c->space->kernels;
    uint32_t sum = (uint32_t)k->sum(bytes, n);
    if (c->planes == 2)
        sum += (uint32_t)k->sum(bytes + apart, n) << 8;
    return (int32_t)(0u - sum * (uint32_t)c->linear->code_offset);
}

/* Add n sums of one part of the codes, which begin at `products`, to v. */
static void add_products(const context *c, int64_t part, const int32_t *products, int64_t apart,
                         int64_t n, int32_t same, const int32_t *sums, int32_t *v)
{
    const int32_t *high = c->planes == 2 ? products + apart : NULL;
    const int32_t multiplier = c->linear->code_multiplier;
    if (part == 0)
        c->space->kernels.combine(products, high, n, multiplier, same,
                                  c->planes == 2 ? sums : NULL, v);
    else
        c->space->kernels.combine(products, high, n, 256 * multiplier, 0, NULL, v);
}

static int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* Whether each row is one vector that is multiplied by one matrix. */
static int is_vector(const bp_patches *g)
{
    return g->height * g->width == 1 && g->rows * g->columns == 1 && g->groups == 1 &&
           g->kernel[0] * g->kernel[1] == 1;
}

static bp_product product_of(const context *c, const bp_packed *w, const int8_t *rows,
                             int64_t stride, int64_t count, int64_t acc_stride)
{
    return (bp_product){
        .w = w,
        .rows = rows,
        .row_stride = stride,
        .count = count,
        .acc = c->space->products,
        .acc_stride = acc_stride,
        .scratch = c->space->scratch,
    };
}

/* --- vectors --------------------------------------------------------------------------------- */

static void vectors(const context *c, int transposed, int64_t rows, int32_t *v, int64_t stride)
{
    const bp_matrix *matrix = c->linear->matrices;
    const int64_t bytes = c->space->byte_stride;
    for (int64_t part = 0; part < matrix->parts; part++) {
        const bp_packed *w = &matrix->part[part];
        const int64_t apart = transposed ? bp_padded_ins(w) : bp_padded_outs(w);
        const int64_t ins = transposed ? w->outs : w->ins, outs = transposed ? w->ins : w->outs;
        const bp_product p =
            product_of(c, w, c->space->bytes, bytes, rows * c->planes, apart);
        (transposed ? c->space->kernels.transposed : c->space->kernels.forward)(&p);
        for (int64_t r = 0; r < rows; r++) {
            const int8_t *row = p.rows + r * c->planes * bytes;
            add_products(c, part, p.acc + r * c->planes * apart, apart, outs,
                         offset_term(c, row, bytes, ins),
                         transposed ? matrix->in_sums : matrix->out_sums, v + r * stride);
        }
    }
}

/* --- patches --------------------------------------------------------------------------------- */

/* A run of taps that follow each other in a row of the image and lie inside it. */
typedef struct {
    int64_t first, count; /* of the taps along the width */
    int64_t pixel;        /* of the first one; meaningless if count is 0 */
} run;

static run run_of(const bp_patches *g, int64_t position, int64_t tap_row)
{
    const int64_t top = position / g->columns * g->strides[0] - g->pads[0];
    const int64_t y = top + tap_row * g->dilations[0];
    const int64_t x = position % g->columns * g->strides[1] - g->pads[1];
    run found = {0, 0, 0};
    if (y < 0 || y >= g->height)
        return found;
    const int64_t step = g->dilations[1];
    found.first = x < 0 ? (-x + step - 1) / step : 0;
    const int64_t end = x >= g->width ? 0 : (g->width - 1 - x) / step + 1;
    found.count = (end < g->kernel[1] ? end : g->kernel[1]) - found.first;
    if (found.count < 0)
        found.count = 0;
    found.pixel = y * g->width + x + found.first * step;
    return found;
}

/* Copy the patch at a position, [tap][channel of the group], from a plane of the image. */
static void copy_patch(const bp_patches *g, const int8_t *image, int64_t position, int64_t group,
                       int fill, int8_t *patch)
{
    const int64_t deep = g->channels / g->groups;
    image += group * deep;
    for (int64_t i = 0; i < g->kernel[0]; i++, patch += g->kernel[1] * deep) {
        const run inside = run_of(g, position, i);
        if (inside.count < g->kernel[1])
            memset(patch, fill, (size_t)(g->kernel[1] * deep));
        const int8_t *from = image + inside.pixel * g->channels;
        int8_t *to = patch + inside.first * deep;
        if (g->groups == 1 && g->dilations[1] == 1) {
            if (inside.count > 0)
                memcpy(to, from, (size_t)(inside.count * deep));
            continue;
        }
        for (int64_t j = 0; j < inside.count; j++)
            memcpy(to + j * deep, from + j * g->dilations[1] * g->channels, (size_t)deep);
    }
}

/* Rows (or images) and positions in them, `count` from number n on. */
typedef struct {
    int64_t positions, n, count;
} batch;

static int64_t row_of(const batch *b, int64_t i) { return (b->n + i) / b->positions; }
static int64_t place_of(const batch *b, int64_t i) { return (b->n + i) % b->positions; }

static void copy_patches(const context *c, const batch *b, int64_t group, int64_t bytes)
{
    for (int64_t i = 0; i < b->count; i++) {
        const int8_t *image = c->space->bytes + row_of(b, i) * c->planes * c->space->byte_stride;
        int8_t *patch = c->space->patches + i * c->planes * bytes;
        const bp_patches *g = &c->linear->geometry;
        copy_patch(g, image, place_of(b, i), group, c->planes == 1 ? 0 : FILL_LOW, patch);
        if (c->planes == 2)
            copy_patch(g, image + c->space->byte_stride, place_of(b, i), group, FILL_HIGH,
                       patch + bytes);
    }
}

/* v [rows][positions, outs] += the convolution of the images in the bytes. */
static void forward_batch(const context *c, const batch *b, int64_t group, int32_t *v,
                          int64_t stride)
{
    const bp_patches *g = &c->linear->geometry;
    const bp_matrix *matrix = &c->linear->matrices[group];
    const int64_t outs = g->outs / g->groups, ins = matrix->part[0].ins;
    const int64_t bytes = round_up(ins, 64);
    copy_patches(c, b, group, bytes);
    for (int64_t part = 0; part < matrix->parts; part++) {
        const bp_packed *w = &matrix->part[part];
        const int64_t apart = bp_padded_outs(w);
        const bp_product p =
            product_of(c, w, c->space->patches, bytes, b->count * c->planes, apart);
        c->space->kernels.forward(&p);
        for (int64_t i = 0; i < b->count; i++)
            add_products(c, part, p.acc + i * c->planes * apart, apart, outs,
                         offset_term(c, p.rows + i * c->planes * bytes, bytes, ins),
                         matrix->out_sums,
                         v + row_of(b, i) * stride + place_of(b, i) * g->outs + group * outs);
    }
}

/* Add the products of one patch, [tap][channel of the group], to the image v. */
static void add_patch(const context *c, int64_t part, const int32_t *products, int64_t apart,
                      int64_t position, int64_t group, int32_t same, int32_t *v)
{
    const bp_patches *g = &c->linear->geometry;
    const int64_t deep = g->channels / g->groups;
    const int whole = g->groups == 1 && g->dilations[1] == 1;
    for (int64_t i = 0; i < g->kernel[0]; i++) {
        const run inside = run_of(g, position, i);
        const int64_t steps = whole ? inside.count > 0 : inside.count;
        const int64_t n = whole ? inside.count * deep : deep;
        for (int64_t j = 0; j < steps; j++) {
            const int64_t tap = (i * g->kernel[1] + inside.first + j) * deep;
            const int64_t pixel = inside.pixel + j * g->dilations[1];
            add_products(c, part, products + tap, apart, n, same,
                         c->linear->matrices[group].in_sums + tap,
                         v + pixel * g->channels + group * deep);
        }
    }
}

/* v [rows][image] += the adjoint of the convolution at [positions, outs] in the bytes. */
static void transposed_batch(const context *c, const batch *b, int64_t group, int32_t *v,
                             int64_t stride)
{
    const bp_patches *g = &c->linear->geometry;
    const bp_matrix *matrix = &c->linear->matrices[group];
    const int64_t outs = g->outs / g->groups, bytes = round_up(outs, 64);
    for (int64_t i = 0; i < b->count * c->planes; i++) {
        const int64_t at = i / c->planes, row = row_of(b, at) * c->planes + i % c->planes;
        const int8_t *from = c->space->bytes + row * c->space->byte_stride;
        memcpy(c->space->patches + i * bytes, from + place_of(b, at) * g->outs + group * outs,
               (size_t)outs);
    }
    for (int64_t part = 0; part < matrix->parts; part++) {
        const bp_packed *w = &matrix->part[part];
        const int64_t apart = bp_padded_ins(w);
        const bp_product p =
            product_of(c, w, c->space->patches, bytes, b->count * c->planes, apart);
        c->space->kernels.transposed(&p);
        for (int64_t i = 0; i < b->count; i++)
            add_patch(c, part, p.acc + i * c->planes * apart, apart, place_of(b, i), group,
                      offset_term(c, p.rows + i * c->planes * bytes, bytes, outs),
                      v + row_of(b, i) * stride);
    }
}

static void patches(const context *c, int transposed, int64_t rows, int32_t *v, int64_t stride)
{
    const bp_patches *g = &c->linear->geometry;
    const int64_t positions = g->rows * g->columns, block = BP_PATCHES / c->planes;
    for (int64_t group = 0; group < g->groups; group++) {
        for (int64_t n = 0; n < rows * positions; n += block) {
            const int64_t left = rows * positions - n;
            const batch b = {positions, n, left < block ? left : block};
            (transposed ? transposed_batch : forward_batch)(c, &b, group, v, stride);
        }
    }
}

/* --- nodes ----------------------------------------------------------------------------------- */

static void apply(const context *c, int transposed, int64_t rows, int32_t *v, int64_t stride)
{
    (is_vector(&c->linear->geometry) ? vectors : patches)(c, transposed, rows, v, stride);
}

void bp_linear_forward(bp_space *space, bp_state *state, const bp_integer_program *program,
                       int64_t node, int64_t rows)
{
    const bp_integer_node *at = &program->nodes[node];
    const bp_linear_node *linear = at->as.linear;
    const context c = {space, linear, planes_of(linear->input_limit)};
    const int64_t size = program->sizes[at->target], stride = state->strides[at->target];
    for (int64_t r = 0; r < rows; r++) {
        put_bytes(&c, r, state->values[at->source] + r * state->strides[at->source],
                  program->sizes[at->source]);
        for (int64_t i = 0; i < size; i += at->period)
            memcpy(state->sums[node] + r * stride + i, linear->bias,
                   (size_t)at->period * sizeof(int32_t));
    }
    apply(&c, at->kind == BP_CONV_TRANSPOSE, rows, state->sums[node], stride);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = r * stride; i < r * stride + size; i += at->period)
            space->kernels.requantise(&linear->requantiser, state->sums[node] + i, at->period,
                                      state->values[at->target] + i);
    }
}

/* Multiply row r of the output's cotangent by the slopes and normalise it into the bytes; return
 * the exponent. */
static int64_t put_cotangent(const context *c, const bp_state *state,
                             const bp_integer_program *program, int64_t node, int64_t r)
{
    const bp_integer_node *at = &program->nodes[node];
    const bp_linear_node *l = c->linear;
    const bp_cotangent *given = &state->cotangents[at->target];
    int32_t *row = given->mantissa + r * given->stride;
    const int32_t *gate = state->sums[node] + r * given->stride;
    const int64_t size = program->sizes[at->target];
    int64_t largest = 0;
    for (int64_t i = 0; i < size; i += at->period) {
        const int64_t found = c->space->kernels.largest(row + i, gate + i, l->slope_positive,
                                                        l->slope_negative, at->period);
        largest = found > largest ? found : largest;
    }
    const int shift = bp_normalising_shift(largest, l->cotangent_limit);
    int32_t *scaled = (int32_t *)(void *)c->space->wide;
    for (int64_t i = 0; i < size; i += at->period)
        c->space->kernels.slope(row + i, gate + i, l->slope_positive, l->slope_negative,
                                at->period, shift, scaled + i);
    put_bytes(c, r, scaled, size);
    return given->exponent[r] + shift;
}

void bp_linear_adjoint(bp_space *space, bp_state *state, const bp_integer_program *program,
                       int64_t node, int64_t rows)
{
    const bp_integer_node *at = &program->nodes[node];
    const bp_linear_node *linear = at->as.linear;
    const context c = {space, linear, planes_of(linear->cotangent_limit)};
    bp_cotangent *source = &state->cotangents[at->source];
    const int64_t size = program->sizes[at->source];
    for (int64_t r = 0; r < rows; r++)
        space->exponents[r] = put_cotangent(&c, state, program, node, r);
    int32_t *v = linear->merge.present ? space->further : source->mantissa;
    for (int64_t r = 0; r < rows; r++)
        memset(v + r * source->stride, 0, (size_t)size * sizeof *v);
    apply(&c, at->kind != BP_CONV_TRANSPOSE, rows, v, source->stride);
    for (int64_t r = 0; r < rows; r++)
        bp_give(source, &linear->merge, r, v + r * source->stride, size, space->exponents[r]);
}
