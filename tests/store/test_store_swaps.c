/* Banks that are dropped, get another name or change places. */
#include "store/store.h"

#include "store/bank.h"
#include "store/store_internal.h"
#include "store/store_kit.h"
#include "support/starve.h"
#include "support/test.h"

#include <stdio.h>

enum { KIB = 1024, MIB = 1024 * 1024, LARGE = 300 * KIB };

static enum status drop(struct store *store, const char *bank)
{
    return store_bank_drop(store, slice_of_string(bank));
}

static enum status rename_bank(struct store *store, const char *bank,
                               const char *to)
{
    return store_bank_rename(store, slice_of_string(bank), slice_of_string(to));
}

static enum status swap(struct store *store, const char *bank,
                        const char *other)
{
    return store_bank_swap(store, slice_of_string(bank),
                           slice_of_string(other));
}

static enum status reserve(struct store *store, const char *bank,
                           uint64_t reserved)
{
    const struct bank_change change = {.limits.reserved = reserved,
                                       .has_reserved = true};
    return kit_configure(store, bank, &change);
}

static enum status stats_status(struct store *store, const char *bank)
{
    struct bank_stats stats;
    return store_bank_stats(store, slice_of_string(bank), &stats);
}

static void a_dropped_bank_is_gone_with_all_it_was(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "value");
    kit_put(store, "c", "k", "value");
    EXPECT_INT(reserve(store, "b", 5), STATUS_OK);
    EXPECT_INT(drop(store, "b"), STATUS_OK);
    EXPECT_INT(stats_status(store, "b"), STATUS_NOT_FOUND);
    kit_expect(store, "b", "k", NULL);
    EXPECT_INT(kit_list(store, NULL, "", 10, NULL), 1);
    EXPECT_INT(kit_list(store, "b", "", 10, NULL), 0);
    EXPECT_INT(store_usage(store).banks, 1);
    EXPECT_INT(drop(store, "b"), STATUS_NOT_FOUND);
    EXPECT_INT(kit_put(store, "b", "l", "again"), STATUS_OK);
    kit_expect(store, "b", "k", NULL);
    kit_expect(store, "b", "l", "again");
    EXPECT_INT(kit_stats(store, "b").reserved, 0);
    EXPECT_INT(kit_stats(store, "b").hits, 1);
    kit_expect(store, "c", "k", "value");
    kit_work(store);
    kit_expect(store, "b", "l", "again");
    kit_close(store);
}

/* A key that the dropped one had was never seen in the new one. */
static void a_bank_knows_nothing_of_one_that_had_its_name(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "value");
    kit_put(store, "b", "l", "value");
    kit_remove(store, "b", "k");
    EXPECT_INT(drop(store, "b"), STATUS_OK);
    kit_work(store);
    kit_put(store, "b", "m", "value");
    kit_expect(store, "b", "k", NULL);
    kit_expect(store, "b", "l", NULL);
    EXPECT_INT(kit_stats(store, "b").misses_never_seen, 2);
    kit_remove(store, "b", "m");
    EXPECT_INT(rename_bank(store, "b", "c"), STATUS_OK);
    kit_put(store, "b", "n", "value");
    kit_expect(store, "b", "m", NULL);
    EXPECT_INT(kit_stats(store, "b").misses_never_seen, 1);
    kit_expect(store, "c", "m", NULL);
    EXPECT_INT(kit_stats(store, "c").misses_removed, 1);
    kit_close(store);
}

static void a_drop_gives_back_memory_and_number(void)
{
    enum { ROUNDS = 60 };
    struct store *store = kit_open();
    char name[16];
    kit_work(store);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 30; i++) { /* large values, large and small banks */
            snprintf(name, sizeof name, "b%d", i);
            for (int k = 0; k < (i % 10 ? 5 : 300); k++) {
                char key[16];
                snprintf(key, sizeof key, "k%d", k);
                EXPECT_INT(kit_put_large(store, name, key,
                                         k % 100 == 99 ? LARGE : 1500),
                           STATUS_OK);
            }
            EXPECT_INT(drop(store, name), STATUS_OK);
        }
        if (round % 3 == 0) {
            kit_work(store);
        }
    }
    kit_work(store);
    struct store_usage usage = store_usage(store);
    EXPECT_INT(usage.banks, 0);
    EXPECT_INT(usage.entries, 0);
    EXPECT(usage.bytes < 2 * MIB);
    kit_put(store, "last", "k", "v");
    EXPECT(store_find_bank(store, SLICE_LITERAL("last"))->id < 100);
    kit_close(store);
}

