/* The memory of an index's regions: blocks of the arena, filled with one
 * piece after the other. A piece that is returned leaves a hole; a block that
 * is much of it holes is emptied, by moving the pieces that are left to where
 * blocks are being filled now. So the memory is little more than what is
 * asked for, whatever sizes come and go. Any thread. */
#ifndef CACHESERVER_STORE_INDEX_POOL_H
#define CACHESERVER_STORE_INDEX_POOL_H

#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct index_pool;

/* How a piece begins. Its owner may read it; it is the pool's to write. */
struct index_piece {
    uint32_t len;
    uint32_t owner;
};

/* The descriptor of a block in the arena. The pool's own. */
struct index_block {
    struct list link; /* by how much of it is in use */
    uint64_t place;
    uint32_t used; /* bytes that are filled from its start */
    uint32_t live; /* bytes of them in pieces */
    uint8_t class;
    uint8_t kind;
    uint8_t state;
};

/* Pieces whose length is a whole number of lines begin so many bytes into
 * one; others are a whole number of times eight bytes, and begin anywhere. */
enum { INDEX_PIECE_LINE = 64, INDEX_PIECE_SHIFT = 16 };

/* *Gives* a pool that takes its blocks from `arena`, whose descriptors are as
 * long as a struct index_block at least; NULL without memory. */
struct index_pool *index_pool_create(struct arena *arena);

/* *Takes* the pool; all pieces have been returned. */
void index_pool_free(struct index_pool **pool);

/* *Gives* a piece of `len` bytes, up to 16 KiB, not cleared but for its head;
 * NULL without memory. `owner` is whatever index_pool_work() tells. */
struct index_piece *index_pool_take(struct index_pool *pool, size_t len,
                                    uint32_t owner);

/* *Takes* `piece` back. */
void index_pool_return(struct index_pool *pool, struct index_piece *piece);

/* Sees that `piece`, which was `owner`'s when this was called, is soon
 * returned: moves it, unless it is on its way anyway. What the piece holds may
 * only be believed when the owner says that it still has it; its memory stays
 * for the time of the call. False when there is no memory to move it to. */
typedef bool (*index_move_fn)(void *arg, uint32_t owner,
                              struct index_piece *piece);

/* Goes on with emptying a block, if there is one worth it, by up to `count`
 * pieces; answers whether it did anything. One thread at a time. No lock is
 * held when `move` is called. */
bool index_pool_work(struct index_pool *pool, size_t count, index_move_fn move,
                     void *arg);

#endif
