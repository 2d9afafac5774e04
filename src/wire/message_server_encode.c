/* The server's way out, by hand: a value or a page of items goes straight from
 * the response into the output, where protobuf-c would want an array of
 * pointers and terminated strings built first. Each message is written twice
 * by the same function, once to count its bytes and once to write them behind
 * their length. tests/wire/test_message.c holds every answer to be, byte for
 * byte, what protobuf-c makes of it.
 *
 * To add an operation, add a put_*() to the table. */
#include "wire/message.h"

#include "base/check.h"
#include "base/utf8.h"
#include "core/request.h"
#include "core/response.h"
#include "wire/envelope.h"
#include "wire/field.h"
#include "wire/frame.h"

/* The numbers of fields, as in proto/cache.proto. */
enum {
    FIELD_GET_VALUE = 1,
    FIELD_GET_KIND = 2,
    FIELD_INCR_REAL = 1,
    FIELD_INCR_INTEGER = 2,
    FIELD_LIST_ITEMS = 1,
    FIELD_LIST_CURSOR = 2,
    FIELD_LIMITS_RESERVED = 1,
    FIELD_LIMITS_MAXIMUM = 2,
    FIELD_LIMITS_WEIGHT = 3,
    FIELD_HELLO_VERSION = 1,
    FIELD_HELLO_FEATURES = 2,
    FIELD_HELLO_LIMITS = 3,
    FIELD_LIMIT_NAME = 1,
    FIELD_LIMIT_VALUE = 2,
    FIELD_ERROR_CODE = 1,
    FIELD_ERROR_MESSAGE = 2
};

static void put_nothing(struct field_writer *writer,
                        const struct response *response)
{
    (void)writer;
    (void)response;
}

static void put_get(struct field_writer *writer,
                    const struct response *response)
{
    struct slice value = buffer_peek(&response->body);
    if (value.len) {
        field_put_bytes(writer, FIELD_GET_VALUE, value);
    }
    if (response->kind != VALUE_BYTES) {
        field_put_varint(writer, FIELD_GET_KIND, (uint64_t)response->kind);
    }
}

static void put_incr(struct field_writer *writer,
                     const struct response *response)
{
    const struct number *number = &response->number;
    if (number->is_integer) {
        field_put_varint(writer, FIELD_INCR_INTEGER,
                         field_zigzag(number->integer));
    } else {
        uint64_t bits;
        memcpy(&bits, &number->real, sizeof bits);
        field_put_fixed64(writer, FIELD_INCR_REAL, bits);
    }
}

static void put_list(struct field_writer *writer,
                     const struct response *response)
{
    struct slice items = buffer_peek(&response->body);
    struct slice item;
    while (response_next_item(&items, &item)) {
        field_put_bytes(writer, FIELD_LIST_ITEMS, item);
    }
    if (response->cursor_len) {
        field_put_bytes(writer, FIELD_LIST_CURSOR,
                        slice_of(response->cursor, response->cursor_len));
    }
}

static void put_count(struct field_writer *writer, uint32_t number,
                      uint64_t count)
{
    if (count) {
        field_put_varint(writer, number, count);
    }
}

static void put_bank_stats(struct field_writer *writer,
                           const struct response *response)
{
#define STAT(name, number) put_count(writer, number, response->stats.name);
#include "core/bank_stats.def"
#undef STAT
}

static void put_bank_limits(struct field_writer *writer,
                            const struct response *response)
{
    const struct bank_limits *limits = &response->limits;
    put_count(writer, FIELD_LIMITS_RESERVED, limits->reserved);
    put_count(writer, FIELD_LIMITS_MAXIMUM, limits->maximum);
    put_count(writer, FIELD_LIMITS_WEIGHT, limits->weight);
}

static uint64_t parse_decimal(struct slice text)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    return value;
}

static void put_limit_fields(struct field_writer *writer, struct slice name,
                             uint64_t value)
{
    field_put_bytes(writer, FIELD_LIMIT_NAME, name);
    if (value) {
        field_put_varint(writer, FIELD_LIMIT_VALUE, value);
    }
}

static void put_limit(struct field_writer *writer, struct slice name,
                      uint64_t value)
{
    struct field_writer counter = {0};
    put_limit_fields(&counter, name, value);
    field_put_head(writer, FIELD_HELLO_LIMITS, counter.len);
    put_limit_fields(writer, name, value);
}

