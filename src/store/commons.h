/* What all banks, indexes and spaces of a store share. */
#ifndef CACHESERVER_STORE_COMMONS_H
#define CACHESERVER_STORE_COMMONS_H

#include "base/hash.h"
#include "store/departures.h"
#include "store/large_pool.h"

#include <stdatomic.h>
#include <stdint.h>

struct arena;
struct bank;
struct epochs;
struct index_pool;

/* `base` is the arena's, for speed. `other` are the bytes of memory that are
 * not in the arena nor kept free by `large_pool`; `leaving` are those, in the
 * arena or not, that wait for their epoch or are a wreck's. `generation`
 * changes whenever a bank was taken out of reach and before it is retired: who
 * has entered the epochs, and then finds it as it was when a bank was found,
 * may still use that bank. */
struct commons {
    struct arena *arena;
    char *base;
    struct epochs *epochs;
    struct index_pool *pool;
    struct hash_key keys_secret;
    uint64_t start_ms;
    uint64_t memory_max; /* 0: any */
    _Atomic uint64_t generation;
    char apart[64]; /* what is written often comes behind it */
    _Atomic uint64_t other;
    _Atomic uint64_t leaving;
    _Atomic uint64_t version; /* the one given out last */
    struct departures departures;
    struct large_pool large_pool;

    /* How an index learns the hashes of items that it holds, to build a region
     * anew: writes that of the item at `places[i]` to `hashes[i]`, for `count`
     * of them, at most INDEX_ITEMS_MAX; many at a time, so that they can be
     * fetched ahead. Called inside index_add() and index_remove(), when the
     * item that is removed is no longer asked for. */
    void (*hashes_of)(const struct commons *commons, const uint64_t *places,
                      uint64_t *hashes, size_t count);

    /* The bank with the number `id`; NULL when there is none any more. */
    struct bank *(*find_bank)(const void *banks, uint32_t id);
    void *banks;
};

/* Milliseconds since the store began, at least 1. */
uint64_t commons_now(const struct commons *commons);

/* To be called once, before the next. */
void commons_begin_versions(struct commons *commons);

/* A version that no entry has had, not even in an earlier run unless the
 * clock was set back, or two million a second were given out all the time. */
uint64_t commons_next_version(struct commons *commons);

/* The bytes that count against the limit. */
uint64_t commons_used(const struct commons *commons);

#endif
