#define _POSIX_C_SOURCE 200809L /* getpid */

#include "pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_THREADS 256

struct bp_pool {
    int threads;
    pid_t owner; /* threads do not survive a fork: a child works alone */
    pthread_t *workers;
    int started;
    pthread_mutex_t lock;
    pthread_cond_t begin, end;
    int64_t round; /* one more for each bp_pool_run */
    int busy;
    int closing;
    bp_task run;
    void *context;
    int64_t tasks;
    _Atomic int64_t next;
    _Atomic int ids;
};

static void work(bp_pool *pool, int thread)
{
    for (;;) {
        int64_t task = atomic_fetch_add(&pool->next, 1);
        if (task >= pool->tasks)
            return;
        pool->run(pool->context, task, thread);
    }
}

static void *worker(void *argument)
{
    bp_pool *pool = argument;
    int thread = atomic_fetch_add(&pool->ids, 1);
    int64_t seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->round == seen && !pool->closing)
            pthread_cond_wait(&pool->begin, &pool->lock);
        if (pool->closing)
            break;
        seen = pool->round;
        pthread_mutex_unlock(&pool->lock);
        work(pool, thread);
        pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0)
            pthread_cond_signal(&pool->end);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

int bp_pool_create(int threads, bp_pool **result)
{
    if (threads < 1 || threads > MAX_THREADS)
        return BP_BAD_ARGUMENT;
    bp_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return BP_NO_MEMORY;
    pool->threads = threads;
    pool->owner = getpid();
    pool->workers = calloc((size_t)threads, sizeof *pool->workers);
    if (pool->workers == NULL) {
        free(pool);
        return BP_NO_MEMORY;
    }
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->begin, NULL);
    pthread_cond_init(&pool->end, NULL);
    atomic_store(&pool->ids, 1);
    for (; pool->started < threads - 1; pool->started++) {
        if (pthread_create(&pool->workers[pool->started], NULL, worker, pool) != 0) {
            bp_pool_destroy(pool);
            return BP_NO_THREADS;
        }
    }
    *result = pool;
    return BP_OK;
}

void bp_pool_destroy(bp_pool *pool)
{
    if (pool == NULL)
        return;
    if (getpid() == pool->owner) {
        pthread_mutex_lock(&pool->lock);
        pool->closing = 1;
        pthread_cond_broadcast(&pool->begin);
        pthread_mutex_unlock(&pool->lock);
        for (int i = 0; i < pool->started; i++)
            pthread_join(pool->workers[i], NULL);
        pthread_cond_destroy(&pool->begin);
        pthread_cond_destroy(&pool->end);
        pthread_mutex_destroy(&pool->lock);
    }
    free(pool->workers);
    free(pool);
}

int bp_pool_threads(const bp_pool *pool)
{
    return pool->threads;
}

void bp_pool_run(bp_pool *pool, bp_task run, void *context, int64_t tasks)
{
    /* One task, one thread, or a child that inherited the pool without its threads. */
    if (tasks <= 1 || pool->started == 0 || getpid() != pool->owner) {
        for (int64_t task = 0; task < tasks; task++)
            run(context, task, 0);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->run = run;
    pool->context = context;
    pool->tasks = tasks;
    atomic_store(&pool->next, 0);
    pool->busy = pool->started;
    pool->round++;
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->lock);
    work(pool, 0);
    pthread_mutex_lock(&pool->lock);
    while (pool->busy > 0)
        pthread_cond_wait(&pool->end, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}
