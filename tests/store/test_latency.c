#include "store/latency.h"

#include "core/bank_stats.h"
#include "support/starve.h"
#include "support/test.h"

#include <string.h>

static void nothing_is_known_of_what_was_not_timed(void)
{
    struct latency latency = {.bins = {NULL}};
    struct op_latency told;
    EXPECT(!latency_tell(&latency, OP_GET, &told));
    EXPECT(latency_note(&latency, OP_PUT, 5) > 0);
    EXPECT(!latency_tell(&latency, OP_GET, &told));
    EXPECT(latency_tell(&latency, OP_PUT, &told));
    EXPECT_INT(told.op, OP_PUT);
    EXPECT_INT(told.samples, 1);
    EXPECT(latency_fini(&latency) > 0);
}

static void percentiles_are_right_to_an_eighth(void)
{
    struct latency latency = {.bins = {NULL}};
    struct op_latency told;
    for (uint64_t ns = 1; ns <= 100000; ns++) {
        (void)latency_note(&latency, OP_GET, ns);
    }
    EXPECT(latency_tell(&latency, OP_GET, &told));
    EXPECT_INT(told.samples, 100000);
    EXPECT_INT(told.max_ns, 100000);
    EXPECT(told.p50_ns >= 50000 && told.p50_ns <= 50000 + 50000 / 8);
    EXPECT(told.p99_ns >= 99000 && told.p99_ns <= 99000 + 99000 / 8);
    EXPECT_INT(latency_note(&latency, OP_GET, 1), 0);
    (void)latency_fini(&latency);
}

static void any_time_has_its_place(void)
{
    static const uint64_t times[] = {0,         7, 8, 15, 16, UINT64_MAX / 2,
                                     UINT64_MAX};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct latency latency = {.bins = {NULL}};
        struct op_latency told;
        (void)latency_note(&latency, OP_GET, times[i]);
        EXPECT(latency_tell(&latency, OP_GET, &told));
        EXPECT_INT(told.samples, 1);
        EXPECT(told.max_ns == times[i]);
        (void)latency_fini(&latency);
    }
}

static void attempt(void *arg)
{
    (void)arg;
    struct latency latency = {.bins = {NULL}};
    struct op_latency told;
    size_t taken = latency_note(&latency, OP_GET, 1);
    EXPECT(starve_has_struck() ? taken == 0 : taken > 0);
    EXPECT(latency_tell(&latency, OP_GET, &told) == (taken > 0));
    EXPECT_INT(latency_fini(&latency), taken);
}

static void without_memory_nothing_is_counted(void)
{
    EXPECT_INT(starve(attempt, NULL), 2);
}

static const struct test_case cases[] = {
    TEST(nothing_is_known_of_what_was_not_timed),
    TEST(percentiles_are_right_to_an_eighth),
    TEST(any_time_has_its_place),
    TEST(without_memory_nothing_is_counted),
};

SUITE(store_latency, cases);
