/* Bins are an eighth of a power of two wide: the bin of 2^e * (1 + f) ns is
 * 8 e + 8 f. A call is taken to have been interrupted when the process has
 * been since this was last asked, in any thread: a call also waits when who
 * holds a lock is put to sleep. That is asked only when a call was long, and
 * now and then between. */
#include "meter.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

enum { LONG_NS = 50000, ASK_EACH = 256 };

static _Thread_local long switches_seen;

uint64_t meter_start(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static unsigned bin_of(uint64_t ns)
{
    unsigned power = 63U - (unsigned)__builtin_clzll(ns | 8);
    return power * 8 + (unsigned)(ns >> (power - 3) & 7);
}

static double bin_end_us(unsigned bin)
{
    double power = (double)(UINT64_C(1) << (bin / 8));
    return power * (1 + (bin % 8 + 1) / 8.0) / 1000;
}

/* Whether a thread was interrupted since this one asked last. */
static int was_interrupted(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    int has_changed = usage.ru_nivcsw != switches_seen;
    switches_seen = usage.ru_nivcsw;
    return has_changed;
}

uint64_t meter_stop(struct meter *meter, uint64_t start_ns)
{
    uint64_t ns = meter_start() - start_ns;
    meter->count++;
    if (ns > LONG_NS ? was_interrupted() : 0) {
        meter->preempted++;
        meter->preempted_max =
            ns > meter->preempted_max ? ns : meter->preempted_max;
        return 0;
    }
    if (meter->count % ASK_EACH == 0) {
        was_interrupted();
    }
    meter->bins[bin_of(ns)]++;
    meter->late += ns > METER_LATE_NS;
    meter->max_ns = ns > meter->max_ns ? ns : meter->max_ns;
    return ns;
}

void meter_add(struct meter *meter, const struct meter *other)
{
    for (unsigned i = 0; i < METER_BINS; i++) {
        meter->bins[i] += other->bins[i];
    }
    meter->count += other->count;
    meter->late += other->late;
    meter->preempted += other->preempted;
    if (other->max_ns > meter->max_ns) {
        meter->max_ns = other->max_ns;
    }
    if (other->preempted_max > meter->preempted_max) {
        meter->preempted_max = other->preempted_max;
    }
}

double meter_percentile_us(const struct meter *meter, double part)
{
    double left = part * (double)(meter->count - meter->preempted);
    unsigned bin = 0;
    for (; bin < METER_BINS - 1; bin++) {
        left -= (double)meter->bins[bin];
        if (left <= 0) {
            break;
        }
    }
    double end_us = bin_end_us(bin);
    double max_us = (double)meter->max_ns / 1000;
    return end_us < max_us ? end_us : max_us;
}

void meter_print_head(void)
{
    printf("%-16s %10s %8s %8s %8s %9s %6s %12s\n", "us", "calls", "p50", "p99",
           "p99.99", "max", ">200", "interrupted");
}

void meter_print(const struct meter *meter)
{
    if (meter->count == 0) {
        return;
    }
    printf("%-16s %10llu %8.2f %8.2f %8.1f %9.1f %6llu %6llu: %.0f\n",
           meter->name, (unsigned long long)meter->count,
           meter_percentile_us(meter, 0.5), meter_percentile_us(meter, 0.99),
           meter_percentile_us(meter, 0.9999), (double)meter->max_ns / 1000,
           (unsigned long long)meter->late,
           (unsigned long long)meter->preempted,
           (double)meter->preempted_max / 1000);
}
