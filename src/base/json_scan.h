/* Finds where a JSON value ends, strictly, in one pass, wherever the stream
 * is cut: state carries over from one piece to the next and no byte is
 * looked at twice. Also tells the members of a top-level object. What is
 * JSON is what the original took: RFC 8259, and NaN, Infinity, -Infinity.
 * Knows nothing of what the members mean. One thread at a time. */
#ifndef CACHESERVER_BASE_JSON_SCAN_H
#define CACHESERVER_BASE_JSON_SCAN_H

#include "base/slice.h"

#include <stdbool.h>

/* Whether `text` is exactly one JSON value, white space around it allowed,
 * nested at most `depth_max` deep. */
bool json_is_valid(struct slice text, unsigned depth_max);

#endif
