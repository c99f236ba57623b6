/* Products with a packed matrix, in both directions; included once per kernel.
 *
 * The order of additions of one result depends neither on how many rows go together nor on the
 * tile it falls into, so a row comes out the same, bit for bit, in any batch.
 */
#include "float_kernels.h"

/* Codes come out of a word one by one: from its lowest bits if they are looked up in a table, which
 * ignores what is above, else from its highest, where a shift brings the sign along.
 * Bring `span` codes from number t on into place: */
INLINE VU first_code(VU words, const int bits, int t, int span)
{
    if (bits == 32)
        return words;
    return bits <= BY_TABLE ? words >> (t * bits) : words << (32 - (t + span) * bits);
}

/* ... the next code ... */
INLINE VU next_code(VU words, const int bits)
{
    if (bits == 32)
        return words;
    return bits <= BY_TABLE ? words >> (bits & 31) : words << (bits & 31);
}

/* ... and which of the `span` the i-th is. */
INLINE int position(const int bits, int i, int span)
{
    return bits <= BY_TABLE ? i : span - 1 - i;
}

/* Whether codes are single bits, told by a mask where the word is: 0, or -1 where the bit is set. */
#define MASKED(bits) ((bits) == 1 && BY_MASK)

INLINE VU bit_of(int t) { return (VU){0} + (1u << (t & 31)); }

/* Sums of `outputs` weight rows from `row` on with `count` vectors x: y[r][o] = sum_i v[o,i] x[r][i]. */
INLINE void forward_tile(const bp_weight *weight, const int bits, const int outputs, const int count,
                         int64_t row, const float *x, int64_t x_stride, float *y, int64_t y_stride)
{
    const int per = 32 / bits;
    const V table = v_table(bits);
    const int64_t whole = weight->columns / (per * BP_LANES);
    V sums[8][4];
    for (int o = 0; o < outputs; o++)
        for (int r = 0; r < count; r++)
            sums[o][r] = v_set(0.0f);
    for (int64_t block = 0; block < weight->blocks; block++) {
        const float *at = x + block * per * BP_LANES;
        int64_t left = weight->columns - block * per * BP_LANES;
        for (int lane = 0; lane < BP_LANES; lane += VL) {
            VU words[8];
            for (int o = 0; o < outputs; o++) {
                words[o] = v_words(bp_row(weight, row + o) + block * BP_LANES + lane);
                words[o] = first_code(words[o], bits, 0, per);
            }
            for (int i = 0; i < per; i++) {
                const int t = position(bits, i, per);
                const float *from = at + t * BP_LANES + lane;
                int64_t here = left - t * BP_LANES - lane;
                V values[4];
                for (int r = 0; r < count && here > 0; r++)
                    values[r] = block < whole || here >= VL ? v_load(from + r * x_stride)
                                                            : v_load_part(from + r * x_stride, here);
                for (int o = 0; o < outputs; o++) {
                    if (here > 0)
                        for (int r = 0; r < count; r++)
                            sums[o][r] =
                                MASKED(bits)
                                    ? v_less_where(words[o], bit_of(t), sums[o][r], values[r])
                                    : v_fma(v_decode(words[o], bits, table), values[r], sums[o][r]);
                    if (!MASKED(bits))
                        words[o] = next_code(words[o], bits);
                }
            }
        }
    }
    for (int o = 0; o < outputs; o++)
        for (int r = 0; r < count; r++)
            y[r * y_stride + o] = v_sum(sums[o][r]);
}

#define GROUP (TILE / 4) /* outputs that go together with 4 vectors */

INLINE void forward_bits(const bp_weight *weight, const int bits, const float *x, int64_t x_stride,
                         int64_t count, float *y, int64_t y_stride)
{
    int64_t r = 0;
    for (; r + 4 <= count; r += 4) {
        const float *from = x + r * x_stride;
        float *to = y + r * y_stride;
        int64_t o = 0;
        for (; o + GROUP <= weight->rows; o += GROUP)
            forward_tile(weight, bits, GROUP, 4, o, from, x_stride, to + o, y_stride);
        for (; o < weight->rows; o++)
            forward_tile(weight, bits, 1, 4, o, from, x_stride, to + o, y_stride);
    }
    for (; r < count; r++) {
        const float *from = x + r * x_stride;
        float *to = y + r * y_stride;
        int64_t o = 0;
        for (; o + 8 <= weight->rows; o += 8)
            forward_tile(weight, bits, 8, 1, o, from, x_stride, to + o, y_stride);
        for (; o < weight->rows; o++)
            forward_tile(weight, bits, 1, 1, o, from, x_stride, to + o, y_stride);
    }
}

