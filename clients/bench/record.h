/* What a phase has come to: counts and times. One thread at a time. */
#ifndef CACHESERVER_CLIENTS_BENCH_RECORD_H
#define CACHESERVER_CLIENTS_BENCH_RECORD_H

#include "clients/bench/histogram.h"

#include <stdint.h>

enum { RECORD_ERROR_MAX = 200 };

/* Large: not for the stack. All zero at the start. */
struct record {
    uint64_t gets;
    uint64_t sets;
    uint64_t hits;    /* gets that were answered with the right value */
    uint64_t misses;  /* gets that were told that there is none */
    uint64_t wrong;   /* gets that were answered with anything else */
    uint64_t errors;  /* requests that were refused */
    uint64_t refills; /* of the sets: those that follow a miss */
    uint64_t reads;   /* from a socket, each with some answers or a part */
    char error[RECORD_ERROR_MAX]; /* the first one's text */
    struct histogram get_ns;
    struct histogram set_ns;
    struct histogram late_ns; /* by which requests at a rate were sent late */
};

/* Adds what `from` has recorded. */
void record_add(struct record *record, const struct record *from);

/* How many requests were answered. */
static inline uint64_t record_requests(const struct record *record)
{
    return record->gets + record->sets;
}

#endif
