/* What quick.c decodes and encodes, message.c would have in the same way: held
 * against it for what encoders write, cut at every length, and changed at
 * random. What it leaves alone is message.c's to judge. */
#include "wire/quick.h"

#include "core/request.h"
#include "core/response.h"
#include "support/guard.h"
#include "support/test.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "wire/same.h"

#include <stdio.h>

/* Decodes `body` both ways: whether quick_decode() took it. */
static bool compare(struct slice body, const char *what)
{
    struct slice copy = guard_copy(body);
    struct request quick;
    request_init(&quick);
    bool is_quick = quick_decode(copy, &quick);
    struct request full;
    struct response response = {0};
    struct buffer scratch = {0};
    request_init(&full);
    if (is_quick) {
        EXPECT_INT(message_decode_request(copy, &scratch, &full, &response),
                   MESSAGE_READY);
    }
    same_request(&quick, &full, what);
    buffer_fini(&scratch);
    response_fini(&response);
    guard_free(copy);
    return is_quick;
}

/* The body of the frame that a client sends for `request`. */
static struct slice body_of(const struct request *request, struct buffer *frame)
{
    buffer_clear(frame);
    EXPECT_INT(message_encode_request(request, frame), STATUS_OK);
    return slice_after(buffer_peek(frame), FRAME_HEADER_LEN);
}

static struct request request_of(enum op op)
{
    struct request request;
    request_init(&request);
    request.op = op;
    request.id = 7;
    request.bank = SLICE_LITERAL("bank");
    request.key = SLICE_LITERAL("key");
    return request;
}

/* Requests as encoders write them, of every shape. */
static const struct request *usual_requests(size_t *count)
{
    static struct request requests[9];
    static char long_value[70000];
    struct request *request = requests;
    *request++ = request_of(OP_GET);
    *request = request_of(OP_GET);
    request->is_touch = true;
    request++->lifetime.rule = LIFETIME_SAME;
    *request = request_of(OP_GET);
    request->id = 0;
    request++->bank = slice_of("", 0);
    *request = request_of(OP_GET);
    request++->id = UINT64_C(1) << 62;
    *request = request_of(OP_GET);
    request++->key = slice_of("", 0);
    *request = request_of(OP_PUT);
    request++->value = SLICE_LITERAL("value");
    *request = request_of(OP_PUT);
    request->kind = VALUE_JSON;
    request->value = SLICE_LITERAL("[1]");
    request++->lifetime = (struct lifetime){LIFETIME_NEW, 90000};
    *request = request_of(OP_PUT);
    request++->kind = VALUE_TEXT;
    *request = request_of(OP_PUT);
    request++->value = slice_of(long_value, sizeof long_value);
    *count = (size_t)(request - requests);
    return requests;
}

static void usual_requests_are_decoded_and_as_they_should_be(void)
{
    size_t count;
    const struct request *requests = usual_requests(&count);
    struct buffer frame = {0};
    EXPECT_INT(count, 9);
    for (size_t i = 0; i < count; i++) {
        struct slice body = body_of(&requests[i], &frame);
        EXPECT(compare(body, "a usual request"));
        struct request decoded;
        request_init(&decoded);
        EXPECT(quick_decode(body, &decoded));
        same_request(&decoded, &requests[i], "a usual request");
    }
    buffer_fini(&frame);
}

static void others_are_left_alone(void)
{
    struct buffer frame = {0};
    for (enum op op = OP_NONE + 1; op < OP_COUNT; op++) {
        struct request request = request_of(op);
        request.increment.delta.is_integer = true;
        bool is_said = op_info(op)->number <= 6 ||
                       (op_info(op)->number >= 10 && op_info(op)->number <= 17);
        if (op != OP_GET && op != OP_PUT && is_said) {
            EXPECT(!compare(body_of(&request, &frame), op_info(op)->name));
        }
    }
    struct request marked = request_of(OP_GET);
    marked.key = SLICE_LITERAL("\xff"
                               "1");
    EXPECT(!compare(body_of(&marked, &frame), "a marked key"));
    struct request with_long_id = request_of(OP_GET);
    with_long_id.id = UINT64_MAX;
    EXPECT(!compare(body_of(&with_long_id, &frame), "a long id"));
    buffer_fini(&frame);
}

static void a_request_is_left_alone_when_it_is_cut_anywhere(void)
{
    size_t count;
    const struct request *requests = usual_requests(&count);
    struct buffer frame = {0};
    for (size_t i = 0; i < count; i++) {
        struct slice body = body_of(&requests[i], &frame);
        size_t len_max = body.len < 200 ? body.len : 200;
        for (size_t len = 0; len < len_max; len++) {
            EXPECT(!compare(slice_of(body.data, len), "a cut request"));
        }
    }
    buffer_fini(&frame);
}

