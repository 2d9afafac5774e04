#include "engine/bank_line.h"

#include "base/buffer.h"
#include "support/guard.h"
#include "support/starve.h"
#include "support/test.h"

#include <string.h>

/* A value for each limit that is none at first, and that is allowed. */
static struct bank_limits odd_limits(void)
{
    return (struct bank_limits){
        .reserved = 70000,
        .maximum = UINT64_MAX,
        .weight = 7,
        .maximum_entries = UINT64_MAX - 1,
        .default_lifetime_ms = 3,
        .maximum_lifetime_ms = 4,
        .lifetime_jitter = 90,
        .when_full = BANK_REFUSE,
        .read_only = true,
    };
}

static void expect_limits(const struct bank_limits *got,
                          const struct bank_limits *must)
{
#define LIMIT(name, ...) EXPECT_INT(got->name, must->name);
#include "core/bank_limits.def"
#undef LIMIT
}

/* Writes `line` and reads it again. */
static void expect_round_trip(const struct bank_line *line)
{
    struct buffer text = {0};
    struct buffer why = {0};
    struct bank_line read;
    EXPECT_INT(bank_line_append(&text, line), STATUS_OK);
    struct slice whole = buffer_peek(&text);
    REQUIRE(whole.len > 0);
    EXPECT(memchr(whole.data, '\n', whole.len) == whole.data + whole.len - 1);
    EXPECT(bank_line_read(buffer_first(&text), whole.len - 1, &read, &why));
    EXPECT_TEXT(buffer_peek(&why), "");
    EXPECT_SLICE(read.bank, line->bank);
    EXPECT_INT(read.is_dropped, line->is_dropped);
    if (!line->is_dropped) {
        expect_limits(&read.limits, &line->limits);
    }
    buffer_fini(&why);
    buffer_fini(&text);
}

static void every_limit_is_read_as_it_was_written(void)
{
    const struct bank_line odd = {.bank = SLICE_LITERAL("b"),
                                  .limits = odd_limits()};
    const struct bank_line initial = {.bank = SLICE_LITERAL("b"),
                                      .limits = bank_limits_initial()};
    const struct bank_limits other = bank_limits_initial();
#define LIMIT(name, ...) EXPECT(odd.limits.name != other.name);
#include "core/bank_limits.def"
#undef LIMIT
    expect_round_trip(&odd);
    expect_round_trip(&initial);
}

static void odd_names_are_read_as_they_were_written(void)
{
    static char long_name[255];
    memset(long_name, '"', sizeof long_name);
    const struct slice names[] = {
        SLICE_LITERAL(""),
        SLICE_LITERAL("\"\\/{},: "),
        SLICE_LITERAL("\x01\n\r\t\b\f\x1f\x7f"),
        SLICE_LITERAL("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xef\xbf\xbf"),
        slice_of(long_name, sizeof long_name),
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct bank_line set = {.bank = names[i], .limits = odd_limits()};
        const struct bank_line dropped = {.bank = names[i], .is_dropped = true};
        expect_round_trip(&set);
        expect_round_trip(&dropped);
    }
}

static void line_is_what_is_promised(void)
{
    struct buffer text = {0};
    const struct bank_line set = {.bank = SLICE_LITERAL("a\"b"),
                                  .limits = bank_limits_initial()};
    const struct bank_line dropped = {.bank = SLICE_LITERAL("c"),
                                      .is_dropped = true};
    EXPECT_INT(bank_line_append(&text, &set), STATUS_OK);
    EXPECT_INT(bank_line_append(&text, &dropped), STATUS_OK);
    EXPECT_TEXT(buffer_peek(&text),
                "{\"bank\": \"a\\\"b\", \"reserved\": 0, \"maximum\": 0, "
                "\"weight\": 100, \"maximum_entries\": 0, "
                "\"default_lifetime_ms\": 0, \"maximum_lifetime_ms\": 0, "
                "\"lifetime_jitter\": 0, \"when_full\": \"evict\", "
                "\"read_only\": false}\n"
                "{\"bank\": \"c\", \"dropped\": true}\n");
    buffer_fini(&text);
}

/* Reads `text`, which nothing may be read beyond. */
static bool read_text(const char *text, struct bank_line *line,
                      struct buffer *why, struct slice *copy)
{
    *copy = guard_copy(slice_of_string(text));
    return bank_line_read((char *)(uintptr_t)copy->data, copy->len, line, why);
}

static void what_is_left_out_is_as_it_is_at_first(void)
{
    struct bank_line line;
    struct buffer why = {0};
    struct slice copy;
    const struct bank_limits initial = bank_limits_initial();
    EXPECT(
        read_text(" \t{ \"b\\u0061nk\" :\"\\u20ac\" } \r", &line, &why, &copy));
    EXPECT_TEXT(line.bank, "\xe2\x82\xac");
    EXPECT(!line.is_dropped);
    expect_limits(&line.limits, &initial);
    guard_free(copy);
    buffer_fini(&why);
}

