/* What an entry holds: bytes, what kind of bytes they are, and for how long.
 * The words that every face, engine and store share. */
#ifndef CACHESERVER_CORE_VALUE_H
#define CACHESERVER_CORE_VALUE_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* The numbers are those of the protocol's ValueKind. */
enum value_kind {
    VALUE_BYTES, /* opaque */
    VALUE_TEXT,  /* valid UTF-8 */
    VALUE_JSON,  /* one JSON value, kept as it was written */
    VALUE_KIND_COUNT
};

/* What an operation does to an entry's lifetime. */
enum lifetime_rule {
    LIFETIME_DEFAULT, /* as the bank has it: for ever, unless it was set */
    LIFETIME_FOREVER, /* none */
    LIFETIME_NEW,     /* `ms` from now */
    LIFETIME_SAME,    /* the entry's own, from now; only touch and get */
    LIFETIME_OVER     /* over at once: the entry is gone */
};

/* `ms` counts for LIFETIME_NEW only and is then at least 1; from
 * LIFETIME_MS_MAX on an entry lives for ever. */
struct lifetime {
    enum lifetime_rule rule;
    uint64_t ms;
};

#define LIFETIME_MS_MAX (UINT64_C(1) << 39)

/* `ms` as it comes in a request, 0 or beyond the maximum being for ever. */
static inline struct lifetime lifetime_of_ms(uint64_t ms)
{
    bool is_finite = ms > 0 && ms < LIFETIME_MS_MAX;
    return is_finite ? (struct lifetime){LIFETIME_NEW, ms}
                     : (struct lifetime){LIFETIME_FOREVER, 0};
}

/* A number to add or the sum: exact, or a double as the original has it. */
struct number {
    bool is_integer;
    int64_t integer; /* when is_integer */
    double real;     /* otherwise */
};

#endif
