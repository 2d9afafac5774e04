/* The server's way in, held to protobuf-c for every operation and every
 * field. */
#include "core/call.h"
#include "core/request.h"
#include "core/response.h"
#include "support/guard.h"
#include "support/starve.h"
#include "support/test.h"
#include "wire/field.h"
#include "wire/meaning.h"
#include "wire/message.h"
#include "wire/random_message.h"

#include "cache.pb-c.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 300 };

static uint64_t seed;

static size_t random_below(size_t n)
{
    return (size_t)(test_random(&seed) % n);
}

/* The bytes of a random request of `op`, behind what `out` holds. */
static void pack_request(struct random_source *source, enum op op,
                         struct buffer *out)
{
    Cacheserver__V1__Request *request = random_request_of(source, op);
    size_t len = cacheserver__v1__request__get_packed_size(request);
    char *room = buffer_reserve(out, len);
    if (EXPECT(room != NULL)) {
        cacheserver__v1__request__pack(request, (uint8_t *)room);
        buffer_commit(out, len);
    }
    cacheserver__v1__request__free_unpacked(request, NULL);
}

static bool holds_for(struct random_source *source, enum op op)
{
    struct buffer bytes = {0};
    pack_request(source, op, &bytes);
    struct slice body = guard_copy(buffer_peek(&bytes));
    bool held = meaning_holds(body, true);
    guard_free(body);
    buffer_fini(&bytes);
    return held;
}

static void every_request_is_read_as_protobuf_c_does(void)
{
    struct random_source source = {
        .seed = test_seed(), .len_max = 300, .count_max = 300};
    for (int i = 0; i < ROUNDS; i++) {
        for (enum op op = OP_NONE + 1; op < OP_COUNT; op++) {
            if (!holds_for(&source, op)) {
                fprintf(stderr, "  in %s\n", op_info(op)->name);
                return;
            }
        }
    }
}

static bool holds_cut_off(struct slice bytes)
{
    bool held = true;
    for (size_t len = 0; held && len <= bytes.len; len++) {
        struct slice body = guard_copy(slice_of(bytes.data, len));
        held = meaning_holds(body, false);
        guard_free(body);
    }
    return held;
}

static void a_request_that_is_cut_off_is_read_as_protobuf_c_does(void)
{
    struct random_source source = {
        .seed = test_seed(), .len_max = 12, .count_max = 12};
    struct buffer bytes = {0};
    for (enum op op = OP_NONE + 1; op < OP_COUNT; op++) {
        for (int i = 0; i < 4; i++) {
            buffer_clear(&bytes);
            pack_request(&source, op, &bytes);
            EXPECT(holds_cut_off(buffer_peek(&bytes)));
        }
    }
    buffer_fini(&bytes);
}

/* A byte or two changed. */
static void damage(struct buffer *bytes)
{
    size_t len = buffer_len(bytes);
    for (size_t i = 0; len && i <= random_below(2); i++) {
        size_t place = random_below(len);
        buffer_first(bytes)[place] = (char)test_random(&seed);
    }
}

static void a_request_that_was_damaged_is_read_as_protobuf_c_does(void)
{
    struct random_source source = {
        .seed = test_seed(), .len_max = 8, .count_max = 4};
    struct buffer bytes = {0};
    bool held = true;
    seed = source.seed;
    for (int i = 0; held && i < (test_is_long() ? 2000000 : 40000); i++) {
        enum op op = (enum op)(1 + random_below(OP_COUNT - 1));
        buffer_clear(&bytes);
        pack_request(&source, op, &bytes);
        damage(&bytes);
        held = meaning_holds(buffer_peek(&bytes), false);
    }
    buffer_fini(&bytes);
}

/* One request after the other, as one: what comes later is added to what came
 * before, but of one operation only the last counts. */
static void two_requests_in_one_are_read_as_protobuf_c_does(void)
{
    struct random_source source = {
        .seed = test_seed(), .len_max = 8, .count_max = 4};
    struct buffer bytes = {0};
    bool held = true;
    seed = source.seed;
    for (int i = 0; held && i < 2000; i++) {
        buffer_clear(&bytes);
        for (int part = 0; part < 2; part++) {
            enum op op = (enum op)(1 + random_below(OP_COUNT - 1));
            pack_request(&source, op, &bytes);
        }
        held = meaning_holds(buffer_peek(&bytes), true);
    }
    buffer_fini(&bytes);
}

