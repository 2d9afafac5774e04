/* A page of a list in the making: which names it takes, where it stands and
 * how much it may still do; and the cursors that carry its place from page
 * to page. One thread; the tables it looks at are locked by the caller. */
#ifndef CACHESERVER_STORE_LISTING_H
#define CACHESERVER_STORE_LISTING_H

#include "base/hash.h"
#include "base/slice.h"
#include "base/status.h"
#include "store/store.h"
#include "store/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct response;

enum {
    LISTING_LOOKS_MAX = 16 * 1024, /* buckets or keys looked at for a page */
    LISTING_LOOKS_STEP = 64,       /* and under one hold of a lock */
    LISTING_BYTES_MAX = 1024 * 1024,
    LISTING_BUDGET_US = 500 /* for a page */
};

/* What a cursor says. `scope` is the list that it belongs to, `incarnation`
 * which of the list's lives, each ended by a reset. */
struct cursor {
    uint64_t scope;
    uint64_t incarnation;
    uint64_t position;
};

/* Fills in `cursor`: the start of the list `scope` for an empty one.
 * STATUS_INVALID_ARGUMENT for bytes that were not given out with this `key`
 * for this `scope`. */
enum status cursor_decode(struct cursor *cursor, const struct hash_key *key,
                          uint64_t scope, struct slice bytes);

/* Fills in the cursor of `response`. */
void cursor_encode(const struct cursor *cursor, const struct hash_key *key,
                   struct response *response);

/* Borrows all that it points to. */
struct listing {
    enum listing_kind kind;
    struct slice prefix;
    struct response *response;
    struct table_walk walk;
    size_t items_left;
    size_t looks_left;
    size_t room_needed; /* what the next step must find reserved */
    size_t bytes_max;   /* of the answer, but that one item is always let in */
    uint64_t end_us;    /* when the page has taken long enough */
};

/* Begins the page at `position`. */
void listing_start(struct listing *listing, const struct store_page *page,
                   uint64_t position, struct response *response);

/* Whether the page is complete. */
bool listing_is_over(const struct listing *listing);

/* Whether `len` bytes more are too many for the page. */
bool listing_is_full(const struct listing *listing, size_t len);

/* Makes room for the next step, outside of any lock: STATUS_NOMEM. */
enum status listing_reserve(struct listing *listing);

/* Lists from `table`, which the walk has come to, those nodes of which
 * `is_there` says so (NULL: all): a bounded step. Nothing is allocated, but
 * for keys that share one hash. STATUS_NOMEM. */
enum status listing_step(struct listing *listing, const struct table *table,
                         bool (*is_there)(struct table_node *node));

#endif
