/* Encoders write fields in the order of their numbers, each at most once, and
 * the id before the operation. So a request is read by asking for one field
 * after the other; it is one for here if that meets its end. */
#include "wire/quick.h"

#include "core/limits.h"
#include "core/op.h"
#include "core/request.h"
#include "core/response.h"
#include "wire/envelope.h"
#include "wire/field.h"
#include "wire/frame.h"

#include <stdint.h>

/* The numbers of the operations, as constants. */
enum {
#define OP(NAME, name, number, flags) NUMBER_##NAME = (number),
#include "core/op.def"
#undef OP
};

#define TAG(number, type) ((unsigned char)((number) << 3 | (type)))

/* The tags of fields, as in proto/cache.proto. */
enum {
    TAG_ID = TAG(ENVELOPE_ID, FIELD_VARINT),
    TAG_PUT = TAG(NUMBER_PUT, FIELD_BYTES),
    TAG_GET = TAG(NUMBER_GET, FIELD_BYTES),
    TAG_GET_MANY = TAG(NUMBER_GET_MANY, FIELD_BYTES),
    TAG_ERROR = TAG(ENVELOPE_ERROR, FIELD_BYTES),
    TAG_BANK = TAG(1, FIELD_BYTES),
    TAG_KEY = TAG(2, FIELD_BYTES),
    TAG_PUT_VALUE = TAG(3, FIELD_BYTES),
    TAG_PUT_LIFETIME = TAG(4, FIELD_VARINT),
    TAG_PUT_KIND = TAG(5, FIELD_VARINT),
    TAG_GET_TOUCH = TAG(3, FIELD_VARINT),
    TAG_MANY_KEY = TAG(3, FIELD_BYTES),
    TAG_MANY_RESULT = TAG(1, FIELD_BYTES),
    TAG_RESULT_CODE = TAG(4, FIELD_VARINT),
    TAG_ANSWER_VALUE = TAG(1, FIELD_BYTES),
    TAG_ANSWER_KIND = TAG(2, FIELD_VARINT),
    TAG_ERROR_CODE = TAG(1, FIELD_VARINT)
};

enum {
    KEY_MARK = 0xff,         /* see read_key() in message_server.c */
    VARINT_BITS_MAX = 63,    /* longer numbers are for message.h */
    VALUE_MAX = 64 << 20,    /* so are longer values */
    ANSWER_OVERHEAD_MAX = 40 /* of a frame, beside the value */
};

/* What is left to be read. `is_bad` from when something was not as asked
 * for, and then nothing more is read. */
struct scan {
    const unsigned char *at;
    const unsigned char *end;
    bool is_bad;
};

static inline bool take_tag(struct scan *scan, unsigned char tag)
{
    bool is_there = scan->at < scan->end && *scan->at == tag;
    scan->at += is_there;
    return is_there;
}

static inline uint64_t take_varint(struct scan *scan)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < VARINT_BITS_MAX && scan->at < scan->end;
         shift += 7) {
        uint64_t byte = *scan->at++;
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    scan->is_bad = true;
    return 0;
}

/* The field `tag`, a number; 0 when it is not next. */
static inline uint64_t take_number(struct scan *scan, unsigned char tag)
{
    return take_tag(scan, tag) ? take_varint(scan) : 0;
}

/* How many bytes follow, in five bytes at most. */
static inline uint64_t take_len(struct scan *scan)
{
    const unsigned char *start = scan->at;
    uint64_t len = take_varint(scan);
    scan->is_bad = scan->is_bad || scan->at - start > FIELD_LENGTH_LEN_MAX;
    return len;
}

/* The field `tag`, bytes; empty when it is not next. */
static inline struct slice take_bytes(struct scan *scan, unsigned char tag)
{
    struct slice bytes = {0};
    if (take_tag(scan, tag)) {
        uint64_t len = take_len(scan);
        if (scan->is_bad || len > (size_t)(scan->end - scan->at)) {
            scan->is_bad = true;
            return bytes;
        }
        bytes = slice_of(scan->at, (size_t)len);
        scan->at += len;
    }
    return bytes;
}

static inline void take_put(struct scan *scan, struct request *request)
{
    request->value = take_bytes(scan, TAG_PUT_VALUE);
    if (take_tag(scan, TAG_PUT_LIFETIME)) {
        request->lifetime = lifetime_of_ms(take_varint(scan));
    }
    uint64_t kind = take_number(scan, TAG_PUT_KIND);
    scan->is_bad = scan->is_bad || kind >= VALUE_KIND_COUNT;
    request->kind = (enum value_kind)kind;
}

