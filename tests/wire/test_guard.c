/* A message shape of its own, which unlike those of the protocol nests in
 * itself and has a field of every type. */
#include "wire/guard.h"

#include "base/buffer.h"
#include "core/limits.h"
#include "support/guard.h"
#include "support/test.h"
#include "wire/field.h"

enum {
    TYPES = PROTOBUF_C_TYPE_MESSAGE + 1, /* fields 1 to 17, one a type */
    FIELD_SELF = TYPES,                  /* the message type's */
    FIELD_NUMBERS = 18,                  /* repeated numbers */
    FIELD_SELVES = 19,                   /* repeated messages */
    FIELD_UNKNOWN = 20,
    FIELDS = 19
};

static const ProtobufCMessageDescriptor shape;

static const enum field_type wire_types[TYPES] = {
    [PROTOBUF_C_TYPE_INT32] = FIELD_VARINT,
    [PROTOBUF_C_TYPE_SINT32] = FIELD_VARINT,
    [PROTOBUF_C_TYPE_SFIXED32] = FIELD_FIXED32,
    [PROTOBUF_C_TYPE_INT64] = FIELD_VARINT,
    [PROTOBUF_C_TYPE_SINT64] = FIELD_VARINT,
    [PROTOBUF_C_TYPE_SFIXED64] = FIELD_FIXED64,
    [PROTOBUF_C_TYPE_UINT32] = FIELD_VARINT,
    [PROTOBUF_C_TYPE_FIXED32] = FIELD_FIXED32,
    [PROTOBUF_C_TYPE_UINT64] = FIELD_VARINT,
    [PROTOBUF_C_TYPE_FIXED64] = FIELD_FIXED64,
    [PROTOBUF_C_TYPE_FLOAT] = FIELD_FIXED32,
    [PROTOBUF_C_TYPE_DOUBLE] = FIELD_FIXED64,
    [PROTOBUF_C_TYPE_BOOL] = FIELD_VARINT,
    [PROTOBUF_C_TYPE_ENUM] = FIELD_VARINT,
    [PROTOBUF_C_TYPE_STRING] = FIELD_BYTES,
    [PROTOBUF_C_TYPE_BYTES] = FIELD_BYTES,
    [PROTOBUF_C_TYPE_MESSAGE] = FIELD_BYTES,
};

#define SINGLE(field_type)                                                     \
    {                                                                          \
        .id = (field_type) + 1, .label = PROTOBUF_C_LABEL_NONE,                \
        .type = (field_type), .descriptor = &shape                             \
    }
#define REPEATED(number, field_type)                                           \
    {                                                                          \
        .id = (number), .label = PROTOBUF_C_LABEL_REPEATED,                    \
        .type = (field_type), .descriptor = &shape                             \
    }

static const ProtobufCFieldDescriptor fields[FIELDS] = {
    SINGLE(PROTOBUF_C_TYPE_INT32),
    SINGLE(PROTOBUF_C_TYPE_SINT32),
    SINGLE(PROTOBUF_C_TYPE_SFIXED32),
    SINGLE(PROTOBUF_C_TYPE_INT64),
    SINGLE(PROTOBUF_C_TYPE_SINT64),
    SINGLE(PROTOBUF_C_TYPE_SFIXED64),
    SINGLE(PROTOBUF_C_TYPE_UINT32),
    SINGLE(PROTOBUF_C_TYPE_FIXED32),
    SINGLE(PROTOBUF_C_TYPE_UINT64),
    SINGLE(PROTOBUF_C_TYPE_FIXED64),
    SINGLE(PROTOBUF_C_TYPE_FLOAT),
    SINGLE(PROTOBUF_C_TYPE_DOUBLE),
    SINGLE(PROTOBUF_C_TYPE_BOOL),
    SINGLE(PROTOBUF_C_TYPE_ENUM),
    SINGLE(PROTOBUF_C_TYPE_STRING),
    SINGLE(PROTOBUF_C_TYPE_BYTES),
    SINGLE(PROTOBUF_C_TYPE_MESSAGE),
    REPEATED(FIELD_NUMBERS, PROTOBUF_C_TYPE_UINT32),
    REPEATED(FIELD_SELVES, PROTOBUF_C_TYPE_MESSAGE),
};

static const ProtobufCIntRange ranges[] = {{1, 0}, {0, FIELDS}};

static const ProtobufCMessageDescriptor shape = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .n_fields = FIELDS,
    .fields = fields,
    .n_field_ranges = 1,
    .field_ranges = ranges,
};

static const struct guard_bounds bounds = {
    .fields_max = 8,
    .elements_max = 20,
};

static void expect_fault(struct slice message, const char *fault)
{
    struct slice copy = guard_copy(message);
    size_t count;
    const char *got = guard_check(copy, &shape, &bounds, &count);
    EXPECT_TEXT(slice_of_string(got ? got : ""), fault);
    guard_free(copy);
}

/* A field of `type`, with nothing in it. */
static void put_field(struct field_writer *writer, uint32_t number,
                      enum field_type type)
{
    if (type == FIELD_VARINT) {
        field_put_varint(writer, number, 1);
    } else if (type == FIELD_FIXED64) {
        field_put_fixed64(writer, number, 1);
    } else if (type == FIELD_BYTES) {
        field_put_head(writer, number, 0);
    } else {
        char *tag = writer->at;
        field_put_fixed64(writer, number, 1);
        *tag = (char)(*tag ^ FIELD_FIXED64 ^ FIELD_FIXED32);
        writer->len -= 4;
    }
}

