/* The golden frames, from both ends. */
#include "core/call.h"
#include "core/limits.h"
#include "support/test.h"
#include "wire/face_wire.h"
#include "wire/frame.h"
#include "wire/meaning.h"
#include "wire/message.h"
#include "wire/same.h"
#include "wire/vectors.h"

#include "cache.pb-c.h"

#include <stdio.h>
#include <stdlib.h>

static struct slice body_of(struct vector *vector)
{
    struct slice body = {0};
    struct slice frame = buffer_peek(&vector->frame);
    bool is_whole = frame_peek(frame, FRAME_LEN_MAX, &body) == FRAME_READY &&
                    body.len + FRAME_HEADER_LEN == frame.len;
    if (!EXPECT(is_whole)) {
        fprintf(stderr, "  in %s\n", vector->name);
    }
    return body;
}

static void tell(bool held, const struct vector *vector)
{
    if (!held) {
        fprintf(stderr, "  in %s\n", vector->name);
    }
}

/* protobuf-c reads it so, too. */
static void server_reads_request(struct vector *vector)
{
    struct call call;
    call_init(&call);
    EXPECT_INT(message_decode_request(body_of(vector), &call.scratch,
                                      &call.request, &call.response),
               MESSAGE_READY);
    same_request(&call.request, &vector->request, vector->name);
    tell(meaning_holds(body_of(vector), true), vector);
    call_fini(&call);
}

/* The client here does not have every operation, nor what was there before. */
static void client_reads_answer(struct vector *vector)
{
    struct message_head head;
    struct response response = {0};
    struct buffer scratch = {0};
    enum status status =
        message_decode_response(body_of(vector), &scratch, &head, &response);
    if (status != STATUS_UNIMPLEMENTED && !vector->response.has_previous) {
        EXPECT_INT(status, STATUS_OK);
        EXPECT(head.id == vector->request.id);
        EXPECT_INT(head.op, vector->request.op);
        same_response(&response, &vector->response, vector->name);
    }
    response_fini(&response);
    buffer_fini(&scratch);
}

static void protobuf_c_reads_answer(struct vector *vector)
{
    struct slice body = body_of(vector);
    Cacheserver__V1__Response *got = cacheserver__v1__response__unpack(
        NULL, body.len, (const uint8_t *)body.data);
    tell(EXPECT(got != NULL), vector);
    if (got) {
        same_answer(got, &vector->request, &vector->response, vector->name);
        cacheserver__v1__response__free_unpacked(got, NULL);
    }
}

static void read_by_its_receiver(struct vector *vector)
{
    if (vector->is_request) {
        server_reads_request(vector);
    } else {
        client_reads_answer(vector);
        protobuf_c_reads_answer(vector);
    }
}

/* Whether the client's end can say all that is in the request. */
static bool is_said(const struct request *request)
{
    const struct increment *increment = &request->increment;
    const struct bank_change *change = &request->change;
    int limits =
        -change->has_reserved - change->has_maximum - change->has_weight;
#define LIMIT(name, ...) limits += change->has_##name;
#include "core/bank_limits.def"
#undef LIMIT
    bool is_change = request->op == OP_GET && request->is_touch &&
                     request->lifetime.rule != LIFETIME_SAME;
    return request_is_plain(request) && !request->deadline_ms && !is_change &&
           !request->wants_counts && limits == 0 && !increment->has_initial;
}

static void client_writes_request(struct vector *vector)
{
    struct buffer out = {0};
    enum status status = message_encode_request(&vector->request, &out);
    if (status != STATUS_UNIMPLEMENTED && is_said(&vector->request)) {
        EXPECT_INT(status, STATUS_OK);
        tell(EXPECT_SLICE(buffer_peek(&out), buffer_peek(&vector->frame)),
             vector);
    }
    buffer_fini(&out);
}

static void server_writes_answer(struct vector *vector)
{
    struct buffer out = {0};
    EXPECT_INT(
        message_encode_response(&vector->request, &vector->response, &out),
        STATUS_OK);
    tell(EXPECT_SLICE(buffer_peek(&out), buffer_peek(&vector->frame)), vector);
    buffer_fini(&out);
}

/* What it reads it writes again in the same way. */
static void protobuf_c_writes(struct vector *vector)
{
    struct slice body = body_of(vector);
    const ProtobufCMessageDescriptor *shape =
        vector->is_request ? &cacheserver__v1__request__descriptor
                           : &cacheserver__v1__response__descriptor;
    ProtobufCMessage *message = protobuf_c_message_unpack(
        shape, NULL, body.len, (const uint8_t *)body.data);
    REQUIRE(message != NULL);
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = malloc(len + 1);
    protobuf_c_message_pack(message, bytes);
    tell(EXPECT_SLICE(slice_of(bytes, len), body), vector);
    free(bytes);
    protobuf_c_message_free_unpacked(message, NULL);
}

static void both_ways(struct vector *vector)
{
    read_by_its_receiver(vector);
    protobuf_c_writes(vector);
    if (vector->is_request) {
        client_writes_request(vector);
    } else {
        server_writes_answer(vector);
    }
}

/* As the server goes about it: the face first, then the request's check. */
static void refused_by_the_server(struct vector *vector)
{
    const struct limits limits = {
        .frame_len_max = 8 * 1024 * 1024,
        .list_len_max = 1000,
        .batch_max = 1000,
    };
    struct slice frame = buffer_peek(&vector->frame);
    struct input input = {.data = vector->frame.data, .len = frame.len};
    struct call call;
    call_init(&call);
    enum decode decode = face_wire.decode(NULL, &limits, &input, &call);
    bool held = EXPECT_INT(decode == DECODE_BAD, vector->is_closed);
    if (decode == DECODE_READY) {
        EXPECT(!request_check(&call.request, &limits, &call.response));
    }
    if (!vector->is_closed) {
        held = EXPECT_INT(call.response.status, vector->response.status) &&
               EXPECT(call.request.id == vector->request.id) && held;
    }
    if (!held) {
        fprintf(stderr, "  in %s\n", vector->name);
    }
    call_fini(&call);
}

static void vectors_of_requests_hold_both_ways(void)
{
    EXPECT_INT(vectors_each("requests.txt", both_ways), 66);
}

static void vectors_of_answers_hold_both_ways(void)
{
    EXPECT_INT(vectors_each("answers.txt", both_ways), 54);
}

static void vectors_that_ask_for_leniency_are_read(void)
{
    EXPECT_INT(vectors_each("lenient.txt", read_by_its_receiver), 19);
}

static void vectors_to_be_refused_are_refused(void)
{
    EXPECT_INT(vectors_each("refused.txt", refused_by_the_server), 56);
}

static const struct test_case cases[] = {
    TEST(vectors_of_requests_hold_both_ways),
    TEST(vectors_of_answers_hold_both_ways),
    TEST(vectors_that_ask_for_leniency_are_read),
    TEST(vectors_to_be_refused_are_refused),
};

SUITE(wire_vectors, cases);
