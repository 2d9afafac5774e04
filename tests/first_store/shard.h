/* A part of a bank: the entries whose hashes begin with certain bits, under
 * a lock of their own. Every function but the first four is called with the
 * lock held. */
#ifndef CACHESERVER_TESTS_FIRST_STORE_SHARD_H
#define CACHESERVER_TESTS_FIRST_STORE_SHARD_H

#include "base/slice.h"
#include "base/status.h"
#include "first_store/entry.h"
#include "first_store/expiry.h"
#include "store/table.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agenda;
struct ledger;

/* A bank is divided into SHARD_COUNT shards, told apart by the first
 * SHARD_BITS bits of a hash. */
enum { SHARD_BITS = 4, SHARD_COUNT = 1 << SHARD_BITS };

/* What all shards of a store share; borrowed by each. */
struct commons {
    struct ledger *ledger;
    struct agenda *agenda;
};

/* Owns the entries in `table`. The agenda's alarm goes off when the first of
 * `expiry` is due, or too early, never too late. */
struct shard {
    pthread_mutex_t lock;
    bool is_locked;
    struct table table;
    struct expiry expiry;
    uint64_t alarm_due; /* what the alarm is set to; NEVER when it is not */
    struct timer alarm; /* under the agenda's lock */
    const struct commons *commons;
};

/* Makes `shard` an empty one. */
void shard_init(struct shard *shard, const struct commons *commons);

/* Releases the entries. */
void shard_fini(struct shard *shard);

void shard_lock(struct shard *shard);
void shard_unlock(struct shard *shard);

/* *Borrows* the entry of `key` until the lock is given up; NULL when there is
 * none or its lifetime is over. */
struct entry *shard_find(struct shard *shard, uint64_t hash, struct slice key);

/* *Takes* `entry` and gives what it replaces in `replaced`, which the caller
 * frees, maybe NULL. STATUS_NOMEM, and STATUS_RESOURCE_EXHAUSTED unless
 * `is_charged_anyway`: nothing has changed, the entry not taken. */
enum status shard_store(struct shard *shard, struct entry *entry,
                        bool is_charged_anyway, struct entry **replaced);

/* Takes out `entry`, which is there, and *gives* it to the caller. */
struct entry *shard_take(struct shard *shard, struct entry *entry);

/* Gives `entry` a lifetime as `lifetime` says, which is not LIFETIME_OVER.
 * STATUS_NOMEM, and nothing changed. */
enum status shard_touch(struct shard *shard, struct entry *entry,
                        struct lifetime lifetime);

/* Takes out at most `count` entries whose lifetime was over at `now_ms`, and
 * *gives* them as a list linked by `next`. Sets the alarm for those that
 * remain. */
struct table_node *shard_expire(struct shard *shard, uint64_t now_ms,
                                size_t count);

static inline struct shard *shard_of_alarm(struct timer *alarm)
{
    return (struct shard *)(void *)((char *)alarm -
                                    offsetof(struct shard, alarm));
}

#endif
