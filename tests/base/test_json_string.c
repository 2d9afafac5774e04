#include "base/json_string.h"

#include "base/buffer.h"
#include "base/json_plain.h"
#include "base/utf8.h"

#include "support/guard.h"
#include "support/starve.h"
#include "support/test.h"

#include <stdlib.h>

/* The inside of a string and its text. */
static const struct {
    struct slice inside;
    struct slice text;
    bool is_whole;
} strings[] = {
#define T(inside, text, is_whole)                                              \
    {                                                                          \
        {inside, sizeof(inside) - 1}, {text, sizeof(text) - 1}, is_whole       \
    }
    T("", "", true),
    T("abc", "abc", true),
    T("\\n", "\n", true),
    T("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", true),
    T("a\\nb\\tc", "a\nb\tc", true),
    T("\\u0041", "A", true),
    T("\\u0000", "\0", true),
    T("x\\u0000y", "x\0y", true),
    T("\\u007f\\u0080\\u07ff", "\x7f\xc2\x80\xdf\xbf", true),
    T("\\u0800\\uFFFF", "\xe0\xa0\x80\xef\xbf\xbf", true),
    T("\\uabcd\\uABCD", "\xea\xaf\x8d\xea\xaf\x8d", true),
    T("\\ud83d\\ude00", "\xf0\x9f\x98\x80", true),
    T("\\uD800\\uDC00\\udbff\\udfff", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", true),
    T("\xc3\xa9\\u00e9\xe2\x82\xac", "\xc3\xa9\xc3\xa9\xe2\x82\xac", true),
    T("\\ud800", "\xed\xa0\x80", false),
    T("\\udc00x", "\xed\xb0\x80x", false),
    T("\\ud800\\u0041", "\355\240\200A", false),
    T("\\ud800\\ud800\\udc00", "\xed\xa0\x80\xf0\x90\x80\x80", false),
    T("\\udc00\\ud800", "\xed\xb0\x80\xed\xa0\x80", false),
    T("\\ud800\\n", "\xed\xa0\x80\n", false),
    T("\\ud800x\\udc00", "\xed\xa0\x80x\xed\xb0\x80", false),
    T("\\\\ud800", "\\ud800", true),
    T("\\ud7ff\\ue000", "\xed\x9f\xbf\xee\x80\x80", true),
#undef T
};

enum { STRING_COUNT = sizeof strings / sizeof strings[0] };

static void strings_are_unescaped_in_place(void)
{
    for (size_t i = 0; i < STRING_COUNT; i++) {
        struct slice copy = guard_copy(strings[i].inside);
        size_t len = json_string_unescape((char *)copy.data, copy.len);
        EXPECT_SLICE(slice_of(copy.data, len), strings[i].text);
        guard_free(copy);
    }
}

static void strings_are_read_character_by_character(void)
{
    for (size_t i = 0; i < STRING_COUNT; i++) {
        struct slice copy = guard_copy(strings[i].inside);
        struct slice rest = copy;
        char text[64];
        size_t len = 0;
        while (rest.len) {
            len += utf8_encode(json_string_next(&rest), text + len);
        }
        EXPECT_SLICE(slice_of(text, len), strings[i].text);
        guard_free(copy);
    }
}

static void strings_with_lonely_surrogates_are_not_whole(void)
{
    for (size_t i = 0; i < STRING_COUNT; i++) {
        struct slice copy = guard_copy(strings[i].inside);
        EXPECT_INT(json_string_is_whole(copy), strings[i].is_whole);
        guard_free(copy);
    }
}

/* Text and how it is printed. */
static const struct {
    struct slice text;
    const char *escaped;
} prints[] = {
#define T(text, escaped)                                                       \
    {                                                                          \
        {text, sizeof(text) - 1}, escaped                                      \
    }
    T("", ""),
    T("abc", "abc"),
    T("a/b", "a/b"),
    T("\"\\\b\f\n\r\t", "\\\"\\\\\\b\\f\\n\\r\\t"),
    T("\0\x01\x1f", "\\u0000\\u0001\\u001f"),
    T("\x7f", "\\u007f"),
    T(" ~", " ~"),
    T("\xc2\x80\xc3\xa9", "\\u0080\\u00e9"),
    T("\xe2\x82\xac", "\\u20ac"),
    T("\xef\xbf\xbf", "\\uffff"),
    T("\xf0\x9f\x98\x80", "\\ud83d\\ude00"),
    T("\xf4\x8f\xbf\xbf", "\\udbff\\udfff"),
    T("\xed\xa0\x80", "\\ud800"),
    T("\xed\xbf\xbfx", "\\udfffx"),
    T("abcdefgh\"ijklmnop\nqrs\xc3\xa9tuvwxyz",
      "abcdefgh\\\"ijklmnop\\nqrs\\u00e9tuvwxyz"),
#undef T
};

static void text_is_escaped_as_the_original_does(void)
{
    for (size_t i = 0; i < sizeof prints / sizeof prints[0]; i++) {
        struct buffer out = {0};
        struct slice copy = guard_copy(prints[i].text);
        EXPECT_INT(json_string_escape(&out, copy), STATUS_OK);
        EXPECT_TEXT(buffer_peek(&out), prints[i].escaped);
        guard_free(copy);
        buffer_fini(&out);
    }
}

/* `count` characters, each of them `point`, and back again. */
static void expect_long_round_trip(uint32_t point, size_t count)
{
    struct buffer text = {0};
    struct buffer out = {0};
    for (size_t i = 0; i < count; i++) {
        char bytes[4];
        buffer_append(&text, slice_of(bytes, utf8_encode(point, bytes)));
        buffer_append(&text, SLICE_LITERAL("a"));
    }
    EXPECT_INT(json_string_escape(&out, buffer_peek(&text)), STATUS_OK);
    char *inside = out.data + out.start;
    size_t len = json_string_unescape(inside, buffer_len(&out));
    EXPECT(slice_equal(slice_of(inside, len), buffer_peek(&text)));
    buffer_fini(&text);
    buffer_fini(&out);
}

static void long_text_comes_back_through_its_escapes(void)
{
    static const uint32_t points[] = {'x',     '"',    '\n',    1,
                                      0x7f,    0x80,   0x7ff,   0xffff,
                                      0x10000, 0xd800, 0x10ffff};
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        for (size_t count = 500; count < 520; count++) {
            expect_long_round_trip(points[i], count);
        }
    }
}

