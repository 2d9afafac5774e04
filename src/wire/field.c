/* A varint has seven bits a byte, the least significant first, and a set
 * high bit in each byte but the last. A field is a varint tag (the number
 * times eight, plus the type) and a content that the type gives the length
 * of. Longer forms of a varint than needed are legal up to the length that
 * its width can need, as every decoder has it. */
#include "wire/field.h"

enum {
    VARINT_LEN_MAX = 10, /* of 64 bits */
    TAG_LEN_MAX = 5      /* of 32 bits */
};

static const char *const cut_off = "it ends inside a field";

static bool fail(struct field_reader *reader, const char *fault)
{
    reader->fault = fault;
    return false;
}

static bool read_varint(struct field_reader *reader, uint64_t *value)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < VARINT_LEN_MAX; i++) {
        if (i == reader->rest.len) {
            return fail(reader, cut_off);
        }
        uint64_t byte = (unsigned char)reader->rest.data[i];
        if (i == VARINT_LEN_MAX - 1 && byte > 1) {
            break;
        }
        sum |= (byte & 0x7f) << 7 * i;
        if (byte < 0x80) {
            reader->rest = slice_after(reader->rest, i + 1);
            *value = sum;
            return true;
        }
    }
    return fail(reader, "a number has more than 64 bits");
}

static bool read_fixed(struct field_reader *reader, size_t len, uint64_t *value)
{
    if (reader->rest.len < len) {
        return fail(reader, cut_off);
    }
    *value = 0;
    for (size_t i = 0; i < len; i++) {
        uint64_t byte = (unsigned char)reader->rest.data[i];
        *value |= byte << 8 * i;
    }
    reader->rest = slice_after(reader->rest, len);
    return true;
}

static bool read_bytes(struct field_reader *reader, struct slice *bytes)
{
    size_t len_before = reader->rest.len;
    uint64_t len;
    if (!read_varint(reader, &len)) {
        return false;
    }
    if (len_before - reader->rest.len > FIELD_LENGTH_LEN_MAX) {
        return fail(reader, "a length has more than 32 bits");
    }
    if (len > reader->rest.len) {
        return fail(reader, cut_off);
    }
    *bytes = slice_of(reader->rest.data, (size_t)len);
    reader->rest = slice_after(reader->rest, (size_t)len);
    return true;
}

static bool read_tag(struct field_reader *reader, struct field *field)
{
    size_t len_before = reader->rest.len;
    uint64_t tag;
    if (!read_varint(reader, &tag)) {
        return false;
    }
    size_t tag_len = len_before - reader->rest.len;
    if (tag_len > TAG_LEN_MAX || tag > UINT32_MAX || tag >> 3 == 0) {
        return fail(reader, "a field has no legal number");
    }
    field->number = (uint32_t)(tag >> 3);
    field->type = (enum field_type)(tag & 7);
    return true;
}

bool field_next(struct field_reader *reader, struct field *field)
{
    if (reader->fault || reader->rest.len == 0) {
        return false;
    }
    *field = (struct field){0};
    if (!read_tag(reader, field)) {
        return false;
    }
    switch (field->type) {
    case FIELD_VARINT:
        return read_varint(reader, &field->value);
    case FIELD_FIXED64:
        return read_fixed(reader, 8, &field->value);
    case FIELD_FIXED32:
        return read_fixed(reader, 4, &field->value);
    case FIELD_BYTES:
        return read_bytes(reader, &field->bytes);
    default:
        return fail(reader, "a field is a group or of no known type");
    }
}

struct slice field_find(struct slice message, uint32_t number)
{
    struct field_reader reader = {.rest = message};
    struct slice found = {0};
    struct field field;
    while (field_next(&reader, &field)) {
        if (field.number == number && field.type == FIELD_BYTES) {
            found = field.bytes;
        }
    }
    return found;
}

static void put_bytes(struct field_writer *writer, const void *bytes,
                      size_t len)
{
    if (writer->at && len) {
        memcpy(writer->at, bytes, len);
        writer->at += len;
    }
    writer->len += len;
}

static void put_varint(struct field_writer *writer, uint64_t value)
{
    unsigned char bytes[VARINT_LEN_MAX];
    size_t len = 0;
    while (value >= 0x80) {
        bytes[len++] = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    bytes[len++] = (unsigned char)value;
    put_bytes(writer, bytes, len);
}

static void put_tag(struct field_writer *writer, uint32_t number,
                    enum field_type type)
{
    put_varint(writer, (uint64_t)number << 3 | (uint64_t)type);
}

void field_put_varint(struct field_writer *writer, uint32_t number,
                      uint64_t value)
{
    put_tag(writer, number, FIELD_VARINT);
    put_varint(writer, value);
}

void field_put_fixed64(struct field_writer *writer, uint32_t number,
                       uint64_t value)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(value >> 8 * i);
    }
    put_tag(writer, number, FIELD_FIXED64);
    put_bytes(writer, bytes, sizeof bytes);
}

void field_put_head(struct field_writer *writer, uint32_t number, size_t len)
{
    put_tag(writer, number, FIELD_BYTES);
    put_varint(writer, len);
}

void field_put_bytes(struct field_writer *writer, uint32_t number,
                     struct slice bytes)
{
    field_put_head(writer, number, bytes.len);
    put_bytes(writer, bytes.data, bytes.len);
}
