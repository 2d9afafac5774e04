/* The reader's steps of index.h, in the header because a get is made of
 * them. Included by index.h alone.
 *
 * Words. The root and the entries of a directory are words of 64 bits: the
 * address of a region's first bucket in the lower 48, the number of its
 * buckets in the upper 16, so that a lookup goes from the directory straight
 * to its bucket. A word with 0 buckets is the address of a directory.
 *
 * Bits of a hash. The tag is the lowest 12, 1 in the stead of 0, which is a
 * free slot's; the next 24 give the first bucket; the upper 28 are the
 * directory's. No bit serves twice, so that items that share a region or a
 * bucket are not alike in the rest.
 *
 * Order. The writer makes the sequence odd, fence (release), slots, sequence
 * even (release). The reader loads the sequence (acquire), slots, fence
 * (acquire), the sequence again: had a load between the two seen what was
 * written later, the fences would make the second load see the odd one.
 *
 * Misses. An item moves by being written to its new bucket first and taken
 * out of the old one after that. Say it goes from its second bucket to the
 * first, behind a reader who has done with the first: what it misses in the
 * second it misses because it has seen that bucket's later sequence, so it
 * would see that of the first too, were it to look: it does, before it
 * calls it a miss. From the first to the second it is the other way round,
 * and the item is found. A region that has been replaced has all its
 * sequences left odd once its successor is in the directory, so that neither
 * a miss nor a hit in it stands: what is written in place through the
 * successor would not show there. */
#ifndef CACHESERVER_STORE_INDEX_READ_H
#define CACHESERVER_STORE_INDEX_READ_H

#include "store/epoch.h"
#include "store/index.h"

#include <string.h>

/* ThreadSanitizer must see the single accesses. */
#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__)
#define INDEX_HAS_VECTORS 1
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef INDEX_HAS_VECTORS
#endif
#endif
#endif

#ifdef INDEX_HAS_VECTORS
#include <emmintrin.h>
#endif

enum {
    INDEX_TAG_BITS = 12,
    INDEX_SPREAD_BITS = 24,
    INDEX_DEPTH_MAX = 64 - INDEX_TAG_BITS - INDEX_SPREAD_BITS,
    INDEX_WORD_BITS = 48
};

struct index_directory {
    struct retired retired;
    uint32_t depth; /* it has 2 to the power of that words, 1 at least */
    uint32_t shift; /* 64 - depth */
    _Atomic uint64_t words[];
};

static inline uint32_t index_word_count(uint64_t word)
{
    return (uint32_t)(word >> INDEX_WORD_BITS);
}

static inline struct index_bucket *index_word_buckets(uint64_t word)
{
    uint64_t address = word & (((uint64_t)1 << INDEX_WORD_BITS) - 1);
    return (struct index_bucket *)(uintptr_t)address;
}

/* The directory, if `root` is one's word. */
static inline struct index_directory *index_word_directory(uint64_t root)
{
    return (struct index_directory *)(uintptr_t)root;
}

/* The word of the region that `hash` belongs to now. */
static inline uint64_t index_word(const struct index *index, uint64_t hash)
{
    uint64_t word = atomic_load_explicit(&index->root, memory_order_acquire);
    if (index_word_count(word) != 0) {
        return word;
    }
    struct index_directory *directory = index_word_directory(word);
    return atomic_load_explicit(&directory->words[hash >> directory->shift],
                                memory_order_acquire);
}

static inline uint32_t index_tag(uint64_t hash)
{
    uint32_t tag = hash & ((1u << INDEX_TAG_BITS) - 1);
    return tag ? tag : 1;
}

/* The first bucket of `hash` among `count`. */
static inline uint32_t index_first(uint64_t hash, uint32_t count)
{
    uint64_t spread = hash >> INDEX_TAG_BITS;
    spread &= ((uint64_t)1 << INDEX_SPREAD_BITS) - 1;
    return (uint32_t)((spread * count) >> INDEX_SPREAD_BITS);
}

/* The other bucket of a `tag` that is in `bucket`: the two add up to a number
 * that the tag gives, modulo `count`. That number is odd where `count` is
 * even, because then the two are never the same. */
static inline uint32_t index_other(uint32_t bucket, uint32_t tag,
                                   uint32_t count)
{
    uint32_t sum = (tag * count) >> INDEX_TAG_BITS;
    sum |= ~count & 1;
    return sum >= bucket ? sum - bucket : sum + count - bucket;
}

