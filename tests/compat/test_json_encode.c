#include "compat/json_encode.h"

#include "base/buffer.h"
#include "core/call.h"

#include "support/starve.h"
#include "support/test.h"

#include <math.h>

#define OK(data)       "{\"status\": \"ok\", \"data\": " data "}"
#define ERROR(message) "{\"status\": \"error\", \"message\": \"" message "\"}"

/* The answer to a call in `call`, which is spent afterwards. */
static void expect_answer(struct call *call, const char *must)
{
    struct buffer out = {0};
    buffer_append(&out, SLICE_LITERAL("before "));
    EXPECT_INT(json_encode(call, &out), ENCODE_DONE);
    struct slice answer = slice_after(buffer_peek(&out), strlen("before "));
    EXPECT_TEXT(answer, must);
    buffer_fini(&out);
    call_fini(call);
}

static void begin(struct call *call, enum op op)
{
    call_init(call);
    call->request.op = op;
}

static void successes_say_so(void)
{
    static const enum op ops[] = {OP_PUT, OP_REMOVE, OP_TOUCH, OP_BANK_RESET};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        struct call call;
        begin(&call, ops[i]);
        expect_answer(&call, OK("{}"));
    }
}

static void expect_value(enum value_kind kind, struct slice value,
                         const char *must)
{
    struct call call;
    begin(&call, OP_GET);
    call.response.kind = kind;
    buffer_append(&call.response.body, value);
    expect_answer(&call, must);
}

static void text_is_answered_as_a_string(void)
{
    expect_value(VALUE_TEXT, SLICE_LITERAL("v1"), OK("\"v1\""));
    expect_value(VALUE_TEXT, SLICE_LITERAL(""), OK("\"\""));
    expect_value(VALUE_TEXT, SLICE_LITERAL("a\"b\\c/\n\0\x1f\x7f"),
                 OK("\"a\\\"b\\\\c/\\n\\u0000\\u001f\\u007f\""));
    expect_value(VALUE_TEXT, SLICE_LITERAL("\xc3\xa9\xf0\x9f\x98\x80"),
                 OK("\"\\u00e9\\ud83d\\ude00\""));
}

static void json_is_answered_as_it_was_written(void)
{
    static const char *const texts[] = {
        "1.50",  "-0",       "12345678901234567890", "NaN",
        "null",  "[1, 2,3]", "{\"\xc3\xa9\" :1}",    "\"\\uD800\"",
        " [1]\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct buffer must = {0};
        buffer_append(&must, SLICE_LITERAL("{\"status\": \"ok\", \"data\": "));
        buffer_append(&must, slice_of_string(texts[i]));
        buffer_append(&must, SLICE_LITERAL("}\0"));
        expect_value(VALUE_JSON, slice_of_string(texts[i]),
                     buffer_peek(&must).data);
        buffer_fini(&must);
    }
}

static void bytes_are_answered_as_a_string_or_in_base64(void)
{
    expect_value(VALUE_BYTES, SLICE_LITERAL(""), OK("\"\""));
    expect_value(VALUE_BYTES, SLICE_LITERAL("\xc3\xa9\0"),
                 OK("\"\\u00e9\\u0000\""));
    expect_value(VALUE_BYTES, SLICE_LITERAL("\xff\0\xfe"),
                 OK("\"/wD+\", \"encoding\": \"base64\""));
    expect_value(VALUE_BYTES, SLICE_LITERAL("\xed\xa0\x80"),
                 OK("\"7aCA\", \"encoding\": \"base64\""));
}

static void expect_sum(struct number number, const char *must)
{
    struct call call;
    begin(&call, OP_INCR);
    call.response.number = number;
    expect_answer(&call, must);
}

static void sums_are_answered_in_pythons_spelling(void)
{
    expect_sum((struct number){.real = 2}, OK("2.0"));
    expect_sum((struct number){.real = -1.7999999999999998},
               OK("-1.7999999999999998"));
    expect_sum((struct number){.real = 1e16}, OK("1e+16"));
    expect_sum((struct number){.real = (double)NAN}, OK("NaN"));
    expect_sum((struct number){.real = -HUGE_VAL}, OK("-Infinity"));
}

static void expect_error(enum op op, enum status status, const char *message,
                         const char *must)
{
    struct call call;
    begin(&call, op);
    call.request.key = SLICE_LITERAL("k");
    response_fail(&call.response, status, "%s", message);
    expect_answer(&call, must);
}

