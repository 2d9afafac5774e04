/* One request in the server's own words, whatever face it came through. */
#ifndef CACHESERVER_CORE_REQUEST_H
#define CACHESERVER_CORE_REQUEST_H

#include "base/slice.h"
#include "core/bank_stats.h"
#include "core/op.h"
#include "core/value.h"

#include <stdbool.h>
#include <stdint.h>

struct limits;
struct response;

/* Which fields count depends on `op`; the others are zero. Slices are
 * borrowed from the input or from the call's scratch memory, and are valid
 * until the call is answered. Keys are bytes; a leading 0xFF marks those
 * that JSON wrote as a number or null (proto/PROTOCOL.md).
 *
 * What gets and puts need comes first: most requests touch no more of it. */
struct request {
    enum op op;
    enum value_kind kind;
    bool is_brief;         /* nothing from `delta` on was ever set */
    bool is_value_checked; /* the face has proven `value` to be of `kind` */
    bool is_touch;         /* get: restart the lifetime too */
    uint64_t id;           /* echoed by the protobuf face, 0 elsewhere */
    struct slice bank;
    struct slice key;
    struct slice value;       /* put */
    struct lifetime lifetime; /* put, touch, get with `is_touch` */
    struct number delta;      /* incr */
    struct slice prefix;      /* lists: only names that start so */
    struct slice cursor;      /* lists: where to go on; empty is the start */
    uint32_t limit;           /* lists: items at most; 0 is as many as may be */
    struct bank_change change; /* bank_configure */
    struct slice note;         /* the face's own, kept with the rest */
};

/* Makes `request` one of no operation, all zero. */
void request_init(struct request *request);

/* The same for one that has been in use. */
void request_reset(struct request *request);

/* Whether `request` is complete and within `limits`; if not, `response`
 * says STATUS_INVALID_ARGUMENT and names the field. Values are checked
 * against their kind. Sets `limit` to what is allowed. */
bool request_check(struct request *request, const struct limits *limits,
                   struct response *response);

#endif
