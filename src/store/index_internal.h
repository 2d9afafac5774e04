/* What the index's files share: regions as the writer sees them. The writer,
 * under the bank's lock. */
#ifndef CACHESERVER_STORE_INDEX_INTERNAL_H
#define CACHESERVER_STORE_INDEX_INTERNAL_H

#include "store/index.h"
#include "store/index_pool.h"

/* A piece of the pool, right before its buckets, whose number is in its
 * word. */
struct index_region {
    struct index_piece piece; /* first */
    struct retired retired;
    uint32_t position; /* the first bits of a hash that falls into it */
    uint16_t count;    /* slots in use */
    uint8_t depth;     /* bits of the hash that all its items share */
    _Alignas(struct retired) struct index_bucket buckets[]; /* at its end */
};

/* Bits of a hash beyond a region's position. */
enum { INDEX_POSITION_SHIFT = INDEX_TAG_BITS + INDEX_SPREAD_BITS };

/* The word of an index without items. No region is before its bucket. */
uint64_t index_word_empty(void);

static inline struct index_region *index_word_region(uint64_t word)
{
    char *buckets = (char *)index_word_buckets(word);
    return (struct index_region *)(void *)(buckets -
                                           sizeof(struct index_region));
}

/* Everything between these two is seen by readers at once, or not at all. */
void index_bucket_begin(struct index_bucket *bucket);
void index_bucket_end(struct index_bucket *bucket);

/* Between the two of its own: `slot` is `tag` and `place`. */
void index_bucket_put(struct index_bucket *bucket, uint32_t slot, uint32_t tag,
                      uint64_t place);

/* Puts an item into the region of `word`, with one displacement if it must;
 * false if that is not enough. Does not count it. */
bool index_region_insert(uint64_t word, uint64_t hash, uint64_t place);

/* Builds the region of `hash` anew with at least a bucket more, in two
 * halves if it would be too large. STATUS_NOMEM, and nothing changed. */
enum status index_region_grow(struct index *index, uint64_t hash);

/* Builds the region of `hash` anew as small as suits it, if it is too sparse
 * and there is memory. */
void index_region_shrink(struct index *index, uint64_t hash);

/* *Gives* the word of a region without items, for hashes that begin with the
 * first `depth` bits of `hash`; 0 without memory. */
uint64_t index_region_create(struct index *index, uint32_t bucket_count,
                             uint32_t depth, uint64_t hash);

/* *Takes* the region of `word`: at once, if no reader has seen it or can see
 * it any more, or through the epochs, when it is out of the directory. */
void index_region_free(struct index *index, uint64_t word);
void index_region_retire(struct index *index, uint64_t word);

/* The same region in another piece; 0 without memory. */
uint64_t index_region_copy(struct index *index, uint64_t word);

/* *Takes* `directory`, which no reader can see any more. */
void index_directory_free(struct index *index,
                          struct index_directory *directory);

/* Changes what `index` counts as used. */
void index_add_used(struct index *index, size_t more, size_t less);

#endif