static void errors_say_what_the_response_says(void)
{
    expect_error(OP_NONE, STATUS_INVALID_ARGUMENT, "Invalid operation",
                 ERROR("Invalid operation"));
    expect_error(OP_PUT, STATUS_RESOURCE_EXHAUSTED, "",
                 ERROR("resource exhausted"));
    expect_error(OP_GET, STATUS_NOMEM, "", ERROR("out of memory"));
    expect_error(OP_GET, STATUS_INVALID_ARGUMENT, "a \"b\" \xc3\xa9",
                 ERROR("a \\\"b\\\" \\u00e9"));
    expect_error(OP_BANK_KEYS, STATUS_INVALID_ARGUMENT, "bank is bad",
                 ERROR("bank is bad"));
    expect_error(OP_BANK_LIST, STATUS_NOMEM, "", ERROR("out of memory"));
    expect_error(OP_GET, STATUS_FAILED_PRECONDITION, "",
                 ERROR("failed precondition"));
}

static void errors_about_keys_are_the_originals(void)
{
    static const enum op ops[] = {OP_GET, OP_REMOVE, OP_TOUCH, OP_INCR};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        expect_error(ops[i], STATUS_NOT_FOUND, "",
                     ERROR("Key k doesn't exist"));
    }
    expect_error(OP_INCR, STATUS_FAILED_PRECONDITION, "",
                 ERROR("The value for key k isn't a number"));
}

static void expect_key_spelled(struct slice key, const char *note,
                               const char *must)
{
    struct call call;
    begin(&call, OP_GET);
    call.request.key = key;
    call.request.note = slice_of_string(note);
    response_fail(&call.response, STATUS_NOT_FOUND, "%s", "");
    expect_answer(&call, must);
}

static void keys_are_spelled_as_python_does(void)
{
    expect_key_spelled(SLICE_LITERAL(""), "", ERROR("Key  doesn't exist"));
    expect_key_spelled(SLICE_LITERAL("%s{}"), "",
                       ERROR("Key %s{} doesn't exist"));
    expect_key_spelled(SLICE_LITERAL("no\"such'one\\"), "",
                       ERROR("Key no\\\"such'one\\\\ doesn't exist"));
    expect_key_spelled(SLICE_LITERAL("a\0"), "",
                       ERROR("Key a\\u0000 doesn't exist"));
    expect_key_spelled(SLICE_LITERAL("\xed\xa0\x81"), "",
                       ERROR("Key \\ud801 doesn't exist"));
    expect_key_spelled(SLICE_LITERAL("\3771"), "true",
                       ERROR("Key True doesn't exist"));
    expect_key_spelled(SLICE_LITERAL("\3771"), "1.0",
                       ERROR("Key 1.0 doesn't exist"));
    expect_key_spelled(SLICE_LITERAL("\377null"), "null",
                       ERROR("Key None doesn't exist"));
    expect_key_spelled(SLICE_LITERAL(""), "[\"a\",1,null,true]",
                       ERROR("Key ['a', 1, None, True] doesn't exist"));
}

/* A page of a listing: its items, and whether another follows. */
struct page {
    const char *const *items;
    size_t count;
    const char *cursor;
};

/* Answers `page` to `call`, as an engine would, and encodes it. */
static enum encode encode_page(struct call *call, const struct page *page,
                               struct buffer *out)
{
    for (size_t i = 0; i < page->count; i++) {
        response_add_item(&call->response, slice_of_string(page->items[i]));
    }
    call->response.cursor_len = strlen(page->cursor);
    memcpy(call->response.cursor, page->cursor, call->response.cursor_len);
    return json_encode(call, out);
}

static void expect_list(const char *const *items, size_t count,
                        const char *must)
{
    struct call call;
    struct buffer out = {0};
    begin(&call, OP_BANK_KEYS);
    struct page page = {items, count, ""};
    EXPECT_INT(encode_page(&call, &page, &out), ENCODE_DONE);
    EXPECT_TEXT(buffer_peek(&out), must);
    buffer_fini(&out);
    call_fini(&call);
}

static void lists_are_arrays(void)
{
    static const char *const items[] = {"z", "a\"b'c\\d", "\xc3\xa9", ""};
    expect_list(NULL, 0, OK("[]"));
    expect_list(items, 1, OK("[\"z\"]"));
    expect_list(items, 4, OK("[\"z\", \"a\\\"b'c\\\\d\", \"\\u00e9\", \"\"]"));
}