/* The bytes of the operation's own message, twice over: of each field and each
 * oneof the last counts, elements add up and Numbers are merged. */
static void append_twice(struct buffer *out, enum op op,
                         struct random_source *source)
{
    struct buffer parts = {0};
    uint32_t number = op_info(op)->number;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(
            &cacheserver__v1__request__descriptor, number);
    for (int part = 0; part < 2; part++) {
        Cacheserver__V1__Request *request = random_request_of(source, op);
        const ProtobufCMessage *message =
            *(ProtobufCMessage **)((char *)request + field->offset);
        size_t len = protobuf_c_message_get_packed_size(message);
        char *room = buffer_reserve(&parts, len);
        if (EXPECT(room != NULL)) {
            protobuf_c_message_pack(message, (uint8_t *)room);
            buffer_commit(&parts, len);
        }
        cacheserver__v1__request__free_unpacked(request, NULL);
    }
    struct field_writer counter = {0};
    field_put_bytes(&counter, number, buffer_peek(&parts));
    char *room = buffer_reserve(out, counter.len);
    if (EXPECT(room != NULL)) {
        struct field_writer writer = {.at = room};
        field_put_bytes(&writer, number, buffer_peek(&parts));
        buffer_commit(out, writer.len);
    }
    buffer_fini(&parts);
}

static void fields_that_come_twice_are_read_as_protobuf_c_does(void)
{
    struct random_source source = {
        .seed = test_seed(), .len_max = 8, .count_max = 4};
    struct buffer bytes = {0};
    for (int i = 0; i < ROUNDS; i++) {
        for (enum op op = OP_NONE + 1; op < OP_COUNT; op++) {
            buffer_clear(&bytes);
            append_twice(&bytes, op, &source);
            if (!meaning_holds(buffer_peek(&bytes), true)) {
                fprintf(stderr, "  in %s\n", op_info(op)->name);
                buffer_fini(&bytes);
                return;
            }
        }
    }
    buffer_fini(&bytes);
}

static enum message decode(struct slice body, struct call *call)
{
    call_reset(call);
    return message_decode_request(body, &call->scratch, &call->request,
                                  &call->response);
}

#define BYTES(text)                                                            \
    {                                                                          \
        (text), sizeof(text) - 1                                               \
    }
#define KEY_OF_JSON      "key must not begin with the byte 0xFF"
#define KIND_UNKNOWN     "kind is not one of ValueKind"
#define TOUCH_AND_CHANGE "touch excludes lifetime_ms and persist"
#define LIFETIME_0       "lifetime_ms must not be 0: say persist"
#define PERSIST_FALSE    "persist must be true when it is there"
#define NUMBER_EMPTY                                                           \
    "initial, minimum and maximum must be real or integer when they are there"

