#define _POSIX_C_SOURCE 200809L /* posix_memalign */

#include "float_engine.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MOST_ROWS 16               /* rows that go through the networks together */
#define WORKSPACE_FLOATS (1 << 21) /* aimed at, of one thread: 8 MB */

struct bp_float_engine {
    const bp_program *program;
    bp_float_kernels kernels;
    bp_pool *pool;
    int64_t part;   /* rows of a full part */
    int64_t floats; /* of one thread: values, scratch, solver */
    int64_t threads;
    float *memory;
    uint8_t *stopped;
};

int bp_float_engine_create(const bp_program *program, int isa, bp_pool *pool,
                           bp_float_engine **result)
{
    if (!bp_isa_supported(isa) || !bp_program_sound(program))
        return BP_BAD_ARGUMENT;
    bp_float_engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return BP_NO_MEMORY;
    int64_t part = WORKSPACE_FLOATS / program->floats;
    engine->program = program;
    engine->pool = pool;
    engine->part = part < 1 ? 1 : part > MOST_ROWS ? MOST_ROWS : part;
    engine->threads = bp_pool_threads(pool);
    bp_float_kernels_of((bp_isa)isa, &engine->kernels);
    int64_t latent = program->values[program->latent].size;
    /* Sizes of a sound program are far from int64's end, so that only their products count. */
    int64_t solver = bp_proximal_scratch(engine->part, latent);
    int64_t floats = bp_plus(bp_times(engine->part, program->floats),
                             bp_plus(program->scratch, solver));
    engine->floats = bp_plus(bp_times((floats + BP_LANES - 1) / BP_LANES, BP_LANES), BP_LANES);
    void *memory = NULL;
    int64_t all = bp_volume(engine->threads, engine->floats, sizeof(float));
    if (floats < 0 || all < 0) {
        free(engine);
        return BP_NO_MEMORY;
    }
    size_t bytes = (size_t)all;
    engine->stopped = malloc((size_t)(engine->threads * engine->part));
    if (posix_memalign(&memory, 64, bytes) != 0 || engine->stopped == NULL) {
        free(memory);
        free(engine->stopped);
        free(engine);
        return BP_NO_MEMORY;
    }
    engine->memory = memory;
    *result = engine;
    return BP_OK;
}

void bp_float_engine_destroy(bp_float_engine *engine)
{
    if (engine == NULL)
        return;
    free(engine->memory);
    free(engine->stopped);
    free(engine);
}

int64_t bp_float_scratch(const bp_geometry *geometry)
{
    return bp_geometry_sound(geometry) ? bp_convolution_scratch(geometry) : -1;
}

int64_t bp_float_engine_bytes(const bp_float_engine *engine)
{
    return engine->threads * engine->floats * (int64_t)sizeof(float);
}

/* What a call does to one part: rows `first` .. of the caller's arrays, in a workspace. */
typedef struct call call;
struct call {
    bp_float_engine *engine;
    void (*run)(const call *c, const bp_workspace *work, int64_t first, float *solver,
                uint8_t *stopped);
    int64_t rows, part;
    int shared;
    const float *in, *measured; /* measurements, or their cotangents */
    float *out, *loss;
    const bp_proximal_options *options;
    int64_t *taken;
};

static void run_part(void *context, int64_t task, int thread)
{
    const call *c = context;
    bp_float_engine *engine = c->engine;
    int64_t first = task * c->part;
    int64_t rows = c->rows - first < c->part ? c->rows - first : c->part;
    float *values = engine->memory + thread * engine->floats;
    float *scratch = values + engine->part * engine->program->floats;
    const bp_workspace work = {values, scratch, rows, c->shared};
    c->run(c, &work, first, scratch + engine->program->scratch,
           engine->stopped + thread * engine->part);
}

static void run_all(call *c)
{
    int64_t share = (c->rows + c->engine->threads - 1) / c->engine->threads;
    c->part = share < c->engine->part ? share : c->engine->part;
    if (c->rows > 0)
        bp_pool_run(c->engine->pool, run_part, c, (c->rows + c->part - 1) / c->part);
}

static int64_t size_of(const call *c, int32_t value)
{
    return c->engine->program->values[value].size;
}

/* Copy rows between a dense array and the workspace. */
static void put(const bp_value *v, int64_t rows, const float *from, float *to)
{
    for (int64_t r = 0; r < rows; r++)
        memcpy(to + r * bp_stride(v), from + r * v->size, (size_t)v->size * sizeof *from);
}

static void take(const bp_value *v, int64_t rows, const float *from, float *to)
{
    for (int64_t r = 0; r < rows; r++)
        memcpy(to + r * v->size, from + r * bp_stride(v), (size_t)v->size * sizeof *to);
}

static void generate_part(const call *c, const bp_workspace *work, int64_t first, float *solver,
                          uint8_t *stopped)
{
    (void)solver, (void)stopped;
    const bp_program *p = c->engine->program;
    put(&p->values[p->latent], work->rows, c->in + first * size_of(c, p->latent),
        bp_at(p, work, p->latent));
    bp_program_forward(p, &c->engine->kernels, work, 0, p->middle);
    take(&p->values[p->image], work->rows, bp_at(p, work, p->image),
         c->out + first * size_of(c, p->image));
}

static void sense_part(const call *c, const bp_workspace *work, int64_t first, float *solver,
                       uint8_t *stopped)
{
    (void)solver, (void)stopped;
    const bp_program *p = c->engine->program;
    put(&p->values[p->image], work->rows, c->in + first * size_of(c, p->image),
        bp_at(p, work, p->image));
    bp_program_forward(p, &c->engine->kernels, work, p->middle, p->count);
    take(&p->values[p->measurement], work->rows, bp_at(p, work, p->measurement),
         c->out + first * size_of(c, p->measurement));
}

