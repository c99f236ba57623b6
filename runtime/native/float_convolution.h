/* Convolution, both directions, as blocked matrix products; included once per kernel.
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

/* Decode groups `first` .. `last` - 1 of 16 columns, of `height` rows, into the grid's integers. */
INLINE void decode_bits(const bp_weight *weight, const int bits, int64_t row, int64_t height,
                        int64_t first, int64_t last, float *out, int64_t out_stride)
{
    const int per = 32 / bits;
    const V table = v_table(bits);
    const V multiplier = v_set(weight->multiplier), extra = v_set(weight->extra);
    for (int64_t group = first; group < last; group++) {
        const uint32_t *words = bp_row(weight, row) + group / per * BP_LANES;
        const int t = (int)(group % per);
        float *to = out + (group - first) * BP_LANES;
        for (int64_t m = 0; m < height; m++)
            for (int lane = 0; lane < BP_LANES; lane += VL) {
                VU code = v_words(words + m * weight->blocks * BP_LANES + lane);
                V v = v_decode(first_code(code, bits, t, 1), bits, table);
                v_store(to + m * out_stride + lane, bits < 32 ? v_fma(v, multiplier, extra) : v);
            }
    }
}

static void decode(const bp_weight *weight, int64_t row, int64_t height, int64_t first,
                   int64_t last, float *out, int64_t out_stride)
{
    FOR_BITS(decode_bits, weight, row, height, first, last, out, out_stride)
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

/* What is worked on together: some rows of the patch side of one group, of some samples. */
typedef struct {
    int64_t samples, group, row, count;
} part;

static void gather(const bp_geometry *g, part at, const float *dense, int64_t first, int64_t depth,
                   float *patches)
{
    const bp_padded size = bp_padded_of(g);
    const int64_t inner = g->channels / g->groups, width = at.count * g->columns;
    const float *channels = dense + at.group * inner * size.height * size.width;
    for (int64_t k = 0; k < depth; k++) {
        const float *from = channels + bp_tap(g, size, first + k);
        for (int64_t s = 0; s < at.samples; s++)
            for (int64_t r = 0; r < at.count; r++)
                gather_run(from + s * bp_padded_floats(g) +
                               (at.row + r) * g->strides[0] * size.width,
                           g->strides[1], g->columns,
                           patches + (k * at.samples + s) * width + r * g->columns);
    }
}

static void correlate_part(const bp_weight *weight, const bp_geometry *g, part at,
                           const float *dense, float *patches, float *y, int64_t y_stride)
{
    const int64_t outer = g->outputs / g->groups, positions = g->rows * g->columns;
    const int64_t width = at.count * g->columns, together = at.samples * width;
    for (int64_t first = 0; first < weight->columns; first += DEEP) {
        int64_t depth = weight->columns - first < DEEP ? weight->columns - first : DEEP;
        gather(g, at, dense, first, depth, patches);
        for (int64_t o = 0; o < outer; o += TALL) {
            float panel[TALL * DEEP] __attribute__((aligned(64)));
            int64_t height = outer - o < TALL ? outer - o : TALL;
            decode(weight, at.group * outer + o, height, first / BP_LANES,
                   (first + depth + BP_LANES - 1) / BP_LANES, panel, DEEP);
            float *to = y + (at.group * outer + o) * positions + at.row * g->columns;
            for (int64_t s = 0; s < at.samples; s++)
                product(panel, DEEP, 1, height, depth, patches + s * width, together, width,
                        to + s * y_stride, positions, first > 0);
        }
    }
}

static void scatter_part(const bp_weight *weight, const bp_geometry *g, part at, const float *y,
                         int64_t y_stride, float *patches, float *dense)
{
    const bp_padded size = bp_padded_of(g);
    const int64_t outer = g->outputs / g->groups, inner = g->channels / g->groups;
    const int64_t positions = g->rows * g->columns;
    const int64_t width = at.count * g->columns, together = at.samples * width;
    float *channels = dense + at.group * inner * size.height * size.width;
    for (int64_t first = 0; first < weight->columns; first += BP_LANES) {
        int64_t taps = weight->columns - first < BP_LANES ? weight->columns - first : BP_LANES;
        for (int64_t o = 0; o < outer; o += DEEP) {
            float panel[DEEP * BP_LANES] __attribute__((aligned(64)));
            int64_t depth = outer - o < DEEP ? outer - o : DEEP;
            decode(weight, at.group * outer + o, depth, first / BP_LANES, first / BP_LANES + 1,
                   panel, BP_LANES);
            const float *from = y + (at.group * outer + o) * positions + at.row * g->columns;
            for (int64_t s = 0; s < at.samples; s++)
                product(panel, 1, BP_LANES, taps, depth, from + s * y_stride, positions, width,
                        patches + s * width, together, o > 0);
        }
        for (int64_t k = 0; k < taps; k++) {
            float *to = channels + bp_tap(g, size, first + k);
            for (int64_t s = 0; s < at.samples; s++)
                for (int64_t r = 0; r < at.count; r++)
                    add_run(patches + k * together + s * width + r * g->columns, g->strides[1],
                            g->columns,
                            to + s * bp_padded_floats(g) +
                                (at.row + r) * g->strides[0] * size.width);
        }
    }
}

/* Whether a sample has one patch only: then the product is one with a vector. */
static int single(const bp_geometry *g)
{
    return g->rows * g->columns == 1 && g->groups == 1;
}

static void correlate_samples(const bp_weight *weight, const bp_geometry *g, int64_t samples,
                              const float *x, int64_t x_stride, float *y, int64_t y_stride,
                              float *scratch)
{
    const int64_t each = bp_padded_floats(g), step = bp_rows_at_a_time(g);
    float *dense = scratch, *patches = scratch + samples * each;
    for (int64_t s = 0; s < samples; s++)
        pad(g, x + s * x_stride, dense + s * each);
    if (single(g)) {
        for (int64_t s = 0; s < samples; s++)
            for (int64_t k = 0; k < weight->columns; k++)
                patches[s * weight->columns + k] = dense[s * each + bp_tap(g, bp_padded_of(g), k)];
        forward(weight, patches, weight->columns, samples, y, y_stride);
        return;
    }
    for (int64_t group = 0; group < g->groups; group++)
        for (int64_t row = 0; row < g->rows; row += step) {
            int64_t count = g->rows - row < step ? g->rows - row : step;
            correlate_part(weight, g, (part){samples, group, row, count}, dense, patches, y,
                           y_stride);
        }
}

static void scatter_samples(const bp_weight *weight, const bp_geometry *g, int64_t samples,
                            const float *y, int64_t y_stride, float *x, int64_t x_stride,
                            float *scratch)
{
    const int64_t each = bp_padded_floats(g), step = bp_rows_at_a_time(g);
    float *dense = scratch, *patches = scratch + samples * each;
    memset(dense, 0, (size_t)(samples * each) * sizeof *dense);
    if (single(g)) {
        adjoint(weight, y, y_stride, samples, patches, weight->columns);
        for (int64_t s = 0; s < samples; s++)
            for (int64_t k = 0; k < weight->columns; k++)
                dense[s * each + bp_tap(g, bp_padded_of(g), k)] += patches[s * weight->columns + k];
    } else {
        for (int64_t group = 0; group < g->groups; group++)
            for (int64_t row = 0; row < g->rows; row += step) {
                int64_t count = g->rows - row < step ? g->rows - row : step;
                scatter_part(weight, g, (part){samples, group, row, count}, y, y_stride, patches,
                             dense);
            }
    }
    for (int64_t s = 0; s < samples; s++)
        crop(g, dense + s * each, x + s * x_stride);
}

static void correlate(const bp_weight *weight, const bp_geometry *g, int64_t samples,
                      const float *x, int64_t x_stride, float *y, int64_t y_stride, float *scratch)
{
    const int64_t step = bp_samples_at_a_time(g);
    for (int64_t s = 0; s < samples; s += step)
        correlate_samples(weight, g, samples - s < step ? samples - s : step, x + s * x_stride,
                          x_stride, y + s * y_stride, y_stride, scratch);
}

static void scatter(const bp_weight *weight, const bp_geometry *g, int64_t samples, const float *y,
                    int64_t y_stride, float *x, int64_t x_stride, float *scratch)
{
    const int64_t step = bp_samples_at_a_time(g);
    for (int64_t s = 0; s < samples; s += step)
        scatter_samples(weight, g, samples - s < step ? samples - s : step, y + s * y_stride,
                        y_stride, x + s * x_stride, x_stride, scratch);
}
