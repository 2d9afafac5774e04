/* To add an operation: a row in `operations`, and in json_decode() what it
 * needs beyond bank, key, value and lifetime.
 *
 * Each read_*() checks one member and puts it into the request; on false it
 * has filled the response. They run in the order in which the original
 * checks. */
#include "compat/json_decode.h"

#include "base/check.h"
#include "base/json_scan.h"
#include "base/json_string.h"
#include "compat/base64.h"
#include "core/call.h"
#include "core/number.h"

#include <math.h>
#include <stdio.h>

enum need { NEED_BANK = 1, NEED_KEY = 2, NEED_VALUE = 4 };

struct operation {
    struct slice name;
    enum op op;
    unsigned needs;      /* enum need */
    bool is_touch;       /* restarts the lifetime too */
    const char *missing; /* the text when something needed is not there */
};

const struct slice json_names[JSON_NAME_COUNT] = {
    [JSON_NAME_OP] = {"op", 2},
    [JSON_NAME_BANK] = {"bank", 4},
    [JSON_NAME_KEY] = {"key", 3},
    [JSON_NAME_VALUE] = {"value", 5},
    [JSON_NAME_LIFETIME] = {"lifetime", 8},
    [JSON_NAME_NEW_LIFETIME] = {"new_lifetime", 12},
    [JSON_NAME_ENCODING] = {"encoding", 8},
    [JSON_NAME_RESERVED] = {"reserved", 8},
    [JSON_NAME_MAXIMUM] = {"maximum", 7},
    [JSON_NAME_WEIGHT] = {"weight", 6},
};

static const struct operation operations[] = {
    {{"get", 3},
     OP_GET,
     NEED_BANK | NEED_KEY,
     false,
     "bank and key are required"},
    {{"put", 3},
     OP_PUT,
     NEED_BANK | NEED_KEY | NEED_VALUE,
     false,
     "bank, key and value are required"},
    {{"delete", 6},
     OP_REMOVE,
     NEED_BANK | NEED_KEY,
     false,
     "bank and key are required"},
    {{"touch", 5},
     OP_TOUCH,
     NEED_BANK | NEED_KEY,
     true,
     "bank and key are required"},
    {{"getouch", 7},
     OP_GET,
     NEED_BANK | NEED_KEY,
     true,
     "bank and key are required"},
    {{"incr", 4},
     OP_INCR,
     NEED_BANK | NEED_KEY | NEED_VALUE,
     false,
     "bank, key, value are required"},
    {{"bank.list", 9}, OP_BANK_LIST, 0, false, ""},
    {{"bank.keys", 9}, OP_BANK_KEYS, NEED_BANK, false, "bank are required"},
    {{"bank.reset", 10}, OP_BANK_RESET, NEED_BANK, false, "bank are required"},
    {{"bank.stats", 10}, OP_BANK_STATS, NEED_BANK, false, "bank are required"},
    {{"bank.configure", 14},
     OP_BANK_CONFIGURE,
     NEED_BANK,
     false,
     "bank are required"},
};

/* What a request is decoded from and to. */
struct source {
    const struct json_scan *scan;
    char *text;
    struct call *call;
    const struct operation *operation;
};

static const struct json_member *find_member(const struct source *source,
                                             enum json_name name)
{
    return &source->scan->members[name];
}

static bool has_member(const struct source *source, enum json_name name)
{
    return find_member(source, name)->type != JSON_ABSENT;
}

static struct slice member_json(const struct source *source,
                                const struct json_member *member)
{
    return slice_of(source->text + member->at, member->len);
}

static struct slice inside_of(const struct source *source,
                              const struct json_member *member)
{
    return slice_of(source->text + member->at + 1, member->len - 2);
}

/* The text of a string; its JSON is no more afterwards. */
static struct slice take_text(const struct source *source,
                              const struct json_member *member)
{
    char *inside = source->text + member->at + 1;
    size_t len = member->len - 2;
    if (member->has_escape) {
        len = json_string_unescape(inside, len);
    }
    return slice_of(inside, len);
}

static bool refuse(const struct source *source, const char *text)
{
    response_fail(&source->call->response, STATUS_INVALID_ARGUMENT, "%s", text);
    return false;
}

static bool read_operation(struct source *source)
{
    const struct json_member *member = find_member(source, JSON_NAME_OP);
    if (source->scan->type != JSON_OBJECT || member->type == JSON_ABSENT) {
        return refuse(source,
                      "Operation required. Field op in json is required");
    }
    if (member->type != JSON_STRING) {
        return refuse(source, "Invalid operation");
    }
    struct slice name = take_text(source, member);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (slice_equal(operations[i].name, name)) {
            source->operation = &operations[i];
            source->call->request = (struct request){.op = operations[i].op};
            return true;
        }
    }
    return refuse(source, "Invalid operation");
}

