/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing beyond
 * U+10FFFF. Any thread. */
#ifndef CACHESERVER_BASE_UTF8_H
#define CACHESERVER_BASE_UTF8_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether all of `text` is valid UTF-8. */
bool utf8_is_valid(struct slice text);

/* Whether all bytes of `text` are ASCII and none is NUL: most names are so,
 * and then need not be looked at any closer. */
static inline bool utf8_is_plain(struct slice text)
{
    const uint64_t highs = 0x8080808080808080u;
    const uint64_t ones = 0x0101010101010101u;
    uint64_t bad = 0;
    size_t i = 0;
    for (; i + 8 <= text.len; i += 8) {
        uint64_t word = slice_load_8(text.data + i);
        bad |= (word | (word - ones)) & highs;
    }
    for (; i + 4 <= text.len; i += 4) {
        uint32_t word = slice_load_4(text.data + i);
        bad |= (word | (word - (uint32_t)ones)) & (uint32_t)highs;
    }
    for (; i < text.len; i++) {
        bad |= (signed char)text.data[i] <= 0;
    }
    return bad == 0;
}

/* Reads the character at the start of `text`: its length in bytes, and the
 * character in `point`; 0 when the bytes are no valid character. */
size_t utf8_decode(struct slice text, uint32_t *point);

/* Writes `point` (surrogates too, in their three-byte form) to `out`, which
 * has room for four bytes; answers how many it took. */
size_t utf8_encode(uint32_t point, char *out);

#endif
