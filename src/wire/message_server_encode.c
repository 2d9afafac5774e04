/* The server's way out, by hand: a value or a page of items goes straight from
 * the response into the output, where protobuf-c would want an array of
 * pointers and terminated strings built first. Each message is written twice
 * by the same function, once to count its bytes and once to write them behind
 * their length. tests/wire/test_message_answers.c holds every answer to be,
 * byte for byte, what protobuf-c makes of it.
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
    FIELD_GET_VERSION = 3,
    FIELD_GET_LIFETIME = 4,
    FIELD_GET_REMAINING = 5,
    FIELD_PUT_VERSION = 1,
    FIELD_PUT_PREVIOUS = 2,
    FIELD_REMOVE_PREVIOUS = 1,
    FIELD_META_KIND = 1,
    FIELD_META_SIZE = 2,
    FIELD_META_VERSION = 3,
    FIELD_META_LIFETIME = 4,
    FIELD_META_REMAINING = 5,
    FIELD_PIECE_SIZE = 1,
    FIELD_MANY_RESULTS = 1,
    FIELD_RESULT_CODE = 4,
    FIELD_ENTRY_KEY = 1,
    FIELD_ENTRY_VALUE = 2,
    FIELD_ENTRY_KIND = 3,
    FIELD_ENTRY_LIFETIME = 4,
    FIELD_ENTRY_REMAINING = 5,
    FIELD_INCR_REAL = 1,
    FIELD_INCR_INTEGER = 2,
    FIELD_LIST_ITEMS = 1,
    FIELD_LIST_CURSOR = 2,
    FIELD_LIST_COUNTS = 3,
    FIELD_STATS_LATENCIES = 23,
    FIELD_LATENCY_OP = 1,
    FIELD_LATENCY_SAMPLES = 2,
    FIELD_LATENCY_P50 = 3,
    FIELD_LATENCY_P99 = 4,
    FIELD_LATENCY_MAX = 5,
    FIELD_COUNTS_ENTRIES = 1,
    FIELD_COUNTS_BYTES = 2,
    FIELD_HELLO_VERSION = 1,
    FIELD_HELLO_FEATURES = 2,
    FIELD_HELLO_LIMITS = 3,
    FIELD_LIMIT_NAME = 1,
    FIELD_LIMIT_VALUE = 2,
    FIELD_ERROR_CODE = 1,
    FIELD_ERROR_MESSAGE = 2,
    FIELD_ERROR_RETRY = 3,
    FIELD_ERROR_PREVIOUS = 4
};

/* A call that is answered, and what of it a message is made of. */
struct answer {
    const struct request *request;
    const struct response *response;
};

static void put_count(struct field_writer *writer, uint32_t number,
                      uint64_t count)
{
    if (count) {
        field_put_varint(writer, number, count);
    }
}

static void put_some(struct field_writer *writer, uint32_t number,
                     struct slice bytes)
{
    if (bytes.len) {
        field_put_bytes(writer, number, bytes);
    }
}

static void put_nothing(struct field_writer *writer,
                        const struct answer *answer)
{
    (void)writer;
    (void)answer;
}

static void put_value(struct field_writer *writer,
                      const struct response *response)
{
    put_some(writer, FIELD_GET_VALUE, buffer_peek(&response->body));
    put_count(writer, FIELD_GET_KIND, (uint64_t)response->kind);
}

static void put_get(struct field_writer *writer, const struct answer *answer)
{
    const struct entry_facts *facts = &answer->response->facts;
    put_value(writer, answer->response);
    if (answer->request->wants_version) {
        put_count(writer, FIELD_GET_VERSION, facts->version);
    }
    if (answer->request->wants_lifetime && facts->lifetime_ms) {
        put_count(writer, FIELD_GET_LIFETIME, facts->lifetime_ms);
        put_count(writer, FIELD_GET_REMAINING, facts->remaining_ms);
    }
}

static void put_previous_fields(struct field_writer *writer,
                                const struct response *response)
{
    put_value(writer, response);
    put_count(writer, FIELD_GET_VERSION, response->facts.version);
}

/* What was there before, as the field `number`, if it was asked for. */
static void put_previous(struct field_writer *writer, uint32_t number,
                         const struct response *response)
{
    if (response->has_previous) {
        struct field_writer counter = {0};
        put_previous_fields(&counter, response);
        field_put_head(writer, number, counter.len);
        put_previous_fields(writer, response);
    }
}

static void put_put(struct field_writer *writer, const struct answer *answer)
{
    if (answer->request->wants_version) {
        put_count(writer, FIELD_PUT_VERSION, answer->response->version);
    }
    put_previous(writer, FIELD_PUT_PREVIOUS, answer->response);
}

static void put_remove(struct field_writer *writer, const struct answer *answer)
{
    put_previous(writer, FIELD_REMOVE_PREVIOUS, answer->response);
}