/* g[r][i] = sum_o v[o,i] c[r][o] for `span` groups of 16 columns from group t of a block on. */
INLINE void adjoint_tile(const bp_weight *weight, const int bits, const int span, const int count,
                         int64_t block, int t, const float *c, int64_t c_stride, float *g,
                         int64_t g_stride)
{
    const int per = 32 / bits;
    const V table = v_table(bits);
    const int64_t stride = weight->blocks * BP_LANES;
    for (int lane = 0; lane < BP_LANES; lane += VL) {
        const uint32_t *from = weight->words + block * BP_LANES + lane;
        V sums[8][4];
        for (int s = 0; s < span; s++)
            for (int r = 0; r < count; r++)
                sums[s][r] = v_set(0.0f);
        for (int64_t o = 0; o < weight->rows; o++) {
            V values[4];
            VU words = v_words(from + o * stride);
            if (!MASKED(bits))
                words = first_code(words, bits, t, span);
            for (int r = 0; r < count; r++)
                values[r] = v_set(c[r * c_stride + o]);
            for (int s = 0; s < span; s++) {
                /* Of float weights a group is a block, and neighbours lie side by side. */
                if (bits == 32)
                    words = v_words(from + o * stride + s * BP_LANES);
                V v = v_decode(words, bits, table);
                for (int r = 0; r < count; r++)
                    sums[s][r] = MASKED(bits)
                                     ? v_less_where(words, bit_of(t + s), sums[s][r], values[r])
                                     : v_fma(v, values[r], sums[s][r]);
                if (!MASKED(bits))
                    words = next_code(words, bits);
            }
        }
        for (int s = 0; s < span; s++) {
            int place = MASKED(bits) || bits == 32 ? s : position(bits, s, span);
            int64_t column = (block * per + t + place) * BP_LANES + lane;
            for (int r = 0; r < count; r++)
                v_store_part(g + r * g_stride + column, sums[s][r], weight->columns - column);
        }
    }
}

INLINE void adjoint_rows(const bp_weight *weight, const int bits, const int count, const float *c,
                         int64_t c_stride, float *g, int64_t g_stride)
{
    const int per = 32 / bits;
    const int64_t groups = (weight->columns + BP_LANES - 1) / BP_LANES;
    for (int64_t group = 0; group < groups;) {
        int64_t block = group / per;
        int t = (int)(group % per);
        int64_t left = bits < 32 && per - t < groups - group ? per - t : groups - group;
        if (count * 8 <= TILE && left >= 8) {
            adjoint_tile(weight, bits, 8, count, block, t, c, c_stride, g, g_stride);
            group += 8;
        } else if (count * 4 <= TILE && left >= 4) {
            adjoint_tile(weight, bits, 4, count, block, t, c, c_stride, g, g_stride);
            group += 4;
        } else if (left >= 2) {
            adjoint_tile(weight, bits, 2, count, block, t, c, c_stride, g, g_stride);
            group += 2;
        } else {
            adjoint_tile(weight, bits, 1, count, block, t, c, c_stride, g, g_stride);
            group += 1;
        }
    }
}

INLINE void adjoint_bits(const bp_weight *weight, const int bits, const float *c, int64_t c_stride,
                         int64_t count, float *g, int64_t g_stride)
{
    int64_t r = 0;
    for (; r + 4 <= count; r += 4)
        adjoint_rows(weight, bits, 4, c + r * c_stride, c_stride, g + r * g_stride, g_stride);
    for (; r < count; r++)
        adjoint_rows(weight, bits, 1, c + r * c_stride, c_stride, g + r * g_stride, g_stride);
}

/* One compiled body for every bit width. */
#define FOR_BITS(direction, weight, ...) \
    switch ((weight)->bits) { \
    case 1: direction(weight, 1, __VA_ARGS__); break; \
    case 2: direction(weight, 2, __VA_ARGS__); break; \
    case 3: direction(weight, 3, __VA_ARGS__); break; \
    case 4: direction(weight, 4, __VA_ARGS__); break; \
    case 5: direction(weight, 5, __VA_ARGS__); break; \
    case 6: direction(weight, 6, __VA_ARGS__); break; \
    case 7: direction(weight, 7, __VA_ARGS__); break; \
    case 8: direction(weight, 8, __VA_ARGS__); break; \
    default: direction(weight, 32, __VA_ARGS__); break; \
    }

/* Sum of a[i] * b[i]; of a[i] alone if b is NULL. In 16 parts, which keeps rounding small. */
static float dot(const float *a, const float *b, int64_t size)
{
    V sums[BP_LANES / VL], one = v_set(1.0f);
    for (int lane = 0; lane < BP_LANES / VL; lane++)
        sums[lane] = v_set(0.0f);
    for (int64_t i = 0; i < size; i += BP_LANES)
        for (int lane = 0; lane < BP_LANES / VL; lane++) {
            int64_t at = i + lane * VL, left = size - at;
            V factor = b && left > 0 ? v_load_part(b + at, left) : one;
            if (left > 0)
                sums[lane] = v_fma(v_load_part(a + at, left), factor, sums[lane]);
        }
    float sum = 0.0f;
    for (int lane = 0; lane < BP_LANES / VL; lane++)
        sum += v_sum(sums[lane]);
    return sum;
}

/* Turn sums of centred codes v into sums of the grid's integers, multiplier * v + extra. */
static void centre(const bp_weight *weight, const float *in, int64_t in_stride, int64_t in_size,
                   int64_t count, float *out, int64_t out_stride, int64_t out_size)
{
    if (weight->extra == 0.0f)
        return;
    for (int64_t r = 0; r < count; r++) {
        float more = weight->extra * dot(in + r * in_stride, NULL, in_size);
        for (int64_t i = 0; i < out_size; i++)
            out[r * out_stride + i] = out[r * out_stride + i] * weight->multiplier + more;
    }
}

static void forward(const bp_weight *weight, const float *x, int64_t x_stride, int64_t count,
                    float *y, int64_t y_stride)
{
    FOR_BITS(forward_bits, weight, x, x_stride, count, y, y_stride)
    centre(weight, x, x_stride, weight->columns, count, y, y_stride, weight->rows);
}

static void adjoint(const bp_weight *weight, const float *c, int64_t c_stride, int64_t count,
                    float *g, int64_t g_stride)
{
    FOR_BITS(adjoint_bits, weight, c, c_stride, count, g, g_stride)
    centre(weight, c, c_stride, weight->rows, count, g, g_stride, weight->columns);
}
