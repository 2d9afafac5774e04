#include "base/text.h"

#include "support/starve.h"
#include "support/test.h"

static void text_is_appended_as_printf_would_print_it(void)
{
    struct buffer text = {0};
    text_append(&text, "%s is %d", "a", 1);
    text_append(&text, ", %.*s", 2, "bcd");
    EXPECT_TEXT(buffer_peek(&text), "a is 1, bc");
    buffer_fini(&text);
}

static void text_that_grows_the_buffer_comes_out_whole(void)
{
    struct buffer text = {0};
    text_append(&text, "%1000d|", 7);
    EXPECT_INT(buffer_len(&text), 1001);
    EXPECT(buffer_peek(&text).data[999] == '7');
    buffer_fini(&text);
}

static void what_is_shown_stays_on_one_line(void)
{
    struct buffer text = {0};
    text_append_shown(&text, SLICE_LITERAL("a\nb\0c\x7f\x1b[\xc3\xa4"));
    EXPECT_TEXT(buffer_peek(&text), "a?b?c??[\xc3\xa4");
    buffer_fini(&text);
}

static void what_is_shown_is_cut_when_long(void)
{
    char many[TEXT_SHOWN_MAX + 1];
    memset(many, 'x', sizeof many);
    struct buffer text = {0};
    text_append_shown(&text, slice_of(many, TEXT_SHOWN_MAX));
    EXPECT_SLICE(buffer_peek(&text), slice_of(many, TEXT_SHOWN_MAX));
    buffer_clear(&text);
    text_append_shown(&text, slice_of(many, sizeof many));
    EXPECT_INT(buffer_len(&text), TEXT_SHOWN_MAX + 3);
    buffer_fini(&text);
}

static void attempt_append(void *arg)
{
    (void)arg;
    struct buffer text = {0};
    text_append(&text, "ab");
    EXPECT_INT(buffer_len(&text), starve_has_struck() ? 0 : 2);
    buffer_fini(&text);
}

static void text_without_memory_is_left_out(void)
{
    EXPECT_INT(starve(attempt_append, NULL), 2);
}

static const struct test_case cases[] = {
    TEST(text_is_appended_as_printf_would_print_it),
    TEST(text_that_grows_the_buffer_comes_out_whole),
    TEST(what_is_shown_stays_on_one_line),
    TEST(what_is_shown_is_cut_when_long),
    TEST(text_without_memory_is_left_out),
};

SUITE(base_text, cases);
