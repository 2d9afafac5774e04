/* Banks of entries in memory. Knows bytes, kinds and lifetimes; knows no
 * request and no network. All functions may be called by any thread at any
 * time; each is one atomic step, except that a page of a listing is several,
 * each of which looks at some of the keys. No function blocks for long. Those
 * that change entries of a bank that is read-only answer
 * STATUS_PERMISSION_DENIED.
 *
 * An entry whose lifetime is over does not exist for any function, and its
 * memory is given back soon by store_work(). Reading never creates a bank;
 * store_put() does, and store_bank_configure(). The first call of a thread may
 * answer STATUS_NOMEM whatever it is. */
#ifndef CACHESERVER_STORE_STORE_H
#define CACHESERVER_STORE_STORE_H

#include "base/buffer.h"
#include "base/slice.h"
#include "base/status.h"
#include "core/entry.h"
#include "core/op.h"
#include "core/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bank_change;
struct bank_limits;
struct bank_stats;
struct increment;
struct op_latency;
struct response;
struct store;

/* No store takes more memory than this: a larger limit counts as this one. */
#define STORE_MEMORY_MAX ((uint64_t)200 << 30)

struct store_options {
    uint64_t memory_max;   /* bytes that entries and banks may take; 0: any,
                              up to 64 GiB */
    uint64_t banks_max;    /* banks at most; 0: any */
    uint64_t bank_idle_ms; /* see store_set_bank_idle() */
};

/* What store_put() stores; copied. `rule` is not LIFETIME_SAME; one of
 * LIFETIME_OVER leaves the bank there and the key without an entry. */
struct store_value {
    struct slice bytes;
    enum value_kind kind;
    struct lifetime lifetime;
};

/* One call's look at an entry, for those who ask for more than its value. On
 * the way in: */
struct store_visit {
    struct condition condition; /* beside what the function itself demands */
    bool wants_version;         /* gives the entry one if it has none */
    bool is_continued;          /* store_append()'s */
    struct buffer *bytes;       /* borrowed: a copy of the value that was there
                                   is appended; NULL: it is not wanted */
    /* On the way out, on success and when a condition failed: */
    bool was_there;
    struct entry_facts facts; /* of the entry that was; after a touch its
                                 lifetime is the new one */
    /* On success: */
    uint64_t version; /* of the entry that is there now; 0 if it has none */
    /* Not for callers: */
    size_t room_needed;
};

/* What store_append() adds. */
struct store_piece {
    struct slice bytes;
    bool is_before;    /* in front of the value rather than behind it */
    uint64_t size_max; /* bytes that the whole may have */
};

/* What a page does with the entries that are found. */
enum listing_kind {
    LISTING_KEYS,
    LISTING_ENTRIES, /* with values and lifetimes */
    LISTING_REMOVE   /* they are removed, and counted */
};

/* Which part of a list is asked for. */
struct store_page {
    struct slice prefix; /* only names that start so */
    struct slice cursor; /* where the page before ended; empty: the start */
    uint32_t limit;      /* items at most, at least 1 */
    uint64_t bytes_max;  /* of the page, but for its first item; 0: the
                            store's own bound */
    enum listing_kind kind;
};

/* How much there is, for tests and statistics; exact when nothing runs. */
struct store_usage {
    uint64_t banks;
    uint64_t entries;
    uint64_t bytes; /* charged against `memory_max` */
};

/* *Gives* an empty store; NULL without memory. */
struct store *store_create(const struct store_options *options);

/* *Takes* the store. No other thread may still use it. */
void store_free(struct store **store);

/* Stores `value` under `key`, replacing what was there and restarting its
 * lifetime. STATUS_RESOURCE_EXHAUSTED beyond `memory_max`, `banks_max` or the
 * bank's maximum, STATUS_NOMEM; then nothing has changed. */
enum status store_put(struct store *store, struct slice bank, struct slice key,
                      const struct store_value *value);

/* The same, if the condition of `visit` holds: else what enum condition_rule
 * says. */
enum status store_put_if(struct store *store, struct slice bank,
                         struct slice key, const struct store_value *value,
                         struct store_visit *visit);

/* Appends a *copy* of the value to `bytes` and tells its `kind`. A `touch`
 * that is not NULL is applied as store_touch() does (LIFETIME_OVER: get and
 * remove). STATUS_NOT_FOUND, STATUS_NOMEM. */
enum status store_get(struct store *store, struct slice bank, struct slice key,
                      const struct lifetime *touch, struct buffer *bytes,
                      enum value_kind *kind);

/* Looks at an entry. A `touch` that is not NULL is applied as store_touch()
 * does (LIFETIME_OVER: get and remove), if the condition of `visit` holds. It
 * counts as a get if `bytes` is there. STATUS_NOT_FOUND, STATUS_ABORTED,
 * STATUS_NOMEM; STATUS_RESOURCE_EXHAUSTED when the bank's maximum has no room
 * for a version or a lifetime. */
enum status store_read(struct store *store, struct slice bank, struct slice key,
                       const struct lifetime *touch, struct store_visit *visit);

/* STATUS_NOT_FOUND, and of the second what store_read() says. */
enum status store_remove(struct store *store, struct slice bank,
                         struct slice key);
enum status store_remove_if(struct store *store, struct slice bank,
                            struct slice key, struct store_visit *visit);

