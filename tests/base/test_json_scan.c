#include "base/json_scan.h"

#include "support/guard.h"
#include "support/json_texts.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

enum { DEPTH_MAX = 1000, MIB = 1024 * 1024 };

static const struct slice names[] = {{"op", 2}, {"key", 3}, {"value", 5}};

static void start(struct json_scan *scan)
{
    json_scan_start(scan, names, 3, DEPTH_MAX);
}

/* Lets `scan` see the first `len` bytes of `text`, at a place of their own
 * before an unreadable page. */
static enum json_scan_result see(struct json_scan *scan, struct slice text,
                                 size_t len)
{
    struct slice copy = guard_copy(slice_of(text.data, len));
    enum json_scan_result result = json_scan(scan, copy);
    guard_free(copy);
    return result;
}

static void good_values_end_at_their_last_byte(void)
{
    for (size_t i = 0; i < json_good_count; i++) {
        char text[200];
        snprintf(text, sizeof text, "%sx", json_good_text(i).data);
        struct json_scan scan;
        start(&scan);
        EXPECT_INT(json_scan(&scan, slice_of_string(text)), JSON_SCAN_END);
        EXPECT_SLICE(slice_of(text, scan.at), json_good_text(i));
    }
}

/* Sees `text` cut at `cut`; whether that ends as `must` does. */
static bool ends_so(struct slice text, size_t cut, enum json_scan_result must)
{
    struct json_scan scan;
    start(&scan);
    enum json_scan_result first = see(&scan, text, cut);
    enum json_scan_result second = see(&scan, text, text.len);
    bool is_so =
        first == (cut < text.len ? JSON_SCAN_MORE : must) && second == must;
    return is_so || !EXPECT_SLICE(slice_of(text.data, cut), text);
}

static void good_values_end_wherever_they_are_cut(void)
{
    for (size_t i = 0; i < json_good_count; i++) {
        struct slice text = json_good_text(i);
        for (size_t cut = 0; cut <= text.len; cut++) {
            EXPECT(ends_so(text, cut, JSON_SCAN_END));
        }
    }
}

static void bad_values_are_bad_at_their_first_impossible_byte(void)
{
    for (size_t i = 0; i < json_bad_count; i++) {
        struct slice text = json_bad_text(i);
        for (size_t cut = 0; cut <= text.len; cut++) {
            EXPECT(ends_so(text, cut, JSON_SCAN_BAD));
        }
    }
}

/* The same result and members, one byte at a time. */
static void values_may_come_byte_by_byte(void)
{
    for (size_t i = 0; i < json_good_count + json_bad_count; i++) {
        bool is_good = i < json_good_count;
        struct slice text =
            is_good ? json_good_text(i) : json_bad_text(i - json_good_count);
        struct json_scan scan;
        start(&scan);
        enum json_scan_result result = JSON_SCAN_MORE;
        for (size_t len = 1; len <= text.len; len++) {
            EXPECT_INT(result, JSON_SCAN_MORE);
            result = see(&scan, text, len);
        }
        EXPECT_INT(result, is_good ? JSON_SCAN_END : JSON_SCAN_BAD);
    }
}

static void bad_stays_bad_and_end_stays_end(void)
{
    struct json_scan scan;
    start(&scan);
    EXPECT_INT(json_scan(&scan, SLICE_LITERAL("[1,]")), JSON_SCAN_BAD);
    EXPECT_INT(json_scan(&scan, SLICE_LITERAL("[1,]2]")), JSON_SCAN_BAD);
    start(&scan);
    EXPECT_INT(json_scan(&scan, SLICE_LITERAL("[1]")), JSON_SCAN_END);
    EXPECT_INT(json_scan(&scan, SLICE_LITERAL("[1]]")), JSON_SCAN_END);
    EXPECT_INT(scan.at, 3);
}

static void nothing_is_the_start_of_a_value(void)
{
    struct json_scan scan;
    start(&scan);
    EXPECT_INT(json_scan(&scan, (struct slice){NULL, 0}), JSON_SCAN_MORE);
    EXPECT_INT(json_scan(&scan, SLICE_LITERAL(" \n")), JSON_SCAN_MORE);
    EXPECT(!json_scan_may_end(&scan));
}

