/* The golden frames, from both ends. */
#include "core/call.h"
#include "core/limits.h"
#include "support/test.h"
#include "wire/face_wire.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "wire/same.h"
#include "wire/vectors.h"

#include <stdio.h>

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

static void server_reads_request(struct vector *vector)
{
    struct call call;
    call_init(&call);
    EXPECT_INT(message_decode_request(body_of(vector), &call.scratch,
                                      &call.request, &call.response),
               MESSAGE_READY);
    same_request(&call.request, &vector->request, vector->name);
    call_fini(&call);
}

static void client_reads_answer(struct vector *vector)
{
    struct message_head head;
    struct response response = {0};
    struct buffer scratch = {0};
    EXPECT_INT(
        message_decode_response(body_of(vector), &scratch, &head, &response),
        STATUS_OK);
    EXPECT(head.id == vector->request.id);
    EXPECT_INT(head.op, vector->request.op);
    same_response(&response, &vector->response, vector->name);
    response_fini(&response);
    buffer_fini(&scratch);
}

static void read_by_its_receiver(struct vector *vector)
{
    if (vector->is_request) {
        server_reads_request(vector);
    } else {
        client_reads_answer(vector);
    }
}

static void written_by_its_sender(struct vector *vector)
{
    struct buffer out = {0};
    if (vector->is_request) {
        EXPECT_INT(message_encode_request(&vector->request, &out), STATUS_OK);
    } else {
        EXPECT_INT(
            message_encode_response(&vector->request, &vector->response, &out),
            STATUS_OK);
    }
    if (!EXPECT_SLICE(buffer_peek(&out), buffer_peek(&vector->frame))) {
        fprintf(stderr, "  in %s\n", vector->name);
    }
    buffer_fini(&out);
}

static void both_ways(struct vector *vector)
{
    read_by_its_receiver(vector);
    written_by_its_sender(vector);
}

/* As the server goes about it: the face first, then the request's check. */
static void refused_by_the_server(struct vector *vector)
{
    const struct limits limits = {
        .frame_len_max = 8 * 1024 * 1024,
        .list_len_max = 1000,
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
    EXPECT_INT(vectors_each("requests.txt", both_ways), 29);
}

static void vectors_of_answers_hold_both_ways(void)
{
    EXPECT_INT(vectors_each("answers.txt", both_ways), 25);
}

static void vectors_that_ask_for_leniency_are_read(void)
{
    EXPECT_INT(vectors_each("lenient.txt", read_by_its_receiver), 13);
}

static void vectors_to_be_refused_are_refused(void)
{
    EXPECT_INT(vectors_each("refused.txt", refused_by_the_server), 27);
}

static const struct test_case cases[] = {
    TEST(vectors_of_requests_hold_both_ways),
    TEST(vectors_of_answers_hold_both_ways),
    TEST(vectors_that_ask_for_leniency_are_read),
    TEST(vectors_to_be_refused_are_refused),
};

SUITE(wire_vectors, cases);
