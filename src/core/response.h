/* What a request came to, in the server's own words. */
#ifndef CACHESERVER_CORE_RESPONSE_H
#define CACHESERVER_CORE_RESPONSE_H

#include "base/buffer.h"
#include "base/slice.h"
#include "base/status.h"
#include "core/bank_stats.h"
#include "core/limits.h"
#include "core/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RESPONSE_MESSAGE_MAX = 200 };

/* Owns `body`, whose memory outlives one answer and serves the next. */
struct response {
    enum status status;
    enum value_kind kind; /* get */
    struct buffer body;   /* get: the value; lists: the items, packed */
    size_t count;         /* lists: items in `body` */
    size_t cursor_len;    /* lists: 0 at the end */

    char message[RESPONSE_MESSAGE_MAX]; /* of an error; may be empty */
    char cursor[CURSOR_LEN_MAX];

    /* Whoever succeeds fills in the whole. */
    struct number number;      /* incr */
    struct bank_stats stats;   /* bank_stats */
    struct bank_limits limits; /* bank_configure */
};

/* Makes `response` a successful one with nothing in it; memory is kept. */
void response_clear(struct response *response);

/* Releases the memory. */
void response_fini(struct response *response);

/* Makes `response` an error; `format` as printf's, cut at the maximum. */
void response_fail(struct response *response, enum status status,
                   const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends a *copy* of `item` to the items in `body`. */
enum status response_add_item(struct response *response, struct slice item);

/* Takes the first item off `items`, which starts as the `body`'s bytes;
 * false when none is left. */
bool response_next_item(struct slice *items, struct slice *item);

#endif
