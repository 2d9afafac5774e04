/* A named set of entries: an index over items that lie in a space. Any
 * thread; each function is one atomic step, but for bank_keys(). Writers take
 * the bank's lock; bank_get() takes none, unless writers are in its way again
 * and again. */
#ifndef CACHESERVER_STORE_BANK_H
#define CACHESERVER_STORE_BANK_H

#include "base/slice.h"
#include "base/status.h"
#include "core/bank_stats.h"
#include "core/value.h"
#include "store/counters.h"
#include "store/departures.h"
#include "store/listing.h"
#include "store/table.h"
#include "store/index.h"
#include "store/item.h"
#include "store/space.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;
struct commons;
struct increment;
struct store_visit;

struct hashed_key {
    uint64_t hash;
    struct slice bytes;
    uint64_t generation; /* of the banks, before that of the key was found */
};

/* The limits of a bank that was configured, see core/bank_stats.h. Written
 * under the bank's lock; any thread may read. */
struct bank_terms {
#define LIMIT(name, ...) _Atomic uint64_t name;
#include "core/bank_limits.def"
#undef LIMIT
};

/* Owned by the store's banks (store/banks.h), which say how long it lives. */
struct bank {
    struct table_node node; /* in the table; the name. Only with the lock of
                               the banks, which may give it another */
    pthread_mutex_t lock;   /* of all below but the atomics */
    struct index index;     /* with the commons, which banks being many have
                               no second pointer to */
    struct space *_Atomic space;  /* its own, or the one of small banks;
                                     changes once, under the lock */
    uint64_t incarnation;         /* of cursors; changes with each reset */
    _Atomic uint64_t large_bytes; /* of values with memory of their own */
    struct list wrecks;           /* those with guests, see store/wreck.h */
    _Atomic uint64_t entries;
    _Atomic uint64_t live; /* bytes accounted: items, large values, slots */
    struct bank_terms *_Atomic terms; /* NULL until it is configured */
    struct counters counters;
    _Atomic uint64_t named_at; /* the generation that gave it its name; 0: the
                                  first. Written under the lock */
    _Atomic uint32_t guests;   /* entries in the space that others share */
    uint32_t id;
    uint64_t salt;                  /* see bank_departure_hash() */
    _Atomic uint32_t empty_since_s; /* seconds since the store began, if it
                                       has no entries */
    uint16_t wreck_count;           /* those that still need the bank */
    bool is_dropped;                /* nothing gets in any more */
    char name[];                    /* without a gap: banks may be many; not
                                       that of `node` after a renaming */
};

/* What a put stores; `large` is the value when it has memory of its own. */
struct bank_value {
    struct slice bytes;
    enum value_kind kind;
    struct lifetime lifetime; /* NEW, FOREVER or DEFAULT */
    char *large;              /* taken on success */
};

/* For the `hashes_of` of struct commons. */
void bank_hash_items(const struct commons *commons, const uint64_t *places,
                     uint64_t *hashes, size_t count);

/* *Gives* an empty bank whose items go to `space`; NULL without memory. */
struct bank *bank_create(uint64_t hash, struct slice name, uint32_t id,
                         struct space *space);

/* *Takes* the bank. No one may use it any more. */
void bank_free(struct bank **bank);

/* With the bank out of the table: gives it the name `to`, which the generation
 * in there will see. *Takes* its bytes, which memory_alloc() gave. */
void bank_set_name(struct bank *bank, const struct hashed_key *to);

/* Whether the bank got another name since it was looked up for `key`. */
static inline bool bank_has_moved(const struct bank *bank,
                                  const struct hashed_key *key)
{
    return atomic_load_explicit(&bank->named_at, memory_order_acquire) >
           key->generation;
}

static inline struct bank *bank_of_node(struct table_node *node)
{
    return (struct bank *)(void *)((char *)node - offsetof(struct bank, node));
}

/* Whether entries may be changed: STATUS_CANCELLED, STATUS_PERMISSION_DENIED.
 * With the lock held. */
enum status bank_check_writable(const struct bank *bank);

/* Operations that write also answer STATUS_RESOURCE_EXHAUSTED when the bank's
 * limits could never hold the entry, or it refuses; STATUS_UNAVAILABLE when
 * they do not now: evict from the bank and try again; and
 * STATUS_PERMISSION_DENIED when it is read-only. All answer
 * STATUS_CANCELLED when the bank got another name, and those that may add an
 * entry when it was dropped: look it up again. Nothing has changed then. */
enum status bank_put(struct bank *bank, const struct hashed_key *key,
                     struct bank_value *value);