static const struct {
    struct slice body;
    const char *why;
} wrong[] = {
    /* put */
    {BYTES("\x12\x02\x30\x00"), "if_absent must be true when it is there"},
    {BYTES("\x12\x02\x38\x00"), "if_present must be true when it is there"},
    {BYTES("\x12\x02\x28\x03"), KIND_UNKNOWN},
    {BYTES("\x12\x0b\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
     KIND_UNKNOWN},
    {BYTES("\x12\x03\x12\x01\xff"), KEY_OF_JSON},
    /* get */
    {BYTES("\x1a\x04\x18\x01\x20\x05"), TOUCH_AND_CHANGE},
    {BYTES("\x1a\x04\x18\x01\x28\x01"), TOUCH_AND_CHANGE},
    {BYTES("\x1a\x02\x20\x00"), LIFETIME_0},
    {BYTES("\x1a\x02\x28\x00"), PERSIST_FALSE},
    /* touch */
    {BYTES("\x2a\x02\x20\x00"), LIFETIME_0},
    {BYTES("\x2a\x02\x28\x00"), PERSIST_FALSE},
    {BYTES("\x2a\x02\x30\x00"), "expire_now must be true when it is there"},
    /* incr: none, an empty Number of each */
    {BYTES("\x32\x00"), "delta must be there, real or integer"},
    {BYTES("\x32\x04\x20\x02\x2a\x00"), NUMBER_EMPTY},
    {BYTES("\x32\x04\x20\x02\x3a\x00"), NUMBER_EMPTY},
    {BYTES("\x32\x04\x20\x02\x42\x00"), NUMBER_EMPTY},
    /* get_many, remove_many: the second key */
    {BYTES("\x3a\x06\x1a\x01k\x1a\x01\xff"), KEY_OF_JSON},
    {BYTES("\x4a\x06\x1a\x01k\x1a\x01\xff"), KEY_OF_JSON},
    /* put_many: the second item */
    {BYTES("\x42\x07\x1a\x00\x1a\x03\x12\x01\xff"), KEY_OF_JSON},
    {BYTES("\x42\x06\x1a\x00\x1a\x02\x28\x03"), KIND_UNKNOWN},
    /* bank_list */
    {BYTES("\x52\x03\x1a\x01\xff"), "prefix must be valid UTF-8"},
    /* touch_many */
    {BYTES("\xa2\x01\x02\x20\x00"), LIFETIME_0},
    {BYTES("\xa2\x01\x02\x28\x00"), PERSIST_FALSE},
    {BYTES("\xa2\x01\x03\x1a\x01\xff"), KEY_OF_JSON},
    /* meta, append, prepend */
    {BYTES("\xaa\x01\x03\x12\x01\xff"), KEY_OF_JSON},
    {BYTES("\xb2\x01\x03\x12\x01\xff"), KEY_OF_JSON},
    {BYTES("\xba\x01\x03\x12\x01\xff"), KEY_OF_JSON},
    {BYTES("\x08\x07"), "the request has no op"},
};

static void requests_are_refused_for_what_is_wrong_with_them(void)
{
    struct call call;
    call_init(&call);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        EXPECT_INT(decode(wrong[i].body, &call), MESSAGE_REFUSED);
        EXPECT_INT(call.response.status, STATUS_INVALID_ARGUMENT);
        EXPECT_TEXT(slice_of_string(call.response.message), wrong[i].why);
        EXPECT_INT(call.request.op, OP_NONE);
        EXPECT(meaning_holds(wrong[i].body, true));
    }
    call_fini(&call);
}

static void of_a_oneof_that_comes_twice_the_last_counts(void)
{
    struct call call;
    call_init(&call);
    const struct request *request = &call.request;
    /* if_absent false, which would be refused, then if_version 9 */
    EXPECT_INT(decode(SLICE_LITERAL("\x12\x04\x30\x00\x40\x09"), &call),
               MESSAGE_READY);
    EXPECT_INT(request->condition.rule, CONDITION_VERSION);
    EXPECT_INT(request->condition.version, 9);
    /* if_value "v", then if_present true */
    EXPECT_INT(decode(SLICE_LITERAL("\x12\x05\x4a\x01v\x38\x01"), &call),
               MESSAGE_READY);
    EXPECT_INT(request->condition.rule, CONDITION_PRESENT);
    EXPECT_INT(request->condition.value.len, 0);
    /* get: lifetime_ms 0, then persist */
    EXPECT_INT(decode(SLICE_LITERAL("\x1a\x04\x20\x00\x28\x01"), &call),
               MESSAGE_READY);
    EXPECT_INT(request->lifetime.rule, LIFETIME_FOREVER);
    EXPECT(request->is_touch);
    /* remove: if_version 9, then if_value "" */
    EXPECT_INT(decode(SLICE_LITERAL("\x22\x04\x18\x09\x22\x00"), &call),
               MESSAGE_READY);
    EXPECT_INT(request->condition.rule, CONDITION_VALUE);
    EXPECT_INT(request->condition.version, 0);
    /* touch_many: persist false, then lifetime_ms 5 */
    EXPECT_INT(decode(SLICE_LITERAL("\xa2\x01\x04\x28\x00\x20\x05"), &call),
               MESSAGE_READY);
    EXPECT_INT(request->lifetime.rule, LIFETIME_NEW);
    EXPECT_INT(request->lifetime.ms, 5);
    call_fini(&call);
}

