/* What once went wrong in the store, each case by itself. */
#include "store/store.h"

#include "store/store_kit.h"
#include "support/resident.h"
#include "support/test.h"

#include <stdio.h>

enum { KIB = 1024, MIB = 1024 * 1024 };

static uint64_t bytes_of(struct store *store)
{
    return store_usage(store).bytes;
}

static enum status put_nth(struct store *store, const char *bank, int n,
                           size_t len)
{
    char key[16];
    snprintf(key, sizeof key, "k%d", n);
    return kit_put_large(store, bank, key, len);
}

static void remove_nth(struct store *store, const char *bank, int n)
{
    char key[16];
    snprintf(key, sizeof key, "k%d", n);
    EXPECT_INT(kit_remove(store, bank, key), STATUS_OK);
}

/* The work of some seconds, of which nothing but time makes more. */
static void work_for_a_while(struct store *store)
{
    for (int i = 0; i < 20; i++) {
        kit_work(store);
    }
}

static void index_of_removed_keys_is_not_charged(void)
{
    struct store *store = kit_open();
    for (int i = 0; i < 30000; i++) {
        put_nth(store, "b", i, 1);
    }
    uint64_t full = bytes_of(store);
    for (int i = 0; i < 30000; i++) {
        remove_nth(store, "b", i);
    }
    kit_work(store);
    uint64_t before_put = bytes_of(store);
    put_nth(store, "b", 0, 1);
    remove_nth(store, "b", 0);
    kit_work(store);
    EXPECT(before_put < full);
    EXPECT(before_put < bytes_of(store) + 10 * KIB);
    kit_close(store);
}

static void segment_that_was_sparse_while_open_is_given_back_later(void)
{
    struct store *store = kit_open();
    put_nth(store, "b", -1, 1);
    uint64_t before = bytes_of(store);
    enum { COUNT = 2000 };
    for (int i = 0; i < COUNT; i++) {
        put_nth(store, "b", 100000 + i, 60);
        /* As each new segment is begun, one of its items goes at once. */
        remove_nth(store, "b", 100000 + i);
        put_nth(store, "b", i, 60);
    }
    work_for_a_while(store);
    uint64_t full = bytes_of(store);
    for (int i = 0; i < COUNT; i++) {
        remove_nth(store, "b", i);
    }
    work_for_a_while(store);
    EXPECT(full > before + 100 * KIB);
    EXPECT(bytes_of(store) < before + 40 * KIB);
    kit_close(store);
}

/* Values of more than half a segment: what they leave unused comes again
 * wherever they are moved. */
static void work_on_values_that_fill_half_a_segment_ends(void)
{
    enum { COUNT = 100, LEN = 40 * 1000, WORKS_MAX = 1000 };
    struct store *store = kit_open();
    for (int i = 0; i < COUNT; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        EXPECT_INT(kit_put_large(store, "b", key, LEN), STATUS_OK);
    }
    int works = 0;
    while (works < WORKS_MAX && store_work(store)) {
        works++;
    }
    EXPECT(works < WORKS_MAX);
    kit_close(store);
}

static void bank_that_outgrew_the_shared_space_leaves_nothing_there(void)
{
    struct store *store = kit_open();
    char bank[16];
    for (int b = 0; b < 10; b++) {
        snprintf(bank, sizeof bank, "b%d", b);
        for (int i = 0; i < 5000; i++) {
            put_nth(store, bank, i, 100);
        }
    }
    for (int b = 0; b < 10; b++) {
        snprintf(bank, sizeof bank, "b%d", b);
        EXPECT_INT(store_bank_reset(store, slice_of_string(bank)), STATUS_OK);
    }
    work_for_a_while(store);
    EXPECT(bytes_of(store) < 1 * MIB);
    kit_close(store);
}

enum { MOVING = 4000, MOVING_LEN = 60 };

/* Enough for a bank to leave the shared space, and some more puts; most of it
 * is still there then. */
static void begin_to_move(struct store *store, const char *bank)
{
    for (int i = 0; i < MOVING; i++) {
        EXPECT_INT(put_nth(store, bank, i, MOVING_LEN), STATUS_OK);
    }
}

static void get_lives(struct store *store, const char *bank, int n, size_t len);

static void entries_are_there_while_their_bank_moves(void)
{
    struct store *store = kit_open();
    begin_to_move(store, "b");
    for (int round = 0; round < 4; round++) {
        put_nth(store, "b", round, MOVING_LEN);
        EXPECT_INT(store_usage(store).entries, MOVING);
        EXPECT_INT(kit_list(store, "b", "", 1000, NULL), MOVING);
        for (int i = 0; i < MOVING; i += 7) {
            get_lives(store, "b", i, MOVING_LEN);
        }
    }
    kit_work(store);
    EXPECT_INT(kit_list(store, "b", "", 1000, NULL), MOVING);
    kit_close(store);
}