static void put_meta(struct field_writer *writer, const struct answer *answer)
{
    const struct entry_facts *facts = &answer->response->facts;
    put_count(writer, FIELD_META_KIND, (uint64_t)facts->kind);
    put_count(writer, FIELD_META_SIZE, facts->size);
    if (answer->request->wants_version) {
        put_count(writer, FIELD_META_VERSION, facts->version);
    }
    if (facts->lifetime_ms) {
        put_count(writer, FIELD_META_LIFETIME, facts->lifetime_ms);
        put_count(writer, FIELD_META_REMAINING, facts->remaining_ms);
    }
}

static void put_piece(struct field_writer *writer, const struct answer *answer)
{
    put_count(writer, FIELD_PIECE_SIZE, answer->response->facts.size);
}

static void put_result(struct field_writer *writer,
                       const struct batch_result *result, struct slice value)
{
    put_some(writer, FIELD_GET_VALUE, value);
    put_count(writer, FIELD_GET_KIND, (uint64_t)result->kind);
    put_count(writer, FIELD_GET_VERSION, result->version);
    put_count(writer, FIELD_RESULT_CODE, (uint64_t)status_code(result->status));
}

static void put_get_many(struct field_writer *writer,
                         const struct answer *answer)
{
    const struct response *response = answer->response;
    const struct batch_result *results = response_results(response);
    struct slice values = buffer_peek(&response->body);
    for (size_t i = 0; i < response->count; i++) {
        const struct batch_result *result = &results[i];
        struct slice value = slice_of(values.data, result->len);
        struct field_writer counter = {0};
        put_result(&counter, result, value);
        field_put_head(writer, FIELD_MANY_RESULTS, counter.len);
        put_result(writer, result, value);
        values = slice_after(values, result->len);
    }
}

static void put_codes(struct field_writer *writer, const struct answer *answer)
{
    const struct response *response = answer->response;
    const struct batch_result *results = response_results(response);
    if (response->count == 0) {
        return;
    }
    field_put_head(writer, FIELD_MANY_RESULTS, response->count);
    for (size_t i = 0; i < response->count; i++) {
        field_put_byte(writer, (unsigned char)status_code(results[i].status));
    }
}

static void put_incr(struct field_writer *writer, const struct answer *answer)
{
    const struct number *number = &answer->response->number;
    if (number->is_integer) {
        field_put_varint(writer, FIELD_INCR_INTEGER,
                         field_zigzag(number->integer));
    } else {
        uint64_t bits;
        memcpy(&bits, &number->real, sizeof bits);
        field_put_fixed64(writer, FIELD_INCR_REAL, bits);
    }
}

static void put_cursor(struct field_writer *writer,
                       const struct response *response)
{
    put_some(writer, FIELD_LIST_CURSOR,
             slice_of(response->cursor, response->cursor_len));
}

static void put_keys(struct field_writer *writer, const struct answer *answer)
{
    struct slice items = buffer_peek(&answer->response->body);
    struct slice item;
    while (response_next_item(&items, &item)) {
        field_put_bytes(writer, FIELD_LIST_ITEMS, item);
    }
    put_cursor(writer, answer->response);
}

static void put_counts_fields(struct field_writer *writer,
                              const struct bank_counts *counts)
{
    put_count(writer, FIELD_COUNTS_ENTRIES, counts->entries);
    put_count(writer, FIELD_COUNTS_BYTES, counts->bytes);
}

static void put_banks(struct field_writer *writer, const struct answer *answer)
{
    const struct response *response = answer->response;
    const struct bank_counts *counts =
        (const void *)buffer_first(&response->results);
    put_keys(writer, answer);
    for (size_t i = 0; answer->request->wants_counts && i < response->count;
         i++) {
        struct field_writer counter = {0};
        put_counts_fields(&counter, &counts[i]);
        field_put_head(writer, FIELD_LIST_COUNTS, counter.len);
        put_counts_fields(writer, &counts[i]);
    }
}

static void put_entry(struct field_writer *writer,
                      const struct entry_item *item)
{
    put_some(writer, FIELD_ENTRY_KEY, item->key);
    put_some(writer, FIELD_ENTRY_VALUE, item->value);
    put_count(writer, FIELD_ENTRY_KIND, (uint64_t)item->facts.kind);
    if (item->facts.lifetime_ms) {
        put_count(writer, FIELD_ENTRY_LIFETIME, item->facts.lifetime_ms);
        put_count(writer, FIELD_ENTRY_REMAINING, item->facts.remaining_ms);
    }
}

static void put_entries(struct field_writer *writer,
                        const struct answer *answer)
{
    struct slice items = buffer_peek(&answer->response->body);
    struct entry_item item;
    while (response_next_entry(&items, &item)) {
        struct field_writer counter = {0};
        put_entry(&counter, &item);
        field_put_head(writer, FIELD_LIST_ITEMS, counter.len);
        put_entry(writer, &item);
    }
    put_cursor(writer, answer->response);
}