/* The pieces of each are put together, whichever of them are empty. */
static void a_number_may_come_in_pieces(void)
{
    struct call call;
    call_init(&call);
    const struct increment *increment = &call.request.increment;
    const struct slice threes[] = {
        SLICE_LITERAL("\x32\x06\x20\x02\x2a\x02\x10\x06"),
        SLICE_LITERAL("\x32\x08\x20\x02\x2a\x02\x10\x06\x2a\x00"),
        SLICE_LITERAL("\x32\x08\x20\x02\x2a\x00\x2a\x02\x10\x06"),
        SLICE_LITERAL("\x32\x0a\x20\x02\x2a\x02\x10\x08\x2a\x02\x10\x06"),
    };
    for (size_t i = 0; i < sizeof threes / sizeof *threes; i++) {
        EXPECT_INT(decode(threes[i], &call), MESSAGE_READY);
        EXPECT(increment->has_initial && !increment->has_minimum);
        EXPECT(increment->initial.is_integer);
        EXPECT_INT(increment->initial.integer, 3);
        EXPECT(meaning_holds(threes[i], true));
    }
    /* A real one, and then an integer one in another piece. */
    struct slice both = SLICE_LITERAL("\x32\x11\x20\x02\x3a\x09\x09\0\0\0\0\0\0"
                                      "\xf0\x3f\x3a\x02\x10\x06");
    EXPECT_INT(decode(both, &call), MESSAGE_READY);
    EXPECT(increment->has_minimum && increment->minimum.is_integer);
    EXPECT_INT(increment->minimum.integer, 3);
    EXPECT(increment->minimum.real == 0.0);
    EXPECT(meaning_holds(both, true));
    call_fini(&call);
}

/* Numbers wider than their field are cut, as every receiver cuts them. */
static void numbers_of_32_bits_are_cut_to_them(void)
{
    const struct slice all[] = {
        SLICE_LITERAL("\x72\x06\x28\x85\x80\x80\x80\x10"), /* weight */
        SLICE_LITERAL("\x72\x06\x48\x85\x80\x80\x80\x10"), /* jitter */
        SLICE_LITERAL("\x72\x06\x50\x81\x80\x80\x80\x10"), /* when_full */
        SLICE_LITERAL("\x52\x06\x28\x85\x80\x80\x80\x10"), /* limit */
        SLICE_LITERAL("\x12\x06\x28\x81\x80\x80\x80\x10"), /* kind */
        SLICE_LITERAL("\x42\x08\x1a\x06\x28\x81\x80\x80\x80\x10"), /* of item */
        SLICE_LITERAL("\x8a\x01\x00\x78\x85\x80\x80\x80\x10"), /* deadline */
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        EXPECT(meaning_holds(all[i], true));
    }
}

/* What another operation has under that number is nothing here. */
static void fields_that_an_operation_does_not_have_are_skipped(void)
{
    struct call call;
    call_init(&call);
    /* touch_many has no expire_now */
    EXPECT_INT(decode(SLICE_LITERAL("\xa2\x01\x02\x30\x01"), &call),
               MESSAGE_READY);
    EXPECT_INT(call.request.lifetime.rule, LIFETIME_SAME);
    /* remove_by_prefix has no limit, and no counts */
    EXPECT_INT(decode(SLICE_LITERAL("\xc2\x01\x04\x28\x05\x30\x01"), &call),
               MESSAGE_READY);
    EXPECT_INT(call.request.limit, 0);
    EXPECT(!call.request.wants_counts);
    /* bank_keys has no counts */
    EXPECT_INT(decode(SLICE_LITERAL("\x5a\x04\x28\x05\x30\x01"), &call),
               MESSAGE_READY);
    EXPECT_INT(call.request.limit, 5);
    EXPECT(!call.request.wants_counts);
    /* bank_list has no bank */
    EXPECT_INT(decode(SLICE_LITERAL("\x52\x03\x0a\x01\x62"), &call),
               MESSAGE_READY);
    EXPECT_INT(call.request.bank.len, 0);
    call_fini(&call);
}

/* `count` keys of two bytes each. */
static void pack_keys(struct buffer *out, size_t count)
{
    Cacheserver__V1__GetManyRequest many;
    Cacheserver__V1__Request request;
    cacheserver__v1__get_many_request__init(&many);
    cacheserver__v1__request__init(&request);
    uint8_t(*bytes)[2] = calloc(count + 1, 2);
    many.keys = calloc(count + 1, sizeof *many.keys);
    many.n_keys = count;
    for (size_t i = 0; i < count; i++) {
        bytes[i][0] = (uint8_t)(i % 0xff);
        bytes[i][1] = (uint8_t)(i / 0xff);
        many.keys[i] = (ProtobufCBinaryData){2, bytes[i]};
    }
    request.op_case = CACHESERVER__V1__REQUEST__OP_GET_MANY;
    request.get_many = &many;
    size_t len = cacheserver__v1__request__get_packed_size(&request);
    char *room = buffer_reserve(out, len);
    if (EXPECT(room != NULL)) {
        cacheserver__v1__request__pack(&request, (uint8_t *)room);
        buffer_commit(out, len);
    }
    free(many.keys);
    free(bytes);
}

