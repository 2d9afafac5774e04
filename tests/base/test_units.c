#include "base/units.h"

#include "support/test.h"

static uint64_t number_of(const char *text)
{
    uint64_t number = 0;
    EXPECT(units_parse_number(slice_of_string(text), &number));
    return number;
}

static uint64_t size_of(const char *text)
{
    uint64_t bytes = 0;
    EXPECT(units_parse_size(slice_of_string(text), &bytes));
    return bytes;
}

static uint64_t ms_of(const char *text)
{
    uint64_t ms = 0;
    EXPECT(units_parse_seconds(slice_of_string(text), &ms));
    return ms;
}

static void numbers_are_read_up_to_64_bits(void)
{
    EXPECT_INT(number_of("0"), 0);
    EXPECT_INT(number_of("007"), 7);
    EXPECT(number_of("18446744073709551615") == UINT64_MAX);
}

static void what_is_no_whole_number_is_refused(void)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "-1",
                                      "+1",
                                      "1 ",
                                      " 1",
                                      "1.",
                                      "1e3",
                                      "0x1",
                                      "1k",
                                      "18446744073709551616"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t number;
        if (!EXPECT(!units_parse_number(slice_of_string(bad[i]), &number))) {
            EXPECT_TEXT(slice_of_string(bad[i]), "refused");
        }
    }
}

static void sizes_have_units_of_1024_in_either_case(void)
{
    EXPECT_INT(size_of("512"), 512);
    EXPECT_INT(size_of("64K"), 65536);
    EXPECT_INT(size_of("64k"), 65536);
    EXPECT_INT(size_of("8m"), 8 << 20);
    EXPECT_INT(size_of("3G"), INT64_C(3) << 30);
    EXPECT_INT(size_of("2T"), INT64_C(2) << 40);
}

static void what_is_no_size_is_refused(void)
{
    static const char *const bad[] = {"",   "K",   "1KB", "1.5G",      "1 K",
                                      "-1", "1P",  "1%",  "16777216T", "1K1",
                                      "K1", "1\v", "1+"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t bytes;
        if (!EXPECT(!units_parse_size(slice_of_string(bad[i]), &bytes))) {
            EXPECT_TEXT(slice_of_string(bad[i]), "refused");
        }
    }
    EXPECT(size_of("16777215T") == UINT64_C(16777215) << 40);
}

static void seconds_have_fractions_rounded_up_to_a_millisecond(void)
{
    EXPECT_INT(ms_of("30"), 30000);
    EXPECT_INT(ms_of("0.1"), 100);
    EXPECT_INT(ms_of("1.25"), 1250);
    EXPECT_INT(ms_of("0.0001"), 1);
    EXPECT_INT(ms_of("0.9990000000000000000000001"), 1000);
    EXPECT_INT(ms_of("0.000"), 0);
}

static void what_is_no_time_in_seconds_is_refused(void)
{
    static const char *const bad[] = {
        "",   ".",  ".5",   "1.",  "1.2.3",
        "1s", "-1", "1e-3", "1,5", "18446744073709551615"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t ms;
        if (!EXPECT(!units_parse_seconds(slice_of_string(bad[i]), &ms))) {
            EXPECT_TEXT(slice_of_string(bad[i]), "refused");
        }
    }
}

static void sizes_are_printed_in_the_largest_unit_that_is_exact(void)
{
    char text[UNITS_TEXT_MAX];
    units_print_size(0, text);
    EXPECT_TEXT(slice_of_string(text), "0");
    units_print_size(1000, text);
    EXPECT_TEXT(slice_of_string(text), "1000");
    units_print_size(8 << 20, text);
    EXPECT_TEXT(slice_of_string(text), "8M");
    units_print_size((8 << 20) + 1024, text);
    EXPECT_TEXT(slice_of_string(text), "8193K");
    units_print_size(UINT64_C(4096) << 40, text);
    EXPECT_TEXT(slice_of_string(text), "4096T");
    units_print_size(UINT64_MAX, text);
    EXPECT_TEXT(slice_of_string(text), "18446744073709551615");
}

static void seconds_are_printed_without_needless_zeros(void)
{
    char text[UNITS_TEXT_MAX];
    units_print_seconds(0, text);
    EXPECT_TEXT(slice_of_string(text), "0");
    units_print_seconds(30000, text);
    EXPECT_TEXT(slice_of_string(text), "30");
    units_print_seconds(1250, text);
    EXPECT_TEXT(slice_of_string(text), "1.25");
    units_print_seconds(1, text);
    EXPECT_TEXT(slice_of_string(text), "0.001");
}

static const struct test_case cases[] = {
    TEST(numbers_are_read_up_to_64_bits),
    TEST(what_is_no_whole_number_is_refused),
    TEST(sizes_have_units_of_1024_in_either_case),
    TEST(what_is_no_size_is_refused),
    TEST(seconds_have_fractions_rounded_up_to_a_millisecond),
    TEST(what_is_no_time_in_seconds_is_refused),
    TEST(sizes_are_printed_in_the_largest_unit_that_is_exact),
    TEST(seconds_are_printed_without_needless_zeros),
};

SUITE(base_units, cases);
