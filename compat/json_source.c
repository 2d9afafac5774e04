/* Members are read in the order in which the original checks them. */
#include "compat/json_source.h"

#include "base/json_string.h"
#include "compat/base64.h"
#include "core/call.h"
#include "core/number.h"

#include <math.h>
#include <stdio.h>

const struct json_member *source_find(const struct source *source,
                                      enum json_name name)
{
    return &source->scan->members[name];
}

bool source_has(const struct source *source, enum json_name name)
{
    return source_find(source, name)->type != JSON_ABSENT;
}

struct slice source_json(const struct source *source,
                         const struct json_member *member)
{
    return slice_of(source->text + member->at, member->len);
}

static struct slice inside_of(const struct source *source,
                              const struct json_member *member)
{
    return slice_of(source->text + member->at + 1, member->len - 2);
}

struct slice source_take_text(const struct source *source,
                              const struct json_member *member)
{
    char *inside = source->text + member->at + 1;
    size_t len = member->len - 2;
    if (member->has_escape) {
        len = json_string_unescape(inside, len);
    }
    return slice_of(inside, len);
}

bool source_refuse(const struct source *source, const char *text)
{
    response_fail(&source->call->response, STATUS_INVALID_ARGUMENT, "%s", text);
    return false;
}

bool source_refuse_member(const struct source *source, enum json_name name,
                          const char *what)
{
    response_fail(&source->call->response, STATUS_INVALID_ARGUMENT,
                  "The %s must be %s", json_names[name].data, what);
    return false;
}

bool source_number(const struct source *source,
                   const struct json_member *member, double *number)
{
    bool is_number = member->type >= JSON_INTEGER && member->type <= JSON_FALSE;
    return is_number && number_parse_json(source_json(source, member), number);
}

bool source_read_switch(const struct source *source, enum json_name name,
                        bool *is_on)
{
    const struct json_member *member = source_find(source, name);
    if (member->type == JSON_ABSENT) {
        return true;
    }
    *is_on = member->type == JSON_TRUE;
    return *is_on || member->type == JSON_FALSE ||
           source_refuse_member(source, name, "true or false");
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

bool source_read_whole(const struct source *source, enum json_name name,
                       uint64_t *number, bool *is_there)
{
    const struct json_member *member = source_find(source, name);
    *is_there = member->type != JSON_ABSENT;
    if (!*is_there || (member->type == JSON_INTEGER &&
                       parse_whole(source_json(source, member), number))) {
        return true;
    }
    return source_refuse_member(source, name, "a whole number, not negative");
}

bool source_read_text(const struct source *source, enum json_name name,
                      struct slice *text)
{
    const struct json_member *member = source_find(source, name);
    if (member->type == JSON_ABSENT) {
        return true;
    }
    if (member->type != JSON_STRING) {
        return source_refuse_member(source, name, "a string");
    }
    *text = source_take_text(source, member);
    return true;
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

bool source_read_lifetime(const struct source *source, enum json_name name,
                          enum lifetime_rule rule, struct lifetime *lifetime)
{
    double seconds;
    if (!source_has(source, name)) {
        *lifetime = (struct lifetime){rule, 0};
        return true;
    }
    if (!source_number(source, source_find(source, name), &seconds)) {
        return source_refuse_member(source, name, "an integer or a float");
    }
    *lifetime = lifetime_of_seconds(seconds);
    return true;
}

static bool read_base64(const struct source *source, enum json_name name,
                        struct slice *value)
{
    const struct json_member *member = source_find(source, name);
    if (member->type == JSON_STRING) {
        *value = source_take_text(source, member);
        char *bytes = source->text + member->at + 1;
        if (base64_decode(bytes, &value->len)) {
            return true;
        }
    }
    return source_refuse_member(source, name, "a string of base64");
}

/* The string is not changed: it may be asked for again. */
static bool is_base64_word(struct slice inside)
{
    static const char word[] = "base64";
    size_t len = 0;
    while (inside.len && len < sizeof word - 1) {
        if (json_string_next(&inside) != (unsigned char)word[len++]) {
            return false;
        }
    }
    return inside.len == 0 && len == sizeof word - 1;
}

/* Whether the encoding is base64; false with the response filled when it is
 * none that is known. */
static bool read_encoding(const struct source *source, bool *is_base64)
{
    const struct json_member *member = source_find(source, JSON_NAME_ENCODING);
    *is_base64 = false;
    if (member->type == JSON_ABSENT || member->type == JSON_NULL) {
        return true;
    }
    *is_base64 = member->type == JSON_STRING &&
                 is_base64_word(inside_of(source, member));
    return *is_base64 || source_refuse(source, "The encoding must be base64");
}

bool source_read_value(const struct source *source, enum json_name name,
                       struct slice *value, enum value_kind *kind)
{
    const struct json_member *member = source_find(source, name);
    bool is_base64;
    if (!read_encoding(source, &is_base64)) {
        return false;
    }
    if (is_base64) {
        *kind = VALUE_BYTES;
        return read_base64(source, name, value);
    }
    bool is_text = member->type == JSON_STRING &&
                   (!member->has_escape ||
                    json_string_is_whole(inside_of(source, member)));
    *kind = is_text ? VALUE_TEXT : VALUE_JSON;
    *value = is_text ? source_take_text(source, member)
                     : source_json(source, member);
    return true;
}

/* The longest integer that a double is, or the text of any other one. */
enum { REAL_KEY_MAX = SOURCE_KEY_MAX - 1 };

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

bool source_read_key(const struct source *source,
                     const struct json_member *member, struct slice *key)
{
    if (member->type == JSON_STRING) {
        *key = source_take_text(source, member);
        return true;
    }
    struct buffer *scratch = &source->call->scratch;
    size_t at = buffer_len(scratch);
    if (buffer_append(scratch, SLICE_LITERAL("\xff")) ||
        append_key(scratch, source_json(source, member), member->type)) {
        response_fail(&source->call->response, STATUS_NOMEM, "%s",
                      status_text(STATUS_NOMEM));
        return false;
    }
    *key = slice_after(buffer_peek(scratch), at);
    return true;
}
