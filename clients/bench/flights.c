#include "clients/bench/flights.h"

#include "base/check.h"
#include "base/memory.h"

void flights_init(struct flights *flights, size_t depth)
{
    CHECK(depth > 0 && depth <= FLIGHTS_DEPTH_MAX);
    size_t room = 1;
    while (room < 2 * depth) {
        room *= 2;
    }
    *flights = (struct flights){.mask = room - 1};
    flights->ring = memory_alloc_or_die(room * sizeof *flights->ring);
}

void flights_fini(struct flights *flights)
{
    memory_free(flights->ring);
    flights->ring = NULL;
}
