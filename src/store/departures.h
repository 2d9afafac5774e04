/* Why keys that are not there are not there: what left lately, and how. Some
 * 16 bits a key, in place of the oldest; for all banks of a store. May err:
 * it forgets, and takes one in two thousand keys that it does not know for
 * one that it does. No locks; any thread, inside the epochs, but for the
 * last three. */
#ifndef CACHESERVER_STORE_DEPARTURES_H
#define CACHESERVER_STORE_DEPARTURES_H

#include "base/status.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct commons;
struct departure_lines;

enum departure {
    DEPARTURE_EXPIRED,
    DEPARTURE_EVICTED,
    DEPARTURE_REMOVED,
    DEPARTURE_RESET,
    DEPARTURE_NONE /* it was never there, as far as is known */
};

/* Lives in its owner. */
struct departures {
    struct departure_lines *_Atomic lines;
};

/* STATUS_NOMEM. */
enum status departures_init(struct departures *departures,
                            struct commons *commons);

/* The key with `hash`, which tells the bank too, has left. */
void departures_note(struct departures *departures, uint64_t hash,
                     enum departure how);

/* How the key with `hash` left last. */
enum departure departures_find(const struct departures *departures,
                               uint64_t hash);

/* How many keys it remembers at most. */
size_t departures_capacity(const struct departures *departures);

/* Any one thread at a time: makes it fit for a store of `entries`, by halves
 * and doubles, where it is full or too large. Without memory it stays. */
void departures_fit(struct departures *departures, struct commons *commons,
                    uint64_t entries);

/* Gives the memory back at once, if there is any; no one may look any more. */
void departures_fini(struct departures *departures, struct commons *commons);

#endif