static bool check_needs(const struct source *source)
{
    static const enum json_name names[] = {JSON_NAME_BANK, JSON_NAME_KEY,
                                           JSON_NAME_VALUE};
    unsigned needs = source->operation->needs;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (needs >> i & 1 && !has_member(source, names[i])) {
            return refuse(source, source->operation->missing);
        }
    }
    return true;
}

/* The number that is `member`, booleans being one. */
static bool member_number(const struct source *source,
                          const struct json_member *member, double *number)
{
    bool is_number = member->type >= JSON_INTEGER && member->type <= JSON_FALSE;
    return is_number && number_parse_json(member_json(source, member), number);
}

static bool read_delta(const struct source *source)
{
    const struct json_member *member = find_member(source, JSON_NAME_VALUE);
    struct number *delta = &source->call->request.increment.delta;
    bool is_number =
        member->type == JSON_STRING
            ? number_parse_text(take_text(source, member), &delta->real)
            : member_number(source, member, &delta->real);
    return is_number ||
           refuse(source, "The value must be an integer or a float");
}

/* Seconds as a lifetime, rounded up so that a positive one stays one. */
static struct lifetime lifetime_of_seconds(double seconds)
{
    if (isnan(seconds) || seconds < 0) {
        return (struct lifetime){LIFETIME_OVER, 0};
    }
    double ms = ceil(seconds * 1000);
    return lifetime_of_ms(ms < (double)LIFETIME_MS_MAX ? (uint64_t)ms : 0);
}

/* Sets the lifetime from the member `name` if it is there, else to `rule`. */
static bool read_lifetime(const struct source *source, enum json_name name,
                          enum lifetime_rule rule)
{
    double seconds;
    struct lifetime *lifetime = &source->call->request.lifetime;
    if (!has_member(source, name)) {
        *lifetime = (struct lifetime){rule, 0};
        return true;
    }
    if (!member_number(source, find_member(source, name), &seconds)) {
        response_fail(&source->call->response, STATUS_INVALID_ARGUMENT,
                      "The %s must be an integer or a float",
                      json_names[name].data);
        return false;
    }
    *lifetime = lifetime_of_seconds(seconds);
    return true;
}

static bool read_base64(const struct source *source,
                        const struct json_member *member)
{
    struct request *request = &source->call->request;
    if (member->type != JSON_STRING) {
        return refuse(source, "The value must be a string of base64");
    }
    request->kind = VALUE_BYTES;
    request->value = take_text(source, member);
    char *bytes = source->text + member->at + 1;
    return base64_decode(bytes, &request->value.len) ||
           refuse(source, "The value must be a string of base64");
}

static bool is_base64(const struct source *source,
                      const struct json_member *encoding)
{
    return encoding->type == JSON_STRING &&
           slice_equal(take_text(source, encoding), SLICE_LITERAL("base64"));
}

static bool read_value(const struct source *source)
{
    struct request *request = &source->call->request;
    const struct json_member *member = find_member(source, JSON_NAME_VALUE);
    const struct json_member *encoding =
        find_member(source, JSON_NAME_ENCODING);
    request->is_value_checked = true;
    if (encoding->type != JSON_ABSENT && encoding->type != JSON_NULL) {
        return is_base64(source, encoding)
                   ? read_base64(source, member)
                   : refuse(source, "The encoding must be base64");
    }
    bool is_text = member->type == JSON_STRING &&
                   (!member->has_escape ||
                    json_string_is_whole(inside_of(source, member)));
    request->kind = is_text ? VALUE_TEXT : VALUE_JSON;
    request->value =
        is_text ? take_text(source, member) : member_json(source, member);
    return true;
}

static bool is_scalar(const struct json_member *member)
{
    return member->type != JSON_ARRAY && member->type != JSON_OBJECT;
}

static bool read_bank(const struct source *source)
{
    const struct json_member *member = find_member(source, JSON_NAME_BANK);
    struct request *request = &source->call->request;
    if (!is_scalar(member)) {
        return refuse(source, "The bank must not be an array or an object");
    }
    request->bank = member->type == JSON_STRING ? take_text(source, member)
                                                : member_json(source, member);
    return true;
}

/* The longest integer that a double is, or the text of any other one. */
enum { REAL_KEY_MAX = 320 };

static size_t print_real_key(double number, char text[REAL_KEY_MAX])
{
    if (number == 0) {
        return (size_t)snprintf(text, REAL_KEY_MAX, "0");
    }
    if (isfinite(number) && number == floor(number)) {
        return (size_t)snprintf(text, REAL_KEY_MAX, "%.0f", number);
    }
    return number_print(number, text);
}