static void a_drop_gives_back_the_reserve(void)
{
    struct store *store = kit_open_limited(100 * MIB, 0);
    for (int i = 0; i < 10; i++) {
        EXPECT_INT(reserve(store, "a", 60 * MIB), STATUS_OK);
        EXPECT_INT(reserve(store, "b", 20 * MIB), STATUS_OUT_OF_RANGE);
        EXPECT_INT(drop(store, "a"), STATUS_OK);
    }
    kit_close(store);
}

static void banks_that_were_dropped_may_stay_to_the_end(void)
{
    struct store *store = kit_open();
    kit_put_large(store, "b", "k", LARGE);
    EXPECT_INT(reserve(store, "b", 5), STATUS_OK);
    EXPECT_INT(drop(store, "b"), STATUS_OK);
    kit_put(store, "c", "k", "value");
    EXPECT_INT(drop(store, "c"), STATUS_OK);
    kit_close(store);
}

static void a_renamed_bank_keeps_all_but_its_name(void)
{
    struct store *store = kit_open();
    char key[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        kit_put_for(store, "b", key, key, 1000);
    }
    kit_expect(store, "b", "none", NULL);
    EXPECT_INT(reserve(store, "b", 5), STATUS_OK);
    EXPECT_INT(rename_bank(store, "b", "to"), STATUS_OK);
    EXPECT_INT(stats_status(store, "b"), STATUS_NOT_FOUND);
    kit_expect(store, "to", "k7", "k7");
    EXPECT_INT(kit_stats(store, "to").entries, 1000);
    EXPECT_INT(kit_stats(store, "to").reserved, 5);
    EXPECT_INT(kit_stats(store, "to").misses_never_seen, 1);
    EXPECT_INT(kit_list(store, "to", "", 100, NULL), 1000);
    EXPECT_INT(kit_list(store, NULL, "", 100, NULL), 1);
    kit_put(store, "b", "k7", "another");
    kit_expect(store, "to", "k7", "k7");
    EXPECT_INT(rename_bank(store, "to", "b"), STATUS_ALREADY_EXISTS);
    EXPECT_INT(rename_bank(store, "to", "to"), STATUS_ALREADY_EXISTS);
    EXPECT_INT(rename_bank(store, "none", "b"), STATUS_NOT_FOUND);
    EXPECT_INT(rename_bank(store, "none", "new"), STATUS_NOT_FOUND);
    kit_expect(store, "b", "k7", "another");
    kit_set_time(1000);
    kit_work(store);
    EXPECT_INT(kit_stats(store, "to").entries, 0);
    kit_close(store);
}

/* Names of any length, back and forth, with tables of any size. */
static void names_may_change_among_any_number_of_banks(void)
{
    enum { BANKS = 300 };
    static char name[256];
    struct store *store = kit_open();
    memset(name, 'n', 255);
    for (int i = 0; i < BANKS; i++) {
        char own[16];
        snprintf(own, sizeof own, "%d", i);
        kit_put(store, own, "k", own);
        EXPECT_INT(rename_bank(store, own, name), STATUS_OK);
        kit_expect(store, name, "k", own);
        EXPECT_INT(rename_bank(store, name, ""), STATUS_OK);
        kit_expect(store, "", "k", own);
        EXPECT_INT(swap(store, "", i ? "0" : ""), STATUS_OK);
        EXPECT_INT(rename_bank(store, "", own), STATUS_OK);
        kit_expect(store, i ? "0" : own, "k", own);
    }
    EXPECT_INT(kit_list(store, NULL, "", 1000, NULL), BANKS);
    EXPECT_INT(store_usage(store).banks, BANKS);
    for (int i = 0; i < BANKS; i++) {
        char own[16];
        snprintf(own, sizeof own, "%d", i);
        EXPECT_INT(rename_bank(store, own, "x"), STATUS_OK);
        EXPECT_INT(drop(store, "x"), STATUS_OK);
    }
    kit_work(store);
    EXPECT_INT(store_usage(store).banks, 0);
    kit_close(store);
}

