#include "solver.h"

#include <math.h>
#include <string.h>

/* SMALLEST_NORM of solvers/latents.py. */
static const float SMALLEST_NORM = 1e-12f;

/* Magnitude for ranking: NaN below everything. */
static float magnitude(float value)
{
    return isnan(value) ? -1.0f : fabsf(value);
}

/* The `rank`-th largest (from 0) of `values`, which get reordered (Hoare's selection). */
static float select_largest(float *values, int64_t count, int64_t rank)
{
    int64_t low = 0, high = count - 1;
    while (low < high) {
        float pivot = values[low + (high - low) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (values[i] > pivot)
                i++;
            while (values[j] < pivot)
                j--;
            if (i <= j) {
                float swapped = values[i];
                values[i++] = values[j];
                values[j--] = swapped;
            }
        }
        if (rank <= j)
            high = j;
        else if (rank >= i)
            low = i;
        else
            break;
    }
    return values[rank];
}

void bp_hard_threshold(float *z, int64_t k, int64_t s, float *scratch)
{
    if (s < 0 || s >= k)
        return;
    for (int64_t i = 0; i < k; i++)
        scratch[i] = magnitude(z[i]);
    float least = s > 0 ? select_largest(scratch, k, s - 1) : INFINITY;
    int64_t ties = s;
    for (int64_t i = 0; i < k; i++)
        ties -= magnitude(z[i]) > least;
    for (int64_t i = 0; i < k; i++) {
        float size = magnitude(z[i]);
        if (size > least || (size == least && ties-- > 0))
            continue;
        z[i] = 0.0f;
    }
}

/* Scale one row z [k] to unit norm, in place; a row of zeros stays. */
static void unit_sphere(float *z, int64_t k)
{
    double squares = 0.0;
    for (int64_t i = 0; i < k; i++)
        squares += (double)z[i] * (double)z[i];
    float norm = (float)sqrt(squares);
    if (norm < SMALLEST_NORM)
        norm = SMALLEST_NORM;
    for (int64_t i = 0; i < k; i++)
        z[i] = z[i] / norm;
}

/* What the loop keeps of its rows, and where it works. */
typedef struct {
    const bp_proximal_options *options;
    bp_objective objective;
    void *context;
    int64_t rows, k;
    const bp_proximal_rows *found;
    float *point; /* where gradients are taken: v with momentum, else z itself */
    float *gradient, *loss, *ranks, *theta, *last;
    uint8_t *stopped;
} loop;

static float *row_of(const loop *l, float *values, int64_t row)
{
    return values + row * l->k;
}

static float *losses_at(const loop *l, int64_t t)
{
    return l->found->history + t * l->found->stride;
}

/* Evaluate f where gradients are taken, and the gradient if asked. */
static void evaluate(loop *l, float *gradient)
{
    l->objective(l->context, l->point, l->loss, gradient);
}

static int settled(const loop *l, int64_t t, int64_t row)
{
    const float now = losses_at(l, t)[row], tolerance = l->options->tolerance;
    if (!(tolerance > 0.0f))
        return 0;
    if (!isfinite(now))
        return 1;
    if (t == 0)
        return 0;
    const float before = losses_at(l, t - 1)[row];
    return fabsf(before - now) <= tolerance * before;
}

/* Stop rows whose loss has settled before step t; return how many. */
static int64_t stop_rows(loop *l, int64_t t)
{
    int64_t count = 0;
    for (int64_t r = 0; r < l->rows; r++) {
        if (l->stopped[r] || !settled(l, t, r))
            continue;
        l->stopped[r] = 1;
        l->found->taken[r] = t;
        count++;
        if (l->options->momentum) /* from now on f is that of z */
            memcpy(row_of(l, l->point, r), row_of(l, l->found->z, r), (size_t)l->k * sizeof(float));
    }
    if (count == 0 || !l->options->momentum)
        return count;
    evaluate(l, NULL);
    for (int64_t r = 0; r < l->rows; r++)
        if (l->stopped[r])
            losses_at(l, t)[r] = l->loss[r];
    return count;
}

/* next = P_s(point - beta gradient), on the unit sphere if asked; next may be point. */
static void descend(const loop *l, const float *point, const float *gradient, float *next)
{
    for (int64_t i = 0; i < l->k; i++)
        next[i] = point[i] - l->options->step_size * gradient[i];
    bp_hard_threshold(next, l->k, l->options->sparsity, l->ranks);
    if (l->options->unit_sphere)
        unit_sphere(next, l->k);
}

static void step_with_momentum(loop *l, int64_t row, float f)
{
    float *v = row_of(l, l->point, row), *z = row_of(l, l->found->z, row);
    float *next = row_of(l, l->gradient, row);
    descend(l, v, next, next);
    double inner = 0.0;
    for (int64_t i = 0; i < l->k; i++) {
        const float back = v[i] - next[i], move = next[i] - z[i];
        inner += (double)back * (double)move;
    }
    const int uphill = inner > 0.0 || f > l->last[row];
    const float theta = uphill ? 1.0f : l->theta[row];
    const float after = (1.0f + sqrtf(1.0f + 4.0f * theta * theta)) / 2.0f;
    const float share = (theta - 1.0f) / after;
    for (int64_t i = 0; i < l->k; i++) {
        const float move = next[i] - z[i];
        v[i] = next[i] + share * move;
        z[i] = next[i];
    }
    l->theta[row] = after;
    l->last[row] = f;
}

static void step(loop *l, int64_t t)
{
    for (int64_t r = 0; r < l->rows; r++) {
        if (l->stopped[r])
            continue;
        if (l->options->momentum) {
            step_with_momentum(l, r, losses_at(l, t)[r]);
        } else {
            float *z = row_of(l, l->found->z, r);
            descend(l, z, row_of(l, l->gradient, r), z);
        }
    }
}

static void begin(loop *l, float *scratch)
{
    const int64_t rows = l->rows, k = l->k;
    l->gradient = scratch;
    l->ranks = l->gradient + rows * k;
    l->loss = l->ranks + k;
    l->theta = l->loss + rows;
    l->last = l->theta + rows;
    l->point = l->options->momentum ? l->last + rows : l->found->z;
    for (int64_t r = 0; r < rows; r++) {
        l->theta[r] = 1.0f;
        l->last[r] = INFINITY;
        l->stopped[r] = 0;
        l->found->taken[r] = l->options->steps;
        if (l->options->unit_sphere)
            unit_sphere(row_of(l, l->found->z, r), k);
    }
    if (l->options->momentum)
        memcpy(l->point, l->found->z, (size_t)(rows * k) * sizeof *l->point);
}

void bp_proximal(const bp_proximal_options *options, bp_objective objective, void *context,
                 int64_t rows, int64_t k, const bp_proximal_rows *found, float *scratch,
                 uint8_t *stopped)
{
    loop l = {.options = options, .objective = objective, .context = context, .rows = rows,
              .k = k, .found = found, .stopped = stopped};
    const size_t bytes = (size_t)rows * sizeof(float);
    begin(&l, scratch);
    int64_t left = rows, t = 0;
    for (; t < options->steps && left > 0; t++) {
        evaluate(&l, l.gradient);
        memcpy(losses_at(&l, t), l.loss, bytes);
        left -= stop_rows(&l, t);
        step(&l, t);
    }
    if (left > 0) {
        objective(context, found->z, l.loss, NULL);
        memcpy(losses_at(&l, t), l.loss, bytes);
        t++;
    }
    /* Nothing moves any more. */
    for (; t <= options->steps; t++)
        memcpy(losses_at(&l, t), losses_at(&l, t - 1), bytes);
}
