/* Goes token by token: what differs between JSON and Python's printing is
 * within tokens and in the spaces around them, so that no nesting needs to
 * be followed. */
#include "compat/python_text.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/json_string.h"
#include "core/number.h"

#include <math.h>
#include <stdio.h>

/* The room for one character: \\U and eight digits, or a surrogate pair. */
enum { POINT_ROOM = 16 };

/* Characters beyond ASCII that Python does not print as they are: control
 * and format characters, surrogates, private use, spaces, no characters at
 * all. Those that Unicode has given no meaning yet are printed. */
static const struct {
    uint32_t first;
    uint32_t last;
} unprintable[] = {
    {0x7f, 0xa0},         {0xad, 0xad},       {0x600, 0x605},
    {0x61c, 0x61c},       {0x6dd, 0x6dd},     {0x70f, 0x70f},
    {0x890, 0x891},       {0x8e2, 0x8e2},     {0x1680, 0x1680},
    {0x180e, 0x180e},     {0x2000, 0x200f},   {0x2028, 0x202f},
    {0x205f, 0x2064},     {0x2066, 0x206f},   {0x3000, 0x3000},
    {0xd800, 0xf8ff},     {0xfdd0, 0xfdef},   {0xfeff, 0xfeff},
    {0xfff9, 0xfffb},     {0x110bd, 0x110bd}, {0x110cd, 0x110cd},
    {0x13430, 0x13438},   {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
    {0xe0001, 0xe0001},   {0xe0020, 0xe007f}, {0xf0000, 0xffffd},
    {0x100000, 0x10fffd},
};

static bool is_printable(uint32_t point)
{
    for (size_t i = 0; i < sizeof unprintable / sizeof *unprintable; i++) {
        if (point >= unprintable[i].first && point <= unprintable[i].last) {
            return false;
        }
    }
    return point >= 0x20 && (point & 0xfffe) != 0xfffe;
}

/* Which quotes repr() puts around the text of `inside`. */
static char choose_quote(struct slice inside)
{
    bool has_single = false;
    bool has_double = false;
    while (inside.len) {
        uint32_t point = json_string_next(&inside);
        has_single = has_single || point == '\'';
        has_double = has_double || point == '"';
    }
    return has_single && !has_double ? '"' : '\'';
}

/* Writes a backslash, which JSON doubles, and what follows it. */
static size_t print_escape(uint32_t point, char *out)
{
    const char *format = point <= 0xff     ? "\\\\x%02x"
                         : point <= 0xffff ? "\\\\u%04x"
                                           : "\\\\U%08x";
    switch (point) {
    case '\t':
        return (size_t)snprintf(out, POINT_ROOM, "\\\\t");
    case '\n':
        return (size_t)snprintf(out, POINT_ROOM, "\\\\n");
    case '\r':
        return (size_t)snprintf(out, POINT_ROOM, "\\\\r");
    default:
        return (size_t)snprintf(out, POINT_ROOM, format, point);
    }
}

static size_t print_point(uint32_t point, char quote, char *out)
{
    size_t len = 0;
    if (!is_printable(point)) {
        return print_escape(point, out);
    }
    if (point == '\\' || point == (unsigned char)quote) {
        len = json_string_escape_point('\\', out);
    }
    return len + json_string_escape_point(point, out + len);
}

static enum status append_quote(struct buffer *out, char quote)
{
    return buffer_append(out, quote == '"' ? SLICE_LITERAL("\\\"")
                                           : SLICE_LITERAL("'"));
}

static enum status append_string(struct buffer *out, struct slice inside)
{
    char quote = choose_quote(inside);
    enum status status = append_quote(out, quote);
    while (!status && inside.len) {
        char *room = buffer_reserve(out, POINT_ROOM);
        if (!room) {
            return STATUS_NOMEM;
        }
        uint32_t point = json_string_next(&inside);
        buffer_commit(out, print_point(point, quote, room));
    }
    return status ? status : append_quote(out, quote);
}

static enum status append_real(struct buffer *out, struct slice token)
{
    double number;
    char text[NUMBER_TEXT_MAX];
    bool is_number = number_parse_json(token, &number);
    CHECK(is_number);
    if (isnan(number)) {
        return buffer_append(out, SLICE_LITERAL("nan"));
    }
    if (isinf(number)) {
        return buffer_append(out, number < 0 ? SLICE_LITERAL("-inf")
                                             : SLICE_LITERAL("inf"));
    }
    return buffer_append(out, slice_of(text, number_print(number, text)));
}

static enum status append_number(struct buffer *out, struct slice token)
{
    for (size_t i = 0; i < token.len; i++) {
        if (strchr(".eEIN", token.data[i])) {
            return append_real(out, token);
        }
    }
    bool is_zero = slice_equal(token, SLICE_LITERAL("-0"));
    return buffer_append(out, is_zero ? SLICE_LITERAL("0") : token);
}

static size_t string_len(struct slice json)
{
    size_t len = 1;
    while (json.data[len] != '"') {
        len += json.data[len] == '\\' ? 2 : 1;
    }
    return len + 1;
}

/* The length of the number or word at the start. */
static size_t word_len(struct slice json)
{
    size_t len = 0;
    while (len < json.len && !strchr(" \t\n\r,:[]{}\"", json.data[len])) {
        len++;
    }
    return len;
}

static enum status append_word(struct buffer *out, struct slice word)
{
    switch (word.data[0]) {
    case 't':
        return buffer_append(out, SLICE_LITERAL("True"));
    case 'f':
        return buffer_append(out, SLICE_LITERAL("False"));
    case 'n':
        return buffer_append(out, SLICE_LITERAL("None"));
    default:
        return append_number(out, word);
    }
}

/* Appends the token at the start of `json` and takes it off. */
static enum status append_token(struct buffer *out, struct slice *json)
{
    struct slice token = slice_of(json->data, 1);
    enum status status = STATUS_OK;
    switch (json->data[0]) {
    case ' ':
    case '\t':
    case '\n':
    case '\r':
        break;
    case ',':
        status = buffer_append(out, SLICE_LITERAL(", "));
        break;
    case ':':
        status = buffer_append(out, SLICE_LITERAL(": "));
        break;
    case '[':
    case ']':
    case '{':
    case '}':
        status = buffer_append(out, token);
        break;
    case '"':
        token.len = string_len(*json);
        status = append_string(out, slice_of(token.data + 1, token.len - 2));
        break;
    default:
        token.len = word_len(*json);
        status = append_word(out, token);
    }
    *json = slice_after(*json, token.len);
    return status;
}

enum status python_append(struct buffer *out, struct slice json)
{
    enum status status = STATUS_OK;
    while (!status && json.len) {
        status = append_token(out, &json);
    }
    return status;
}
