/* A listing is one array over many pages. How far it has come is in the
 * request's note: nothing before the first page, then one of the marks
 * below. The cursor of the next page is copied to the call's scratch memory,
 * where a listing has nothing else. */
#include "compat/json_encode.h"

#include "base/buffer.h"
#include "base/json_string.h"
#include "base/utf8.h"
#include "compat/base64.h"
#include "compat/python_text.h"
#include "core/call.h"
#include "core/number.h"

#include <inttypes.h>
#include <stdio.h>

enum { MEMBER_MAX = 64 /* of a number's member, its name counted */ };

#define MARK_BEGUN  SLICE_LITERAL("[")
#define MARK_LISTED SLICE_LITERAL(",")

#define OK_BEGIN    SLICE_LITERAL("{\"status\": \"ok\", \"data\": ")
#define ERROR_BEGIN SLICE_LITERAL("{\"status\": \"error\", \"message\": \"")

static enum status append_quoted(struct buffer *out, struct slice text)
{
    enum status status = buffer_append(out, SLICE_LITERAL("\""));
    status = status ? status : json_string_escape(out, text);
    return status ? status : buffer_append(out, SLICE_LITERAL("\""));
}

static enum status append_base64(struct buffer *out, struct slice bytes)
{
    enum status status = buffer_append(out, SLICE_LITERAL("\""));
    status = status ? status : base64_append(out, bytes);
    return status ? status : buffer_append(out, SLICE_LITERAL("\""));
}

/* The key as the original's messages name it. */
static enum status append_key_name(struct buffer *out,
                                   const struct request *request)
{
    return request->note.len ? python_append(out, request->note)
                             : json_string_escape(out, request->key);
}

static enum status append_about_key(struct buffer *out,
                                    const struct request *request,
                                    struct slice before, struct slice after)
{
    enum status status = buffer_append(out, before);
    status = status ? status : append_key_name(out, request);
    return status ? status : buffer_append(out, after);
}

static enum status append_message(struct buffer *out, const struct call *call)
{
    const struct request *request = &call->request;
    const struct response *response = &call->response;
    bool has_key =
        request->op != OP_NONE && op_info(request->op)->flags & OP_KEY;
    if (has_key && response->status == STATUS_NOT_FOUND) {
        return append_about_key(out, request, SLICE_LITERAL("Key "),
                                SLICE_LITERAL(" doesn't exist"));
    }
    if (request->op == OP_INCR &&
        response->status == STATUS_FAILED_PRECONDITION) {
        return append_about_key(out, request,
                                SLICE_LITERAL("The value for key "),
                                SLICE_LITERAL(" isn't a number"));
    }
    if (has_key && response->status == STATUS_ALREADY_EXISTS) {
        return append_about_key(out, request, SLICE_LITERAL("Key "),
                                SLICE_LITERAL(" exists"));
    }
    const char *text = response->message[0] ? response->message
                                            : status_text(response->status);
    return json_string_escape(out, slice_of_string(text));
}

static enum status append_whole(struct buffer *out, uint64_t number)
{
    char text[MEMBER_MAX];
    int len = snprintf(text, sizeof text, "%" PRIu64, number);
    return buffer_append(out, slice_of(text, (size_t)len));
}

static enum status append_member(struct buffer *out, const char *name,
                                 uint64_t value)
{
    char text[MEMBER_MAX];
    int len = snprintf(text, sizeof text, ", \"%s\": %" PRIu64, name, value);
    return buffer_append(out, slice_of(text, (size_t)len));
}

/* Text as a string, JSON as it is; other bytes as text if they are, else in
 * base64 with a member that says so behind. */
static enum status append_value(struct buffer *out, enum value_kind kind,
                                struct slice value)
{
    if (kind == VALUE_JSON) {
        return buffer_append(out, value);
    }
    if (kind == VALUE_TEXT || utf8_is_valid(value)) {
        return append_quoted(out, value);
    }
    enum status status = append_base64(out, value);
    return status ? status
                  : buffer_append(out,
                                  SLICE_LITERAL(", \"encoding\": \"base64\""));
}

/* What was there before, if it was asked for. */
static enum status append_previous(struct buffer *out,
                                   const struct response *response)
{
    if (!response->has_previous) {
        return STATUS_OK;
    }
    enum status status =
        buffer_append(out, SLICE_LITERAL(", \"previous\": {\"value\": "));
    status = status ? status
                    : append_value(out, response->kind,
                                   buffer_peek(&response->body));
    if (!status && response->facts.version) {
        status = append_member(out, "version", response->facts.version);
    }
    return status ? status : buffer_append(out, SLICE_LITERAL("}"));
}