enum status bank_get(struct bank *bank, const struct hashed_key *key,
                     struct buffer *bytes, enum value_kind *kind);

/* As store_put_if() and store_read() do, under the lock. */
enum status bank_put_if(struct bank *bank, const struct hashed_key *key,
                        struct bank_value *value, struct store_visit *visit);
enum status bank_read(struct bank *bank, const struct hashed_key *key,
                      const struct lifetime *touch, struct store_visit *visit);

/* Counts what a get that bank_read() did came to. */
void bank_count_read(struct bank *bank, const struct hashed_key *key,
                     enum status status);

enum status bank_incr(struct bank *bank, const struct hashed_key *key,
                      const struct increment *increment, struct number *sum);

/* Each figure is exact when nothing runs. */
void bank_stats(const struct bank *bank, struct bank_stats *stats);

/* The page that `listing` is, from `cursor` on, which is moved. */
enum status bank_keys(struct bank *bank, struct listing *listing,
                      struct cursor *cursor);

/* Whether the bank shares its space and has become too large for that; then
 * bank_graduate() gives it `fresh`, which is taken if it still
 * is so. What it has in the shared space is its guest there until
 * bank_gather() has moved it, some `items` at a time; answers whether it has
 * moved any. */
bool bank_wants_space(struct bank *bank);
void bank_graduate(struct bank *bank, struct space **fresh);
bool bank_gather(struct bank *bank, size_t items);

/* Moves `piece` of the pool if it is a region of the bank's index; false when
 * there is no memory for that. */
bool bank_move_region(struct bank *bank, const struct index_piece *piece);

/* Sets the limits. `terms` are taken if the bank has none, `fresh` if it shares
 * its space: what binds only this bank cannot be kept among others. Neither is
 * NULL then. STATUS_CANCELLED when the bank
 * was dropped. */
enum status bank_set_limits(struct bank *bank, const struct bank_limits *limits,
                            struct bank_terms **terms, struct space **fresh);

/* Any thread: the limits; the defaults of one that was not configured. */
void bank_limits(const struct bank *bank, struct bank_limits *limits);

/* Any thread: whether it holds more than its maximum, which was lowered. */
bool bank_is_over(const struct bank *bank);

/* Any thread: how many entries may be evicted at once when the bank makes room
 * for itself, so that hardly more leave than its maximum of them demands. */
size_t bank_evict_step(const struct bank *bank);

/* Any thread: what of it may be taken for other banks. */
uint64_t bank_beyond_reserve(const struct bank *bank);

/* What an entry is charged with, in the mean; 0 without any. Any thread. */
uint64_t bank_mean_charge(const struct bank *bank);

/* Locks the job of the bank's space, then the bank, and answers the space. */
struct space *bank_lock_with_space(struct bank *bank);

/* What the store remembers the departure of the key with `hash` under. */
static inline uint64_t bank_departure_hash(const struct bank *bank,
                                           uint64_t hash)
{
    return hash ^ bank->salt;
}

/* With the bank's lock held: it has become empty now. */
void bank_note_empty(struct bank *bank);

/* For those who go through segments, with the bank's lock held. An item that
 * the index has is taken out, its memory with it. */
struct bank_item {
    char *at;
    struct item item;
    uint64_t place;
    uint64_t hash;
};

/* Reads the item at `place`, where there is one, into `found`: the first all
 * but its hash, the second all; the third answers whether the bank has it. */
void bank_item_at(const struct bank *bank, uint64_t place,
                  struct bank_item *found);
void bank_read_item(const struct bank *bank, uint64_t place,
                    struct bank_item *found);
bool bank_has_item(struct bank *bank, uint64_t place, struct bank_item *found);
void bank_unlink(struct bank *bank, const struct bank_item *found);

/* The same, counted and remembered, for one whose lifetime is over at `now`
 * and one that has to make room. */
void bank_expire(struct bank *bank, const struct bank_item *found,
                 uint64_t now);
void bank_evict(struct bank *bank, const struct bank_item *found);

/* Whether without it the bank would have less than its reserve. */
bool bank_needs(const struct bank *bank, const struct bank_item *found);
/* How many small items' worth of work it is to move an item of `len` bytes. */
static inline size_t bank_move_worth(size_t len)
{
    enum { WORTH_OF_ONE = 2 * 1024 };
    return 1 + len / WORTH_OF_ONE;
}

/* Moves it to `queue` of the bank's space, with `heat`: false when there is
 * no room, and nothing has changed. */
bool bank_move(struct bank *bank, const struct bank_item *found,
               enum space_queue queue, uint32_t heat);

#endif
