/* The memory that items live in: one range of addresses, reserved once, from
 * which blocks of three sizes are cut. A place in it is a number of 36 bits,
 * so that an index needs six bytes for an item. Each block has a descriptor,
 * a few bytes for whoever took it. Memory that is not in use is given back
 * to the system. Any thread. */
#ifndef CACHESERVER_STORE_ARENA_H
#define CACHESERVER_STORE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* Places count units of this many bytes; 0 is no place. */
enum { ARENA_UNIT = 4 };

/* The most that one can hold. */
#define ARENA_LEN_MAX (((size_t)256 << 30) - ((size_t)1 << 20))

/* The sizes of blocks. */
enum arena_class { ARENA_4K, ARENA_64K, ARENA_1M, ARENA_CLASS_COUNT };

static inline size_t arena_block_len(enum arena_class class)
{
    static const size_t lens[ARENA_CLASS_COUNT] = {4 * 1024, 64 * 1024,
                                                   1024 * 1024};
    return lens[class];
}

/* Memory of free blocks that is kept for the next who want some, because to
 * give it back and fetch it again costs some 100 us a MiB, until arena_trim()
 * finds that nobody does. Free blocks of 4 KiB beside taken ones are kept
 * besides, as long. */
enum { ARENA_KEPT_MAX = 8 * 1024 * 1024 };

/* *Gives* an arena that can hold `len` bytes in blocks (rounded up to
 * 1 MiB; up to ARENA_LEN_MAX), each with a descriptor of
 * `descriptor_len` bytes; the system's memory is taken as blocks are. NULL
 * when the system refuses. Behind the last block at least 16 MiB can be
 * read. */
struct arena *arena_create(size_t len, size_t descriptor_len);

/* *Takes* the arena with all its blocks. */
void arena_free(struct arena **arena);

/* *Gives* a block of `class`, not cleared: its first place, 0 when the arena
 * is full or there is no memory for its bookkeeping. Its descriptor is
 * zeroes. */
uint64_t arena_take_block(struct arena *arena, enum arena_class class);

/* *Takes* the block that begins at `place`, and its descriptor, back. Nobody
 * may look at either any more: the memory may be gone, or another's. */
void arena_return_block(struct arena *arena, uint64_t place);

/* Gives up to a MiB of free blocks, and some of 4 KiB, back to the system if
 * so much has not been wanted since the last call; answers whether it did. */
bool arena_trim(struct arena *arena);

/* The descriptor of the block that `place`, any in it, lies in; the block is
 * taken. *Borrowed* until it is returned; aligned as memory_alloc() does. No
 * lock, some ns. */
void *arena_descriptor(const struct arena *arena, uint64_t place);

/* The first place behind the block that `place` lies in; 0 when that is in
 * no block. For those who must not trust what they have read: any number
 * will do. No lock, some ns. */
uint64_t arena_block_end(const struct arena *arena, uint64_t place);

/* The bytes that the arena holds of the system's memory, its own tables
 * included. A block counts from when it is taken until its memory is given
 * back. No lock. */
size_t arena_used(const struct arena *arena);

/* How much of that lies in free blocks, for the next who want some. No
 * lock. */
size_t arena_idle(const struct arena *arena);

/* The address of `place`. No lock. */
char *arena_base(const struct arena *arena);
static inline char *arena_at(char *base, uint64_t place)
{
    return base + place * ARENA_UNIT;
}

#endif