static void banks_that_change_places_leave_their_limits(void)
{
    struct store *store = kit_open_limited(100 * MIB, 0);
    const struct bank_change change = {
        .limits = {.maximum = 10 * MIB, .default_lifetime_ms = 100},
        .has_maximum = true,
        .has_default_lifetime_ms = true};
    kit_put(store, "live", "k", "old");
    kit_put(store, "aside", "k", "new");
    kit_put(store, "aside", "l", "more");
    EXPECT_INT(kit_configure(store, "live", &change), STATUS_OK);
    EXPECT_INT(reserve(store, "live", 10 * MIB), STATUS_OK);
    EXPECT_INT(reserve(store, "aside", 60 * MIB), STATUS_OK);
    for (int i = 0; i < 5; i++) {
        bool is_new = i % 2 == 0;
        EXPECT_INT(
            swap(store, i % 3 ? "live" : "aside", i % 3 ? "aside" : "live"),
            STATUS_OK);
        kit_expect(store, "live", "k", is_new ? "new" : "old");
        kit_expect(store, "aside", "k", is_new ? "old" : "new");
        EXPECT_INT(kit_stats(store, "live").entries, is_new ? 2 : 1);
        EXPECT_INT(kit_stats(store, "live").maximum, 10 * MIB);
        EXPECT_INT(kit_stats(store, "live").reserved, 10 * MIB);
        EXPECT_INT(kit_stats(store, "live").default_lifetime_ms, 100);
        EXPECT_INT(kit_stats(store, "aside").maximum, 0);
        EXPECT_INT(kit_stats(store, "aside").reserved, 60 * MIB);
        EXPECT_INT(kit_stats(store, "aside").default_lifetime_ms, 0);
        EXPECT_INT(reserve(store, "third", MIB), STATUS_OUT_OF_RANGE);
    }
    EXPECT_INT(drop(store, "aside"), STATUS_OK);
    EXPECT_INT(reserve(store, "third", 60 * MIB), STATUS_OK);
    EXPECT_INT(reserve(store, "third", 60 * MIB + KIB), STATUS_OUT_OF_RANGE);
    kit_close(store);
}

/* The bank of the larger one's name may have less. */
static void a_bank_comes_down_to_the_limits_of_its_new_name(void)
{
    struct store *store = kit_open();
    const struct bank_change change = {.limits.maximum_entries = 10,
                                       .has_maximum_entries = true};
    EXPECT_INT(kit_configure(store, "few", &change), STATUS_OK);
    kit_put(store, "few", "k", "v");
    for (int i = 0; i < 500; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        kit_put(store, "many", key, "v");
    }
    EXPECT_INT(swap(store, "few", "many"), STATUS_OK);
    kit_work(store);
    EXPECT_INT(kit_stats(store, "few").entries, 10);
    EXPECT_INT(kit_stats(store, "many").entries, 1);
    kit_close(store);
}

static void a_swap_needs_both_banks(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "v");
    EXPECT_INT(swap(store, "b", "none"), STATUS_NOT_FOUND);
    EXPECT_INT(swap(store, "none", "b"), STATUS_NOT_FOUND);
    EXPECT_INT(swap(store, "none", "none"), STATUS_NOT_FOUND);
    EXPECT_INT(swap(store, "b", "b"), STATUS_OK);
    kit_expect(store, "b", "k", "v");
    EXPECT_INT(store_usage(store).banks, 1);
    kit_close(store);
}

/* A page of one key, and what its cursor then comes to. */
static void begin_list(struct store *store, const char *bank,
                       struct response *response)
{
    EXPECT_INT(kit_page(store, bank, 1, slice_of("", 0), response), STATUS_OK);
    EXPECT(response->cursor_len > 0);
}

