#include "core/number.h"

#include "support/test.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NOT_A_NUMBER ((double)NAN)

/* Numbers and what Python's repr() makes of them. */
static const struct {
    double number;
    const char *text;
} prints[] = {
    {0.0, "0.0"},
    {1.0, "1.0"},
    {-1.0, "-1.0"},
    {2.0, "2.0"},
    {0.1, "0.1"},
    {0.2, "0.2"},
    {0.30000000000000004, "0.30000000000000004"},
    {1.5, "1.5"},
    {2.5, "2.5"},
    {100.0, "100.0"},
    {1e5, "100000.0"},
    {1e15, "1000000000000000.0"},
    {999999999999999.0, "999999999999999.0"},
    {1e16, "1e+16"},
    {9999999999999998.0, "9999999999999998.0"},
    {1e17, "1e+17"},
    {123456789.123456789, "123456789.12345679"},
    {1234567890123456.7, "1234567890123456.8"},
    {12345678901234567.8, "1.2345678901234568e+16"},
    {9007199254740992.0, "9007199254740992.0"},
    {9007199254740993.0, "9007199254740992.0"},
    {0.0001, "0.0001"},
    {0.00001, "1e-05"},
    {0.00012345678901234567, "0.00012345678901234567"},
    {1e-7, "1e-07"},
    {1.5e-10, "1.5e-10"},
    {1e20, "1e+20"},
    {1e21, "1e+21"},
    {1e22, "1e+22"},
    {1e23, "1e+23"},
    {1e100, "1e+100"},
    {1.7976931348623157e308, "1.7976931348623157e+308"},
    {2.2250738585072014e-308, "2.2250738585072014e-308"},
    {2.2250738585072009e-308, "2.225073858507201e-308"},
    {5e-324, "5e-324"},
    {1e-323, "1e-323"},
    {1.5e-323, "1.5e-323"},
    {2e-322, "2e-322"},
    {1.2345e-310, "1.2345e-310"},
    {3.141592653589793, "3.141592653589793"},
    {-1.7999999999999998, "-1.7999999999999998"},
    {10.299999999999999, "10.299999999999999"},
    {1023.1990000000001, "1023.1990000000001"},
    {5.684341886080802e-14, "5.684341886080802e-14"},
    {5.960464477539063e-08, "5.960464477539063e-08"},
    {6.189700196426902e+26, "6.189700196426902e+26"},
    {7.120236347223045e-307, "7.120236347223045e-307"},
    {5.34e241, "5.34e+241"},
    {1e300, "1e+300"},
    {4503599627370496.5, "4503599627370496.0"},
    {0.3333333333333333, "0.3333333333333333"},
    {123.456, "123.456"},
    {1e-05, "1e-05"},
    {0.5, "0.5"},
    {4.35, "4.35"},
    {299792458.0, "299792458.0"},
    {1.0000000000000002, "1.0000000000000002"},
    {0.9999999999999999, "0.9999999999999999"},
    {9.5367431640625e-07, "9.5367431640625e-07"},
    {1.1754943508222875e-38, "1.1754943508222875e-38"},
    {5.334411546303884e+241, "5.334411546303884e+241"},
};

static void expect_print(double number, const char *must)
{
    char text[NUMBER_TEXT_MAX];
    size_t len = number_print(number, text);
    EXPECT_TEXT(slice_of(text, len), must);
    EXPECT_INT(text[len], '\0');
}

static void numbers_are_printed_as_python_does(void)
{
    for (size_t i = 0; i < sizeof prints / sizeof prints[0]; i++) {
        expect_print(prints[i].number, prints[i].text);
    }
    expect_print(-0.0, "-0.0");
    expect_print(NOT_A_NUMBER, "NaN");
    expect_print(-NOT_A_NUMBER, "NaN");
    expect_print(HUGE_VAL, "Infinity");
    expect_print(-HUGE_VAL, "-Infinity");
}

/* How many significant digits `text` has, zeros at either end left out. */
static int count_digits(const char *text)
{
    int count = 0;
    int zeros = 0;
    for (; *text && *text != 'e'; text++) {
        bool is_zero = *text == '0';
        if (*text < '0' || *text > '9' || (is_zero && count + zeros == 0)) {
            continue;
        }
        zeros = is_zero ? zeros + 1 : 0;
        count++;
    }
    return count - zeros;
}

