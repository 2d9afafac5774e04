/* CacheServer's own protocol: frames of protobuf (proto/PROTOCOL.md), written
 * by hand and proven equal to the golden frames.
 *
 *   length   id         operation      bank         key
 *   u32 BE   08 ID      1a LEN         0a LEN ...   12 LEN ...       get
 *   u32 BE   08 ID      12 LEN         0a LEN ...   12 LEN ...
 *                                      1a LEN value    20 LIFETIME   put
 *
 * An id has two bytes, as ids of a connection that lives for some time have:
 * they begin at 128. */
#include "clients/bench/protocol.h"

#include "base/check.h"
#include "wire/envelope.h"
#include "wire/field.h"
#include "wire/frame.h"

#include <string.h>

/* Of proto/cache.proto. */
enum {
    CODE_NOT_FOUND = 5,
    OP_NUMBER_PUT = 2,
    OP_NUMBER_GET = 3,
    REQUEST_BANK = 1,
    REQUEST_KEY = 2,
    PUT_VALUE = 3,
    PUT_LIFETIME = 4,
    GET_RESPONSE_VALUE = 1,
    ERROR_CODE = 1,
    ERROR_MESSAGE = 2
};

/* The tags of fields with numbers below 16. */
enum {
    TAG_ID = ENVELOPE_ID << 3 | FIELD_VARINT,
    TAG_PUT = OP_NUMBER_PUT << 3 | FIELD_BYTES,
    TAG_GET = OP_NUMBER_GET << 3 | FIELD_BYTES,
    TAG_PUT_VALUE = PUT_VALUE << 3 | FIELD_BYTES,
    TAG_GET_RESPONSE_VALUE = GET_RESPONSE_VALUE << 3 | FIELD_BYTES
};

static inline char *put_varint(char *out, uint64_t value)
{
    while (value >= 0x80) {
        *out++ = (char)(value | 0x80);
        value >>= 7;
    }
    *out++ = (char)value;
    return out;
}

static void add_bank_and_key(struct piece *piece,
                             const struct stencil_options *options)
{
    struct slice bank = slice_of_string(options->bank);
    struct field_writer writer = {.at = piece->bytes};
    CHECK(bank.len <= PROTOCOL_BANK_MAX);
    if (bank.len > 0) {
        field_put_bytes(&writer, REQUEST_BANK, bank);
    }
    field_put_head(&writer, REQUEST_KEY, options->key_len);
    piece->len = writer.len;
    piece_add_key(piece, options->key_len);
}

static void prepare(struct stencil *stencil,
                    const struct stencil_options *options)
{
    add_bank_and_key(&stencil->get, options);
    add_bank_and_key(&stencil->set, options);
    if (options->lifetime_ms > 0) {
        struct field_writer writer = {.at = stencil->end.bytes};
        field_put_varint(&writer, PUT_LIFETIME, options->lifetime_ms);
        stencil->end.len = writer.len;
    }
}

/* Writes a frame up to the message of its operation, which is `len` bytes
 * long; answers where that begins. */
static inline char *put_start(char *out, uint64_t id, char tag, size_t len)
{
    char *at = out + FRAME_HEADER_LEN;
    *at++ = TAG_ID;
    at = put_varint(at, id);
    *at++ = tag;
    at = put_varint(at, len);
    frame_put_header(out, (size_t)(at - out) + len - FRAME_HEADER_LEN);
    return at;
}

static void put_get(const struct stencil *stencil, uint64_t id, char *out,
                    struct blank *blank)
{
    const struct piece *get = &stencil->get;
    char *at = put_start(out, id, TAG_GET, get->len);
    memcpy(at, get->bytes, get->len);
    blank->key_at = (size_t)(at - out) + get->key_at;
    blank->len = (size_t)(at - out) + get->len;
}

