/* In pages of their own, so that they go back to the system soon, and leave no
 * holes in the C library's memory. */
#include "store/large.h"

#include "store/commons.h"
#include "store/epoch.h"

#include <stdatomic.h>
#include <stddef.h>

struct large {
    struct retired retired;
    size_t block_len;
    size_t len;
    char bytes[];
};

static struct large *large_of(char *bytes)
{
    return (struct large *)(void *)(bytes - offsetof(struct large, bytes));
}

/* Whole pages. */
uint64_t large_charge(size_t len)
{
    size_t pages =
        (sizeof(struct large) + len + LARGE_PAGE_LEN - 1) / LARGE_PAGE_LEN;
    return pages * LARGE_PAGE_LEN;
}

char *large_create(struct commons *commons, struct slice bytes)
{
    size_t block_len = large_charge(bytes.len);
    struct large *large = large_pool_take(&commons->large_pool, &block_len);
    if (!large) {
        return NULL;
    }
    large->block_len = block_len;
    large->len = bytes.len;
    memcpy(large->bytes, bytes.data, bytes.len);
    atomic_fetch_add_explicit(&commons->other, block_len, memory_order_relaxed);
    return large->bytes;
}

void large_free(struct commons *commons, char *bytes)
{
    if (bytes) {
        struct large *large = large_of(bytes);
        atomic_fetch_sub_explicit(&commons->other, large->block_len,
                                  memory_order_relaxed);
        large_pool_give(&commons->large_pool, large, large->block_len);
    }
}

void large_release(struct commons *commons, char *bytes)
{
    atomic_fetch_sub_explicit(&commons->leaving,
                              large_charge(large_of(bytes)->len),
                              memory_order_relaxed);
    large_free(commons, bytes);
}

static void release(struct retired *retired, void *arg)
{
    struct large *large = (struct large *)(void *)retired;
    large_release(arg, large->bytes);
}

void large_retire(struct commons *commons, char *bytes)
{
    struct large *large = large_of(bytes);
    atomic_fetch_add_explicit(&commons->leaving, large_charge(large->len),
                              memory_order_relaxed);
    epochs_retire(commons->epochs, &large->retired, release);
}
