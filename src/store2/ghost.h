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

/* Lives in its owner; one of zeroes remembers nothing and holds no memory.
 * Lines of 64 bytes: 30 fingerprints, oldest first out, and where the next
 * goes. */
struct ghost {
    unsigned char *lines;
    size_t line_count;
};

void ghost_fini(struct ghost *ghost);

/* Makes room for some `keys` fingerprints; keeps what it can of those that
 * are there. Does nothing while the room is within an eighth of that.
 * STATUS_NOMEM, and nothing changed. */
enum status ghost_resize(struct ghost *ghost, size_t keys);

/* Remembers the key with `hash`. */
void ghost_add(struct ghost *ghost, uint64_t hash);

/* Whether the key with `hash` is remembered; it is forgotten then. */
bool ghost_take(struct ghost *ghost, uint64_t hash);

/* Bytes of memory held. */
size_t ghost_used(const struct ghost *ghost);

#endif
