/* Finds where a JSON value ends, strictly, in one pass, wherever the stream
 * is cut: state carries over from one piece to the next and no byte is
 * looked at twice. Also tells the members of a top-level object. What is
 * JSON is what the original took: RFC 8259, and NaN, Infinity, -Infinity.
 * Knows nothing of what the members mean. One thread at a time. */
#ifndef CACHESERVER_BASE_JSON_SCAN_H
#define CACHESERVER_BASE_JSON_SCAN_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JSON_NAMES_MAX = 48,       /* names that a scan can look for */
    JSON_SCAN_DEPTH_MAX = 1024 /* levels that a scan can keep */
};

enum json_type {
    JSON_ABSENT, /* a member that was not there */
    JSON_STRING,
    JSON_INTEGER,
    JSON_REAL, /* a number with a point or an exponent, NaN, an infinity */
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
    JSON_ARRAY,
    JSON_OBJECT
};

enum json_scan_result {
    JSON_SCAN_MORE, /* what there is may be the start of a value */
    JSON_SCAN_END,  /* a value, which ends at `at` */
    JSON_SCAN_BAD   /* no value begins like this */
};

/* Where a member's value is, counted from the first byte scanned; strings
 * with their quotes. */
struct json_member {
    size_t at;
    size_t len;
    enum json_type type;
    bool has_escape; /* a string with a backslash in it */
};

/* Everything that a scan remembers. `at`, `type` and `members` are for
 * reading; the rest is its own. No memory beyond it. */
struct json_scan {
    size_t at;           /* bytes looked at */
    enum json_type type; /* of the value itself, once it has begun */
    struct json_member members[JSON_NAMES_MAX]; /* in the order of names */

    const struct slice *names;
    unsigned name_count;
    unsigned depth_max;
    unsigned depth;
    unsigned state;
    unsigned left;              /* of an escape or a character: bytes to come */
    unsigned char low;          /* the next byte of a character is at least, */
    unsigned char high;         /* and at most */
    bool is_name;               /* the string is a member's name */
    bool has_escape;            /* the string has a backslash in it */
    const char *word;           /* what is to come of true, NaN ... */
    size_t name_at;             /* where the name began, inside */
    const char *start;          /* of the input, while it is scanned */
    struct json_member *member; /* whose value is being scanned, or NULL */
    uint64_t objects[JSON_SCAN_DEPTH_MAX / 64]; /* a bit a level: an object */
};

/* Begins a value nested at most `depth_max` deep (JSON_SCAN_DEPTH_MAX at
 * most). If it is an object, its members called as one of the `count` in
 * `names` (*borrowed*; JSON_NAMES_MAX at most) are recorded; of several with
 * the same name the last. */
void json_scan_start(struct json_scan *scan, const struct slice *names,
                     unsigned count, unsigned depth_max);

/* Goes on from `at` to the end of the value or of `input`, which is all
 * there is since json_scan_start(), maybe at another place than before. BAD
 * and END are final. White space (space \t \n \r) before the value is
 * skipped; what follows it is not looked at. */
enum json_scan_result json_scan(struct json_scan *scan, struct slice input);

/* After MORE: whether the value is whole if nothing follows. Only numbers
 * that are not in an array or object can be. */
bool json_scan_may_end(const struct json_scan *scan);

/* Whether `text` is exactly one JSON value, white space around it allowed,
 * nested at most `depth_max` deep. */
bool json_is_valid(struct slice text, unsigned depth_max);

#endif
