/* Memory for large values, in whole pages. What has become free is kept for a
 * while for those that come next: to map and unmap takes longer than to fill,
 * and unmapping holds up every thread of the process. It is not charged, and
 * bounded by a small part of the store's limit. Any thread. */
#ifndef CACHESERVER_STORE_LARGE_POOL_H
#define CACHESERVER_STORE_LARGE_POOL_H

#include "base/list.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LARGE_PAGE_LEN = 4096,
    LARGE_STEPS = 16, /* sizes of blocks that are told apart, a doubling */
    LARGE_DOUBLINGS = 24,
    LARGE_SIZES = LARGE_STEPS * LARGE_DOUBLINGS
};

struct large_pool {
    pthread_mutex_t lock;
    uint64_t kept_max;   /* bytes that may be kept free */
    uint64_t kept;       /* bytes that are */
    uint64_t kept_least; /* in the time since they were looked at last */
    uint64_t looked_ms;
    struct list free[LARGE_SIZES]; /* each size's, the one used last first */
};

/* For a store with a limit of `memory_max` bytes; 0: none. */
void large_pool_init(struct large_pool *pool, uint64_t memory_max);

/* Unmaps what is kept; all blocks must have been given back. */
void large_pool_fini(struct large_pool *pool);

/* *Gives* a block of at least `*len` bytes, which becomes what it really has;
 * NULL without memory. */
void *large_pool_take(struct large_pool *pool, size_t *len);

/* *Takes* a block of `len` bytes. */
void large_pool_give(struct large_pool *pool, void *block, size_t len);

/* Unmaps one of the blocks that were free for all of the last second; false
 * when there is none. */
bool large_pool_trim(struct large_pool *pool, uint64_t now_ms);

#endif
