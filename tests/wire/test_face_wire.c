/* The face as a connection uses it, and against peers that mean harm. */
#include "wire/face_wire.h"

#include "core/call.h"
#include "core/limits.h"
#include "support/guard.h"
#include "support/starve.h"
#include "support/test.h"
#include "wire/field.h"
#include "wire/frame.h"

#include "cache.pb-c.h"

static const struct limits limits = {
    .frame_len_max = 8 * 1024 * 1024,
    .list_len_max = 1000,
};

/* get of "k" in "b" with id 7, and its frame. */
#define GET                                                                    \
    "\x08\x07\x1a\x06\x0a\x01"                                                 \
    "b"                                                                        \
    "\x12\x01"                                                                 \
    "k"
#define GET_FRAME "\x00\x00\x00\x0a" GET

/* remove of the same, which is not decoded by wire/quick.c. */
#define REMOVE_FRAME                                                           \
    "\x00\x00\x00\x0a\x08\x07\x22\x06\x0a\x01"                                 \
    "b"                                                                        \
    "\x12\x01"                                                                 \
    "k"

/* Decodes the start of `bytes`, which it copies to a guard page; the slices
 * of `call` are not valid afterwards. */
static enum decode decode_once(struct slice bytes, struct call *call,
                               size_t *used)
{
    struct slice copy = guard_copy(bytes);
    union {
        const char *borrowed;
        char *data;
    } start = {copy.data};
    struct input input = {.data = start.data, .len = copy.len, .used = 99};
    enum decode decode = face_wire.decode(NULL, &limits, &input, call);
    guard_free(copy);
    *used = input.used;
    return decode;
}

/* Frames `body` and expects it to be refused with id 7. */
static void expect_refused(struct slice body, enum status status)
{
    char header[FRAME_HEADER_LEN];
    struct buffer frame = {0};
    frame_put_header(header, body.len);
    buffer_append(&frame, slice_of(header, sizeof header));
    buffer_append(&frame, body);
    struct call call;
    size_t used;
    call_init(&call);
    EXPECT_INT(decode_once(buffer_peek(&frame), &call, &used), DECODE_ANSWERED);
    EXPECT_INT(used, buffer_len(&frame));
    EXPECT_INT(call.request.id, 7);
    EXPECT_INT(call.request.op, OP_NONE);
    EXPECT_INT(call.response.status, status);
    EXPECT(call.scratch.capacity <= 4 * body.len);
    call_fini(&call);
    buffer_fini(&frame);
}

static void face_wire_accepts_what_can_begin_a_frame(void)
{
    for (unsigned first = 0; first < 256; first++) {
        EXPECT_INT(face_wire.accepts((unsigned char)first), first <= 7);
    }
}

static void face_wire_waits_at_every_truncation(void)
{
    struct slice whole = SLICE_LITERAL(GET_FRAME);
    for (size_t len = 0; len < whole.len; len++) {
        struct call call;
        size_t used;
        call_init(&call);
        EXPECT_INT(decode_once(slice_of(whole.data, len), &call, &used),
                   DECODE_MORE);
        EXPECT_INT(used, 0);
        call_fini(&call);
    }
}

static void expect_get(struct input *input, struct call *call)
{
    EXPECT_INT(face_wire.decode(NULL, &limits, input, call), DECODE_READY);
    EXPECT_INT(input->used, sizeof GET_FRAME - 1);
    EXPECT_INT(call->request.op, OP_GET);
    EXPECT_INT(call->request.id, 7);
    EXPECT_TEXT(call->request.bank, "b");
    EXPECT_TEXT(call->request.key, "k");
}

static void face_wire_reads_one_request_after_another(void)
{
    char bytes[] = GET_FRAME GET_FRAME "\x00";
    struct input input = {.data = bytes, .len = sizeof bytes - 1};
    struct call call;
    call_init(&call);
    for (int i = 0; i < 2; i++) {
        expect_get(&input, &call);
        input.data += input.used;
        input.len -= input.used;
        call_reset(&call);
    }
    EXPECT_INT(face_wire.decode(NULL, &limits, &input, &call), DECODE_MORE);
    call_fini(&call);
}

