/* Every operation with every one of its allocations failing in turn: it says
 * so and has changed nothing. */
#include "store/store.h"

#include "base/memory.h"
#include "core/bank_stats.h"
#include "store/store_kit.h"
#include "support/starve.h"
#include "support/test.h"

#include <stdio.h>

/* Each operation is done to so many entries of bank "b", so that it meets
 * indexes and segments that are full and others that are not. */
enum { CROWD = 100 };

static char names[CROWD][8];
static bool is_done[CROWD];

/* With a value that just fits into the smallest segments an entry must go to
 * another segment, which must be made, to get room for a lifetime; one that
 * does not and becomes short must, too. */
enum { FITTING_LEN = 4085, PADDED_LEN = 4090 };

static char fitting[FITTING_LEN + 1];
static char padded[PADDED_LEN + 1]; /* "1" behind spaces */

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

/* A store that this thread has read from, since its first get makes its
 * record; with a bank, and no segment yet. */
static struct store *open_store(void)
{
    struct store *store = kit_open();
    memset(fitting, 'x', FITTING_LEN);
    memset(padded, ' ', PADDED_LEN);
    padded[PADDED_LEN - 1] = '1';
    const struct store_value over = {.lifetime = {.rule = LIFETIME_OVER}};
    store_put(store, SLICE_LITERAL("a"), SLICE_LITERAL("k"), &over);
    kit_expect(store, "a", "k", NULL);
    return store;
}

/* One in which the crowd has `value`, for ever or for `ms`. */
static struct store *open_scene(const char *value, uint64_t ms)
{
    struct store *store = open_store();
    for (int i = 0; i < CROWD; i++) {
        snprintf(names[i], sizeof names[i], "k%d", i);
        enum status status = ms ? kit_put_for(store, "b", names[i], value, ms)
                                : kit_put(store, "b", names[i], value);
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
    struct store *store = open_store();
    begin_operation();
    for (int i = 0; i < CROWD; i++) {
        snprintf(names[i], sizeof names[i], "k%d", i);
        is_done[i] = is_well(kit_put_for(store, "b", names[i], "1", 500));
    }
    end_operation();
    expect_crowd(store, "b", "1", NULL);
    EXPECT_INT(store_usage(store).entries, count_done());
    EXPECT_INT(kit_list(store, "b", "", 1000, NULL), count_done());
    kit_set_time(100 * 1000);
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 0);
    kit_close(store);
}

static void put_without_memory_makes_no_entry(void)
{
    sweep(attempt_put);
}

static void attempt_first_put(void)
{
    struct store *store = open_store();
    begin_operation();
    bool is_put = is_well(kit_put(store, "new", "k", "1"));
    static const char bytes[300 * 1024];
    const struct store_value value = {.bytes = slice_of(bytes, sizeof bytes)};
    bool is_put_large = is_well(
        store_put(store, SLICE_LITERAL("large"), SLICE_LITERAL("k"), &value));
    const struct bank_change change = {.limits.weight = 7, .has_weight = true};
    struct bank_limits limits;
    bool is_set = is_well(
        store_bank_configure(store, SLICE_LITERAL("set"), &change, &limits));
    end_operation();
    EXPECT_INT(store_usage(store).banks, 1 + is_put + is_put_large + is_set);
    EXPECT_INT(kit_list(store, NULL, "new", 10, NULL), is_put);
    EXPECT_INT(kit_list(store, NULL, "large", 10, NULL), is_put_large);
    EXPECT_INT(kit_list(store, NULL, "set", 10, NULL), is_set);
    EXPECT_INT(kit_put(store, "new", "k", "2"), STATUS_OK);
    kit_expect(store, "new", "k", "2");
    kit_work(store);
    kit_expect(store, "new", "k", "2");
    kit_close(store);
}

static void put_without_memory_makes_no_bank(void)
{
    sweep(attempt_first_put);
}

static void attempt_replace(void)
{
    struct store *store = open_scene("1", 0);
    begin_operation();
    for (int i = 0; i < CROWD; i++) {
        is_done[i] = is_well(kit_put_for(store, "b", names[i], padded, 500));
    }
    end_operation();
    expect_crowd(store, "b", padded, "1");
    EXPECT_INT(store_usage(store).entries, CROWD);
    kit_set_time(100 * 1000);
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
    struct store *store = open_scene("1", 0);
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
    struct store *store = open_scene(fitting, 0);
    struct buffer bytes = {0};
    begin_operation();
    for (int i = 0; i < CROWD; i++) {
        is_done[i] = is_well(get_with_touch(store, names[i], &bytes));
        EXPECT_TEXT(buffer_peek(&bytes), is_done[i] ? fitting : "");
    }
    buffer_fini(&bytes);
    end_operation();
    kit_set_time(500);
    expect_crowd(store, "b", NULL, fitting);
    kit_close(store);
}

static void get_with_touch_without_memory_does_neither(void)
{
    sweep(attempt_get_with_touch);
}

static void attempt_touch(void)
{
    struct store *store = open_scene(fitting, 0);
    begin_operation();
    for (int i = 0; i < CROWD; i++) {
        is_done[i] =
            is_well(kit_touch(store, "b", names[i], LIFETIME_NEW, 500));
    }
    end_operation();
    expect_crowd(store, "b", fitting, fitting);
    kit_set_time(500);
    expect_crowd(store, "b", NULL, fitting);
    kit_set_time(100 * 1000);
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
    struct store *store = open_scene(padded, 1000);
    begin_operation();
    for (int i = 0; i < CROWD; i++) {
        is_done[i] = is_well(kit_incr(store, "b", names[i], 41));
    }
    end_operation();
    expect_crowd(store, "b", "42", padded);
    kit_set_time(999);
    expect_crowd(store, "b", "42", padded);
    kit_set_time(100 * 1000);
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
    struct store *store = open_scene("1", 0);
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
    struct store *store = open_scene("1", 0);
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
    list(NULL, 2);
}

static void lists_without_memory_say_so(void)
{
    sweep(attempt_keys);
    sweep(attempt_banks);
}

static bool let_none_pass(void *arg)
{
    (void)arg;
    return false;
}

static void what_gives_memory_back_needs_none(void)
{
    struct store *store = open_scene("1", 1000);
    memory_set_gate(let_none_pass, NULL);
    for (int i = 0; i < CROWD; i += 4) {
        EXPECT_INT(kit_touch(store, "b", names[i], LIFETIME_SAME, 0),
                   STATUS_OK);
        EXPECT_INT(kit_touch(store, "b", names[i + 1], LIFETIME_FOREVER, 0),
                   STATUS_OK);
        EXPECT_INT(kit_remove(store, "b", names[i + 2]), STATUS_OK);
    }
    kit_set_time(100 * 1000);
    kit_work(store);
    end_operation();
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
    EXPECT(starve(attempt_create, NULL) >= 2);
}

static const struct test_case cases[] = {
    TEST(store_without_memory_is_not_created),
    TEST(put_without_memory_makes_no_entry),
    TEST(put_without_memory_makes_no_bank),
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
