/* Bytes that grow at the end and are consumed at the front. Empty buffers
 * hold no memory until something is reserved. One thread at a time. */
#ifndef CACHESERVER_BASE_BUFFER_H
#define CACHESERVER_BASE_BUFFER_H

#include "base/slice.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Owns `data`; [start, end) is filled, [end, capacity) is free. A buffer of
 * zeroes is an empty one. */
struct buffer {
    char *data;
    size_t start;
    size_t end;
    size_t capacity;
};

/* Releases the memory; the buffer is empty and usable afterwards. */
void buffer_fini(struct buffer *buffer);

/* Where the filled bytes begin, for those who write to them. *Borrowed*, as
 * buffer_peek()'s. */
static inline char *buffer_first(const struct buffer *buffer)
{
    /* Even 0 may not be added to NULL. */
    return buffer->start ? buffer->data + buffer->start : buffer->data;
}

/* The filled bytes; *borrowed* until the next change of `buffer`. */
static inline struct slice buffer_peek(const struct buffer *buffer)
{
    return (struct slice){buffer_first(buffer), buffer->end - buffer->start};
}

static inline size_t buffer_len(const struct buffer *buffer)
{
    return buffer->end - buffer->start;
}

/* Drops the first `n` filled bytes; `n` is at most the length. */
void buffer_consume(struct buffer *buffer, size_t n);

/* Drops everything; keeps the memory. */
static inline void buffer_clear(struct buffer *buffer)
{
    buffer->start = 0;
    buffer->end = 0;
}

/* Drops everything; keeps the memory only up to `keep_max` bytes. */
void buffer_reset(struct buffer *buffer, size_t keep_max);

/* buffer_reserve() where there is not enough room. */
char *buffer_make_room(struct buffer *buffer, size_t n);

/* Room for `n` more bytes at the end; NULL when there is no memory. The
 * bytes count only after buffer_commit(). Growth doubles, so that what is
 * appended is copied a bounded number of times. */
static inline char *buffer_reserve(struct buffer *buffer, size_t n)
{
    if (n <= buffer->capacity - buffer->end && buffer->data) {
        return buffer->data + buffer->end;
    }
    return buffer_make_room(buffer, n);
}

/* The first `n` of the reserved bytes are filled. */
void buffer_commit(struct buffer *buffer, size_t n);

/* Drops the filled bytes beyond the first `len`. */
void buffer_truncate(struct buffer *buffer, size_t len);

/* Appends a *copy* of `bytes`; STATUS_NOMEM, and nothing changed. */
enum status buffer_append(struct buffer *buffer, struct slice bytes);

#endif