static void face_wire_reads_requests_one_byte_at_a_time(void)
{
    static const char stream[] = GET_FRAME "\x00\x00\x00\x02\x08\x07" GET_FRAME;
    struct buffer arrived = {0};
    struct call call;
    int ready = 0;
    int answered = 0;
    call_init(&call);
    for (size_t i = 0; i < sizeof stream - 1; i++) {
        buffer_append(&arrived, slice_of(stream + i, 1));
        size_t used;
        enum decode decode = decode_once(buffer_peek(&arrived), &call, &used);
        ready += decode == DECODE_READY;
        answered += decode == DECODE_ANSWERED;
        EXPECT(decode != DECODE_BAD);
        buffer_consume(&arrived, used);
        call_reset(&call);
    }
    EXPECT_INT(ready, 2);
    EXPECT_INT(answered, 1);
    EXPECT_INT(buffer_len(&arrived), 0);
    call_fini(&call);
    buffer_fini(&arrived);
}

/* A body that is cut, in a frame that says so: whatever can be said of it, it
 * is no get of "k" in "b". */
static void face_wire_survives_every_body_that_is_cut(void)
{
    struct slice whole = SLICE_LITERAL(GET);
    for (size_t len = 0; len < whole.len; len++) {
        char frame[64];
        frame_put_header(frame, len);
        memcpy(frame + FRAME_HEADER_LEN, whole.data, len);
        struct call call;
        size_t used;
        call_init(&call);
        enum decode decode =
            decode_once(slice_of(frame, FRAME_HEADER_LEN + len), &call, &used);
        EXPECT_INT(decode, len == 1 ? DECODE_BAD : DECODE_ANSWERED);
        if (len != 1) {
            EXPECT_INT(call.response.status, STATUS_INVALID_ARGUMENT);
            EXPECT_INT(call.request.id, len ? 7 : 0);
        }
        call_fini(&call);
    }
}

static void face_wire_closes_at_a_length_that_is_not_allowed(void)
{
    struct call call;
    size_t used;
    call_init(&call);
    EXPECT_INT(decode_once(SLICE_LITERAL("\xff\xff\xff\xff"), &call, &used),
               DECODE_BAD);
    EXPECT_INT(decode_once(SLICE_LITERAL("\x00\x80\x00\x01"), &call, &used),
               DECODE_BAD);
    EXPECT_INT(decode_once(SLICE_LITERAL("\x00\x80\x00\x00"), &call, &used),
               DECODE_MORE);
    call_fini(&call);
}

/* Bombs. Each fills a megabyte with `part`, behind id 7 and in the operation
 * `number` (0: in the envelope itself). */
static void expect_bomb_refused(uint32_t number, struct slice part)
{
    enum { BOMB_LEN = 1024 * 1024 };
    size_t count = BOMB_LEN / part.len;
    struct buffer body = {0};
    char head[16];
    struct field_writer writer = {.at = head};
    field_put_varint(&writer, 1, 7);
    if (number) {
        field_put_head(&writer, number, count * part.len);
    }
    buffer_append(&body, slice_of(head, writer.len));
    for (size_t i = 0; i < count; i++) {
        buffer_append(&body, part);
    }
    expect_refused(buffer_peek(&body), STATUS_INVALID_ARGUMENT);
    buffer_fini(&body);
}

static void face_wire_refuses_bombs_of_empty_messages(void)
{
    for (enum op op = OP_NONE + 1; op < OP_COUNT; op++) {
        char part[4];
        struct field_writer writer = {.at = part};
        field_put_head(&writer, op_info(op)->number, 0);
        expect_bomb_refused(0, slice_of(part, writer.len));
    }
}