/* Others keep the segments that they share with it. */
static void bank_that_is_reset_while_it_moves_leaves_nothing(void)
{
    struct store *store = kit_open();
    uint64_t before = bytes_of(store);
    for (int i = 0; i < 5; i++) {
        begin_to_move(store, i % 2 ? "b" : "c");
        put_nth(store, "others", i, MOVING_LEN);
        store_bank_reset(store,
                         i % 2 ? SLICE_LITERAL("b") : SLICE_LITERAL("c"));
        EXPECT_INT(store_usage(store).entries, i + 1);
    }
    work_for_a_while(store);
    EXPECT_INT(store_usage(store).entries, 5);
    for (int i = 0; i < 5; i++) {
        get_lives(store, "others", i, MOVING_LEN);
    }
    EXPECT(bytes_of(store) < before + 100 * KIB);
    kit_close(store);
}

/* Segments are emptied before anybody has looked for what resets left in
 * them, and used again. */
static void evictions_come_before_what_resets_left(void)
{
    enum {
        BANKS = 20,
        KEYS = 100,
        ROUNDS = IS_SANITIZED ? 60 : 200,
        LARGE_EACH = 17
    };
    struct store *store = kit_open_limited(4 * MIB, 0);
    uint64_t before = bytes_of(store);
    char bank[16];
    for (int round = 0; round < ROUNDS; round++) {
        snprintf(bank, sizeof bank, "b%d", round % BANKS);
        for (int i = 0; i < KEYS; i++) {
            size_t len = i == round % LARGE_EACH ? 300 * KIB : 500;
            EXPECT_INT(put_nth(store, bank, i, len), STATUS_OK);
        }
        if (round % 3) {
            store_bank_reset(store, slice_of_string(bank));
        }
        if (round % 50 == 0) {
            store_work(store);
        }
    }
    for (int i = 0; i < BANKS; i++) {
        snprintf(bank, sizeof bank, "b%d", i);
        store_bank_reset(store, slice_of_string(bank));
    }
    EXPECT_INT(store_usage(store).entries, 0);
    work_for_a_while(store);
    EXPECT(bytes_of(store) < before + 200 * KIB);
    kit_close(store);
}

static void get_lives(struct store *store, const char *bank, int n, size_t len)
{
    char key[16];
    snprintf(key, sizeof key, "k%d", n);
    struct buffer bytes = {0};
    enum value_kind kind;
    EXPECT_INT(store_get(store, slice_of_string(bank), slice_of_string(key),
                         NULL, &bytes, &kind),
               STATUS_OK);
    EXPECT_INT(buffer_len(&bytes), len);
    buffer_fini(&bytes);
}

/* Their heads lie in segments that others share, which are used again before
 * the reset is done with. */
static void large_values_of_a_reset_bank_are_freed(void)
{
    struct store *store = kit_open_limited(2 * MIB, 0);
    put_nth(store, "large", 0, 1);
    uint64_t before = bytes_of(store);
    for (int i = 0; i < 4; i++) {
        EXPECT_INT(put_nth(store, "large", i, 300 * KIB), STATUS_OK);
    }
    EXPECT_INT(store_bank_reset(store, SLICE_LITERAL("large")), STATUS_OK);
    for (int i = 0; i < 5000; i++) {
        put_nth(store, i % 2 ? "x" : "y", i, 900);
    }
    work_for_a_while(store);
    EXPECT_INT(store_bank_reset(store, SLICE_LITERAL("x")), STATUS_OK);
    EXPECT_INT(store_bank_reset(store, SLICE_LITERAL("y")), STATUS_OK);
    work_for_a_while(store);
    EXPECT(bytes_of(store) < before + 300 * KIB);
    kit_close(store);
}

static void put_succeeds_while_a_reset_bank_is_given_back(void)
{
    struct store *store = kit_open_limited(64 * MIB, 0);
    for (int i = 0; i < 10; i++) {
        put_nth(store, "small", i, 1000);
    }
    for (int i = 0; i < 6500; i++) {
        EXPECT_INT(put_nth(store, "b", i, 10000), STATUS_OK);
    }
    EXPECT_INT(store_bank_reset(store, SLICE_LITERAL("b")), STATUS_OK);
    for (int i = 0; i < 100; i++) {
        EXPECT_INT(put_nth(store, "c", i, 10000), STATUS_OK);
    }
    for (int i = 0; i < 10; i++) {
        get_lives(store, "small", i, 1000);
    }
    kit_close(store);
}

static void small_limit_never_refuses_what_fits(void)
{
    for (uint64_t max = 1 * MIB; max <= 12 * MIB; max *= 2) {
        struct store *store = kit_open_limited(max, 0);
        int refused = 0;
        for (int i = 0; i < 40000; i++) {
            refused += put_nth(store, "b", i, 600) != STATUS_OK;
        }
        EXPECT_INT(refused, 0);
        EXPECT(store_usage(store).entries * 600 > max / 2);
        kit_close(store);
    }
}

