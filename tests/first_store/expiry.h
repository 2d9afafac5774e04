/* Timers in the order in which they are due. Adding and removing one take a
 * time that grows with the logarithm of how many there are. The caller
 * locks. */
#ifndef CACHESERVER_TESTS_FIRST_STORE_EXPIRY_H
#define CACHESERVER_TESTS_FIRST_STORE_EXPIRY_H

#include "base/status.h"
#include "store/cells.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The time that never comes. */
#define NEVER UINT64_MAX

/* Sits in the object that is due at some time. Zeroes are one that is not
 * set. */
struct timer {
    uint64_t due;
    size_t place; /* in its heap, counted from 1; 0 when not set */
};

/* Owns its memory, not the timers. Zeroes are an empty one. */
struct expiry {
    struct cells heap;
};

static inline bool timer_is_set(const struct timer *timer)
{
    return timer->place > 0;
}

/* Sets `timer`, which is not set, to `due`: STATUS_NOMEM. */
enum status expiry_add(struct expiry *expiry, struct timer *timer,
                       uint64_t due);

/* Sets `timer`, which is set, to `due` instead. */
void expiry_move(struct expiry *expiry, struct timer *timer, uint64_t due);

/* Unsets `timer` if it is set. */
void expiry_remove(struct expiry *expiry, struct timer *timer);

/* *Borrows* the timer that is due first; NULL when none is set. */
struct timer *expiry_first(const struct expiry *expiry);

#endif
