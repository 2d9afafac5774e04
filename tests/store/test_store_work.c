/* What the store gives back, and what it refuses to take. */
#include "store/store.h"

#include "store/store_kit.h"
#include "support/test.h"

#include <stdio.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

static uint64_t bytes_of(struct store *store)
{
    return store_usage(store).bytes;
}

/* Puts `count` entries, with lifetimes of `ms` unless 0. */
static void put_many(struct store *store, const char *bank, int count,
                     uint64_t ms)
{
    for (int i = 0; i < count; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        if (ms > 0) {
            kit_put_for(store, bank, key, "a value of some length", ms);
        } else {
            kit_put(store, bank, key, "a value of some length");
        }
    }
}

static void remove_many(struct store *store, const char *bank, int count)
{
    for (int i = 0; i < count; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        EXPECT_INT(kit_remove(store, bank, key), STATUS_OK);
    }
}

static void empty_store_charges_nothing(void)
{
    struct store *store = kit_open();
    struct store_usage usage = store_usage(store);
    EXPECT_INT(usage.banks, 0);
    EXPECT_INT(usage.entries, 0);
    EXPECT_INT(usage.bytes, 0);
    kit_close(store);
}

static void charge_covers_the_bytes_of_key_and_value(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "");
    uint64_t before = bytes_of(store);
    kit_put_large(store, "b", "l", 100000);
    EXPECT(bytes_of(store) > before + 100000);
    EXPECT(bytes_of(store) < before + 100200);
    kit_close(store);
}

static void charge_returns_to_where_it_was_however_entries_go(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "stays", "value");
    uint64_t before = bytes_of(store);
    put_many(store, "b", 500, 0);
    EXPECT(bytes_of(store) > before);
    remove_many(store, "b", 500);
    EXPECT_INT(bytes_of(store), before);
    put_many(store, "b", 500, 100);
    kit_set_time(100);
    kit_work(store);
    EXPECT_INT(bytes_of(store), before);
    put_many(store, "b", 500, 100);
    put_many(store, "b", 500, 0);
    remove_many(store, "b", 500);
    EXPECT_INT(bytes_of(store), before);
    put_many(store, "b", 500, 100);
    store_bank_reset(store, SLICE_LITERAL("b"));
    kit_put(store, "b", "stays", "value");
    kit_work(store);
    EXPECT_INT(bytes_of(store), before);
    EXPECT_INT(store_usage(store).entries, 1);
    kit_close(store);
}

static void charge_follows_what_replaces_and_what_is_added(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "9");
    uint64_t before = bytes_of(store);
    kit_put_large(store, "b", "k", 5000);
    EXPECT(bytes_of(store) > before + 4900);
    kit_put(store, "b", "k", "9");
    EXPECT_INT(bytes_of(store), before);
    EXPECT_INT(kit_incr(store, "b", "k", INT64_MAX - 9), STATUS_OK);
    EXPECT(bytes_of(store) > before);
    EXPECT_INT(kit_incr(store, "b", "k", 9 - INT64_MAX), STATUS_OK);
    EXPECT_INT(bytes_of(store), before);
    kit_close(store);
}

static void work_gives_back_what_is_over_and_nothing_else(void)
{
    struct store *store = kit_open();
    put_many(store, "b", 1000, 100);
    put_many(store, "c", 1000, 200);
    put_many(store, "d", 1000, 0);
    kit_set_time(99);
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 3000);
    kit_set_time(100);
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 2000);
    kit_set_time(1000);
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 1000);
    kit_close(store);
}

static void work_waits_for_lifetimes_that_were_made_longer(void)
{
    struct store *store = kit_open();
    kit_put_for(store, "b", "k", "value", 100);
    kit_touch(store, "b", "k", LIFETIME_NEW, 300);
    kit_set_time(100);
    EXPECT(!store_work(store));
    EXPECT_INT(store_usage(store).entries, 1);
    kit_set_time(300);
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 0);
    kit_close(store);
}

