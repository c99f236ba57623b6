/* A small persistent thread pool: independent tasks, each done by whoever is free. */
#ifndef BITPRIOR_POOL_H
#define BITPRIOR_POOL_H

#include "bitprior.h"

typedef struct bp_pool bp_pool;

/* One task: `thread` is 0 .. threads-1, for scratch memory of its own. */
typedef void (*bp_task)(void *context, int64_t task, int thread);

/* Start a pool of `threads` >= 1 threads, the caller being one of them. */
BP_API int bp_pool_create(int threads, bp_pool **pool);

BP_API void bp_pool_destroy(bp_pool *pool);

BP_API int bp_pool_threads(const bp_pool *pool);

/* Run tasks 0 .. tasks-1 and return when all are done. Only one caller at a time. Which thread gets
 * which task is left to chance: results must not depend on it. */
void bp_pool_run(bp_pool *pool, bp_task run, void *context, int64_t tasks);

#endif
