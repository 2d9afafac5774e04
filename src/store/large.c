/* In pages of their own, so that they go back to the system at once, and leave
 * no holes in the C library's memory. */
#include "store/large.h"

#include "base/memory.h"
#include "store/commons.h"
#include "store/epoch.h"

#include <stdatomic.h>
#include <stddef.h>

enum { PAGE_LEN = 4096 };

struct large {
    struct retired retired;
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
    return (sizeof(struct large) + len + PAGE_LEN - 1) / PAGE_LEN * PAGE_LEN;
}

char *large_create(struct commons *commons, struct slice bytes)
{
    struct large *large = memory_map(large_charge(bytes.len));
    if (!large) {
        return NULL;
    }
    large->len = bytes.len;
    memcpy(large->bytes, bytes.data, bytes.len);
    atomic_fetch_add_explicit(&commons->other, large_charge(bytes.len),
                              memory_order_relaxed);
    return large->bytes;
}

void large_free(struct commons *commons, char *bytes)
{
    if (bytes) {
        struct large *large = large_of(bytes);
        uint64_t charge = large_charge(large->len);
        atomic_fetch_sub_explicit(&commons->other, charge,
                                  memory_order_relaxed);
        memory_unmap(large, charge);
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