static inline void take_get(struct scan *scan, struct request *request)
{
    uint64_t touch = take_number(scan, TAG_GET_TOUCH);
    scan->is_bad = scan->is_bad || touch > 1;
    if (touch) {
        request->is_touch = true;
        request->lifetime.rule = LIFETIME_SAME;
    }
}

/* The operation's message, which is all that is left. */
static inline void take_op(struct scan *scan, struct request *request)
{
    uint64_t len = take_len(scan);
    scan->is_bad = scan->is_bad || len != (size_t)(scan->end - scan->at);
    request->bank = take_bytes(scan, TAG_BANK);
    request->key = take_bytes(scan, TAG_KEY);
    if (request->op == OP_PUT) {
        take_put(scan, request);
    } else {
        take_get(scan, request);
    }
}

static inline bool is_key_marked(const struct request *request)
{
    return request->key.len && (unsigned char)request->key.data[0] == KEY_MARK;
}

/* How many fields `tag` of bytes `scan` consists of; `is_bad` afterwards when
 * it is anything else. */
static size_t count_bytes(struct scan scan, unsigned char tag, bool *is_bad)
{
    size_t count = 0;
    while (scan.at < scan.end && !scan.is_bad && *scan.at == tag) {
        (void)take_bytes(&scan, tag);
        count++;
    }
    *is_bad = scan.is_bad || scan.at != scan.end;
    return count;
}

/* The keys, which are all that is left. */
static bool take_keys(struct scan *scan, struct buffer *scratch,
                      struct request *request)
{
    bool is_bad;
    size_t count = count_bytes(*scan, TAG_MANY_KEY, &is_bad);
    size_t len = count * sizeof(struct batch_item);
    if (is_bad || count == 0 || count > BATCH_LEN_MAX) {
        return false;
    }
    buffer_clear(scratch);
    struct batch_item *items = (void *)buffer_reserve(scratch, len);
    if (!items) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        items[i] = (struct batch_item){.key = take_bytes(scan, TAG_MANY_KEY)};
        is_bad = is_bad || (items[i].key.len &&
                            (unsigned char)items[i].key.data[0] == KEY_MARK);
    }
    request->items = items;
    request->item_count = count;
    return !is_bad;
}

bool quick_decode_many(struct slice body, struct buffer *scratch,
                       struct request *request)
{
    const unsigned char *start = (const unsigned char *)body.data;
    struct scan scan = {.at = start, .end = start + body.len};
    uint64_t id = take_number(&scan, TAG_ID);
    if (!take_tag(&scan, TAG_GET_MANY) || scan.is_bad) {
        return false;
    }
    uint64_t len = take_len(&scan);
    scan.is_bad = scan.is_bad || len != (size_t)(scan.end - scan.at);
    struct slice bank = take_bytes(&scan, TAG_BANK);
    if (scan.is_bad || !take_keys(&scan, scratch, request)) {
        request_init(request);
        return false;
    }
    request->op = OP_GET_MANY;
    request->id = id;
    request->bank = bank;
    return true;
}

bool quick_decode(struct slice body, struct request *request)
{
    const unsigned char *start = (const unsigned char *)body.data;
    struct scan scan = {.at = start, .end = start + body.len};
    uint64_t id = take_number(&scan, TAG_ID);
    request->op = take_tag(&scan, TAG_GET)   ? OP_GET
                  : take_tag(&scan, TAG_PUT) ? OP_PUT
                                             : OP_NONE;
    if (request->op == OP_NONE || scan.is_bad) {
        request->op = OP_NONE;
        return false;
    }
    take_op(&scan, request);
    if (scan.is_bad || scan.at != scan.end || is_key_marked(request)) {
        request_init(request);
        return false;
    }
    request->id = id;
    request->is_brief = true;
    return true;
}

static inline char *put_byte(char *at, unsigned byte)
{
    *at = (char)byte;
    return at + 1;
}

static inline char *put_varint(char *at, uint64_t value)
{
    while (value >= 0x80) {
        at = put_byte(at, (unsigned)(value | 0x80) & 0xff);
        value >>= 7;
    }
    return put_byte(at, (unsigned)value);
}

static inline size_t varint_len(size_t value)
{
    size_t len = 1;
    for (; value >= 0x80; value >>= 7) {
        len++;
    }
    return len;
}

