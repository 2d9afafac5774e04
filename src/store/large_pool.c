/* Blocks are sorted by the size that they reach, sixteen steps a doubling, so
 * that any from the next step up is large enough; that of two steps up wastes
 * less than a fifth. */
#include "store/large_pool.h"

#include "base/check.h"
#include "base/memory.h"

enum { LOOK_EACH_MS = 1000, KEPT_SHARE = 32 };

#define KEPT_MAX ((uint64_t)64 << 20)

/* Lies in a block that is free. */
struct free_block {
    struct list link;
    size_t len;
};

void large_pool_init(struct large_pool *pool, uint64_t memory_max)
{
    uint64_t share = memory_max / KEPT_SHARE;
    *pool = (struct large_pool){
        .kept_max = memory_max && share < KEPT_MAX ? share : KEPT_MAX,
    };
    pthread_mutex_init(&pool->lock, NULL);
    for (int i = 0; i < LARGE_SIZES; i++) {
        list_init(&pool->free[i]);
    }
}

/* The step that `len` bytes reach: the highest bit of the pages, and the next
 * four. */
static unsigned step_of(size_t len)
{
    size_t pages = len / LARGE_PAGE_LEN * LARGE_STEPS;
    unsigned log2 = 63 - (unsigned)__builtin_clzll(pages | LARGE_STEPS);
    unsigned doubling = log2 - 4;
    unsigned step = (unsigned)(pages >> doubling) - LARGE_STEPS;
    unsigned all = doubling * LARGE_STEPS + step;
    return all < LARGE_SIZES ? all : LARGE_SIZES - 1;
}

static struct free_block *first_of(const struct large_pool *pool, unsigned step)
{
    const struct list *head = &pool->free[step];
    return list_is_empty(head)
               ? NULL
               : LIST_ENTRY(head->next, struct free_block, link);
}

static void take_out(struct large_pool *pool, struct free_block *block)
{
    list_remove(&block->link);
    pool->kept -= block->len;
    if (pool->kept < pool->kept_least) {
        pool->kept_least = pool->kept;
    }
}

/* The first of the step that `len` reaches, if that will do, or of the next
 * two. */
static struct free_block *take_free(struct large_pool *pool, size_t len)
{
    unsigned step = step_of(len);
    for (unsigned i = step; i < step + 3 && i < LARGE_SIZES; i++) {
        struct free_block *block = first_of(pool, i);
        if (block && block->len >= len) {
            take_out(pool, block);
            return block;
        }
    }
    return NULL;
}

void *large_pool_take(struct large_pool *pool, size_t *len)
{
    pthread_mutex_lock(&pool->lock);
    struct free_block *block = take_free(pool, *len);
    pthread_mutex_unlock(&pool->lock);
    if (!block) {
        return memory_map(*len);
    }
    *len = block->len;
    return block;
}

void large_pool_give(struct large_pool *pool, void *block, size_t len)
{
    pthread_mutex_lock(&pool->lock);
    bool is_kept = pool->kept + len <= pool->kept_max;
    if (is_kept) {
        struct free_block *kept = block;
        kept->len = len;
        /* The one used last is used next, while it is in the cache. */
        list_append(pool->free[step_of(len)].next, &kept->link);
        pool->kept += len;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!is_kept) {
        memory_unmap(block, len);
    }
}

/* The largest of at most `len` bytes, and of those the one that was used
 * longest ago. */
static struct free_block *largest_within(const struct large_pool *pool,
                                         size_t len)
{
    for (unsigned step = step_of(len) + 1; step-- > 0;) {
        for (struct list *link = pool->free[step].prev;
             link != &pool->free[step]; link = link->prev) {
            struct free_block *block =
                LIST_ENTRY(link, struct free_block, link);
            if (block->len <= len) {
                return block;
            }
        }
    }
    return NULL;
}

/* One that was not wanted since the last look; with the lock held. */
static struct free_block *take_unwanted(struct large_pool *pool,
                                        uint64_t now_ms)
{
    if (now_ms < pool->looked_ms + LOOK_EACH_MS) {
        return NULL;
    }
    uint64_t least = pool->kept_least;
    struct free_block *block = largest_within(pool, least);
    if (!block) {
        pool->looked_ms = now_ms;
        pool->kept_least = pool->kept;
        return NULL;
    }
    take_out(pool, block);
    pool->kept_least = least - block->len;
    return block;
}

bool large_pool_trim(struct large_pool *pool, uint64_t now_ms)
{
    pthread_mutex_lock(&pool->lock);
    struct free_block *block = take_unwanted(pool, now_ms);
    size_t len = block ? block->len : 0;
    pthread_mutex_unlock(&pool->lock);
    memory_unmap(block, len);
    return block;
}

void large_pool_fini(struct large_pool *pool)
{
    for (struct free_block *block; (block = largest_within(pool, SIZE_MAX));) {
        size_t len = block->len;
        take_out(pool, block);
        memory_unmap(block, len);
    }
    CHECK(pool->kept == 0);
    pthread_mutex_destroy(&pool->lock);
}
