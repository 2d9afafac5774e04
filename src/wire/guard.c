/* The wire format does not tell a message from other bytes, so the walk
 * follows protobuf-c's own descriptors, and bytes of unknown fields are
 * passed over as a whole. The messages that are open wait on a stack of
 * fixed height. */
#include "wire/guard.h"

#include "core/limits.h"
#include "wire/field.h"

#include <stdbool.h>

/* A message that is being looked through. */
struct level {
    struct field_reader reader;
    const ProtobufCMessageDescriptor *shape;
    size_t fields; /* unknown or that occur once */
};

struct walk {
    const struct guard_bounds *bounds;
    struct level levels[PROTOBUF_DEPTH_MAX];
    size_t depth;
    size_t fields; /* of all messages */
    size_t elements;
};

/* A table. */
static enum field_type type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return FIELD_FIXED32;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return FIELD_FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return FIELD_BYTES;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        break;
    }
    return FIELD_VARINT;
}

static const char *enter(struct walk *walk, struct slice message,
                         const ProtobufCMessageDescriptor *shape)
{
    if (walk->depth == PROTOBUF_DEPTH_MAX) {
        return "messages nest too deep";
    }
    walk->levels[walk->depth++] = (struct level){
        .reader = {.rest = message},
        .shape = shape,
    };
    return NULL;
}

static const char *count_single(struct walk *walk, struct level *level)
{
    level->fields++;
    bool is_much = level->fields > walk->bounds->fields_max;
    return is_much ? "a message has too many fields" : NULL;
}

/* Numbers may come packed, many in one field of bytes. */
static const char *count_elements(struct walk *walk, const struct field *field,
                                  bool is_packed)
{
    walk->elements += is_packed ? field->bytes.len : 1;
    bool is_much = walk->elements > walk->bounds->elements_max;
    return is_much ? "there are too many repeated fields" : NULL;
}

static const char *check_known(struct walk *walk, struct level *level,
                               const ProtobufCFieldDescriptor *known,
                               const struct field *field)
{
    bool is_repeated = known->label == PROTOBUF_C_LABEL_REPEATED;
    bool is_same = field->type == type_of(known->type);
    bool is_packed = is_repeated && !is_same && field->type == FIELD_BYTES;
    if (!is_same && !is_packed) {
        return "a field has the wrong type";
    }
    const char *fault = is_repeated ? count_elements(walk, field, is_packed)
                                    : count_single(walk, level);
    if (fault || known->type != PROTOBUF_C_TYPE_MESSAGE) {
        return fault;
    }
    return enter(walk, field->bytes, known->descriptor);
}

static const char *check_field(struct walk *walk, struct level *level,
                               const struct field *field)
{
    const ProtobufCFieldDescriptor *known =
        protobuf_c_message_descriptor_get_field(level->shape, field->number);
    walk->fields++;
    return known ? check_known(walk, level, known, field)
                 : count_single(walk, level);
}

const char *guard_check(struct slice message,
                        const ProtobufCMessageDescriptor *shape,
                        const struct guard_bounds *bounds, size_t *fields)
{
    struct walk walk;
    walk.bounds = bounds;
    walk.depth = 0;
    walk.fields = 0;
    walk.elements = 0;
    const char *fault = enter(&walk, message, shape);
    while (walk.depth > 0 && !fault) {
        struct level *level = &walk.levels[walk.depth - 1];
        struct field field;
        if (field_next(&level->reader, &field)) {
            fault = check_field(&walk, level, &field);
        } else {
            fault = level->reader.fault;
            walk.depth--;
        }
    }
    *fields = walk.fields;
    return fault;
}
