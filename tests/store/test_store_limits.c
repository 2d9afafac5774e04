/* What banks may take, alone and beside each other. */
#include "store/store.h"

#include "base/clock.h"
#include "base/memory.h"
#include "core/bank_stats.h"
#include "core/response.h"
#include "store/spaces.h"
#include "store/store_kit.h"
#include "support/test.h"

#include <pthread.h>
#include <stdio.h>

enum { KIB = 1024, MIB = 1024 * 1024, THREADS = 4 };

static enum status set_maximum(struct store *store, const char *bank,
                               uint64_t maximum)
{
    const struct bank_change change = {.limits.maximum = maximum,
                                       .has_maximum = true};
    return kit_configure(store, bank, &change);
}

static enum status reserve(struct store *store, const char *bank,
                           uint64_t reserved)
{
    const struct bank_change change = {.limits.reserved = reserved,
                                       .has_reserved = true};
    return kit_configure(store, bank, &change);
}

static enum status weigh(struct store *store, const char *bank, uint64_t weight)
{
    const struct bank_change change = {.limits.weight = weight,
                                       .has_weight = true};
    return kit_configure(store, bank, &change);
}

static void fill(struct store *store, const char *bank, uint64_t count,
                 size_t len)
{
    for (uint64_t i = 0; i < count; i++) {
        EXPECT_INT(kit_put_bytes(store, bank, i, len), STATUS_OK);
    }
}

static void what_configure_would_answer_is_foreseen(void)
{
    const struct store_options options = {.memory_max = 10 * MIB};
    struct store *store = store_create(&options);
    const struct slice name = SLICE_LITERAL("b");
    struct bank_change change = {.limits.weight = 3, .has_weight = true};
    struct bank_limits limits;
    struct bank_stats stats;
    EXPECT_INT(store_bank_foresee(store, name, &change, &limits), STATUS_OK);
    EXPECT_INT(limits.weight, 3);
    EXPECT_INT(limits.reserved, 0);
    EXPECT_INT(store_bank_stats(store, name, &stats), STATUS_NOT_FOUND);
    EXPECT_INT(reserve(store, "b", 2 * MIB), STATUS_OK);
    EXPECT_INT(store_bank_foresee(store, name, &change, &limits), STATUS_OK);
    EXPECT_INT(limits.reserved, 2 * MIB);
    EXPECT_INT(kit_stats(store, "b").weight, BANK_WEIGHT_DEFAULT);
    change = (struct bank_change){.limits.maximum = MIB, .has_maximum = true};
    EXPECT_INT(store_bank_foresee(store, name, &change, &limits),
               STATUS_INVALID_ARGUMENT);
    change =
        (struct bank_change){.limits.reserved = 8 * MIB, .has_reserved = true};
    EXPECT_INT(store_bank_foresee(store, name, &change, &limits),
               STATUS_OUT_OF_RANGE);
    EXPECT_INT(kit_stats(store, "b").reserved, 2 * MIB);
    store_free(&store);
}

static void configure_makes_a_bank_and_answers_its_limits(void)
{
    struct store *store = kit_open();
    struct bank_change change = {
        .limits = {.reserved = 1, .maximum = 2 * MIB, .weight = 3},
        .has_reserved = true,
        .has_maximum = true};
    struct bank_limits limits;
    EXPECT_INT(
        store_bank_configure(store, SLICE_LITERAL("b"), &change, &limits),
        STATUS_OK);
    EXPECT_INT(limits.reserved, 1);
    EXPECT_INT(limits.maximum, 2 * MIB);
    EXPECT_INT(limits.weight, BANK_WEIGHT_DEFAULT);
    change = (struct bank_change){.limits.weight = 7, .has_weight = true};
    EXPECT_INT(
        store_bank_configure(store, SLICE_LITERAL("b"), &change, &limits),
        STATUS_OK);
    EXPECT_INT(store_usage(store).banks, 1);
    struct bank_stats stats = kit_stats(store, "b");
    EXPECT_INT(stats.reserved, 1);
    EXPECT_INT(stats.maximum, 2 * MIB);
    EXPECT_INT(stats.weight, 7);
    kit_close(store);
}

