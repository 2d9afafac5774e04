/* Where the items of a bank are: from the hash of a key to a place in the
 * arena, in some seven bytes an item. One writer at a time changes it, under
 * the bank's lock; readers take none, and validate what they read.
 *
 *   root -> directory, by the first bits of the hash
 *             -> region: 1 to INDEX_BUCKETS_MAX buckets
 *                  -> bucket, 64 bytes: a sequence and ten slots
 *                       slot, 48 bits: 12 of the hash (the tag), 36 of place
 *
 * The root of a small index is its only region, that of an empty one a bucket
 * that all empty ones share.
 *
 * An item is in one of two buckets of its region. The second follows from
 * the first and the tag alone, by a function that is its own inverse, so
 * that a slot moves without reading the key (Fan et al., "MemC3", NSDI 2013).
 * A full pair of buckets moves one neighbour away, or the region grows: it is
 * built anew with an eighth more buckets, or in two halves when it is at its
 * maximum, beside the old one, which readers may still look at until its
 * epoch is over. A region that is two thirds empty is built anew, smaller.
 * No step takes longer than building one region, but for the directory,
 * which is copied when it doubles.
 *
 * A reader loads a bucket's sequence (odd: a writer is in it, or the region
 * is not the current one any more; start over), reads, and holds good what
 * it has read if the sequence is the same afterwards. */
#ifndef CACHESERVER_STORE_INDEX_H
#define CACHESERVER_STORE_INDEX_H

#include "base/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct commons;
struct index_piece;

enum {
    INDEX_SLOTS = 10,
    INDEX_BUCKETS_MAX = 128, /* of a region */
    INDEX_ITEMS_MAX = INDEX_BUCKETS_MAX * INDEX_SLOTS,
    INDEX_FOUND_MAX = 2 * INDEX_SLOTS
};

struct index_bucket {
    _Atomic uint32_t sequence;
    _Atomic uint16_t tops[INDEX_SLOTS]; /* tag << 4 | first bits of place */
    _Atomic uint32_t rests[INDEX_SLOTS];
};

/* Lives in its owner. */
struct index {
    _Atomic uint64_t root; /* a word, see index_read.h */
    struct commons *commons;
    uint32_t owner;
    size_t count;        /* slots in use */
    uint64_t given_back; /* words of the directory */
    /* Bytes of memory, what is retired left out; readable by any thread. */
    _Atomic size_t used;
};

/* An empty index, which holds no memory: that comes from the pool of
 * `commons`, and for directories from the system, charged there. `owner` is
 * what the pool tells of its regions. The hashes that it is given later must
 * be of a keyed hash, even in all 64 bits. */
void index_init(struct index *index, struct commons *commons, uint32_t owner);

/* Gives the memory back at once; no reader may be left. The second does it
 * in pieces, some `regions` at a time, and answers whether that was all;
 * nothing else may be done with the index from its first call on. */
void index_fini(struct index *index);
bool index_give_back(struct index *index, size_t regions);

/* The writer, under the bank's lock, all of them. A place has 36 bits. */

/* Moves all that `index` holds to `taken`, which is not initialised; `index`
 * is empty. Readers who are inside still see what they saw; `taken` may be
 * given back when they have left. */
void index_take(struct index *taken, struct index *index);

/* The places of the items whose hashes may be `hash`, at most
 * INDEX_FOUND_MAX; their number. */
size_t index_find(const struct index *index, uint64_t hash,
                  uint64_t places[INDEX_FOUND_MAX]);

/* Adds an item with `hash` at `place`. STATUS_NOMEM, and nothing added; also
 * when there are more hashes alike than growing can part, which a keyed hash
 * does not let happen. */
enum status index_add(struct index *index, uint64_t hash, uint64_t place);

/* Puts `place` in the stead of `old`, which is there. */
void index_replace(struct index *index, uint64_t hash, uint64_t old,
                   uint64_t place);

/* Takes out `place`, which is there. */
void index_remove(struct index *index, uint64_t hash, uint64_t place);