/* Some of the bytes become others, vanish or come twice. */
static void change(struct buffer *body, uint64_t *random)
{
    static const unsigned char likely[] = {0x00, 0x01, 0x08, 0x0a, 0x10,
                                           0x12, 0x18, 0x1a, 0x20, 0x22,
                                           0x28, 0x7f, 0x80, 0xff};
    for (uint64_t i = test_random(random) % 3; i < 3; i++) {
        size_t len = buffer_len(body);
        size_t at = test_random(random) % (len + 1);
        uint64_t with = test_random(random);
        char byte = (char)likely[with / 8 % sizeof likely];
        if (with % 8 < 4 && at < len) {
            body->data[at] = byte;
        } else if (with % 8 < 5) {
            buffer_truncate(body, at);
        } else if (buffer_reserve(body, 1)) {
            memmove(body->data + at + 1, body->data + at, len - at);
            body->data[at] = byte;
            buffer_commit(body, 1);
        }
    }
}

/* Long enough that many of those that were changed are still requests. */
static void both_agree_on_requests_that_were_changed(void)
{
    enum { TIMES = 20000, TIMES_LONG = 2000000 };
    size_t count;
    const struct request *requests = usual_requests(&count);
    uint64_t random = test_seed();
    struct buffer frame = {0};
    struct buffer body = {0};
    int taken = 0;
    for (int i = 0; i < (test_is_long() ? TIMES_LONG : TIMES); i++) {
        const struct request *request =
            &requests[test_random(&random) % (count - 1)];
        buffer_clear(&body);
        buffer_append(&body, body_of(request, &frame));
        change(&body, &random);
        taken += compare(buffer_peek(&body), "a changed request");
    }
    EXPECT(taken > TIMES / 100);
    buffer_fini(&body);
    buffer_fini(&frame);
}

static bool compare_answers(const struct request *request,
                            const struct response *response)
{
    struct buffer quick = {0};
    struct buffer full = {0};
    bool is_quick = quick_encode(request, response, &quick);
    if (is_quick) {
        EXPECT_INT(message_encode_response(request, response, &full),
                   STATUS_OK);
    }
    EXPECT_SLICE(buffer_peek(&quick), buffer_peek(&full));
    buffer_fini(&quick);
    buffer_fini(&full);
    return is_quick;
}

/* The answers to gets with ids of all lengths, for a value of `len` bytes. */
static void compare_gets(size_t len, struct response *response)
{
    static const uint64_t ids[] = {0, 1, 127, 128, UINT32_MAX, UINT64_MAX};
    response_clear(response);
    REQUIRE(buffer_reserve(&response->body, len));
    memset(response->body.data, 'v', len);
    buffer_commit(&response->body, len);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct request request = request_of(OP_GET);
        request.id = ids[i];
        response->kind = (enum value_kind)(i % VALUE_KIND_COUNT);
        EXPECT(compare_answers(&request, response));
    }
}

static void answers_are_byte_for_byte_the_same(void)
{
    static const size_t lens[] = {0, 1, 127, 128, 16383, 16384, 3000000};
    struct response response = {0};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        compare_gets(lens[i], &response);
    }
    response_fini(&response);
}

static void puts_misses_and_errors_are_answered_the_same(void)
{
    const struct request get = request_of(OP_GET);
    const struct request put = request_of(OP_PUT);
    const struct request remove = request_of(OP_REMOVE);
    struct response response = {0};
    EXPECT(compare_answers(&put, &response));
    EXPECT(!compare_answers(&remove, &response));
    response_fail(&response, STATUS_NOT_FOUND, "%s", "");
    EXPECT(compare_answers(&get, &response));
    EXPECT(compare_answers(&remove, &response));
    response_fail(&response, STATUS_NOT_FOUND, "not here");
    EXPECT(!compare_answers(&get, &response));
    response_fail(&response, STATUS_NOMEM, "%s", "");
    EXPECT(!compare_answers(&get, &response));
    response_fini(&response);
}

static void a_batch_of_misses_is_answered_as_the_general_encoder_does(void)
{
    struct request request = {.op = OP_GET_MANY, .id = 7};
    const struct batch_result misses[] = {{.status = STATUS_NOT_FOUND},
                                          {.status = STATUS_NOT_FOUND}};
    struct response response = {.count = 2};
    struct buffer quick = {0};
    struct buffer full = {0};
    EXPECT_INT(
        buffer_append(&response.results, slice_of(misses, sizeof misses)),
        STATUS_OK);
    EXPECT(quick_encode_many(&request, &response, &quick));
    EXPECT_INT(message_encode_response(&request, &response, &full), STATUS_OK);
    EXPECT_SLICE(buffer_peek(&quick), buffer_peek(&full));
    buffer_fini(&quick);
    buffer_fini(&full);
    response_fini(&response);
}

static const struct test_case cases[] = {
    TEST(a_batch_of_misses_is_answered_as_the_general_encoder_does),
    TEST(usual_requests_are_decoded_and_as_they_should_be),
    TEST(others_are_left_alone),
    TEST(a_request_is_left_alone_when_it_is_cut_anywhere),
    TEST(both_agree_on_requests_that_were_changed),
    TEST(answers_are_byte_for_byte_the_same),
    TEST(puts_misses_and_errors_are_answered_the_same),
};
SUITE(wire_quick, cases);