static void batches_of_any_size_are_read(void)
{
    static const size_t counts[] = {0, 1, 2, 1000, BATCH_LEN_MAX};
    struct call call;
    struct buffer bytes = {0};
    call_init(&call);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        buffer_clear(&bytes);
        pack_keys(&bytes, counts[i]);
        EXPECT(meaning_holds(buffer_peek(&bytes), true));
        /* Into memory that held another before. */
        EXPECT_INT(decode(buffer_peek(&bytes), &call), MESSAGE_READY);
        EXPECT_INT(call.request.item_count, counts[i]);
    }
    buffer_clear(&bytes);
    pack_keys(&bytes, BATCH_LEN_MAX + 1);
    EXPECT_INT(decode(buffer_peek(&bytes), &call), MESSAGE_REFUSED);
    EXPECT_TEXT(slice_of_string(call.response.message),
                "there are more than 10000 keys or items");
    buffer_clear(&bytes);
    pack_keys(&bytes, REQUEST_ELEMENTS_MAX + 1);
    EXPECT_INT(decode(buffer_peek(&bytes), &call), MESSAGE_REFUSED);
    EXPECT_TEXT(slice_of_string(call.response.message),
                "the request does not parse: there are too many repeated "
                "fields");
    buffer_fini(&bytes);
    call_fini(&call);
}

static void attempt_batch(void *arg)
{
    const struct slice *body = arg;
    struct request request;
    struct response response = {0};
    struct buffer scratch = {0};
    request_init(&request);
    enum message message =
        message_decode_request(*body, &scratch, &request, &response);
    EXPECT_INT(request.id, 7);
    if (starve_has_struck()) {
        EXPECT_INT(message, MESSAGE_REFUSED);
        EXPECT_INT(request.op, OP_NONE);
        EXPECT_INT(response.status, STATUS_NOMEM);
        EXPECT_TEXT(slice_of_string(response.message),
                    status_text(STATUS_NOMEM));
    } else {
        EXPECT_INT(message, MESSAGE_READY);
    }
    response_fini(&response);
    buffer_fini(&scratch);
}

static void a_batch_without_memory_is_refused(void)
{
    struct slice bodies[] = {
        SLICE_LITERAL("\x08\x07\x3a\x03\x1a\x01k"),
        SLICE_LITERAL("\x08\x07\x3a\x06\x1a\x01k\x1a\x01l"),
        SLICE_LITERAL("\x08\x07\x42\x05\x1a\x03\x12\x01k"),
        SLICE_LITERAL("\x08\x07\x42\x07\x1a\x03\x12\x01k\x1a\x00"),
        SLICE_LITERAL("\x08\x07\x4a\x06\x1a\x01k\x1a\x01l"),
        SLICE_LITERAL("\x08\x07\xa2\x01\x06\x1a\x01k\x1a\x01l"),
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        EXPECT_INT(starve(attempt_batch, &bodies[i]), 2);
    }
}

static const struct test_case cases[] = {
    TEST(every_request_is_read_as_protobuf_c_does),
    TEST(a_request_that_is_cut_off_is_read_as_protobuf_c_does),
    TEST(a_request_that_was_damaged_is_read_as_protobuf_c_does),
    TEST(two_requests_in_one_are_read_as_protobuf_c_does),
    TEST(fields_that_come_twice_are_read_as_protobuf_c_does),
    TEST(requests_are_refused_for_what_is_wrong_with_them),
    TEST(of_a_oneof_that_comes_twice_the_last_counts),
    TEST(a_number_may_come_in_pieces),
    TEST(numbers_of_32_bits_are_cut_to_them),
    TEST(fields_that_an_operation_does_not_have_are_skipped),
    TEST(batches_of_any_size_are_read),
    TEST(a_batch_without_memory_is_refused),
};

SUITE(wire_message_ops, cases);
