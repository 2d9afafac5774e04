/* Words put together in buffers: messages, help, reports. */
#ifndef CACHESERVER_BASE_TEXT_H
#define CACHESERVER_BASE_TEXT_H

#include "base/buffer.h"
#include "base/slice.h"

/* Appends what printf would print. What finds no memory is left out, so that
 * whoever words a message need not ask. */
void text_append(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends `bytes` from wherever, fit for one line on a terminal: control
 * characters as `?`, and after TEXT_SHOWN_MAX bytes dots. */
void text_append_shown(struct buffer *buffer, struct slice bytes);

enum { TEXT_SHOWN_MAX = 100 };

#endif
