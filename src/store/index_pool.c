/* A block is filled, sealed, and then only loses pieces; it stands in a list
 * with those of which as many sixteenths are no holes. The first of the
 * emptiest is the next to be emptied. While that goes on it stands in no list
 * and cannot go back to the arena, so that a piece of it can be looked at
 * without the lock; afterwards all that was in it has moved or is leaving, and
 * it goes with its last piece.
 *
 * Blocks are small while there are few, so that the one that is being filled
 * is a small part of all. Pieces with lines and pieces without have blocks of
 * their own, so that none is lost between them. */
#include "store/index_pool.h"

#include "base/check.h"
#include "base/memory.h"
#include "store/arena.h"

#include <pthread.h>

enum {
    LEVELS = 16,
    WORTH_LEVELS = 14, /* of fewer sixteenths, a block is worth emptying */
    OPEN_SHARE = 16,   /* one part in so many is in a block being filled */
    INSIDE_SHARE = 4   /* a piece is one part in so many of a block at most */
};

#define NOBODY UINT32_MAX

enum block_state { BLOCK_OPEN, BLOCK_SEALED, BLOCK_HELD, BLOCK_DRAINED };

/* Two kinds of pieces: without lines and with. */
enum { KINDS = 2 };

struct index_pool {
    struct arena *arena;
    char *base;
    pthread_mutex_t lock; /* of all below */
    struct index_block *open[KINDS];
    struct list levels[LEVELS];
    uint64_t bytes[KINDS]; /* of blocks */

    /* The worker's own: */
    struct index_block *emptied;
    uint32_t at;
    bool has_failed;
};

struct index_pool *index_pool_create(struct arena *arena)
{
    struct index_pool *pool = memory_alloc_zero(sizeof *pool);
    if (!pool) {
        return NULL;
    }
    pool->arena = arena;
    pool->base = arena_base(arena);
    CHECK(pthread_mutex_init(&pool->lock, NULL) == 0);
    for (int i = 0; i < LEVELS; i++) {
        list_init(&pool->levels[i]);
    }
    return pool;
}

static size_t block_len(const struct index_block *block)
{
    return arena_block_len((enum arena_class)block->class);
}

static int kind_of(size_t len)
{
    return len % INDEX_PIECE_LINE == 0;
}

static uint32_t start_of(int kind)
{
    return kind ? INDEX_PIECE_SHIFT : 0;
}

/* What is not filled at its end is no hole: to move its pieces would not win
 * that, for the next block would have such an end, too. */
static size_t holes_of(const struct index_block *block)
{
    return block->used - start_of(block->kind) - block->live;
}

static int level_of(const struct index_block *block)
{
    size_t len = block_len(block);
    size_t level = (len - holes_of(block)) * LEVELS / len;
    return level < LEVELS ? (int)level : LEVELS - 1;
}

/* A block without pieces leaves the pool; it is to be returned to the arena
 * without the lock. */
static void leave_pool(struct index_pool *pool, struct index_block *block)
{
    CHECK(block->live == 0);
    list_remove(&block->link);
    pool->bytes[block->kind] -= block_len(block);
}

/* The largest class of which a block is a small part of all. */
static enum arena_class class_for(const struct index_pool *pool, size_t len)
{
    uint64_t wanted = pool->bytes[kind_of(len)] / OPEN_SHARE;
    enum arena_class class = ARENA_4K;
    while (class < ARENA_1M && (wanted >= arena_block_len(class + 1) ||
                                len > arena_block_len(class) / INSIDE_SHARE)) {
        class += 1;
    }
    return class;
}

static void seal(struct index_pool *pool, struct index_block *block)
{
    block->state = BLOCK_SEALED;
    list_append(&pool->levels[level_of(block)], &block->link);
}

static struct index_block *open_block(struct index_pool *pool, size_t len)
{
    enum arena_class class = class_for(pool, len);
    uint64_t place = arena_take_block(pool->arena, class);
    if (!place) {
        return NULL;
    }
    struct index_block *block = arena_descriptor(pool->arena, place);
    *block = (struct index_block){
        .place = place,
        .used = start_of(kind_of(len)),
        .class = (uint8_t) class,
        .kind = (uint8_t)kind_of(len),
        .state = BLOCK_OPEN,
    };
    list_init(&block->link);
    pool->bytes[kind_of(len)] += arena_block_len(class);
    return block;
}

/* The block being filled, with room for `len` bytes. */
static struct index_block *block_with_room(struct index_pool *pool, size_t len)
{
    int kind = kind_of(len);
    struct index_block *block = pool->open[kind];
    if (block && block_len(block) - block->used >= len) {
        return block;
    }
    struct index_block *next = open_block(pool, len);
    if (next && block) {
        seal(pool, block);
    }
    pool->open[kind] = next ? next : block;
    return next;
}

static char *block_at(const struct index_pool *pool,
                      const struct index_block *block)
{
    return arena_at(pool->base, block->place);
}

