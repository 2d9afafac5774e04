/* Borrowed bytes: where they start and how many. A slice never owns what it
 * points at; whoever hands one out says how long it stays valid. */
#ifndef CACHESERVER_BASE_SLICE_H
#define CACHESERVER_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* `data` may be NULL only when `len` is 0. No terminator follows. */
struct slice {
    const char *data;
    size_t len;
};

/* A slice of the literal `text`, its terminator left out. */
#define SLICE_LITERAL(text) ((struct slice){(text), sizeof(text) - 1})

static inline struct slice slice_of(const void *data, size_t len)
{
    return (struct slice){data, len};
}

static inline struct slice slice_of_string(const char *text)
{
    return (struct slice){text, strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || !memcmp(a.data, b.data, a.len));
}

static inline bool slice_starts_with(struct slice whole, struct slice start)
{
    return whole.len >= start.len &&
           slice_equal(slice_of(whole.data, start.len), start);
}

/* `whole` without its first `n` bytes; `n` is at most its length. */
static inline struct slice slice_after(struct slice whole, size_t n)
{
    /* Even 0 may not be added to NULL. */
    return (struct slice){n ? whole.data + n : whole.data, whole.len - n};
}

#endif
