#include "base/utf8.h"

#include <stdint.h>

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The bytes that a character has by its first one, and what that one adds
 * to it; 0 for a byte that starts none. */
static size_t start_len(unsigned char first, uint32_t *bits)
{
    if (first >= 0xc2 && first <= 0xdf) {
        *bits = first & 0x1f;
        return 2;
    }
    if (first >= 0xe0 && first <= 0xef) {
        *bits = first & 0x0f;
        return 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        *bits = first & 0x07;
        return 4;
    }
    return 0;
}

size_t utf8_decode(struct slice text, uint32_t *point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)text.data;
    if (text.len == 0) {
        return 0;
    }
    if (bytes[0] < 0x80) {
        *point = bytes[0];
        return 1;
    }
    size_t len = start_len(bytes[0], point);
    if (len == 0 || len > text.len) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if (!is_continuation(bytes[i])) {
            return 0;
        }
        *point = *point << 6 | (bytes[i] & 0x3f);
    }
    bool is_surrogate = *point >= 0xd800 && *point <= 0xdfff;
    bool is_legal = *point >= least[len] && *point <= 0x10ffff;
    return is_legal && !is_surrogate ? len : 0;
}

size_t utf8_encode(uint32_t point, char *out)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xc0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

/* The bytes of plain ASCII at the start, looked at eight at a time. */
static size_t ascii_len(struct slice text)
{
    size_t i = 0;
    for (uint64_t word; i + sizeof word <= text.len; i += sizeof word) {
        memcpy(&word, text.data + i, sizeof word);
        if (word & 0x8080808080808080u) {
            break;
        }
    }
    while (i < text.len && !(text.data[i] & 0x80)) {
        i++;
    }
    return i;
}

bool utf8_is_valid(struct slice text)
{
    for (;;) {
        text = slice_after(text, ascii_len(text));
        if (text.len == 0) {
            return true;
        }
        uint32_t point;
        size_t len = utf8_decode(text, &point);
        if (len == 0) {
            return false;
        }
        text = slice_after(text, len);
    }
}
