/* Replay cases written by tests/builders/integer_self_test.py on every kernel this CPU can run:
 *
 *   integer_self_test CASES   -> prints the kernels that gave the expected bits; exit status 0
 *
 * A file is a sequence of numbers (int64) and arrays (byte count, bytes), see read_array.
 */
#include "integer_engine.h"
#include "isa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, PRODUCT = 1, REQUANTISE = 2, ENGINE = 3 };

static FILE *cases;
static int failures;

static int64_t read_number(void)
{
    int64_t value;
    if (fread(&value, sizeof value, 1, cases) != 1) {
        fprintf(stderr, "the file of cases ends too early\n");
        exit(2);
    }
    return value;
}

/* Bytes, at an address that has a given remainder modulo ALIGNMENT. */
static void *read_array(int64_t remainder, int64_t *length)
{
    int64_t size = read_number();
    char *found = aligned_alloc(ALIGNMENT, (size_t)((size + 3 * ALIGNMENT) / ALIGNMENT * ALIGNMENT));
    if (found == NULL || fread(found + remainder, 1, (size_t)size, cases) != (size_t)size) {
        fprintf(stderr, "an array of %lld bytes cannot be read\n", (long long)size);
        exit(2);
    }
    if (length != NULL)
        *length = size;
    return found + remainder;
}

static void *make(int64_t size)
{
    return calloc((size_t)size + 1, 1);
}

static void compare(const char *what, bp_isa isa, const void *found, const void *expected,
                    int64_t size)
{
    if (memcmp(found, expected, (size_t)size) != 0) {
        fprintf(stderr, "%s on %s differs\n", what, bp_isa_name(isa));
        failures++;
    }
}

static void replay_product(void)
{
    bp_packed w;
    w.bits = (int32_t)read_number();
    w.outs = (int32_t)read_number();
    w.ins = (int32_t)read_number();
    w.strips = (int32_t)read_number();
    w.words = (int32_t)read_number();
    const int64_t transposed = read_number(), count = read_number();
    const int64_t row_stride = read_number(), acc_stride = read_number();
    int64_t size;
    const uint8_t *codes = read_array(0, NULL);
    const int8_t *rows = read_array(0, NULL);
    const int32_t *expected = read_array(0, &size);
    const size_t bytes = (size_t)(w.strips * w.words) * WORD_BYTES;
    uint8_t *packed = aligned_alloc(ALIGNMENT, bytes);
    w.codes = packed;
    bp_pack_codes(&w, codes, packed);
    void *scratch = aligned_alloc(ALIGNMENT, (size_t)bp_scratch_bytes(&w));
    int32_t *acc = make(size);
    for (int isa = 0; isa < BP_ISAS; isa++) {
        if (!bp_isa_supported(isa))
            continue;
        bp_integer_kernels kernels;
        bp_integer_kernels_of((bp_isa)isa, &kernels);
        const bp_product p = {&w, rows, row_stride, count, acc, acc_stride, scratch};
        memset(acc, 0, (size_t)size);
        (transposed ? kernels.transposed : kernels.forward)(&p);
        compare("a product", (bp_isa)isa, acc, expected, size);
    }
    free(acc), free(scratch), free(packed);
}

static void replay_requantise(void)
{
    const int32_t limit = (int32_t)read_number();
    int64_t size;
    const int32_t *v = read_array(0, &size);
    const int32_t *positive = read_array(0, NULL), *positive_shift = read_array(0, NULL);
    const int32_t *negative = read_array(0, NULL), *negative_shift = read_array(0, NULL);
    const int32_t *expected = read_array(0, NULL);
    const bp_requantiser rule = {positive, positive_shift, negative, negative_shift, -limit, limit};
    int32_t *out = make(size);
    for (int isa = 0; isa < BP_ISAS; isa++) {
        if (!bp_isa_supported(isa))
            continue;
        bp_integer_kernels kernels;
        bp_integer_kernels_of((bp_isa)isa, &kernels);
        kernels.requantise(&rule, v, size / (int64_t)sizeof *v, out);
        compare("requantising", (bp_isa)isa, out, expected, size);
    }
    free(out);
}