/* Whether the original had a request like this; its errors had no code. */
static bool is_original(const struct request *request)
{
    switch ((unsigned)request->op) {
    case OP_NONE:
    case OP_TOUCH:
    case OP_BANK_LIST:
    case OP_BANK_KEYS:
    case OP_BANK_RESET:
        return true;
    case OP_PUT:
    case OP_GET:
    case OP_REMOVE:
        return request_is_plain(request);
    case OP_INCR:
        return !(request->increment.has_initial ||
                 request->increment.has_minimum ||
                 request->increment.has_maximum ||
                 request->increment.delta.is_integer);
    default:
        return false;
    }
}

static enum status append_error(struct buffer *out, const struct call *call)
{
    enum status outcome = call->response.status;
    uint32_t retry_ms = status_retry_ms(outcome);
    enum status status = buffer_append(out, ERROR_BEGIN);
    status = status ? status : append_message(out, call);
    status = status ? status : buffer_append(out, SLICE_LITERAL("\""));
    if (!status && !is_original(&call->request)) {
        status = append_member(out, "code", (uint64_t)status_code(outcome));
        if (!status && retry_ms) {
            status = append_member(out, "retry_ms", retry_ms);
        }
        status = status ? status : append_previous(out, &call->response);
    }
    return status ? status : buffer_append(out, SLICE_LITERAL("}"));
}

static enum status append_number(struct buffer *out,
                                 const struct number *number)
{
    char text[NUMBER_TEXT_MAX];
    return buffer_append(out, slice_of(text, number_print_json(number, text)));
}

/* A limit in its form, with what comes before it. */
static enum status append_limit(struct buffer *out, const char *name,
                                enum bank_limit_form form, uint64_t value)
{
    char text[MEMBER_MAX];
    static const char *const words[] = {"\"evict\"", "\"refuse\""};
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, value);
    const char *word = form == LIMIT_SWITCH      ? (value ? "true" : "false")
                       : form == LIMIT_WHEN_FULL ? words[value == BANK_REFUSE]
                                                 : digits;
    int len = snprintf(text, sizeof text, "\"%s\": %s", name, word);
    return buffer_append(out, slice_of(text, (size_t)len));
}

/* All of them. */
static enum status append_limit_members(struct buffer *out, const char *before,
                                        const struct bank_limits *limits)
{
    const struct {
        const char *name;
        enum bank_limit_form form;
        uint64_t value;
    } rows[] = {
#define LIMIT(name, request, response, form, ...) {#name, form, limits->name},
#include "core/bank_limits.def"
#undef LIMIT
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof rows / sizeof *rows && !status; i++) {
        status = buffer_append(out, slice_of_string(i ? ", " : before));
        status = status ? status
                        : append_limit(out, rows[i].name, rows[i].form,
                                       rows[i].value);
    }
    return status;
}

static enum status append_latency(struct buffer *out,
                                  const struct op_latency *latency)
{
    enum status status = buffer_append(out, SLICE_LITERAL("\""));
    status =
        status
            ? status
            : buffer_append(out, slice_of_string(op_info(latency->op)->name));
    status = status ? status : buffer_append(out, SLICE_LITERAL("\": {"));
    status = status
                 ? status
                 : append_limit(out, "samples", LIMIT_NUMBER, latency->samples);
    status = status ? status : append_member(out, "p50_ns", latency->p50_ns);
    status = status ? status : append_member(out, "p99_ns", latency->p99_ns);
    status = status ? status : append_member(out, "max_ns", latency->max_ns);
    return status ? status : buffer_append(out, SLICE_LITERAL("}"));
}

static enum status append_latencies(struct buffer *out,
                                    const struct response *response)
{
    const struct op_latency *latencies =
        (const void *)buffer_first(&response->results);
    enum status status =
        buffer_append(out, SLICE_LITERAL(", \"latencies\": {"));
    for (size_t i = 0; i < response->count && !status; i++) {
        status = i ? buffer_append(out, SLICE_LITERAL(", ")) : STATUS_OK;
        status = status ? status : append_latency(out, &latencies[i]);
    }
    return status ? status : buffer_append(out, SLICE_LITERAL("}}"));
}

