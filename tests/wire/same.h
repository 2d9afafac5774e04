/* Whether requests and responses say the same, for tests of codecs. */
#ifndef CACHESERVER_TESTS_WIRE_SAME_H
#define CACHESERVER_TESTS_WIRE_SAME_H

#include "core/request.h"
#include "core/response.h"

#include <stdbool.h>

/* Expects each field that counts on the wire to be equal; `what` is printed
 * when one is not. */
bool same_request(const struct request *got, const struct request *must,
                  const char *what);
bool same_response(const struct response *got, const struct response *must,
                   const char *what);

#endif
