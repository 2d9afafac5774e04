/* Every operation with every one of its allocations failing in turn: it says
 * so and has changed nothing. */
#include "store/store.h"

#include "base/memory.h"
#include "store/store_kit.h"
#include "support/starve.h"
#include "support/test.h"

#include <stdio.h>

/* Each operation is done to so many entries of bank "b", so that it meets
 * shards, tables and heaps that must grow and others that need not. */
enum { CROWD = 100, ROUNDS_MAX = 50 };

static char names[CROWD][8];
static bool is_done[CROWD];
static unsigned refusals; /* of the operation, in a sweep */

/* A store in which the crowd has "1", for ever or for `ms`; NULL when memory
 * ran out before there was one. */
static struct store *open_scene(uint64_t ms)
{
    const struct store_options options = {0};
    kit_set_time(0);
    struct store *store = store_create(&options);
    if (!store) {
        EXPECT(starve_has_struck());
        return NULL;
    }
    enum status status = STATUS_OK;
    for (int i = 0; i < CROWD && !status; i++) {
        snprintf(names[i], sizeof names[i], "k%d", i);
        status = ms ? kit_put_for(store, "b", names[i], "1", ms)
                    : kit_put(store, "b", names[i], "1");
    }
    if (status) {
        EXPECT_INT(status, STATUS_NOMEM);
        EXPECT(starve_has_struck());
        kit_close(store);
        return NULL;
    }
    return store;
}

/* Whether the operation went well; if not, that is for want of memory. */
static bool is_well(enum status status)
{
    if (status) {
        EXPECT_INT(status, STATUS_NOMEM);
        EXPECT(starve_has_struck());
        refusals++;
    }
    return !status;
}

/* How many allocations come before the operation depends on the random key
 * of each store, so that one sweep may step over it; not every one will. */
static void sweep(void (*attempt)(void *arg), void *arg)
{
    refusals = 0;
    for (int round = 0; round < ROUNDS_MAX && refusals == 0; round++) {
        starve(attempt, arg);
    }
    EXPECT(refusals > 0);
}

/* The sweep is over the operation; what follows finds memory. */
static void end_of_sweep(void)
{
    memory_set_gate(NULL, NULL);
}

/* Expects `done` where the operation was done and `left` where not; NULL is
 * no entry. */
static void expect_crowd(struct store *store, const char *bank,
                         const char *done, const char *left)
{
    for (int i = 0; i < CROWD; i++) {
        kit_expect(store, bank, names[i], is_done[i] ? done : left);
    }
}

static size_t count_done(void)
{
    size_t count = 0;
    for (int i = 0; i < CROWD; i++) {
        count += is_done[i];
    }
    return count;
}

static void attempt_put(void *arg)
{
    (void)arg;
    const struct store_options options = {0};
    kit_set_time(0);
    struct store *store = store_create(&options);
    if (!store) {
        EXPECT(starve_has_struck());
        return;
    }
    for (int i = 0; i < CROWD; i++) {
        snprintf(names[i], sizeof names[i], "k%d", i);
        is_done[i] = is_well(kit_put_for(store, "b", names[i], "1", 500));
        EXPECT_INT(store_usage(store).banks, is_done[0] || i > 0);
    }
    end_of_sweep();
    expect_crowd(store, "b", "1", NULL);
    EXPECT_INT(store_usage(store).entries, count_done());
    EXPECT_INT(kit_list(store, "b", "", 1000, NULL), count_done());
    kit_set_time(500);
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 0);
    kit_close(store);
}

static void put_without_memory_makes_neither_entry_nor_bank(void)
{
    sweep(attempt_put, NULL);
}

static void attempt_replace(void *arg)
{
    (void)arg;
    struct store *store = open_scene(0);
    if (!store) {
        return;
    }
    uint64_t before = store_usage(store).bytes;
    for (int i = 0; i < CROWD; i++) {
        is_done[i] = is_well(kit_put_for(store, "b", names[i], "2", 500));
    }
    end_of_sweep();
    expect_crowd(store, "b", "2", "1");
    EXPECT_INT(store_usage(store).entries, CROWD);
    EXPECT_INT(store_usage(store).bytes, before);
    kit_set_time(500);
    kit_work(store);
    expect_crowd(store, "b", NULL, "1");
    EXPECT_INT(store_usage(store).entries, CROWD - count_done());
    kit_close(store);
}

static void put_over_an_entry_without_memory_leaves_it(void)
{
    sweep(attempt_replace, NULL);
}

static void attempt_get(void *arg)
{
    (void)arg;
    struct store *store = open_scene(0);
    if (!store) {
        return;
    }
    struct buffer bytes = {0};
    enum value_kind kind = VALUE_BYTES;
    enum status status = store_get(store, SLICE_LITERAL("b"),
                                   SLICE_LITERAL("k1"), NULL, &bytes, &kind);
    EXPECT_TEXT(buffer_peek(&bytes), is_well(status) ? "1" : "");
    buffer_fini(&bytes);
    end_of_sweep();
    kit_expect(store, "b", "k1", "1");
    kit_close(store);
}

