#include "store/counters.h"

#include "base/clock.h"
#include "base/memory.h"
#include "support/starve.h"
#include "support/test.h"

#include <pthread.h>
#include <string.h>

enum { BUSY = 2048, START_MS = 1000, THREADS = 6, ROUNDS = 20000 };

static struct counters counters;
static _Atomic uint64_t charged;

static void open_scene(void)
{
    memset(&counters, 0, sizeof counters);
    charged = 0;
    clock_set_fake(START_MS);
}

static void close_scene(void)
{
    charged -= counters_fini(&counters);
    EXPECT_INT(charged, 0);
    clock_set_fake(0);
}

static void count(size_t times, enum counter which)
{
    for (size_t i = 0; i < times; i++) {
        counters_count(&counters, which, &charged);
    }
}

static void what_is_counted_is_in_the_sum(void)
{
    open_scene();
    count(3, COUNTER_HIT);
    count(2, COUNTER_RESET);
    EXPECT_INT(counters_sum(&counters, COUNTER_HIT), 3);
    EXPECT_INT(counters_sum(&counters, COUNTER_RESET), 2);
    EXPECT_INT(counters_sum(&counters, COUNTER_EVICTED), 0);
    EXPECT_INT(charged, 0);
    close_scene();
}

static void a_busy_bank_gets_a_line_a_thread_and_loses_no_count(void)
{
    open_scene();
    count(BUSY, COUNTER_HIT);
    EXPECT(counters.lines != NULL);
    EXPECT(charged > 0);
    uint64_t shared = counters.shared[COUNTER_HIT];
    count(5, COUNTER_HIT);
    EXPECT_INT(counters.shared[COUNTER_HIT], shared);
    EXPECT_INT(counters_sum(&counters, COUNTER_HIT), BUSY + 5);
    close_scene();
}

static void a_bank_that_counts_slowly_never_gets_lines(void)
{
    open_scene();
    for (uint64_t i = 1; i < 10; i++) {
        count(BUSY / 2, COUNTER_HIT);
        clock_set_fake(START_MS + i * 1000);
    }
    EXPECT(counters.lines == NULL);
    close_scene();
}

static void attempt_busy(void *arg)
{
    (void)arg;
    open_scene();
    count(BUSY + 1, COUNTER_HIT);
    EXPECT_INT(counters.lines == NULL, starve_has_struck());
    EXPECT_INT(counters_sum(&counters, COUNTER_HIT), BUSY + 1);
    close_scene();
}

static void without_memory_a_busy_bank_counts_as_before(void)
{
    EXPECT_INT(starve(attempt_busy, NULL), 2);
}

static void lag_is_summed_and_the_longest_kept(void)
{
    open_scene();
    counters_tally_lag(&counters, 5);
    counters_tally_lag(&counters, 9);
    counters_tally_lag(&counters, 1);
    EXPECT_INT(counters_tallied(&counters, TALLY_LAG_MS), 15);
    EXPECT_INT(counters_lag_max_ms(&counters), 9);
    close_scene();
}

static void *count_in_a_thread(void *arg)
{
    (void)arg;
    count(ROUNDS, COUNTER_HIT);
    count(ROUNDS, COUNTER_NEVER_SEEN);
    return NULL;
}

static void run_threads(void)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, count_in_a_thread, NULL) ==
                0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* The second crowd takes the numbers and the lines of the first. */
static void threads_that_come_and_go_lose_no_count(void)
{
    open_scene();
    run_threads();
    run_threads();
    EXPECT_INT(counters_sum(&counters, COUNTER_HIT), 2 * THREADS * ROUNDS);
    EXPECT_INT(counters_sum(&counters, COUNTER_NEVER_SEEN),
               2 * THREADS * ROUNDS);
    close_scene();
}

static void a_short_cell_is_left_before_it_is_full(void)
{
    open_scene();
    counters.shared[COUNTER_HIT] = UINT32_MAX / 1024 * 1024 - 2048;
    uint64_t before = counters_sum(&counters, COUNTER_HIT);
    for (uint64_t i = 1; i < 8; i++) {
        count(1024, COUNTER_HIT);
        clock_set_fake(START_MS + i * 1000);
    }
    EXPECT_INT(counters_sum(&counters, COUNTER_HIT), before + 7 * 1024);
    close_scene();
}

static const struct test_case cases[] = {
    TEST(what_is_counted_is_in_the_sum),
    TEST(a_busy_bank_gets_a_line_a_thread_and_loses_no_count),
    TEST(a_bank_that_counts_slowly_never_gets_lines),
    TEST(without_memory_a_busy_bank_counts_as_before),
    TEST(a_short_cell_is_left_before_it_is_full),
    TEST(lag_is_summed_and_the_longest_kept),
    TEST(threads_that_come_and_go_lose_no_count),
};

SUITE(store_counters, cases);