static void work_comes_in_pieces(void)
{
    enum { COUNT = 30000 };
    struct store *store = kit_open();
    put_many(store, "b", COUNT, 100);
    put_many(store, "c", COUNT, 0);
    EXPECT(!store_work(store));
    store_bank_reset(store, SLICE_LITERAL("c"));
    kit_set_time(100);
    int pieces = 1;
    while (store_work(store)) {
        pieces++;
    }
    EXPECT(pieces > 4);
    EXPECT_INT(store_usage(store).entries, 0);
    kit_close(store);
}

static void reset_counts_at_once_and_is_refunded_by_work(void)
{
    struct store *store = kit_open();
    put_many(store, "b", 1000, 0);
    uint64_t before = bytes_of(store);
    store_bank_reset(store, SLICE_LITERAL("b"));
    EXPECT_INT(store_usage(store).entries, 0);
    kit_work(store);
    EXPECT(bytes_of(store) < before / 10);
    kit_close(store);
}

static void work_after_much_was_freed_keeps_what_is_left(void)
{
    enum { LARGE = 1024 * 1024 };
    struct store *store = kit_open();
    kit_put(store, "b", "stays", "value");
    for (int i = 0; i < 20; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        kit_put_large(store, "c", key, LARGE);
    }
    kit_work(store);
    store_bank_reset(store, SLICE_LITERAL("c"));
    kit_work(store);
    EXPECT(bytes_of(store) < LARGE);
    kit_expect(store, "b", "stays", "value");
    kit_close(store);
}

/* Bytes of this process that are in memory. */
static long resident_bytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        EXPECT_INT(fscanf(file, "%*d %ld", &pages), 1);
        fclose(file);
    }
    return pages * sysconf(_SC_PAGESIZE);
}

/* With a sanitizer memory is that one's affair. */
static void memory_of_what_is_over_goes_back_to_the_system(void)
{
    enum { COUNT = 300000 };
    struct store *store = kit_open();
    long before = resident_bytes();
    put_many(store, "b", COUNT, 100);
    kit_put(store, "b", "stays", "value");
    kit_work(store);
    long full = resident_bytes();
    kit_set_time(100);
    kit_work(store);
    long after = resident_bytes();
    EXPECT(IS_SANITIZED || full - before > 20L * 1024 * 1024);
    EXPECT(IS_SANITIZED || after - before < (full - before) / 4);
    kit_expect(store, "b", "stays", "value");
    kit_close(store);
}

static void put_beyond_the_memory_limit_changes_nothing(void)
{
    struct store *store = kit_open_limited(100000, 0);
    kit_put(store, "b", "k", "value");
    uint64_t before = bytes_of(store);
    EXPECT_INT(kit_put_large(store, "b", "k", 100000),
               STATUS_RESOURCE_EXHAUSTED);
    EXPECT_INT(kit_put_large(store, "b", "l", 100000),
               STATUS_RESOURCE_EXHAUSTED);
    EXPECT_INT(kit_put_large(store, "new bank", "l", 100000),
               STATUS_RESOURCE_EXHAUSTED);
    kit_expect(store, "b", "k", "value");
    EXPECT_INT(bytes_of(store), before);
    EXPECT_INT(store_usage(store).banks, 1);
    EXPECT_INT(store_usage(store).entries, 1);
    kit_close(store);
}

static void bank_beyond_the_memory_limit_is_refused(void)
{
    struct store *store = kit_open_limited(1000, 0);
    EXPECT_INT(kit_put(store, "b", "k", "value"), STATUS_RESOURCE_EXHAUSTED);
    EXPECT_INT(store_usage(store).banks, 0);
    EXPECT_INT(bytes_of(store), 0);
    kit_close(store);
}

