/* A JSON request that is being decoded: its members, one by one. Shared by
 * json_decode.c, which says what an operation needs, and json_batch.c. A
 * read_*() checks one member and puts it into the request; on false it has
 * filled the response. */
#ifndef CACHESERVER_COMPAT_JSON_SOURCE_H
#define CACHESERVER_COMPAT_JSON_SOURCE_H

#include "base/json_scan.h"
#include "base/slice.h"
#include "compat/json_decode.h"
#include "core/value.h"

#include <stdbool.h>

struct call;

/* What a request, or an object in it, is decoded from and to. */
struct source {
    const struct json_scan *scan;
    char *text;
    struct call *call;
};

const struct json_member *source_find(const struct source *source,
                                      enum json_name name);
bool source_has(const struct source *source, enum json_name name);

/* The member as it is written. */
struct slice source_json(const struct source *source,
                         const struct json_member *member);

/* The text of a string; its JSON is no more afterwards. */
struct slice source_take_text(const struct source *source,
                              const struct json_member *member);

/* Answers false. */
bool source_refuse(const struct source *source, const char *text);
bool source_refuse_member(const struct source *source, enum json_name name,
                          const char *what);

/* The number that is `member`, booleans being one. */
bool source_number(const struct source *source,
                   const struct json_member *member, double *number);

/* Each is left as it is when the member is not there. */
bool source_read_switch(const struct source *source, enum json_name name,
                        bool *is_on);
bool source_read_whole(const struct source *source, enum json_name name,
                       uint64_t *number, bool *is_there);
bool source_read_text(const struct source *source, enum json_name name,
                      struct slice *text);

/* Seconds, from the member `name` if it is there, else `rule`. */
bool source_read_lifetime(const struct source *source, enum json_name name,
                          enum lifetime_rule rule, struct lifetime *lifetime);

/* A value with its kind, as the encoding says. */
bool source_read_value(const struct source *source, enum json_name name,
                       struct slice *value, enum value_kind *kind);

/* The key that is `member`, which is no array or object. One that is no string
 * is made at the end of the call's scratch memory. */
bool source_read_key(const struct source *source,
                     const struct json_member *member, struct slice *key);

/* At most so many bytes of scratch memory a key that is no string takes, beside
 * those that it is written with. */
enum { SOURCE_KEY_MAX = 321 };

/* The keys or items of a batch. */
bool batch_read_keys(const struct source *source);
bool batch_read_items(const struct source *source);

#endif
