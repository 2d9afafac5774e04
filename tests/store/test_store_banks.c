/* What is told of banks, and what they are held to. */
#include "store/store.h"

#include "base/clock.h"
#include "base/memory.h"
#include "core/bank_stats.h"
#include "store/store_kit.h"
#include "support/resident.h"
#include "support/test.h"

#include <stdio.h>

enum { CROWD = 500, MIB = 1024 * 1024, ITEM = 1000 };

static struct bank_stats stats_of(struct store *store, const char *bank)
{
    struct bank_stats stats = {0};
    EXPECT_INT(store_bank_stats(store, slice_of_string(bank), &stats),
               STATUS_OK);
    return stats;
}

static enum status get(struct store *store, const char *bank, const char *key)
{
    struct buffer bytes = {0};
    enum value_kind kind;
    enum status status = store_get(store, slice_of_string(bank),
                                   slice_of_string(key), NULL, &bytes, &kind);
    buffer_fini(&bytes);
    return status;
}

/* The name of member `i` of a crowd; valid until the next. */
static const char *name_of(int i)
{
    static char name[16];
    snprintf(name, sizeof name, "key %d", i);
    return name;
}

static void get_crowd(struct store *store, const char *bank, int count)
{
    for (int i = 0; i < count; i++) {
        get(store, bank, name_of(i));
    }
}

static void put_crowd(struct store *store, const char *bank, int count,
                      uint64_t ms)
{
    for (int i = 0; i < count; i++) {
        EXPECT_INT(ms ? kit_put_for(store, bank, name_of(i), "value", ms)
                      : kit_put(store, bank, name_of(i), "value"),
                   STATUS_OK);
    }
}

static void nothing_is_known_of_an_unknown_bank(void)
{
    struct store *store = kit_open();
    struct bank_stats stats;
    EXPECT_INT(store_bank_stats(store, SLICE_LITERAL("b"), &stats),
               STATUS_NOT_FOUND);
    EXPECT_INT(store_usage(store).banks, 0);
    kit_close(store);
}

static void entries_and_bytes_follow_what_is_there(void)
{
    struct store *store = kit_open();
    put_crowd(store, "b", 2, 0);
    struct bank_stats two = stats_of(store, "b");
    EXPECT_INT(two.entries, 2);
    EXPECT(two.bytes >= 2 * (5 + 5));
    EXPECT(two.bytes <= 2 * 40);
    EXPECT_INT(kit_remove(store, "b", name_of(0)), STATUS_OK);
    struct bank_stats one = stats_of(store, "b");
    EXPECT_INT(one.entries, 1);
    EXPECT_INT(one.bytes, two.bytes / 2);
    EXPECT_INT(store_bank_reset(store, SLICE_LITERAL("b")), STATUS_OK);
    EXPECT_INT(stats_of(store, "b").entries, 0);
    EXPECT_INT(stats_of(store, "b").bytes, 0);
    kit_close(store);
}

static void bytes_of_large_values_are_counted_once(void)
{
    struct store *store = kit_open();
    EXPECT_INT(kit_put_large(store, "b", "k", MIB), STATUS_OK);
    uint64_t bytes = stats_of(store, "b").bytes;
    EXPECT(bytes >= MIB && bytes < MIB + 8 * 1024);
    EXPECT_INT(kit_put_large(store, "b", "k", 2 * MIB), STATUS_OK);
    EXPECT_INT(stats_of(store, "b").bytes, bytes + MIB);
    EXPECT_INT(kit_put(store, "b", "k", "v"), STATUS_OK);
    EXPECT(stats_of(store, "b").bytes < 100);
    EXPECT_INT(kit_remove(store, "b", "k"), STATUS_OK);
    EXPECT_INT(stats_of(store, "b").bytes, 0);
    kit_close(store);
}