/* The limits are told in their forms. */
static enum status append_stats(struct buffer *out,
                                const struct response *response)
{
    const struct bank_stats *stats = &response->stats;
    const struct {
        const char *name;
        unsigned number;
        uint64_t value;
    } rows[] = {
#define STAT(name, number) {#name, number, stats->name},
#include "core/bank_stats.def"
#undef STAT
    };
    const struct bank_limits limits = {
#define LIMIT(name, ...) .name = stats->name,
#include "core/bank_limits.def"
#undef LIMIT
    };
    const char *before = "{";
    enum status status = STATUS_OK;
    for (size_t i = 0; rows[i].number < BANK_STATS_LIMITS && !status; i++) {
        status = buffer_append(out, slice_of_string(before));
        status = status ? status
                        : append_limit(out, rows[i].name, LIMIT_NUMBER,
                                       rows[i].value);
        before = ", ";
    }
    status = status ? status : append_limit_members(out, before, &limits);
    return status ? status : append_latencies(out, response);
}

static enum status append_limits(struct buffer *out,
                                 const struct bank_limits *limits)
{
    enum status status = append_limit_members(out, "{", limits);
    return status ? status : buffer_append(out, SLICE_LITERAL("}"));
}

static enum status append_lifetime(struct buffer *out,
                                   const struct entry_facts *facts)
{
    if (!facts->lifetime_ms) {
        return STATUS_OK;
    }
    enum status status = append_member(out, "lifetime_ms", facts->lifetime_ms);
    return status ? status
                  : append_member(out, "remaining_ms", facts->remaining_ms);
}

static enum status append_meta(struct buffer *out, const struct call *call)
{
    static const char *const kinds[VALUE_KIND_COUNT] = {
        [VALUE_BYTES] = "{\"kind\": \"bytes\"",
        [VALUE_TEXT] = "{\"kind\": \"text\"",
        [VALUE_JSON] = "{\"kind\": \"json\"",
    };
    const struct entry_facts *facts = &call->response.facts;
    enum status status =
        buffer_append(out, slice_of_string(kinds[facts->kind]));
    status = status ? status : append_member(out, "size", facts->size);
    if (!status && call->request.wants_version) {
        status = append_member(out, "version", facts->version);
    }
    status = status ? status : append_lifetime(out, facts);
    return status ? status : buffer_append(out, SLICE_LITERAL("}"));
}

static enum status append_code(struct buffer *out, enum status outcome)
{
    enum status status = buffer_append(out, SLICE_LITERAL("{\"code\": "));
    status =
        status ? status : append_whole(out, (uint64_t)status_code(outcome));
    return status ? status : buffer_append(out, SLICE_LITERAL("}"));
}

static enum status append_result(struct buffer *out,
                                 const struct batch_result *result,
                                 struct slice value)
{
    if (result->status) {
        return append_code(out, result->status);
    }
    enum status status = buffer_append(out, SLICE_LITERAL("{\"value\": "));
    status = status ? status : append_value(out, result->kind, value);
    if (!status && result->version) {
        status = append_member(out, "version", result->version);
    }
    return status ? status : buffer_append(out, SLICE_LITERAL("}"));
}

/* Values of get_many, codes of others. */
static enum status append_results(struct buffer *out, const struct call *call)
{
    const struct response *response = &call->response;
    const struct batch_result *results = response_results(response);
    struct slice values = buffer_peek(&response->body);
    enum status status = buffer_append(out, SLICE_LITERAL("["));
    for (size_t i = 0; i < response->count && !status; i++) {
        const struct batch_result *result = &results[i];
        status = i ? buffer_append(out, SLICE_LITERAL(", ")) : STATUS_OK;
        if (!status && call->request.op == OP_GET_MANY) {
            status =
                append_result(out, result, slice_of(values.data, result->len));
            values = slice_after(values, result->len);
        } else if (!status) {
            status = append_whole(out, (uint64_t)status_code(result->status));
        }
    }
    return status ? status : buffer_append(out, SLICE_LITERAL("]"));
}

static enum status append_data(struct buffer *out, const struct call *call)
{
    const struct response *response = &call->response;
    switch ((unsigned)call->request.op) {
    case OP_GET:
        return append_value(out, response->kind, buffer_peek(&response->body));
    case OP_INCR:
        return append_number(out, &response->number);
    case OP_META:
        return append_meta(out, call);
    case OP_APPEND:
    case OP_PREPEND:
        return append_whole(out, response->facts.size);
    case OP_GET_MANY:
    case OP_PUT_MANY:
    case OP_REMOVE_MANY:
    case OP_TOUCH_MANY:
        return append_results(out, call);
    case OP_BANK_STATS:
        return append_stats(out, response);
    case OP_BANK_CONFIGURE:
        return append_limits(out, &response->limits);
    default:
        return buffer_append(out, SLICE_LITERAL("{}"));
    }
}

