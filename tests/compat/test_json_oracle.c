/* Random JSON, whole and damaged, before our scanner and cJSON, which is
 * laxer: what the scanner takes, cJSON takes too, but for what only the
 * original took (NaN, infinities, surrogates without partner). */
#include "base/buffer.h"
#include "base/json_scan.h"
#include "core/limits.h"

#include "support/json_texts.h"
#include "support/test.h"

#include <cjson/cJSON.h>

enum { ROUNDS = 4000, LONG_ROUNDS = 1000000, DEPTH_MAX = 6 };

static void add(struct buffer *text, const char *piece)
{
    buffer_append(text, slice_of_string(piece));
}

static const char *pick(uint64_t *random, const char *const *from, size_t count)
{
    return from[test_random(random) % count];
}

#define PICK(random, from)                                                     \
    pick((random), (from), sizeof(from) / sizeof(from)[0])

static void add_space(struct buffer *text, uint64_t *random)
{
    static const char *const spaces[] = {"", "", "", " ", "\n", "\t\r "};
    add(text, PICK(random, spaces));
}

static void add_string(struct buffer *text, uint64_t *random)
{
    static const char *const pieces[] = {"a",
                                         "op",
                                         "abcdefghijklmnopqrstuvwxyz",
                                         "\\n",
                                         "\\\"",
                                         "\\\\",
                                         "\\/",
                                         "\\u0041",
                                         "\\ud83d\\ude00",
                                         "\xc3\xa9",
                                         "\xe2\x82\xac",
                                         "\xf0\x9f\x98\x80",
                                         " ",
                                         "{",
                                         "]",
                                         ":",
                                         ",",
                                         "\x7f",
                                         "\\u00E9"};
    add(text, "\"");
    for (uint64_t count = test_random(random) % 5; count > 0; count--) {
        add(text, PICK(random, pieces));
    }
    add(text, "\"");
}

static void add_scalar(struct buffer *text, uint64_t *random)
{
    static const char *const scalars[] = {"0",
                                          "-0",
                                          "1",
                                          "-12",
                                          "3.25",
                                          "1e5",
                                          "-1.5E-7",
                                          "true",
                                          "false",
                                          "null",
                                          "123456789012345678901234567890"};
    if (test_random(random) % 2) {
        add(text, PICK(random, scalars));
    } else {
        add_string(text, random);
    }
}

static void add_value(struct buffer *text, uint64_t *random, int depth)
{
    uint64_t kind = test_random(random) % 4;
    bool is_object = kind == 0;
    if (kind > 1 || depth == DEPTH_MAX) {
        add_scalar(text, random);
        return;
    }
    add(text, is_object ? "{" : "[");
    add_space(text, random);
    uint64_t count = test_random(random) % 4;
    for (uint64_t i = 0; i < count; i++) {
        add(text, i ? "," : "");
        add_space(text, random);
        if (is_object) {
            add_string(text, random);
            add_space(text, random);
            add(text, ":");
            add_space(text, random);
        }
        add_value(text, random, depth + 1);
        add_space(text, random);
    }
    add(text, is_object ? "}" : "]");
}

/* Changes, drops or doubles one byte. */
static void damage(struct buffer *text, uint64_t *random)
{
    static const char bytes[] = "{}[]:,\"\\ \n\t0159-+.eEaflnrstu/\x01\x7f\xc3"
                                "\xa9\xff\v";
    char *start = text->data + text->start;
    size_t len = buffer_len(text);
    size_t at = test_random(random) % len;
    switch (test_random(random) % 3) {
    case 0:
        start[at] = bytes[test_random(random) % (sizeof bytes - 1)];
        break;
    case 1:
        memmove(start + at, start + at + 1, len - at - 1);
        buffer_truncate(text, len - 1);
        break;
    default:
        start[at] = start[test_random(random) % len];
    }
}

static bool cjson_takes(struct slice text)
{
    const char *end = NULL;
    cJSON *value = cJSON_ParseWithLengthOpts(text.data, text.len, &end, false);
    cJSON_Delete(value);
    return value != NULL;
}