static void expect_shortest(double number)
{
    char text[NUMBER_TEXT_MAX];
    char shorter[NUMBER_TEXT_MAX];
    number_print(number, text);
    int digits = count_digits(text);
    bool reads_back = strtod(text, NULL) == number;
    snprintf(shorter, sizeof shorter, "%.*e", digits > 1 ? digits - 2 : 0,
             number);
    bool could_be_shorter = digits > 1 && strtod(shorter, NULL) == number;
    if (!EXPECT(reads_back) || !EXPECT(!could_be_shorter)) {
        EXPECT_TEXT(slice_of_string(text), shorter);
    }
}

static void printed_numbers_read_back_and_are_shortest(void)
{
    uint64_t state = test_seed();
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = test_random(&state);
        bits = i % 8 ? bits : bits >> 12;
        double number;
        memcpy(&number, &bits, sizeof number);
        if (isfinite(number) && number != 0) {
            expect_shortest(number);
        }
    }
    for (int exponent = -1074; exponent < 1024; exponent++) {
        expect_shortest(ldexp(1, exponent));
    }
}

static void numbers_are_printed_as_json_either_way(void)
{
    static const struct {
        struct number number;
        const char *text;
    } table[] = {
        {{.real = 2}, "2.0"},
        {{.real = 1e16}, "1e+16"},
        {{.is_integer = true, .integer = 2}, "2"},
        {{.is_integer = true, .integer = INT64_MIN}, "-9223372036854775808"},
        {{.is_integer = true, .integer = INT64_MAX}, "9223372036854775807"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char text[NUMBER_TEXT_MAX];
        size_t len = number_print_json(&table[i].number, text);
        EXPECT_TEXT(slice_of(text, len), table[i].text);
    }
}

static bool is_same(double a, double b)
{
    return (a == b && !signbit(a) == !signbit(b)) || (isnan(a) && isnan(b));
}

static void expect_parsed(bool (*parse)(struct slice, double *),
                          const char *text, double must)
{
    double number = 4711;
    bool is_number = parse(slice_of_string(text), &number);
    if (!EXPECT(is_number) || !EXPECT(is_same(number, must))) {
        EXPECT_TEXT(SLICE_LITERAL("another number"), text);
    }
}

static void expect_no_number(bool (*parse)(struct slice, double *),
                             struct slice text)
{
    double number;
    if (!EXPECT(!parse(text, &number))) {
        EXPECT_SLICE(SLICE_LITERAL("no number"), text);
    }
}

static const struct {
    const char *text;
    double number;
} number_texts[] = {
    {"1", 1},
    {" 2 ", 2},
    {"\t\n\v\f\r 7 \t\n\v\f\r", 7},
    {"+5", 5},
    {"-4.3", -4.3},
    {".5", 0.5},
    {"5.", 5},
    {"-.5", -0.5},
    {"007", 7},
    {"1e3", 1000},
    {"1E+2", 100},
    {"-1e-3", -0.001},
    {"1.e2", 100},
    {".5e1", 5},
    {"1_000", 1000},
    {"1_0.5_0e0_1", 105},
    {"0_0", 0},
    {"-0", -0.0},
    {"0", 0},
    {"0e99999999999999999999", 0},
    {"1e400", HUGE_VAL},
    {"-1e400", -HUGE_VAL},
    {"1e-400", 0},
    {"-1e-400", -0.0},
    {"1e99999999999999999999", HUGE_VAL},
    {"1e-99999999999999999999", 0},
    {"inf", HUGE_VAL},
    {"-inf", -HUGE_VAL},
    {"+INF", HUGE_VAL},
    {"infinity", HUGE_VAL},
    {"-Infinity", -HUGE_VAL},
    {"iNfInItY", HUGE_VAL},
    {"nan", NOT_A_NUMBER},
    {"-NaN", NOT_A_NUMBER},
    {" NAN ", NOT_A_NUMBER},
    {"\302\2407\xe2\x80\x83", 7},
    {"\302\2057\xe3\x80\x80\xe1\x9a\x80", 7},
    {"\342\200\2507\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\x9f", 7},
    {"\xd9\xa1\xd9\xa2", 12},
    {"\xef\xbc\x91", 1},
    {"1\xd9\xa0", 10},
    {"\331\241.\331\245e\xd9\xa1", 15},
    {"\xd9\xa1_\xd9\xa1", 11},
    {"\xf0\x9d\x9f\x99", 1},
    {"\xf0\x9d\x9f\xbf", 9},
    {"9007199254740993", 9007199254740992.0},
    {"9007199254740993.00000000000000000000000000000000000000000000001",
     9007199254740994.0},
    {"179769313486231570000000000000000000000000000000000000000e252", DBL_MAX},
    {"4.9406564584124654e-324", 5e-324},
    {"2.4703282292062327e-324", 0},
    {"2.4703282292062328e-324", 5e-324}};

static void text_is_read_as_python_does(void)
{
    for (size_t i = 0; i < sizeof number_texts / sizeof number_texts[0]; i++) {
        expect_parsed(number_parse_text, number_texts[i].text,
                      number_texts[i].number);
    }
}

static const char *const other_texts[] = {"",
                                          " ",
                                          "a",
                                          "1a",
                                          "a1",
                                          "0x10",
                                          "1 2",
                                          "1,5",
                                          "1__0",
                                          "_1",
                                          "1_",
                                          "1_ ",
                                          "1_.5",
                                          "1._5",
                                          "1_e5",
                                          "1e_5",
                                          "1e5_",
                                          "-_1",
                                          "1e",
                                          "1e+",
                                          "e5",
                                          ".e5",
                                          ".",
                                          "-",
                                          "+",
                                          "--1",
                                          "+-1",
                                          "+ 1",
                                          "1.2.3",
                                          "1..2",
                                          "1e5.5",
                                          "1e5e5",
                                          "nan(1)",
                                          "na",
                                          "nann",
                                          "in",
                                          "infi",
                                          "infin",
                                          "infinit",
                                          "infinityy",
                                          "inf_",
                                          "_inf",
                                          "1inf",
                                          "true",
                                          "None",
                                          "1f",
                                          "1\x7f",
                                          "\0348",
                                          "8\x1f",
                                          "\342\210\2221",
                                          "\342\200\2131",
                                          "\xc2\xbd",
                                          "\xc2\xb2",
                                          "1\302\2402",
                                          "\357\273\2771",
                                          "\xed\xa0\x80",
                                          "1\xff",
                                          "\xff",
                                          "1\xd9",
                                          "\xe4\xb8\x80",
                                          "\xf0\x9d\x9f\x8d",
                                          "\xf0\x9d\xa0\x80"};

static void other_text_is_no_number(void)
{
    for (size_t i = 0; i < sizeof other_texts / sizeof other_texts[0]; i++) {
        expect_no_number(number_parse_text, slice_of_string(other_texts[i]));
    }
    expect_no_number(number_parse_text, SLICE_LITERAL("1\0"));
    expect_no_number(number_parse_text, SLICE_LITERAL("1\0"
                                                      "2"));
}

/* `before`, `count` times `digit`, `after`. */
static char *repeat(const char *before, char digit, size_t count,
                    const char *after)
{
    size_t len = strlen(before);
    char *text = malloc(len + count + strlen(after) + 1);
    memcpy(text, before, len);
    memset(text + len, digit, count);
    memcpy(text + len + count, after, strlen(after) + 1);
    return text;
}

static void text_of_any_length_is_read_exactly(void)
{
    static const struct {
        const char *before;
        size_t count;
        const char *after;
        double number;
    } table[] = {
        {"1", 400, "", HUGE_VAL},
        {"1", 400, "e-400", 1},
        {"0.", 5000, "1e5001", 1},
        {"", 100000, "7", 7},
        {"1.", 100000, "1", 1},
        /* Half-way between two doubles, and a bit more. */
        {"9007199254740993.", 2000, "", 9007199254740992.0},
        {"9007199254740993.", 2000, "1", 9007199254740994.0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char *text =
            repeat(table[i].before, '0', table[i].count, table[i].after);
        double number = 0;
        EXPECT(number_parse_text(slice_of_string(text), &number));
        EXPECT(is_same(number, table[i].number));
        free(text);
    }
}

static void json_numbers_and_booleans_are_read(void)
{
    static const struct {
        const char *text;
        double number;
    } table[] = {
        {"1", 1},
        {"-1.5e3", -1500},
        {" 7\n", 7},
        {"true", 1},
        {"false", 0},
        {"-0", 0},
        {"-0.0", -0.0},
        {"1e400", HUGE_VAL},
        {"NaN", NOT_A_NUMBER},
        {"Infinity", HUGE_VAL},
        {"-Infinity", -HUGE_VAL},
        {"123456789012345678901234567890", 123456789012345678901234567890.0}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        expect_parsed(number_parse_json, table[i].text, table[i].number);
    }
}

static void other_json_is_no_number(void)
{
    static const char *const texts[] = {"null",      "\"1\"", "[1]", "{}", "[]",
                                        "{\"a\":1}", "\"\"",  "",    " "};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        expect_no_number(number_parse_json, slice_of_string(texts[i]));
    }
    char *huge = repeat("1", '0', 309, "");
    expect_no_number(number_parse_json, slice_of_string(huge));
    free(huge);
}

static void integers_that_fit_are_read_exactly(void)
{
    static const struct {
        const char *text;
        int64_t number;
    } table[] = {{"0", 0},
                 {"-0", 0},
                 {"7", 7},
                 {"-7", -7},
                 {"007", 7},
                 {"9007199254740993", 9007199254740993},
                 {"9223372036854775807", INT64_MAX},
                 {"-9223372036854775808", INT64_MIN}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int64_t number = 4711;
        EXPECT(number_parse_integer(slice_of_string(table[i].text), &number));
        EXPECT_INT(number, table[i].number);
    }
}

static void other_text_is_no_integer(void)
{
    static const char *const texts[] = {"",
                                        "-",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "1.0",
                                        "1e3",
                                        "a",
                                        "--1",
                                        "1_0",
                                        "0x1",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int64_t number;
        if (!EXPECT(
                !number_parse_integer(slice_of_string(texts[i]), &number))) {
            EXPECT_TEXT(SLICE_LITERAL("no integer"), texts[i]);
        }
    }
}

static void a_double_is_added_as_the_original_does(void)
{
    static const struct {
        enum value_kind kind;
        const char *value;
        double delta;
        double sum;
    } table[] = {
        {VALUE_JSON, "1", 1, 2},
        {VALUE_JSON, "1.3", 1.2, 2.5},
        {VALUE_JSON, "0.1", 0.2, 0.30000000000000004},
        {VALUE_JSON, "true", 1, 2},
        {VALUE_JSON, "false", 1, 1},
        {VALUE_JSON, " 5 ", 1, 6},
        {VALUE_JSON, "-0", -0.0, 0.0},
        {VALUE_JSON, "-0.0", -0.0, -0.0},
        {VALUE_JSON, "9007199254740993", 0, 9007199254740992.0},
        {VALUE_JSON, "1e308", 1e308, HUGE_VAL},
        {VALUE_JSON, "-Infinity", HUGE_VAL, NOT_A_NUMBER},
        {VALUE_JSON, "\"5\"", 1, 6},
        {VALUE_JSON, "\" \\u0665\\t\"", 1, 6},
        {VALUE_JSON, "\"nan\"", 1, NOT_A_NUMBER},
        {VALUE_TEXT, " 1_000 ", 1, 1001},
        {VALUE_TEXT, "1e400", 1, HUGE_VAL},
        {VALUE_BYTES, "7", 1, 8},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct number delta = {.real = table[i].delta};
        struct number sum = {.is_integer = true};
        EXPECT_INT(number_add(table[i].kind, slice_of_string(table[i].value),
                              &delta, &sum),
                   STATUS_OK);
        EXPECT(!sum.is_integer);
        if (!EXPECT(is_same(sum.real, table[i].sum))) {
            EXPECT_TEXT(SLICE_LITERAL("another sum"), table[i].value);
        }
    }
}

static void nothing_is_added_to_what_is_no_number(void)
{
    static const struct {
        enum value_kind kind;
        const char *value;
    } table[] = {{VALUE_JSON, "null"},
                 {VALUE_JSON, "[]"},
                 {VALUE_JSON, "[1]"},
                 {VALUE_JSON, "{}"},
                 {VALUE_JSON, "\"\""},
                 {VALUE_JSON, "\"a\""},
                 {VALUE_JSON, "\"\\ud800\""},
                 {VALUE_JSON, "\"1\\u0000\""},
                 {VALUE_TEXT, ""},
                 {VALUE_TEXT, "true"},
                 {VALUE_TEXT, "\"5\""},
                 {VALUE_TEXT, "\\u0035"},
                 {VALUE_BYTES, "\xff"},
                 {VALUE_BYTES, ""}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        for (int is_integer = 0; is_integer < 2; is_integer++) {
            struct number delta = {.is_integer = is_integer};
            struct number sum;
            EXPECT_INT(number_add(table[i].kind,
                                  slice_of_string(table[i].value), &delta,
                                  &sum),
                       STATUS_FAILED_PRECONDITION);
        }
    }
}

/* Fills `text` with a number of `len` digits. */
static struct slice digits_of(char *text, size_t len)
{
    memset(text, '1', len);
    return slice_of(text, len);
}

static void nothing_is_added_to_what_takes_long_to_read(void)
{
    static char text[NUMBER_VALUE_MAX + 1];
    const struct number delta = {.real = 1};
    struct number sum;
    EXPECT_INT(
        number_add(VALUE_TEXT, digits_of(text, NUMBER_VALUE_MAX), &delta, &sum),
        STATUS_OK);
    EXPECT_INT(number_add(VALUE_TEXT, digits_of(text, NUMBER_VALUE_MAX + 1),
                          &delta, &sum),
               STATUS_FAILED_PRECONDITION);
}

static void an_integer_is_added_exactly(void)
{
    static const struct {
        enum value_kind kind;
        const char *value;
        int64_t delta;
        enum status status;
        int64_t sum;
    } table[] = {
        {VALUE_JSON, "1", 1, STATUS_OK, 2},
        {VALUE_JSON, "true", 1, STATUS_OK, 2},
        {VALUE_JSON, "-0", 0, STATUS_OK, 0},
        {VALUE_JSON, "9007199254740993", 1, STATUS_OK, 9007199254740994},
        {VALUE_TEXT, " 9007199254740993 ", 1, STATUS_OK, 9007199254740994},
        {VALUE_TEXT, "9_007_199_254_740_993", 0, STATUS_OK, 9007199254740993},
        {VALUE_BYTES, "5", -7, STATUS_OK, -2},
        {VALUE_JSON, "2.0", 1, STATUS_OK, 3},
        {VALUE_JSON, "1e3", 1, STATUS_OK, 1001},
        {VALUE_JSON, "-0.0", 1, STATUS_OK, 1},
        {VALUE_JSON, "\"8\"", 1, STATUS_OK, 9},
        {VALUE_JSON, "9223372036854775806", 1, STATUS_OK, INT64_MAX},
        {VALUE_JSON, "-9223372036854775808", 0, STATUS_OK, INT64_MIN},
        {VALUE_JSON, "-9223372036854775808.0", 0, STATUS_OK, INT64_MIN},
        {VALUE_JSON, "9223372036854775807", 1, STATUS_OUT_OF_RANGE, 0},
        {VALUE_JSON, "-9223372036854775808", -1, STATUS_OUT_OF_RANGE, 0},
        {VALUE_JSON, "9223372036854775808", -1, STATUS_OUT_OF_RANGE, 0},
        {VALUE_JSON, "99999999999999999999999", 0, STATUS_OUT_OF_RANGE, 0},
        {VALUE_JSON, "9223372036854775808.0", 0, STATUS_OUT_OF_RANGE, 0},
        {VALUE_JSON, "1e300", 0, STATUS_OUT_OF_RANGE, 0},
        {VALUE_JSON, "1.5", 1, STATUS_FAILED_PRECONDITION, 0},
        {VALUE_JSON, "NaN", 1, STATUS_FAILED_PRECONDITION, 0},
        {VALUE_JSON, "Infinity", 1, STATUS_FAILED_PRECONDITION, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct number delta = {.is_integer = true, .integer = table[i].delta};
        struct number sum = {0};
        enum status status = number_add(
            table[i].kind, slice_of_string(table[i].value), &delta, &sum);
        if (!EXPECT_INT(status, table[i].status)) {
            EXPECT_TEXT(SLICE_LITERAL("another outcome"), table[i].value);
        }
        if (!status) {
            EXPECT(sum.is_integer);
            EXPECT_INT(sum.integer, table[i].sum);
        }
    }
}

static const struct test_case cases[] = {
    TEST(numbers_are_printed_as_python_does),
    TEST(printed_numbers_read_back_and_are_shortest),
    TEST(numbers_are_printed_as_json_either_way),
    TEST(text_is_read_as_python_does),
    TEST(other_text_is_no_number),
    TEST(text_of_any_length_is_read_exactly),
    TEST(json_numbers_and_booleans_are_read),
    TEST(other_json_is_no_number),
    TEST(integers_that_fit_are_read_exactly),
    TEST(other_text_is_no_integer),
    TEST(a_double_is_added_as_the_original_does),
    TEST(nothing_is_added_to_what_is_no_number),
    TEST(nothing_is_added_to_what_takes_long_to_read),
    TEST(an_integer_is_added_exactly),
};

SUITE(core_number, cases);
