/* One request in the server's own words, whatever face it came through. */
#ifndef CACHESERVER_CORE_REQUEST_H
#define CACHESERVER_CORE_REQUEST_H

#include "base/slice.h"
#include "core/bank_stats.h"
#include "core/entry.h"
#include "core/number.h"
#include "core/op.h"
#include "core/value.h"

#include <stdbool.h>
#include <stdint.h>

struct limits;
struct response;

/* One of many in a batch. */
struct batch_item {
    struct slice key;
    struct slice value; /* put_many, with all below */
    struct lifetime lifetime;
    enum value_kind kind;
    bool is_value_checked;
};

/* Which fields count depends on `op`; the others are zero. Slices are
 * borrowed from the input or from the call's scratch memory, and are valid
 * until the call is answered. Keys are bytes; a leading 0xFF marks those
 * that JSON wrote as a number or null (proto/PROTOCOL.md).
 *
 * What gets and puts need comes first: most requests touch no more of it. */
struct request {
    enum op op;
    enum value_kind kind;
    bool is_brief;         /* nothing from `increment` on was ever set */
    bool is_value_checked; /* the face has proven `value` to be of `kind` */
    bool is_touch;         /* get: restart the lifetime too */
    uint64_t id;           /* echoed by the protobuf face, 0 elsewhere */
    struct slice bank;
    struct slice key;
    struct slice value;       /* put, append, prepend */
    struct lifetime lifetime; /* put, touch, touch_many, get with `is_touch` */

    struct increment increment;
    struct condition condition; /* put, remove */
    bool wants_previous;        /* put, remove */
    bool wants_version;         /* put, get, get_many, meta */
    bool wants_lifetime;        /* get */
    bool wants_counts;          /* bank_list */
    bool is_page; /* lists: a face that answers whole ones is to answer one
                     page, with its cursor */
    uint32_t deadline_ms; /* any: 0 is none */
    uint32_t limit;       /* lists: items at most; 0 is as many as may be */
    uint64_t size_max;    /* append, prepend; 0 is as much as may be */
    struct slice prefix;  /* lists: only names that start so */
    struct slice cursor;  /* lists: where to go on; empty is the start */
    struct slice other;   /* bank_rename: its new name; bank_swap: the other */
    const struct batch_item *items; /* batches; borrowed as slices are */
    size_t item_count;
    size_t answer_len_max;     /* of batches and lists, set by
                                  request_check(): bytes of values */
    struct bank_change change; /* bank_configure */
    struct slice note;         /* the face's own, kept with the rest */
    uint64_t progress;         /* likewise */
};

/* Whether `request`, a get, put or remove, asks for no more than that. */
static inline bool request_is_plain(const struct request *request)
{
    return request->is_brief ||
           !(request->condition.rule || request->wants_previous ||
             request->wants_version || request->wants_lifetime);
}

/* Makes `request` one of no operation, all zero. */
void request_init(struct request *request);

/* The same for one that has been in use. */
void request_reset(struct request *request);

/* Whether `request` is complete and within `limits`; if not, `response`
 * says STATUS_INVALID_ARGUMENT and names the field. Values are checked
 * against their kind. Sets `limit` and `size_max` to what is allowed. */
bool request_check(struct request *request, const struct limits *limits,
                   struct response *response);

#endif
