/* The part of a lookup that few take: the second bucket, misses, and starting
 * over. */
#include "store/index.h"

#include <sched.h>

/* A writer is in a bucket for some instructions, or has been put to sleep
 * there by the system: then it is no use to spin on. */
enum { SPINS_MAX = 64 };

static void relax(unsigned tries)
{
    if (tries % SPINS_MAX == SPINS_MAX - 1) {
        sched_yield();
        return;
    }
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Turns to the second bucket; false if that has been done, or it is the
 * first. */
static bool turn_to_second(struct index_reader *reader)
{
    const struct index_bucket *buckets = index_word_buckets(reader->region);
    uint32_t count = index_word_count(reader->region);
    uint32_t first = (uint32_t)(reader->bucket - buckets);
    uint32_t other = index_other(first, index_tag(reader->hash), count);
    if (reader->turn == 1 || other == first) {
        return false;
    }
    reader->turn = 1;
    index_read_bucket(reader, other);
    return true;
}

/* Whether the first bucket is as it was; index_is_valid() before it has made
 * sure of the order. */
static bool is_first_valid(const struct index_reader *reader)
{
    const struct index_bucket *buckets = index_word_buckets(reader->region);
    uint32_t count = index_word_count(reader->region);
    const struct index_bucket *bucket =
        buckets + index_first(reader->hash, count);
    return atomic_load_explicit(&bucket->sequence, memory_order_relaxed) ==
           reader->first_sequence;
}

enum step { STEP_FOUND, STEP_GO_ON, STEP_MISSED, STEP_START_OVER };

static enum step take_step(struct index_reader *reader)
{
    if (reader->matches != 0) {
        return index_take_match(reader) ? STEP_FOUND : STEP_START_OVER;
    }
    if (reader->sequence & 1) {
        return STEP_START_OVER;
    }
    if (turn_to_second(reader)) {
        return STEP_GO_ON;
    }
    return index_is_valid(reader) && is_first_valid(reader) ? STEP_MISSED
                                                            : STEP_START_OVER;
}

bool index_next_elsewhere(struct index_reader *reader)
{
    unsigned tries = 0;
    enum step step = take_step(reader);
    while (step == STEP_GO_ON || step == STEP_START_OVER) {
        if (step == STEP_START_OVER) {
            relax(tries++);
            index_start(reader, reader->index, reader->hash);
        }
        step = take_step(reader);
    }
    return step == STEP_FOUND;
}
