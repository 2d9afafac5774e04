/* A hash table that is also a list in the order of the hashes, so that it
 * can be walked in pieces while it grows, shrinks and changes: a place in
 * the walk is a hash. Grows and shrinks by one bucket at a time; no function
 * but table_fini() takes longer in a large table. The caller locks. */
#ifndef CACHESERVER_STORE_TABLE_H
#define CACHESERVER_STORE_TABLE_H

#include "base/slice.h"
#include "base/status.h"
#include "store/cells.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sits in the object that is found by `key`; set `hash` and `key` before it
 * goes into a table and leave them alone until it is out. */
struct table_node {
    struct table_node *next;
    uint64_t hash;
    struct slice key; /* borrowed from the object */
};

/* Owns its buckets, not the nodes. The first `prefix_bits` bits of all
 * hashes in it are the same: those that chose this table among others. */
struct table {
    struct cells buckets;
    size_t count;
    unsigned prefix_bits;
};

/* A walk in the order of the hashes, over one table or a row of tables whose
 * prefixes ascend. `position` is the first hash that it has not passed. */
struct table_walk {
    uint64_t position;
    bool is_end;  /* it has passed the greatest hash there can be */
    size_t steps; /* buckets that it may still look at */
};

/* Makes `table` an empty one, which holds no memory. */
void table_init(struct table *table, unsigned prefix_bits);

/* Releases the buckets of a table that has no nodes any more. */
void table_fini(struct table *table);

/* Makes sure that the next table_insert() has a bucket: STATUS_NOMEM. */
enum status table_reserve(struct table *table);

/* *Borrows* the node of `key`, whose hash is `hash`; NULL without one. */
struct table_node *table_find(const struct table *table, uint64_t hash,
                              struct slice key);

/* Puts `node` in, whose key is not there; after table_reserve(). */
void table_insert(struct table *table, struct table_node *node);

/* Puts `node` in the place of `old`, which has the same key. */
void table_replace(struct table *table, struct table_node *old,
                   struct table_node *node);

/* Takes `node`, which is there, out. */
void table_remove(struct table *table, struct table_node *node);

/* The first node from the walk's position on, and the position is then that
 * node's hash; others of the same hash follow it by `next`. NULL when the
 * steps are used up or the table's last hash is passed, and the position is
 * where to go on. At least one step must be left. */
struct table_node *table_seek(const struct table *table,
                              struct table_walk *walk);

/* Takes nodes out, as many as are found in `steps` steps, for a table that
 * is being emptied: a list linked by `next`, maybe NULL. */
struct table_node *table_drain(struct table *table, size_t steps);

#endif
