#include "clients/bench/protocol.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A line of an answer that is longer is none. */
enum { LINE_MAX_LEN = 4096 };

const struct protocol *const protocols[] = {
    &protocol_wire, &protocol_json,  &protocol_memcached,
    &protocol_meta, &protocol_redis, &protocol_floor,
    NULL,
};

const struct protocol *protocol_find(struct slice name)
{
    for (const struct protocol *const *at = protocols; *at; at++) {
        if (slice_equal(name, slice_of_string((*at)->name))) {
            return *at;
        }
    }
    return NULL;
}

void piece_add(struct piece *piece, const char *format, ...)
{
    size_t room = sizeof piece->bytes - piece->len;
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(piece->bytes + piece->len, room, format, arguments);
    va_end(arguments);
    CHECK(len >= 0 && (size_t)len < room);
    piece->len += (size_t)len;
}

void piece_add_key(struct piece *piece, size_t key_len)
{
    CHECK(key_len <= sizeof piece->bytes - piece->len);
    piece->key_at = piece->len;
    memset(piece->bytes + piece->len, '0', key_len);
    piece->len += key_len;
}

void protocol_put_get(const struct stencil *stencil, uint64_t id, char *out,
                      struct blank *blank)
{
    (void)id;
    memcpy(out, stencil->get.bytes, stencil->get.len);
    *blank = (struct blank){stencil->get.len, stencil->get.key_at, 0};
}

/* Writes `number` in digits; answers how many. */
static size_t put_number(char *out, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    memcpy(out, digits + at, sizeof digits - at);
    return sizeof digits - at;
}

void protocol_put_set(const struct stencil *stencil, uint64_t id,
                      size_t value_len, char *out, struct blank *blank)
{
    (void)id;
    size_t at = stencil->set.len;
    memcpy(out, stencil->set.bytes, at);
    at += put_number(out + at, value_len);
    memcpy(out + at, stencil->middle.bytes, stencil->middle.len);
    at += stencil->middle.len;
    *blank = (struct blank){0, stencil->set.key_at, at};
    at += value_len;
    memcpy(out + at, stencil->end.bytes, stencil->end.len);
    blank->len = at + stencil->end.len;
}

enum decode protocol_read_number(struct slice text, uint64_t *number,
                                 size_t *len)
{
    size_t i = 0;
    *number = 0;
    while (i < text.len && text.data[i] >= '0' && text.data[i] <= '9') {
        *number = *number * 10 + (uint64_t)(text.data[i++] - '0');
        if (*number > INT32_MAX) {
            return DECODE_BAD;
        }
    }
    if (i < text.len && (i == 0 || text.data[i] != '\r')) {
        return DECODE_BAD;
    }
    if (i + 1 < text.len && text.data[i + 1] != '\n') {
        return DECODE_BAD;
    }
    *len = i + 2;
    return *len <= text.len ? DECODE_READY : DECODE_MORE;
}

enum decode protocol_read_line(struct slice text, struct slice *line)
{
    const char *end = text.len ? memchr(text.data, '\n', text.len) : NULL;
    if (!end) {
        return text.len > LINE_MAX_LEN ? DECODE_BAD : DECODE_MORE;
    }
    size_t len = (size_t)(end - text.data);
    if (len == 0 || end[-1] != '\r') {
        return DECODE_BAD;
    }
    *line = slice_of(text.data, len - 1);
    return DECODE_READY;
}
