#include "integer_engine.h"

#include "checked.h"
#include "integer_checks.h"
#include "integer_program.h"

#include <stdlib.h>

enum { MOST_ROWS = 1 << 16 };

struct bp_integer_engine {
    const bp_integer_plan *plan;
    bp_pool *pool;
    bp_isa isa;
    int64_t max_rows;
    bp_space *spaces; /* one a thread, for space_rows rows */
    int64_t space_rows;
};

int bp_integer_create(const bp_integer_plan *plan, int isa, bp_pool *pool, int64_t max_rows,
                      bp_integer_engine **engine)
{
    if (!bp_isa_supported(isa) || !bp_within(max_rows, 1, MOST_ROWS) ||
        !bp_integer_plan_sound(plan))
        return BP_BAD_ARGUMENT;
    bp_integer_engine *made = calloc(1, sizeof *made);
    if (made == NULL)
        return BP_NO_MEMORY;
    *made = (bp_integer_engine){plan, pool, (bp_isa)isa, max_rows, NULL, 0};
    made->spaces = calloc((size_t)bp_pool_threads(pool), sizeof *made->spaces);
    if (made->spaces == NULL) {
        free(made);
        return BP_NO_MEMORY;
    }
    *engine = made;
    return BP_OK;
}

static void free_spaces(bp_integer_engine *engine)
{
    for (int i = 0; i < bp_pool_threads(engine->pool); i++)
        bp_space_destroy(&engine->spaces[i]);
    engine->space_rows = 0;
}

void bp_integer_destroy(bp_integer_engine *engine)
{
    if (engine == NULL)
        return;
    free_spaces(engine);
    free(engine->spaces);
    free(engine);
}

/* --- rows shared among threads ---------------------------------------------------------------- */

typedef struct task task;

struct task {
    bp_integer_engine *engine;
    void (*run)(const task *, bp_space *, int64_t first, int64_t rows);
    int64_t rows, chunk;
    const float *z, *y, *image;
    float *drawn, *measured, *loss, *gradient, *latent;
    const bp_proximal_options *options;
    int64_t *taken;
};

static void run_chunk(void *context, int64_t index, int thread)
{
    const task *t = context;
    const int64_t first = index * t->chunk, left = t->rows - first;
    t->run(t, &t->engine->spaces[thread], first, left < t->chunk ? left : t->chunk);
}

static int make_spaces(bp_integer_engine *engine, int64_t rows)
{
    if (rows <= engine->space_rows)
        return BP_OK;
    free_spaces(engine);
    for (int i = 0; i < bp_pool_threads(engine->pool); i++) {
        if (bp_space_create(engine->plan, engine->isa, rows, &engine->spaces[i]) != BP_OK) {
            free_spaces(engine);
            return BP_NO_MEMORY;
        }
    }
    engine->space_rows = rows;
    return BP_OK;
}

static int share(task *t)
{
    bp_integer_engine *engine = t->engine;
    const int64_t threads = bp_pool_threads(engine->pool);
    const int64_t even = (t->rows + threads - 1) / threads;
    t->chunk = even < engine->max_rows ? even : engine->max_rows;
    if (t->rows == 0)
        return BP_OK;
    const int status = make_spaces(engine, t->chunk);
    if (status == BP_OK)
        bp_pool_run(engine->pool, run_chunk, t, (t->rows + t->chunk - 1) / t->chunk);
    return status;
}

static int64_t latent_size(const bp_integer_plan *plan)
{
    return plan->generator.sizes[plan->generator.source];
}

static int64_t measurement_size(const bp_integer_plan *plan)
{
    return plan->sensing.sizes[plan->sensing.target];
}

static void generate_rows(const task *t, bp_space *space, int64_t first, int64_t rows)
{
    const bp_integer_plan *plan = t->engine->plan;
    const int32_t target = plan->generator.target;
    const int64_t size = plan->generator.sizes[target];
    bp_draw(plan, space, t->z + first * latent_size(plan), rows);
    for (int64_t r = 0; r < rows; r++)
        bp_dequantise(space->generator.values[target] + r * space->generator.strides[target],
                      plan->drawn_order, size, plan->image_step, t->drawn + (first + r) * size);
}

static void sense_rows(const task *t, bp_space *space, int64_t first, int64_t rows)
{
    const bp_integer_plan *plan = t->engine->plan;
    const bp_integer_program *sensing = &plan->sensing;
    const bp_state *state = &space->sensing;
    const int64_t size = sensing->sizes[sensing->source], m = sensing->sizes[sensing->target];
    for (int64_t r = 0; r < rows; r++)
        bp_quantise(t->image + (first + r) * size, plan->image_order, size, plan->image_step,
                    plan->image_limit,
                    state->values[sensing->source] + r * state->strides[sensing->source]);
    bp_integer_forward(space, &space->sensing, sensing, rows);
    for (int64_t r = 0; r < rows; r++)
        bp_dequantise(state->values[sensing->target] + r * state->strides[sensing->target],
                      plan->measurement_order, m, plan->measurement_step,
                      t->measured + (first + r) * m);
}

