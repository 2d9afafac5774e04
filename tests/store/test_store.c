#include "store/store.h"

#include "core/number.h"
#include "store/store_kit.h"
#include "support/test.h"

#include <stdio.h>

static void get_gives_what_was_put_and_its_kind(void)
{
    struct store *store = kit_open();
    const struct store_value value = {
        .bytes = SLICE_LITERAL("a\0b"),
        .kind = VALUE_BYTES,
    };
    struct buffer bytes = {0};
    enum value_kind kind = VALUE_JSON;
    store_put(store, SLICE_LITERAL("b"), SLICE_LITERAL("k"), &value);
    EXPECT_INT(store_get(store, SLICE_LITERAL("b"), SLICE_LITERAL("k"), NULL,
                         &bytes, &kind),
               STATUS_OK);
    EXPECT_SLICE(buffer_peek(&bytes), value.bytes);
    EXPECT_INT(kind, VALUE_BYTES);
    buffer_fini(&bytes);
    kit_close(store);
}

static void get_appends_to_what_is_there(void)
{
    struct store *store = kit_open();
    struct buffer bytes = {0};
    enum value_kind kind;
    kit_put(store, "b", "k", "value");
    buffer_append(&bytes, SLICE_LITERAL("the "));
    store_get(store, SLICE_LITERAL("b"), SLICE_LITERAL("k"), NULL, &bytes,
              &kind);
    EXPECT_TEXT(buffer_peek(&bytes), "the value");
    buffer_fini(&bytes);
    kit_close(store);
}

static void get_of_nothing_leaves_the_buffer_alone(void)
{
    struct store *store = kit_open();
    struct buffer bytes = {0};
    enum value_kind kind;
    buffer_append(&bytes, SLICE_LITERAL("as it was"));
    kit_put(store, "b", "k", "value");
    EXPECT_INT(store_get(store, SLICE_LITERAL("b"), SLICE_LITERAL("other"),
                         NULL, &bytes, &kind),
               STATUS_NOT_FOUND);
    EXPECT_INT(store_get(store, SLICE_LITERAL("other"), SLICE_LITERAL("k"),
                         NULL, &bytes, &kind),
               STATUS_NOT_FOUND);
    EXPECT_TEXT(buffer_peek(&bytes), "as it was");
    buffer_fini(&bytes);
    kit_close(store);
}

static void value_may_be_large(void)
{
    enum { LARGE = 3000000 };
    struct store *store = kit_open();
    struct buffer bytes = {0};
    enum value_kind kind;
    EXPECT_INT(kit_put_large(store, "b", "k", LARGE), STATUS_OK);
    EXPECT_INT(store_get(store, SLICE_LITERAL("b"), SLICE_LITERAL("k"), NULL,
                         &bytes, &kind),
               STATUS_OK);
    EXPECT_INT(buffer_len(&bytes), LARGE);
    buffer_fini(&bytes);
    kit_close(store);
}

static void bank_key_and_value_may_be_empty(void)
{
    struct store *store = kit_open();
    EXPECT_INT(kit_put(store, "", "", ""), STATUS_OK);
    kit_expect(store, "", "", "");
    EXPECT_INT(kit_list(store, "", "", 10, NULL), 1);
    EXPECT_INT(kit_remove(store, "", ""), STATUS_OK);
    kit_expect(store, "", "", NULL);
    kit_close(store);
}

static void put_replaces_what_was_there(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "first");
    kit_put(store, "b", "k", "and a longer second");
    kit_expect(store, "b", "k", "and a longer second");
    EXPECT_INT(store_usage(store).entries, 1);
    kit_close(store);
}

static void banks_do_not_share_keys(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "one");
    kit_put(store, "c", "k", "two");
    kit_expect(store, "b", "k", "one");
    kit_expect(store, "c", "k", "two");
    kit_close(store);
}