static enum status go_on(struct store *store, const char *bank,
                         struct response *response)
{
    char cursor[CURSOR_LEN_MAX];
    size_t len = response->cursor_len;
    memcpy(cursor, response->cursor, len);
    enum status status =
        kit_page(store, bank, 1, slice_of(cursor, len), response);
    if (status) { /* It may be asked again. */
        memcpy(response->cursor, cursor, len);
        response->cursor_len = len;
    }
    return status;
}

static void put_some(struct store *store, const char *bank)
{
    for (int i = 0; i < 50; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        kit_put(store, bank, key, "v");
    }
}

static void cursors_do_not_outlive_what_their_bank_held(void)
{
    struct store *store = kit_open();
    struct response page = {0};
    put_some(store, "b");
    put_some(store, "c");
    begin_list(store, "b", &page);
    EXPECT_INT(swap(store, "b", "c"), STATUS_OK);
    EXPECT_INT(go_on(store, "b", &page), STATUS_ABORTED);
    EXPECT_INT(go_on(store, "c", &page), STATUS_INVALID_ARGUMENT);
    EXPECT_INT(swap(store, "b", "c"), STATUS_OK);
    EXPECT_INT(go_on(store, "b", &page), STATUS_OK);
    EXPECT_INT(rename_bank(store, "b", "to"), STATUS_OK);
    EXPECT_INT(go_on(store, "to", &page), STATUS_INVALID_ARGUMENT);
    begin_list(store, "c", &page);
    EXPECT_INT(drop(store, "c"), STATUS_OK);
    put_some(store, "c");
    EXPECT_INT(go_on(store, "c", &page), STATUS_ABORTED);
    EXPECT_INT(drop(store, "c"), STATUS_OK);
    EXPECT_INT(go_on(store, "c", &page), STATUS_OK);
    EXPECT_INT(page.count, 0);
    EXPECT_INT(page.cursor_len, 0);
    response_fini(&page);
    kit_close(store);
}

/* Renamed and swapped banks are idle ones too. */
static void idle_banks_leave_under_any_name(void)
{
    struct store *store = kit_open();
    store_set_bank_idle(store, 1000);
    kit_put(store, "b", "k", "v");
    kit_put(store, "c", "k", "v");
    EXPECT_INT(rename_bank(store, "b", "to"), STATUS_OK);
    EXPECT_INT(swap(store, "to", "c"), STATUS_OK);
    kit_remove(store, "to", "k");
    kit_remove(store, "c", "k");
    kit_set_time(5000);
    kit_work(store);
    EXPECT_INT(store_usage(store).banks, 0);
    kit_close(store);
}

/* Sweeps: without memory all stays as it was. */
static struct store *swept;
static unsigned refusals;

static bool is_well(enum status status)
{
    if (status) {
        EXPECT_INT(status, STATUS_NOMEM);
        EXPECT(starve_has_struck());
        refusals++;
    }
    return !status;
}

static void open_swept(void)
{
    swept = kit_open_limited(100 * MIB, 0);
    refusals = 0;
    kit_put(swept, "a", "k", "first");
    kit_put(swept, "b", "k", "second");
    kit_put(swept, "b", "l", "second");
    EXPECT_INT(reserve(swept, "a", 30 * MIB), STATUS_OK);
    kit_expect(swept, "b", "none", NULL);
}

static const char *held;

static void attempt_rename(void *arg)
{
    (void)arg;
    static char longer[] = "a name that is longer";
    const char *to = strcmp(held, longer) ? longer : "n";
    const char *now = is_well(rename_bank(swept, held, to)) ? to : held;
    EXPECT_INT(stats_status(swept, now == held ? to : held), STATUS_NOT_FOUND);
    held = now;
    EXPECT_INT(stats_status(swept, held), STATUS_OK);
}

static void a_rename_without_memory_changes_nothing(void)
{
    open_swept();
    held = "b";
    starve(attempt_rename, NULL);
    EXPECT(refusals > 0);
    kit_close(swept);
}

static bool is_swapped;

