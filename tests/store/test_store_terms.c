/* What a bank can be set to beside bytes: how many entries, what it does when
 * it is full, how long entries live, and that none is changed. */
#include "store/store.h"

#include "base/check.h"
#include "core/number.h"
#include "store/store_kit.h"
#include "support/resident.h"
#include "support/test.h"

#include <pthread.h>
#include <stdio.h>

enum { KIB = 1024, MIB = 1024 * 1024, THREADS = 4 };

static void set_read_only(struct store *store, const char *bank, bool is_it)
{
    const struct bank_change change = {.limits.read_only = is_it,
                                       .has_read_only = true};
    EXPECT_INT(kit_configure(store, bank, &change), STATUS_OK);
}

static enum status set_entries(struct store *store, const char *bank,
                               uint64_t entries)
{
    const struct bank_change change = {.limits.maximum_entries = entries,
                                       .has_maximum_entries = true};
    return kit_configure(store, bank, &change);
}

static void set_lifetimes(struct store *store, uint64_t usual, uint64_t longest,
                          uint64_t jitter)
{
    const struct bank_change change = {
        .limits = {.default_lifetime_ms = usual,
                   .maximum_lifetime_ms = longest,
                   .lifetime_jitter = jitter},
        .has_default_lifetime_ms = true,
        .has_maximum_lifetime_ms = true,
        .has_lifetime_jitter = true,
    };
    EXPECT_INT(kit_configure(store, "b", &change), STATUS_OK);
}

static enum status remove_all(struct store *store, const char *bank,
                              size_t *count)
{
    struct response response = {0};
    const struct store_page page = {.limit = 1000, .kind = LISTING_REMOVE};
    enum status status =
        store_bank_keys(store, slice_of_string(bank), &page, &response);
    *count = response.count;
    response_fini(&response);
    return status;
}

static void expect_no_writes(struct store *store)
{
    const struct increment increment = {
        .delta = {.is_integer = true, .integer = 1},
        .initial.is_integer = true,
        .has_initial = true};
    const struct slice bank = SLICE_LITERAL("b");
    const struct store_value over = {.lifetime = {.rule = LIFETIME_OVER}};
    struct store_visit visit = {.condition.rule = CONDITION_NONE};
    struct number sum;
    size_t removed;
    enum { DENIED = STATUS_PERMISSION_DENIED };
    EXPECT_INT(kit_put(store, "b", "n", "2"), DENIED);
    EXPECT_INT(kit_put(store, "b", "other", "2"), DENIED);
    EXPECT_INT(store_put(store, bank, SLICE_LITERAL("n"), &over), DENIED);
    EXPECT_INT(kit_put_bytes(store, "b", 1, 300 * KIB), DENIED);
    EXPECT_INT(kit_put_if(store, "b", "n", "2", &visit), DENIED);
    EXPECT_INT(kit_remove(store, "b", "n"), DENIED);
    EXPECT_INT(kit_remove_if(store, "b", "n", &visit), DENIED);
    EXPECT_INT(kit_touch(store, "b", "n", LIFETIME_SAME, 0), DENIED);
    EXPECT_INT(kit_touch(store, "b", "n", LIFETIME_NEW, 1), DENIED);
    EXPECT_INT(kit_incr(store, "b", "n", 1), DENIED);
    EXPECT_INT(store_incr(store, bank, SLICE_LITERAL("x"), &increment, &sum),
               DENIED);
    EXPECT_INT(kit_append(store, "b", "n", "2"), DENIED);
    EXPECT_INT(store_bank_reset(store, bank), DENIED);
    EXPECT_INT(store_bank_drop(store, bank), DENIED);
    EXPECT_INT(store_bank_rename(store, bank, SLICE_LITERAL("c")), DENIED);
    EXPECT_INT(store_bank_swap(store, bank, SLICE_LITERAL("o")), DENIED);
    EXPECT_INT(store_bank_swap(store, SLICE_LITERAL("o"), bank), DENIED);
    EXPECT_INT(remove_all(store, "b", &removed), DENIED);
    EXPECT_INT(removed, 0);
}