static void keys_are_listed_as_what_they_are(void)
{
    static const char *const items[] = {
        "\3771",         "1",
        "\377null",      "\377-1.5",
        "\377NaN",       "\xed\xa0\x80",
        "a\xed\xb0\x80", "\xed\xb0\x80\xed\xa0\x80"};
    expect_list(items, 8,
                OK("[1, \"1\", null, -1.5, NaN, \"\\ud800\", \"a\\udc00\", "
                   "\"\\udc00\\ud800\"]"));
}

/* Bytes that no JSON string stands for, surrogate pairs written as two
 * characters among them. */
static void keys_that_are_no_text_are_listed_in_base64(void)
{
    static const char *const items[] = {"a\xff", "\xfe", "\xc3", "\xed\xa0",
                                        "\xed\xa0\x80\xed\xb0\x80"};
    expect_list(items, 5,
                OK("[{\"base64\": \"Yf8=\"}, {\"base64\": \"/g==\"}, "
                   "{\"base64\": \"ww==\"}, {\"base64\": \"7aA=\"}, "
                   "{\"base64\": \"7aCA7bCA\"}]"));
}

static void lists_are_answered_page_by_page(void)
{
    static const char *const items[] = {"a", "b", "c"};
    static const struct page pages[] = {{NULL, 0, "1"},
                                        {items, 2, "22"},
                                        {NULL, 0, "333"},
                                        {items + 2, 1, "4"},
                                        {NULL, 0, ""}};
    struct call call;
    struct buffer out = {0};
    begin(&call, OP_BANK_LIST);
    for (size_t i = 0; i < 4; i++) {
        EXPECT_INT(encode_page(&call, &pages[i], &out), ENCODE_AGAIN);
        EXPECT_TEXT(call.request.cursor, pages[i].cursor);
        EXPECT_INT(call.request.op, OP_BANK_LIST);
    }
    EXPECT_INT(encode_page(&call, &pages[4], &out), ENCODE_DONE);
    EXPECT_TEXT(buffer_peek(&out), OK("[\"a\", \"b\", \"c\"]"));
    buffer_fini(&out);
    call_fini(&call);
}

static void lists_survive_being_kept_between_pages(void)
{
    static const char *const items[] = {"a", "b"};
    static const struct page pages[] = {{items, 1, "c"}, {items + 1, 1, ""}};
    struct call call;
    struct buffer out = {0};
    begin(&call, OP_BANK_KEYS);
    EXPECT_INT(encode_page(&call, &pages[0], &out), ENCODE_AGAIN);
    EXPECT_INT(call_keep(&call), STATUS_OK);
    buffer_clear(&call.scratch);
    EXPECT_TEXT(call.request.cursor, "c");
    EXPECT_INT(encode_page(&call, &pages[1], &out), ENCODE_DONE);
    EXPECT_TEXT(buffer_peek(&out), OK("[\"a\", \"b\"]"));
    buffer_fini(&out);
    call_fini(&call);
}

/* How a listing goes on that has begun when its next page fails. */
static void expect_list_failing(enum status status, enum encode result,
                                const char *must)
{
    static const char *const items[] = {"a"};
    static const struct page page = {items, 1, "c"};
    struct call call;
    struct buffer out = {0};
    begin(&call, OP_BANK_KEYS);
    EXPECT_INT(encode_page(&call, &page, &out), ENCODE_AGAIN);
    response_fail(&call.response, status, "%s", "");
    EXPECT_INT(json_encode(&call, &out), result);
    EXPECT_TEXT(buffer_peek(&out), must);
    buffer_fini(&out);
    call_fini(&call);
}

static void lists_end_where_their_bank_was_reset(void)
{
    expect_list_failing(STATUS_ABORTED, ENCODE_DONE, OK("[\"a\"]"));
}

static void lists_that_cannot_be_whole_do_not_end(void)
{
    expect_list_failing(STATUS_NOMEM, ENCODE_FAILED,
                        "{\"status\": \"ok\", \"data\": [\"a\"");
}

/* What an answer must be when memory fails, and when it does not. */
struct sweep {
    struct call call;
    bool is_list; /* what was said before cannot be taken back */
    enum encode result;
    const char *answer;
};

static void attempt_encode(void *arg)
{
    struct sweep *sweep = arg;
    struct buffer out = {0};
    sweep->call.request.note = (struct slice){NULL, 0};
    enum encode result = json_encode(&sweep->call, &out);
    if (starve_has_struck()) {
        EXPECT_INT(result, ENCODE_FAILED);
        EXPECT(sweep->is_list || buffer_len(&out) == 0);
    } else {
        EXPECT_INT(result, sweep->result);
        EXPECT_TEXT(buffer_peek(&out), sweep->answer);
    }
    buffer_fini(&out);
}