static void attempt_swap(void *arg)
{
    (void)arg;
    is_swapped = is_well(swap(swept, "a", "b")) != is_swapped;
    EXPECT_INT(kit_stats(swept, "a").entries, is_swapped ? 2 : 1);
    EXPECT_INT(kit_stats(swept, "b").entries, is_swapped ? 1 : 2);
    EXPECT_INT(kit_stats(swept, "a").reserved, 30 * MIB);
    EXPECT_INT(kit_stats(swept, "b").reserved, 0);
}

static void a_swap_without_memory_changes_nothing(void)
{
    for (int i = 0; i < 10; i++) {
        open_swept();
        is_swapped = false;
        starve(attempt_swap, NULL);
        EXPECT(refusals > 1);
        EXPECT_INT(reserve(swept, "c", 41 * MIB), STATUS_OUT_OF_RANGE);
        EXPECT_INT(reserve(swept, "c", 39 * MIB), STATUS_OK);
        kit_close(swept);
    }
}

static void banks_that_come_and_go_are_cleared_away_in_small_pieces(void)
{
    enum { BANKS = 3000 };
    struct store *store = kit_open_limited(0, BANKS + 100);
    for (int i = 0; i < BANKS; i++) {
        char name[16];
        snprintf(name, sizeof name, "b%d", i);
        kit_put(store, name, "k", "v");
        EXPECT_INT(drop(store, name), STATUS_OK);
    }
    EXPECT_INT(store_usage(store).banks, 0);
    for (int i = 0; i < 200; i++) { /* They still count. */
        char name[16];
        snprintf(name, sizeof name, "c%d", i);
        enum status status = kit_put(store, name, "k", "v");
        EXPECT(i < 100 || status == STATUS_RESOURCE_EXHAUSTED);
    }
    kit_work(store);
    EXPECT_INT(kit_put(store, "d", "k", "v"), STATUS_OK);
    kit_close(store);
}

static int times_dropped;

/* Each attempt drops another bank. */
static void attempt_drop(void *arg)
{
    (void)arg;
    char name[16];
    snprintf(name, sizeof name, "d%d", times_dropped++);
    bool is_gone = is_well(drop(swept, name));
    EXPECT_INT(stats_status(swept, name),
               is_gone ? STATUS_NOT_FOUND : STATUS_OK);
}

static void a_drop_without_memory_is_done_later(void)
{
    enum { BANKS = 10 };
    open_swept();
    for (int i = 0; i < BANKS; i++) {
        char name[16];
        snprintf(name, sizeof name, "d%d", i);
        kit_put(swept, name, "k", "v");
        kit_put_large(swept, name, "large", LARGE);
    }
    times_dropped = 0;
    unsigned attempts = starve(attempt_drop, NULL);
    EXPECT(attempts > 1 && attempts <= BANKS);
    kit_work(swept);
    EXPECT_INT(store_usage(swept).banks, 2 + BANKS - (attempts - refusals));
    EXPECT_INT(store_usage(swept).entries,
               3 + 2 * (BANKS - (attempts - refusals)));
    kit_close(swept);
}

static const struct test_case cases[] = {
    TEST(banks_that_come_and_go_are_cleared_away_in_small_pieces),
    TEST(a_dropped_bank_is_gone_with_all_it_was),
    TEST(a_bank_knows_nothing_of_one_that_had_its_name),
    TEST(a_drop_gives_back_memory_and_number),
    TEST(a_drop_gives_back_the_reserve),
    TEST(banks_that_were_dropped_may_stay_to_the_end),
    TEST(a_renamed_bank_keeps_all_but_its_name),
    TEST(names_may_change_among_any_number_of_banks),
    TEST(banks_that_change_places_leave_their_limits),
    TEST(a_bank_comes_down_to_the_limits_of_its_new_name),
    TEST(a_swap_needs_both_banks),
    TEST(cursors_do_not_outlive_what_their_bank_held),
    TEST(idle_banks_leave_under_any_name),
    TEST(a_rename_without_memory_changes_nothing),
    TEST(a_swap_without_memory_changes_nothing),
    TEST(a_drop_without_memory_is_done_later),
};

SUITE(store_swaps, cases);
