/* Ranks drawn by Zipf's law: rank r, counted from 0, comes with a probability
 * that goes as 1 / (r + 1)^exponent. Any thread; a `struct zipf` is only read
 * once it is made. */
#ifndef CACHESERVER_CLIENTS_BENCH_ZIPF_H
#define CACHESERVER_CLIENTS_BENCH_ZIPF_H

#include "clients/bench/random.h"

#include <stdint.h>

enum { ZIPF_EXPONENT_MAX = 10, ZIPF_ACCEPTED = 16 };

/* Filled by zipf_init(). */
struct zipf {
    uint64_t count;
    double exponent;
    double slope;   /* 1 - exponent */
    double inverse; /* 1 / slope, or 0 */
    double from;    /* the area up to the left of rank 0 */
    double span;    /* and from there to the right of the last rank */

    /* How far to the left of its rank a draw needs no second look; the last
     * is for all ranks from there on. */
    double accepted[ZIPF_ACCEPTED];
};

/* For ranks 0 .. `count` - 1, at least one; `exponent` is 0, which makes all
 * alike, to ZIPF_EXPONENT_MAX. */
void zipf_init(struct zipf *zipf, uint64_t count, double exponent);

/* Draws a rank. */
uint64_t zipf_next(const struct zipf *zipf, struct random *random);

#endif