static void number_alone_may_end_where_it_is_whole(void)
{
    static const struct {
        const char *text;
        bool may_end;
    } table[] = {
        {"0", true},      {"5", true},   {"-5", true},   {"10", true},
        {"1.5", true},    {"1e5", true}, {"1e+5", true}, {"-0", true},
        {"-", false},     {"1.", false}, {"1e", false},  {"1e-", false},
        {"-1.5e", false}, {"[1", false}, {"tru", false}, {"\"1", false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct json_scan scan;
        start(&scan);
        enum json_scan_result result =
            json_scan(&scan, slice_of_string(table[i].text));
        EXPECT_INT(result, JSON_SCAN_MORE);
        EXPECT_INT(json_scan_may_end(&scan), table[i].may_end);
    }
}

static void number_alone_ends_before_what_follows(void)
{
    static const char *const texts[] = {"5 ", "5\n", "5{", "5x", "5]"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct json_scan scan;
        start(&scan);
        EXPECT_INT(json_scan(&scan, slice_of_string(texts[i])), JSON_SCAN_END);
        EXPECT_INT(scan.at, 1);
    }
}

static void type_of_the_value_is_told(void)
{
    static const struct {
        const char *text;
        enum json_type type;
    } table[] = {
        {"{}", JSON_OBJECT},  {"[]", JSON_ARRAY},       {"\"\"", JSON_STRING},
        {"5 ", JSON_INTEGER}, {"5.5 ", JSON_REAL},      {"5e5 ", JSON_REAL},
        {"true", JSON_TRUE},  {"false", JSON_FALSE},    {"null", JSON_NULL},
        {"NaN", JSON_REAL},   {"-Infinity", JSON_REAL}, {"[{}]", JSON_ARRAY},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct json_scan scan;
        start(&scan);
        json_scan(&scan, slice_of_string(table[i].text));
        EXPECT_INT(scan.type, table[i].type);
    }
}

static void expect_member(struct slice text, size_t index, enum json_type type,
                          const char *json)
{
    struct json_scan scan;
    start(&scan);
    REQUIRE(json_scan(&scan, text) == JSON_SCAN_END);
    const struct json_member *member = &scan.members[index];
    if (!EXPECT_INT(member->type, type)) {
        EXPECT_SLICE(SLICE_LITERAL(""), text);
    }
    if (type != JSON_ABSENT) {
        EXPECT_TEXT(slice_of(text.data + member->at, member->len), json);
    }
}

static void members_are_told_with_their_types(void)
{
    static const struct {
        const char *text;
        enum json_type type;
        const char *json;
    } table[] = {
        {"{\"key\":\"k\"}", JSON_STRING, "\"k\""},
        {"{\"key\" : \"k\" }", JSON_STRING, "\"k\""},
        {"{\"key\":5}", JSON_INTEGER, "5"},
        {"{\"key\":-0}", JSON_INTEGER, "-0"},
        {"{\"key\":5 ,\"x\":1}", JSON_INTEGER, "5"},
        {"{\"key\":5.0}", JSON_REAL, "5.0"},
        {"{\"key\":5e0\n}", JSON_REAL, "5e0"},
        {"{\"key\":NaN}", JSON_REAL, "NaN"},
        {"{\"key\":-Infinity}", JSON_REAL, "-Infinity"},
        {"{\"key\":true}", JSON_TRUE, "true"},
        {"{\"key\":false}", JSON_FALSE, "false"},
        {"{\"key\":null}", JSON_NULL, "null"},
        {"{\"key\": [1, {\"key\": 2}] }", JSON_ARRAY, "[1, {\"key\": 2}]"},
        {"{\"key\":{\"a\":[]}}", JSON_OBJECT, "{\"a\":[]}"},
        {" \n{\"key\":1}", JSON_INTEGER, "1"},
        {"{\"a\":{},\"b\":[[]],\"key\":1}", JSON_INTEGER, "1"},
        {"{\"a\":{\"key\":1}}", JSON_ABSENT, ""},
        {"[{\"key\":1}]", JSON_ABSENT, ""},
        {"[\"key\",1]", JSON_ABSENT, ""},
        {"{\"a\":\"key\"}", JSON_ABSENT, ""},
        {"{\"Key\":1,\"KEY\":2,\"ke\":3,\"keyy\":4,\"\":5}", JSON_ABSENT, ""},
        {"{\"key \":1,\" key\":2,\"key\\u0000\":3}", JSON_ABSENT, ""},
        {"{\"key\":1,\"key\":2}", JSON_INTEGER, "2"},
        {"{\"key\":\"a\\n\",\"key\":[2],\"x\":3}", JSON_ARRAY, "[2]"},
        {"{\"key\":1,\"op\":2,\"value\":3,\"key\":\"\"}", JSON_STRING, "\"\""},
        {"{\"\\u006bey\":1}", JSON_INTEGER, "1"},
        {"{\"k\\u0065\\u0079\":1}", JSON_INTEGER, "1"},
        {"{\"key\":1,\"k\\u0065y\":2}", JSON_INTEGER, "2"},
        {"{\"k\\u0065\":1,\"k\\u0065yy\":2}", JSON_ABSENT, ""},
        {"{\"k\\u0045y\":1,\"\\ud83d\\ude00\":2,\"\\n\":3}", JSON_ABSENT, ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        expect_member(slice_of_string(table[i].text), 1, table[i].type,
                      table[i].json);
    }
}

static void members_are_told_wherever_the_object_is_cut(void)
{
    struct slice text = SLICE_LITERAL(
        " {\"\\u006fp\":\"g\\n\",\"key\" : -12.5e3 ,\"value\":{\"op\":[1]},"
        "\"op\":\"x\",\"x\":\"\xc3\xa9\"}");
    struct json_scan whole;
    start(&whole);
    REQUIRE(json_scan(&whole, text) == JSON_SCAN_END);
    for (size_t cut = 0; cut < text.len; cut++) {
        struct json_scan scan;
        start(&scan);
        EXPECT_INT(see(&scan, text, cut), JSON_SCAN_MORE);
        EXPECT_INT(see(&scan, text, text.len), JSON_SCAN_END);
        for (size_t i = 0; i < 3; i++) {
            EXPECT_INT(scan.members[i].at, whole.members[i].at);
            EXPECT_INT(scan.members[i].len, whole.members[i].len);
            EXPECT_INT(scan.members[i].type, whole.members[i].type);
            EXPECT_INT(scan.members[i].has_escape, whole.members[i].has_escape);
        }
    }
}

static void strings_with_backslashes_are_marked(void)
{
    struct json_scan scan;
    start(&scan);
    json_scan(&scan, SLICE_LITERAL("{\"op\":\"a\\n\",\"k\\u0065y\":\"a\","
                                   "\"value\":[\"\\n\"]}"));
    EXPECT(scan.members[0].has_escape);
    EXPECT(!scan.members[1].has_escape);
    EXPECT(!scan.members[2].has_escape);
}

static void members_are_forgotten_by_the_next_value(void)
{
    struct json_scan scan;
    start(&scan);
    json_scan(&scan, SLICE_LITERAL("{\"op\":1,\"key\":2}"));
    start(&scan);
    json_scan(&scan, SLICE_LITERAL("{\"key\":3}"));
    EXPECT_INT(scan.members[0].type, JSON_ABSENT);
    EXPECT_INT(scan.members[1].type, JSON_INTEGER);
}

/* Scans `depth` opening brackets and as many closing ones; every `period`th
 * level is an object. */
static enum json_scan_result scan_nested(unsigned depth, unsigned period)
{
    static char text[8 * DEPTH_MAX];
    size_t len = 0;
    for (unsigned i = 0; i < depth; i++) {
        const char *open = i % period ? "[" : "{\"\":";
        len += (size_t)snprintf(text + len, 6, "%s", open);
    }
    text[len++] = '0';
    for (unsigned i = depth; i-- > 0;) {
        text[len++] = i % period ? ']' : '}';
    }
    struct json_scan scan;
    start(&scan);
    return json_scan(&scan, slice_of(text, len));
}

static void nesting_ends_at_the_maximum(void)
{
    for (unsigned period = 1; period <= 65; period++) {
        EXPECT_INT(scan_nested(DEPTH_MAX, period), JSON_SCAN_END);
        EXPECT_INT(scan_nested(DEPTH_MAX + 1, period), JSON_SCAN_BAD);
    }
    EXPECT_INT(scan_nested(DEPTH_MAX, DEPTH_MAX + 1), JSON_SCAN_END);
}

static void nesting_is_refused_at_the_bracket_too_many(void)
{
    char text[DEPTH_MAX + 1];
    memset(text, '[', sizeof text);
    struct json_scan scan;
    start(&scan);
    EXPECT_INT(json_scan(&scan, slice_of(text, DEPTH_MAX)), JSON_SCAN_MORE);
    EXPECT_INT(json_scan(&scan, slice_of(text, DEPTH_MAX + 1)), JSON_SCAN_BAD);
}

static void nesting_tells_objects_from_arrays_at_every_level(void)
{
    char text[2 * DEPTH_MAX];
    for (unsigned depth = 1; depth < DEPTH_MAX; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[depth + depth % 7 % depth] = '}';
        struct json_scan scan;
        start(&scan);
        EXPECT_INT(json_scan(&scan, slice_of(text, 2 * depth)), JSON_SCAN_BAD);
    }
}

/* An array of one long string, which repeats `pattern`; its length. */
static size_t make_long_string(char *text, const char *pattern)
{
    size_t period = strlen(pattern);
    size_t len = 2;
    memcpy(text, "[\"", 2);
    for (; len + period + 2 <= MIB; len += period) {
        memcpy(text + len, pattern, period);
    }
    memcpy(text + len, "\"]", 2);
    return len + 2;
}

/* Feeds `text` in pieces and spoils what was looked at, which shows if it is
 * looked at again. */
static enum json_scan_result scan_once(char *text, size_t len, size_t piece)
{
    struct json_scan scan;
    json_scan_start(&scan, NULL, 0, DEPTH_MAX);
    enum json_scan_result result = JSON_SCAN_MORE;
    for (size_t seen = 0; seen < len && result == JSON_SCAN_MORE;) {
        size_t before = scan.at;
        seen = len - seen < piece ? len : seen + piece;
        result = json_scan(&scan, slice_of(text, seen));
        memset(text + before, '\x01', scan.at - before);
    }
    return result;
}

static void no_byte_is_looked_at_twice(void)
{
    static const char *const patterns[] = {"\\n", "\\u00e9", "\xc3\xa9",
                                           "abcdefghijk\\\\"};
    static const size_t pieces[] = {1, 7, 4096, 65536, MIB};
    char *text = malloc(MIB);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        for (size_t k = 0; k < sizeof pieces / sizeof pieces[0]; k++) {
            size_t len = make_long_string(text, patterns[i]);
            EXPECT_INT(scan_once(text, len, pieces[k]), JSON_SCAN_END);
        }
    }
    free(text);
}

static void white_space_around_a_valid_value_is_allowed(void)
{
    EXPECT(json_is_valid(SLICE_LITERAL("1"), 1));
    EXPECT(json_is_valid(SLICE_LITERAL(" \t\r\n1 \t\r\n"), 1));
    EXPECT(json_is_valid(SLICE_LITERAL(" [1] "), 1));
    EXPECT(json_is_valid(SLICE_LITERAL("NaN"), 1));
    EXPECT(!json_is_valid(SLICE_LITERAL(" [1]\v"), 1));
    EXPECT(!json_is_valid(SLICE_LITERAL("\f[1]"), 1));
}

static void only_one_whole_value_is_valid(void)
{
    static const char *const texts[] = {"",    " ",    "[1", "[1]]", "1 2",
                                        "01",  "-",    "1.", "1e",   "tru",
                                        "\"a", "{}{}", "1x", "nan",  "[1] x"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!EXPECT(!json_is_valid(slice_of_string(texts[i]), DEPTH_MAX))) {
            EXPECT_TEXT(SLICE_LITERAL(""), texts[i]);
        }
    }
    EXPECT(!json_is_valid(SLICE_LITERAL("1\0"), 1));
}