static void nothing_changes_in_a_read_only_bank(void)
{
    struct store *store = kit_open();
    kit_put_for(store, "b", "n", "1", 100);
    kit_put(store, "o", "n", "1");
    set_read_only(store, "b", true);
    uint64_t version = kit_version(store, "b", "n");
    expect_no_writes(store);
    EXPECT_INT(kit_version(store, "b", "n"), version);
    EXPECT_INT(kit_stats(store, "b").entries, 1);
    EXPECT_INT(kit_list(store, "b", "", 10, NULL), 1);
    kit_set_time(99);
    kit_expect(store, "b", "n", "1");
    kit_set_time(100);
    kit_expect(store, "b", "n", NULL);
    kit_work(store);
    EXPECT_INT(kit_stats(store, "b").entries, 0);
    expect_no_writes(store);
    set_read_only(store, "b", false);
    EXPECT_INT(kit_put(store, "b", "n", "2"), STATUS_OK);
    EXPECT_INT(store_bank_swap(store, SLICE_LITERAL("o"), SLICE_LITERAL("b")),
               STATUS_OK);
    EXPECT_INT(store_bank_drop(store, SLICE_LITERAL("b")), STATUS_OK);
    kit_close(store);
}

static void memory_is_taken_from_a_read_only_bank_too(void)
{
    struct store *store = kit_open_limited(8 * MIB, 0);
    for (uint64_t i = 0; i < 6000; i++) {
        kit_put_bytes(store, "b", i, 1000);
    }
    set_read_only(store, "b", true);
    for (uint64_t i = 0; i < 6000; i++) {
        EXPECT_INT(kit_put_bytes(store, "other", i, 1000), STATUS_OK);
    }
    EXPECT(kit_stats(store, "b").evictions > 0);
    kit_close(store);
}

/* A full walk finds what the bank says that it has. */
static void expect_entries(struct store *store, const char *bank,
                           uint64_t entries)
{
    EXPECT_INT(kit_list(store, bank, "", 1000, NULL), entries);
    EXPECT_INT(kit_stats(store, bank).entries, entries);
}

static void a_bank_never_has_more_entries_than_its_maximum(void)
{
    enum { MOST = 60 };
    struct store *store = kit_open();
    EXPECT_INT(set_entries(store, "b", MOST), STATUS_OK);
    for (uint64_t i = 0; i < 5000; i++) {
        EXPECT_INT(kit_put_bytes(store, "b", i, i % 500), STATUS_OK);
        EXPECT(kit_stats(store, "b").entries <= MOST);
    }
    expect_entries(store, "b", MOST);
    EXPECT_INT(kit_stats(store, "b").evictions, 5000 - MOST);
    EXPECT_INT(kit_put_bytes(store, "b", 4999, 5), STATUS_OK);
    EXPECT_INT(kit_stats(store, "b").evictions, 5000 - MOST);
    kit_close(store);
}

static void one_entry_is_a_maximum_too(void)
{
    struct store *store = kit_open();
    EXPECT_INT(set_entries(store, "b", 1), STATUS_OK);
    for (uint64_t i = 0; i < 300; i++) {
        EXPECT_INT(kit_put_bytes(store, "b", i, i == 200 ? 300 * KIB : i),
                   STATUS_OK);
        expect_entries(store, "b", 1);
    }
    const struct increment increment = {.delta.is_integer = true,
                                        .initial.is_integer = true,
                                        .has_initial = true};
    struct number sum;
    EXPECT_INT(store_incr(store, SLICE_LITERAL("b"), SLICE_LITERAL("n"),
                          &increment, &sum),
               STATUS_OK);
    expect_entries(store, "b", 1);
    kit_expect(store, "b", "n", "0");
    kit_close(store);
}

static void a_bank_comes_down_to_fewer_entries(void)
{
    struct store *store = kit_open();
    for (uint64_t i = 0; i < 5000; i++) {
        kit_put_bytes(store, "b", i, 20);
        kit_put_bytes(store, "c", i, 20);
    }
    EXPECT_INT(set_entries(store, "b", 50), STATUS_OK);
    kit_work(store);
    EXPECT_INT(kit_stats(store, "b").entries, 50);
    EXPECT_INT(set_entries(store, "c", 50), STATUS_OK);
    EXPECT_INT(kit_put_bytes(store, "c", 9999, 20), STATUS_OK);
    expect_entries(store, "c", 50);
    kit_close(store);
}

/* Threads that put into one bank, and remove, and watch it. */
struct crowd {
    pthread_t thread;
    struct store *store;
    uint64_t random;
    uint64_t most;
    unsigned refused;
    unsigned wrong;
};