static void a_bank_that_nobody_configured_has_the_defaults(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "v");
    struct bank_stats stats = kit_stats(store, "b");
    EXPECT_INT(stats.reserved, 0);
    EXPECT_INT(stats.maximum, 0);
    EXPECT_INT(stats.weight, BANK_WEIGHT_DEFAULT);
    kit_close(store);
}

static void a_reserve_beyond_the_maximum_is_refused(void)
{
    struct store *store = kit_open();
    EXPECT_INT(set_maximum(store, "b", MIB), STATUS_OK);
    EXPECT_INT(reserve(store, "b", MIB + 1), STATUS_INVALID_ARGUMENT);
    EXPECT_INT(kit_stats(store, "b").reserved, 0);
    EXPECT_INT(reserve(store, "b", MIB), STATUS_OK);
    kit_close(store);
}

/* Answers the lifetime that the entry was given. */
static uint64_t lifetime_of(struct store *store, const char *key)
{
    struct store_visit visit = {0};
    EXPECT_INT(store_read(store, SLICE_LITERAL("b"), slice_of_string(key), NULL,
                          &visit),
               STATUS_OK);
    return visit.facts.lifetime_ms;
}

static void a_restarted_lifetime_is_not_shortened_once_more(void)
{
    struct store *store = kit_open();
    const struct bank_change change = {.limits.lifetime_jitter = 90,
                                       .has_lifetime_jitter = true};
    EXPECT_INT(kit_configure(store, "b", &change), STATUS_OK);
    for (int i = 0; i < 10; i++) {
        char key[] = {(char)('a' + i), '\0'};
        EXPECT_INT(kit_put_for(store, "b", key, "v", 100000), STATUS_OK);
        uint64_t lifetime = lifetime_of(store, key);
        EXPECT(lifetime >= 10000 && lifetime <= 100000);
        EXPECT_INT(kit_touch(store, "b", key, LIFETIME_SAME, 0), STATUS_OK);
        EXPECT_INT(lifetime_of(store, key), lifetime);
    }
    kit_close(store);
}

static void a_restarted_lifetime_keeps_a_maximum_that_came_later(void)
{
    struct store *store = kit_open();
    const struct bank_change change = {.limits.maximum_lifetime_ms = 1000,
                                       .has_maximum_lifetime_ms = true};
    kit_put_for(store, "b", "k", "v", 5000);
    kit_put(store, "b", "ever", "v");
    EXPECT_INT(kit_configure(store, "b", &change), STATUS_OK);
    EXPECT_INT(lifetime_of(store, "k"), 5000);
    kit_touch(store, "b", "k", LIFETIME_SAME, 0);
    kit_touch(store, "b", "ever", LIFETIME_SAME, 0);
    EXPECT_INT(lifetime_of(store, "k"), 1000);
    EXPECT_INT(lifetime_of(store, "ever"), 0);
    kit_close(store);
}

static void what_is_read_only_loses_nothing_by_prefix(void)
{
    struct store *store = kit_open();
    struct response response = {0};
    struct bank_change change = {.limits.read_only = true,
                                 .has_read_only = true};
    const struct store_page page = {.limit = 10, .kind = LISTING_REMOVE};
    kit_put(store, "b", "k", "v");
    EXPECT_INT(kit_configure(store, "b", &change), STATUS_OK);
    EXPECT_INT(store_bank_keys(store, SLICE_LITERAL("b"), &page, &response),
               STATUS_PERMISSION_DENIED);
    kit_expect(store, "b", "k", "v");
    change.limits.read_only = false;
    EXPECT_INT(kit_configure(store, "b", &change), STATUS_OK);
    EXPECT_INT(store_bank_keys(store, SLICE_LITERAL("b"), &page, &response),
               STATUS_OK);
    EXPECT_INT(response.count, 1);
    kit_expect(store, "b", "k", NULL);
    response_fini(&response);
    kit_close(store);
}

