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
enum { CROWD = 100 };

static char names[CROWD][8];
static bool is_done[CROWD];

/* How many allocations a scene takes depends on the random key of its store,
 * so those are not swept with those of the operation: a sweep that counted
 * them could step over what it is after. */
static unsigned failing;     /* which allocation of the operation fails */
static unsigned allocations; /* of the operation, so far */
static bool has_struck;
static unsigned refusals; /* of the operation, in a whole sweep */

static bool let_pass(void *arg)
{
    (void)arg;
    bool is_refused = allocations++ == failing;
    has_struck = has_struck || is_refused;
    return !is_refused;
}

static void begin_operation(void)
{
    allocations = 0;
    memory_set_gate(let_pass, NULL);
}

static void end_operation(void)
{
    memory_set_gate(NULL, NULL);
}

static void sweep(void (*attempt)(void))
{
    refusals = 0;
    failing = 0;
    do {
        has_struck = false;
        attempt();
        failing++;
    } while (has_struck);
    EXPECT(refusals > 0);
}

/* A store in which the crowd has "1", for ever or for `ms`. */
static struct store *open_scene(uint64_t ms)
{
    struct store *store = kit_open();
    for (int i = 0; i < CROWD; i++) {
        snprintf(names[i], sizeof names[i], "k%d", i);
        enum status status = ms ? kit_put_for(store, "b", names[i], "1", ms)
                                : kit_put(store, "b", names[i], "1");
        EXPECT_INT(status, STATUS_OK);
    }
    return store;
}

/* Whether the operation went well; if not, that is for want of memory. */
static bool is_well(enum status status)
{
    if (status) {
        EXPECT_INT(status, STATUS_NOMEM);
        EXPECT(has_struck);
        refusals++;
    }
    return !status;
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

static void attempt_put(void)
{
    struct store *store = kit_open();
    begin_operation();
    for (int i = 0; i < CROWD; i++) {
        snprintf(names[i], sizeof names[i], "k%d", i);
        is_done[i] = is_well(kit_put_for(store, "b", names[i], "1", 500));
        EXPECT_INT(store_usage(store).banks, is_done[0] || i > 0);
    }
    end_operation();
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
    sweep(attempt_put);
}

static void attempt_replace(void)
{
    struct store *store = open_scene(0);
    uint64_t before = store_usage(store).bytes;
    begin_operation();
    for (int i = 0; i < CROWD; i++) {
        is_done[i] = is_well(kit_put_for(store, "b", names[i], "2", 500));
    }
    end_operation();
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
    sweep(attempt_replace);
}

static void attempt_get(void)
{
    struct store *store = open_scene(0);
    begin_operation();
    struct buffer bytes = {0};
    enum value_kind kind = VALUE_BYTES;
    enum status status = store_get(store, SLICE_LITERAL("b"),
                                   SLICE_LITERAL("k1"), NULL, &bytes, &kind);
    EXPECT_TEXT(buffer_peek(&bytes), is_well(status) ? "1" : "");
    buffer_fini(&bytes);
    end_operation();
    kit_expect(store, "b", "k1", "1");
    kit_close(store);
}

static void get_without_memory_says_so(void)
{
    sweep(attempt_get);
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

static void attempt_get_with_touch(void)
{
    struct store *store = open_scene(0);
    struct buffer bytes = {0};
    begin_operation();
    for (int i = 0; i < CROWD; i++) {
        is_done[i] = is_well(get_with_touch(store, names[i], &bytes));
        EXPECT_TEXT(buffer_peek(&bytes), is_done[i] ? "1" : "");
    }
    buffer_fini(&bytes);
    end_operation();
    kit_set_time(500);
    expect_crowd(store, "b", NULL, "1");
    kit_close(store);
}

static void get_with_touch_without_memory_does_neither(void)
{
    sweep(attempt_get_with_touch);
}

static void attempt_touch(void)
{
    struct store *store = open_scene(0);
    begin_operation();
    for (int i = 0; i < CROWD; i++) {
        is_done[i] =
            is_well(kit_touch(store, "b", names[i], LIFETIME_NEW, 500));
    }
    end_operation();
    expect_crowd(store, "b", "1", "1");
    kit_set_time(500);
    expect_crowd(store, "b", NULL, "1");
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, CROWD - count_done());
    kit_close(store);
}

static void touch_without_memory_changes_nothing(void)
{
    sweep(attempt_touch);
}

static void attempt_incr(void)
{
    struct store *store = open_scene(1000);
    begin_operation();
    for (int i = 0; i < CROWD; i++) {
        is_done[i] = is_well(kit_incr(store, "b", names[i], 41));
    }
    end_operation();
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
    sweep(attempt_incr);
}

static void attempt_reset(void)
{
    struct store *store = open_scene(0);
    begin_operation();
    bool is_reset = is_well(store_bank_reset(store, SLICE_LITERAL("b")));
    end_operation();
    for (int i = 0; i < CROWD; i++) {
        is_done[i] = is_reset;
    }
    expect_crowd(store, "b", NULL, "1");
    EXPECT_INT(store_usage(store).entries, is_reset ? 0 : CROWD);
    kit_close(store);
}

static void reset_without_memory_changes_nothing(void)
{
    sweep(attempt_reset);
}

static void list(const char *bank, size_t count)
{
    struct store *store = open_scene(0);
    struct response response = {0};
    begin_operation();
    if (is_well(kit_page(store, bank, 1000, slice_of("", 0), &response))) {
        EXPECT_INT(response.count, count);
    }
    end_operation();
    response_fini(&response);
    kit_close(store);
}

static void attempt_keys(void)
{
    list("b", CROWD);
}

static void attempt_banks(void)
{
    list(NULL, 1);
}

static void lists_without_memory_say_so(void)
{
    sweep(attempt_keys);
    sweep(attempt_banks);
}

static void what_gives_memory_back_needs_none(void)
{
    struct store *store = open_scene(1000);
    begin_operation();
    for (int i = 0; i < CROWD; i += 4) {
        EXPECT_INT(kit_touch(store, "b", names[i], LIFETIME_SAME, 0),
                   STATUS_OK);
        EXPECT_INT(kit_touch(store, "b", names[i + 1], LIFETIME_FOREVER, 0),
                   STATUS_OK);
        EXPECT_INT(kit_remove(store, "b", names[i + 2]), STATUS_OK);
    }
    kit_set_time(1000);
    kit_work(store);
    end_operation();
    EXPECT_INT(allocations, 0);
    EXPECT_INT(store_usage(store).entries, CROWD / 4);
    kit_close(store);
}

static void attempt_create(void *arg)
{
    (void)arg;
    const struct store_options options = {0};
    struct store *store = store_create(&options);
    EXPECT_INT(store == NULL, starve_has_struck());
    store_free(&store);
}

static void store_without_memory_is_not_created(void)
{
    EXPECT_INT(starve(attempt_create, NULL), 2);
}

static const struct test_case cases[] = {
    TEST(store_without_memory_is_not_created),
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
