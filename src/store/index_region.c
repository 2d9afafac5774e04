/* Regions, and the slots in them. A region with some buckets is a whole number
 * of lines, by a filler at its end, and its buckets are lines; with few, bytes
 * matter more. */
#include "store/index_internal.h"

#include "base/check.h"
#include "store/commons.h"

#include <string.h>

enum {
    LINE_LEN = INDEX_PIECE_LINE,
    ALIGNED_FROM = 4 /* buckets */
};

_Static_assert(sizeof(struct index_bucket) == LINE_LEN, "one line");
_Static_assert(INDEX_PIECE_SHIFT + sizeof(struct index_region) == LINE_LEN,
               "buckets begin where a line does");
_Static_assert(offsetof(struct index_region, buckets) ==
                   sizeof(struct index_region),
               "no gap");

/* Shared by all empty indexes, never written to: sequence 0, ten free slots.
 * A reader who is still in it when the first item comes rightly finds
 * nothing: that was so when he began. */
static _Alignas(LINE_LEN) struct index_bucket empty_bucket;

static uint64_t word_of(struct index_bucket *buckets, uint32_t count)
{
    uint64_t address = (uint64_t)(uintptr_t)buckets;
    CHECK(address >> INDEX_WORD_BITS == 0);
    return address | (uint64_t)count << INDEX_WORD_BITS;
}

uint64_t index_word_empty(void)
{
    return word_of(&empty_bucket, 1);
}

void index_add_used(struct index *index, size_t more, size_t less)
{
    size_t used = atomic_load_explicit(&index->used, memory_order_relaxed);
    atomic_store_explicit(&index->used, used + more - less,
                          memory_order_relaxed);
}

static size_t region_len(uint32_t bucket_count)
{
    size_t filler = bucket_count < ALIGNED_FROM ? 0 : INDEX_PIECE_SHIFT;
    return sizeof(struct index_region) +
           bucket_count * sizeof(struct index_bucket) + filler;
}

uint64_t index_region_create(struct index *index, uint32_t bucket_count,
                             uint32_t depth, uint64_t hash)
{
    size_t len = region_len(bucket_count);
    struct index_piece *piece =
        index_pool_take(index->commons->pool, len, index->owner);
    if (!piece) {
        return 0;
    }
    struct index_region *region = (struct index_region *)(void *)piece;
    region->position = (uint32_t)(hash >> INDEX_POSITION_SHIFT);
    region->count = 0;
    region->depth = (uint8_t)depth;
    memset(region->buckets, 0, bucket_count * sizeof *region->buckets);
    index_add_used(index, len, 0);
    return word_of(region->buckets, bucket_count);
}

/* The sequences are what they were, all even: no writer is in a bucket. */
uint64_t index_region_copy(struct index *index, uint64_t word)
{
    uint32_t count = index_word_count(word);
    const struct index_region *from = index_word_region(word);
    uint64_t hash = (uint64_t)from->position << INDEX_POSITION_SHIFT;
    uint64_t copy = index_region_create(index, count, from->depth, hash);
    if (copy) {
        struct index_region *to = index_word_region(copy);
        to->count = from->count;
        memcpy(to->buckets, from->buckets, count * sizeof *to->buckets);
    }
    return copy;
}

static void on_region_released(struct retired *retired, void *arg)
{
    struct commons *commons = arg;
    struct index_region *region =
        LIST_ENTRY(retired, struct index_region, retired);
    index_pool_return(commons->pool, &region->piece);
}

void index_region_free(struct index *index, uint64_t word)
{
    if (word == index_word_empty()) {
        return;
    }
    index_add_used(index, 0, region_len(index_word_count(word)));
    index_pool_return(index->commons->pool, &index_word_region(word)->piece);
}

/* Who is still in the region starts over; the order of the stores lets him
 * find the new one then. */
void index_region_retire(struct index *index, uint64_t word)
{
    if (word == index_word_empty()) {
        return;
    }
    uint32_t count = index_word_count(word);
    struct index_bucket *buckets = index_word_buckets(word);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t sequence =
            atomic_load_explicit(&buckets[i].sequence, memory_order_relaxed);
        atomic_store_explicit(&buckets[i].sequence, sequence + 1,
                              memory_order_release);
    }
    index_add_used(index, 0, region_len(count));
    epochs_retire(index->commons->epochs, &index_word_region(word)->retired,
                  on_region_released);
}

void index_bucket_begin(struct index_bucket *bucket)
{
    uint32_t sequence =
        atomic_load_explicit(&bucket->sequence, memory_order_relaxed);
    atomic_store_explicit(&bucket->sequence, sequence + 1,
                          memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

void index_bucket_end(struct index_bucket *bucket)
{
    uint32_t sequence =
        atomic_load_explicit(&bucket->sequence, memory_order_relaxed);
    atomic_store_explicit(&bucket->sequence, sequence + 1,
                          memory_order_release);
}

void index_bucket_put(struct index_bucket *bucket, uint32_t slot, uint32_t tag,
                      uint64_t place)
{
    index_bucket_begin(bucket);
    atomic_store_explicit(&bucket->tops[slot],
                          (uint16_t)(tag << 4 | (uint32_t)(place >> 32)),
                          memory_order_relaxed);
    atomic_store_explicit(&bucket->rests[slot], (uint32_t)place,
                          memory_order_relaxed);
    index_bucket_end(bucket);
}

static bool put_in_free_slot(struct index_bucket *bucket, uint32_t tag,
                             uint64_t place)
{
    uint32_t is_free = index_matches(bucket, 0);
    if (is_free == 0) {
        return false;
    }
    index_bucket_put(bucket, (uint32_t)__builtin_ctz(is_free), tag, place);
    return true;
}

/* Copies one item of a full bucket to its other one, if that has room; the
 * item's slot can be overwritten then. The copy comes first: see
 * index_read.h. Answers the slot, INDEX_SLOTS when all are stuck. */
static uint32_t displace_one(uint64_t word, uint32_t bucket)
{
    struct index_bucket *buckets = index_word_buckets(word);
    uint32_t count = index_word_count(word);
    uint32_t slot = 0;
    for (; slot < INDEX_SLOTS; slot++) {
        uint32_t tag = atomic_load_explicit(&buckets[bucket].tops[slot],
                                            memory_order_relaxed);
        tag >>= 4;
        uint32_t other = index_other(bucket, tag, count);
        uint64_t place = index_place(&buckets[bucket], slot);
        if (put_in_free_slot(&buckets[other], tag, place)) {
            break;
        }
    }
    return slot;
}

bool index_region_insert(uint64_t word, uint64_t hash, uint64_t place)
{
    struct index_bucket *buckets = index_word_buckets(word);
    uint32_t count = index_word_count(word);
    uint32_t tag = index_tag(hash);
    uint32_t first = index_first(hash, count);
    uint32_t other = index_other(first, tag, count);
    if (put_in_free_slot(&buckets[first], tag, place) ||
        put_in_free_slot(&buckets[other], tag, place)) {
        return true;
    }
    uint32_t bucket = first;
    uint32_t slot = displace_one(word, bucket);
    if (slot == INDEX_SLOTS) {
        bucket = other;
        slot = displace_one(word, bucket);
    }
    if (slot == INDEX_SLOTS) {
        return false;
    }
    index_bucket_put(&buckets[bucket], slot, tag, place);
    return true;
}