static void valid_values_keep_the_depth_given(void)
{
    EXPECT(json_is_valid(SLICE_LITERAL("[[]]"), 2));
    EXPECT(!json_is_valid(SLICE_LITERAL("[[[]]]"), 2));
    EXPECT(json_is_valid(SLICE_LITERAL("1"), 0));
    EXPECT(!json_is_valid(SLICE_LITERAL("[]"), 0));
}

static const struct test_case cases[] = {
    TEST(good_values_end_at_their_last_byte),
    TEST(good_values_end_wherever_they_are_cut),
    TEST(bad_values_are_bad_at_their_first_impossible_byte),
    TEST(values_may_come_byte_by_byte),
    TEST(bad_stays_bad_and_end_stays_end),
    TEST(nothing_is_the_start_of_a_value),
    TEST(number_alone_may_end_where_it_is_whole),
    TEST(number_alone_ends_before_what_follows),
    TEST(type_of_the_value_is_told),
    TEST(members_are_told_with_their_types),
    TEST(members_are_told_wherever_the_object_is_cut),
    TEST(strings_with_backslashes_are_marked),
    TEST(members_are_forgotten_by_the_next_value),
    TEST(nesting_ends_at_the_maximum),
    TEST(nesting_is_refused_at_the_bracket_too_many),
    TEST(nesting_tells_objects_from_arrays_at_every_level),
    TEST(no_byte_is_looked_at_twice),
    TEST(white_space_around_a_valid_value_is_allowed),
    TEST(only_one_whole_value_is_valid),
    TEST(valid_values_keep_the_depth_given),
};

SUITE(base_json_scan, cases);
