/* The banks of a store, by name and by number. Banks come with their first put
 * or when they are configured, and go when they have been empty for long,
 * unless they were configured.
 *
 * Whoever uses a bank or its space stays inside the epochs meanwhile: what is
 * dropped is freed when nobody can be at it any more. A bank that was dropped
 * takes no entries and no limits; it is to be looked up anew. Who remembers
 * banks from one stay in the epochs to another compares `generation` of struct
 * commons each time: it changes before anything is freed. */
#ifndef CACHESERVER_STORE_BANKS_H
#define CACHESERVER_STORE_BANKS_H

#include "base/hash.h"
#include "base/list.h"
#include "base/slice.h"
#include "base/status.h"
#include "store/bank.h"
#include "store/epoch.h"
#include "store/table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct bank_page;
struct commons;
struct spaces;
struct wreck_list;

enum { BANK_PAGE = 1024, BANK_PAGES = 8 * BANK_PAGE };

/* Lives in the store, too large for anywhere else. */
struct banks {
    struct commons *commons;
    struct spaces *spaces; /* borrowed */
    uint64_t max;          /* 0: any */
    struct hash_key secret;

    pthread_rwlock_t lock; /* of the table and the numbers */
    struct table table;
    uint64_t born;            /* banks, ever */
    uint32_t free_number;     /* first in the list of the free ones; 0: none */
    _Atomic uint32_t numbers; /* 1 and up, all below were given at some time */
    struct bank_page *_Atomic pages[BANK_PAGES];

    pthread_mutex_t dropped_lock;
    struct table_node *waiting; /* dropped, linked by `next` */
    struct table_node *leaving; /* those that `farewell` was retired for */
    struct retired farewell;

    /* Dropped by name, with the rest still to be cleared away, and counted
     * as banks; linked by `next`, under `lock`. */
    struct table_node *doomed;
    struct table_node *doomed_last;
    _Atomic uint64_t doomed_count;

    uint32_t looked_at; /* banks_drop_idle()'s place */
};

void banks_init(struct banks *banks, struct commons *commons,
                struct spaces *spaces, uint64_t max);

/* Frees all; the epochs are gone. */
void banks_fini(struct banks *banks);

/* Any thread. */

struct hashed_key banks_hash_name(const struct banks *banks, struct slice name);

/* NULL without one. */
struct bank *banks_find(struct banks *banks, const struct hashed_key *name);

/* The bank with `number`, for what carries no name; NULL when there is none
 * any more. */
struct bank *banks_find_number(const struct banks *banks, uint32_t number);

/* Finds the bank, or makes it: then `is_new`. STATUS_RESOURCE_EXHAUSTED when
 * there are too many, STATUS_NOMEM. */
enum status banks_open(struct banks *banks, const struct hashed_key *name,
                       struct bank **bank, bool *is_new);

/* Drops a bank that came to nothing, if it is still empty. */
void banks_drop_new(struct banks *banks, struct bank *bank);

/* Drops the bank as it is: no one finds it any more, and nothing gets in; it
 * is in `bank` until the caller leaves the epochs. What it held is for
 * banks_clear_doomed(). STATUS_NOT_FOUND, STATUS_PERMISSION_DENIED. */
enum status banks_drop(struct banks *banks, const struct hashed_key *name,
                       struct bank **bank);

/* Gives the bank called `name` the name `to`; lets two banks change their
 * names. STATUS_NOT_FOUND, STATUS_ALREADY_EXISTS, STATUS_PERMISSION_DENIED,
 * STATUS_NOMEM. */
enum status banks_rename(struct banks *banks, const struct hashed_key *name,
                         const struct hashed_key *to);
enum status banks_swap(struct banks *banks, const struct hashed_key *name,
                       const struct hashed_key *other);

/* The one thread that does the store's work: frees banks that were dropped by
 * name when nothing of them is left, of some that it looks at; resets, by
 * `wrecks`, what still has something. */
void banks_clear_doomed(struct banks *banks, struct wreck_list *wrecks);

/* The one thread that does the store's work: drops banks that were empty for
 * more than `idle_ms`, those of some that it looks at. */
void banks_drop_idle(struct banks *banks, uint64_t idle_ms);

#endif
