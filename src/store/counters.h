/* What happened in a bank, counted. What readers count, who take no lock, is
 * in one block that all threads share; a bank that is busy gets a line of the
 * cache for each thread, so that none writes what another does. What writers
 * count is written under the bank's lock. Any thread may read the sums, which
 * are exact when nothing runs. */
#ifndef CACHESERVER_STORE_COUNTERS_H
#define CACHESERVER_STORE_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* What readers count: gets, by what came of them. */
enum counter {
    COUNTER_HIT,
    COUNTER_NEVER_SEEN, /* a miss, as the others below */
    COUNTER_EXPIRED,
    COUNTER_EVICTED,
    COUNTER_REMOVED,
    COUNTER_RESET,
    COUNTER_COUNT
};

/* What writers count, under the bank's lock. */
enum tally {
    TALLY_EVICTIONS,
    TALLY_EXPIRATIONS,
    TALLY_OVERWRITES,
    TALLY_LAG_MS, /* from the ends of lifetimes to when that was noticed */
    TALLY_COUNT
};

struct counter_line {
    _Atomic uint64_t cells[COUNTER_COUNT];
    char rest[64 - COUNTER_COUNT * sizeof(uint64_t)];
};

/* The first line is for all threads that have none, the others are for one
 * each. */
struct counter_lines {
    void *block; /* of memory, which all this is in */
    unsigned count;
    char rest[64 - sizeof(void *) - sizeof(unsigned)];
    struct counter_line lines[];
};

/* Lives in its owner; all zero is a good start. Kept small: there may be a
 * million banks. */
struct counters {
    struct counter_lines *_Atomic lines; /* NULL: not busy yet */
    _Atomic uint64_t tallies[TALLY_COUNT];
    _Atomic uint32_t shared[COUNTER_COUNT]; /* as long as it is not busy */
    _Atomic uint32_t looked_ms; /* when it was last asked how busy it is */
    _Atomic uint32_t lag_max_ms;
};

/* Gives the lines back; no one may count any more. Answers their bytes. */
size_t counters_fini(struct counters *counters);

/* The sum of all threads. */
uint64_t counters_sum(const struct counters *counters, enum counter which);

/* With the bank's lock held. */
static inline void counters_tally(struct counters *counters, enum tally which,
                                  uint64_t more)
{
    _Atomic uint64_t *cell = &counters->tallies[which];
    atomic_store_explicit(
        cell, atomic_load_explicit(cell, memory_order_relaxed) + more,
        memory_order_relaxed);
}

/* With the bank's lock held: a lifetime was over so long before. */
void counters_tally_lag(struct counters *counters, uint64_t lag_ms);

static inline uint64_t counters_tallied(const struct counters *counters,
                                        enum tally which)
{
    return atomic_load_explicit(&counters->tallies[which],
                                memory_order_relaxed);
}

/* The longest lag; UINT32_MAX is as long or longer. */
static inline uint32_t counters_lag_max_ms(const struct counters *counters)
{
    return atomic_load_explicit(&counters->lag_max_ms, memory_order_relaxed);
}

/* The line of this thread; no other that lives has the same. 0: before its
 * first count, or there are too many threads. */
extern _Thread_local unsigned counters_thread;

/* Counts without a line of one's own; what a bank that has become busy then
 * takes is added to `charged`. */
void counters_count_shared(struct counters *counters, enum counter which,
                           _Atomic uint64_t *charged);

/* Counts one. Without memory for lines all goes on as before. */
static inline void counters_count(struct counters *counters, enum counter which,
                                  _Atomic uint64_t *charged)
{
    struct counter_lines *lines =
        atomic_load_explicit(&counters->lines, memory_order_acquire);
    unsigned thread = counters_thread;
    if (lines && thread - 1 < lines->count - 1) {
        _Atomic uint64_t *cell = &lines->lines[thread].cells[which];
        atomic_store_explicit(
            cell, atomic_load_explicit(cell, memory_order_relaxed) + 1,
            memory_order_relaxed);
        return;
    }
    counters_count_shared(counters, which, charged);
}

#endif