/* --- a whole plan: blocks of memory whose pointers to each other are put right ----------------- */

typedef struct {
    uint64_t old;
    int64_t size, structs;
    char *now;
} block;

static void relocate(const block *blocks, int64_t count)
{
    for (int64_t b = 0; b < count; b++) {
        for (int64_t at = 0; blocks[b].structs && at + 8 <= blocks[b].size; at += 8) {
            uint64_t value;
            memcpy(&value, blocks[b].now + at, sizeof value);
            for (int64_t to = 0; to < count; to++) {
                const uint64_t inside = value - blocks[to].old;
                if (value >= blocks[to].old && inside < (uint64_t)blocks[to].size) {
                    const char *moved = blocks[to].now + inside;
                    memcpy(blocks[b].now + at, &moved, sizeof moved);
                }
            }
        }
    }
}

static const bp_integer_plan *read_plan(void)
{
    const int64_t count = read_number();
    block *blocks = calloc((size_t)count, sizeof *blocks);
    for (int64_t b = 0; b < count; b++) {
        blocks[b].old = (uint64_t)read_number();
        blocks[b].structs = read_number();
        blocks[b].now = read_array((int64_t)(blocks[b].old % ALIGNMENT), &blocks[b].size);
    }
    relocate(blocks, count);
    const void *plan = blocks[0].now; /* the first block is the plan itself */
    free(blocks);
    return plan;
}

static void replay_engine(void)
{
    const bp_integer_plan *plan = read_plan();
    const int64_t rows = read_number();
    int64_t latents, losses, histories;
    const float *z = read_array(0, &latents), *y = read_array(0, NULL);
    const float *loss = read_array(0, &losses), *gradient = read_array(0, NULL);
    bp_proximal_options options = {.steps = read_number()};
    options.sparsity = read_number(), options.momentum = (int32_t)read_number();
    const float *settings = read_array(0, NULL);
    options.step_size = settings[0], options.tolerance = settings[1];
    const float *latent = read_array(0, NULL), *history = read_array(0, &histories);
    int64_t counts;
    const int64_t *taken = read_array(0, &counts);
    int64_t *found_taken = make(counts);
    float *found_loss = make(losses), *found = make(latents), *found_history = make(histories);
    for (int isa = 0; isa < BP_ISAS; isa++) {
        bp_pool *pool;
        bp_integer_engine *engine;
        if (!bp_isa_supported(isa))
            continue;
        if (bp_pool_create(1, &pool) != BP_OK ||
            bp_integer_create(plan, isa, pool, rows, &engine) != BP_OK)
            exit(2);
        bp_integer_value_and_grad(engine, z, y, rows, found_loss, found);
        compare("the loss", (bp_isa)isa, found_loss, loss, losses);
        compare("the gradient", (bp_isa)isa, found, gradient, latents);
        memcpy(found, z, (size_t)latents);
        bp_integer_proximal(engine, &options, found, y, rows, found_history, found_taken);
        compare("a recovery", (bp_isa)isa, found, latent, latents);
        compare("its losses", (bp_isa)isa, found_history, history, histories);
        compare("its steps", (bp_isa)isa, found_taken, taken, counts);
        bp_integer_destroy(engine);
        bp_pool_destroy(pool);
    }
    free(found_loss), free(found), free(found_history), free(found_taken);
}

int main(int count, char **arguments)
{
    cases = count == 2 ? fopen(arguments[1], "rb") : NULL;
    if (cases == NULL)
        return 2;
    for (int64_t left = read_number(); left > 0; left--) {
        const int64_t kind = read_number();
        if (kind == PRODUCT)
            replay_product();
        else if (kind == REQUANTISE)
            replay_requantise();
        else if (kind == ENGINE)
            replay_engine();
        else
            return 2;
    }
    for (int isa = 0; failures == 0 && isa < BP_ISAS; isa++)
        if (bp_isa_supported(isa))
            printf("%s\n", bp_isa_name(isa));
    return failures != 0;
}
