/* Convolution of one sample, both directions, as blocked matrix products; included once per kernel.
 *
 * Lanes are neighbouring positions of the patch side, weights are broadcast. A block of weights is
 * decoded into a small panel on the stack; patches are gathered for a tile of positions and a block
 * of taps at a time, never as a whole. The block sizes are fixed, so the order of additions is too.
 */
#include <string.h>

#include "float_linear.h"

#define TALL (TILE / 2) /* weights that are broadcast together */
#define WIDE 3          /* vectors of positions they meet */
#define DEEP BP_DEEP

/* c[m][n] (+)= sum_k a[m * a_row + k * a_step] * p[k][n]; the last vector has `part` lanes. */
INLINE void product_tile(const int tall, const int wide, const int whole, const float *a,
                         int64_t a_row, int64_t a_step, int64_t depth, const float *p,
                         int64_t p_stride, float *c, int64_t c_stride, int add, int64_t part)
{
    V sums[8][WIDE];
    for (int m = 0; m < tall; m++)
        for (int n = 0; n < wide; n++)
            sums[m][n] = v_set(0.0f);
    for (int64_t k = 0; k < depth; k++) {
        V values[WIDE];
        for (int n = 0; n < wide; n++)
            values[n] = whole ? v_load(p + k * p_stride + n * VL) : v_load_part(p + k * p_stride, part);
        for (int m = 0; m < tall; m++) {
            V weight = v_set(a[m * a_row + k * a_step]);
            for (int n = 0; n < wide; n++)
                sums[m][n] = v_fma(weight, values[n], sums[m][n]);
        }
    }
    for (int m = 0; m < tall; m++)
        for (int n = 0; n < wide; n++) {
            float *to = c + m * c_stride + n * VL;
            V sum = sums[m][n];
            if (add)
                sum = sum + (whole ? v_load(to) : v_load_part(to, part));
            if (whole)
                v_store(to, sum);
            else
                v_store_part(to, sum, part);
        }
}

INLINE void product_rows(const int tall, const float *a, int64_t a_row, int64_t a_step,
                         int64_t depth, const float *p, int64_t p_stride, int64_t width, float *c,
                         int64_t c_stride, int add)
{
    int64_t n = 0;
    for (; n + WIDE * VL <= width; n += WIDE * VL)
        product_tile(tall, WIDE, 1, a, a_row, a_step, depth, p + n, p_stride, c + n, c_stride, add, 0);
    for (; n + VL <= width; n += VL)
        product_tile(tall, 1, 1, a, a_row, a_step, depth, p + n, p_stride, c + n, c_stride, add, 0);
    if (n < width)
        product_tile(tall, 1, 0, a, a_row, a_step, depth, p + n, p_stride, c + n, c_stride, add,
                     width - n);
}

/* The same for `height` rows of a, TALL at a time where there are as many. */
static void product(const float *a, int64_t a_row, int64_t a_step, int64_t height, int64_t depth,
                    const float *p, int64_t p_stride, int64_t width, float *c, int64_t c_stride,
                    int add)
{
    int64_t m = 0;
    for (; m + TALL <= height; m += TALL)
        product_rows(TALL, a + m * a_row, a_row, a_step, depth, p, p_stride, width,
                     c + m * c_stride, c_stride, add);
    for (; m < height; m++)
        product_rows(1, a + m * a_row, a_row, a_step, depth, p, p_stride, width, c + m * c_stride,
                     c_stride, add);
}

/* Decode groups of 16 columns `first` .. `last` - 1 of one row into the grid's integers. */
INLINE void decode_bits(const bp_weight *weight, const int bits, int64_t row, int64_t first,
                        int64_t last, float *out)
{
    const int per = 32 / bits;
    const V table = v_table(bits);
    const V multiplier = v_set(weight->multiplier), extra = v_set(weight->extra);
    for (int64_t group = first; group < last; group++) {
        const uint32_t *words = bp_row(weight, row) + group / per * BP_LANES;
        int shift = (int)(group % per) * bits;
        for (int lane = 0; lane < BP_LANES; lane += VL) {
            V v = v_decode(v_words(words + lane) >> (shift & 31), bits, table);
            v_store(out + (group - first) * BP_LANES + lane,
                    bits < 32 ? v_fma(v, multiplier, extra) : v);
        }
    }
}