/* Moves the region that `piece` of the pool is, if it is one of the index, to
 * another piece. False when there is no memory for that. */
bool index_move_region(struct index *index, const struct index_piece *piece);

/* Whether `place` is there under `hash`. */
bool index_has(const struct index *index, uint64_t hash, uint64_t place);

/* Marks the bucket of `place`, which is there, as being written to: readers
 * of the item look again until index_end_write(). For what is changed in
 * place. Short; the index must not be changed in between. */
struct index_bucket *index_begin_write(struct index *index, uint64_t hash,
                                       uint64_t place);
void index_end_write(struct index_bucket *bucket);

/* Everything in one region: calls `each` for the items of the region that
 * `position`, a hash, falls into, and answers the first hash behind that
 * region; 0 behind the last one. `each` must not change the index. Between
 * two calls it may change: who goes on from the answer to the last meets an
 * item that stays exactly once. */
typedef void (*index_each_fn)(void *arg, uint64_t place);
uint64_t index_walk_region(const struct index *index, uint64_t position,
                           index_each_fn each, void *arg);

/* The same in smaller steps, for one who changes the index between them: calls
 * `each` for the items of one bucket, and answers whether there is a next. A
 * tour of zeroes begins; one that has ended begins anew. An item that stays
 * may be met twice or, when its neighbours change, be missed. */
struct index_tour {
    uint64_t position;
    uint64_t word;
    uint32_t bucket;
};
bool index_walk_bucket(const struct index *index, struct index_tour *tour,
                       index_each_fn each, void *arg);

/* For one who wants the places of a bucket, not to be called for each: an
 * index_each_fn whose `arg` is a struct index_places. */
struct index_places {
    size_t count;
    uint64_t places[INDEX_SLOTS];
};
void index_collect_place(void *arg, uint64_t place);

/* Bytes of memory that it holds. Any thread. */
static inline size_t index_used(const struct index *index)
{
    return atomic_load_explicit(&index->used, memory_order_relaxed);
}

/* Any reader, inside the epochs. A lookup in steps:
 *
 *     struct index_reader r;
 *     index_start(&r, index, hash);
 *     while (index_next(&r)) {
 *         look at the item at r.place; on a wrong key: continue;
 *         copy what is wanted;
 *         if (index_is_valid(&r)) { found; stop; }
 *         forget the copy; index_start(&r, index, hash);
 *     }
 *     not found
 *
 * index_next() answers true for each place whose tag fits; false means that
 * nothing was there under `hash` at some moment since index_start(), which
 * it has made sure of, starting over by itself when an item may have moved.
 * It waits while a writer is in a bucket. Many lookups are best done in
 * passes: index_prefetch() for all, index_start() for all, which fetches the
 * second bucket where the first has nothing, and then the rest, one by one. A
 * place was in the index at some moment since index_start(), so the epochs keep
 * what lies there; whether it still is, index_is_valid() says. */
struct index_reader {
    const struct index *index;
    uint64_t hash;
    uint64_t place;
    /* The rest is the index's own. */
    uint64_t region; /* the word */
    const struct index_bucket *bucket;
    uint32_t sequence;       /* of `bucket` */
    uint32_t first_sequence; /* of the first bucket */
    uint32_t matches;        /* slots of `bucket` to look at, a bit each */
    uint32_t turn;           /* 0: the first bucket, 1: the second */
};

static inline void index_start(struct index_reader *reader,
                               const struct index *index, uint64_t hash);
static inline bool index_next(struct index_reader *reader);
static inline bool index_is_valid(const struct index_reader *reader);

/* Fetches what a lookup of `hash` will read first, and answers it; the place
 * that it will probably lead to, 0 if none: to be fetched, not to be
 * believed. */
static inline const struct index_bucket *index_prefetch(
    const struct index *index, uint64_t hash);
static inline uint64_t index_guess(const struct index_bucket *bucket,
                                   uint64_t hash);

#include "store/index_read.h"

#endif