/* Loss of some rows at z, and its gradient unless that is NULL. */
static void value(const bp_integer_plan *plan, bp_space *space, const float *z, const float *y,
                  int64_t rows, float *loss, float *gradient)
{
    bp_draw(plan, space, z, rows);
    bp_measure(plan, space, rows);
    bp_residual(plan, space, y, rows, loss);
    if (gradient != NULL)
        bp_gradient(plan, space, rows, plan->gradient_scale, gradient);
}

static void value_rows(const task *t, bp_space *space, int64_t first, int64_t rows)
{
    const bp_integer_plan *plan = t->engine->plan;
    const int64_t k = latent_size(plan), m = measurement_size(plan);
    value(plan, space, t->z + first * k, t->y + first * m, rows, t->loss + first,
          t->gradient == NULL ? NULL : t->gradient + first * k);
}

static void vjp_rows(const task *t, bp_space *space, int64_t first, int64_t rows)
{
    const bp_integer_plan *plan = t->engine->plan;
    const int64_t k = latent_size(plan);
    bp_draw(plan, space, t->z + first * k, rows);
    bp_measure(plan, space, rows);
    bp_cotangents(plan, space, t->y + first * measurement_size(plan), rows);
    bp_gradient(plan, space, rows, plan->gradient_scale / (2.0 * plan->measurement_step),
                t->gradient + first * k);
}

/* Back from activations that the last call has left, of one row. */
static void pull_rows(const task *t, bp_space *space, int64_t first, int64_t rows)
{
    (void)first;
    const bp_integer_plan *plan = t->engine->plan;
    bp_measure(plan, space, rows);
    bp_cotangents(plan, space, t->y, rows);
    bp_gradient(plan, space, rows, plan->gradient_scale / (2.0 * plan->measurement_step),
                t->gradient);
}

typedef struct {
    const bp_integer_plan *plan;
    bp_space *space;
    const float *y;
    int64_t rows;
} problem;

static void objective(void *context, const float *z, float *loss, float *gradient)
{
    const problem *p = context;
    value(p->plan, p->space, z, p->y, p->rows, loss, gradient);
}

static void proximal_rows(const task *t, bp_space *space, int64_t first, int64_t rows)
{
    const bp_integer_plan *plan = t->engine->plan;
    const int64_t k = latent_size(plan);
    problem p = {plan, space, t->y + first * measurement_size(plan), rows};
    const bp_proximal_rows found = {t->latent + first * k, t->loss + first, t->rows,
                                    t->taken + first};
    bp_proximal(t->options, objective, &p, rows, k, &found, space->solver, space->stopped);
}

int bp_integer_generate(bp_integer_engine *engine, const float *z, int64_t rows, float *image)
{
    task t = {.engine = engine, .run = generate_rows, .rows = rows, .z = z, .drawn = image};
    return share(&t);
}

int bp_integer_sense(bp_integer_engine *engine, const float *image, int64_t rows, float *y)
{
    task t = {.engine = engine, .run = sense_rows, .rows = rows, .image = image, .measured = y};
    return share(&t);
}

int bp_integer_value_and_grad(bp_integer_engine *engine, const float *z, const float *y,
                              int64_t rows, float *loss, float *gradient)
{
    task t = {.engine = engine, .run = value_rows, .rows = rows, .z = z, .y = y, .loss = loss,
              .gradient = gradient};
    return share(&t);
}

int bp_integer_vjp(bp_integer_engine *engine, const float *z, const float *cotangent,
                   int64_t rows, float *gradient)
{
    task t = {.engine = engine, .run = vjp_rows, .rows = rows, .z = z, .y = cotangent,
              .gradient = gradient};
    return share(&t);
}

int bp_integer_pull(bp_integer_engine *engine, const float *cotangent, float *gradient)
{
    task t = {.engine = engine, .run = pull_rows, .rows = 1, .y = cotangent, .gradient = gradient};
    return share(&t);
}

int bp_integer_proximal(bp_integer_engine *engine, const bp_proximal_options *options, float *z,
                        const float *y, int64_t rows, float *history, int64_t *taken)
{
    task t = {.engine = engine, .run = proximal_rows, .rows = rows, .y = y, .loss = history,
              .latent = z, .options = options, .taken = taken};
    return share(&t);
}