/* Sets a lifetime: LIFETIME_SAME restarts the entry's own and does nothing to
 * one without, LIFETIME_OVER removes. STATUS_NOT_FOUND, STATUS_NOMEM. */
enum status store_touch(struct store *store, struct slice bank,
                        struct slice key, struct lifetime lifetime);

/* Adds to the number in the entry, which then holds the sum as JSON; what
 * remains of its lifetime stays. The sum is in `sum`. For an entry that is
 * there `memory_max` does not count; one that is not comes into being if
 * `increment` says as what, and as for store_put() its lifetime may be over.
 * STATUS_NOT_FOUND, STATUS_NOMEM, what store_put() says of a new entry, and
 * what number_increment() says, the entry then being unchanged. */
enum status store_incr(struct store *store, struct slice bank, struct slice key,
                       const struct increment *increment, struct number *sum);

/* Makes the value longer by `piece`; kind and lifetime stay. `size` is what it
 * has then. STATUS_NOT_FOUND; STATUS_FAILED_PRECONDITION when the value is JSON
 * or text that the piece is none of; STATUS_OUT_OF_RANGE beyond `size_max`;
 * what store_put() says. Nothing has changed then. */
enum status store_append(struct store *store, struct slice bank,
                         struct slice key, const struct store_piece *piece,
                         uint64_t *size);

/* Removes all entries of `bank` at once; it stays as any empty one does. An
 * unknown bank is an empty one. STATUS_NOMEM. */
enum status store_bank_reset(struct store *store, struct slice bank);

/* Changes the limits of `bank`, which comes into being if need be and stays;
 * `limits` are those that it then has. Bytes are those that
 * store_bank_stats() tells. A put into a bank that is at its maximum evicts
 * from that bank; one whose maximum is lowered comes down to it in
 * store_work(), or with its next put. For the memory limit that bank gives way
 * which takes most beyond its reserve for its weight. STATUS_INVALID_ARGUMENT
 * when the reserve would be more than the maximum, STATUS_OUT_OF_RANGE when
 * all reserves together would be more than BANK_RESERVES_PERCENT of
 * `memory_max`, and what store_put() says of a new bank; then no limit has
 * changed. */
enum status store_bank_configure(struct store *store, struct slice bank,
                                 const struct bank_change *change,
                                 struct bank_limits *limits);

/* What store_bank_configure() would answer now, as far as that depends on
 * limits; nothing changes. */
enum status store_bank_foresee(struct store *store, struct slice bank,
                               const struct bank_change *change,
                               struct bank_limits *limits);

/* What is known of `bank`. Misses are told apart by what the store remembers
 * of keys that left, at most one in a thousand of them wrongly, and counts as
 * never seen what it has forgotten; only an expired entry that a get finds is
 * known for certain. STATUS_NOT_FOUND for an unknown bank. */
enum status store_bank_stats(struct store *store, struct slice bank,
                             struct bank_stats *stats);

/* Notes that a call of `op` on `bank` took `ns`, if it is one that has grown or
 * was configured. */
void store_note_latency(struct store *store, struct slice bank, enum op op,
                        uint64_t ns);

/* Tells the latencies of `bank`, an operation each, in `told`, which has room
 * for OP_COUNT of them; how many there are. */
size_t store_bank_latencies(struct store *store, struct slice bank,
                            struct op_latency *told);

/* Drops `bank` with all that it holds and is set to, at once; a put makes a new
 * one. STATUS_NOT_FOUND, STATUS_NOMEM. */
enum status store_bank_drop(struct store *store, struct slice bank);

/* Gives `bank` the name `to`. STATUS_NOT_FOUND, STATUS_ALREADY_EXISTS,
 * STATUS_NOMEM. */
enum status store_bank_rename(struct store *store, struct slice bank,
                              struct slice to);

/* Lets two banks change their names, all but what they are set to: where either
 * was configured, that has changed a moment before.
 * STATUS_NOT_FOUND, STATUS_NOMEM. */
enum status store_bank_swap(struct store *store, struct slice bank,
                            struct slice other);

/* A page of the keys of `bank`, as items of `response`, or of its entries, or
 * they are removed and counted there; with the cursor of the next page; none at
 * the end. Ends early when it took long, maybe with
 * nothing. A key that is there from the first page to the last is listed
 * exactly once, in whatever order. STATUS_INVALID_ARGUMENT for a cursor that
 * was never given out, STATUS_ABORTED when the bank was reset since it was;
 * STATUS_NOMEM. An unknown bank is an empty one. */
enum status store_bank_keys(struct store *store, struct slice bank,
                            const struct store_page *page,
                            struct response *response);

/* A page of the names of banks, likewise. */
enum status store_bank_list(struct store *store, const struct store_page *page,
                            struct response *response);

/* Does a bounded piece of what waits to be done: entries whose lifetime is
 * over, banks that were reset. Answers whether more waits. To be called ten
 * times a second, and again while it answers true; any one thread. */
bool store_work(struct store *store);

/* Whether puts may soon have to do themselves what store_work() does. */
bool store_is_short(const struct store *store);

/* From now on store_work() drops banks that have been empty for more than
 * `idle_ms`, a second and a half at most late where there are few, unless they
 * were configured; 0: none. */
void store_set_bank_idle(struct store *store, uint64_t idle_ms);

struct store_usage store_usage(struct store *store);

#endif
