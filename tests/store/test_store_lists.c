#include "store/store.h"

#include "store/store_kit.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAMES_MAX = 20000 };

/* How often each of the names "k0", "k1" ... was listed. */
static unsigned times_listed[NAMES_MAX];
static bool is_foreign_listed;

static void begin_count(void)
{
    memset(times_listed, 0, sizeof times_listed);
    is_foreign_listed = false;
}

static void count_name(void *arg, struct slice name)
{
    (void)arg;
    char text[32] = "";
    char again[32];
    memcpy(text, name.data, name.len < 31 ? name.len : 31);
    unsigned long number = strtoul(text + 1, NULL, 10);
    snprintf(again, sizeof again, "k%lu", number);
    if (number < NAMES_MAX && slice_equal(name, slice_of_string(again))) {
        times_listed[number]++;
    } else {
        is_foreign_listed = true;
    }
}

static const struct kit_visitor counter = {count_name, NULL};

static void put_number(struct store *store, const char *bank, size_t number)
{
    char key[32];
    snprintf(key, sizeof key, "k%zu", number);
    kit_put(store, bank ? bank : key, key, "value");
}

/* Whether each of [from, to) was listed `times` times. */
static bool were_listed(size_t from, size_t to, unsigned times)
{
    for (size_t i = from; i < to; i++) {
        if (times_listed[i] != times) {
            return false;
        }
    }
    return !is_foreign_listed;
}

static void keys_are_listed_once_whatever_the_page(void)
{
    static const uint32_t limits[] = {1, 2, 7, 100, 1000, UINT32_MAX};
    struct store *store = kit_open();
    for (size_t i = 0; i < 1000; i++) {
        put_number(store, "b", i);
    }
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        begin_count();
        EXPECT_INT(kit_list(store, "b", "", limits[i], &counter), 1000);
        EXPECT(were_listed(0, 1000, 1));
    }
    kit_close(store);
}

static void large_list_is_given_in_pages_that_end_early(void)
{
    struct store *store = kit_open();
    struct response response = {0};
    for (size_t i = 0; i < NAMES_MAX; i++) {
        put_number(store, "b", i);
    }
    EXPECT_INT(kit_page(store, "b", UINT32_MAX, slice_of("", 0), &response),
               STATUS_OK);
    EXPECT(response.count > 0 && response.count < NAMES_MAX);
    EXPECT(response.cursor_len > 0);
    response_fini(&response);
    begin_count();
    EXPECT_INT(kit_list(store, "b", "", UINT32_MAX, &counter), NAMES_MAX);
    EXPECT(were_listed(0, NAMES_MAX, 1));
    kit_close(store);
}

static void keys_longer_than_a_step_has_room_for_are_listed(void)
{
    enum { LONG = 4096 };
    struct store *store = kit_open();
    char key[LONG + 1];
    memset(key, 'x', LONG);
    for (int i = 0; i < 40; i++) {
        snprintf(key + LONG - 8, 9, "%08d", i);
        kit_put(store, "b", key, "value");
    }
    EXPECT_INT(kit_list(store, "b", "", UINT32_MAX, NULL), 40);
    kit_close(store);
}

static void small_list_is_one_page(void)
{
    struct store *store = kit_open();
    struct response response = {0};
    for (size_t i = 0; i < 100; i++) {
        put_number(store, "k0", i);
        put_number(store, NULL, i);
    }
    EXPECT_INT(kit_page(store, "k0", 1000, slice_of("", 0), &response),
               STATUS_OK);
    EXPECT_INT(response.count, 100);
    EXPECT_INT(response.cursor_len, 0);
    EXPECT_INT(kit_page(store, NULL, 1000, slice_of("", 0), &response),
               STATUS_OK);
    EXPECT_INT(response.count, 100);
    EXPECT_INT(response.cursor_len, 0);
    response_fini(&response);
    kit_close(store);
}

