/* Which requests a phase consists of, one after another, for one thread of
 * several; and until when. One thread. */
#ifndef CACHESERVER_CLIENTS_BENCH_SOURCE_H
#define CACHESERVER_CLIENTS_BENCH_SOURCE_H

#include "clients/bench/random.h"
#include "clients/bench/workload.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum phase_kind {
    PHASE_LOAD,  /* a set of every key */
    PHASE_CHECK, /* a get of every key */
    PHASE_MIX    /* what the workload draws */
};

/* What all threads do together. Of `requests` and `duration_ns` 0 is no
 * limit, and only PHASE_MIX knows them. */
struct phase {
    enum phase_kind kind;
    size_t depth;         /* requests in flight on each connection */
    double rate;          /* a second, over all connections; 0: a closed loop */
    uint64_t requests;    /* in all */
    uint64_t duration_ns; /* in which requests are begun */
    uint64_t start_ns;
    uint64_t number; /* tells apart phases that draw different requests */
};

/* Which of `threads` threads one is. */
struct share {
    unsigned index;
    unsigned threads;
};

/* Filled by source_init(). */
struct source {
    const struct workload *workload;
    struct random random;
    enum phase_kind kind;
    uint64_t key; /* next, unless keys are drawn */
    uint64_t step;
    uint64_t left;
    uint64_t end_ns;
};

/* Begins the share of `phase`; borrows `workload`. */
void source_init(struct source *source, const struct workload *workload,
                 const struct phase *phase, struct share share);

/* Whether no request is to be begun at `at_ns` or later. */
static inline bool source_is_over(const struct source *source, uint64_t at_ns)
{
    return source->left == 0 || at_ns >= source->end_ns;
}

/* Counts a request that is to begin at `at_ns` against the limits; false, and
 * nothing counted, when it is beyond them. */
static inline bool source_claim(struct source *source, uint64_t at_ns)
{
    if (source_is_over(source, at_ns)) {
        return false;
    }
    source->left--;
    return true;
}

/* The operation of the next request that was claimed. */
static inline struct operation source_next(struct source *source)
{
    if (source->kind == PHASE_MIX) {
        return workload_next(source->workload, &source->random);
    }
    struct operation operation = {.key = source->key,
                                  .is_get = source->kind == PHASE_CHECK};
    source->key += source->step;
    return operation;
}

#endif
