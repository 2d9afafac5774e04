#include "store/departures.h"

#include "base/check.h"
#include "base/memory.h"
#include "store/commons.h"
#include "store/epoch.h"
#include "support/starve.h"
#include "support/test.h"

enum { SMALLEST = 8192, SEED = 1 };

/* All that departures need of a store. */
static struct commons commons;

static void open_scene(void)
{
    commons = (struct commons){0};
    commons.epochs = epochs_create(&commons);
    CHECK(commons.epochs);
    CHECK(departures_init(&commons.departures, &commons) == STATUS_OK);
}

static void close_scene(void)
{
    epochs_free(&commons.epochs);
    departures_fini(&commons.departures, &commons);
    EXPECT_INT(commons.other, 0);
}

/* The hash of key `number` of the row that `seed` begins. */
static uint64_t hash_of(uint64_t seed, uint64_t number)
{
    uint64_t state = seed + number * 0x9e3779b97f4a7c15u;
    return test_random(&state);
}

static void note_row(uint64_t seed, size_t count, enum departure how)
{
    for (size_t i = 0; i < count; i++) {
        departures_note(&commons.departures, hash_of(seed, i), how);
    }
}

static size_t count_row(uint64_t seed, size_t count, enum departure how)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += departures_find(&commons.departures, hash_of(seed, i)) == how;
    }
    return found;
}

static void what_was_noted_last_is_found(void)
{
    open_scene();
    for (int how = 0; how < DEPARTURE_NONE; how++) {
        uint64_t hash = hash_of(SEED, (uint64_t)how);
        EXPECT_INT(departures_find(&commons.departures, hash), DEPARTURE_NONE);
        for (int before = 0; before < DEPARTURE_NONE; before++) {
            departures_note(&commons.departures, hash, (enum departure)before);
        }
        departures_note(&commons.departures, hash, (enum departure)how);
        EXPECT_INT(departures_find(&commons.departures, hash), how);
    }
    close_scene();
}

static void the_oldest_of_a_group_is_forgotten_first(void)
{
    enum { GROUP = 8 };
    open_scene();
    for (uint64_t hash = 1; hash <= GROUP + 1; hash++) { /* in one */
        departures_note(&commons.departures, hash, DEPARTURE_REMOVED);
    }
    EXPECT_INT(departures_find(&commons.departures, 1), DEPARTURE_NONE);
    for (uint64_t hash = 2; hash <= GROUP + 1; hash++) {
        EXPECT_INT(departures_find(&commons.departures, hash),
                   DEPARTURE_REMOVED);
    }
    close_scene();
}

static void a_key_that_comes_and_goes_takes_one_place(void)
{
    open_scene();
    departures_note(&commons.departures, 2, DEPARTURE_EXPIRED);
    for (int i = 0; i < 100; i++) {
        departures_note(&commons.departures, 3, DEPARTURE_REMOVED);
    }
    EXPECT_INT(departures_find(&commons.departures, 2), DEPARTURE_EXPIRED);
    close_scene();
}

/* Full, it takes one in 2,048 unknown keys for one that it knows. */
static void few_unknown_keys_are_taken_for_others(void)
{
    enum { STRANGERS = 1000 * 1000 };
    open_scene();
    note_row(SEED, (size_t)4 * SMALLEST, DEPARTURE_EVICTED);
    size_t wrong = STRANGERS - count_row(SEED + 1, STRANGERS, DEPARTURE_NONE);
    EXPECT(wrong < STRANGERS / 1000);
    EXPECT(wrong > 0);
    close_scene();
}

static void fit(uint64_t entries)
{
    departures_fit(&commons.departures, &commons, entries);
    while (epochs_have_retired(commons.epochs)) {
        epochs_release(commons.epochs, 1);
    }
}

static void it_grows_when_it_is_full_and_keeps_what_it_knows(void)
{
    open_scene();
    fit((uint64_t)100 * SMALLEST);
    EXPECT_INT(departures_capacity(&commons.departures), SMALLEST);
    note_row(SEED, (size_t)4 * SMALLEST, DEPARTURE_EVICTED);
    size_t before = count_row(SEED, (size_t)4 * SMALLEST, DEPARTURE_EVICTED);
    fit((uint64_t)100 * SMALLEST);
    EXPECT_INT(departures_capacity(&commons.departures), 2 * SMALLEST);
    EXPECT_INT(count_row(SEED, (size_t)4 * SMALLEST, DEPARTURE_EVICTED),
               before);
    note_row(SEED, (size_t)8 * SMALLEST, DEPARTURE_EVICTED);
    EXPECT(count_row(SEED, (size_t)8 * SMALLEST, DEPARTURE_EVICTED) >
           before * 3 / 2);
    close_scene();
}

static void it_shrinks_and_keeps_the_newer_half(void)
{
    enum { FEW = 100 };
    open_scene();
    note_row(SEED, (size_t)8 * SMALLEST, DEPARTURE_EVICTED);
    fit((uint64_t)100 * SMALLEST);
    note_row(SEED, (size_t)8 * SMALLEST, DEPARTURE_EVICTED);
    fit((uint64_t)100 * SMALLEST);
    note_row(SEED + 1, FEW, DEPARTURE_REMOVED);
    fit(0);
    EXPECT_INT(departures_capacity(&commons.departures), 2 * SMALLEST);
    EXPECT(count_row(SEED + 1, FEW, DEPARTURE_REMOVED) > FEW * 9 / 10);
    fit(0);
    EXPECT_INT(departures_capacity(&commons.departures), 2 * SMALLEST);
    close_scene();
}

static void a_limit_of_memory_bounds_it(void)
{
    open_scene();
    commons.memory_max = (uint64_t)128 * 4 * SMALLEST;
    for (int i = 0; i < 8; i++) {
        note_row(SEED, (size_t)16 * SMALLEST, DEPARTURE_EVICTED);
        fit(UINT64_MAX);
    }
    EXPECT_INT(departures_capacity(&commons.departures), 2 * SMALLEST);
    close_scene();
}

static void attempt_fit(void *arg)
{
    (void)arg;
    fit((uint64_t)100 * SMALLEST);
    EXPECT_INT(departures_capacity(&commons.departures),
               starve_has_struck() ? SMALLEST : 2 * SMALLEST);
}

static void without_memory_it_stays_as_it_is(void)
{
    open_scene();
    note_row(SEED, (size_t)4 * SMALLEST, DEPARTURE_EVICTED);
    EXPECT_INT(starve(attempt_fit, NULL), 2);
    close_scene();
}

static const struct test_case cases[] = {
    TEST(what_was_noted_last_is_found),
    TEST(the_oldest_of_a_group_is_forgotten_first),
    TEST(a_key_that_comes_and_goes_takes_one_place),
    TEST(few_unknown_keys_are_taken_for_others),
    TEST(it_grows_when_it_is_full_and_keeps_what_it_knows),
    TEST(it_shrinks_and_keeps_the_newer_half),
    TEST(a_limit_of_memory_bounds_it),
    TEST(without_memory_it_stays_as_it_is),
};

SUITE(store_departures, cases);