static void put_set(const struct stencil *stencil, uint64_t id,
                    size_t value_len, char *out, struct blank *blank)
{
    const struct piece *set = &stencil->set;
    const struct piece *end = &stencil->end;
    char head[1 + 10] = {TAG_PUT_VALUE};
    char *head_end = head;
    if (value_len > 0) {
        head_end = put_varint(head + 1, value_len);
    }
    size_t head_len = (size_t)(head_end - head);
    char *at =
        put_start(out, id, TAG_PUT, set->len + head_len + value_len + end->len);
    memcpy(at, set->bytes, set->len);
    blank->key_at = (size_t)(at - out) + set->key_at;
    at += set->len;
    memcpy(at, head, head_len);
    at += head_len;
    blank->value_at = (size_t)(at - out);
    at += value_len;
    memcpy(at, end->bytes, end->len);
    blank->len = (size_t)(at - out) + end->len;
}

/* Takes a varint of up to four bytes off `rest`. */
static inline bool take_varint(struct slice *rest, uint64_t *value)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < 4 && i < rest->len; i++) {
        uint64_t byte = (unsigned char)rest->data[i];
        sum |= (byte & 0x7f) << 7 * i;
        if (byte < 0x80) {
            *value = sum;
            *rest = slice_after(*rest, i + 1);
            return true;
        }
    }
    return false;
}

static inline bool take_byte(struct slice *rest, char byte)
{
    if (rest->len == 0 || rest->data[0] != byte) {
        return false;
    }
    *rest = slice_after(*rest, 1);
    return true;
}

/* Takes a length off `rest` that is what is left of it. */
static inline bool take_len(struct slice *rest)
{
    uint64_t len;
    return take_varint(rest, &len) && len == rest->len;
}

/* Reads the two answers that nearly all are, as servers write them; false for
 * any other. */
static bool read_usual(struct slice body, struct answer *answer)
{
    struct slice rest = body;
    if (!take_byte(&rest, TAG_ID) || !take_varint(&rest, &answer->id)) {
        return false;
    }
    if (take_byte(&rest, TAG_GET)) {
        if (!take_len(&rest) || !take_byte(&rest, TAG_GET_RESPONSE_VALUE) ||
            !take_len(&rest)) {
            return false;
        }
        answer->kind = ANSWER_VALUE;
        answer->text = rest;
        return true;
    }
    answer->kind = ANSWER_STORED;
    answer->text = (struct slice){0};
    return take_byte(&rest, TAG_PUT) && take_len(&rest) && rest.len == 0;
}

static void read_error(struct slice message, struct answer *answer)
{
    struct field_reader reader = {.rest = message};
    struct field field;
    uint64_t code = 0;
    while (field_next(&reader, &field)) {
        if (field.number == ERROR_CODE && field.type == FIELD_VARINT) {
            code = field.value;
        }
    }
    answer->kind = code == CODE_NOT_FOUND ? ANSWER_MISS : ANSWER_ERROR;
    answer->text = field_find(message, ERROR_MESSAGE);
}

/* Reads any answer to a get or a put. */
static bool read_any(struct slice body, struct answer *answer)
{
    struct envelope envelope;
    if (envelope_read(body, &envelope) != ENVELOPE_READY) {
        return false;
    }
    answer->id = envelope.id;
    answer->text = (struct slice){0};
    switch (envelope.number) {
    case OP_NUMBER_GET:
        answer->kind = ANSWER_VALUE;
        answer->text = field_find(envelope.message, GET_RESPONSE_VALUE);
        return true;
    case OP_NUMBER_PUT:
        answer->kind = ANSWER_STORED;
        return true;
    case ENVELOPE_ERROR:
        read_error(envelope.message, answer);
        return true;
    default:
        return false;
    }
}

static enum decode read_answer(const struct stencil *stencil,
                               struct slice bytes, struct answer *answer)
{
    (void)stencil;
    struct slice body;
    switch (frame_peek(bytes, FRAME_LEN_MAX, &body)) {
    case FRAME_MORE:
        return DECODE_MORE;
    case FRAME_READY:
        break;
    case FRAME_BAD:
    default:
        return DECODE_BAD;
    }
    answer->len = FRAME_HEADER_LEN + body.len;
    return read_usual(body, answer) || read_any(body, answer) ? DECODE_READY
                                                              : DECODE_BAD;
}

const struct protocol protocol_wire = {
    .name = "protobuf",
    .what = "CacheServer's own, get and put",
    .port = 10001,
    .has_ids = true,
    .prepare = prepare,
    .put_get = put_get,
    .put_set = put_set,
    .read = read_answer,
};
