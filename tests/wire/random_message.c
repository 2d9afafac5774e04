/* Memory is had as protobuf-c has it, so that protobuf-c can release it. */
#include "wire/random_message.h"

#include "base/check.h"
#include "support/test.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { UNKNOWN_NUMBERS = 40, UNKNOWN_LEN_MAX = 12 };

static size_t below(struct random_source *source, size_t n)
{
    return (size_t)(test_random(&source->seed) % n);
}

/* True once in `n` times. */
static bool once_in(struct random_source *source, size_t n)
{
    return below(source, n) == 0;
}

static void *get_memory(size_t size)
{
    void *memory = calloc(1, size ? size : 1);
    CHECK(memory);
    return memory;
}

static uint64_t random_number(struct random_source *source)
{
    return once_in(source, 8) ? 0
                              : test_random(&source->seed) >> below(source, 64);
}

static double random_real(struct random_source *source)
{
    static const double reals[] = {0.0,    -0.0,     0.1,         -1e300,
                                   1e-320, INFINITY, (double)NAN, 2.0};
    return reals[below(source, sizeof reals / sizeof reals[0])];
}

static int random_enum(struct random_source *source,
                       const ProtobufCEnumDescriptor *shape)
{
    return once_in(source, 200)
               ? (int)(uint32_t)random_number(source)
               : shape->values[below(source, shape->n_values)].value;
}

static ProtobufCBinaryData random_binary(struct random_source *source)
{
    size_t len = below(source, source->len_max + 1);
    uint8_t *bytes = get_memory(len);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)test_random(&source->seed);
    }
    if (len && bytes[0] == 0xff && !once_in(source, 16)) {
        bytes[0] = 'k';
    }
    return (ProtobufCBinaryData){len, bytes};
}

/* Letters; one in many is not UTF-8. */
static char *random_string(struct random_source *source)
{
    size_t len = below(source, source->len_max + 1);
    char *text = get_memory(len + 1);
    for (size_t i = 0; i < len; i++) {
        text[i] = (char)('a' + below(source, 26));
    }
    if (len && once_in(source, 24)) {
        text[below(source, len)] = (char)0xfe;
    }
    return text;
}

static ProtobufCMessage *random_message(
    struct random_source *source, const ProtobufCMessageDescriptor *shape);

/* A table. */
static void fill(struct random_source *source,
                 const ProtobufCFieldDescriptor *field, void *at)
{
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)at = !once_in(source, 4);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        *(int *)at = random_enum(source, field->descriptor);
        break;
    case PROTOBUF_C_TYPE_UINT32:
        *(uint32_t *)at = (uint32_t)random_number(source);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_SINT64:
        *(uint64_t *)at = random_number(source);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        *(double *)at = random_real(source);
        break;
    case PROTOBUF_C_TYPE_STRING:
        *(char **)at = random_string(source);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        *(ProtobufCBinaryData *)at = random_binary(source);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)at = random_message(source, field->descriptor);
        break;
    default: /* The protocol has no others. */
        abort();
    }
}

static void fill_repeated(struct random_source *source,
                          const ProtobufCFieldDescriptor *field, char *message)
{
    size_t size = field->type == PROTOBUF_C_TYPE_BYTES
                      ? sizeof(ProtobufCBinaryData)
                      : sizeof(void *);
    size_t most = once_in(source, 8) ? source->count_max : 4;
    size_t count = below(source, most + 1);
    CHECK(field->type == PROTOBUF_C_TYPE_BYTES ||
          field->type == PROTOBUF_C_TYPE_MESSAGE);
    char *elements = get_memory(count * size);
    for (size_t i = 0; i < count; i++) {
        fill(source, field, elements + i * size);
    }
    memcpy(message + field->quantifier_offset, &count, sizeof count);
    memcpy(message + field->offset, &elements, sizeof elements);
}

/* One of the members, or none. */
static void fill_oneof(struct random_source *source,
                       const ProtobufCFieldDescriptor *field, char *message)
{
    uint32_t *number = (void *)(message + field->quantifier_offset);
    if (*number == 0 && once_in(source, 2)) {
        fill(source, field, message + field->offset);
        *number = field->id;
    }
}

/* A field that `shape` does not have, at the end. */
static void add_unknown(struct random_source *source,
                        const ProtobufCMessageDescriptor *shape,
                        ProtobufCMessage *message)
{
    ProtobufCMessageUnknownField *field = get_memory(sizeof *field);
    do {
        field->tag = (uint32_t)(1 + below(source, UNKNOWN_NUMBERS));
    } while (protobuf_c_message_descriptor_get_field(shape, field->tag));
    field->wire_type = once_in(source, 2)
                           ? PROTOBUF_C_WIRE_TYPE_VARINT
                           : PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    field->len = 1 + below(source, UNKNOWN_LEN_MAX);
    field->data = get_memory(field->len);
    if (field->wire_type == PROTOBUF_C_WIRE_TYPE_VARINT) {
        field->len = 1;
        field->data[0] = (uint8_t)below(source, 0x80);
    } else {
        memset(field->data, 'u', field->len);
        field->data[0] = (uint8_t)(field->len - 1);
    }
    message->n_unknown_fields = 1;
    message->unknown_fields = field;
}

static ProtobufCMessage *random_message(struct random_source *source,
                                        const ProtobufCMessageDescriptor *shape)
{
    ProtobufCMessage *message = get_memory(shape->sizeof_message);
    protobuf_c_message_init(shape, message);
    for (unsigned i = 0; i < shape->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &shape->fields[i];
        char *bytes = (char *)message;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            fill_repeated(source, field, bytes);
        } else if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
            fill_oneof(source, field, bytes);
        } else if (!once_in(source, 3)) {
            fill(source, field, bytes + field->offset);
        }
    }
    if (once_in(source, 4)) {
        add_unknown(source, shape, message);
    }
    return message;
}

Cacheserver__V1__Request *random_request_of(struct random_source *source,
                                            enum op op)
{
    uint32_t number = op_info(op)->number;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(
            &cacheserver__v1__request__descriptor, number);
    Cacheserver__V1__Request *request = get_memory(sizeof *request);
    cacheserver__v1__request__init(request);
    request->id = random_number(source);
    request->deadline_ms = (uint32_t)random_number(source);
    request->op_case = (Cacheserver__V1__Request__OpCase)number;
    fill(source, field, (char *)request + field->offset);
    return request;
}