static void put_that_shrinks_an_entry_is_never_refused(void)
{
    struct store *store = kit_open_limited(100000, 0);
    EXPECT_INT(kit_put_large(store, "b", "k", 90000), STATUS_OK);
    EXPECT_INT(kit_put_large(store, "b", "k", 89000), STATUS_OK);
    EXPECT_INT(kit_put_large(store, "b", "k", 90000), STATUS_OK);
    EXPECT_INT(kit_put_large(store, "b", "k", 99999),
               STATUS_RESOURCE_EXHAUSTED);
    EXPECT_INT(kit_put(store, "b", "k", "small"), STATUS_OK);
    kit_close(store);
}

static void incr_is_not_refused_for_memory(void)
{
    struct store *store = kit_open_limited(100000, 0);
    kit_put(store, "b", "k", "9");
    size_t len = 100000;
    while (kit_put_large(store, "b", "l", len) != STATUS_OK) {
        len--;
    }
    uint64_t before = bytes_of(store);
    EXPECT(before > 100000 - 16);
    EXPECT_INT(kit_incr(store, "b", "k", INT64_MAX - 9), STATUS_OK);
    kit_expect(store, "b", "k", "9223372036854775807");
    EXPECT(bytes_of(store) > before);
    kit_close(store);
}

static void limit_counts_nothing_that_does_not_exist(void)
{
    struct store *store = kit_open_limited(100000, 0);
    EXPECT_INT(kit_put_large(store, "b", "k", 90000), STATUS_OK);
    store_bank_reset(store, SLICE_LITERAL("b"));
    EXPECT_INT(kit_put_large(store, "b", "k", 90000), STATUS_OK);
    kit_remove(store, "b", "k");
    put_many(store, "b", 500, 100);
    kit_set_time(100);
    EXPECT_INT(kit_put_large(store, "b", "k", 90000), STATUS_OK);
    store_bank_reset(store, SLICE_LITERAL("b"));
    EXPECT_INT(kit_put_large(store, "new bank", "k", 90000), STATUS_OK);
    kit_close(store);
}

static void bank_beyond_the_limit_is_refused(void)
{
    struct store *store = kit_open_limited(0, 2);
    const struct store_value over = {.lifetime = {.rule = LIFETIME_OVER}};
    EXPECT_INT(kit_put(store, "b", "k", "value"), STATUS_OK);
    EXPECT_INT(kit_put(store, "c", "k", "value"), STATUS_OK);
    EXPECT_INT(kit_put(store, "d", "k", "value"), STATUS_RESOURCE_EXHAUSTED);
    EXPECT_INT(store_put(store, SLICE_LITERAL("d"), SLICE_LITERAL("k"), &over),
               STATUS_RESOURCE_EXHAUSTED);
    EXPECT_INT(kit_put(store, "b", "l", "value"), STATUS_OK);
    EXPECT_INT(store_usage(store).banks, 2);
    kit_close(store);
}

static const struct test_case cases[] = {
    TEST(empty_store_charges_nothing),
    TEST(charge_covers_the_bytes_of_key_and_value),
    TEST(charge_returns_to_where_it_was_however_entries_go),
    TEST(charge_follows_what_replaces_and_what_is_added),
    TEST(work_gives_back_what_is_over_and_nothing_else),
    TEST(work_waits_for_lifetimes_that_were_made_longer),
    TEST(work_comes_in_pieces),
    TEST(reset_counts_at_once_and_is_refunded_by_work),
    TEST(work_after_much_was_freed_keeps_what_is_left),
    TEST(memory_of_what_is_over_goes_back_to_the_system),
    TEST(put_beyond_the_memory_limit_changes_nothing),
    TEST(bank_beyond_the_memory_limit_is_refused),
    TEST(put_that_shrinks_an_entry_is_never_refused),
    TEST(incr_is_not_refused_for_memory),
    TEST(limit_counts_nothing_that_does_not_exist),
    TEST(bank_beyond_the_limit_is_refused),
};

SUITE(store_work, cases);