static void gets_are_hits_or_misses_of_never_seen_keys(void)
{
    struct store *store = kit_open();
    put_crowd(store, "b", 10, 0);
    get_crowd(store, "b", 13);
    const struct lifetime touch = {LIFETIME_SAME, 0};
    struct buffer bytes = {0};
    enum value_kind kind;
    EXPECT_INT(store_get(store, SLICE_LITERAL("b"), SLICE_LITERAL("key 1"),
                         &touch, &bytes, &kind),
               STATUS_OK);
    EXPECT_INT(store_get(store, SLICE_LITERAL("b"), SLICE_LITERAL("none"),
                         &touch, &bytes, &kind),
               STATUS_NOT_FOUND);
    buffer_fini(&bytes);
    EXPECT_INT(stats_of(store, "b").hits, 11);
    EXPECT_INT(stats_of(store, "b").misses_never_seen, 4);
    kit_close(store);
}

static void misses_of_one_bank_say_nothing_of_another(void)
{
    struct store *store = kit_open();
    put_crowd(store, "b", CROWD, 0);
    put_crowd(store, "c", 1, 0);
    for (int i = 0; i < CROWD; i++) {
        kit_remove(store, "b", name_of(i));
    }
    get_crowd(store, "c", CROWD);
    EXPECT(stats_of(store, "c").misses_never_seen >= CROWD - 3);
    EXPECT_INT(stats_of(store, "b").misses_removed, 0);
    kit_close(store);
}

static void removed_keys_are_missed_as_removed(void)
{
    struct store *store = kit_open();
    put_crowd(store, "b", CROWD, 0);
    for (int i = 0; i < CROWD; i++) {
        EXPECT_INT(kit_remove(store, "b", name_of(i)), STATUS_OK);
    }
    get_crowd(store, "b", CROWD);
    EXPECT_INT(stats_of(store, "b").misses_removed, CROWD);
    kit_close(store);
}

static void expired_keys_are_missed_as_expired_before_and_after_they_go(void)
{
    struct store *store = kit_open();
    put_crowd(store, "b", CROWD, 100);
    kit_set_time(100);
    get_crowd(store, "b", CROWD);
    EXPECT_INT(stats_of(store, "b").misses_expired, CROWD);
    EXPECT_INT(stats_of(store, "b").entries, CROWD);
    kit_set_time(60 * 1000);
    kit_work(store);
    EXPECT_INT(stats_of(store, "b").entries, 0);
    get_crowd(store, "b", CROWD);
    EXPECT_INT(stats_of(store, "b").misses_expired, 2 * CROWD);
    kit_close(store);
}

static void expirations_are_counted_with_their_lag(void)
{
    struct store *store = kit_open();
    put_crowd(store, "b", 2, 100);
    kit_set_time(130);
    EXPECT_INT(kit_touch(store, "b", name_of(0), LIFETIME_SAME, 0),
               STATUS_NOT_FOUND);
    EXPECT_INT(stats_of(store, "b").expirations, 1);
    kit_set_time(150);
    EXPECT_INT(kit_put(store, "b", name_of(1), "other"), STATUS_OK);
    struct bank_stats stats = stats_of(store, "b");
    EXPECT_INT(stats.expirations, 2);
    EXPECT_INT(stats.overwrites, 0);
    EXPECT_INT(stats.expiry_lag_total_ms, 30 + 50);
    EXPECT_INT(stats.expiry_lag_max_ms, 50);
    kit_close(store);
}

static void overwrites_are_counted(void)
{
    struct store *store = kit_open();
    put_crowd(store, "b", 3, 0);
    EXPECT_INT(stats_of(store, "b").overwrites, 0);
    put_crowd(store, "b", 2, 0);
    EXPECT_INT(stats_of(store, "b").overwrites, 2);
    kit_close(store);
}

static void put_items(struct store *store, const char *bank, int from, int to)
{
    static char value[ITEM + 1];
    memset(value, 'x', ITEM);
    for (int i = from; i < to; i++) {
        EXPECT_INT(kit_put(store, bank, name_of(i), value), STATUS_OK);
    }
}

