/* Random protobuf messages of any shape, after protobuf-c's descriptors: each
 * field that there is comes along, and at times one that there is not. */
#ifndef CACHESERVER_TESTS_WIRE_RANDOM_MESSAGE_H
#define CACHESERVER_TESTS_WIRE_RANDOM_MESSAGE_H

#include "core/op.h"

#include "cache.pb-c.h"

#include <stddef.h>
#include <stdint.h>

/* How long bytes and how many the elements of a repeated field can be. */
struct random_source {
    uint64_t seed;
    size_t len_max;
    size_t count_max;
};

/* A request of `op`, good or to be refused; *owned*, to be released by
 * cacheserver__v1__request__free_unpacked(). */
Cacheserver__V1__Request *random_request_of(struct random_source *source,
                                            enum op op);

#endif
