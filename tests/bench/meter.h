/* How long calls of a function took: one thread's histogram, in which a call
 * during which the system took the processor away is told apart. */
#ifndef CACHESERVER_TESTS_BENCH_METER_H
#define CACHESERVER_TESTS_BENCH_METER_H

#include <stdint.h>

enum { METER_BINS = 512 };

/* Zeroes are an empty one. */
struct meter {
    const char *name;
    uint64_t bins[METER_BINS];
    uint64_t count;
    uint64_t max_ns;
    uint64_t late;          /* calls above METER_LATE_NS */
    uint64_t preempted;     /* long calls that were interrupted */
    uint64_t preempted_max; /* and the longest of those, in ns */
};

#define METER_LATE_NS UINT64_C(200000)

/* The time now, to be handed to meter_stop(). */
uint64_t meter_start(void);

/* Counts a call that began at `start_ns`; answers what it took, or 0 when it
 * was interrupted. */
uint64_t meter_stop(struct meter *meter, uint64_t start_ns);

/* Adds all that `other` counted. */
void meter_add(struct meter *meter, const struct meter *other);

/* The time that `part` of the calls, 0 to 1, stayed below, to some 3 %. */
double meter_percentile_us(const struct meter *meter, double part);

void meter_print_head(void);
void meter_print(const struct meter *meter);

#endif