static void *put_and_watch(void *arg)
{
    enum { TIMES = IS_SANITIZED ? 4000 : 20000 };
    struct crowd *crowd = arg;
    for (int i = 0; i < TIMES; i++) {
        uint64_t key = test_random(&crowd->random) % 2000;
        size_t len = test_random(&crowd->random) % 300;
        struct bank_stats stats;
        enum status status = kit_put_bytes(crowd->store, "b", key, len);
        crowd->refused += status == STATUS_RESOURCE_EXHAUSTED;
        crowd->wrong += status && status != STATUS_RESOURCE_EXHAUSTED;
        crowd->wrong += store_bank_stats(crowd->store, SLICE_LITERAL("b"),
                                         &stats) != STATUS_OK ||
                        stats.entries > crowd->most;
    }
    return NULL;
}

static unsigned run_crowd(struct store *store, uint64_t most)
{
    struct crowd crowds[THREADS];
    unsigned refused = 0;
    for (int i = 0; i < THREADS; i++) {
        crowds[i] = (struct crowd){
            .store = store, .random = test_seed() + (uint64_t)i, .most = most};
        CHECK(pthread_create(&crowds[i].thread, NULL, put_and_watch,
                             &crowds[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(crowds[i].thread, NULL);
        EXPECT_INT(crowds[i].wrong, 0);
        refused += crowds[i].refused;
    }
    return refused;
}

static void no_thread_ever_sees_more_entries_than_the_maximum(void)
{
    enum { MOST = 500 };
    struct store *store = kit_open_limited(16 * MIB, 0);
    EXPECT_INT(set_entries(store, "b", MOST), STATUS_OK);
    EXPECT_INT(run_crowd(store, MOST), 0);
    EXPECT(kit_stats(store, "b").entries > MOST * 9 / 10);
    expect_entries(store, "b", kit_stats(store, "b").entries);
    kit_close(store);
}

static enum status refuse_when_full(struct store *store, const char *bank,
                                    uint64_t maximum, uint64_t entries)
{
    const struct bank_change change = {.limits = {.maximum = maximum,
                                                  .maximum_entries = entries,
                                                  .when_full = BANK_REFUSE},
                                       .has_maximum = true,
                                       .has_maximum_entries = true,
                                       .has_when_full = true};
    return kit_configure(store, bank, &change);
}

static void a_bank_that_refuses_keeps_what_it_has(void)
{
    enum { MOST = 100 };
    struct store *store = kit_open();
    EXPECT_INT(refuse_when_full(store, "b", 0, MOST), STATUS_OK);
    for (uint64_t i = 0; i < MOST; i++) {
        EXPECT_INT(kit_put_bytes(store, "b", i, 20), STATUS_OK);
    }
    EXPECT_INT(kit_put_bytes(store, "b", MOST, 20), STATUS_RESOURCE_EXHAUSTED);
    EXPECT_INT(kit_put_bytes(store, "b", 0, 2000), STATUS_OK);
    EXPECT_INT(kit_put_if(store, "b", "new", "v", &(struct store_visit){0}),
               STATUS_RESOURCE_EXHAUSTED);
    expect_entries(store, "b", MOST);
    EXPECT_INT(kit_remove(store, "b", "key 5"), STATUS_OK);
    EXPECT_INT(kit_put_bytes(store, "b", MOST, 20), STATUS_OK);
    expect_entries(store, "b", MOST);
    EXPECT_INT(kit_stats(store, "b").evictions, 0);
    EXPECT_INT(run_crowd(store, MOST) > 0, true);
    expect_entries(store, "b", MOST);
    EXPECT_INT(kit_stats(store, "b").evictions, 0);
    kit_close(store);
}

static void a_bank_that_refuses_keeps_its_bytes(void)
{
    struct store *store = kit_open();
    EXPECT_INT(refuse_when_full(store, "b", BANK_MAXIMUM_MIN, 0), STATUS_OK);
    uint64_t count = 0;
    while (kit_put_bytes(store, "b", count, 100) == STATUS_OK) {
        count++;
    }
    expect_entries(store, "b", count);
    EXPECT(kit_stats(store, "b").bytes > BANK_MAXIMUM_MIN - 200);
    EXPECT_INT(kit_put_bytes(store, "b", count, 100),
               STATUS_RESOURCE_EXHAUSTED);
    EXPECT_INT(kit_put_bytes(store, "b", 3, 1000), STATUS_RESOURCE_EXHAUSTED);
    EXPECT_INT(kit_put_bytes(store, "b", 3, 100), STATUS_OK);
    EXPECT_INT(kit_put_bytes(store, "b", 3, 10), STATUS_OK);
    EXPECT_INT(kit_stats(store, "b").evictions, 0);
    expect_entries(store, "b", count);
    kit_close(store);
}

static void a_flood_takes_nothing_from_a_bank_that_refuses(void)
{
    enum { LIMIT = 16 * MIB, COUNT = 9000, LEN = 1000, FLOOD = 40000 };
    struct store *store = kit_open_limited(LIMIT, 0);
    for (uint64_t i = 0; i < COUNT; i++) {
        EXPECT_INT(kit_put_bytes(store, "b", i, i % 1000 ? LEN : 300 * KIB),
                   STATUS_OK);
    }
    EXPECT_INT(refuse_when_full(store, "b", 0, 0), STATUS_OK);
    for (uint64_t i = 0; i < FLOOD; i++) {
        EXPECT_INT(kit_put_bytes(store, "flood", i, LEN), STATUS_OK);
        EXPECT(store_usage(store).bytes <= LIMIT + LIMIT / 8);
    }
    EXPECT_INT(kit_stats(store, "b").evictions, 0);
    EXPECT(kit_stats(store, "flood").evictions > 0);
    expect_entries(store, "b", COUNT);
    kit_close(store);
}

static void a_bank_that_refuses_cannot_go_beyond_the_memory_limit(void)
{
    enum { LIMIT = 8 * MIB, LEN = 1000, TIMES = 20000 };
    struct store *store = kit_open_limited(LIMIT, 0);
    EXPECT_INT(refuse_when_full(store, "b", 0, 0), STATUS_OK);
    uint64_t count = 0;
    for (uint64_t i = 0; i < TIMES; i++) {
        enum status status = kit_put_bytes(store, "b", i, LEN);
        EXPECT(!status || status == STATUS_RESOURCE_EXHAUSTED);
        count += !status;
    }
    EXPECT(count > LIMIT / LEN / 2);
    EXPECT(count < LIMIT / LEN + LIMIT / LEN / 8);
    EXPECT(store_usage(store).bytes <= LIMIT + LIMIT / 8);
    EXPECT_INT(kit_stats(store, "b").evictions, 0);
    expect_entries(store, "b", count);
    EXPECT_INT(store_bank_reset(store, SLICE_LITERAL("b")), STATUS_OK);
    kit_work(store);
    EXPECT_INT(kit_put_bytes(store, "b", 1, LEN), STATUS_OK);
    kit_close(store);
}

/* The milliseconds that the entry was given; 0: it lives for ever. */
static uint64_t lifetime_of(struct store *store, const char *key)
{
    struct store_visit visit = {.condition.rule = CONDITION_NONE};
    EXPECT_INT(kit_read(store, "b", key, &visit), STATUS_OK);
    return visit.facts.lifetime_ms;
}

static void entries_live_as_long_as_their_bank_says(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "before", "v");
    set_lifetimes(store, 1000, 0, 0);
    const struct store_value forever = {.lifetime.rule = LIFETIME_FOREVER};
    kit_put(store, "b", "k", "v");
    kit_put_for(store, "b", "own", "v", 5000);
    store_put(store, SLICE_LITERAL("b"), SLICE_LITERAL("forever"), &forever);
    EXPECT_INT(lifetime_of(store, "before"), 0);
    EXPECT_INT(lifetime_of(store, "k"), 1000);
    EXPECT_INT(lifetime_of(store, "own"), 5000);
    EXPECT_INT(lifetime_of(store, "forever"), 0);
    kit_set_time(999);
    kit_expect(store, "b", "k", "v");
    kit_set_time(1000);
    kit_expect(store, "b", "k", NULL);
    kit_expect(store, "b", "own", "v");
    kit_close(store);
}

static void entries_live_no_longer_than_their_bank_allows(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "before", "v");
    set_lifetimes(store, 0, 1000, 0);
    kit_put(store, "b", "none", "v");
    kit_put_for(store, "b", "longer", "v", 1001);
    kit_put_for(store, "b", "shorter", "v", 999);
    EXPECT_INT(lifetime_of(store, "before"), 0);
    EXPECT_INT(lifetime_of(store, "none"), 1000);
    EXPECT_INT(lifetime_of(store, "longer"), 1000);
    EXPECT_INT(lifetime_of(store, "shorter"), 999);
    kit_touch(store, "b", "shorter", LIFETIME_FOREVER, 0);
    EXPECT_INT(lifetime_of(store, "shorter"), 1000);
    kit_touch(store, "b", "shorter", LIFETIME_NEW, 7000);
    EXPECT_INT(lifetime_of(store, "shorter"), 1000);
    kit_touch(store, "b", "before", LIFETIME_SAME, 0);
    EXPECT_INT(lifetime_of(store, "before"), 0);
    set_lifetimes(store, 5000, 1000, 0);
    kit_put(store, "b", "k", "v");
    EXPECT_INT(lifetime_of(store, "k"), 1000);
    set_lifetimes(store, 0, 0, 0);
    kit_put(store, "b", "k", "v");
    EXPECT_INT(lifetime_of(store, "k"), 0);
    set_lifetimes(store, LIFETIME_MS_MAX, UINT64_MAX, 0);
    kit_put(store, "b", "k", "v");
    EXPECT_INT(lifetime_of(store, "k"), 0);
    kit_close(store);
}

static void jitter_spreads_lifetimes_by_key_and_keeps_its_bounds(void)
{
    enum { KEYS = 2000, MS = 100000, PERCENT = 40, PARTS = 8 };
    struct store *store = kit_open();
    set_lifetimes(store, 0, 0, PERCENT);
    unsigned parts[PARTS] = {0};
    for (int i = 0; i < KEYS; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        kit_put_for(store, "b", key, "v", MS);
        uint64_t ms = lifetime_of(store, key);
        EXPECT(ms <= MS);
        EXPECT(ms >= MS - MS * PERCENT / 100);
        uint64_t part = (MS - ms) * PARTS / (MS * PERCENT / 100);
        parts[part < PARTS ? part : PARTS - 1]++;
        kit_put_for(store, "b", key, "other", MS);
        EXPECT_INT(lifetime_of(store, key), ms);
    }
    for (int i = 0; i < PARTS; i++) {
        EXPECT(parts[i] > KEYS / PARTS * 7 / 10);
        EXPECT(parts[i] < KEYS / PARTS * 13 / 10);
    }
    kit_put(store, "b", "forever", "v");
    EXPECT_INT(lifetime_of(store, "forever"), 0);
    kit_put_for(store, "b", "short", "v", 1);
    EXPECT_INT(lifetime_of(store, "short"), 1);
    kit_close(store);
}

static void a_lifetime_that_begins_again_is_not_shortened_again(void)
{
    struct store *store = kit_open();
    set_lifetimes(store, 0, 50000, 90);
    for (int i = 0; i < 50; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        kit_put_for(store, "b", key, "v", 100000);
        uint64_t ms = lifetime_of(store, key);
        EXPECT(ms <= 50000 && ms >= 5000);
        kit_touch(store, "b", key, LIFETIME_SAME, 0);
        kit_touch(store, "b", key, LIFETIME_SAME, 0);
        EXPECT_INT(lifetime_of(store, key), ms);
        kit_append(store, "b", key, "more");
        EXPECT_INT(lifetime_of(store, key), ms);
    }
    kit_close(store);
}

static void a_bank_that_is_configured_tells_all_that_it_is_set_to(void)
{
    const struct bank_change change = {
        .limits = {1, 2 * MIB, 3, 4, 5, 6, 7, BANK_REFUSE, true},
#define LIMIT(name, ...) .has_##name = true,
#include "core/bank_limits.def"
#undef LIMIT
    };
    struct store *store = kit_open();
    struct bank_limits limits;
    EXPECT_INT(
        store_bank_configure(store, SLICE_LITERAL("b"), &change, &limits),
        STATUS_OK);
    struct bank_stats stats = kit_stats(store, "b");
#define LIMIT(name, ...)                                                       \
    EXPECT_INT(limits.name, change.limits.name);                               \
    EXPECT_INT(stats.name, change.limits.name);
#include "core/bank_limits.def"
#undef LIMIT
    kit_close(store);
}

static const struct test_case cases[] = {
    TEST(nothing_changes_in_a_read_only_bank),
    TEST(memory_is_taken_from_a_read_only_bank_too),
    TEST(a_bank_never_has_more_entries_than_its_maximum),
    TEST(one_entry_is_a_maximum_too),
    TEST(a_bank_comes_down_to_fewer_entries),
    TEST(no_thread_ever_sees_more_entries_than_the_maximum),
    TEST(a_bank_that_refuses_keeps_what_it_has),
    TEST(a_bank_that_refuses_keeps_its_bytes),
    TEST(a_flood_takes_nothing_from_a_bank_that_refuses),
    TEST(a_bank_that_refuses_cannot_go_beyond_the_memory_limit),
    TEST(entries_live_as_long_as_their_bank_says),
    TEST(entries_live_no_longer_than_their_bank_allows),
    TEST(jitter_spreads_lifetimes_by_key_and_keeps_its_bounds),
    TEST(a_lifetime_that_begins_again_is_not_shortened_again),
    TEST(a_bank_that_is_configured_tells_all_that_it_is_set_to),
};

SUITE(store_terms, cases);