static void evicted_keys_are_missed_as_evicted(void)
{
    enum { COUNT = 4000 };
    struct store *store = kit_open_limited(2 * MIB, 0);
    put_items(store, "b", 0, COUNT);
    struct bank_stats stats = stats_of(store, "b");
    EXPECT_INT(stats.evictions, COUNT - stats.entries);
    EXPECT(stats.evictions > COUNT / 4);
    get_crowd(store, "b", COUNT);
    uint64_t gone = stats.evictions;
    stats = stats_of(store, "b");
    EXPECT_INT(stats.hits, COUNT - gone);
    EXPECT(stats.misses_evicted >= gone - gone / 50);
    EXPECT_INT(stats.misses_evicted + stats.misses_never_seen, gone);
    kit_close(store);
}

static void expect_reset_misses(int count)
{
    struct store *store = kit_open();
    put_crowd(store, "b", 10, 0);
    put_items(store, "b", 10, count);
    EXPECT_INT(store_bank_reset(store, SLICE_LITERAL("b")), STATUS_OK);
    kit_work(store);
    get_crowd(store, "b", count);
    EXPECT(stats_of(store, "b").misses_reset >= (uint64_t)count * 99 / 100);
    kit_close(store);
}

static void reset_keys_are_missed_as_reset(void)
{
    expect_reset_misses(100);
    expect_reset_misses(1000); /* with segments of its own */
}

static void counts_survive_a_reset(void)
{
    struct store *store = kit_open();
    put_crowd(store, "b", 3, 0);
    get_crowd(store, "b", 3);
    EXPECT_INT(store_bank_reset(store, SLICE_LITERAL("b")), STATUS_OK);
    EXPECT_INT(stats_of(store, "b").hits, 3);
    kit_close(store);
}

static void what_a_busy_bank_counts_in_is_charged_and_given_back(void)
{
    enum { GETS = 5000 };
    struct store *store = kit_open();
    put_crowd(store, "b", 1, 0);
    uint64_t before = store_usage(store).bytes;
    for (int i = 0; i < GETS; i++) {
        get(store, "b", name_of(0));
    }
    EXPECT_INT(stats_of(store, "b").hits, GETS);
    EXPECT(store_usage(store).bytes > before);
    kit_close(store);
}

/* Each with one entry of 16 and 32 bytes, which is read, too. */
static void a_bank_of_one_entry_takes_little_memory(void)
{
    enum { FEW = 50 * 1000, MANY = 1000 * 1000, BYTES_MAX = 512 };
    int count = test_is_long() && !IS_SANITIZED ? MANY : FEW;
    struct store *store = kit_open();
    put_crowd(store, "first", 1, 0);
    long before = resident_bytes();
    for (int i = 0; i < count; i++) {
        char bank[16];
        snprintf(bank, sizeof bank, "bank%d", i);
        kit_put(store, bank, "a key of 16 byte",
                "a value that has thirty-two byte");
        EXPECT_INT(get(store, bank, "a key of 16 byte"), STATUS_OK);
    }
    long after = resident_bytes();
    if (!IS_SANITIZED) {
        EXPECT(after - before <= (long)count * BYTES_MAX);
    }
    printf("%ld bytes a bank\n", (after - before) / count);
    EXPECT_INT(store_usage(store).banks, count + 1);
    kit_close(store);
}

static const struct test_case cases[] = {
    TEST(a_bank_of_one_entry_takes_little_memory),
    TEST(nothing_is_known_of_an_unknown_bank),
    TEST(entries_and_bytes_follow_what_is_there),
    TEST(bytes_of_large_values_are_counted_once),
    TEST(gets_are_hits_or_misses_of_never_seen_keys),
    TEST(misses_of_one_bank_say_nothing_of_another),
    TEST(removed_keys_are_missed_as_removed),
    TEST(expired_keys_are_missed_as_expired_before_and_after_they_go),
    TEST(expirations_are_counted_with_their_lag),
    TEST(overwrites_are_counted),
    TEST(evicted_keys_are_missed_as_evicted),
    TEST(reset_keys_are_missed_as_reset),
    TEST(counts_survive_a_reset),
    TEST(what_a_busy_bank_counts_in_is_charged_and_given_back),
};

SUITE(store_banks, cases);
