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
    const char *text = response->message[0] ? response->message
                                            : status_text(response->status);
    return json_string_escape(out, slice_of_string(text));
}

static enum status append_error(struct buffer *out, const struct call *call)
{
    enum status status = buffer_append(out, ERROR_BEGIN);
    status = status ? status : append_message(out, call);
    return status ? status : buffer_append(out, SLICE_LITERAL("\"}"));
}

static enum status append_value(struct buffer *out,
                                const struct response *response)
{
    struct slice value = buffer_peek(&response->body);
    enum status status;
    if (response->kind == VALUE_JSON) {
        status = buffer_append(out, value);
    } else if (response->kind == VALUE_TEXT || utf8_is_valid(value)) {
        status = append_quoted(out, value);
    } else {
        status = append_base64(out, value);
        return status ? status
                      : buffer_append(
                            out, SLICE_LITERAL(", \"encoding\": \"base64\"}"));
    }
    return status ? status : buffer_append(out, SLICE_LITERAL("}"));
}

static enum status append_number(struct buffer *out,
                                 const struct number *number)
{
    char text[NUMBER_TEXT_MAX + 1];
    size_t len = number_print_json(number, text);
    text[len++] = '}';
    return buffer_append(out, slice_of(text, len));
}

/* A member of an object that others come before, or none. */
static enum status append_member(struct buffer *out, const char *name,
                                 uint64_t value, bool is_first)
{
    char text[MEMBER_MAX];
    int len = snprintf(text, sizeof text, "%s\"%s\": %" PRIu64,
                       is_first ? "{" : ", ", name, value);
    return buffer_append(out, slice_of(text, (size_t)len));
}

static enum status append_stats(struct buffer *out,
                                const struct bank_stats *stats)
{
    static const char *const names[] = {
#define STAT(name, number) #name,
#include "core/bank_stats.def"
#undef STAT
    };
    const uint64_t values[] = {
#define STAT(name, number) stats->name,
#include "core/bank_stats.def"
#undef STAT
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && !status; i++) {
        status = append_member(out, names[i], values[i], i == 0);
    }
    return status ? status : buffer_append(out, SLICE_LITERAL("}}"));
}

static enum status append_limits(struct buffer *out,
                                 const struct bank_limits *limits)
{
    enum status status = append_member(out, "reserved", limits->reserved, true);
    status =
        status ? status : append_member(out, "maximum", limits->maximum, false);
    status =
        status ? status : append_member(out, "weight", limits->weight, false);
    return status ? status : buffer_append(out, SLICE_LITERAL("}}"));
}

static enum status append_success(struct buffer *out, const struct call *call)
{
    enum status status = buffer_append(out, OK_BEGIN);
    if (status) {
        return status;
    }
    switch ((unsigned)call->request.op) {
    case OP_GET:
        return append_value(out, &call->response);
    case OP_INCR:
        return append_number(out, &call->response.number);
    case OP_BANK_STATS:
        return append_stats(out, &call->response.stats);
    case OP_BANK_CONFIGURE:
        return append_limits(out, &call->response.limits);
    default:
        return buffer_append(out, SLICE_LITERAL("{}}"));
    }
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

static enum status append_item(struct buffer *out, struct slice item)
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

/* Appends the items of the page and moves the mark. */
static enum status append_page(struct buffer *out, struct call *call)
{
    struct slice *mark = &call->request.note;
    struct slice items = buffer_peek(&call->response.body);
    struct slice item;
    enum status status = STATUS_OK;
    if (mark->len == 0) {
        status = buffer_append(out, OK_BEGIN);
        status = status ? status : buffer_append(out, MARK_BEGUN);
        *mark = MARK_BEGUN;
    }
    while (!status && response_next_item(&items, &item)) {
        if (slice_equal(*mark, MARK_LISTED)) {
            status = buffer_append(out, SLICE_LITERAL(", "));
        }
        status = status ? status : append_item(out, item);
        *mark = MARK_LISTED;
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

static enum encode end_list(struct buffer *out)
{
    return buffer_append(out, SLICE_LITERAL("]}")) ? ENCODE_FAILED
                                                   : ENCODE_DONE;
}

static enum encode encode_list(struct call *call, struct buffer *out)
{
    enum status status = call->response.status;
    bool has_begun = call->request.note.len > 0;
    if (status && !has_begun) {
        return encode_single(call, out);
    }
    if (status) {
        return status == STATUS_ABORTED ? end_list(out) : ENCODE_FAILED;
    }
    if (append_page(out, call)) {
        return ENCODE_FAILED;
    }
    if (call->response.cursor_len == 0) {
        return end_list(out);
    }
    if (keep_cursor(call)) {
        return ENCODE_FAILED;
    }
    response_clear(&call->response);
    return ENCODE_AGAIN;
}

enum encode json_encode(struct call *call, struct buffer *out)
{
    bool is_list = call->request.op != OP_NONE &&
                   op_info(call->request.op)->flags & OP_LIST;
    return is_list ? encode_list(call, out) : encode_single(call, out);
}
