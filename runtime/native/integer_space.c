/* One allocation a thread: its parts are handed out by measuring twice, first without memory. */
#include "integer_space.h"

#include "checked.h"
#include "solver.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, SLACK = 512 };

typedef struct {
    char *memory; /* NULL: only measure */
    size_t used;
    int too_much;
} arena;

static void *take(arena *a, int64_t count, size_t size)
{
    void *found = a->memory == NULL ? NULL : a->memory + a->used;
    /* Sizes of a sound plan are below BP_MOST, rows few: only the sum of all can be too much. */
    const int64_t more = bp_plus(bp_times(count, (int64_t)size), ALIGNMENT - 1);
    a->too_much |= bp_plus((int64_t)a->used, more) < 0;
    a->used += a->too_much ? 0 : (size_t)more / ALIGNMENT * ALIGNMENT;
    return found;
}

static int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

static int is_linear(const bp_integer_node *node)
{
    return node->kind == BP_DENSE || node->kind == BP_CONV || node->kind == BP_CONV_TRANSPOSE;
}

static void take_state(arena *a, const bp_integer_program *program, int64_t rows, bp_state *state)
{
    state->values = take(a, program->tensors, sizeof *state->values);
    state->strides = take(a, program->tensors, sizeof *state->strides);
    state->cotangents = take(a, program->tensors, sizeof *state->cotangents);
    state->sums = take(a, program->count, sizeof *state->sums);
    for (int64_t t = 0; t < program->tensors; t++) {
        const int64_t stride = round_up(program->sizes[t], 16);
        int32_t *values = take(a, rows * stride, sizeof *values);
        int32_t *mantissa = take(a, rows * stride, sizeof *mantissa);
        int64_t *exponent = take(a, rows, sizeof *exponent);
        if (a->memory != NULL) {
            state->values[t] = values;
            state->strides[t] = stride;
            state->cotangents[t] = (bp_cotangent){mantissa, exponent, stride};
        }
    }
    for (int64_t n = 0; n < program->count; n++) {
        const bp_integer_node *node = &program->nodes[n];
        const int64_t stride = round_up(program->sizes[node->target], 16);
        int32_t *sums = is_linear(node) ? take(a, rows * stride, sizeof *sums) : NULL;
        if (a->memory != NULL)
            state->sums[n] = sums;
    }
}

/* The largest of what the nodes of a program need. */
typedef struct {
    int64_t row, patch, products, scratch;
} needs;

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void measure(const bp_integer_program *program, int64_t rows, needs *most)
{
    for (int64_t t = 0; t < program->tensors; t++)
        most->row = larger(most->row, round_up(program->sizes[t], 64));
    for (int64_t n = 0; n < program->count; n++) {
        if (!is_linear(&program->nodes[n]))
            continue;
        const bp_linear_node *linear = program->nodes[n].as.linear;
        for (int64_t group = 0; group < linear->geometry.groups; group++) {
            for (int64_t part = 0; part < linear->matrices[group].parts; part++) {
                const bp_packed *w = &linear->matrices[group].part[part];
                const int64_t longest = larger(bp_padded_ins(w), bp_padded_outs(w));
                most->patch = larger(most->patch, round_up(longest, 64));
                most->products = larger(most->products, larger(2 * rows, BP_PATCHES) * longest);
                most->scratch = larger(most->scratch, bp_scratch_bytes(w));
            }
        }
    }
}

/* Returns how many bytes have to be zero at first. */
static size_t take_all(arena *a, const bp_integer_plan *plan, int64_t rows, bp_space *space)
{
    needs most = {0};
    measure(&plan->generator, rows, &most);
    measure(&plan->sensing, rows, &most);
    /* A product reads its last row up to the padded length: within the slack. */
    space->byte_stride = most.row;
    space->bytes = take(a, rows * 2 * most.row + SLACK, 1);
    space->patches = take(a, BP_PATCHES * most.patch + SLACK, 1);
    space->products = take(a, most.products, sizeof *space->products);
    space->scratch = take(a, most.scratch, 1);
    space->wide = take(a, most.row, sizeof *space->wide);
    space->further = take(a, rows * most.row, sizeof *space->further);
    space->exponents = take(a, rows, sizeof *space->exponents);
    space->stopped = take(a, rows, 1);
    take_state(a, &plan->generator, rows, &space->generator);
    take_state(a, &plan->sensing, rows, &space->sensing);
    const size_t zeroed = a->used;
    /* Last, and left as it is: without a solver's loop none of it takes memory. */
    const int64_t k = plan->generator.sizes[plan->generator.source];
    space->solver = take(a, bp_proximal_scratch(rows, k), sizeof *space->solver);
    return zeroed;
}

int bp_space_create(const bp_integer_plan *plan, bp_isa isa, int64_t rows, bp_space *space)
{
    memset(space, 0, sizeof *space);
    bp_integer_kernels_of(isa, &space->kernels);
    arena a = {NULL, 0, 0};
    const size_t zeroed = take_all(&a, plan, rows, space);
    a.memory = space->memory = a.too_much ? NULL : aligned_alloc(ALIGNMENT, a.used);
    if (a.memory == NULL)
        return BP_NO_MEMORY;
    memset(a.memory, 0, zeroed);
    a.used = 0;
    take_all(&a, plan, rows, space);
    return BP_OK;
}

void bp_space_destroy(bp_space *space)
{
    free(space->memory);
    space->memory = NULL;
}
