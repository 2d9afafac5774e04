/* What a request came to, in the server's own words. */
#ifndef CACHESERVER_CORE_RESPONSE_H
#define CACHESERVER_CORE_RESPONSE_H

#include "base/buffer.h"
#include "base/slice.h"
#include "base/status.h"
#include "core/bank_stats.h"
#include "core/entry.h"
#include "core/limits.h"
#include "core/number.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RESPONSE_MESSAGE_MAX = 200 };

/* What came of one item of a batch. */
struct batch_result {
    enum status status;
    enum value_kind kind; /* get_many, as all below */
    size_t len;           /* of its value in `body`, behind those before it */
    uint64_t version;
};

/* Owns `body` and `results`, whose memory outlives one answer and serves the
 * next. */
struct response {
    enum status status;
    enum value_kind kind; /* get, and of a value that was there before */
    bool has_previous;    /* `body` is what was there; in an error, too */
    struct buffer body;   /* get: the value; lists: the items, packed;
                             get_many: the values */
    size_t count;         /* lists: items in `body`; remove_by_prefix: entries;
                             batches and bank_stats: results */
    size_t cursor_len;    /* lists: 0 at the end */

    char message[RESPONSE_MESSAGE_MAX]; /* of an error; may be empty */
    char cursor[CURSOR_LEN_MAX];

    /* Whoever succeeds fills in the whole. */
    struct buffer results;     /* batches: of struct batch_result; bank_list:
                                  of struct bank_counts if wanted;
                                  bank_stats: of struct op_latency */
    struct entry_facts facts;  /* meta; get and previous: what was asked for;
                                  append, prepend: only the size */
    uint64_t version;          /* put */
    struct number number;      /* incr */
    struct bank_stats stats;   /* bank_stats */
    struct bank_limits limits; /* bank_configure */
};

/* Makes `response` a successful one with nothing in it; memory is kept. */
void response_clear(struct response *response);

/* Releases the memory. */
void response_fini(struct response *response);

/* Makes `response` an error; `format` as printf's, cut at the maximum. The
 * second lets it keep what was there before. */
void response_fail(struct response *response, enum status status,
                   const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void response_fail_beside(struct response *response, enum status status,
                          const char *message);

/* What came of the items of a batch, in their order; `count` of them. */
static inline const struct batch_result *response_results(
    const struct response *response)
{
    return (const void *)buffer_first(&response->results);
}

/* Appends a *copy* of `item` to the items in `body`. */
enum status response_add_item(struct response *response, struct slice item);

/* How much is in a bank. */
struct bank_counts {
    uint64_t entries;
    uint64_t bytes;
};

/* An item of bank_entries. */
struct entry_item {
    struct slice key;
    struct slice value;
    struct entry_facts facts;
};

/* How many bytes of `body` one takes; appends a *copy*, there being room for
 * so many; takes the first off `items` as response_next_item() does. */
size_t response_entry_len(size_t key_len, size_t value_len);
void response_add_entry(struct response *response,
                        const struct entry_item *item);
bool response_next_entry(struct slice *items, struct entry_item *item);

/* Takes the first item off `items`, which starts as the `body`'s bytes;
 * false when none is left. */
bool response_next_item(struct slice *items, struct slice *item);

#endif
