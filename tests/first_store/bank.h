/* A named set of entries, divided into shards by the first bits of the
 * keys' hashes. Any thread; each function is one atomic step, except that
 * bank_keys() is a row of them. */
#ifndef CACHESERVER_TESTS_FIRST_STORE_BANK_H
#define CACHESERVER_TESTS_FIRST_STORE_BANK_H

#include "base/slice.h"
#include "base/status.h"
#include "core/value.h"
#include "first_store/shard.h"
#include "store/table.h"

#include <stddef.h>
#include <stdint.h>

struct buffer;
struct cursor;
struct entry;
struct listing;
struct wreck;

/* Owns its shards. `node` is in the table of the store that it belongs to. */
struct bank {
    struct table_node node; /* by the name */
    uint64_t incarnation;   /* changed by a reset, under all shards' locks */
    const struct commons *commons;
    struct shard shards[SHARD_COUNT];
    char name[];
};

/* *Gives* an empty bank with a *copy* of `name`, whose hash is `hash`; NULL
 * without memory. */
struct bank *bank_create(uint64_t hash, struct slice name,
                         const struct commons *commons);

/* *Takes* the bank, with its entries. No other thread may still use it. */
void bank_free(struct bank **bank);

/* What a bank itself is charged. */
uint64_t bank_charge(const struct bank *bank);

/* A key with its hash. */
struct hashed_key {
    uint64_t hash;
    struct slice bytes;
};

/* *Takes* `entry` if STATUS_OK; else as shard_store(). */
enum status bank_put(struct bank *bank, struct entry *entry);

/* As store_get(). */
enum status bank_get(struct bank *bank, const struct hashed_key *key,
                     const struct lifetime *touch, struct buffer *bytes,
                     enum value_kind *kind);

/* As store_remove(). */
enum status bank_remove(struct bank *bank, const struct hashed_key *key);

/* As store_touch(). */
enum status bank_touch(struct bank *bank, const struct hashed_key *key,
                       struct lifetime lifetime);

/* As store_incr(). */
enum status bank_incr(struct bank *bank, const struct hashed_key *key,
                      const struct number *delta, struct number *sum);

/* Moves all entries into `wreck`, which is empty; it stays so when there are
 * none. */
void bank_reset(struct bank *bank, struct wreck *wreck);

/* Goes on with `listing` from `cursor` until its page is over, and moves the
 * cursor. STATUS_ABORTED when the bank was reset since the cursor was given
 * out, STATUS_NOMEM. */
enum status bank_keys(struct bank *bank, struct listing *listing,
                      struct cursor *cursor);

static inline struct bank *bank_of_node(struct table_node *node)
{
    return (struct bank *)(void *)((char *)node - offsetof(struct bank, node));
}

#endif
