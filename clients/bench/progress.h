/* A line on the terminal that shows how far a phase is; nothing when the
 * standard error is no terminal. The thread that drives. */
#ifndef CACHESERVER_CLIENTS_BENCH_PROGRESS_H
#define CACHESERVER_CLIENTS_BENCH_PROGRESS_H

#include "clients/bench/driver.h"

#include <stdbool.h>
#include <stdint.h>

/* Owned by who shows it. */
struct progress {
    bool is_shown;
    const char *name;      /* of the phase */
    uint64_t requests_max; /* 0: not known */
    double seconds_max;    /* 0: not known */
};

/* Looks whether there is a terminal, unless `is_quiet`. */
void progress_init(struct progress *progress, bool is_quiet);

/* A phase called `name` begins, of `phase->requests` requests. */
void progress_start(struct progress *progress, const char *name,
                    const struct phase *phase);

/* Shows how far it is. `progress` is a struct progress. */
void progress_show(void *progress, const struct driver_progress *now);

/* Takes the line away. */
void progress_end(struct progress *progress);

#endif