/* What was asked for beside the data. */
static enum status append_wishes(struct buffer *out, const struct call *call)
{
    const struct request *request = &call->request;
    const struct response *response = &call->response;
    enum status status = STATUS_OK;
    if (request->wants_version && request->op == OP_PUT) {
        status = append_member(out, "version", response->version);
    } else if (request->wants_version && request->op == OP_GET) {
        status = append_member(out, "version", response->facts.version);
    }
    if (!status && request->wants_lifetime && request->op == OP_GET) {
        status = append_lifetime(out, &response->facts);
    }
    return status ? status : append_previous(out, response);
}

static enum status append_success(struct buffer *out, const struct call *call)
{
    enum status status = buffer_append(out, OK_BEGIN);
    status = status ? status : append_data(out, call);
    status = status ? status : append_wishes(out, call);
    return status ? status : buffer_append(out, SLICE_LITERAL("}"));
}

static enum encode encode_single(const struct call *call, struct buffer *out)
{
    size_t len = buffer_len(out);
    enum status status = call->response.status ? append_error(out, call)
                                               : append_success(out, call);
    if (status) {
        buffer_truncate(out, len);
        return ENCODE_FAILED;
    }
    return ENCODE_DONE;
}

/* The surrogate whose three bytes `text` starts with; 0 for none. */
static uint32_t surrogate_at(struct slice text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    bool is_one = text.len >= 3 && bytes[0] == 0xed && bytes[1] >= 0xa0 &&
                  bytes[1] <= 0xbf && (bytes[2] & 0xc0) == 0x80;
    return is_one ? 0xd000 | (bytes[1] & 0x3fu) << 6 | (bytes[2] & 0x3fu) : 0;
}

/* Whether `key` can come from a JSON string: UTF-8, in which surrogates may
 * stand alone in their three-byte form, but not as a pair. */
static bool is_string_key(struct slice key)
{
    uint32_t before = 0;
    while (key.len) {
        uint32_t point;
        size_t len = utf8_decode(key, &point);
        uint32_t surrogate = len ? 0 : surrogate_at(key);
        bool is_pair = before && before < 0xdc00 && surrogate >= 0xdc00;
        if ((len == 0 && surrogate == 0) || is_pair) {
            return false;
        }
        key = slice_after(key, len ? len : 3);
        before = surrogate;
    }
    return true;
}

static enum status append_name(struct buffer *out, struct slice item)
{
    if (item.len && (unsigned char)item.data[0] == 0xff) {
        return buffer_append(out, slice_after(item, 1));
    }
    if (utf8_is_valid(item) || is_string_key(item)) {
        return append_quoted(out, item);
    }
    enum status status = buffer_append(out, SLICE_LITERAL("{\"base64\": "));
    status = status ? status : append_base64(out, item);
    return status ? status : buffer_append(out, SLICE_LITERAL("}"));
}

/* Takes an item off `items` and appends it; false when there is none. */
static bool append_entry(struct buffer *out, struct slice *items,
                         enum status *status)
{
    struct entry_item item;
    if (!response_next_entry(items, &item)) {
        return false;
    }
    *status = buffer_append(out, SLICE_LITERAL("{\"key\": "));
    *status = *status ? *status : append_name(out, item.key);
    *status =
        *status ? *status : buffer_append(out, SLICE_LITERAL(", \"value\": "));
    *status =
        *status ? *status : append_value(out, item.facts.kind, item.value);
    *status = *status ? *status : append_lifetime(out, &item.facts);
    *status = *status ? *status : buffer_append(out, SLICE_LITERAL("}"));
    return true;
}

static enum status append_counts(struct buffer *out, struct slice name,
                                 const struct bank_counts *counts)
{
    enum status status = buffer_append(out, SLICE_LITERAL("{\"bank\": "));
    status = status ? status : append_name(out, name);
    status = status ? status : append_member(out, "entries", counts->entries);
    status = status ? status : append_member(out, "bytes", counts->bytes);
    return status ? status : buffer_append(out, SLICE_LITERAL("}"));
}