static inline char *put_value(char *at, const struct response *response)
{
    struct slice value = buffer_peek(&response->body);
    unsigned kind = (unsigned)response->kind;
    size_t len = value.len ? 1 + varint_len(value.len) + value.len : 0;
    at = put_varint(at, len + (kind ? 2 : 0));
    if (value.len) {
        at = put_byte(at, TAG_ANSWER_VALUE);
        at = put_varint(at, value.len);
        memcpy(at, value.data, value.len);
        at += value.len;
    }
    return kind ? put_byte(put_byte(at, TAG_ANSWER_KIND), kind) : at;
}

static inline char *put_miss(char *at)
{
    at = put_byte(put_byte(at, TAG_ERROR), 2);
    return put_byte(put_byte(at, TAG_ERROR_CODE),
                    (unsigned)status_code(STATUS_NOT_FOUND));
}

static inline char *put_answer(char *at, enum op op,
                               const struct response *response)
{
    if (response->status) {
        return put_miss(at);
    }
    if (op == OP_PUT) {
        return put_byte(put_byte(at, TAG_PUT), 0);
    }
    return put_value(put_byte(at, TAG_GET), response);
}

/* Bytes of the message of one result, which has no version. */
static inline size_t result_len(const struct batch_result *result)
{
    size_t len = result->len ? 1 + varint_len(result->len) + result->len : 0;
    return len + (result->kind ? 2 : 0) + (result->status ? 2 : 0);
}

static inline char *put_result(char *at, const struct batch_result *result,
                               const char *value)
{
    at = put_varint(put_byte(at, TAG_MANY_RESULT), result_len(result));
    if (result->len) {
        at = put_varint(put_byte(at, TAG_ANSWER_VALUE), result->len);
        memcpy(at, value, result->len);
        at += result->len;
    }
    if (result->kind) {
        at = put_byte(put_byte(at, TAG_ANSWER_KIND), (unsigned)result->kind);
    }
    if (result->status) {
        at = put_byte(put_byte(at, TAG_RESULT_CODE),
                      (unsigned)status_code(result->status));
    }
    return at;
}

bool quick_encode_many(const struct request *request,
                       const struct response *response, struct buffer *out)
{
    if (request->op != OP_GET_MANY || response->status ||
        request->wants_version) {
        return false;
    }
    const struct batch_result *results = response_results(response);
    size_t len = 0;
    for (size_t i = 0; i < response->count; i++) {
        size_t one = result_len(&results[i]);
        len += 1 + varint_len(one) + one;
    }
    if (len > VALUE_MAX) {
        return false;
    }
    char *room = buffer_reserve(out, ANSWER_OVERHEAD_MAX + len);
    if (!room) {
        return false;
    }
    char *at = room + FRAME_HEADER_LEN;
    if (request->id) {
        at = put_varint(put_byte(at, TAG_ID), request->id);
    }
    at = put_varint(put_byte(at, TAG_GET_MANY), len);
    const char *value = buffer_first(&response->body);
    for (size_t i = 0; i < response->count; i++) {
        at = put_result(at, &results[i], value);
        if (results[i].len) { /* Even 0 may not be added to NULL. */
            value += results[i].len;
        }
    }
    len = (size_t)(at - room);
    frame_put_header(room, len - FRAME_HEADER_LEN);
    buffer_commit(out, len);
    return true;
}

/* Whether the answer is a value, that one is stored, or a plain miss. */
static inline bool is_usual(const struct request *request,
                            const struct response *response)
{
    if (response->status) {
        return response->status == STATUS_NOT_FOUND &&
               response->message[0] == '\0' && !response->has_previous;
    }
    return request_is_plain(request) &&
           (request->op == OP_PUT ||
            (request->op == OP_GET &&
             buffer_len(&response->body) <= VALUE_MAX));
}

bool quick_encode(const struct request *request,
                  const struct response *response, struct buffer *out)
{
    if (!is_usual(request, response)) {
        return false;
    }
    size_t value_len = response->status ? 0 : buffer_len(&response->body);
    char *room = buffer_reserve(out, ANSWER_OVERHEAD_MAX + value_len);
    if (!room) {
        return false;
    }
    char *at = room + FRAME_HEADER_LEN;
    if (request->id) {
        at = put_varint(put_byte(at, TAG_ID), request->id);
    }
    at = put_answer(at, request->op, response);
    size_t len = (size_t)(at - room);
    frame_put_header(room, len - FRAME_HEADER_LEN);
    buffer_commit(out, len);
    return true;
}
