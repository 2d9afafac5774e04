/* What is sent when: source, pace and flights. */
#include "clients/bench/source.h"

#include "base/memory.h"
#include "clients/bench/flights.h"
#include "clients/bench/pace.h"
#include "support/test.h"

enum { KEYS = 1000 };

static struct workload workload;

static void init_workload(void)
{
    struct workload_options options = {
        .keys = KEYS,
        .key_len = 16,
        .prefix = "",
        .sizes = {.min = 8, .max = 8},
        .exponent = 0.99,
        .gets = 90,
        .seed = 1,
    };
    workload_init(&workload, &options);
}

/* --- source --------------------------------------------------------------- */

/* Counts in `seen` the keys that a thread of three sets. */
static void count_keys(const struct phase *phase, unsigned thread,
                       unsigned seen[KEYS])
{
    struct source source;
    source_init(&source, &workload, phase, (struct share){thread, 3});
    while (source_claim(&source, 0)) {
        struct operation operation = source_next(&source);
        EXPECT(!operation.is_get);
        REQUIRE(operation.key < KEYS);
        seen[operation.key]++;
    }
}

static void source_deals_every_key_to_one_thread(void)
{
    const struct phase phase = {.kind = PHASE_LOAD, .requests = 5};
    unsigned seen[KEYS] = {0};
    init_workload();
    for (unsigned thread = 0; thread < 3; thread++) {
        count_keys(&phase, thread, seen);
    }
    for (size_t i = 0; i < KEYS; i++) {
        REQUIRE(seen[i] == 1);
    }
    workload_fini(&workload);
}

static void source_ends_after_so_many_requests(void)
{
    const struct phase phase = {.kind = PHASE_MIX, .requests = 100};
    unsigned count = 0;
    init_workload();
    for (unsigned i = 0; i < 7; i++) {
        struct source source;
        source_init(&source, &workload, &phase, (struct share){i, 7});
        while (source_claim(&source, UINT64_MAX - 1)) {
            count++;
        }
    }
    EXPECT_INT(count, 100);
    workload_fini(&workload);
}

static void source_ends_when_its_time_is_over(void)
{
    const struct phase phase = {
        .kind = PHASE_MIX, .start_ns = 1000, .duration_ns = 500};
    struct source source;
    init_workload();
    source_init(&source, &workload, &phase, (struct share){0, 1});
    EXPECT(source_claim(&source, 1499));
    EXPECT(!source_claim(&source, 1500));
    EXPECT(source_is_over(&source, 1500));
    EXPECT(!source_is_over(&source, 1499));
    workload_fini(&workload);
}

static void source_draws_the_same_for_the_same_phase_only(void)
{
    struct phase phase = {.kind = PHASE_MIX, .number = 1};
    struct source a;
    struct source b;
    struct source other;
    unsigned same = 0;
    init_workload();
    source_init(&a, &workload, &phase, (struct share){0, 2});
    source_init(&b, &workload, &phase, (struct share){0, 2});
    source_init(&other, &workload, &phase, (struct share){1, 2});
    for (int i = 0; i < 1000; i++) {
        uint64_t key = source_next(&a).key;
        EXPECT(source_next(&b).key == key);
        same += source_next(&other).key == key;
    }
    EXPECT(same < 200);
    phase.number = 2;
    source_init(&b, &workload, &phase, (struct share){0, 2});
    same = 0;
    for (int i = 0; i < 1000; i++) {
        same += source_next(&a).key == source_next(&b).key;
    }
    EXPECT(same < 200);
    workload_fini(&workload);
}

/* --- pace ----------------------------------------------------------------- */

static void pace_spaces_requests_evenly_over_all_threads(void)
{
    const struct phase phase = {.rate = 1000, .start_ns = 5000};
    struct pace first;
    struct pace second;
    pace_init(&first, &phase, (struct share){0, 2});
    pace_init(&second, &phase, (struct share){1, 2});
    EXPECT(pace_is_fixed(&first));
    EXPECT_INT(pace_due_ns(&first, 0), 5000);
    EXPECT_INT(pace_due_ns(&second, 0), 1005000);
    EXPECT_INT(pace_due_ns(&first, 1), 2005000);
    EXPECT_INT(pace_due_ns(&second, 500), 1001005000);
}

static void pace_without_a_rate_is_not_fixed(void)
{
    const struct phase phase = {.rate = 0};
    struct pace pace;
    pace_init(&pace, &phase, (struct share){0, 1});
    EXPECT(!pace_is_fixed(&pace));
}

/* --- flights -------------------------------------------------------------- */

static void flights_are_answered_in_order(void)
{
    struct flights flights;
    uint64_t id;
    flights_init(&flights, 3);
    EXPECT(!flights_oldest(&flights));
    for (uint64_t key = 0; key < 1000; key++) {
        flights_add(&flights, &id)->key = key;
        flights_add(&flights, &id)->key = key + 1;
        REQUIRE(flights_oldest(&flights)->key == key);
        flights_close(&flights, flights_oldest(&flights));
        REQUIRE(flights_oldest(&flights)->key == key + 1);
        flights_close(&flights, flights_oldest(&flights));
        REQUIRE(!flights_oldest(&flights));
    }
    flights_fini(&flights);
}

static void flights_are_found_by_their_ids_in_any_order(void)
{
    struct flights flights;
    uint64_t ids[4];
    flights_init(&flights, 4);
    for (uint64_t i = 0; i < 4; i++) {
        flights_add(&flights, &ids[i])->key = i;
        EXPECT(ids[i] >= FLIGHTS_FIRST_ID && ids[i] < 16384);
    }
    for (uint64_t i = 4; i-- > 0;) {
        struct flight *flight = flights_find(&flights, ids[i]);
        REQUIRE(flight);
        EXPECT_INT(flight->key, i);
        flights_close(&flights, flight);
        EXPECT(!flights_find(&flights, ids[i]));
        EXPECT_INT(flights.count, i);
    }
    EXPECT(!flights_find(&flights, 0));
    EXPECT(!flights_find(&flights, UINT64_MAX));
    EXPECT(!flights_find(&flights, FLIGHTS_FIRST_ID + 100000));
    flights_fini(&flights);
}

/* One that is never answered holds its place, and no more than the room. */
static void flights_have_room_until_the_ring_is_full(void)
{
    struct flights flights;
    uint64_t first;
    uint64_t id;
    unsigned count = 1;
    flights_init(&flights, 8);
    flights_add(&flights, &first);
    while (flights_have_room(&flights)) {
        flights_close(&flights, flights_add(&flights, &id));
        count++;
    }
    EXPECT_INT(count, 16);
    flights_close(&flights, flights_find(&flights, first));
    EXPECT(flights_have_room(&flights));
    EXPECT_INT(flights.first, flights.next);
    flights_fini(&flights);
}

static const struct test_case cases[] = {
    TEST(source_deals_every_key_to_one_thread),
    TEST(source_ends_after_so_many_requests),
    TEST(source_ends_when_its_time_is_over),
    TEST(source_draws_the_same_for_the_same_phase_only),
    TEST(pace_spaces_requests_evenly_over_all_threads),
    TEST(pace_without_a_rate_is_not_fixed),
    TEST(flights_are_answered_in_order),
    TEST(flights_are_found_by_their_ids_in_any_order),
    TEST(flights_have_room_until_the_ring_is_full),
};

SUITE(bench_source, cases);