/* The slots of `bucket` that hold `tag`, a bit each; a tag of 0 finds the
 * free ones. */
static inline uint32_t index_matches(const struct index_bucket *bucket,
                                     uint32_t tag)
{
#ifdef INDEX_HAS_VECTORS
    const char *tops = (const char *)(const void *)bucket->tops;
    int last_two;
    memcpy(&last_two, tops + sizeof(__m128i), sizeof last_two);
    __m128i low = _mm_loadu_si128((const __m128i *)(const void *)tops);
    __m128i high = _mm_cvtsi32_si128(last_two);
    __m128i mask = _mm_set1_epi16((short)0xfff0);
    __m128i wanted = _mm_set1_epi16((short)(tag << 4));
    low = _mm_cmpeq_epi16(_mm_and_si128(low, mask), wanted);
    high = _mm_cmpeq_epi16(_mm_and_si128(high, mask), wanted);
    uint32_t matches = (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high));
    return matches & ((1u << INDEX_SLOTS) - 1);
#else
    uint32_t matches = 0;
    for (uint32_t i = 0; i < INDEX_SLOTS; i++) {
        uint32_t top =
            atomic_load_explicit(&bucket->tops[i], memory_order_relaxed);
        matches |= (uint32_t)(top >> 4 == tag) << i;
    }
    return matches;
#endif
}

static inline uint64_t index_place(const struct index_bucket *bucket,
                                   uint32_t slot)
{
    uint64_t top =
        atomic_load_explicit(&bucket->tops[slot], memory_order_relaxed);
    uint64_t rest =
        atomic_load_explicit(&bucket->rests[slot], memory_order_relaxed);
    return (top & 15) << 32 | rest;
}

/* Nothing is to be looked at in a bucket that is being written to. */
static inline void index_read_bucket(struct index_reader *reader,
                                     uint32_t bucket)
{
    reader->bucket = index_word_buckets(reader->region) + bucket;
    reader->sequence =
        atomic_load_explicit(&reader->bucket->sequence, memory_order_acquire);
    uint32_t matches = index_matches(reader->bucket, index_tag(reader->hash));
    reader->matches = reader->sequence & 1 ? 0 : matches;
}

static inline void index_start(struct index_reader *reader,
                               const struct index *index, uint64_t hash)
{
    reader->index = index;
    reader->hash = hash;
    reader->region = index_word(index, hash);
    uint32_t count = index_word_count(reader->region);
    uint32_t first = index_first(hash, count);
    index_read_bucket(reader, first);
    reader->first_sequence = reader->sequence;
    reader->turn = 0;
    if (reader->matches == 0) {
        uint32_t other = index_other(first, index_tag(hash), count);
        __builtin_prefetch(index_word_buckets(reader->region) + other);
    }
}

static inline bool index_is_valid(const struct index_reader *reader)
{
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&reader->bucket->sequence,
                                memory_order_relaxed) == reader->sequence;
}

/* The next of the matches in the bucket. A place that was half written when
 * it was read is not given out: nobody may look there. */
static inline bool index_take_match(struct index_reader *reader)
{
    uint32_t slot = (uint32_t)__builtin_ctz(reader->matches);
    reader->matches &= reader->matches - 1;
    reader->place = index_place(reader->bucket, slot);
    return index_is_valid(reader);
}

/* index_next() where the first bucket has nothing more to offer, or has been
 * written to. */
bool index_next_elsewhere(struct index_reader *reader);

static inline bool index_next(struct index_reader *reader)
{
    if (__builtin_expect(reader->matches != 0, 1) && index_take_match(reader)) {
        return true;
    }
    return index_next_elsewhere(reader);
}

__attribute__((always_inline)) static inline const struct index_bucket *
index_prefetch(const struct index *index, uint64_t hash)
{
    uint64_t word = index_word(index, hash);
    const struct index_bucket *bucket =
        index_word_buckets(word) + index_first(hash, index_word_count(word));
    __builtin_prefetch(bucket);
    return bucket;
}

static inline uint64_t index_guess(const struct index_bucket *bucket,
                                   uint64_t hash)
{
    uint32_t matches = index_matches(bucket, index_tag(hash));
    return matches ? index_place(bucket, (uint32_t)__builtin_ctz(matches)) : 0;
}

#endif
