#include "clients/bench/histogram.h"

#include "base/memory.h"
#include "support/test.h"

#include <math.h>
#include <stdlib.h>

static struct histogram *create(void)
{
    return memory_alloc_or_die(sizeof(struct histogram));
}

static void histogram_counts_short_times_exactly(void)
{
    for (uint64_t ns = 0; ns < 2 * HISTOGRAM_HALF; ns++) {
        EXPECT(histogram_highest(histogram_index(ns)) == ns);
    }
}

static void histogram_keeps_three_digits_of_every_time(void)
{
    uint64_t state = test_seed();
    for (int i = 0; i < 100000; i++) {
        uint64_t ns = test_random(&state) >> (64 - HISTOGRAM_TIME_BITS);
        ns >>= test_random(&state) % HISTOGRAM_TIME_BITS;
        uint64_t highest = histogram_highest(histogram_index(ns));
        REQUIRE(highest >= ns);
        REQUIRE((double)(highest - ns) <= (double)ns / 1000);
    }
}

static void histogram_has_counters_without_a_gap(void)
{
    for (unsigned i = 1; i < HISTOGRAM_COUNTERS; i++) {
        uint64_t first = histogram_highest(i - 1) + 1;
        REQUIRE(histogram_index(first) == i);
        REQUIRE(histogram_index(histogram_highest(i)) == i);
    }
    EXPECT(histogram_highest(HISTOGRAM_COUNTERS - 1) ==
           ((uint64_t)1 << HISTOGRAM_TIME_BITS) - 1);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void histogram_knows_the_percentiles_of_what_it_saw(void)
{
    enum { COUNT = 10007 };
    static uint64_t times[COUNT];
    static const double percents[] = {0.01, 1, 50, 90, 99, 99.9, 99.99, 100};
    struct histogram *histogram = create();
    uint64_t state = test_seed();
    double sum = 0;
    for (int i = 0; i < COUNT; i++) {
        times[i] = test_random(&state) >> (30 + test_random(&state) % 30);
        histogram_record(histogram, times[i]);
        sum += (double)times[i];
    }
    qsort(times, COUNT, sizeof times[0], compare);
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        size_t place = (size_t)ceil(COUNT * percents[i] / 100);
        uint64_t must = times[place - 1];
        uint64_t got = histogram_percentile(histogram, percents[i]);
        EXPECT(got >= must && (double)(got - must) <= (double)must / 1000);
    }
    EXPECT(histogram->max == times[COUNT - 1]);
    EXPECT(histogram_percentile(histogram, 100) == times[COUNT - 1]);
    EXPECT(fabs(histogram_mean(histogram) / (sum / COUNT) - 1) < 1e-9);
    memory_free(histogram);
}

static void histogram_counts_what_is_too_long_at_its_end(void)
{
    struct histogram *histogram = create();
    histogram_record(histogram, 5);
    histogram_record(histogram, UINT64_MAX);
    EXPECT_INT(histogram->counters[HISTOGRAM_COUNTERS - 1], 1);
    EXPECT(histogram->max == UINT64_MAX);
    EXPECT_INT(histogram_percentile(histogram, 50), 5);
    memory_free(histogram);
}

static void histogram_of_nothing_is_0(void)
{
    struct histogram *histogram = create();
    EXPECT_INT(histogram_percentile(histogram, 50), 0);
    EXPECT_INT(histogram_percentile(histogram, 100), 0);
    EXPECT(histogram_mean(histogram) == 0);
    memory_free(histogram);
}

static void histogram_adds_another(void)
{
    struct histogram *sum = create();
    struct histogram *part = create();
    histogram_record(sum, 10);
    histogram_record(part, 30);
    histogram_record(part, 20);
    histogram_add(sum, part);
    EXPECT_INT(sum->count, 3);
    EXPECT_INT(sum->max, 30);
    EXPECT_INT(histogram_percentile(sum, 50), 20);
    EXPECT(histogram_mean(sum) == 20);
    memory_free(part);
    memory_free(sum);
}

static const struct test_case cases[] = {
    TEST(histogram_counts_short_times_exactly),
    TEST(histogram_keeps_three_digits_of_every_time),
    TEST(histogram_has_counters_without_a_gap),
    TEST(histogram_knows_the_percentiles_of_what_it_saw),
    TEST(histogram_counts_what_is_too_long_at_its_end),
    TEST(histogram_of_nothing_is_0),
    TEST(histogram_adds_another),
};

SUITE(bench_histogram, cases);