static void random_json_is_taken_by_both(void)
{
    uint64_t random = test_seed();
    for (int i = 0; i < (test_is_long() ? LONG_ROUNDS : ROUNDS); i++) {
        struct buffer text = {0};
        add_value(&text, &random, 0);
        struct slice json = buffer_peek(&text);
        if (!EXPECT(json_is_valid(json, JSON_DEPTH_MAX)) ||
            !EXPECT(cjson_takes(json))) {
            EXPECT_SLICE(SLICE_LITERAL("is not taken"), json);
        }
        buffer_fini(&text);
    }
}

/* Whether `json`, which is valid, may hold what only the original took. */
static bool may_be_beyond_cjson(struct slice json)
{
    return memchr(json.data, 'N', json.len) ||
           memchr(json.data, 'I', json.len) ||
           memmem(json.data, json.len, "\\ud", 3);
}

static bool is_taken_by_the_scanner_alone(struct slice json)
{
    return json_is_valid(json, JSON_DEPTH_MAX) && !may_be_beyond_cjson(json) &&
           !cjson_takes(json);
}

static void damaged_json_is_not_taken_by_the_scanner_alone(void)
{
    uint64_t random = test_seed();
    for (int i = 0; i < (test_is_long() ? LONG_ROUNDS : ROUNDS); i++) {
        struct buffer text = {0};
        add_value(&text, &random, 0);
        damage(&text, &random);
        if (!EXPECT(!is_taken_by_the_scanner_alone(buffer_peek(&text)))) {
            EXPECT_SLICE(SLICE_LITERAL(""), buffer_peek(&text));
        }
        buffer_fini(&text);
    }
}

static void good_values_are_taken_by_both(void)
{
    for (size_t i = 0; i < json_good_count; i++) {
        struct slice json = json_good_text(i);
        EXPECT(json_is_valid(json, JSON_DEPTH_MAX));
        EXPECT(may_be_beyond_cjson(json) || cjson_takes(json));
    }
}

/* What a scan has found, in pieces of random lengths up to `piece_max`. */
static enum json_scan_result scan_pieces(struct json_scan *scan,
                                         struct slice json, uint64_t *random,
                                         size_t piece_max)
{
    static const struct slice names[] = {{"op", 2}, {"a", 1}};
    enum json_scan_result result = JSON_SCAN_MORE;
    json_scan_start(scan, names, 2, DEPTH_MAX);
    for (size_t len = 0; len < json.len && result == JSON_SCAN_MORE;) {
        size_t piece = 1 + test_random(random) % piece_max;
        len = json.len - len < piece ? json.len : len + piece;
        result = json_scan(scan, slice_of(json.data, len));
    }
    return result;
}

static void expect_same_scan(const struct json_scan *a,
                             const struct json_scan *b)
{
    for (size_t i = 0; i < 2; i++) {
        const struct json_member *left = &a->members[i];
        const struct json_member *right = &b->members[i];
        EXPECT_INT(left->type, right->type);
        if (left->type != JSON_ABSENT && right->type != JSON_ABSENT) {
            EXPECT_INT(left->at, right->at);
            EXPECT_INT(left->len, right->len);
            EXPECT_INT(left->has_escape, right->has_escape);
        }
    }
}

static void json_is_the_same_in_any_pieces(void)
{
    uint64_t random = test_seed();
    for (int i = 0; i < (test_is_long() ? LONG_ROUNDS : ROUNDS); i++) {
        struct buffer text = {0};
        add_value(&text, &random, 0);
        if (i % 2) {
            damage(&text, &random);
        }
        struct slice json = buffer_peek(&text);
        struct json_scan whole;
        struct json_scan parts;
        enum json_scan_result one = scan_pieces(&whole, json, &random, 1);
        enum json_scan_result two = scan_pieces(&parts, json, &random, 40);
        EXPECT_INT(one, two);
        if (one == JSON_SCAN_END && two == JSON_SCAN_END) {
            EXPECT_INT(whole.at, parts.at);
            expect_same_scan(&whole, &parts);
        }
        buffer_fini(&text);
    }
}

static const struct test_case cases[] = {
    TEST(random_json_is_taken_by_both),
    TEST(damaged_json_is_not_taken_by_the_scanner_alone),
    TEST(good_values_are_taken_by_both),
    TEST(json_is_the_same_in_any_pieces),
};

SUITE(compat_json_oracle, cases);