static void decode(const bp_weight *weight, int64_t row, int64_t first, int64_t last, float *out)
{
    switch (weight->bits) {
    case 1: decode_bits(weight, 1, row, first, last, out); break;
    case 2: decode_bits(weight, 2, row, first, last, out); break;
    case 3: decode_bits(weight, 3, row, first, last, out); break;
    case 4: decode_bits(weight, 4, row, first, last, out); break;
    case 5: decode_bits(weight, 5, row, first, last, out); break;
    case 6: decode_bits(weight, 6, row, first, last, out); break;
    case 7: decode_bits(weight, 7, row, first, last, out); break;
    case 8: decode_bits(weight, 8, row, first, last, out); break;
    default: decode_bits(weight, 32, row, first, last, out); break;
    }
}

/* Copy every `step`-th of a run of floats. May read and write a vector past the end. */
INLINE void gather_run(const float *from, int64_t step, int64_t count, float *to)
{
    int64_t s = 0;
    if (step == 1)
        for (; s < count; s += VL)
            v_store(to + s, v_load(from + s));
    else if (step == 2)
        for (; s < count; s += VL)
            v_store(to + s, v_load_pairs(from + 2 * s));
    for (; s < count; s++)
        to[s] = from[s * step];
}

/* Add a run to every `step`-th of the floats at `to`. May add zeros past the end. */
INLINE void add_run(const float *from, int64_t step, int64_t count, float *to)
{
    int64_t s = 0;
    if (step == 1) {
        for (; s + VL <= count; s += VL)
            v_store(to + s, v_load(to + s) + v_load(from + s));
        if (VL > 1 && s < count) {
            v_store_part(to + s, v_load_part(to + s, count - s) + v_load_part(from + s, count - s),
                         count - s);
            s = count;
        }
    } else if (step == 2) {
        for (; s < count; s += VL)
            v_add_pairs(to + 2 * s, v_load_part(from + s, count - s));
    }
    for (; s < count; s++)
        to[s * step] += from[s];
}

/* The dense side, zeros around it. */
static void pad(const bp_geometry *g, const float *x, float *dense)
{
    const bp_padded size = bp_padded_of(g);
    memset(dense, 0, (size_t)bp_padded_floats(g) * sizeof *dense);
    for (int64_t channel = 0; channel < g->channels; channel++)
        for (int64_t i = 0; i < g->height; i++)
            memcpy(dense + (channel * size.height + g->top + i) * size.width + g->left,
                   x + (channel * g->height + i) * g->width, (size_t)g->width * sizeof *x);
}

static void crop(const bp_geometry *g, const float *dense, float *x)
{
    const bp_padded size = bp_padded_of(g);
    for (int64_t channel = 0; channel < g->channels; channel++)
        for (int64_t i = 0; i < g->height; i++)
            memcpy(x + (channel * g->height + i) * g->width,
                   dense + (channel * size.height + g->top + i) * size.width + g->left,
                   (size_t)g->width * sizeof *x);
}

/* The rows of the patch side that are worked on together, in one group of channels. */
typedef struct {
    int64_t group, row, count;
} part;

static void correlate_part(const bp_weight *weight, const bp_geometry *g, part at,
                           const float *dense, float *patches, float *y)
{
    const bp_padded size = bp_padded_of(g);
    const int64_t outer = g->outputs / g->groups, inner = g->channels / g->groups;
    const int64_t positions = g->rows * g->columns, width = at.count * g->columns;
    const float *channels = dense + at.group * inner * size.height * size.width;
    for (int64_t first = 0; first < weight->columns; first += DEEP) {
        int64_t depth = weight->columns - first < DEEP ? weight->columns - first : DEEP;
        for (int64_t k = 0; k < depth; k++) {
            const float *from = channels + bp_tap(g, size, first + k);
            for (int64_t r = 0; r < at.count; r++)
                gather_run(from + (at.row + r) * g->strides[0] * size.width, g->strides[1],
                           g->columns, patches + k * width + r * g->columns);
        }
        for (int64_t o = 0; o < outer; o += TALL) {
            float panel[TALL * DEEP] __attribute__((aligned(64)));
            int64_t height = outer - o < TALL ? outer - o : TALL;
            for (int64_t m = 0; m < height; m++)
                decode(weight, at.group * outer + o + m, first / BP_LANES,
                       (first + depth + BP_LANES - 1) / BP_LANES, panel + m * DEEP);
            product(panel, DEEP, 1, height, depth, patches, width, width,
                    y + (at.group * outer + o) * positions + at.row * g->columns, positions,
                    first > 0);
        }
    }
}