static void list_takes_only_what_starts_with_the_prefix(void)
{
    struct store *store = kit_open();
    for (size_t i = 0; i < 1000; i++) {
        put_number(store, "b", i);
    }
    EXPECT_INT(kit_list(store, "b", "k12", 5, NULL), 11);
    EXPECT_INT(kit_list(store, "b", "k999", 5, NULL), 1);
    EXPECT_INT(kit_list(store, "b", "k9999", 5, NULL), 0);
    EXPECT_INT(kit_list(store, "b", "j", 5, NULL), 0);
    kit_close(store);
}

static void keys_that_are_over_are_not_listed(void)
{
    struct store *store = kit_open();
    kit_put_for(store, "b", "k1", "value", 100);
    kit_put_for(store, "b", "k2", "value", 101);
    kit_set_time(100);
    begin_count();
    EXPECT_INT(kit_list(store, "b", "", 10, &counter), 1);
    EXPECT_INT(times_listed[2], 1);
    kit_close(store);
}

static void unknown_bank_lists_as_an_empty_one(void)
{
    struct store *store = kit_open();
    struct response response = {0};
    EXPECT_INT(kit_page(store, "none", 10, slice_of("", 0), &response),
               STATUS_OK);
    EXPECT_INT(response.count, 0);
    EXPECT_INT(response.cursor_len, 0);
    kit_close(store);
}

/* Lists `bank` (NULL: the banks) page by page while more names come in. */
static void list_under_growth(struct store *store, const char *bank)
{
    struct response response = {0};
    size_t there = 500;
    for (size_t i = 0; i < there; i++) {
        put_number(store, bank, i);
    }
    begin_count();
    char cursor[CURSOR_LEN_MAX];
    size_t cursor_len = 0;
    do {
        EXPECT_INT(
            kit_page(store, bank, 10, slice_of(cursor, cursor_len), &response),
            STATUS_OK);
        struct slice items = buffer_peek(&response.body);
        for (struct slice item; response_next_item(&items, &item);) {
            count_name(NULL, item);
        }
        cursor_len = response.cursor_len;
        memcpy(cursor, response.cursor, cursor_len);
        for (size_t end = there + 30; there < end && end < 3000; there++) {
            put_number(store, bank, there);
        }
    } while (cursor_len > 0);
    response_fini(&response);
    EXPECT(there > 2000);
    EXPECT(were_listed(0, 500, 1));
    for (size_t i = 500; i < there; i++) {
        if (!EXPECT(times_listed[i] <= 1)) {
            break;
        }
    }
}

static void keys_are_listed_once_while_the_bank_grows(void)
{
    struct store *store = kit_open();
    list_under_growth(store, "b");
    kit_close(store);
}

static void banks_are_listed_once_while_there_are_more(void)
{
    struct store *store = kit_open();
    list_under_growth(store, NULL);
    kit_close(store);
}

static void keys_that_stay_are_listed_once_while_others_go(void)
{
    struct store *store = kit_open();
    struct response response = {0};
    for (size_t i = 0; i < 3000; i++) {
        put_number(store, "b", i);
    }
    begin_count();
    size_t gone = 500;
    struct slice cursor = slice_of("", 0);
    do {
        EXPECT_INT(kit_page(store, "b", 10, cursor, &response), STATUS_OK);
        struct slice items = buffer_peek(&response.body);
        for (struct slice item; response_next_item(&items, &item);) {
            count_name(NULL, item);
        }
        cursor = slice_of(response.cursor, response.cursor_len);
        for (size_t end = gone + 50; gone < end && gone < 3000; gone++) {
            char key[32];
            snprintf(key, sizeof key, "k%zu", gone);
            kit_remove(store, "b", key);
        }
    } while (cursor.len > 0);
    response_fini(&response);
    EXPECT(were_listed(0, 500, 1));
    kit_close(store);
}

