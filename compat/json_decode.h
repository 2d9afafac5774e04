/* A JSON request as the server's own. The checks, their order and the texts
 * of refusals are the original's (compat/README.md). */
#ifndef CACHESERVER_COMPAT_JSON_DECODE_H
#define CACHESERVER_COMPAT_JSON_DECODE_H

#include "base/slice.h"
#include "server/face.h"

struct call;
struct json_scan;

/* The members that a request may have; others are passed over. Those of
 * bank.configure are called JSON_LIMIT_ and the limit; `maximum` is incr's,
 * too. */
enum json_name {
    JSON_NAME_OP,
    JSON_NAME_BANK,
    JSON_NAME_KEY,
    JSON_NAME_VALUE,
    JSON_NAME_LIFETIME,
    JSON_NAME_NEW_LIFETIME,
    JSON_NAME_ENCODING,
    JSON_NAME_IF_ABSENT,
    JSON_NAME_IF_PRESENT,
    JSON_NAME_IF_VERSION,
    JSON_NAME_IF_VALUE,
    JSON_NAME_RETURN_PREVIOUS,
    JSON_NAME_RETURN_VERSION,
    JSON_NAME_RETURN_LIFETIME,
    JSON_NAME_INITIAL,
    JSON_NAME_MINIMUM,
    JSON_NAME_SATURATE,
    JSON_NAME_EXACT,
    JSON_NAME_KEYS,
    JSON_NAME_ITEMS,
    JSON_NAME_PREFIX,
    JSON_NAME_CURSOR,
    JSON_NAME_LIMIT,
    JSON_NAME_COUNTS,
    JSON_NAME_MAX_SIZE,
    JSON_NAME_TO,
    JSON_NAME_OTHER,
#define LIMIT(name, ...) JSON_LIMIT_##name,
#include "core/bank_limits.def"
#undef LIMIT
    JSON_NAME_COUNT
};

/* What json_scan_start() is to look for. */
extern const struct slice json_names[JSON_NAME_COUNT];

/* Fills the request of `call` from the value at `text` that `scan` has gone
 * through to its end: READY, or ANSWERED when it is refused. Strings are
 * unescaped where they are. The request's note is the key as it was written,
 * unless that was a string: then it is empty. */
enum decode json_decode(const struct json_scan *scan, char *text,
                        struct call *call);

#endif
