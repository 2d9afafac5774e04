/* What was evicted lately: fingerprints of keys, some 16 bits each, so that a
 * key that comes back soon is known to be worth more (the ghost queue of
 * S3-FIFO: Yang et al., "FIFO queues are all you need for cache eviction",
 * SOSP 2023). May err: it forgets, and one in some thousand keys is taken for
 * another. The caller locks. */
#ifndef CACHESERVER_STORE_GHOST_H
#define CACHESERVER_STORE_GHOST_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lines of 64 bytes: 30 fingerprints, oldest first out, and how many there
 * are. */
struct ghost_lines {
    unsigned char *block; /* the lines begin `offset` bytes into it */
    size_t offset;
    size_t count;
};

/* Lives in its owner; one of zeroes remembers nothing and holds no memory. */
struct ghost {
    struct ghost_lines lines;
    /* While a resize is under way: */
    struct ghost_lines old; /* NULL otherwise */
    size_t old_held;        /* the first so many are still there */
    size_t unfilled;        /* the first so many new lines lack the old */
};

void ghost_fini(struct ghost *ghost);

/* Makes room for the last `keys` keys, some 4 % of which may be forgotten all
 * the same; no room for none. Keeps what it can: all when the room becomes a
 * whole number of times what it was; else, of what there is room for, three
 * quarters and more, rather the newer. Only begins it: the next calls of
 * ghost_add() and ghost_take() each do a part, some 100 ns, and so does each
 * call of this one, some us, which else does nothing while an earlier resize
 * is under way or the room is within an eighth of what is asked for.
 * STATUS_NOMEM, and nothing changed. */
enum status ghost_resize(struct ghost *ghost, size_t keys);

/* Remembers the key with `hash`, if there is room at all. */
void ghost_add(struct ghost *ghost, uint64_t hash);

/* Whether the key with `hash` is remembered; it is forgotten then. */
bool ghost_take(struct ghost *ghost, uint64_t hash);

/* Bytes of memory held. */
size_t ghost_used(const struct ghost *ghost);

#endif
