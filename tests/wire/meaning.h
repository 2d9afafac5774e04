/* What protobuf-c makes of requests and answers, in the server's own words:
 * the measure of what the server's end of the codec does by hand. */
#ifndef CACHESERVER_TESTS_WIRE_MEANING_H
#define CACHESERVER_TESTS_WIRE_MEANING_H

#include "core/request.h"
#include "core/response.h"

#include "cache.pb-c.h"

#include <stdbool.h>

/* The slices of `request` point into `message`, but for the items. */
struct meaning {
    Cacheserver__V1__Request *message;
    struct request request;
    struct batch_item *items;
    const char *refusal; /* why the server has to refuse it; NULL: it is good */
};

/* False when protobuf-c cannot read `body`; else meaning_fini() is due. */
bool meaning_read(struct meaning *meaning, struct slice body);
void meaning_fini(struct meaning *meaning);

/* Whether the server reads `body` as protobuf-c does, or refuses it for the
 * same reason. What parses to protobuf-c need not parse to the server, which
 * has bounds of its own, unless `must_parse`. */
bool meaning_holds(struct slice body, bool must_parse);

/* Whether `got` says what `must` does, being the answer to `request`. */
bool same_answer(const Cacheserver__V1__Response *got,
                 const struct request *request, const struct response *must,
                 const char *what);

#endif
