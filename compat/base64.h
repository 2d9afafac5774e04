/* Base64 as RFC 4648 has it in section 4: padded, one spelling for each row
 * of bytes, no line breaks. Any thread. */
#ifndef CACHESERVER_COMPAT_BASE64_H
#define CACHESERVER_COMPAT_BASE64_H

#include "base/slice.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct buffer;

/* Appends `bytes` as base64. STATUS_NOMEM, and nothing changed. */
enum status base64_append(struct buffer *out, struct slice bytes);

/* Turns `*len` characters of base64 at `text` into bytes, in place, and
 * tells in `*len` how many. False when it is not base64; `text` is then
 * spoilt. */
bool base64_decode(char *text, size_t *len);

#endif
