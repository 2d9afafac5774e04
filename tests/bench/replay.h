/* Replays a tour of a trace: a get that misses is followed by a put of the
 * same entry. One thread; what goes wrong ends the program. */
#ifndef CACHESERVER_TESTS_BENCH_REPLAY_H
#define CACHESERVER_TESTS_BENCH_REPLAY_H

#include "tests/bench/trace.h"

#include <stdint.h>

struct protocol;

/* What it came to. Memory is what the process that holds the entries had
 * resident at the end above what it had before the first request. */
struct replay_result {
    uint64_t gets;
    uint64_t misses;
    uint64_t refused; /* puts that were not taken */
    uint64_t entries; /* at the end; 0: not known */
    uint64_t memory;
};

/* Told now and then how far it is. */
typedef void replay_progress_fn(const struct trace_tour *tour);

/* In this process, in a store of `memory_max` bytes, whose clock is the
 * trace's. */
void replay_in_store(struct trace_tour *tour, uint64_t memory_max,
                     replay_progress_fn *show, struct replay_result *result);

struct replay_server {
    const struct protocol *protocol;
    unsigned port; /* of 127.0.0.1 */
    int pid;       /* whose memory it is */
};

/* Through a server. Its clock is its own: so the lifetimes of the trace are
 * kept here. What is over counts as a miss and, where the protocol lets it,
 * is removed at once, which is sooner than a server would itself. */
void replay_through_server(struct trace_tour *tour,
                           const struct replay_server *server,
                           replay_progress_fn *show,
                           struct replay_result *result);

/* Bytes of process `pid` in memory; of this one for 0. */
uint64_t replay_resident(int pid);

/* The bytes of the value of a key: they begin with the key as it is spelled,
 * if there is room. */
void replay_put_value(char *out, const char key[TRACE_KEY_LEN], size_t len);
bool replay_is_value(const char *value, size_t len,
                     const char key[TRACE_KEY_LEN]);

#endif
