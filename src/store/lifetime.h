/* A lifetime with when it ends, in eight bytes: 40 bits of milliseconds since
 * the store began, and how long it was, rounded up to 19 significant bits. */
#ifndef CACHESERVER_STORE_LIFETIME_H
#define CACHESERVER_STORE_LIFETIME_H

#include "core/value.h"

#include <stdbool.h>
#include <stdint.h>

enum { LIFE_END_BITS = 40, LIFE_DIGIT_BITS = 19 };

/* Ends never: what an item that has room for a lifetime holds without one. */
#define LIFE_FOREVER ((UINT64_C(1) << LIFE_END_BITS) - 1)

/* `ms` rounded up to what can be kept, as 19 bits and a shift of 5. */
static inline uint64_t life_code(uint64_t ms)
{
    uint64_t shift = 0;
    while (ms >> shift >= UINT64_C(1) << LIFE_DIGIT_BITS) {
        shift++;
    }
    uint64_t digits = (ms + (UINT64_C(1) << shift) - 1) >> shift;
    if (digits >> LIFE_DIGIT_BITS) {
        digits >>= 1;
        shift++;
    }
    return shift << LIFE_DIGIT_BITS | digits;
}

/* How long the life in `life` is, from its start. */
static inline uint64_t life_ms(uint64_t life)
{
    uint64_t code = life >> LIFE_END_BITS;
    uint64_t digits = code & ((UINT64_C(1) << LIFE_DIGIT_BITS) - 1);
    uint64_t ms = digits << (code >> LIFE_DIGIT_BITS);
    return ms < LIFETIME_MS_MAX ? ms : LIFETIME_MS_MAX - 1;
}

/* When it ends. */
static inline uint64_t life_end(uint64_t life)
{
    return life & LIFE_FOREVER;
}

/* One of `ms`, at least 1, that begins at `now`. */
static inline uint64_t life_of_ms(uint64_t ms, uint64_t now)
{
    uint64_t end = now + ms < LIFE_FOREVER ? now + ms : LIFE_FOREVER;
    return life_code(ms) << LIFE_END_BITS | end;
}

static inline bool life_is_over(uint64_t life, uint64_t now)
{
    return life_end(life) <= now && life_end(life) != LIFE_FOREVER;
}

/* The life of an item that is put or touched with `lifetime`, which is NEW
 * or FOREVER, at `now`. */
static inline uint64_t life_of(struct lifetime lifetime, uint64_t now)
{
    bool ends = lifetime.rule == LIFETIME_NEW && lifetime.ms < LIFETIME_MS_MAX;
    return ends ? life_of_ms(lifetime.ms, now) : LIFE_FOREVER;
}

#endif