static void put_over_at_once_leaves_a_bank_without_the_key(void)
{
    struct store *store = kit_open();
    const struct store_value over = {.lifetime = {.rule = LIFETIME_OVER}};
    kit_put(store, "b", "k", "value");
    store_put(store, SLICE_LITERAL("b"), SLICE_LITERAL("k"), &over);
    kit_expect(store, "b", "k", NULL);
    store_put(store, SLICE_LITERAL("c"), SLICE_LITERAL("k"), &over);
    EXPECT_INT(store_usage(store).banks, 2);
    EXPECT_INT(store_usage(store).entries, 0);
    kit_close(store);
}

static void remove_removes_once(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "value");
    EXPECT_INT(kit_remove(store, "b", "k"), STATUS_OK);
    EXPECT_INT(kit_remove(store, "b", "k"), STATUS_NOT_FOUND);
    EXPECT_INT(kit_remove(store, "none", "k"), STATUS_NOT_FOUND);
    kit_expect(store, "b", "k", NULL);
    kit_close(store);
}

static void only_put_makes_a_bank(void)
{
    struct store *store = kit_open();
    kit_expect(store, "b", "k", NULL);
    kit_remove(store, "b", "k");
    kit_touch(store, "b", "k", LIFETIME_SAME, 0);
    kit_incr(store, "b", "k", 1);
    kit_list(store, "b", "", 10, NULL);
    EXPECT_INT(store_bank_reset(store, SLICE_LITERAL("b")), STATUS_OK);
    EXPECT_INT(store_usage(store).banks, 0);
    kit_put(store, "b", "k", "value");
    EXPECT_INT(store_usage(store).banks, 1);
    kit_close(store);
}

static void lifetime_ends_to_the_millisecond(void)
{
    struct store *store = kit_open();
    kit_put_for(store, "b", "k", "value", 100);
    kit_set_time(99);
    kit_expect(store, "b", "k", "value");
    kit_set_time(100);
    kit_expect(store, "b", "k", NULL);
    kit_close(store);
}

static void entry_that_is_over_exists_for_no_function(void)
{
    struct store *store = kit_open();
    kit_put_for(store, "b", "k", "1", 100);
    kit_set_time(100);
    EXPECT_INT(kit_touch(store, "b", "k", LIFETIME_FOREVER, 0),
               STATUS_NOT_FOUND);
    EXPECT_INT(kit_incr(store, "b", "k", 1), STATUS_NOT_FOUND);
    EXPECT_INT(kit_list(store, "b", "", 10, NULL), 0);
    EXPECT_INT(kit_remove(store, "b", "k"), STATUS_NOT_FOUND);
    kit_expect(store, "b", "k", NULL);
    EXPECT_INT(kit_put(store, "b", "k", "again"), STATUS_OK);
    kit_expect(store, "b", "k", "again");
    kit_work(store);
    kit_expect(store, "b", "k", "again");
    kit_close(store);
}

static void put_restarts_the_lifetime_or_ends_it(void)
{
    struct store *store = kit_open();
    kit_put_for(store, "b", "new", "1", 100);
    kit_put_for(store, "b", "none", "1", 100);
    kit_set_time(50);
    kit_put_for(store, "b", "new", "2", 100);
    kit_put(store, "b", "none", "2");
    kit_set_time(149);
    kit_expect(store, "b", "new", "2");
    kit_set_time(150);
    kit_work(store);
    kit_expect(store, "b", "new", NULL);
    kit_expect(store, "b", "none", "2");
    kit_close(store);
}