static void scatter_part(const bp_weight *weight, const bp_geometry *g, part at, const float *y,
                         float *patches, float *dense)
{
    const bp_padded size = bp_padded_of(g);
    const int64_t outer = g->outputs / g->groups, inner = g->channels / g->groups;
    const int64_t positions = g->rows * g->columns, width = at.count * g->columns;
    float *channels = dense + at.group * inner * size.height * size.width;
    for (int64_t first = 0; first < weight->columns; first += BP_LANES) {
        int64_t taps = weight->columns - first < BP_LANES ? weight->columns - first : BP_LANES;
        for (int64_t o = 0; o < outer; o += DEEP) {
            float panel[DEEP * BP_LANES] __attribute__((aligned(64)));
            int64_t depth = outer - o < DEEP ? outer - o : DEEP;
            for (int64_t k = 0; k < depth; k++)
                decode(weight, at.group * outer + o + k, first / BP_LANES, first / BP_LANES + 1,
                       panel + k * BP_LANES);
            product(panel, 1, BP_LANES, taps, depth,
                    y + (at.group * outer + o) * positions + at.row * g->columns, positions, width,
                    patches, width, o > 0);
        }
        for (int64_t k = 0; k < taps; k++) {
            float *to = channels + bp_tap(g, size, first + k);
            for (int64_t r = 0; r < at.count; r++)
                add_run(patches + k * width + r * g->columns, g->strides[1], g->columns,
                        to + (at.row + r) * g->strides[0] * size.width);
        }
    }
}

/* Whether all patches are one: then the product is one with a vector. */
static int single(const bp_geometry *g)
{
    return g->rows * g->columns == 1 && g->groups == 1;
}

static void correlate(const bp_weight *weight, const bp_geometry *g, const float *x, float *y,
                      float *scratch)
{
    float *dense = scratch, *patches = scratch + bp_padded_floats(g);
    pad(g, x, dense);
    if (single(g)) {
        for (int64_t k = 0; k < weight->columns; k++)
            patches[k] = dense[bp_tap(g, bp_padded_of(g), k)];
        forward(weight, patches, weight->columns, 1, y, weight->rows);
        return;
    }
    const int64_t step = bp_rows_at_a_time(g);
    for (int64_t group = 0; group < g->groups; group++)
        for (int64_t row = 0; row < g->rows; row += step) {
            int64_t count = g->rows - row < step ? g->rows - row : step;
            correlate_part(weight, g, (part){group, row, count}, dense, patches, y);
        }
}

static void scatter(const bp_weight *weight, const bp_geometry *g, const float *y, float *x,
                    float *scratch)
{
    float *dense = scratch, *patches = scratch + bp_padded_floats(g);
    memset(dense, 0, (size_t)bp_padded_floats(g) * sizeof *dense);
    if (single(g)) {
        adjoint(weight, y, weight->rows, 1, patches, weight->columns);
        for (int64_t k = 0; k < weight->columns; k++)
            dense[bp_tap(g, bp_padded_of(g), k)] += patches[k];
    } else {
        const int64_t step = bp_rows_at_a_time(g);
        for (int64_t group = 0; group < g->groups; group++)
            for (int64_t row = 0; row < g->rows; row += step) {
                int64_t count = g->rows - row < step ? g->rows - row : step;
                scatter_part(weight, g, (part){group, row, count}, y, patches, dense);
            }
    }
    crop(g, dense, x);
}
