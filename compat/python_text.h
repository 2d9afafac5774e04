/* Values as the original names them in its messages, which is how Python
 * prints them: True, None, 1.0, 1e+16, ['a', 1]. Any thread. */
#ifndef CACHESERVER_COMPAT_PYTHON_TEXT_H
#define CACHESERVER_COMPAT_PYTHON_TEXT_H

#include "base/slice.h"
#include "base/status.h"

struct buffer;

/* Appends what Python's repr() makes of `json`, one valid JSON value, as the
 * inside of a JSON string. STATUS_NOMEM; a part may have been appended. */
enum status python_append(struct buffer *out, struct slice json);

#endif