static void banks_are_listed_by_prefix_and_page(void)
{
    struct store *store = kit_open();
    for (size_t i = 0; i < 100; i++) {
        put_number(store, NULL, i);
    }
    begin_count();
    EXPECT_INT(kit_list(store, NULL, "", 7, &counter), 100);
    EXPECT(were_listed(0, 100, 1));
    EXPECT_INT(kit_list(store, NULL, "k1", 3, NULL), 11);
    kit_close(store);
}

static void bank_that_was_reset_is_listed_still(void)
{
    struct store *store = kit_open();
    kit_put(store, "k1", "k", "value");
    store_bank_reset(store, SLICE_LITERAL("k1"));
    begin_count();
    EXPECT_INT(kit_list(store, NULL, "", 7, &counter), 1);
    EXPECT_INT(times_listed[1], 1);
    kit_close(store);
}

/* The first page of "b" (NULL: of the banks), whose cursor is given. */
static struct slice first_cursor(struct store *store, const char *bank,
                                 struct response *response)
{
    EXPECT_INT(kit_page(store, bank, 1, slice_of("", 0), response), STATUS_OK);
    EXPECT(response->cursor_len > 0);
    return slice_of(response->cursor, response->cursor_len);
}

static void cursor_from_before_a_reset_is_out_of_date(void)
{
    struct store *store = kit_open();
    struct response first = {0};
    struct response next = {0};
    for (size_t i = 0; i < 100; i++) {
        put_number(store, "b", i);
    }
    struct slice cursor = first_cursor(store, "b", &first);
    EXPECT_INT(kit_page(store, "b", 1, cursor, &next), STATUS_OK);
    store_bank_reset(store, SLICE_LITERAL("b"));
    EXPECT_INT(kit_page(store, "b", 1, cursor, &next), STATUS_ABORTED);
    EXPECT_INT(next.cursor_len, 0);
    response_fini(&first);
    response_fini(&next);
    kit_close(store);
}

static void cursor_that_was_never_given_out_is_invalid(void)
{
    struct store *store = kit_open();
    struct response first = {0};
    struct response next = {0};
    for (size_t i = 0; i < 100; i++) {
        put_number(store, "b", i);
        put_number(store, "c", i);
        put_number(store, NULL, i);
    }
    struct slice cursor = first_cursor(store, "b", &first);
    EXPECT_INT(kit_page(store, "c", 1, cursor, &next), STATUS_INVALID_ARGUMENT);
    EXPECT_INT(kit_page(store, NULL, 1, cursor, &next),
               STATUS_INVALID_ARGUMENT);
    EXPECT_INT(kit_page(store, "none", 1, cursor, &next),
               STATUS_INVALID_ARGUMENT);
    cursor = first_cursor(store, NULL, &first);
    EXPECT_INT(kit_page(store, "b", 1, cursor, &next), STATUS_INVALID_ARGUMENT);
    EXPECT_INT(kit_page(store, "b", 1, SLICE_LITERAL("anything"), &next),
               STATUS_INVALID_ARGUMENT);
    response_fini(&first);
    response_fini(&next);
    kit_close(store);
}

static const struct test_case cases[] = {
    TEST(keys_are_listed_once_whatever_the_page),
    TEST(large_list_is_given_in_pages_that_end_early),
    TEST(keys_longer_than_a_step_has_room_for_are_listed),
    TEST(small_list_is_one_page),
    TEST(list_takes_only_what_starts_with_the_prefix),
    TEST(keys_that_are_over_are_not_listed),
    TEST(unknown_bank_lists_as_an_empty_one),
    TEST(keys_are_listed_once_while_the_bank_grows),
    TEST(banks_are_listed_once_while_there_are_more),
    TEST(keys_that_stay_are_listed_once_while_others_go),
    TEST(banks_are_listed_by_prefix_and_page),
    TEST(bank_that_was_reset_is_listed_still),
    TEST(cursor_from_before_a_reset_is_out_of_date),
    TEST(cursor_that_was_never_given_out_is_invalid),
};

SUITE(store_lists, cases);
