/* How long values are: all alike, evenly from a range, or from a short list
 * with weights. Any thread; a `struct sizes` is only read once it is made. */
#ifndef CACHESERVER_CLIENTS_BENCH_SIZES_H
#define CACHESERVER_CLIENTS_BENCH_SIZES_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIZES_COUNT_MAX = 16, SIZES_LEN_MAX = 64 * 1024 * 1024 };

/* Filled by sizes_parse(). `weights` are running sums. */
struct sizes {
    size_t count; /* 0: a range */
    size_t min;
    size_t max;
    size_t lens[SIZES_COUNT_MAX];
    uint64_t weights[SIZES_COUNT_MAX];
};

/* Reads `32`, `8-1024` or `32:80,1024:20`, sizes with K or M if wanted, each
 * SIZES_LEN_MAX at most; false when `text` is none of these. */
bool sizes_parse(struct sizes *sizes, struct slice text);

/* The length that 64 even `bits` choose. */
size_t sizes_pick(const struct sizes *sizes, uint64_t bits);

/* The mean length. */
double sizes_mean(const struct sizes *sizes);

#endif
