/* The requests that nearly all are, get and put of strings without escapes as
 * encoders write them, and their answers, without what the others need.
 * Whatever is not quite so is left to json_decode.h and json_encode.h, which
 * decide what is right: where both have an answer it is the same
 * (tests/compat/test_json_quick.c). Any thread. */
#ifndef CACHESERVER_COMPAT_JSON_QUICK_H
#define CACHESERVER_COMPAT_JSON_QUICK_H

#include "base/buffer.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

struct call;
struct request;

/* Decodes the request at the start of `text` into `request`, which is
 * initialised, as json_decode() would; slices borrow from `text`. Answers how
 * many bytes it has; 0, and nothing is changed, when `text` is for
 * json_scan(). */
size_t json_quick_decode(struct slice text, struct request *request);

/* Appends what json_encode() would. False, and `out` is as before, when the
 * answer, or that there is no memory, is for that. */
bool json_quick_encode(const struct call *call, struct buffer *out);

#endif