/* The same, of a list of names; `index` counts them. */
static bool append_listed(struct buffer *out, const struct call *call,
                          struct slice *items, size_t index,
                          enum status *status)
{
    const struct bank_counts *counts =
        (const void *)buffer_first(&call->response.results);
    struct slice name;
    if (!response_next_item(items, &name)) {
        return false;
    }
    *status = call->request.wants_counts
                  ? append_counts(out, name, &counts[index])
                  : append_name(out, name);
    return true;
}

/* The start of an item, unless there is none. */
static enum status append_comma(struct buffer *out, struct slice *mark)
{
    enum status status = slice_equal(*mark, MARK_LISTED)
                             ? buffer_append(out, SLICE_LITERAL(", "))
                             : STATUS_OK;
    *mark = MARK_LISTED;
    return status;
}

/* Appends the items of the page and moves the mark. */
static enum status append_page(struct buffer *out, struct call *call)
{
    struct slice *mark = &call->request.note;
    struct slice items = buffer_peek(&call->response.body);
    enum status status = STATUS_OK;
    if (mark->len == 0) {
        status = buffer_append(out, OK_BEGIN);
        status = status ? status : buffer_append(out, MARK_BEGUN);
        *mark = MARK_BEGUN;
    }
    for (size_t i = 0; items.len && !status; i++) {
        status = append_comma(out, mark);
        if (status) {
            break;
        }
        (void)(call->request.op == OP_BANK_ENTRIES
                   ? append_entry(out, &items, &status)
                   : append_listed(out, call, &items, i, &status));
    }
    return status;
}

static enum status keep_cursor(struct call *call)
{
    struct slice cursor =
        slice_of(call->response.cursor, call->response.cursor_len);
    buffer_clear(&call->scratch);
    enum status status = buffer_append(&call->scratch, cursor);
    call->request.cursor = buffer_peek(&call->scratch);
    return status;
}

/* A page tells where the next begins; a whole list has no next. */
static enum encode end_list(const struct call *call, struct buffer *out)
{
    const struct response *response = &call->response;
    if (!call->request.is_page) {
        return buffer_append(out, SLICE_LITERAL("]}")) ? ENCODE_FAILED
                                                       : ENCODE_DONE;
    }
    enum status status = buffer_append(out, SLICE_LITERAL("], \"cursor\": "));
    status = status ? status
                    : append_base64(out, slice_of(response->cursor,
                                                  response->cursor_len));
    status = status ? status : buffer_append(out, SLICE_LITERAL("}"));
    return status ? ENCODE_FAILED : ENCODE_DONE;
}

static enum encode next_page(struct call *call)
{
    if (keep_cursor(call)) {
        return ENCODE_FAILED;
    }
    response_clear(&call->response);
    return ENCODE_AGAIN;
}

static enum encode encode_list(struct call *call, struct buffer *out)
{
    enum status status = call->response.status;
    bool has_begun = call->request.note.len > 0;
    if (status && !has_begun) {
        return encode_single(call, out);
    }
    if (status) {
        return status == STATUS_ABORTED ? end_list(call, out) : ENCODE_FAILED;
    }
    if (append_page(out, call)) {
        return ENCODE_FAILED;
    }
    if (call->response.cursor_len == 0 || call->request.is_page) {
        return end_list(call, out);
    }
    return next_page(call);
}

/* Nothing is said before all is done. */
static enum encode encode_removal(struct call *call, struct buffer *out)
{
    bool has_ended = call->response.status == STATUS_ABORTED &&
                     call->request.cursor.len > 0; /* The bank was reset. */
    if (has_ended) {
        response_clear(&call->response);
    }
    if (call->response.status) {
        return encode_single(call, out);
    }
    call->request.progress += call->response.count;
    if (call->response.cursor_len > 0) {
        return next_page(call);
    }
    enum status status = buffer_append(out, OK_BEGIN);
    status = status ? status : append_whole(out, call->request.progress);
    status = status ? status : buffer_append(out, SLICE_LITERAL("}"));
    return status ? ENCODE_FAILED : ENCODE_DONE;
}

enum encode json_encode(struct call *call, struct buffer *out)
{
    bool is_list = call->request.op != OP_NONE &&
                   op_info(call->request.op)->flags & OP_LIST;
    if (call->request.op == OP_REMOVE_BY_PREFIX) {
        return encode_removal(call, out);
    }
    return is_list ? encode_list(call, out) : encode_single(call, out);
}
