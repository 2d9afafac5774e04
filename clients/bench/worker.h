/* A thread with a loop and its share of the connections. */
#ifndef CACHESERVER_CLIENTS_BENCH_WORKER_H
#define CACHESERVER_CLIENTS_BENCH_WORKER_H

#include "clients/bench/connection.h"
#include "clients/bench/record.h"
#include "clients/bench/source.h"

#include <stdatomic.h>
#include <stdint.h>
#include <uv.h>

/* What a worker is to do, and whom it tells. Borrowed for its life. */
struct worker_options {
    const struct workload *workload;
    const struct protocol *protocol;
    const struct stencil *stencil;
    const struct target *target;
    size_t connections; /* its share */
    size_t depth_max;
    bool is_refilling;
    uint64_t timeout_ms; /* without an answer that is owed; then it fails */
    struct share share;

    /* Called on the worker's thread: connected, or the phase is over; and
     * what went wrong, after which nothing but worker_stop() may be done. */
    void (*on_ready)(void *arg);
    void (*on_failed)(void *arg, const char *why);
    void *arg;
};

/* `record` and `end_ns` belong to the worker while a phase runs. */
struct worker {
    struct worker_options options;
    struct station station;
    struct record *record;
    uint64_t end_ns;           /* when the phase's last answer came */
    _Atomic uint64_t answered; /* in the phase, for who watches */
    struct phase phase;
    uv_thread_t thread;
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t watch;
    uv_poll_t alarm;
    int alarm_fd;
    struct connection *connections;
    size_t connected;
    uint64_t watched;    /* answers at the last look that saw new ones, */
    uint64_t watched_ms; /* and when that was */
    bool is_running;     /* a phase */
    bool is_failed;
    _Atomic bool is_stopping;
};

/* Starts the thread, which connects; then `on_ready` or `on_failed`. */
void worker_start(struct worker *worker, const struct worker_options *options);

/* Lets a worker that is ready run `phase`; then `on_ready` or `on_failed`. Any
 * thread. */
void worker_run(struct worker *worker, const struct phase *phase);

/* Closes the connections and ends the thread, and frees what it has. The
 * thread that started it. */
void worker_stop(struct worker *worker);

#endif
