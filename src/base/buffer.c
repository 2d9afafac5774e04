/*
 *      data                                            data + capacity
 *        |  consumed  |      filled      |     free        |
 *                   start               end
 *
 * Consumed room is won back by moving the filled part to the front, which is
 * done only when the free part is too small and the filled part is at most
 * as long as the consumed one, so that each byte moves a bounded number of
 * times; otherwise the capacity doubles.
 */
#include "base/buffer.h"

#include "base/check.h"
#include "base/memory.h"

#include <stdint.h>

enum { BUFFER_CAPACITY_MIN = 256 };

void buffer_fini(struct buffer *buffer)
{
    memory_free(buffer->data);
    *buffer = (struct buffer){0};
}

void buffer_consume(struct buffer *buffer, size_t n)
{
    CHECK(n <= buffer_len(buffer));
    buffer->start += n;
    if (buffer->start == buffer->end) {
        buffer_clear(buffer);
    }
}

void buffer_reset(struct buffer *buffer, size_t keep_max)
{
    buffer_clear(buffer);
    if (buffer->capacity > keep_max) {
        buffer_fini(buffer);
    }
}

static void move_to_front(struct buffer *buffer)
{
    size_t len = buffer_len(buffer);
    memmove(buffer->data, buffer->data + buffer->start, len);
    buffer->start = 0;
    buffer->end = len;
}

static bool grow(struct buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity ? buffer->capacity : BUFFER_CAPACITY_MIN;
    while (capacity < needed) {
        if (capacity > SIZE_MAX / 2) {
            return false;
        }
        capacity *= 2;
    }
    char *data = memory_resize(buffer->data, capacity);
    if (!data) {
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

char *buffer_make_room(struct buffer *buffer, size_t n)
{
    size_t len = buffer_len(buffer);
    bool fits = n <= buffer->capacity - len;
    if (fits && buffer->data && len <= buffer->start) {
        move_to_front(buffer);
        return buffer->data + buffer->end;
    }
    if (n > SIZE_MAX - buffer->end || !grow(buffer, buffer->end + n)) {
        return NULL;
    }
    return buffer->data + buffer->end;
}

void buffer_commit(struct buffer *buffer, size_t n)
{
    CHECK(n <= buffer->capacity - buffer->end);
    buffer->end += n;
}

void buffer_truncate(struct buffer *buffer, size_t len)
{
    CHECK(len <= buffer_len(buffer));
    buffer->end = buffer->start + len;
}

enum status buffer_append(struct buffer *buffer, struct slice bytes)
{
    char *room = buffer_reserve(buffer, bytes.len);
    if (!room) {
        return STATUS_NOMEM;
    }
    if (bytes.len) {
        memcpy(room, bytes.data, bytes.len);
    }
    buffer_commit(buffer, bytes.len);
    return STATUS_OK;
}
