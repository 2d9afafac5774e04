#include "base/utf8.h"

#include "support/guard.h"
#include "support/test.h"

static bool is_valid_guarded(struct slice text)
{
    struct slice guarded = guard_copy(text);
    bool is_valid = utf8_is_valid(guarded);
    guard_free(guarded);
    return is_valid;
}

static void utf8_takes_every_character_and_no_surrogate(void)
{
    for (uint32_t point = 0; point <= 0x10ffff; point++) {
        char text[4];
        size_t len = utf8_encode(point, text);
        bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
        uint32_t back = 0;
        size_t got = utf8_decode(slice_of(text, len), &back);
        if (got != (is_surrogate ? 0 : len) || (got && back != point)) {
            EXPECT_INT(back, point);
            return;
        }
    }
}

static void utf8_refuses_what_is_malformed(void)
{
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80",
        "\xff",
        "\xfe",
        "\xed\xa0\x80",
        "\xc3",
        "\xe2\x82",
        "\xf0\x9f\x98",
        "\xc3(",
        "12345678\xff",
        "\xe2\x28\xa1",
        "a\xc3",
        "\xc3\xa9\xa9",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (!EXPECT(!is_valid_guarded(slice_of_string(bad[i])))) {
            EXPECT_INT(i, -1);
        }
    }
}

static void utf8_takes_long_text_wherever_it_is_cut(void)
{
    struct slice text =
        SLICE_LITERAL("plain text, \xc3\xa9t\xc3\xa9, \xe2\x82\xac, "
                      "\xf0\x9f\x98\x80 and a NUL \0 too");
    EXPECT(is_valid_guarded(text));
    for (size_t len = 0; len < text.len; len++) {
        bool is_cut_inside = ((unsigned char)text.data[len] & 0xc0) == 0x80;
        if (is_valid_guarded(slice_of(text.data, len)) == is_cut_inside) {
            EXPECT_INT(len, -1);
        }
    }
}

static void plain_text_is_ascii_without_nul_at_any_length(void)
{
    char text[40];
    for (size_t len = 0; len <= sizeof text; len++) {
        memset(text, 0x7f, sizeof text);
        EXPECT(utf8_is_plain(slice_of(text, len)));
        for (size_t at = 0; at < len; at++) {
            for (int byte = 0; byte < 256; byte++) {
                text[at] = (char)byte;
                EXPECT_INT(utf8_is_plain(slice_of(text, len)),
                           byte > 0 && byte < 0x80);
            }
            text[at] = 1;
        }
    }
}

static const struct test_case cases[] = {
    TEST(plain_text_is_ascii_without_nul_at_any_length),
    TEST(utf8_takes_every_character_and_no_surrogate),
    TEST(utf8_refuses_what_is_malformed),
    TEST(utf8_takes_long_text_wherever_it_is_cut),
};

SUITE(base_utf8, cases);