static enum status append_key(struct buffer *out, struct slice json,
                              enum json_type type)
{
    char text[REAL_KEY_MAX];
    double number;
    switch ((unsigned)type) {
    case JSON_TRUE:
        return buffer_append(out, SLICE_LITERAL("1"));
    case JSON_FALSE:
        return buffer_append(out, SLICE_LITERAL("0"));
    case JSON_REAL:
        if (!number_parse_json(json, &number)) {
            UNREACHABLE("a real is a number, if only an infinite one");
        }
        return buffer_append(out, slice_of(text, print_real_key(number, text)));
    default:
        if (slice_equal(json, SLICE_LITERAL("-0"))) {
            return buffer_append(out, SLICE_LITERAL("0"));
        }
        return buffer_append(out, json);
    }
}

/* Makes the key of one that is a number, a boolean or null. */
static bool make_key(const struct source *source,
                     const struct json_member *member)
{
    struct call *call = source->call;
    struct slice json = member_json(source, member);
    buffer_clear(&call->scratch);
    if (buffer_append(&call->scratch, SLICE_LITERAL("\xff")) ||
        append_key(&call->scratch, json, member->type)) {
        response_fail(&call->response, STATUS_NOMEM, "%s",
                      status_text(STATUS_NOMEM));
        return false;
    }
    call->request.key = buffer_peek(&call->scratch);
    call->request.note = json;
    return true;
}

/* An array or object as key: nothing is ever found under one. */
static bool refuse_key(const struct source *source,
                       const struct json_member *member)
{
    struct call *call = source->call;
    if (call->request.op == OP_PUT) {
        return refuse(source, "The key must not be an array or an object");
    }
    if (member->len > KEY_LEN_MAX) {
        response_fail(&call->response, STATUS_INVALID_ARGUMENT,
                      "key has %zu bytes, at most %d are allowed", member->len,
                      KEY_LEN_MAX);
        return false;
    }
    call->request.note = member_json(source, member);
    response_fail(&call->response, STATUS_NOT_FOUND, "%s", "");
    return false;
}

static bool read_key(const struct source *source)
{
    const struct json_member *member = find_member(source, JSON_NAME_KEY);
    if (!is_scalar(member)) {
        return refuse_key(source, member);
    }
    if (member->type != JSON_STRING) {
        return make_key(source, member);
    }
    source->call->request.key = take_text(source, member);
    return true;
}

/* The whole number that `json` is, when it is one that 64 bits hold. */
static bool parse_whole(struct slice json, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < json.len; i++) {
        unsigned digit = (unsigned char)json.data[i] - (unsigned)'0';
        if (digit > 9 || *number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        *number = *number * 10 + digit;
    }
    return true;
}

/* A number of bytes or the like, if it is there. */
static bool read_whole(const struct source *source, enum json_name name,
                       uint64_t *number, bool *is_there)
{
    const struct json_member *member = find_member(source, name);
    *is_there = member->type != JSON_ABSENT;
    if (!*is_there || (member->type == JSON_INTEGER &&
                       parse_whole(member_json(source, member), number))) {
        return true;
    }
    response_fail(&source->call->response, STATUS_INVALID_ARGUMENT,
                  "The %s must be a whole number, not negative",
                  json_names[name].data);
    return false;
}

static bool read_change(const struct source *source)
{
    struct bank_change *change = &source->call->request.change;
    struct bank_limits *limits = &change->limits;
    return read_whole(source, JSON_NAME_RESERVED, &limits->reserved,
                      &change->has_reserved) &&
           read_whole(source, JSON_NAME_MAXIMUM, &limits->maximum,
                      &change->has_maximum) &&
           read_whole(source, JSON_NAME_WEIGHT, &limits->weight,
                      &change->has_weight);
}

/* What the operation has beyond bank and key. */
static bool read_arguments(const struct source *source)
{
    struct request *request = &source->call->request;
    if (request->op == OP_INCR) {
        return read_delta(source);
    }
    if (request->op == OP_PUT) {
        return read_lifetime(source, JSON_NAME_LIFETIME, LIFETIME_DEFAULT) &&
               read_value(source);
    }
    if (request->op == OP_BANK_CONFIGURE) {
        return read_change(source);
    }
    if (source->operation->is_touch) {
        request->is_touch = request->op == OP_GET;
        return read_lifetime(source, JSON_NAME_NEW_LIFETIME, LIFETIME_SAME);
    }
    return true;
}

enum decode json_decode(const struct json_scan *scan, char *text,
                        struct call *call)
{
    struct source source = {scan, text, call, NULL};
    request_init(&call->request);
    bool is_request = read_operation(&source) && check_needs(&source) &&
                      read_arguments(&source);
    if (is_request && source.operation->needs & NEED_BANK) {
        is_request = read_bank(&source);
    }
    if (is_request && source.operation->needs & NEED_KEY) {
        is_request = read_key(&source);
    }
    return is_request ? DECODE_READY : DECODE_ANSWERED;
}
