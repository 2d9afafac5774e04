/* What json_quick.c decodes and encodes, the general way would have in the
 * same way: held against it for what encoders write, cut at every length, and
 * changed at random. What it leaves alone is the general way's to judge. */
#include "compat/json_quick.h"

#include "base/json_plain.h"
#include "base/json_scan.h"
#include "compat/json_decode.h"
#include "compat/json_encode.h"
#include "core/call.h"
#include "core/limits.h"
#include "support/guard.h"
#include "support/test.h"
#include "wire/same.h"

#include <stdio.h>
#include <stdlib.h>

/* The general way, on a copy, which it may write to; it must find a request
 * of `len` bytes. */
static void decode_generally(struct slice text, size_t len, struct call *call,
                             char *copy)
{
    struct json_scan scan;
    memcpy(copy, text.data, text.len);
    json_scan_start(&scan, json_names, JSON_NAME_COUNT, JSON_DEPTH_MAX);
    EXPECT_INT(json_scan(&scan, slice_of(copy, text.len)), JSON_SCAN_END);
    EXPECT_INT(scan.at, len);
    EXPECT_INT(json_decode(&scan, copy, call), DECODE_READY);
}

/* Decodes both ways; how many bytes json_quick_decode() took. */
static size_t compare(struct slice text)
{
    struct slice guarded = guard_copy(text);
    struct call call;
    struct request quick;
    char *copy = malloc(text.len + 1);
    call_init(&call);
    request_init(&quick);
    size_t len = json_quick_decode(guarded, &quick);
    if (len > 0) {
        decode_generally(guarded, len, &call, copy);
        EXPECT_INT(quick.is_value_checked, call.request.is_value_checked);
        EXPECT_INT(call.request.note.len, 0);
    }
    same_request(&quick, &call.request, text.data);
    call_fini(&call);
    free(copy);
    guard_free(guarded);
    return len;
}

static const char *const usual[] = {
    "{\"op\":\"get\",\"bank\":\"b\",\"key\":\"k\"}",
    "{\"op\": \"get\", \"bank\": \"bank\", \"key\": \"a key of words\"}",
    "{\"key\":\"key:0000000000001\",\"op\":\"get\",\"bank\":\"\"}",
    "{\"op\":\"put\",\"bank\":\"b\",\"key\":\"k\",\"value\":\"some text\"}",
    "{\"op\": \"put\", \"bank\": \"b\", \"key\": \"\", \"value\": \"\"}",
    "{\"op\": \"put\", \"bank\": \"b\", \"key\": \"k\", "
    "\"value\": \"01234567890123456789012345678901\", \"lifetime\": 60}",
    "{\"lifetime\":0,\"value\":\"v\",\"key\":\"k\",\"bank\":\"b\",\"op\":"
    "\"put\"}",
    "{\"op\":\"put\",\"bank\":\"b\",\"key\":\"k\",\"value\":\"v\","
    "\"lifetime\":999999999}",
};
enum { USUAL_COUNT = sizeof usual / sizeof usual[0] };

static void usual_requests_are_taken_whole_and_no_further(void)
{
    for (size_t i = 0; i < USUAL_COUNT; i++) {
        char text[400];
        size_t len = strlen(usual[i]);
        EXPECT_INT(compare(slice_of_string(usual[i])), len);
        snprintf(text, sizeof text, "%s%s", usual[i], usual[0]);
        EXPECT_INT(compare(slice_of_string(text)), len);
    }
}

static void others_are_left_alone(void)
{
    static const char *const others[] = {
        "",
        "{}",
        "[]",
        "{\"op\":\"get\",\"bank\":\"b\",\"key\":1}",
        "{\"op\":\"get\",\"bank\":\"b\"}",
        "{\"op\":\"get\",\"bank\":\"b\",\"key\":\"a\\n\"}",
        "{\"op\":\"get\",\"bank\":\"b\",\"key\":\"\xc3\xa9\"}",
        "{\"op\":\"get\",\"bank\":\"b\",\"key\":\"k\",\"key\":\"l\"}",
        "{\"op\":\"get\",\"bank\":\"b\",\"key\":\"k\",\"more\":\"l\"}",
        "{\"op\":\"get\",\"bank\":\"b\",\"key\":\"k\",\"value\":\"l\"}",
        "{\"op\":\"get\",\"bank\":\"b\",\"key\":\"k\",}",
        "{\"op\":\"get\"  ,\"bank\":\"b\",\"key\":\"k\"}",
        "{\"op\":\"touch\",\"bank\":\"b\",\"key\":\"k\"}",
        "{\"op\":\"put\",\"bank\":\"b\",\"key\":\"k\"}",
        "{\"op\":\"put\",\"bank\":\"b\",\"key\":\"k\",\"value\":3}",
        "{\"op\":\"put\",\"bank\":\"b\",\"key\":\"k\",\"value\":\"v\","
        "\"lifetime\":01}",
        "{\"op\":\"put\",\"bank\":\"b\",\"key\":\"k\",\"value\":\"v\","
        "\"lifetime\":1.5}",
        "{\"op\":\"put\",\"bank\":\"b\",\"key\":\"k\",\"value\":\"v\","
        "\"lifetime\":1000000000}",
        "{\"op\":\"put\",\"bank\":\"b\",\"key\":\"k\",\"value\":\"v\","
        "\"encoding\":\"base64\"}",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        EXPECT_INT(compare(slice_of_string(others[i])), 0);
    }
}

