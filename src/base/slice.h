/* Borrowed bytes: where they start and how many. A slice never owns what it
 * points at; whoever hands one out says how long it stays valid. */
#ifndef CACHESERVER_BASE_SLICE_H
#define CACHESERVER_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
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

/* Whether `len` bytes are the same. Those of most names and keys are the first
 * and the last eight, or four, which is done without a call and a loop. */
static inline bool slice_same_bytes(const char *a, const char *b, size_t len)
{
    uint64_t words[4];
    uint32_t halves[4];
    if (len - sizeof words[0] <= sizeof words[0]) {
        memcpy(&words[0], a, sizeof words[0]);
        memcpy(&words[1], b, sizeof words[1]);
        memcpy(&words[2], a + len - sizeof words[2], sizeof words[2]);
        memcpy(&words[3], b + len - sizeof words[3], sizeof words[3]);
        return ((words[0] ^ words[1]) | (words[2] ^ words[3])) == 0;
    }
    if (len - sizeof halves[0] <= sizeof halves[0]) {
        memcpy(&halves[0], a, sizeof halves[0]);
        memcpy(&halves[1], b, sizeof halves[1]);
        memcpy(&halves[2], a + len - sizeof halves[2], sizeof halves[2]);
        memcpy(&halves[3], b + len - sizeof halves[3], sizeof halves[3]);
        return ((halves[0] ^ halves[1]) | (halves[2] ^ halves[3])) == 0;
    }
    return len == 0 || !memcmp(a, b, len);
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && slice_same_bytes(a.data, b.data, a.len);
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
