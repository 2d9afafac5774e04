/* Drives a load: threads with connections, phase after phase. The thread that
 * opened it. */
#ifndef CACHESERVER_CLIENTS_BENCH_DRIVER_H
#define CACHESERVER_CLIENTS_BENCH_DRIVER_H

#include "clients/bench/connection.h"
#include "clients/bench/record.h"
#include "clients/bench/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct driver;

enum { DRIVER_WHY_MAX = 300 };

/* All that points somewhere is borrowed for the driver's life. */
struct driver_options {
    const struct workload *workload;
    const struct protocol *protocol;
    const struct stencil *stencil;
    const struct target *target;
    size_t connections; /* at least one a thread */
    unsigned threads;
    size_t depth_max;
    bool is_refilling;
    uint64_t timeout_ms;
};

/* How far a phase is. */
struct driver_progress {
    const struct phase *phase;
    uint64_t answered;
    double seconds;
};

/* Told now and then while a phase runs; `show` may be NULL. */
struct driver_watcher {
    void (*show)(void *arg, const struct driver_progress *progress);
    void *arg;
};

/* What a phase came to; large, not for the stack. */
struct driver_result {
    double seconds;
    struct record record;
};

/* *Gives* a driver whose connections are there; NULL, and `why` says what was
 * in the way. */
struct driver *driver_open(const struct driver_options *options,
                           char why[DRIVER_WHY_MAX]);

/* Runs `phase`, to its last answer; `start_ns` and `number` need not be set.
 * What came of it is in `result`. False when it broke off; driver_why() then
 * says how, and the driver can only be closed. */
bool driver_run(struct driver *driver, const struct phase *phase,
                const struct driver_watcher *watcher,
                struct driver_result *result);

/* What went wrong; borrowed. */
const char *driver_why(const struct driver *driver);

/* *Takes* the driver. */
void driver_close(struct driver **driver);

#endif
