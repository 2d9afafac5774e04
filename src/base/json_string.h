/* JSON strings and the text that they stand for. "Inside" is what is between
 * the quotes of a string that json_scan() has found valid. Text is UTF-8, in
 * which an escaped surrogate without its partner is its three-byte form.
 * Any thread. */
#ifndef CACHESERVER_BASE_JSON_STRING_H
#define CACHESERVER_BASE_JSON_STRING_H

#include "base/slice.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;

/* Takes the first character off `inside`, which is not empty. Two escapes
 * that make a surrogate pair are one character. */
uint32_t json_string_next(struct slice *inside);

/* Whether all surrogates of `inside` have their partners, so that its text
 * is valid UTF-8. */
bool json_string_is_whole(struct slice inside);

/* Turns `len` bytes of inside at `inside` into text, in place; answers its
 * length, which is at most `len`. */
size_t json_string_unescape(char *inside, size_t len);

/* Appends `text`, without quotes, as the original prints strings: ASCII
 * only, short escapes where there are some, \uXXXX elsewhere. STATUS_NOMEM;
 * a part may have been appended. */
enum status json_string_escape(struct buffer *out, struct slice text);

/* Writes the character `point` so to `out`, which has room for
 * JSON_ESCAPED_MAX bytes; answers how many it took. */
size_t json_string_escape_point(uint32_t point, char *out);

enum { JSON_ESCAPED_MAX = 12 };

#endif