static void reserves_together_leave_a_part_of_the_limit(void)
{
    struct store *store = kit_open_limited(100 * MIB, 0);
    EXPECT_INT(reserve(store, "a", 40 * MIB), STATUS_OK);
    EXPECT_INT(reserve(store, "b", 30 * MIB + KIB), STATUS_OUT_OF_RANGE);
    EXPECT_INT(kit_stats(store, "a").reserved, 40 * MIB);
    EXPECT_INT(reserve(store, "b", 30 * MIB - KIB), STATUS_OK);
    EXPECT_INT(reserve(store, "a", 40 * MIB + 2 * KIB), STATUS_OUT_OF_RANGE);
    EXPECT_INT(reserve(store, "a", 20 * MIB), STATUS_OK);
    EXPECT_INT(reserve(store, "b", 50 * MIB - KIB), STATUS_OK);
    EXPECT_INT(reserve(store, "b", UINT64_MAX), STATUS_OUT_OF_RANGE);
    kit_close(store);
}

/* What one walk over the bank finds is what it says it has. */
struct walk {
    struct store *store;
    const char *bank;
    uint64_t entries;
    uint64_t least; /* bytes of keys and values */
};

static void visit_key(void *arg, struct slice name)
{
    struct walk *walk = arg;
    struct buffer bytes = {0};
    enum value_kind kind;
    EXPECT_INT(store_get(walk->store, slice_of_string(walk->bank), name, NULL,
                         &bytes, &kind),
               STATUS_OK);
    walk->entries++;
    walk->least += name.len + buffer_len(&bytes);
    buffer_fini(&bytes);
}

static void expect_walk_to_agree(struct store *store, const char *bank)
{
    enum { OVERHEAD_MAX = 16 + 8 + 4 + 56 }; /* head, slot, rounding, large */
    struct walk walk = {.store = store, .bank = bank};
    const struct kit_visitor visitor = {visit_key, &walk};
    kit_list(store, bank, "", 1000, &visitor);
    struct bank_stats stats = kit_stats(store, bank);
    EXPECT_INT(stats.entries, walk.entries);
    EXPECT(stats.bytes >= walk.least + 12 * walk.entries);
    EXPECT(stats.bytes <= walk.least + OVERHEAD_MAX * walk.entries);
}

static void a_bank_never_exceeds_its_maximum(void)
{
    enum { PUTS = 3000, MAXIMUM = BANK_MAXIMUM_MIN };
    uint64_t random = test_seed();
    struct store *store = kit_open();
    fill(store, "other", 100, 100);
    EXPECT_INT(set_maximum(store, "b", MAXIMUM), STATUS_OK);
    uint64_t most = 0;
    for (uint64_t i = 0; i < PUTS; i++) {
        size_t len = test_random(&random) % (i % 10 ? 500 : 60 * KIB);
        uint64_t key = test_random(&random) % 300;
        EXPECT_INT(kit_put_bytes(store, "b", key, len), STATUS_OK);
        uint64_t bytes = kit_stats(store, "b").bytes;
        EXPECT(bytes <= MAXIMUM);
        most = bytes > most ? bytes : most;
    }
    EXPECT(most > MAXIMUM * 9 / 10);
    expect_walk_to_agree(store, "b");
    EXPECT_INT(kit_stats(store, "other").entries, 100);
    kit_close(store);
}

static void a_maximum_is_no_more_than_a_bank_may_use(void)
{
    enum { LEN = 100, COUNT = 4000 };
    struct store *store = kit_open();
    EXPECT_INT(set_maximum(store, "b", BANK_MAXIMUM_MIN), STATUS_OK);
    fill(store, "b", COUNT, LEN);
    struct bank_stats stats = kit_stats(store, "b");
    EXPECT_INT(stats.evictions, COUNT - stats.entries);
    EXPECT(stats.bytes > BANK_MAXIMUM_MIN * 8 / 10);
    kit_close(store);
}