struct index_piece *index_pool_take(struct index_pool *pool, size_t len,
                                    uint32_t owner)
{
    CHECK(owner != NOBODY);
    if (!memory_is_granted()) {
        return NULL;
    }
    struct index_piece *piece = NULL;
    pthread_mutex_lock(&pool->lock);
    struct index_block *block = block_with_room(pool, len);
    if (block) {
        char *at = block_at(pool, block) + block->used;
        piece = (struct index_piece *)(void *)at;
        *piece = (struct index_piece){(uint32_t)len, owner};
        block->used += (uint32_t)len;
        block->live += (uint32_t)len;
    }
    pthread_mutex_unlock(&pool->lock);
    return piece;
}

static struct index_block *block_of(const struct index_pool *pool,
                                    const struct index_piece *piece)
{
    size_t offset = (size_t)((const char *)piece - pool->base);
    return arena_descriptor(pool->arena, offset / ARENA_UNIT);
}

/* Puts `block` where it belongs after a piece has gone; whether that was the
 * last, and the block has left the pool. */
static bool settle(struct index_pool *pool, struct index_block *block)
{
    bool is_worth_it = level_of(block) < WORTH_LEVELS || block->live == 0;
    if (block->state == BLOCK_OPEN && is_worth_it) {
        pool->open[block->kind] = NULL;
        seal(pool, block);
    }
    if (block->live == 0 && block->state != BLOCK_OPEN &&
        block->state != BLOCK_HELD) {
        leave_pool(pool, block);
        return true;
    }
    if (block->state == BLOCK_SEALED) {
        list_remove(&block->link);
        list_append(&pool->levels[level_of(block)], &block->link);
    }
    return false;
}

void index_pool_return(struct index_pool *pool, struct index_piece *piece)
{
    pthread_mutex_lock(&pool->lock);
    struct index_block *block = block_of(pool, piece);
    CHECK(piece->owner != NOBODY);
    piece->owner = NOBODY;
    block->live -= piece->len;
    uint64_t place = block->place;
    bool has_left = settle(pool, block);
    pthread_mutex_unlock(&pool->lock);
    if (has_left) {
        arena_return_block(pool->arena, place);
    }
}

/* Takes the block that is most worth emptying out of its list. */
static bool hold_one(struct index_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    for (int i = 0; i < WORTH_LEVELS && !pool->emptied; i++) {
        struct list *link = list_pop(&pool->levels[i]);
        if (link) {
            pool->emptied = LIST_ENTRY(link, struct index_block, link);
            pool->emptied->state = BLOCK_HELD;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    pool->at = pool->emptied ? start_of(pool->emptied->kind) : 0;
    pool->has_failed = false;
    return pool->emptied;
}

/* The next piece of the emptied block that is there; NULL at its end. */
static struct index_piece *next_piece(struct index_pool *pool, uint32_t *owner)
{
    const struct index_block *block = pool->emptied;
    struct index_piece *found = NULL;
    pthread_mutex_lock(&pool->lock);
    while (!found && pool->at < block->used) {
        char *at = block_at(pool, block) + pool->at;
        struct index_piece *piece = (struct index_piece *)(void *)at;
        pool->at += piece->len;
        *owner = piece->owner;
        found = *owner == NOBODY ? NULL : piece;
    }
    pthread_mutex_unlock(&pool->lock);
    return found;
}

/* The emptied block goes with its last piece or, when some could not be moved,
 * back to the others. */
static void let_go(struct index_pool *pool)
{
    struct index_block *block = pool->emptied;
    uint64_t place = block->place;
    pool->emptied = NULL;
    pthread_mutex_lock(&pool->lock);
    block->state = BLOCK_DRAINED;
    if (pool->has_failed && block->live > 0) {
        seal(pool, block);
    }
    bool has_left = settle(pool, block);
    pthread_mutex_unlock(&pool->lock);
    if (has_left) {
        arena_return_block(pool->arena, place);
    }
}

bool index_pool_work(struct index_pool *pool, size_t count, index_move_fn move,
                     void *arg)
{
    if (!pool->emptied && !hold_one(pool)) {
        return false;
    }
    for (; count > 0 && pool->emptied; count--) {
        uint32_t owner;
        struct index_piece *piece = next_piece(pool, &owner);
        if (!piece) {
            let_go(pool);
        } else if (!move(arg, owner, piece)) {
            pool->has_failed = true;
        }
    }
    return !pool->has_failed;
}

void index_pool_free(struct index_pool **pool)
{
    struct index_pool *freed = *pool;
    if (!freed) {
        return;
    }
    if (freed->emptied) {
        let_go(freed);
    }
    for (int kind = 0; kind < KINDS; kind++) {
        struct index_block *block = freed->open[kind];
        if (block) {
            leave_pool(freed, block);
            arena_return_block(freed->arena, block->place);
        }
        CHECK(freed->bytes[kind] == 0);
    }
    pthread_mutex_destroy(&freed->lock);
    memory_free(freed);
    *pool = NULL;
}