static void lifetime_from_the_maximum_on_is_for_ever(void)
{
    struct store *store = kit_open();
    kit_put_for(store, "b", "longest", "1", LIFETIME_MS_MAX - 1);
    kit_put_for(store, "b", "for ever", "1", LIFETIME_MS_MAX);
    kit_put_for(store, "b", "most", "1", UINT64_MAX);
    kit_set_time(LIFETIME_MS_MAX);
    kit_work(store);
    kit_expect(store, "b", "longest", NULL);
    kit_expect(store, "b", "for ever", "1");
    kit_expect(store, "b", "most", "1");
    EXPECT_INT(kit_touch(store, "b", "most", LIFETIME_SAME, 0), STATUS_OK);
    kit_set_time(4 * LIFETIME_MS_MAX);
    kit_expect(store, "b", "most", "1");
    kit_close(store);
}

static void get_does_not_extend_a_lifetime(void)
{
    struct store *store = kit_open();
    kit_put_for(store, "b", "k", "value", 100);
    kit_set_time(60);
    kit_expect(store, "b", "k", "value");
    kit_set_time(100);
    kit_expect(store, "b", "k", NULL);
    kit_close(store);
}

static void touch_restarts_the_entrys_own_lifetime(void)
{
    struct store *store = kit_open();
    kit_put_for(store, "b", "k", "value", 100);
    kit_set_time(60);
    EXPECT_INT(kit_touch(store, "b", "k", LIFETIME_SAME, 0), STATUS_OK);
    kit_set_time(159);
    kit_work(store);
    kit_expect(store, "b", "k", "value");
    kit_set_time(160);
    kit_expect(store, "b", "k", NULL);
    kit_close(store);
}

static void touch_does_nothing_to_an_entry_without_lifetime(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "value");
    EXPECT_INT(kit_touch(store, "b", "k", LIFETIME_SAME, 0), STATUS_OK);
    kit_set_time(LIFETIME_MS_MAX);
    kit_expect(store, "b", "k", "value");
    kit_close(store);
}

static void touch_sets_a_new_lifetime_which_it_restarts_next(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "value");
    EXPECT_INT(kit_touch(store, "b", "k", LIFETIME_NEW, 50), STATUS_OK);
    kit_set_time(49);
    EXPECT_INT(kit_touch(store, "b", "k", LIFETIME_SAME, 0), STATUS_OK);
    kit_set_time(98);
    kit_expect(store, "b", "k", "value");
    kit_set_time(99);
    kit_expect(store, "b", "k", NULL);
    kit_close(store);
}

static void touch_may_shorten_a_lifetime(void)
{
    struct store *store = kit_open();
    kit_put_for(store, "b", "k", "value", 100000);
    EXPECT_INT(kit_touch(store, "b", "k", LIFETIME_NEW, 10), STATUS_OK);
    kit_set_time(10);
    kit_expect(store, "b", "k", NULL);
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 0);
    kit_close(store);
}

static void touch_persists(void)
{
    struct store *store = kit_open();
    kit_put_for(store, "b", "k", "value", 100);
    EXPECT_INT(kit_touch(store, "b", "k", LIFETIME_FOREVER, 0), STATUS_OK);
    kit_set_time(100);
    EXPECT_INT(kit_touch(store, "b", "k", LIFETIME_SAME, 0), STATUS_OK);
    kit_set_time(100000);
    kit_work(store);
    kit_expect(store, "b", "k", "value");
    kit_close(store);
}

static void touch_that_is_over_removes(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "value");
    EXPECT_INT(kit_touch(store, "b", "k", LIFETIME_OVER, 0), STATUS_OK);
    kit_expect(store, "b", "k", NULL);
    EXPECT_INT(kit_touch(store, "b", "k", LIFETIME_OVER, 0), STATUS_NOT_FOUND);
    kit_close(store);
}

static void get_with_touch(struct store *store, struct lifetime touch)
{
    struct buffer bytes = {0};
    enum value_kind kind = VALUE_BYTES;
    EXPECT_INT(store_get(store, SLICE_LITERAL("b"), SLICE_LITERAL("k"), &touch,
                         &bytes, &kind),
               STATUS_OK);
    EXPECT_TEXT(buffer_peek(&bytes), "value");
    EXPECT_INT(kind, VALUE_TEXT);
    buffer_fini(&bytes);
}

