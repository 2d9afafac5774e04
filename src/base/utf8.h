/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing beyond
 * U+10FFFF. Any thread. */
#ifndef CACHESERVER_BASE_UTF8_H
#define CACHESERVER_BASE_UTF8_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether all of `text` is valid UTF-8. */
bool utf8_is_valid(struct slice text);

/* Reads the character at the start of `text`: its length in bytes, and the
 * character in `point`; 0 when the bytes are no valid character. */
size_t utf8_decode(struct slice text, uint32_t *point);

/* Writes `point` (surrogates too, in their three-byte form) to `out`, which
 * has room for four bytes; answers how many it took. */
size_t utf8_encode(uint32_t point, char *out);

#endif