static void a_value_beyond_the_maximum_is_refused_and_evicts_nothing(void)
{
    struct store *store = kit_open();
    EXPECT_INT(set_maximum(store, "b", BANK_MAXIMUM_MIN), STATUS_OK);
    fill(store, "b", 10, 1000);
    EXPECT_INT(kit_put_bytes(store, "b", 5, BANK_MAXIMUM_MIN),
               STATUS_RESOURCE_EXHAUSTED);
    EXPECT_INT(kit_put_bytes(store, "b", 99, BANK_MAXIMUM_MIN),
               STATUS_RESOURCE_EXHAUSTED);
    EXPECT_INT(kit_stats(store, "b").entries, 10);
    kit_close(store);
}

static void what_makes_an_entry_longer_keeps_the_maximum(void)
{
    enum { COUNT = 3000, TOUCHED = 1000 };
    struct store *store = kit_open();
    EXPECT_INT(set_maximum(store, "b", BANK_MAXIMUM_MIN), STATUS_OK);
    for (int i = 0; i < COUNT; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        EXPECT_INT(kit_put(store, "b", name, "1"), STATUS_OK);
    }
    for (int i = COUNT - TOUCHED; i < COUNT; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        enum status status = kit_touch(store, "b", name, LIFETIME_NEW, 1000);
        EXPECT(status == STATUS_OK || status == STATUS_NOT_FOUND);
        EXPECT(kit_stats(store, "b").bytes <= BANK_MAXIMUM_MIN);
        status = kit_incr(store, "b", name, INT64_MAX - 1);
        EXPECT(status == STATUS_OK || status == STATUS_NOT_FOUND);
        EXPECT(kit_stats(store, "b").bytes <= BANK_MAXIMUM_MIN);
    }
    kit_close(store);
}

static void a_bank_comes_down_to_a_lowered_maximum(void)
{
    struct store *store = kit_open();
    fill(store, "b", 2000, 1000);
    EXPECT_INT(set_maximum(store, "b", BANK_MAXIMUM_MIN), STATUS_OK);
    kit_work(store);
    struct bank_stats stats = kit_stats(store, "b");
    EXPECT(stats.bytes <= BANK_MAXIMUM_MIN);
    EXPECT(stats.entries > 0);
    expect_walk_to_agree(store, "b");
    kit_close(store);
}

static void a_put_brings_a_bank_down_to_a_lowered_maximum(void)
{
    struct store *store = kit_open();
    fill(store, "b", 2000, 1000);
    EXPECT_INT(set_maximum(store, "b", BANK_MAXIMUM_MIN), STATUS_OK);
    EXPECT_INT(kit_put_bytes(store, "b", 9999, 1000), STATUS_OK);
    EXPECT(kit_stats(store, "b").bytes <= BANK_MAXIMUM_MIN);
    kit_close(store);
}

static void small_banks_keep_their_entries_when_they_get_limits(void)
{
    struct store *store = kit_open();
    fill(store, "b", 100, 100);
    fill(store, "c", 100, 100);
    uint64_t before = kit_stats(store, "c").bytes;
    EXPECT_INT(set_maximum(store, "b", BANK_MAXIMUM_MIN), STATUS_OK);
    EXPECT_INT(kit_stats(store, "b").entries, 100);
    expect_walk_to_agree(store, "b");
    EXPECT_INT(kit_stats(store, "c").bytes, before);
    EXPECT_INT(store_bank_reset(store, SLICE_LITERAL("b")), STATUS_OK);
    EXPECT_INT(kit_stats(store, "b").bytes, 0);
    EXPECT_INT(kit_stats(store, "b").maximum, BANK_MAXIMUM_MIN);
    kit_close(store);
}

static void a_bank_under_its_reserve_is_not_robbed(void)
{
    enum { LEN = 1000, COUNT = 2500 };
    struct store *store = kit_open_limited(8 * MIB, 0);
    EXPECT_INT(reserve(store, "kept", 3 * MIB), STATUS_OK);
    fill(store, "kept", COUNT, LEN);
    fill(store, "robber", 20000, LEN);
    fill(store, "small", 200, LEN);
    EXPECT_INT(kit_stats(store, "kept").entries, COUNT);
    EXPECT_INT(kit_stats(store, "kept").evictions, 0);
    EXPECT(kit_stats(store, "robber").evictions > 0);
    kit_close(store);
}

