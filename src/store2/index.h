/* Where the items of a bank are: from the hash of a key to a place in the
 * arena, in some seven bytes an item. One writer at a time changes it, under
 * the bank's lock; readers take none, and validate what they read.
 *
 *   directory, by the first bits of the hash
 *     -> region: 1 to INDEX_BUCKETS_MAX buckets
 *          -> bucket, 64 bytes: a sequence and ten slots
 *               slot, 48 bits: 12 of the hash (the tag), 36 of the place
 *
 * An item is in one of two buckets of its region. The second follows from
 * the first and the tag alone, by a function that is its own inverse, so
 * that a slot moves without reading the key (Fan et al., "MemC3", NSDI 2013).
 * A full pair of buckets moves one neighbour away, or the region grows: it is
 * built anew with an eighth more buckets, or in two halves when it is at its
 * maximum, beside the old one, which readers may still look at until its
 * epoch is over. No step takes longer than building one region.
 *
 * A reader loads a bucket's sequence (odd: a writer is in it, look again),
 * reads, and holds good what it has read if the sequence is the same
 * afterwards. Who finds nothing looks at the first bucket's sequence and at
 * the region again, because an item may have moved behind his back. */
#ifndef CACHESERVER_STORE_INDEX_H
#define CACHESERVER_STORE_INDEX_H

#include "base/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct epochs;
struct index_directory;

enum {
    INDEX_SLOTS = 10,
    INDEX_BUCKETS_MAX = 128, /* of a region */
    INDEX_FOUND_MAX = 2 * INDEX_SLOTS
};

struct index_bucket {
    _Atomic uint32_t sequence;
    _Atomic uint16_t tops[INDEX_SLOTS]; /* tag << 4 | first bits of place */
    _Atomic uint32_t rests[INDEX_SLOTS];
};

/* How the index learns the hash of the item at `place`, to build a region
 * anew. `arg` is the index's. */
typedef uint64_t (*index_hash_fn)(void *arg, uint64_t place);

/* Lives in its owner. */
struct index {
    _Atomic(struct index_directory *) directory;
    struct epochs *epochs;
    index_hash_fn hash_of;
    void *arg;
    size_t count; /* slots in use */
    size_t used;  /* bytes of memory; readable by any thread in the bank */
};

/* An empty index, which holds at most one bucket's memory. STATUS_NOMEM. */
enum status index_init(struct index *index, struct epochs *epochs,
                       index_hash_fn hash_of, void *arg);

/* Gives the memory back at once; no reader may be left. */
void index_fini(struct index *index);

/* The writer, under the bank's lock, all of them. */

/* The places of the items whose hashes may be `hash`, at most
 * INDEX_FOUND_MAX; their number. */
size_t index_find(const struct index *index, uint64_t hash,
                  uint64_t places[INDEX_FOUND_MAX]);

/* Adds an item with `hash` at `place`. STATUS_NOMEM, and nothing changed. */
enum status index_add(struct index *index, uint64_t hash, uint64_t place);

/* Puts `place` in the stead of `old`, which is there. */
void index_replace(struct index *index, uint64_t hash, uint64_t old,
                   uint64_t place);

/* Takes out `place`, which is there. */
void index_remove(struct index *index, uint64_t hash, uint64_t place);

/* Whether `place` is there under `hash`. */
bool index_has(const struct index *index, uint64_t hash, uint64_t place);

/* Marks the bucket of `place`, which is there, as being written to: readers
 * of the item look again until index_end_write(). For what is changed in
 * place. Short. */
struct index_bucket *index_begin_write(struct index *index, uint64_t hash,
                                       uint64_t place);
void index_end_write(struct index_bucket *bucket);

/* Everything in one region: calls `each` for the items of the region that
 * `position`, a hash, falls into, and answers the first hash behind that
 * region; 0 behind the last one. `each` must not change the index. */
typedef void (*index_each_fn)(void *arg, uint64_t place);
uint64_t index_walk_region(const struct index *index, uint64_t position,
                           index_each_fn each, void *arg);

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
 * A place may be stale until index_is_valid() has said it is not. */
struct index_reader {
    const struct index *index;
    uint64_t hash;
    uint64_t place;
    /* The rest is the index's own. */
    const void *region;
    const struct index_bucket *bucket;
    uint32_t sequence;       /* of `bucket` */
    uint32_t first_sequence; /* of the first bucket */
    uint32_t matches;        /* slots of `bucket` not looked at yet, a bit each */
    uint8_t turn;            /* 0: the first bucket, 1: the second */
};

void index_start(struct index_reader *reader, const struct index *index,
                 uint64_t hash);
bool index_next(struct index_reader *reader);
bool index_is_valid(const struct index_reader *reader);

/* Fetches what a lookup of `hash` will read first. */
void index_prefetch(const struct index *index, uint64_t hash);

#endif