static void put_removed(struct field_writer *writer,
                        const struct answer *answer)
{
    put_count(writer, FIELD_LIST_ITEMS, answer->response->count);
    put_cursor(writer, answer->response);
}

static void put_latency(struct field_writer *writer,
                        const struct op_latency *latency)
{
    field_put_bytes(writer, FIELD_LATENCY_OP,
                    slice_of_string(op_info(latency->op)->name));
    put_count(writer, FIELD_LATENCY_SAMPLES, latency->samples);
    put_count(writer, FIELD_LATENCY_P50, latency->p50_ns);
    put_count(writer, FIELD_LATENCY_P99, latency->p99_ns);
    put_count(writer, FIELD_LATENCY_MAX, latency->max_ns);
}

static void put_bank_stats(struct field_writer *writer,
                           const struct answer *answer)
{
    const struct response *response = answer->response;
    const struct op_latency *latencies =
        (const void *)buffer_first(&response->results);
#define STAT(name, number) put_count(writer, number, response->stats.name);
#include "core/bank_stats.def"
#undef STAT
    for (size_t i = 0; i < response->count; i++) {
        struct field_writer counter = {0};
        put_latency(&counter, &latencies[i]);
        field_put_head(writer, FIELD_STATS_LATENCIES, counter.len);
        put_latency(writer, &latencies[i]);
    }
}

static void put_bank_limits(struct field_writer *writer,
                            const struct answer *answer)
{
    const struct bank_limits *limits = &answer->response->limits;
#define LIMIT(name, request, number, ...)                                      \
    put_count(writer, number, limits->name);
#include "core/bank_limits.def"
#undef LIMIT
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
static void put_hello(struct field_writer *writer, const struct answer *answer)
{
    const struct slice limit = SLICE_LITERAL("limit:");
    struct slice items = buffer_peek(&answer->response->body);
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

static void put_error(struct field_writer *writer, const struct answer *answer)
{
    const struct response *response = answer->response;
    field_put_varint(writer, FIELD_ERROR_CODE,
                     (uint64_t)status_code(response->status));
    put_some(writer, FIELD_ERROR_MESSAGE, whole_characters(response->message));
    put_count(writer, FIELD_ERROR_RETRY, status_retry_ms(response->status));
    put_previous(writer, FIELD_ERROR_PREVIOUS, response);
}

typedef void (*put_fn)(struct field_writer *writer,
                       const struct answer *answer);

static const put_fn putters[OP_COUNT] = {
    [OP_PUT] = put_put,
    [OP_GET] = put_get,
    [OP_REMOVE] = put_remove,
    [OP_TOUCH] = put_nothing,
    [OP_INCR] = put_incr,
    [OP_GET_MANY] = put_get_many,
    [OP_PUT_MANY] = put_codes,
    [OP_REMOVE_MANY] = put_codes,
    [OP_TOUCH_MANY] = put_codes,
    [OP_META] = put_meta,
    [OP_APPEND] = put_piece,
    [OP_PREPEND] = put_piece,
    [OP_BANK_LIST] = put_banks,
    [OP_BANK_KEYS] = put_keys,
    [OP_BANK_ENTRIES] = put_entries,
    [OP_REMOVE_BY_PREFIX] = put_removed,
    [OP_BANK_RESET] = put_nothing,
    [OP_BANK_STATS] = put_bank_stats,
    [OP_BANK_CONFIGURE] = put_bank_limits,
    [OP_BANK_DROP] = put_nothing,
    [OP_BANK_RENAME] = put_nothing,
    [OP_BANK_SWAP] = put_nothing,
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

static enum status put_frame(const struct answer *answer, uint32_t number,
                             put_fn put, struct buffer *out)
{
    uint64_t id = answer->request->id;
    struct field_writer inner = {0};
    put(&inner, answer);
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
    put(&writer, answer);
    buffer_commit(out, FRAME_HEADER_LEN + len);
    return STATUS_OK;
}

static enum status put_refusal(const struct request *request,
                               struct buffer *out)
{
    struct response refusal = {0};
    response_fail(&refusal, STATUS_RESOURCE_EXHAUSTED,
                  "the answer does not fit into a frame");
    const struct answer answer = {request, &refusal};
    return put_frame(&answer, ENVELOPE_ERROR, put_error, out);
}

enum status message_encode_response(const struct request *request,
                                    const struct response *response,
                                    struct buffer *out)
{
    const struct answer answer = {request, response};
    enum status status =
        response->status ? put_frame(&answer, ENVELOPE_ERROR, put_error, out)
                         : put_frame(&answer, op_info(request->op)->number,
                                     putters[request->op], out);
    return status == STATUS_RESOURCE_EXHAUSTED ? put_refusal(request, out)
                                               : status;
}
