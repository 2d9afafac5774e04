/* Threads are numbered, and a number is given on when its thread has ended:
 * through the atomic set of numbers, so that the next one sees what the last
 * one wrote to its line. So a line has one writer at a time, who need not
 * add atomically.
 *
 * A bank is busy when so much is counted in one cell within a second that
 * threads would keep taking it from each other; or when the cell, which is
 * short, has come far. */
#include "store/counters.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

enum {
    THREADS_MAX = 512,
    WORD_BITS = 64,
    LOOK_EVERY = 1024, /* counts, a power of two */
    BUSY_MS = 1000,    /* so many within this, and the bank is busy ... */
    FAR = 1 << 30,     /* ... or this many ever */
    LINE_LEN = 64
};

_Static_assert(sizeof(struct counter_line) == LINE_LEN, "a cache line");
_Static_assert(sizeof(struct counter_lines) == LINE_LEN, "a cache line");

_Thread_local unsigned counters_thread;

static _Atomic uint64_t taken[THREADS_MAX / WORD_BITS];
static _Atomic unsigned threads_high; /* the highest number ever given */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

/* Runs when a thread ends; its value is where its number is. */
static void give_number_back(void *arg)
{
    unsigned number = *(unsigned *)arg - 1;
    counters_thread = 0;
    atomic_fetch_and_explicit(&taken[number / WORD_BITS],
                              ~(UINT64_C(1) << number % WORD_BITS),
                              memory_order_release);
}

static void create_key(void)
{
    CHECK(pthread_key_create(&key, give_number_back) == 0);
}

static unsigned take_number(void)
{
    for (unsigned i = 0; i < THREADS_MAX; i++) {
        uint64_t bit = UINT64_C(1) << i % WORD_BITS;
        uint64_t before = atomic_fetch_or_explicit(&taken[i / WORD_BITS], bit,
                                                   memory_order_acquire);
        if (!(before & bit)) {
            return i + 1;
        }
    }
    return 0;
}

static void note_high(unsigned number)
{
    unsigned high = atomic_load(&threads_high);
    while (high < number &&
           !atomic_compare_exchange_weak(&threads_high, &high, number)) {
    }
}

static void number_thread(void)
{
    CHECK(pthread_once(&once, create_key) == 0);
    counters_thread = take_number();
    if (counters_thread && pthread_setspecific(key, &counters_thread) != 0) {
        give_number_back(&counters_thread);
    }
    note_high(counters_thread);
}

static size_t lines_len(unsigned count)
{
    return (count + 2) * (size_t)LINE_LEN; /* with a head, and to align it */
}

/* For the threads that there have been, and those that a program usually
 * comes to have. */
static unsigned lines_wanted(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned usual =
        processors > 0 && processors < THREADS_MAX ? (unsigned)processors : 1;
    unsigned high = atomic_load(&threads_high);
    return 1 + (high > usual ? high : usual);
}

/* memory_alloc() aligns to less than a line. */
static struct counter_lines *create_lines(void)
{
    unsigned count = lines_wanted();
    char *block = memory_alloc_zero(lines_len(count));
    if (!block) {
        return NULL;
    }
    size_t offset = LINE_LEN - (uintptr_t)block % LINE_LEN;
    struct counter_lines *lines = (void *)(block + offset);
    lines->block = block;
    lines->count = count;
    return lines;
}

static void give_lines(struct counters *counters, _Atomic uint64_t *charged)
{
    struct counter_lines *none = NULL;
    struct counter_lines *fresh = create_lines();
    if (!fresh) {
        return;
    }
    atomic_fetch_add_explicit(charged, lines_len(fresh->count),
                              memory_order_relaxed);
    if (!atomic_compare_exchange_strong(&counters->lines, &none, fresh)) {
        atomic_fetch_sub_explicit(charged, lines_len(fresh->count),
                                  memory_order_relaxed);
        memory_free(fresh->block);
    }
}

/* The time since the last look; the first look only begins it. */
static bool is_busy(struct counters *counters)
{
    uint32_t now_ms = (uint32_t)clock_now_ms();
    uint32_t last_ms = atomic_exchange_explicit(&counters->looked_ms, now_ms,
                                                memory_order_relaxed);
    return last_ms != 0 && now_ms - last_ms < BUSY_MS;
}

void counters_count_shared(struct counters *counters, enum counter which,
                           _Atomic uint64_t *charged)
{
    if (counters_thread == 0) {
        number_thread();
    }
    struct counter_lines *lines = atomic_load(&counters->lines);
    if (lines) {
        atomic_fetch_add_explicit(&lines->lines[0].cells[which], 1,
                                  memory_order_relaxed);
        return;
    }
    uint32_t before = atomic_fetch_add_explicit(&counters->shared[which], 1,
                                                memory_order_relaxed);
    bool is_due = before % LOOK_EVERY == LOOK_EVERY - 1;
    if (is_due && (is_busy(counters) || before >= FAR)) {
        give_lines(counters, charged);
    }
}

size_t counters_fini(struct counters *counters)
{
    struct counter_lines *lines = atomic_exchange(&counters->lines, NULL);
    if (!lines) {
        return 0;
    }
    size_t len = lines_len(lines->count);
    memory_free(lines->block);
    return len;
}

uint64_t counters_sum(const struct counters *counters, enum counter which)
{
    const struct counter_lines *lines =
        atomic_load_explicit(&counters->lines, memory_order_acquire);
    uint64_t sum =
        atomic_load_explicit(&counters->shared[which], memory_order_relaxed);
    for (unsigned i = 0; lines && i < lines->count; i++) {
        sum += atomic_load_explicit(&lines->lines[i].cells[which],
                                    memory_order_relaxed);
    }
    return sum;
}

void counters_tally_lag(struct counters *counters, uint64_t lag_ms)
{
    counters_tally(counters, TALLY_LAG_MS, lag_ms);
    uint32_t most = lag_ms < UINT32_MAX ? (uint32_t)lag_ms : UINT32_MAX;
    if (most > counters_lag_max_ms(counters)) {
        atomic_store_explicit(&counters->lag_max_ms, most,
                              memory_order_relaxed);
    }
}