static void get_without_memory_says_so(void)
{
    sweep(attempt_get, NULL);
}

static enum status get_with_touch(struct store *store, const char *key,
                                  struct buffer *bytes)
{
    const struct lifetime touch = {LIFETIME_NEW, 500};
    enum value_kind kind;
    buffer_clear(bytes);
    return store_get(store, SLICE_LITERAL("b"), slice_of_string(key), &touch,
                     bytes, &kind);
}

static void attempt_get_with_touch(void *arg)
{
    (void)arg;
    struct store *store = open_scene(0);
    if (!store) {
        return;
    }
    struct buffer bytes = {0};
    for (int i = 0; i < CROWD; i++) {
        is_done[i] = is_well(get_with_touch(store, names[i], &bytes));
        EXPECT_TEXT(buffer_peek(&bytes), is_done[i] ? "1" : "");
    }
    buffer_fini(&bytes);
    end_of_sweep();
    kit_set_time(500);
    expect_crowd(store, "b", NULL, "1");
    kit_close(store);
}

static void get_with_touch_without_memory_does_neither(void)
{
    sweep(attempt_get_with_touch, NULL);
}

static void attempt_touch(void *arg)
{
    (void)arg;
    struct store *store = open_scene(0);
    if (!store) {
        return;
    }
    for (int i = 0; i < CROWD; i++) {
        is_done[i] =
            is_well(kit_touch(store, "b", names[i], LIFETIME_NEW, 500));
    }
    end_of_sweep();
    expect_crowd(store, "b", "1", "1");
    kit_set_time(500);
    expect_crowd(store, "b", NULL, "1");
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, CROWD - count_done());
    kit_close(store);
}

static void touch_without_memory_changes_nothing(void)
{
    sweep(attempt_touch, NULL);
}

static void attempt_incr(void *arg)
{
    (void)arg;
    struct store *store = open_scene(1000);
    if (!store) {
        return;
    }
    for (int i = 0; i < CROWD; i++) {
        is_done[i] = is_well(kit_incr(store, "b", names[i], 41));
    }
    end_of_sweep();
    expect_crowd(store, "b", "42", "1");
    kit_set_time(999);
    expect_crowd(store, "b", "42", "1");
    kit_set_time(1000);
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 0);
    kit_close(store);
}

static void incr_without_memory_changes_nothing(void)
{
    sweep(attempt_incr, NULL);
}

static void attempt_reset(void *arg)
{
    (void)arg;
    struct store *store = open_scene(0);
    if (!store) {
        return;
    }
    bool is_reset = is_well(store_bank_reset(store, SLICE_LITERAL("b")));
    end_of_sweep();
    for (int i = 0; i < CROWD; i++) {
        is_done[i] = is_reset;
    }
    expect_crowd(store, "b", NULL, "1");
    EXPECT_INT(store_usage(store).entries, is_reset ? 0 : CROWD);
    kit_close(store);
}

static void reset_without_memory_changes_nothing(void)
{
    sweep(attempt_reset, NULL);
}

static void attempt_list(void *arg)
{
    const char *bank = arg;
    struct store *store = open_scene(0);
    if (!store) {
        return;
    }
    struct response response = {0};
    if (is_well(kit_page(store, bank, 1000, slice_of("", 0), &response))) {
        EXPECT_INT(response.count, bank ? CROWD : 1);
    }
    response_fini(&response);
    kit_close(store);
}

static void lists_without_memory_say_so(void)
{
    char bank[] = "b";
    sweep(attempt_list, bank);
    sweep(attempt_list, NULL);
}

static void attempt_what_needs_no_memory(void *arg)
{
    (void)arg;
    struct store *store = open_scene(1000);
    if (!store) {
        return;
    }
    bool was_struck = starve_has_struck();
    for (int i = 0; i < CROWD; i += 4) {
        EXPECT_INT(kit_touch(store, "b", names[i], LIFETIME_SAME, 0),
                   STATUS_OK);
        EXPECT_INT(kit_touch(store, "b", names[i + 1], LIFETIME_FOREVER, 0),
                   STATUS_OK);
        EXPECT_INT(kit_remove(store, "b", names[i + 2]), STATUS_OK);
    }
    kit_set_time(1000);
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, CROWD / 4);
    EXPECT_INT(starve_has_struck(), was_struck);
    kit_close(store);
}

static void what_gives_memory_back_needs_none(void)
{
    EXPECT(starve(attempt_what_needs_no_memory, NULL) > CROWD);
}

static const struct test_case cases[] = {
    TEST(put_without_memory_makes_neither_entry_nor_bank),
    TEST(put_over_an_entry_without_memory_leaves_it),
    TEST(get_without_memory_says_so),
    TEST(get_with_touch_without_memory_does_neither),
    TEST(touch_without_memory_changes_nothing),
    TEST(incr_without_memory_changes_nothing),
    TEST(reset_without_memory_changes_nothing),
    TEST(lists_without_memory_say_so),
    TEST(what_gives_memory_back_needs_none),
};

SUITE(store_starved, cases);
