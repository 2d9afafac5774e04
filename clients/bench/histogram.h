/* How long things took, counted so that any percentile is known to three
 * significant digits, in memory that does not grow. Times are nanoseconds.
 * One thread at a time. */
#ifndef CACHESERVER_CLIENTS_BENCH_HISTOGRAM_H
#define CACHESERVER_CLIENTS_BENCH_HISTOGRAM_H

#include <stdint.h>

/* Below 2^EXACT_BITS every time has a counter of its own. Each doubling from
 * there to 2^TIME_BITS has half as many, so that a counter stands for times
 * that differ by less than one in a thousand. */
enum {
    HISTOGRAM_EXACT_BITS = 11,
    HISTOGRAM_TIME_BITS = 40, /* 18 minutes */
    HISTOGRAM_HALF = 1 << (HISTOGRAM_EXACT_BITS - 1),
    HISTOGRAM_COUNTERS =
        (HISTOGRAM_TIME_BITS - HISTOGRAM_EXACT_BITS + 2) * HISTOGRAM_HALF
};

/* A histogram of zeroes is an empty one. */
struct histogram {
    uint64_t count;
    uint64_t max; /* exact */
    double sum;
    uint64_t counters[HISTOGRAM_COUNTERS];
};

/* Times beyond the last counter are counted there; `max` stays exact. */
static inline unsigned histogram_index(uint64_t ns)
{
    if (ns >> HISTOGRAM_TIME_BITS) {
        return HISTOGRAM_COUNTERS - 1;
    }
    if (ns >> HISTOGRAM_EXACT_BITS == 0) {
        return (unsigned)ns;
    }
    unsigned bits = 64 - (unsigned)__builtin_clzll(ns);
    unsigned shift = bits - HISTOGRAM_EXACT_BITS;
    return shift * HISTOGRAM_HALF + (unsigned)(ns >> shift);
}

static inline void histogram_record(struct histogram *histogram, uint64_t ns)
{
    histogram->counters[histogram_index(ns)]++;
    histogram->count++;
    histogram->sum += (double)ns;
    if (ns > histogram->max) {
        histogram->max = ns;
    }
}

/* The longest time that counter `index` stands for. */
uint64_t histogram_highest(unsigned index);

/* Adds what `from` has counted. */
void histogram_add(struct histogram *histogram, const struct histogram *from);

/* The time that `percent` of 100 of the recorded ones do not exceed; 0 when
 * there are none. */
uint64_t histogram_percentile(const struct histogram *histogram,
                              double percent);

/* The mean; 0 when there are none. */
double histogram_mean(const struct histogram *histogram);

#endif
