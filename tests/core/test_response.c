#include "core/response.h"

#include "support/test.h"

static void items_come_back_in_order_with_any_bytes(void)
{
    struct response response = {0};
    response_clear(&response);
    response_add_item(&response, SLICE_LITERAL("one"));
    response_add_item(&response, SLICE_LITERAL(""));
    response_add_item(&response, SLICE_LITERAL("a\0b"));
    EXPECT_INT(response.count, 3);
    struct slice items = buffer_peek(&response.body);
    struct slice item;
    EXPECT(response_next_item(&items, &item));
    EXPECT_TEXT(item, "one");
    EXPECT(response_next_item(&items, &item));
    EXPECT_INT(item.len, 0);
    EXPECT(response_next_item(&items, &item));
    EXPECT_SLICE(item, SLICE_LITERAL("a\0b"));
    EXPECT(!response_next_item(&items, &item));
    response_fini(&response);
}

static void a_failure_drops_what_was_there(void)
{
    struct response response = {0};
    response_clear(&response);
    response_add_item(&response, SLICE_LITERAL("one"));
    response_fail(&response, STATUS_ABORTED, "%s %d", "reset", 3);
    EXPECT_INT(response.status, STATUS_ABORTED);
    EXPECT_TEXT(slice_of_string(response.message), "reset 3");
    EXPECT_INT(response.count, 0);
    EXPECT_INT(buffer_len(&response.body), 0);
    response_fini(&response);
}

static void a_long_message_is_cut(void)
{
    struct response response = {0};
    response_fail(&response, STATUS_INTERNAL, "%0300d", 7);
    EXPECT_INT(strlen(response.message), RESPONSE_MESSAGE_MAX - 1);
    response_fini(&response);
}

static const struct test_case cases[] = {
    TEST(items_come_back_in_order_with_any_bytes),
    TEST(a_failure_drops_what_was_there),
    TEST(a_long_message_is_cut),
};

SUITE(core_response, cases);