static void get_with_touch_gives_the_value_and_a_lifetime(void)
{
    struct store *store = kit_open();
    kit_put_for(store, "b", "k", "value", 100);
    kit_set_time(60);
    get_with_touch(store, (struct lifetime){.rule = LIFETIME_SAME});
    kit_set_time(159);
    get_with_touch(store, (struct lifetime){LIFETIME_NEW, 500});
    kit_set_time(658);
    get_with_touch(store, (struct lifetime){.rule = LIFETIME_FOREVER});
    kit_set_time(100000);
    get_with_touch(store, (struct lifetime){.rule = LIFETIME_OVER});
    kit_expect(store, "b", "k", NULL);
    kit_close(store);
}

static void incr_adds_exactly_and_stores_json(void)
{
    struct store *store = kit_open();
    const struct increment one = {.delta = {.is_integer = true, .integer = 1}};
    struct number sum;
    struct buffer bytes = {0};
    enum value_kind kind = VALUE_TEXT;
    kit_put(store, "b", "k", "9007199254740992");
    EXPECT_INT(
        store_incr(store, SLICE_LITERAL("b"), SLICE_LITERAL("k"), &one, &sum),
        STATUS_OK);
    EXPECT(sum.is_integer);
    EXPECT_INT(sum.integer, 9007199254740993);
    store_get(store, SLICE_LITERAL("b"), SLICE_LITERAL("k"), NULL, &bytes,
              &kind);
    EXPECT_TEXT(buffer_peek(&bytes), "9007199254740993");
    EXPECT_INT(kind, VALUE_JSON);
    buffer_fini(&bytes);
    kit_close(store);
}

static void incr_by_a_real_adds_as_the_original_does(void)
{
    struct store *store = kit_open();
    const struct increment half = {.delta = {.real = 0.5}};
    struct number sum;
    kit_put(store, "b", "k", " 1_0 ");
    EXPECT_INT(
        store_incr(store, SLICE_LITERAL("b"), SLICE_LITERAL("k"), &half, &sum),
        STATUS_OK);
    EXPECT(!sum.is_integer && sum.real == 10.5);
    kit_expect(store, "b", "k", "10.5");
    kit_close(store);
}

static void incr_keeps_what_remains_of_the_lifetime(void)
{
    struct store *store = kit_open();
    kit_put_for(store, "b", "k", "1", 100);
    kit_set_time(60);
    EXPECT_INT(kit_incr(store, "b", "k", 1), STATUS_OK);
    kit_set_time(99);
    kit_expect(store, "b", "k", "2");
    EXPECT_INT(kit_touch(store, "b", "k", LIFETIME_SAME, 0), STATUS_OK);
    kit_set_time(198);
    EXPECT_INT(kit_incr(store, "b", "k", 1), STATUS_OK);
    kit_set_time(199);
    kit_expect(store, "b", "k", NULL);
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 0);
    kit_close(store);
}

static void incr_of_what_is_over_at_once_leaves_no_entry(void)
{
    struct store *store = kit_open();
    struct number sum;
    const struct increment one = {
        .delta = {.is_integer = true, .integer = 1},
        .initial = {.is_integer = true, .integer = 5},
        .has_initial = true,
        .lifetime = {LIFETIME_OVER, 0},
    };
    EXPECT_INT(
        store_incr(store, SLICE_LITERAL("b"), SLICE_LITERAL("k"), &one, &sum),
        STATUS_OK);
    EXPECT_INT(sum.integer, 6);
    kit_expect(store, "b", "k", NULL);
    EXPECT_INT(store_usage(store).banks, 1);
    kit_close(store);
}

