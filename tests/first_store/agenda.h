/* Which shards have entries that will be over, and when: so that the passing
 * of time costs nothing where nothing is due. Any thread. */
#ifndef CACHESERVER_TESTS_FIRST_STORE_AGENDA_H
#define CACHESERVER_TESTS_FIRST_STORE_AGENDA_H

#include "base/status.h"
#include "first_store/expiry.h"

#include <pthread.h>
#include <stdint.h>

/* Its lock is the last to be taken (lock order: store/store.c). */
struct agenda {
    pthread_mutex_t lock;
    struct expiry alarms;
};

void agenda_init(struct agenda *agenda);

/* Forgets what alarms there still are. */
void agenda_fini(struct agenda *agenda);

/* Sets `alarm` to `due`, whether it was set or not; NEVER unsets it and
 * cannot fail. STATUS_NOMEM, and nothing changed. */
enum status agenda_set(struct agenda *agenda, struct timer *alarm,
                       uint64_t due);

/* *Borrows* the first alarm that is due at `now_ms`; NULL when none is. */
struct timer *agenda_first_due(struct agenda *agenda, uint64_t now_ms);

#endif