static void face_wire_refuses_bombs_of_unknown_fields(void)
{
    struct slice number = SLICE_LITERAL("\xa0\x06\x01");
    struct slice bytes = SLICE_LITERAL("\xa2\x06\x00");
    for (enum op op = OP_NONE; op < OP_COUNT; op++) {
        uint32_t in = op ? op_info(op)->number : 0;
        expect_bomb_refused(in, number);
        expect_bomb_refused(in, bytes);
    }
}

static void face_wire_refuses_bombs_of_one_field(void)
{
    for (enum op op = OP_NONE + 1; op < OP_COUNT; op++) {
        expect_bomb_refused(op_info(op)->number, SLICE_LITERAL("\x0a\x00"));
    }
    expect_bomb_refused(3, SLICE_LITERAL("\x12\x04long"));
    expect_bomb_refused(2, SLICE_LITERAL("\x1a\x00"));
    expect_bomb_refused(0, SLICE_LITERAL("\x08\x07"));
}

/* A long key many times over: few fields, much to copy. */
static void face_wire_keeps_its_budget_when_fields_repeat(void)
{
    enum { KEY_LEN = 20000, KEYS = 60 };
    struct buffer body = {0};
    static char key[KEY_LEN];
    char head[16];
    struct field_writer writer = {.at = head};
    field_put_varint(&writer, 1, 7);
    field_put_head(&writer, 4, KEYS * (KEY_LEN + 4));
    buffer_append(&body, slice_of(head, writer.len));
    for (int i = 0; i < KEYS; i++) {
        char start[4];
        struct field_writer field = {.at = start};
        field_put_head(&field, 2, KEY_LEN);
        EXPECT_INT(field.len, 4);
        buffer_append(&body, slice_of(start, sizeof start));
        buffer_append(&body, slice_of(key, sizeof key));
    }
    frame_put_header(head, buffer_len(&body));
    struct buffer frame = {0};
    buffer_append(&frame, slice_of(head, FRAME_HEADER_LEN));
    buffer_append(&frame, buffer_peek(&body));
    struct call call;
    size_t used;
    call_init(&call);
    EXPECT_INT(decode_once(buffer_peek(&frame), &call, &used), DECODE_READY);
    EXPECT_INT(call.request.key.len, KEY_LEN);
    EXPECT(call.scratch.capacity <= 4 * buffer_len(&frame));
    call_fini(&call);
    buffer_fini(&frame);
    buffer_fini(&body);
}

/* Unknown bytes in unknown bytes are not followed; the known ones are, and
 * there the protocol has no depth to fall into. */
static void face_wire_refuses_or_ignores_deep_nesting(void)
{
    for (size_t depth = 100; depth <= 100000; depth *= 10) {
        struct buffer body = {0};
        size_t len_max = depth * 8;
        char *end = buffer_reserve(&body, len_max) + len_max;
        size_t len = 0;
        for (size_t i = 0; i < depth; i++) {
            char head[8] = {0};
            struct field_writer writer = {.at = head};
            field_put_head(&writer, 3, len);
            len += writer.len;
            memcpy(end - len, head, writer.len);
        }
        len += 2;
        memcpy(end - len, "\x08\x07", 2);
        expect_refused(slice_of(end - len, len), STATUS_INVALID_ARGUMENT);
        buffer_fini(&body);
    }
}

/* `field` of message `number`, or of the envelope when that is 0, as `type`,
 * behind id 7. */
static void expect_type_refused(uint32_t number, uint32_t field,
                                enum field_type type)
{
    char inner[32] = {0};
    struct field_writer writer = {.at = inner};
    char *tag = writer.at;
    if (type == FIELD_BYTES) {
        field_put_head(&writer, field, 0);
    } else if (type == FIELD_VARINT) {
        field_put_varint(&writer, field, 1);
    } else {
        field_put_fixed64(&writer, field, 1);
        if (type == FIELD_FIXED32) {
            *tag = (char)(*tag ^ FIELD_FIXED64 ^ FIELD_FIXED32);
            writer.len -= 4;
        }
    }
    char body[64];
    struct field_writer outer = {.at = body};
    field_put_varint(&outer, 1, 7);
    if (number) {
        field_put_head(&outer, number, writer.len);
    }
    memcpy(outer.at, inner, writer.len);
    expect_refused(slice_of(body, outer.len + writer.len),
                   STATUS_INVALID_ARGUMENT);
}