static void incr_that_fails_changes_nothing(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "text");
    EXPECT_INT(kit_incr(store, "b", "k", 1), STATUS_FAILED_PRECONDITION);
    kit_expect(store, "b", "k", "text");
    kit_put(store, "b", "k", "9223372036854775807");
    EXPECT_INT(kit_incr(store, "b", "k", 1), STATUS_OUT_OF_RANGE);
    kit_expect(store, "b", "k", "9223372036854775807");
    EXPECT_INT(kit_incr(store, "b", "none", 1), STATUS_NOT_FOUND);
    kit_close(store);
}

static void reset_empties_one_bank_which_stays(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "value");
    kit_put_for(store, "b", "l", "value", 100);
    kit_put(store, "c", "k", "value");
    EXPECT_INT(store_bank_reset(store, SLICE_LITERAL("b")), STATUS_OK);
    kit_expect(store, "b", "k", NULL);
    kit_expect(store, "b", "l", NULL);
    kit_expect(store, "c", "k", "value");
    EXPECT_INT(store_usage(store).banks, 2);
    EXPECT_INT(store_usage(store).entries, 1);
    kit_close(store);
}

static void put_after_a_reset_stays(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "before");
    store_bank_reset(store, SLICE_LITERAL("b"));
    kit_put(store, "b", "k", "after");
    kit_work(store);
    kit_expect(store, "b", "k", "after");
    kit_close(store);
}

static void lifetimes_go_on_after_a_reset(void)
{
    struct store *store = kit_open();
    kit_put_for(store, "b", "k", "before", 100);
    store_bank_reset(store, SLICE_LITERAL("b"));
    kit_put_for(store, "b", "k", "after", 200);
    kit_set_time(100);
    kit_work(store);
    kit_expect(store, "b", "k", "after");
    kit_set_time(200);
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 0);
    kit_close(store);
}

static void free_takes_all_that_is_left(void)
{
    struct store *store = kit_open();
    for (int i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        kit_put_for(store, i % 2 ? "b" : "c", key, key, 100);
    }
    store_bank_reset(store, SLICE_LITERAL("b"));
    kit_put(store, "b", "k", "value");
    kit_close(store);
    struct store *none = NULL;
    store_free(&none);
    EXPECT(none == NULL); /* The leak checker sees the rest. */
}

static const struct test_case cases[] = {
    TEST(get_gives_what_was_put_and_its_kind),
    TEST(get_appends_to_what_is_there),
    TEST(get_of_nothing_leaves_the_buffer_alone),
    TEST(value_may_be_large),
    TEST(bank_key_and_value_may_be_empty),
    TEST(put_replaces_what_was_there),
    TEST(banks_do_not_share_keys),
    TEST(put_over_at_once_leaves_a_bank_without_the_key),
    TEST(remove_removes_once),
    TEST(only_put_makes_a_bank),
    TEST(lifetime_ends_to_the_millisecond),
    TEST(entry_that_is_over_exists_for_no_function),
    TEST(put_restarts_the_lifetime_or_ends_it),
    TEST(lifetime_from_the_maximum_on_is_for_ever),
    TEST(get_does_not_extend_a_lifetime),
    TEST(touch_restarts_the_entrys_own_lifetime),
    TEST(touch_does_nothing_to_an_entry_without_lifetime),
    TEST(touch_sets_a_new_lifetime_which_it_restarts_next),
    TEST(touch_may_shorten_a_lifetime),
    TEST(touch_persists),
    TEST(touch_that_is_over_removes),
    TEST(get_with_touch_gives_the_value_and_a_lifetime),
    TEST(incr_adds_exactly_and_stores_json),
    TEST(incr_by_a_real_adds_as_the_original_does),
    TEST(incr_keeps_what_remains_of_the_lifetime),
    TEST(incr_of_what_is_over_at_once_leaves_no_entry),
    TEST(incr_that_fails_changes_nothing),
    TEST(reset_empties_one_bank_which_stays),
    TEST(put_after_a_reset_stays),
    TEST(lifetimes_go_on_after_a_reset),
    TEST(free_takes_all_that_is_left),
};

SUITE(store_store, cases);
