/* The writer's side, as far as it does not change the shape. What a writer
 * does to a slot is inside index_bucket_begin() and _end(), and nothing else
 * is written where readers look; why that is enough is in index_read.h. */
#include "store/index_internal.h"

#include "base/check.h"

enum { PLACE_BITS = 36 };

/* Where an item is. */
struct spot {
    struct index_bucket *bucket;
    uint32_t slot;
};

void index_init(struct index *index, struct commons *commons, uint32_t owner)
{
    *index = (struct index){.commons = commons, .owner = owner};
    atomic_init(&index->root, index_word_empty());
    atomic_init(&index->used, 0);
}

void index_take(struct index *taken, struct index *index)
{
    index_init(taken, index->commons, index->owner);
    uint64_t root = atomic_exchange_explicit(&index->root, index_word_empty(),
                                             memory_order_acq_rel);
    size_t used =
        atomic_exchange_explicit(&index->used, 0, memory_order_relaxed);
    atomic_store_explicit(&taken->root, root, memory_order_relaxed);
    atomic_store_explicit(&taken->used, used, memory_order_relaxed);
    taken->count = index->count;
    index->count = 0;
}

static void empty(struct index *index)
{
    atomic_store_explicit(&index->root, index_word_empty(),
                          memory_order_relaxed);
    index->count = 0;
    index->given_back = 0;
}

/* The next region of `directory`. */
static void give_region_back(struct index *index,
                             const struct index_directory *directory)
{
    uint64_t word = atomic_load_explicit(&directory->words[index->given_back],
                                         memory_order_relaxed);
    uint32_t depth = index_word_region(word)->depth;
    index->given_back += (uint64_t)1 << (directory->depth - depth);
    index_region_free(index, word);
}

bool index_give_back(struct index *index, size_t regions)
{
    uint64_t root = atomic_load_explicit(&index->root, memory_order_relaxed);
    if (index_word_count(root)) {
        index_region_free(index, root);
        empty(index);
        return true;
    }
    struct index_directory *directory = index_word_directory(root);
    uint64_t count = (uint64_t)1 << directory->depth;
    for (; regions > 0 && index->given_back < count; regions--) {
        give_region_back(index, directory);
    }
    if (index->given_back < count) {
        return false;
    }
    index_directory_free(index, directory);
    empty(index);
    return true;
}

void index_fini(struct index *index)
{
    index_give_back(index, SIZE_MAX);
}

/* Lists the spots where the tag of `hash` is. */
static size_t find_spots(const struct index *index, uint64_t hash,
                         struct spot spots[INDEX_FOUND_MAX])
{
    uint64_t word = index_word(index, hash);
    uint32_t count = index_word_count(word);
    uint32_t tag = index_tag(hash);
    uint32_t first = index_first(hash, count);
    uint32_t other = index_other(first, tag, count);
    size_t found = 0;
    uint32_t turns = first == other ? 1 : 2;
    for (uint32_t turn = 0; turn < turns; turn++) {
        struct index_bucket *bucket =
            index_word_buckets(word) + (turn ? other : first);
        uint32_t matches = index_matches(bucket, tag);
        for (; matches; matches &= matches - 1) {
            uint32_t slot = (uint32_t)__builtin_ctz(matches);
            spots[found++] = (struct spot){bucket, slot};
        }
    }
    return found;
}

/* The spot of `place`; its bucket is NULL when it is not there. */
static struct spot find_spot(const struct index *index, uint64_t hash,
                             uint64_t place)
{
    struct spot spots[INDEX_FOUND_MAX];
    size_t count = find_spots(index, hash, spots);
    for (size_t i = 0; i < count; i++) {
        if (index_place(spots[i].bucket, spots[i].slot) == place) {
            return spots[i];
        }
    }
    return (struct spot){NULL, 0};
}

size_t index_find(const struct index *index, uint64_t hash,
                  uint64_t places[INDEX_FOUND_MAX])
{
    struct spot spots[INDEX_FOUND_MAX];
    size_t count = find_spots(index, hash, spots);
    for (size_t i = 0; i < count; i++) {
        places[i] = index_place(spots[i].bucket, spots[i].slot);
    }
    return count;
}

bool index_has(const struct index *index, uint64_t hash, uint64_t place)
{
    return find_spot(index, hash, place).bucket != NULL;
}

static bool try_add(struct index *index, uint64_t hash, uint64_t place)
{
    uint64_t word = index_word(index, hash);
    if (word == index_word_empty() || !index_region_insert(word, hash, place)) {
        return false;
    }
    index_word_region(word)->count++;
    index->count++;
    return true;
}

enum status index_add(struct index *index, uint64_t hash, uint64_t place)
{
    CHECK(place >> PLACE_BITS == 0);
    while (!try_add(index, hash, place)) {
        enum status status = index_region_grow(index, hash);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

void index_replace(struct index *index, uint64_t hash, uint64_t old,
                   uint64_t place)
{
    CHECK(place >> PLACE_BITS == 0);
    struct spot spot = find_spot(index, hash, old);
    CHECK(spot.bucket != NULL);
    index_bucket_put(spot.bucket, spot.slot, index_tag(hash), place);
}

void index_remove(struct index *index, uint64_t hash, uint64_t place)
{
    struct spot spot = find_spot(index, hash, place);
    CHECK(spot.bucket != NULL);
    index_bucket_put(spot.bucket, spot.slot, 0, 0);
    index_word_region(index_word(index, hash))->count--;
    index->count--;
    index_region_shrink(index, hash);
}

struct index_bucket *index_begin_write(struct index *index, uint64_t hash,
                                       uint64_t place)
{
    struct spot spot = find_spot(index, hash, place);
    CHECK(spot.bucket != NULL);
    index_bucket_begin(spot.bucket);
    return spot.bucket;
}

void index_end_write(struct index_bucket *bucket)
{
    index_bucket_end(bucket);
}

static void walk_bucket(const struct index_bucket *bucket, index_each_fn each,
                        void *arg)
{
    uint32_t taken = ~index_matches(bucket, 0) & ((1u << INDEX_SLOTS) - 1);
    for (; taken; taken &= taken - 1) {
        each(arg, index_place(bucket, (uint32_t)__builtin_ctz(taken)));
    }
}

/* The first hash behind the region of `word`, which `position` is in; 0 if
 * that is the last one. */
static uint64_t behind(uint64_t word, uint64_t position)
{
    if (word == index_word_empty() || index_word_region(word)->depth == 0) {
        return 0;
    }
    uint32_t shift = 64u - index_word_region(word)->depth;
    return ((position >> shift) + 1) << shift;
}

uint64_t index_walk_region(const struct index *index, uint64_t position,
                           index_each_fn each, void *arg)
{
    uint64_t word = index_word(index, position);
    for (uint32_t i = 0; i < index_word_count(word); i++) {
        walk_bucket(index_word_buckets(word) + i, each, arg);
    }
    return behind(word, position);
}

void index_collect_place(void *arg, uint64_t place)
{
    struct index_places *bucket = arg;
    bucket->places[bucket->count++] = place;
}

bool index_walk_bucket(const struct index *index, struct index_tour *tour,
                       index_each_fn each, void *arg)
{
    uint64_t word = index_word(index, tour->position);
    if (word != tour->word) {
        tour->word = word;
        tour->bucket = 0;
    }
    walk_bucket(index_word_buckets(word) + tour->bucket, each, arg);
    tour->bucket++;
    if (tour->bucket < index_word_count(word)) {
        return true;
    }
    *tour = (struct index_tour){.position = behind(word, tour->position)};
    return tour->position != 0;
}