static void what_is_beyond_a_reserve_is_taken_but_no_more(void)
{
    enum { LEN = 1000 };
    struct store *store = kit_open_limited(8 * MIB, 0);
    EXPECT_INT(reserve(store, "kept", 2 * MIB), STATUS_OK);
    EXPECT_INT(weigh(store, "robber", BANK_WEIGHT_MAX), STATUS_OK);
    fill(store, "kept", 6000, LEN);
    for (uint64_t i = 0; i < 8000; i++) {
        EXPECT_INT(kit_put_bytes(store, "robber", i, LEN), STATUS_OK);
        EXPECT(kit_stats(store, "kept").bytes >= 2 * MIB);
    }
    EXPECT(kit_stats(store, "kept").bytes < 2 * MIB + 2 * LEN);
    kit_close(store);
}

static void a_bank_down_to_its_reserve_is_left_alone(void)
{
    enum { LEN = 60 * KIB, LIMIT = 16 * MIB, RESERVE = 8 * MIB };
    struct store *store = kit_open_limited(LIMIT, 0);
    EXPECT_INT(reserve(store, "kept", RESERVE), STATUS_OK);
    EXPECT_INT(weigh(store, "kept", 1), STATUS_OK);
    EXPECT_INT(weigh(store, "other", BANK_WEIGHT_MAX), STATUS_OK);
    fill(store, "kept", 200, LEN);
    for (uint64_t i = 0; i < 1000; i++) {
        EXPECT_INT(kit_put_bytes(store, "other", i, LEN), STATUS_OK);
        EXPECT(store_usage(store).bytes <= LIMIT + LIMIT / 4);
    }
    EXPECT(kit_stats(store, "kept").bytes >= RESERVE);
    EXPECT(kit_stats(store, "kept").bytes < RESERVE + 2 * LEN);
    kit_close(store);
}

static void who_gives_way_is_found_among_many_that_have_nothing(void)
{
    struct store *store = kit_open_limited(8 * MIB, 0);
    for (int i = 0; i < 5 * SPACES_SEARCHED; i++) {
        char name[24];
        snprintf(name, sizeof name, "empty %d", i);
        EXPECT_INT(reserve(store, name, 1), STATUS_OK);
    }
    EXPECT_INT(reserve(store, "full", 1), STATUS_OK);
    fill(store, "full", 20000, 1000);
    EXPECT(kit_stats(store, "full").evictions > 0);
    EXPECT(kit_stats(store, "full").bytes > 5 * MIB);
    kit_close(store);
}

static void a_bank_may_evict_below_its_own_reserve(void)
{
    struct store *store = kit_open_limited(8 * MIB, 0);
    EXPECT_INT(set_maximum(store, "b", MIB), STATUS_OK);
    EXPECT_INT(reserve(store, "b", MIB), STATUS_OK);
    fill(store, "b", 5000, 1000);
    EXPECT(kit_stats(store, "b").bytes <= MIB);
    EXPECT(kit_stats(store, "b").bytes > MIB * 8 / 10);
    kit_close(store);
}

static void shares_go_by_weight(void)
{
    enum { LEN = 1000, ROUNDS = 30000 };
    struct store *store = kit_open_limited(16 * MIB, 0);
    EXPECT_INT(weigh(store, "light", 100), STATUS_OK);
    EXPECT_INT(weigh(store, "heavy", 300), STATUS_OK);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        EXPECT_INT(kit_put_bytes(store, "light", i, LEN), STATUS_OK);
        EXPECT_INT(kit_put_bytes(store, "heavy", i, LEN), STATUS_OK);
    }
    double ratio = (double)kit_stats(store, "heavy").bytes /
                   (double)kit_stats(store, "light").bytes;
    EXPECT(ratio > 2.6 && ratio < 3.4);
    kit_close(store);
}

/* Only the allocations of the configuring fail. */
static unsigned failing;
static unsigned allocations;
static bool has_struck;

static bool let_pass(void *arg)
{
    (void)arg;
    bool is_refused = allocations++ == failing;
    has_struck = has_struck || is_refused;
    return !is_refused;
}

