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

/* The bytes at `at`, wherever that is, as a number. */
static inline uint64_t slice_load_8(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static inline uint32_t slice_load_4(const char *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Whether `len` bytes are the same. Those of most names and keys are the first
 * and the last eight, or four, which is done without a call and a loop. */
static inline bool slice_same_bytes(const char *a, const char *b, size_t len)
{
    if (len >= 8 && len <= 16) {
        return ((slice_load_8(a) ^ slice_load_8(b)) |
                (slice_load_8(a + len - 8) ^ slice_load_8(b + len - 8))) == 0;
    }
    if (len >= 4 && len < 8) {
        return ((slice_load_4(a) ^ slice_load_4(b)) |
                (slice_load_4(a + len - 4) ^ slice_load_4(b + len - 4))) == 0;
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
