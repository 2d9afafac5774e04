#include "compat/base64.h"

#include "base/buffer.h"

#include <stdint.h>

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Encodes 1 to 3 bytes as four characters. */
static void encode_group(const char *bytes, size_t count, char *out)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; i++) {
        bits = bits << 8 | (i < count ? (unsigned char)bytes[i] : 0);
    }
    for (size_t i = 0; i < 4; i++) {
        out[i] = '=';
        if (i <= count) {
            out[i] = alphabet[bits >> (18 - 6 * i) & 63];
        }
    }
}

enum status base64_append(struct buffer *out, struct slice bytes)
{
    size_t len = (bytes.len + 2) / 3 * 4;
    char *room = buffer_reserve(out, len);
    if (!room) {
        return STATUS_NOMEM;
    }
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        encode_group(bytes.data + i, left < 3 ? left : 3, room + i / 3 * 4);
    }
    buffer_commit(out, len);
    return STATUS_OK;
}

static bool character_bits(char character, uint32_t *bits)
{
    const char *found = character ? strchr(alphabet, character) : NULL;
    *bits = found ? (uint32_t)(found - alphabet) : 0;
    return found != NULL;
}

/* Decodes four characters, of which the last `padding` are padding, to
 * `out`, which may be where they are. */
static bool decode_group(const char *characters, size_t padding, char *out)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        uint32_t six = 0;
        if (i < 4 - padding && !character_bits(characters[i], &six)) {
            return false;
        }
        bits = bits << 6 | six;
    }
    uint32_t unused = padding == 0 ? 0 : padding == 1 ? 0xff : 0xffff;
    for (size_t i = 0; i < 3 - padding; i++) {
        out[i] = (char)(bits >> (16 - 8 * i));
    }
    return (bits & unused) == 0;
}

static size_t padding_len(const char *text, size_t len)
{
    size_t padding = 0;
    while (padding < 2 && padding < len && text[len - 1 - padding] == '=') {
        padding++;
    }
    return padding;
}

bool base64_decode(char *text, size_t *len)
{
    size_t groups = *len / 4;
    size_t padding = padding_len(text, *len);
    bool is_valid = *len % 4 == 0;
    for (size_t i = 0; i < groups && is_valid; i++) {
        size_t missing = i + 1 == groups ? padding : 0;
        is_valid = decode_group(text + 4 * i, missing, text + 3 * i);
    }
    *len = groups * 3 - (groups ? padding : 0);
    return is_valid;
}