static void configure_without_memory_changes_nothing(void)
{
    failing = 0;
    do {
        struct store *store = kit_open_limited(64 * MIB, 0);
        fill(store, "b", 100, 100);
        kit_expect(store, "b", "none", NULL);
        allocations = 0;
        has_struck = false;
        memory_set_gate(let_pass, NULL);
        enum status status = reserve(store, "b", MIB);
        memory_set_gate(NULL, NULL);
        struct bank_stats stats = kit_stats(store, "b");
        EXPECT_INT(stats.reserved, status ? 0 : MIB);
        EXPECT(!status || status == STATUS_NOMEM);
        EXPECT_INT(reserve(store, "c", 44 * MIB),
                   status ? STATUS_OK : STATUS_OUT_OF_RANGE);
        EXPECT(stats.entries == 100 || !status);
        kit_close(store);
        failing++;
    } while (has_struck);
    EXPECT(failing > 2);
}

/* Threads put into one bank and change its maximum, and watch it. */
struct crowd {
    struct store *store;
    uint64_t maximum;
    uint64_t number;
    uint64_t wrong;
};

static void *put_and_watch(void *arg)
{
    enum { PUTS = 5000 };
    struct crowd *crowd = arg;
    uint64_t random = crowd->number;
    for (int i = 0; i < PUTS; i++) {
        size_t len = test_random(&random) % 3000;
        uint64_t key = test_random(&random) % 1000;
        crowd->wrong += kit_put_bytes(crowd->store, "b", key, len) != STATUS_OK;
        struct bank_stats stats;
        crowd->wrong += store_bank_stats(crowd->store, SLICE_LITERAL("b"),
                                         &stats) != STATUS_OK ||
                        stats.bytes > crowd->maximum;
    }
    return NULL;
}

static void no_thread_ever_sees_a_bank_beyond_its_maximum(void)
{
    struct crowd crowds[THREADS];
    pthread_t threads[THREADS];
    struct store *store = kit_open_limited(16 * MIB, 0);
    EXPECT_INT(set_maximum(store, "b", MIB), STATUS_OK);
    for (uint64_t i = 0; i < THREADS; i++) {
        crowds[i] = (struct crowd){store, MIB, i, 0};
        REQUIRE(pthread_create(&threads[i], NULL, put_and_watch, &crowds[i]) ==
                0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        EXPECT_INT(crowds[i].wrong, 0);
    }
    expect_walk_to_agree(store, "b");
    kit_close(store);
}

static const struct test_case cases[] = {
    TEST(what_configure_would_answer_is_foreseen),
    TEST(configure_makes_a_bank_and_answers_its_limits),
    TEST(a_bank_that_nobody_configured_has_the_defaults),
    TEST(a_reserve_beyond_the_maximum_is_refused),
    TEST(a_restarted_lifetime_is_not_shortened_once_more),
    TEST(a_restarted_lifetime_keeps_a_maximum_that_came_later),
    TEST(what_is_read_only_loses_nothing_by_prefix),
    TEST(reserves_together_leave_a_part_of_the_limit),
    TEST(a_bank_never_exceeds_its_maximum),
    TEST(a_maximum_is_no_more_than_a_bank_may_use),
    TEST(a_value_beyond_the_maximum_is_refused_and_evicts_nothing),
    TEST(what_makes_an_entry_longer_keeps_the_maximum),
    TEST(a_bank_comes_down_to_a_lowered_maximum),
    TEST(a_put_brings_a_bank_down_to_a_lowered_maximum),
    TEST(small_banks_keep_their_entries_when_they_get_limits),
    TEST(a_bank_under_its_reserve_is_not_robbed),
    TEST(what_is_beyond_a_reserve_is_taken_but_no_more),
    TEST(a_bank_down_to_its_reserve_is_left_alone),
    TEST(who_gives_way_is_found_among_many_that_have_nothing),
    TEST(a_bank_may_evict_below_its_own_reserve),
    TEST(shares_go_by_weight),
    TEST(configure_without_memory_changes_nothing),
    TEST(no_thread_ever_sees_a_bank_beyond_its_maximum),
};

SUITE(store_limits, cases);
