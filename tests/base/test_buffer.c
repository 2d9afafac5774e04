#include "base/buffer.h"

#include "support/starve.h"
#include "support/test.h"

static void buffer_of_zeroes_is_empty(void)
{
    struct buffer buffer = {0};
    EXPECT_INT(buffer_len(&buffer), 0);
    buffer_fini(&buffer);
}

static void buffer_gives_back_what_was_appended(void)
{
    struct buffer buffer = {0};
    EXPECT_INT(buffer_append(&buffer, SLICE_LITERAL("ab")), STATUS_OK);
    EXPECT_INT(buffer_append(&buffer, SLICE_LITERAL("cd")), STATUS_OK);
    EXPECT_TEXT(buffer_peek(&buffer), "abcd");
    buffer_consume(&buffer, 3);
    EXPECT_TEXT(buffer_peek(&buffer), "d");
    buffer_fini(&buffer);
}

static void buffer_grows_and_keeps_its_bytes(void)
{
    struct buffer buffer = {0};
    for (int i = 0; i < 100000; i++) {
        char byte = (char)(i % 251);
        buffer_append(&buffer, slice_of(&byte, 1));
    }
    EXPECT_INT(buffer_len(&buffer), 100000);
    bool is_same = true;
    for (size_t i = 0; i < 100000; i++) {
        is_same = is_same && buffer_peek(&buffer).data[i] == (char)(i % 251);
    }
    EXPECT(is_same);
    buffer_fini(&buffer);
}

static void buffer_reuses_the_room_that_was_consumed(void)
{
    struct buffer buffer = {0};
    for (int i = 0; i < 10000; i++) {
        buffer_append(&buffer, SLICE_LITERAL("0123456789"));
        buffer_consume(&buffer, i % 2 ? 20 : 0);
    }
    EXPECT_INT(buffer.capacity, 256);
    buffer_fini(&buffer);
}

static void buffer_truncates_at_the_end(void)
{
    struct buffer buffer = {0};
    buffer_append(&buffer, SLICE_LITERAL("abcd"));
    buffer_consume(&buffer, 1);
    buffer_truncate(&buffer, 2);
    EXPECT_TEXT(buffer_peek(&buffer), "bc");
    buffer_fini(&buffer);
}

static void buffer_reset_keeps_small_memory_only(void)
{
    struct buffer buffer = {0};
    buffer_append(&buffer, SLICE_LITERAL("abcd"));
    buffer_reset(&buffer, 256);
    EXPECT_INT(buffer.capacity, 256);
    buffer_reset(&buffer, 255);
    EXPECT_INT(buffer.capacity, 0);
}

static void attempt_append(void *arg)
{
    (void)arg;
    struct buffer buffer = {0};
    enum status status = buffer_append(&buffer, SLICE_LITERAL("abcd"));
    EXPECT_INT(status, starve_has_struck() ? STATUS_NOMEM : STATUS_OK);
    EXPECT_INT(buffer_len(&buffer), status ? 0 : 4);
    buffer_fini(&buffer);
}

static void buffer_without_memory_stays_as_it_was(void)
{
    EXPECT_INT(starve(attempt_append, NULL), 2);
}

static const struct test_case cases[] = {
    TEST(buffer_of_zeroes_is_empty),
    TEST(buffer_gives_back_what_was_appended),
    TEST(buffer_grows_and_keeps_its_bytes),
    TEST(buffer_reuses_the_room_that_was_consumed),
    TEST(buffer_truncates_at_the_end),
    TEST(buffer_reset_keeps_small_memory_only),
    TEST(buffer_without_memory_stays_as_it_was),
};

SUITE(base_buffer, cases);