static enum field_type right_type(const ProtobufCFieldDescriptor *field)
{
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return FIELD_BYTES;
    case PROTOBUF_C_TYPE_DOUBLE:
        return FIELD_FIXED64;
    default:
        return FIELD_VARINT;
    }
}

/* Tries `field` in each type that it does not have. */
static unsigned swap_type(uint32_t number,
                          const ProtobufCFieldDescriptor *field)
{
    static const enum field_type types[] = {FIELD_VARINT, FIELD_FIXED64,
                                            FIELD_BYTES, FIELD_FIXED32};
    unsigned tried = 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i] != right_type(field)) {
            expect_type_refused(number, field->id, types[i]);
            tried++;
        }
    }
    return tried;
}

static unsigned swap_types(uint32_t number,
                           const ProtobufCMessageDescriptor *shape)
{
    unsigned tried = 0;
    for (unsigned i = 0; i < shape->n_fields; i++) {
        tried += swap_type(number, &shape->fields[i]);
    }
    return tried;
}

static void face_wire_refuses_every_field_of_another_type(void)
{
    const ProtobufCMessageDescriptor *request =
        &cacheserver__v1__request__descriptor;
    EXPECT(swap_types(0, request) > 20);
    unsigned tried = 0;
    for (unsigned i = 0; i < request->n_fields; i++) {
        if (request->fields[i].type == PROTOBUF_C_TYPE_MESSAGE) {
            tried += swap_types(request->fields[i].id,
                                request->fields[i].descriptor);
        }
    }
    EXPECT(tried > 60);
}

static void face_wire_takes_the_last_of_a_oneof(void)
{
    char frame[64];
    struct field_writer writer = {.at = frame + FRAME_HEADER_LEN};
    field_put_varint(&writer, 1, 7);
    field_put_bytes(&writer, 4, SLICE_LITERAL("\x0a\x03old"));
    field_put_bytes(&writer, 3, SLICE_LITERAL("\x0a\x01x\x18\x01"));
    field_put_bytes(&writer, 3, SLICE_LITERAL("\x12\x01k"));
    frame_put_header(frame, writer.len);
    struct input input = {.data = frame, .len = FRAME_HEADER_LEN + writer.len};
    struct call call;
    call_init(&call);
    EXPECT_INT(face_wire.decode(NULL, &limits, &input, &call), DECODE_READY);
    EXPECT_INT(call.request.op, OP_GET);
    EXPECT_TEXT(call.request.bank, "");
    EXPECT_TEXT(call.request.key, "k");
    EXPECT(!call.request.is_touch);
    call_fini(&call);
}

/* bank_keys with `limit`, as the face hands it on. */
static uint32_t limit_handed_on(uint64_t limit, size_t frame_len_max)
{
    const struct limits narrow = {.frame_len_max = frame_len_max,
                                  .list_len_max = 1000};
    char frame[64];
    char keys[16];
    struct field_writer inner = {.at = keys};
    field_put_varint(&inner, 5, limit);
    struct field_writer writer = {.at = frame + FRAME_HEADER_LEN};
    field_put_bytes(&writer, 11, slice_of(keys, inner.len));
    frame_put_header(frame, writer.len);
    struct input input = {.data = frame, .len = FRAME_HEADER_LEN + writer.len};
    struct call call;
    call_init(&call);
    EXPECT_INT(face_wire.decode(NULL, &narrow, &input, &call), DECODE_READY);
    uint32_t handed_on = call.request.limit;
    call_fini(&call);
    return handed_on;
}