/* The items are pairs: `version`, `feature` or `limit:` and a name, each with
 * its value. */
static void put_hello(struct field_writer *writer,
                      const struct response *response)
{
    const struct slice limit = SLICE_LITERAL("limit:");
    struct slice items = buffer_peek(&response->body);
    struct slice name, value;
    while (response_next_item(&items, &name) &&
           response_next_item(&items, &value)) {
        if (slice_starts_with(name, limit)) {
            put_limit(writer, slice_after(name, limit.len),
                      parse_decimal(value));
        } else if (slice_equal(name, SLICE_LITERAL("feature"))) {
            field_put_bytes(writer, FIELD_HELLO_FEATURES, value);
        } else if (slice_equal(name, SLICE_LITERAL("version"))) {
            field_put_bytes(writer, FIELD_HELLO_VERSION, value);
        }
    }
}

/* `message` without what was cut off in the middle of a character. */
static struct slice whole_characters(const char *message)
{
    struct slice all = slice_of_string(message);
    struct slice rest = all;
    uint32_t point;
    size_t len;
    while ((len = utf8_decode(rest, &point)) > 0) {
        rest = slice_after(rest, len);
    }
    return slice_of(all.data, all.len - rest.len);
}

static void put_error(struct field_writer *writer,
                      const struct response *response)
{
    struct slice message = whole_characters(response->message);
    field_put_varint(writer, FIELD_ERROR_CODE,
                     (uint64_t)status_code(response->status));
    if (message.len) {
        field_put_bytes(writer, FIELD_ERROR_MESSAGE, message);
    }
}

typedef void (*put_fn)(struct field_writer *writer,
                       const struct response *response);

static const put_fn putters[OP_COUNT] = {
    [OP_PUT] = put_nothing,
    [OP_GET] = put_get,
    [OP_REMOVE] = put_nothing,
    [OP_TOUCH] = put_nothing,
    [OP_INCR] = put_incr,
    [OP_BANK_LIST] = put_list,
    [OP_BANK_KEYS] = put_list,
    [OP_BANK_RESET] = put_nothing,
    [OP_BANK_STATS] = put_bank_stats,
    [OP_BANK_CONFIGURE] = put_bank_limits,
    [OP_HELLO] = put_hello,
    [OP_PING] = put_nothing,
};

/* What comes before the `len` bytes of the message `number`. */
static void put_head(struct field_writer *writer, uint64_t id, uint32_t number,
                     size_t len)
{
    if (id) {
        field_put_varint(writer, ENVELOPE_ID, id);
    }
    field_put_head(writer, number, len);
}

static enum status put_frame(uint64_t id, uint32_t number, put_fn put,
                             const struct response *response,
                             struct buffer *out)
{
    struct field_writer inner = {0};
    put(&inner, response);
    struct field_writer outer = {0};
    put_head(&outer, id, number, inner.len);
    size_t len = outer.len + inner.len;
    if (len > FRAME_LEN_MAX) {
        return STATUS_RESOURCE_EXHAUSTED;
    }
    char *room = buffer_reserve(out, FRAME_HEADER_LEN + len);
    if (!room) {
        return STATUS_NOMEM;
    }
    frame_put_header(room, len);
    struct field_writer writer = {.at = room + FRAME_HEADER_LEN};
    put_head(&writer, id, number, inner.len);
    put(&writer, response);
    buffer_commit(out, FRAME_HEADER_LEN + len);
    return STATUS_OK;
}

static enum status put_refusal(uint64_t id, struct buffer *out)
{
    struct response refusal = {0};
    response_fail(&refusal, STATUS_RESOURCE_EXHAUSTED,
                  "the answer does not fit into a frame");
    return put_frame(id, ENVELOPE_ERROR, put_error, &refusal, out);
}

enum status message_encode_response(const struct request *request,
                                    const struct response *response,
                                    struct buffer *out)
{
    if (response->status) {
        return put_frame(request->id, ENVELOPE_ERROR, put_error, response, out);
    }
    enum status status = put_frame(request->id, op_info(request->op)->number,
                                   putters[request->op], response, out);
    return status == STATUS_RESOURCE_EXHAUSTED ? put_refusal(request->id, out)
                                               : status;
}
