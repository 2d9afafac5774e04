/* The requests of one connection that await their answers, in the order in
 * which they were sent. One thread. */
#ifndef CACHESERVER_CLIENTS_BENCH_FLIGHTS_H
#define CACHESERVER_CLIENTS_BENCH_FLIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FLIGHTS_DEPTH_MAX = 4096,

    /* Ids begin here, so that each takes two bytes in protobuf, as those of a
     * connection that lives for some time do. */
    FLIGHTS_FIRST_ID = 128
};

struct flight {
    uint64_t since_ns; /* when it was sent, or was to be sent */
    uint64_t key;
    bool is_get;
    bool is_open;
};

/* Owns `ring`. Numbers `first` .. `next` - 1 are in the ring, each at its
 * remainder; some in between may have been answered already. */
struct flights {
    struct flight *ring;
    uint64_t mask;
    uint64_t first;
    uint64_t next;
    size_t count; /* not answered */
};

/* Room for `depth` requests, 1 .. FLIGHTS_DEPTH_MAX, and as many answered
 * ones among them; no memory ends the program. */
void flights_init(struct flights *flights, size_t depth);

void flights_fini(struct flights *flights);

/* Whether one more can be added. */
static inline bool flights_have_room(const struct flights *flights)
{
    return flights->next - flights->first <= flights->mask;
}

/* Adds one; its id is in `id`. There is room. Valid until it is closed. */
static inline struct flight *flights_add(struct flights *flights, uint64_t *id)
{
    uint64_t at = flights->next++ & flights->mask;
    struct flight *flight = &flights->ring[at];
    flight->is_open = true;
    flights->count++;
    *id = FLIGHTS_FIRST_ID + at;
    return flight;
}

/* The one that was sent first; NULL when there is none. */
static inline struct flight *flights_oldest(const struct flights *flights)
{
    if (flights->count == 0) {
        return NULL;
    }
    return &flights->ring[flights->first & flights->mask];
}

/* The one with `id`; NULL when there is none. */
static inline struct flight *flights_find(const struct flights *flights,
                                          uint64_t id)
{
    uint64_t at = id - FLIGHTS_FIRST_ID;
    if (at > flights->mask || !flights->ring[at].is_open) {
        return NULL;
    }
    return &flights->ring[at];
}

/* `flight` has been answered. */
static inline void flights_close(struct flights *flights, struct flight *flight)
{
    flight->is_open = false;
    flights->count--;
    while (flights->first < flights->next &&
           !flights->ring[flights->first & flights->mask].is_open) {
        flights->first++;
    }
}

#endif
