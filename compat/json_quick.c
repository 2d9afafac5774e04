/* Encoders put no space between tokens, or one behind each comma and colon. */
#include "compat/json_quick.h"

#include "base/json_plain.h"
#include "core/call.h"

#include <stdint.h>

/* What is left to be read. `is_bad` from when something was not as asked
 * for; what is taken after that means nothing. */
struct text {
    const char *at;
    const char *end;
    bool is_bad;
};

/* The members of a request; `data` is NULL in those that were not there. */
struct members {
    struct slice op;
    struct slice bank;
    struct slice key;
    struct slice value;
    struct slice lifetime;
};

enum { LIFETIME_DIGITS_MAX = 9 };

#define HAS(text, literal) has((text), (literal), sizeof(literal) - 1)

/* Whether `literal` comes next; then it is taken. */
static inline bool has(struct text *text, const char *literal, size_t len)
{
    if ((size_t)(text->end - text->at) < len ||
        memcmp(text->at, literal, len) != 0) {
        return false;
    }
    text->at += len;
    return true;
}

static inline void skip_space(struct text *text)
{
    text->at += text->at < text->end && *text->at == ' ';
}

/* A string's inside, without escapes. */
static inline struct slice take_string(struct text *text)
{
    text->is_bad = text->is_bad || !HAS(text, "\"");
    size_t len = json_plain_len(text->at, (size_t)(text->end - text->at));
    struct slice inside = slice_of(text->at, len);
    text->at += len;
    text->is_bad = text->is_bad || !HAS(text, "\"");
    return inside;
}

static inline struct slice take_digits(struct text *text)
{
    struct slice digits = slice_of(text->at, 0);
    while (text->at < text->end && *text->at >= '0' && *text->at <= '9') {
        text->at++;
        digits.len++;
    }
    bool is_number = digits.len == 1 ||
                     (digits.len > 1 && digits.len <= LIFETIME_DIGITS_MAX &&
                      digits.data[0] != '0');
    /* A point or an exponent would go on with it. */
    bool is_whole =
        text->at < text->end && (*text->at == ',' || *text->at == '}');
    text->is_bad = text->is_bad || !is_number || !is_whole;
    return digits;
}

/* Takes a name with its colon and answers its place in `members`; NULL when
 * it has none. */
static inline struct slice *take_name(struct text *text,
                                      struct members *members)
{
    if (HAS(text, "\"op\":")) {
        return &members->op;
    }
    if (HAS(text, "\"key\":")) {
        return &members->key;
    }
    if (HAS(text, "\"bank\":")) {
        return &members->bank;
    }
    if (HAS(text, "\"value\":")) {
        return &members->value;
    }
    return HAS(text, "\"lifetime\":") ? &members->lifetime : NULL;
}

static inline void take_member(struct text *text, struct members *members)
{
    struct slice *member = take_name(text, members);
    if (!member || member->data) {
        text->is_bad = true;
        return;
    }
    skip_space(text);
    *member =
        member == &members->lifetime ? take_digits(text) : take_string(text);
}

static inline void take_members(struct text *text, struct members *members)
{
    text->is_bad = !HAS(text, "{");
    bool goes_on = true;
    while (goes_on && !text->is_bad) {
        take_member(text, members);
        goes_on = HAS(text, ",");
        if (goes_on) {
            skip_space(text);
        }
    }
    text->is_bad = text->is_bad || !HAS(text, "}");
}

static struct lifetime lifetime_of_digits(struct slice digits)
{
    uint64_t seconds = 0;
    for (size_t i = 0; i < digits.len; i++) {
        seconds = seconds * 10 + (uint64_t)(digits.data[i] - '0');
    }
    return lifetime_of_ms(seconds * 1000);
}

static bool is_put(const struct members *members)
{
    return slice_equal(members->op, SLICE_LITERAL("put")) &&
           members->value.data;
}

static bool is_get(const struct members *members)
{
    return slice_equal(members->op, SLICE_LITERAL("get")) &&
           !members->value.data && !members->lifetime.data;
}

size_t json_quick_decode(struct slice text, struct request *request)
{
    struct text rest = {.at = text.data, .end = text.data + text.len};
    struct members members = {0};
    take_members(&rest, &members);
    if (rest.is_bad || !members.bank.data || !members.key.data) {
        return 0;
    }
    if (is_get(&members)) {
        request->op = OP_GET;
    } else if (is_put(&members)) {
        request->op = OP_PUT;
        request->value = members.value;
        request->kind = VALUE_TEXT;
        request->is_value_checked = true;
        if (members.lifetime.data) {
            request->lifetime = lifetime_of_digits(members.lifetime);
        }
    } else {
        return 0;
    }
    request->bank = members.bank;
    request->key = members.key;
    request->is_brief = true;
    return (size_t)(rest.at - text.data);
}

/* How an answer with a value begins and ends. */
struct cover {
    struct slice begin;
    struct slice end;
};

static bool append(struct buffer *out, const struct cover *cover,
                   struct slice value)
{
    size_t len = cover->begin.len + value.len + cover->end.len;
    char *room = buffer_reserve(out, len);
    if (!room) {
        return false;
    }
    memcpy(room, cover->begin.data, cover->begin.len);
    room += cover->begin.len;
    if (value.len) {
        memcpy(room, value.data, value.len);
    }
    memcpy(room + value.len, cover->end.data, cover->end.len);
    buffer_commit(out, len);
    return true;
}

bool json_quick_encode(const struct call *call, struct buffer *out)
{
    static const struct cover done = {{"{\"status\": \"ok\", ", 17},
                                      {"\"data\": {}}", 11}};
    static const struct cover text = {{"{\"status\": \"ok\", \"data\": \"", 26},
                                      {"\"}", 2}};
    static const struct cover json = {{"{\"status\": \"ok\", \"data\": ", 25},
                                      {"}", 1}};
    const struct response *response = &call->response;
    struct slice value = buffer_peek(&response->body);
    if (response->status || !request_is_plain(&call->request)) {
        return false;
    }
    if (call->request.op == OP_PUT) {
        return append(out, &done, slice_of("", 0));
    }
    if (call->request.op != OP_GET || response->kind == VALUE_BYTES) {
        return false;
    }
    if (response->kind == VALUE_JSON) {
        return append(out, &json, value);
    }
    return json_plain_len(value.data, value.len) == value.len &&
           append(out, &text, value);
}
