/* The budget follows what protobuf-c 1.4 asks for: the message's own struct,
 * a copy of all strings and bytes, and for each field a note of where it was
 * seen (32 bytes, in slabs that double once there are more than 16), an
 * element of an array or a record of an unknown field, and what is lost to
 * alignment. */
#include "wire/unpack.h"

#include <stdint.h>

enum {
    ARENA_ALIGNMENT = 16,
    BUDGET_BASE = 512, /* the struct, and a field or two */
    BUDGET_FIELD = 160
};

struct arena {
    char *next;
    size_t left;
};

static void *arena_alloc(void *data, size_t size)
{
    struct arena *arena = data;
    if (size > arena->left) {
        return NULL;
    }
    size_t spare = -size % ARENA_ALIGNMENT;
    size_t taken = spare > arena->left - size ? arena->left : size + spare;
    void *block = arena->next;
    arena->next += taken;
    arena->left -= taken;
    return block;
}

static void arena_free(void *data, void *block)
{
    (void)data;
    (void)block;
}

size_t unpack_budget(size_t len, size_t fields)
{
    return BUDGET_BASE + len + fields * BUDGET_FIELD;
}

enum status unpack_message(struct slice bytes,
                           const ProtobufCMessageDescriptor *shape,
                           size_t fields, struct buffer *scratch,
                           const ProtobufCMessage **message)
{
    size_t budget = unpack_budget(bytes.len, fields);
    buffer_clear(scratch);
    char *room = buffer_reserve(scratch, budget);
    if (!room) {
        return STATUS_NOMEM;
    }
    struct arena arena = {room, budget};
    ProtobufCAllocator allocator = {arena_alloc, arena_free, &arena};
    *message = protobuf_c_message_unpack(shape, &allocator, bytes.len,
                                         (const uint8_t *)bytes.data);
    return *message ? STATUS_OK : STATUS_INVALID_ARGUMENT;
}