/* f(z) of the rows of a workspace, and its gradient unless that is NULL. */
typedef struct {
    const call *call;
    const bp_workspace *work;
    const float *measured;
} problem;

static void objective(void *context, const float *z, float *loss, float *gradient)
{
    const problem *at = context;
    const bp_float_kernels *kernels = &at->call->engine->kernels;
    const bp_program *p = at->call->engine->program;
    const bp_value *measurement = &p->values[p->measurement];
    put(&p->values[p->latent], at->work->rows, z, bp_at(p, at->work, p->latent));
    bp_program_forward(p, kernels, at->work, 0, p->count);
    for (int64_t r = 0; r < at->work->rows; r++) {
        const float *sensed = bp_at(p, at->work, p->measurement) + r * bp_stride(measurement);
        const float *measured = at->measured + r * measurement->size;
        float *residual = bp_cotangent_at(p, at->work, p->measurement) + r * bp_stride(measurement);
        for (int64_t i = 0; i < measurement->size; i++)
            residual[i] = sensed[i] - measured[i];
        loss[r] = kernels->dot(residual, residual, measurement->size);
        for (int64_t i = 0; i < measurement->size; i++)
            residual[i] = 2.0f * residual[i];
    }
    if (gradient == NULL)
        return;
    bp_program_adjoint(p, kernels, at->work);
    take(&p->values[p->latent], at->work->rows, bp_cotangent_at(p, at->work, p->latent), gradient);
}

static problem problem_of(const call *c, const bp_workspace *work, int64_t first)
{
    return (problem){c, work, c->measured + first * size_of(c, c->engine->program->measurement)};
}

static void gradient_part(const call *c, const bp_workspace *work, int64_t first, float *solver,
                          uint8_t *stopped)
{
    (void)solver, (void)stopped;
    int64_t k = size_of(c, c->engine->program->latent);
    problem at = problem_of(c, work, first);
    objective(&at, c->in + first * k, c->loss + first, c->out ? c->out + first * k : NULL);
}

static void vjp_part(const call *c, const bp_workspace *work, int64_t first, float *solver,
                     uint8_t *stopped)
{
    (void)solver, (void)stopped;
    const bp_program *p = c->engine->program;
    const bp_value *latent = &p->values[p->latent], *measurement = &p->values[p->measurement];
    put(latent, work->shared ? 1 : work->rows, c->in + (work->shared ? 0 : first * latent->size),
        bp_at(p, work, p->latent));
    bp_program_forward(p, &c->engine->kernels, work, 0, p->count);
    put(measurement, work->rows, c->measured + first * measurement->size,
        bp_cotangent_at(p, work, p->measurement));
    bp_program_adjoint(p, &c->engine->kernels, work);
    take(latent, work->rows, bp_cotangent_at(p, work, p->latent), c->out + first * latent->size);
}

/* Back from activations that the last call has left, of one part; the generator's are there. */
static void pull_part(const call *c, const bp_workspace *work, int64_t first, float *solver,
                      uint8_t *stopped)
{
    (void)solver, (void)stopped, (void)first;
    const bp_program *p = c->engine->program;
    bp_program_forward(p, &c->engine->kernels, work, p->middle, p->count);
    put(&p->values[p->measurement], work->rows, c->measured,
        bp_cotangent_at(p, work, p->measurement));
    bp_program_adjoint(p, &c->engine->kernels, work);
    take(&p->values[p->latent], work->rows, bp_cotangent_at(p, work, p->latent), c->out);
}

static void proximal_part(const call *c, const bp_workspace *work, int64_t first, float *solver,
                          uint8_t *stopped)
{
    int64_t k = size_of(c, c->engine->program->latent);
    problem at = problem_of(c, work, first);
    const bp_proximal_rows found = {c->out + first * k, c->loss + first, c->rows,
                                    c->taken + first};
    bp_proximal(c->options, objective, &at, work->rows, k, &found, solver, stopped);
}

void bp_float_generate(bp_float_engine *engine, int64_t rows, const float *z, float *x)
{
    run_all(&(call){.engine = engine, .run = generate_part, .rows = rows, .in = z, .out = x});
}

void bp_float_sense(bp_float_engine *engine, int64_t rows, const float *x, float *y)
{
    run_all(&(call){.engine = engine, .run = sense_part, .rows = rows, .in = x, .out = y});
}

void bp_float_gradient(bp_float_engine *engine, int64_t rows, const float *z, const float *y,
                       float *loss, float *gradient)
{
    run_all(&(call){.engine = engine, .run = gradient_part, .rows = rows, .in = z,
                    .measured = y, .out = gradient, .loss = loss});
}

void bp_float_vjp(bp_float_engine *engine, int64_t rows, int shared, const float *z,
                  const float *cotangents, float *gradient)
{
    run_all(&(call){.engine = engine, .run = vjp_part, .rows = rows, .shared = shared, .in = z,
                    .measured = cotangents, .out = gradient});
}

void bp_float_pull(bp_float_engine *engine, const float *cotangent, float *gradient)
{
    run_all(&(call){.engine = engine, .run = pull_part, .rows = 1, .measured = cotangent,
                    .out = gradient});
}

int bp_float_proximal(bp_float_engine *engine, const bp_proximal_options *options, int64_t rows,
                      const float *y, float *z, float *history, int64_t *taken)
{
    if (options->steps < 1)
        return BP_BAD_ARGUMENT;
    run_all(&(call){.engine = engine, .run = proximal_part, .rows = rows, .measured = y,
                    .out = z, .loss = history, .options = options, .taken = taken});
    return BP_OK;
}
