/* What this machine can do at best: reading memory, float32 and byte multiply-adds.
 *
 * Compiled with -march=native by roofline.py. Every thread does the same amount of work between two
 * barriers; the time of the fastest such window is returned. Products stay in registers.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define WIDTH 64
#elif defined(__AVX__)
#define WIDTH 32
#else
#define WIDTH 16
#endif
/* Independent sums: enough to hide the latency of an instruction, and no more than registers. */
#define SUMS 10

typedef float floats __attribute__((vector_size(WIDTH)));
typedef int32_t words __attribute__((vector_size(WIDTH)));

typedef struct job {
    pthread_barrier_t *barrier;
    int kind, windows;
    size_t bytes, count;
    double best;
    volatile int32_t sink; /* what was worked out is kept, so that it is worked out */
} job;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int32_t fold(const words sums[SUMS]) {
    words all = sums[0];
    for (int i = 1; i < SUMS; i++) all ^= sums[i];
    int32_t lanes[WIDTH / 4], result = 0;
    memcpy(lanes, &all, WIDTH);
    for (int i = 0; i < WIDTH / 4; i++) result ^= lanes[i];
    return result;
}

/* Reads all of a buffer, count times. */
static int32_t read_all(const char *buffer, size_t bytes, size_t count) {
    words sums[SUMS] = {0};
    for (size_t pass = 0; pass < count; pass++) {
        const words *from = (const words *)buffer, *end = (const words *)(buffer + bytes);
        for (; from + SUMS <= end; from += SUMS)
            for (int i = 0; i < SUMS; i++) sums[i] ^= from[i];
        __asm__ volatile("" ::: "memory"); /* every pass reads anew */
    }
    return fold(sums);
}

/* count rounds of SUMS multiply-adds of float32 vectors. */
static int32_t multiply_floats(size_t count) {
    floats sums[SUMS], a = {0}, b = {0};
    for (int i = 0; i < SUMS; i++) sums[i] = (floats){(float)i}; /* equal sums would be one */
    __asm__ volatile("" : "+m"(a), "+m"(b));
    for (size_t round = 0; round < count; round++)
        for (int i = 0; i < SUMS; i++) sums[i] = sums[i] * a + b;
    words bits[SUMS];
    memcpy(bits, sums, sizeof bits);
    return fold(bits);
}

/* One instruction's, or the shortest sequence's, sums of byte products; false: none is known. */
#if defined(__AVX512VNNI__)
#define BYTES_KNOWN 1
static inline words dot_bytes(words sum, words a, words b) {
    return (words)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
}
#elif defined(__AVX2__)
#define BYTES_KNOWN 1
static inline words dot_bytes(words sum, words a, words b) {
    const __m256i pairs = _mm256_maddubs_epi16((__m256i)(a ^ sum), (__m256i)b);
    return sum + (words)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}
#elif defined(__ARM_FEATURE_DOTPROD)
#define BYTES_KNOWN 1
static inline words dot_bytes(words sum, words a, words b) {
    return (words)vdotq_s32((int32x4_t)sum, (int8x16_t)a, (int8x16_t)b);
}
#else
#define BYTES_KNOWN 0
static inline words dot_bytes(words sum, words a, words b) { return sum + (a ^ b); }
#endif

static int32_t multiply_bytes(size_t count) {
    words sums[SUMS], a = {0}, b = {0};
    for (int i = 0; i < SUMS; i++) sums[i] = (words){i};
    __asm__ volatile("" : "+m"(a), "+m"(b));
    for (size_t round = 0; round < count; round++)
        for (int i = 0; i < SUMS; i++) sums[i] = dot_bytes(sums[i], a, b);
    return fold(sums);
}

static void *run(void *argument) {
    job *j = argument;
    char *buffer = NULL;
    if (j->kind == 0) {
        buffer = aligned_alloc(4096, (j->bytes + 4095) / 4096 * 4096);
        if (buffer == NULL) abort();
        memset(buffer, 1, j->bytes);
    }
    for (int window = 0; window < j->windows; window++) {
        pthread_barrier_wait(j->barrier);
        const double begin = now();
        if (j->kind == 0) j->sink = read_all(buffer, j->bytes, j->count);
        if (j->kind == 1) j->sink = multiply_floats(j->count);
        if (j->kind == 2) j->sink = multiply_bytes(j->count);
        pthread_barrier_wait(j->barrier);
        const double seconds = now() - begin;
        if (window == 0 || seconds < j->best) j->best = seconds;
    }
    free(buffer);
    return NULL;
}

/* Seconds of the best window of `threads` threads; each does `count` rounds of what `kind` says:
 * 0 reads `bytes` bytes of its own, 1 does float32 multiply-adds, 2 byte multiply-adds. */
double best_window(int kind, int threads, size_t bytes, size_t count, int windows) {
    pthread_barrier_t barrier;
    pthread_t ids[64];
    job jobs[64];
    if (threads < 1 || threads > 64) return -1.0;
    pthread_barrier_init(&barrier, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++) {
        jobs[i] = (job){&barrier, kind, windows, bytes, count, 0.0, 0};
        if (pthread_create(&ids[i], NULL, run, &jobs[i]) != 0) abort();
    }
    double best = 0.0;
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        if (jobs[i].best > best) best = jobs[i].best;
    }
    pthread_barrier_destroy(&barrier);
    return best;
}

/* Multiply-adds of one round: of float32 (kind 1), of bytes (kind 2; 0 if no way is known). */
int multiply_adds(int kind) { return kind == 1 ? SUMS * WIDTH / 4 : BYTES_KNOWN * SUMS * WIDTH; }

/* Bytes that a pass over a buffer really reads. */
size_t bytes_read(size_t bytes) { return bytes / (SUMS * WIDTH) * (SUMS * WIDTH); }
