#include "base/json_string.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/json_plain.h"
#include "base/utf8.h"

enum {
    ESCAPE_LEN = 6,      /* of \uXXXX */
    ESCAPE_STEP = 1024,  /* bytes of text for which room is made at a time */
    ESCAPED_BYTE_MAX = 6 /* what one byte of text may grow to */
};

static uint32_t hex_value(char digit)
{
    return (uint32_t)(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
}

static uint32_t hex_unit(const char *digits)
{
    return hex_value(digits[0]) << 12 | hex_value(digits[1]) << 8 |
           hex_value(digits[2]) << 4 | hex_value(digits[3]);
}

static bool is_surrogate(uint32_t point)
{
    return point >= 0xd800 && point <= 0xdfff;
}

static bool is_low_surrogate(uint32_t point)
{
    return point >= 0xdc00 && point <= 0xdfff;
}

/* Takes the \uXXXX off `inside` if it is a low surrogate. */
static bool take_low_surrogate(struct slice *inside, uint32_t *low)
{
    if (inside->len < ESCAPE_LEN || inside->data[0] != '\\' ||
        inside->data[1] != 'u') {
        return false;
    }
    *low = hex_unit(inside->data + 2);
    if (!is_low_surrogate(*low)) {
        return false;
    }
    *inside = slice_after(*inside, ESCAPE_LEN);
    return true;
}

static uint32_t take_unicode_escape(struct slice *inside)
{
    CHECK(inside->len >= ESCAPE_LEN);
    uint32_t point = hex_unit(inside->data + 2);
    uint32_t low;
    *inside = slice_after(*inside, ESCAPE_LEN);
    if (is_surrogate(point) && !is_low_surrogate(point) &&
        take_low_surrogate(inside, &low)) {
        return 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    }
    return point;
}

static uint32_t take_escape(struct slice *inside)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    CHECK(inside->len >= 2);
    char letter = inside->data[1];
    if (letter == 'u') {
        return take_unicode_escape(inside);
    }
    const char *found = memchr(letters, letter, sizeof letters - 1);
    CHECK(found);
    *inside = slice_after(*inside, 2);
    return (uint32_t)meanings[found - letters];
}

uint32_t json_string_next(struct slice *inside)
{
    if (inside->data[0] == '\\') {
        return take_escape(inside);
    }
    uint32_t point;
    size_t len = utf8_decode(*inside, &point);
    CHECK(len > 0);
    *inside = slice_after(*inside, len);
    return point;
}

/* Takes off what is before the first backslash; answers its length. */
static size_t skip_unescaped(struct slice *inside)
{
    const char *found =
        inside->len ? memchr(inside->data, '\\', inside->len) : NULL;
    size_t len = found ? (size_t)(found - inside->data) : inside->len;
    *inside = slice_after(*inside, len);
    return len;
}

bool json_string_is_whole(struct slice inside)
{
    for (skip_unescaped(&inside); inside.len; skip_unescaped(&inside)) {
        if (is_surrogate(take_escape(&inside))) {
            return false;
        }
    }
    return true;
}

size_t json_string_unescape(char *inside, size_t len)
{
    struct slice rest = slice_of(inside, len);
    char *out = inside + skip_unescaped(&rest);
    while (rest.len) {
        uint32_t point = take_escape(&rest);
        out += utf8_encode(point, out);
        const char *run = rest.data;
        size_t run_len = skip_unescaped(&rest);
        memmove(out, run, run_len);
        out += run_len;
    }
    return (size_t)(out - inside);
}

static size_t escape_unit(uint32_t unit, char *out)
{
    static const char digits[] = "0123456789abcdef";
    out[0] = '\\';
    out[1] = 'u';
    out[2] = digits[unit >> 12 & 15];
    out[3] = digits[unit >> 8 & 15];
    out[4] = digits[unit >> 4 & 15];
    out[5] = digits[unit & 15];
    return ESCAPE_LEN;
}

/* The letter of the two-byte escape of `point`; 0 when it has none. */
static char short_escape(uint32_t point)
{
    switch (point) {
    case '"':
        return '"';
    case '\\':
        return '\\';
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

size_t json_string_escape_point(uint32_t point, char *out)
{
    if (point < 0x80 && json_plain_is((char)point)) {
        out[0] = (char)point;
        return 1;
    }
    char letter = short_escape(point);
    if (letter) {
        out[0] = '\\';
        out[1] = letter;
        return 2;
    }
    if (point < 0x10000) {
        return escape_unit(point, out);
    }
    point -= 0x10000;
    size_t len = escape_unit(0xd800 + (point >> 10), out);
    return len + escape_unit(0xdc00 + (point & 0x3ff), out + len);
}

/* Reads a character of text: UTF-8, or a surrogate's three bytes. */
static uint32_t take_point(struct slice *text)
{
    uint32_t point;
    size_t len = utf8_decode(*text, &point);
    if (len == 0) {
        CHECK(text->len >= 3 && (unsigned char)text->data[0] == 0xed);
        point = 0xd000 | (uint32_t)(text->data[1] & 0x3f) << 6 |
                (uint32_t)(text->data[2] & 0x3f);
        len = 3;
    }
    *text = slice_after(*text, len);
    return point;
}

/* Escapes from `text` until it or the room of `len` bytes is used up; takes
 * off what it has done and answers how much room that took. */
static size_t escape_some(struct slice *text, char *room, size_t len)
{
    char *out = room;
    char *last = room + len - JSON_ESCAPED_MAX;
    while (text->len && out <= last) {
        size_t free_len = (size_t)(room + len - out);
        size_t run_max = text->len < free_len ? text->len : free_len;
        size_t run = json_plain_len(text->data, run_max);
        memcpy(out, text->data, run);
        out += run;
        *text = slice_after(*text, run);
        if (run < run_max && out <= last) {
            out += json_string_escape_point(take_point(text), out);
        }
    }
    return (size_t)(out - room);
}

enum status json_string_escape(struct buffer *out, struct slice text)
{
    while (text.len) {
        size_t step = text.len < ESCAPE_STEP ? text.len : ESCAPE_STEP;
        size_t len = step * ESCAPED_BYTE_MAX + JSON_ESCAPED_MAX;
        char *room = buffer_reserve(out, len);
        if (!room) {
            return STATUS_NOMEM;
        }
        buffer_commit(out, escape_some(&text, room, len));
    }
    return STATUS_OK;
}