static void put_of_a_large_value_evicts_about_as_much(void)
{
    struct store *store = kit_open_limited(64 * MIB, 0);
    for (int i = 0; i < 200; i++) {
        EXPECT_INT(put_nth(store, "b", i, 1 * MIB), STATUS_OK);
        if (i > 70) {
            EXPECT(store_usage(store).entries > 50);
        }
    }
    kit_close(store);
}

static void value_beyond_the_limit_evicts_nothing(void)
{
    struct store *store = kit_open_limited(4 * MIB, 0);
    for (int i = 0; i < 1000; i++) {
        put_nth(store, "b", i, 1000);
    }
    EXPECT_INT(put_nth(store, "b", 5000, 5 * MIB), STATUS_RESOURCE_EXHAUSTED);
    EXPECT_INT(store_usage(store).entries, 1000);
    EXPECT_INT(put_nth(store, "new", 5000, 5 * MIB), STATUS_RESOURCE_EXHAUSTED);
    EXPECT_INT(store_usage(store).banks, 1);
    kit_close(store);
}

static void banks_are_refused_when_they_alone_fill_the_limit(void)
{
    struct store *store = kit_open_limited(2 * MIB, 0);
    enum status status = STATUS_OK;
    for (int i = 0; i < 20000; i++) {
        char bank[16];
        snprintf(bank, sizeof bank, "b%d", i);
        status = kit_put(store, bank, "k", "v");
    }
    EXPECT_INT(status, STATUS_RESOURCE_EXHAUSTED);
    EXPECT(bytes_of(store) < 3 * MIB);
    kit_close(store);
}

static void what_is_emptied_leaves_no_open_segment(void)
{
    struct store *store = kit_open();
    uint64_t before = bytes_of(store);
    for (int i = 0; i < 3; i++) {
        put_nth(store, "b", i, 20000);
    }
    EXPECT(bytes_of(store) > before + 60 * KIB);
    for (int i = 0; i < 3; i++) {
        remove_nth(store, "b", i);
    }
    work_for_a_while(store);
    EXPECT(bytes_of(store) < before + 100 * KIB);
    kit_close(store);
}

static void what_is_nearly_emptied_leaves_no_large_segment(void)
{
    struct store *store = kit_open();
    uint64_t before = bytes_of(store);
    for (int i = 0; i < 1000; i++) {
        put_nth(store, "b", i, 20000);
    }
    EXPECT(bytes_of(store) > before + 18 * MIB);
    for (int i = 0; i < 1000; i++) {
        if (i % 500) {
            remove_nth(store, "b", i);
        }
    }
    work_for_a_while(store);
    EXPECT(bytes_of(store) < before + 300 * KIB);
    get_lives(store, "b", 0, 20000);
    get_lives(store, "b", 500, 20000);
    kit_close(store);
}

static void large_values_are_evicted_before_the_small_of_others(void)
{
    struct store *store = kit_open_limited(64 * MIB, 0);
    for (int i = 0; i < 10000; i++) {
        EXPECT_INT(put_nth(store, "small", i, 600), STATUS_OK);
    }
    for (int i = 0; i < 400; i++) {
        EXPECT_INT(put_nth(store, "large", i, 500 * KIB), STATUS_OK);
    }
    uint64_t entries = store_usage(store).entries;
    EXPECT_INT(store_bank_reset(store, SLICE_LITERAL("large")), STATUS_OK);
    EXPECT(entries > store_usage(store).entries + 50);
    EXPECT_INT(store_usage(store).entries, 10000);
    kit_close(store);
}

static const struct test_case cases[] = {
    TEST(index_of_removed_keys_is_not_charged),
    TEST(segment_that_was_sparse_while_open_is_given_back_later),
    TEST(work_on_values_that_fill_half_a_segment_ends),
    TEST(bank_that_outgrew_the_shared_space_leaves_nothing_there),
    TEST(entries_are_there_while_their_bank_moves),
    TEST(bank_that_is_reset_while_it_moves_leaves_nothing),
    TEST(evictions_come_before_what_resets_left),
    TEST(put_succeeds_while_a_reset_bank_is_given_back),
    TEST(small_limit_never_refuses_what_fits),
    TEST(put_of_a_large_value_evicts_about_as_much),
    TEST(value_beyond_the_limit_evicts_nothing),
    TEST(banks_are_refused_when_they_alone_fill_the_limit),
    TEST(what_is_emptied_leaves_no_open_segment),
    TEST(what_is_nearly_emptied_leaves_no_large_segment),
    TEST(large_values_are_evicted_before_the_small_of_others),
    TEST(large_values_of_a_reset_bank_are_freed),
};

SUITE(store_regressions, cases);