static void bad_lines_are_refused_with_the_reason(void)
{
    static const char *const lines[][2] = {
        {"", "this is not JSON"},
        {"{\"bank\": \"a\"", "this is not JSON"},
        {"{\"bank\": \"a\"} x", "this is not JSON"},
        {"{\"bank\": \"\xff\"}", "this is not JSON"},
        {"[]", "this is no JSON object"},
        {"\"bank\"", "this is no JSON object"},
        {"{}", "bank is missing"},
        {"{\"weight\": 1}", "bank is missing"},
        {"{\"dropped\": true}", "bank is missing"},
        {"{\"bank\": 1}", "bank must be a string"},
        {"{\"bank\": \"a\", \"bank\": \"a\"}", "bank is there twice"},
        {"{\"bank\": \"\\ud800\"}", "bank must be valid UTF-8"},
        {"{\"bank\": \"a\\u0000\"}", "bank must not contain NUL"},
        {"{\"bank\": \"a\", \"dropped\": false}", "dropped must be true"},
        {"{\"bank\": \"a\", \"weight\": 1, \"dropped\": true}",
         "weight must not stand beside dropped"},
        {"{\"bank\": \"a\", \"colour\": [{}]}",
         "colour is no field that this version knows"},
        {"{\"bank\": \"a\", \"a\\nb\": 1}",
         "a?b is no field that this version knows"},
        {"{\"bank\": \"a\", \"weight\": 1, \"weight\": 1}",
         "weight is there twice"},
        {"{\"bank\": \"a\", \"weight\": \"1\"}",
         "weight must be a whole number, at most 18446744073709551615"},
        {"{\"bank\": \"a\", \"weight\": 1.0}",
         "weight must be a whole number, at most 18446744073709551615"},
        {"{\"bank\": \"a\", \"maximum\": -1}",
         "maximum must be a whole number, at most 18446744073709551615"},
        {"{\"bank\": \"a\", \"maximum\": 18446744073709551616}",
         "maximum must be a whole number, at most 18446744073709551615"},
        {"{\"bank\": \"a\", \"weight\": 0}",
         "weight is 0, at least 1 is needed"},
        {"{\"bank\": \"a\", \"maximum\": 1}",
         "maximum is 1, at least 65536 is needed"},
        {"{\"bank\": \"a\", \"lifetime_jitter\": 91}",
         "lifetime_jitter is 91, at most 90 is allowed"},
        {"{\"bank\": \"a\", \"reserved\": 65537, \"maximum\": 65536}",
         "reserved must not be more than maximum"},
        {"{\"bank\": \"a\", \"when_full\": \"wait\"}",
         "when_full must be \"evict\" or \"refuse\""},
        {"{\"bank\": \"a\", \"when_full\": 1}",
         "when_full must be \"evict\" or \"refuse\""},
        {"{\"bank\": \"a\", \"read_only\": 1}",
         "read_only must be true or false"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct bank_line line;
        struct buffer why = {0};
        struct slice copy;
        EXPECT(!read_text(lines[i][0], &line, &why, &copy));
        EXPECT_TEXT(buffer_peek(&why), lines[i][1]);
        guard_free(copy);
        buffer_fini(&why);
    }
}

static void name_that_no_bank_may_have_is_refused(void)
{
    char text[300];
    memset(text, 'x', sizeof text);
    memcpy(text, "{\"bank\": \"", 10);
    memcpy(text + sizeof text - 2, "\"}", 2);
    struct bank_line line;
    struct buffer why = {0};
    EXPECT(!bank_line_read(text, sizeof text, &line, &why));
    EXPECT_TEXT(buffer_peek(&why),
                "bank has 288 bytes, at most 255 are allowed");
    buffer_fini(&why);
}

static void what_a_write_may_have_left_is_known(void)
{
    const struct bank_line line = {.bank = SLICE_LITERAL("a"),
                                   .limits = odd_limits()};
    struct buffer text = {0};
    EXPECT_INT(bank_line_append(&text, &line), STATUS_OK);
    for (size_t len = 0; len < buffer_len(&text); len++) {
        EXPECT(bank_line_is_begun(slice_of(buffer_first(&text), len)));
    }
    EXPECT(bank_line_is_begun(slice_of("\0\0\0", 3)));
    EXPECT(!bank_line_is_begun(SLICE_LITERAL("x")));
    EXPECT(!bank_line_is_begun(SLICE_LITERAL("{\"WORKERS\": 4}")));
    EXPECT(!bank_line_is_begun(SLICE_LITERAL("{\"banker\": 4}")));
    buffer_fini(&text);
}

static void attempt_append(void *arg)
{
    struct buffer text = {0};
    enum status status = bank_line_append(&text, arg);
    EXPECT_INT(status, starve_has_struck() ? STATUS_NOMEM : STATUS_OK);
    EXPECT_INT(buffer_len(&text) == 0, starve_has_struck());
    buffer_fini(&text);
}

static void without_memory_nothing_is_appended(void)
{
    static char name[255];
    struct bank_line line = {.bank = slice_of(name, sizeof name),
                             .limits = odd_limits()};
    memset(name, '"', sizeof name);
    EXPECT(starve(attempt_append, &line) > 1);
}

static const struct test_case cases[] = {
    TEST(every_limit_is_read_as_it_was_written),
    TEST(odd_names_are_read_as_they_were_written),
    TEST(line_is_what_is_promised),
    TEST(what_is_left_out_is_as_it_is_at_first),
    TEST(bad_lines_are_refused_with_the_reason),
    TEST(name_that_no_bank_may_have_is_refused),
    TEST(what_a_write_may_have_left_is_known),
    TEST(without_memory_nothing_is_appended),
};

SUITE(engine_bank_line, cases);