static void attempt_escape(void *arg)
{
    (void)arg;
    struct buffer out = {0};
    char text[5000];
    memset(text, 1, sizeof text);
    enum status status = json_string_escape(&out, slice_of(text, 5000));
    EXPECT_INT(status, starve_has_struck() ? STATUS_NOMEM : STATUS_OK);
    EXPECT(status || buffer_len(&out) == 30000);
    buffer_fini(&out);
}

static void escaping_without_memory_says_so(void)
{
    EXPECT(starve(attempt_escape, NULL) > 2);
}

/* Every byte at every place of a word and of what is left of one. */
static void plain_runs_end_at_the_first_special_byte(void)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        bool is_plain =
            byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
        for (size_t at = 0; at < 20; at++) {
            char text[20];
            memset(text, 'a', sizeof text);
            memset(text + at, 0xff, sizeof text - at);
            text[at] = (char)byte;
            size_t next = at + 1 < sizeof text ? at + 1 : sizeof text;
            EXPECT_INT(json_plain_len(text, sizeof text), is_plain ? next : at);
        }
    }
}

static const struct test_case cases[] = {
    TEST(strings_are_unescaped_in_place),
    TEST(strings_are_read_character_by_character),
    TEST(strings_with_lonely_surrogates_are_not_whole),
    TEST(text_is_escaped_as_the_original_does),
    TEST(long_text_comes_back_through_its_escapes),
    TEST(escaping_without_memory_says_so),
    TEST(plain_runs_end_at_the_first_special_byte),
};

SUITE(base_json_string, cases);