static void a_request_is_left_alone_when_it_is_cut_anywhere(void)
{
    for (size_t i = 0; i < USUAL_COUNT; i++) {
        for (size_t len = 0; len < strlen(usual[i]); len++) {
            EXPECT_INT(compare(slice_of(usual[i], len)), 0);
        }
    }
}

/* Some of the bytes become others, vanish, or come from elsewhere in it. */
static size_t change(char *text, size_t len, uint64_t *random)
{
    static const char likely[] = "\"{}[]:,\\ 019.eE\n\x7f\x80ut";
    for (uint64_t i = test_random(random) % 3; i < 3; i++) {
        size_t at = test_random(random) % len;
        uint64_t with = test_random(random);
        if (with % 4 == 0) {
            memmove(text + at, text + at + 1, len - at - 1);
            len -= len > 1;
        } else if (with % 4 == 1) {
            text[at] = text[with / 4 % len];
        } else {
            text[at] = likely[with / 4 % (sizeof likely - 1)];
        }
    }
    return len;
}

static void both_agree_on_requests_that_were_changed(void)
{
    enum { TIMES = 30000, TIMES_LONG = 3000000 };
    uint64_t random = test_seed();
    int taken = 0;
    for (int i = 0; i < (test_is_long() ? TIMES_LONG : TIMES); i++) {
        char text[200];
        const char *whole = usual[test_random(&random) % USUAL_COUNT];
        size_t len = strlen(whole);
        memcpy(text, whole, len + 1);
        len = change(text, len, &random);
        text[len] = '\0';
        taken += compare(slice_of(text, len)) > 0;
    }
    EXPECT(taken > TIMES / 100);
}

static bool compare_answers(struct call *call)
{
    struct buffer quick = {0};
    struct buffer full = {0};
    bool is_quick = json_quick_encode(call, &quick);
    if (is_quick) {
        EXPECT_INT(json_encode(call, &full), ENCODE_DONE);
    }
    EXPECT_SLICE(buffer_peek(&quick), buffer_peek(&full));
    buffer_fini(&quick);
    buffer_fini(&full);
    return is_quick;
}

static void answers_are_byte_for_byte_the_same(void)
{
    struct call call;
    call_init(&call);
    call.request.op = OP_PUT;
    EXPECT(compare_answers(&call));
    call.request.op = OP_GET;
    for (int byte = 0; byte < 256; byte++) {
        char value[] = "a longer text, and in it ?";
        value[sizeof value - 2] = (char)byte;
        for (size_t len = 0; len < sizeof value; len++) {
            buffer_clear(&call.response.body);
            buffer_append(&call.response.body, slice_of(value, len));
            bool is_plain = len < sizeof value - 1 || json_plain_is((char)byte);
            call.response.kind = VALUE_TEXT;
            EXPECT(!is_plain || compare_answers(&call));
            call.response.kind = VALUE_JSON;
            EXPECT(compare_answers(&call));
            call.response.kind = VALUE_BYTES;
            EXPECT(!compare_answers(&call));
        }
    }
    call_fini(&call);
}

static void errors_and_other_answers_are_left_alone(void)
{
    struct call call;
    call_init(&call);
    call.request.op = OP_INCR;
    EXPECT(!compare_answers(&call));
    call.request.op = OP_GET;
    response_fail(&call.response, STATUS_NOT_FOUND, "%s", "");
    EXPECT(!compare_answers(&call));
    call_fini(&call);
}

static const struct test_case cases[] = {
    TEST(usual_requests_are_taken_whole_and_no_further),
    TEST(others_are_left_alone),
    TEST(a_request_is_left_alone_when_it_is_cut_anywhere),
    TEST(both_agree_on_requests_that_were_changed),
    TEST(answers_are_byte_for_byte_the_same),
    TEST(errors_and_other_answers_are_left_alone),
};
SUITE(compat_json_quick, cases);
