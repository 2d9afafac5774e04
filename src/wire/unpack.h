/* protobuf-c's unpacking, kept within bounds: what it allocates comes out of
 * one block of memory whose size was settled before, and nothing is freed one
 * by one. Any thread. */
#ifndef CACHESERVER_WIRE_UNPACK_H
#define CACHESERVER_WIRE_UNPACK_H

#include "base/buffer.h"
#include "base/slice.h"
#include "base/status.h"

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

/* The block that unpacking `len` bytes with `fields` fields in them gets. */
size_t unpack_budget(size_t len, size_t fields);

/* Unpacks `bytes`, which guard_check() has let pass as `shape` with `fields`
 * fields, into `*message`, which lies in `scratch` and is valid until that is
 * used again; it must not be freed. What `scratch` held is dropped.
 * STATUS_NOMEM; STATUS_INVALID_ARGUMENT when the bytes are no such message or
 * would take more than unpack_budget() grants. */
enum status unpack_message(struct slice bytes,
                           const ProtobufCMessageDescriptor *shape,
                           size_t fields, struct buffer *scratch,
                           const ProtobufCMessage **message);

#endif
