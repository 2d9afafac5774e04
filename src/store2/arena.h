/* The memory that items live in: one range of addresses, reserved once, from
 * which blocks of three sizes are cut. A place in it is a number of 36 bits,
 * so that an index needs six bytes for an item. Memory that is not in use is
 * given back to the system. Any thread. */
#ifndef CACHESERVER_STORE_ARENA_H
#define CACHESERVER_STORE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena;

/* Places count units of this many bytes; 0 is no place. */
enum { ARENA_UNIT = 4 };

/* The sizes of blocks. */
enum arena_class { ARENA_4K, ARENA_64K, ARENA_1M, ARENA_CLASS_COUNT };

static inline size_t arena_block_len(enum arena_class class)
{
    static const size_t lens[ARENA_CLASS_COUNT] = {
        4 * 1024, 64 * 1024, 1024 * 1024};
    return lens[class];
}

/* *Gives* an arena that can hold `len` bytes in blocks (up to 256 GiB); the
 * system's memory is taken as blocks are. NULL when the system refuses.
 * Behind the last block at least 16 MiB can be read. */
struct arena *arena_create(size_t len);

/* *Takes* the arena with all its blocks. */
void arena_free(struct arena **arena);

/* *Gives* a block of `class`, not cleared: its first place, 0 when the arena
 * is full or there is no memory for its bookkeeping. */
uint64_t arena_take_block(struct arena *arena, enum arena_class class);

/* *Takes* the block that begins at `place`, back. Readers may still look
 * into a block until its memory is given out again: that is theirs to know. */
void arena_return_block(struct arena *arena, uint64_t place);

/* The number of the block that `place` lies in, dense within the blocks that
 * are in use and stable while it is: an index into tables about blocks.
 * Below arena_block_count_max(). No lock. */
uint32_t arena_block_of(const struct arena *arena, uint64_t place);
uint32_t arena_block_count_max(const struct arena *arena);

/* The bytes that the arena holds of the system's memory, its own tables
 * included. */
size_t arena_used(const struct arena *arena);

/* The address of `place`. No lock. */
char *arena_base(const struct arena *arena);
static inline char *arena_at(char *base, uint64_t place)
{
    return base + place * ARENA_UNIT;
}

#endif