static void guard_takes_each_type_in_its_own_form_only(void)
{
    static const enum field_type types[] = {FIELD_VARINT, FIELD_FIXED64,
                                            FIELD_BYTES, FIELD_FIXED32};
    for (uint32_t number = 1; number <= TYPES; number++) {
        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
            char bytes[32];
            struct field_writer writer = {.at = bytes};
            put_field(&writer, number, types[i]);
            bool is_right = types[i] == wire_types[number - 1];
            expect_fault(slice_of(bytes, writer.len),
                         is_right ? "" : "a field has the wrong type");
        }
    }
}

static void put_many(struct buffer *message, struct slice field, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer_append(message, field);
    }
}

static void expect_many(struct slice field, size_t count, const char *fault)
{
    struct buffer message = {0};
    put_many(&message, field, count);
    expect_fault(buffer_peek(&message), fault);
    buffer_fini(&message);
}

static void guard_bounds_the_fields_that_occur_once(void)
{
    struct slice field = SLICE_LITERAL("\x08\x01");
    expect_many(field, 8, "");
    expect_many(field, 9, "a message has too many fields");
}

static void guard_bounds_the_unknown_fields(void)
{
    struct slice number = SLICE_LITERAL("\xa0\x01\x05");
    expect_many(number, 8, "");
    expect_many(number, 9, "a message has too many fields");
    struct slice empty_bytes = SLICE_LITERAL("\xa2\x01\x00");
    expect_many(empty_bytes, 9, "a message has too many fields");
}

static void guard_bounds_the_elements_of_all_messages_together(void)
{
    struct slice element = SLICE_LITERAL("\x90\x01\x05");
    expect_many(element, 20, "");
    expect_many(element, 21, "there are too many repeated fields");
    /* Five messages, each an element with two elements in it: 15; eight: 24. */
    struct slice message =
        SLICE_LITERAL("\x9a\x01\x06\x90\x01\x05\x90\x01\x05");
    expect_many(message, 5, "");
    expect_many(message, 8, "there are too many repeated fields");
}

static void guard_counts_packed_numbers_by_their_bytes(void)
{
    expect_many(SLICE_LITERAL("\x92\x01\x02\x05\x05"), 10, "");
    expect_many(SLICE_LITERAL("\x92\x01\x02\x05\x05"), 11,
                "there are too many repeated fields");
}

static void guard_counts_the_fields_of_each_message_alone(void)
{
    struct slice message = SLICE_LITERAL("\x9a\x01\x04\x08\x01\x08\x01");
    expect_many(message, 10, "");
}

static void guard_tells_how_many_fields_there_are(void)
{
    struct slice message = SLICE_LITERAL("\x08\x01\x9a\x01\x04\x08\x01\x08\x01"
                                         "\xa0\x01\x05");
    size_t count;
    EXPECT(!guard_check(message, &shape, &bounds, &count));
    EXPECT_INT(count, 5);
}

/* `depth` messages in each other, the outermost counted; *gives*. */
static struct slice nested(size_t depth, struct buffer *room)
{
    size_t len_max = depth * 12;
    char *end = buffer_reserve(room, len_max) + len_max;
    size_t len = 0;
    for (size_t i = 1; i < depth; i++) {
        char head[12] = {0};
        struct field_writer writer = {.at = head};
        field_put_head(&writer, FIELD_SELF, len);
        len += writer.len;
        memcpy(end - len, head, writer.len);
    }
    return slice_of(end - len, len);
}

static void guard_bounds_the_depth(void)
{
    const size_t depths[] = {
        1,     PROTOBUF_DEPTH_MAX, PROTOBUF_DEPTH_MAX + 1, 100, 1000, 10000,
        100000};
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
        struct buffer room = {0};
        bool is_legal = depths[i] <= PROTOBUF_DEPTH_MAX;
        expect_fault(nested(depths[i], &room),
                     is_legal ? "" : "messages nest too deep");
        buffer_fini(&room);
    }
}

static void guard_finds_faults_in_the_innermost_message(void)
{
    expect_fault(SLICE_LITERAL("\x8a\x01\x05\x8a\x01\x02\x08\x80"),
                 "it ends inside a field");
    expect_fault(SLICE_LITERAL("\x8a\x01\x05\x8a\x01\x02\x0b\x0c"),
                 "a field is a group or of no known type");
    expect_fault(SLICE_LITERAL("\x8a\x01\x05\x8a\x01\x03\x08\x01"),
                 "it ends inside a field");
}

static void guard_does_not_look_into_strings_and_unknown_bytes(void)
{
    expect_fault(SLICE_LITERAL("\x7a\x02\x0b\x0c\xa2\x01\x02\x0b\x0c"), "");
}

static const struct test_case cases[] = {
    TEST(guard_takes_each_type_in_its_own_form_only),
    TEST(guard_bounds_the_fields_that_occur_once),
    TEST(guard_bounds_the_unknown_fields),
    TEST(guard_bounds_the_elements_of_all_messages_together),
    TEST(guard_counts_packed_numbers_by_their_bytes),
    TEST(guard_counts_the_fields_of_each_message_alone),
    TEST(guard_tells_how_many_fields_there_are),
    TEST(guard_bounds_the_depth),
    TEST(guard_finds_faults_in_the_innermost_message),
    TEST(guard_does_not_look_into_strings_and_unknown_bytes),
};

SUITE(wire_guard, cases);