static void face_wire_asks_for_no_page_beyond_a_frame(void)
{
    EXPECT_INT(limit_handed_on(0, 64 * 1024), 13);
    EXPECT_INT(limit_handed_on(12, 64 * 1024), 12);
    EXPECT_INT(limit_handed_on(14, 64 * 1024), 13);
    EXPECT_INT(limit_handed_on(1000, 8 * 1024 * 1024), 1000);
    EXPECT_INT(limit_handed_on(UINT32_MAX, 8 * 1024 * 1024), 2044);
}

static void face_wire_survives_random_bytes(void)
{
    uint64_t seed = test_seed();
    struct buffer out = {0};
    for (int i = 0; i < (test_is_long() ? 3000000 : 30000); i++) {
        char bytes[64];
        for (size_t j = 0; j < sizeof bytes; j++) {
            bytes[j] = (char)(test_random(&seed) >> test_random(&seed) % 60);
        }
        size_t len = FRAME_HEADER_LEN + test_random(&seed) % 60;
        frame_put_header(bytes, len - FRAME_HEADER_LEN);
        struct input input = {.data = bytes, .len = len};
        struct call call;
        call_init(&call);
        enum decode decode = face_wire.decode(NULL, &limits, &input, &call);
        if (decode == DECODE_ANSWERED) {
            EXPECT_INT(face_wire.encode(NULL, &call, &out), ENCODE_DONE);
            buffer_clear(&out);
        }
        EXPECT(decode != DECODE_MORE);
        call_fini(&call);
    }
    buffer_fini(&out);
}

static void face_wire_answers_and_says_no_farewell(void)
{
    struct call call;
    struct buffer out = {0};
    call_init(&call);
    call.request.op = OP_PING;
    call.request.id = 7;
    EXPECT_INT(face_wire.encode(NULL, &call, &out), ENCODE_DONE);
    EXPECT_SLICE(buffer_peek(&out),
                 SLICE_LITERAL("\x00\x00\x00\x05\x08\x07\x8a\x01\x00"));
    buffer_clear(&out);
    face_wire.farewell(FAREWELL_BAD, &out);
    face_wire.farewell(FAREWELL_PARTIAL, &out);
    EXPECT_INT(buffer_len(&out), 0);
    call_fini(&call);
    buffer_fini(&out);
}

static void attempt(void *arg)
{
    (void)arg;
    char bytes[] = REMOVE_FRAME;
    struct input input = {.data = bytes, .len = sizeof bytes - 1};
    struct buffer out = {0};
    struct call call;
    call_init(&call);
    enum decode decode = face_wire.decode(NULL, &limits, &input, &call);
    EXPECT_INT(decode, DECODE_READY);
    enum encode encode = face_wire.encode(NULL, &call, &out);
    EXPECT_INT(encode, starve_has_struck() ? ENCODE_FAILED : ENCODE_DONE);
    call_fini(&call);
    buffer_fini(&out);
}

static void face_wire_without_memory_answers_or_gives_up(void)
{
    EXPECT_INT(starve(attempt, NULL), 2);
}

static const struct test_case cases[] = {
    TEST(face_wire_accepts_what_can_begin_a_frame),
    TEST(face_wire_waits_at_every_truncation),
    TEST(face_wire_reads_one_request_after_another),
    TEST(face_wire_reads_requests_one_byte_at_a_time),
    TEST(face_wire_survives_every_body_that_is_cut),
    TEST(face_wire_closes_at_a_length_that_is_not_allowed),
    TEST(face_wire_refuses_bombs_of_empty_messages),
    TEST(face_wire_refuses_bombs_of_unknown_fields),
    TEST(face_wire_refuses_bombs_of_one_field),
    TEST(face_wire_keeps_its_budget_when_fields_repeat),
    TEST(face_wire_refuses_or_ignores_deep_nesting),
    TEST(face_wire_refuses_every_field_of_another_type),
    TEST(face_wire_takes_the_last_of_a_oneof),
    TEST(face_wire_asks_for_no_page_beyond_a_frame),
    TEST(face_wire_survives_random_bytes),
    TEST(face_wire_answers_and_says_no_farewell),
    TEST(face_wire_without_memory_answers_or_gives_up),
};

SUITE(wire_face_wire, cases);