static void run_sweep(struct sweep *sweep)
{
    EXPECT(starve(attempt_encode, sweep) > 1);
    call_fini(&sweep->call);
}

static void values_without_memory_are_not_half_said(void)
{
    struct sweep sweep = {.result = ENCODE_DONE,
                          .answer = OK("\"/////////w==\", "
                                       "\"encoding\": \"base64\"")};
    begin(&sweep.call, OP_GET);
    buffer_append(&sweep.call.response.body,
                  SLICE_LITERAL("\xff\xff\xff\xff\xff\xff\xff"));
    run_sweep(&sweep);
}

static void errors_without_memory_are_not_half_said(void)
{
    struct sweep sweep = {.result = ENCODE_DONE,
                          .answer = ERROR("The value for key k isn't a "
                                          "number")};
    begin(&sweep.call, OP_INCR);
    sweep.call.request.key = SLICE_LITERAL("k");
    response_fail(&sweep.call.response, STATUS_FAILED_PRECONDITION, "%s", "");
    run_sweep(&sweep);
}

static void lists_without_memory_fail(void)
{
    struct sweep sweep = {.is_list = true,
                          .result = ENCODE_AGAIN,
                          .answer = "{\"status\": \"ok\", \"data\": [\"a\", "
                                    "{\"base64\": \"/v8=\"}, 1"};
    begin(&sweep.call, OP_BANK_KEYS);
    response_add_item(&sweep.call.response, SLICE_LITERAL("a"));
    response_add_item(&sweep.call.response, SLICE_LITERAL("\xfe\xff"));
    response_add_item(&sweep.call.response, SLICE_LITERAL("\3771"));
    sweep.call.response.cursor_len = 1;
    run_sweep(&sweep);
}

static void limits_and_stats_are_objects(void)
{
    struct call call;
    begin(&call, OP_BANK_CONFIGURE);
    call.response.limits = (struct bank_limits){
        .reserved = 1, .maximum = UINT64_MAX, .weight = 100};
    expect_answer(&call,
                  OK("{\"reserved\": 1, \"maximum\": "
                     "18446744073709551615, \"weight\": 100, "
                     "\"maximum_entries\": 0, \"default_lifetime_ms\": 0, "
                     "\"maximum_lifetime_ms\": 0, \"lifetime_jitter\": 0, "
                     "\"when_full\": \"evict\", \"read_only\": false}"));
    begin(&call, OP_BANK_STATS);
    call.response.stats = (struct bank_stats){
        .entries = 1, .misses_reset = 2, .expiry_lag_max_ms = 3, .weight = 4};
    expect_answer(
        &call,
        OK("{\"entries\": 1, \"bytes\": 0, \"hits\": 0, "
           "\"misses_never_seen\": 0, \"misses_expired\": 0, "
           "\"misses_evicted\": 0, \"misses_removed\": 0, "
           "\"misses_reset\": 2, \"evictions\": 0, \"expirations\": 0, "
           "\"overwrites\": 0, \"expiry_lag_total_ms\": 0, "
           "\"expiry_lag_max_ms\": 3, \"reserved\": 0, \"maximum\": 0, "
           "\"weight\": 4, \"maximum_entries\": 0, \"default_lifetime_ms\": 0, "
           "\"maximum_lifetime_ms\": 0, \"lifetime_jitter\": 0, "
           "\"when_full\": \"evict\", \"read_only\": false, \"latencies\": "
           "{}}"));
}

static const struct test_case cases[] = {
    TEST(successes_say_so),
    TEST(text_is_answered_as_a_string),
    TEST(json_is_answered_as_it_was_written),
    TEST(bytes_are_answered_as_a_string_or_in_base64),
    TEST(sums_are_answered_in_pythons_spelling),
    TEST(errors_say_what_the_response_says),
    TEST(errors_about_keys_are_the_originals),
    TEST(keys_are_spelled_as_python_does),
    TEST(limits_and_stats_are_objects),
    TEST(lists_are_arrays),
    TEST(keys_are_listed_as_what_they_are),
    TEST(keys_that_are_no_text_are_listed_in_base64),
    TEST(lists_are_answered_page_by_page),
    TEST(lists_survive_being_kept_between_pages),
    TEST(lists_end_where_their_bank_was_reset),
    TEST(lists_that_cannot_be_whole_do_not_end),
    TEST(values_without_memory_are_not_half_said),
    TEST(errors_without_memory_are_not_half_said),
    TEST(lists_without_memory_fail),
};

SUITE(compat_json_encode, cases);
