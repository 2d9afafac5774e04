/* Looks through a protobuf message before anybody unpacks it: protobuf-c
 * recurses as deep as the sender likes, and a message of a megabyte can make
 * it ask for seventy. What passes here is well-formed all the way down and
 * has a bounded number of parts. Any thread. */
#ifndef CACHESERVER_WIRE_GUARD_H
#define CACHESERVER_WIRE_GUARD_H

#include "base/slice.h"

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

struct guard_bounds {
    size_t fields_max;   /* a message: fields unknown or that occur once */
    size_t elements_max; /* altogether: occurrences of repeated fields */
};

/* Checks `message`, which is to be of `shape`: it and the messages in it,
 * nested at most PROTOBUF_DEPTH_MAX deep, are made of whole fields with legal
 * numbers, known ones of the type that they must have, and no more of them
 * than `bounds` let. Answers NULL and how many `fields` there are in all, or
 * what is wrong, in words (static). Takes time in proportion to the bytes,
 * and no memory. */
const char *guard_check(struct slice message,
                        const ProtobufCMessageDescriptor *shape,
                        const struct guard_bounds *bounds, size_t *fields);

#endif
