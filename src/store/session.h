/* One thread's way to the entries, for many requests at a time. A get that
 * finds its bank, its bucket and its item in memory waits three times, one
 * after the other. A thread that has many requests goes over all of them in
 * passes, and what one pass asks for is there when the next one needs it:
 *
 *     session_enter()
 *     for each: session_aim()      finds the bank, hashes, fetches the bucket
 *     for each: session_fetch()    finds the place, fetches the item
 *     for each: session_get() or session_put()
 *     session_leave()
 *
 * A session remembers the banks that it has met, and finds those again
 * without a lock. One thread at a time, outside and inside; what store.h
 * offers may be used meanwhile. */
#ifndef CACHESERVER_STORE_SESSION_H
#define CACHESERVER_STORE_SESSION_H

#include "base/slice.h"
#include "base/status.h"
#include "core/value.h"

#include <stdbool.h>
#include <stdint.h>

struct bank;
struct buffer;
struct index_bucket;
struct session;
struct store;
struct store_value;

/* Where a request goes; the slices are borrowed. The rest is the session's,
 * and good until session_leave(). */
struct aim {
    struct slice bank;
    struct slice key;
    struct bank *found;                /* NULL: no such bank was there */
    uint64_t generation;               /* of the banks, when it was found */
    uint64_t hash;                     /* of the key */
    const struct index_bucket *bucket; /* where it is to be looked for */
};

/* *Gives* a session of `store`, which outlives it; NULL without memory. */
struct session *session_create(struct store *store);

/* *Takes* the session, which is outside. */
void session_free(struct session **session);

/* Between the two nothing that the session has found goes away. Keep it
 * short: memory is not reused meanwhile. False without memory, and the
 * session is outside. */
bool session_enter(struct session *session);
void session_leave(struct session *session);

/* Inside. Any bytes will do for a bank's name and a key. */
void session_aim(struct session *session, struct slice bank, struct slice key,
                 struct aim *aim);

/* The same for another key of the bank that `first` is aimed at. */
void session_aim_beside(struct session *session, const struct aim *first,
                        struct slice key, struct aim *aim);

void session_fetch(struct session *session, const struct aim *aim);

/* As store_get() without a touch and as store_put(). */
enum status session_get(struct session *session, const struct aim *aim,
                        struct buffer *bytes, enum value_kind *kind);
enum status session_put(struct session *session, const struct aim *aim,
                        const struct store_value *value);

#endif
