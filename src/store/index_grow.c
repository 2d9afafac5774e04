/* How an index changes its shape: a region is built anew beside the old one,
 * put into the directory, and the old one retired.
 *
 * A region is built for 86 of 100 slots in use. It then takes items until one
 * finds no room, at some 96 of 100, so that memory follows the items in steps
 * of an eighth, and the average is above 90. */
#include "store/index_internal.h"

#include "base/check.h"
#include "base/memory.h"
#include "store/commons.h"

enum {
    FILL_PERCENT = 86, /* of the slots, in a region that was just built */
    SPARSE_PART = 3,   /* a region with a third of its slots in use shrinks */
    HOPELESS_PART = 5  /* and one with a fifth does not grow */
};

/* What a region holds, to be built anew. */
struct items {
    size_t count;
    uint64_t places[INDEX_ITEMS_MAX];
    uint64_t hashes[INDEX_ITEMS_MAX];
};

/* A part of them, which share `depth` bits of their hashes. */
struct part {
    const struct items *items;
    size_t begin;
    size_t end;
    uint32_t depth;
    uint64_t hash; /* one that begins with these */
};

static size_t directory_len(uint32_t depth)
{
    return sizeof(struct index_directory) + (sizeof(uint64_t) << depth);
}

static void free_directory(struct commons *commons,
                           struct index_directory *directory)
{
    atomic_fetch_sub_explicit(&commons->other, directory_len(directory->depth),
                              memory_order_relaxed);
    memory_free(directory);
}

static void on_directory_released(struct retired *retired, void *arg)
{
    free_directory(arg, LIST_ENTRY(retired, struct index_directory, retired));
}

void index_directory_free(struct index *index,
                          struct index_directory *directory)
{
    index_add_used(index, 0, directory_len(directory->depth));
    free_directory(index->commons, directory);
}

static void retire_directory(struct index *index,
                             struct index_directory *directory)
{
    index_add_used(index, 0, directory_len(directory->depth));
    epochs_retire(index->commons->epochs, &directory->retired,
                  on_directory_released);
}

static void gather(struct index *index, uint64_t word, struct items *items)
{
    struct index_bucket *buckets = index_word_buckets(word);
    items->count = 0;
    for (uint32_t i = 0; i < index_word_count(word); i++) {
        uint32_t taken = ~index_matches(&buckets[i], 0);
        taken &= (1u << INDEX_SLOTS) - 1;
        for (; taken; taken &= taken - 1) {
            items->places[items->count++] =
                index_place(&buckets[i], (uint32_t)__builtin_ctz(taken));
        }
    }
    if (items->count > 0) {
        index->commons->hashes_of(index->commons, items->places, items->hashes,
                                  items->count);
    }
}

/* Puts the items whose hashes have a 0 behind the first `depth` bits before
 * those that have a 1; answers where these begin. */
static size_t part_items(struct items *items, uint32_t depth)
{
    size_t begin = 0;
    size_t end = items->count;
    while (begin < end) {
        uint64_t hash = items->hashes[begin];
        if (!(hash >> (63 - depth) & 1)) {
            begin++;
            continue;
        }
        uint64_t place = items->places[begin];
        end--;
        items->hashes[begin] = items->hashes[end];
        items->places[begin] = items->places[end];
        items->hashes[end] = hash;
        items->places[end] = place;
    }
    return begin;
}

/* The buckets that suit `count` items. */
static uint32_t buckets_for(size_t count)
{
    size_t slots = (count * 100 + FILL_PERCENT - 1) / FILL_PERCENT;
    size_t buckets = (slots + INDEX_SLOTS - 1) / INDEX_SLOTS;
    return buckets ? (uint32_t)buckets : 1;
}

/* A region that is full, though it should not be, is given this many. */
static uint32_t next_bucket_count(uint32_t bucket_count)
{
    uint32_t next = bucket_count + bucket_count / 8 + 1;
    bool is_last = bucket_count < INDEX_BUCKETS_MAX && next > INDEX_BUCKETS_MAX;
    return is_last ? INDEX_BUCKETS_MAX : next;
}

static bool fill(uint64_t word, const struct part *part)
{
    for (size_t i = part->begin; i < part->end; i++) {
        uint64_t hash = part->items->hashes[i];
        if (!index_region_insert(word, hash, part->items->places[i])) {
            return false;
        }
    }
    index_word_region(word)->count = (uint16_t)(part->end - part->begin);
    return true;
}

/* *Gives* in `word` a new region with what is in `part` and `bucket_count`
 * buckets, or as many more as it takes. STATUS_RESOURCE_EXHAUSTED when even
 * INDEX_BUCKETS_MAX are too few. */
static enum status build(struct index *index, const struct part *part,
                         uint32_t bucket_count, uint64_t *word)
{
    while (bucket_count <= INDEX_BUCKETS_MAX) {
        *word =
            index_region_create(index, bucket_count, part->depth, part->hash);
        if (*word == 0) {
            return STATUS_NOMEM;
        }
        if (fill(*word, part)) {
            return STATUS_OK;
        }
        index_region_free(index, *word);
        bucket_count = next_bucket_count(bucket_count);
    }
    return STATUS_RESOURCE_EXHAUSTED;
}

/* Sets all words of the hashes that begin with the first `depth` bits of
 * `hash`. */
static void set_words(struct index_directory *directory, uint64_t hash,
                      uint32_t depth, uint64_t word)
{
    uint64_t number = depth ? hash >> (64 - depth) : 0;
    uint32_t more = directory->depth - depth;
    for (uint64_t i = number << more; i < (number + 1) << more; i++) {
        atomic_store_explicit(&directory->words[i], word, memory_order_release);
    }
}

static struct index_directory *find_directory(const struct index *index)
{
    uint64_t root = atomic_load_explicit(&index->root, memory_order_relaxed);
    return index_word_count(root) ? NULL : index_word_directory(root);
}

static uint32_t directory_depth(const struct index *index)
{
    struct index_directory *directory = find_directory(index);
    return directory ? directory->depth : 0;
}

/* *Gives* a directory that says the same as that of `index`, or as its only
 * region, in twice as many words; NULL without memory. */
static struct index_directory *double_directory(struct index *index)
{
    uint32_t depth = directory_depth(index) + 1;
    struct index_directory *wider = memory_alloc(directory_len(depth));
    if (!wider) {
        return NULL;
    }
    CHECK((uint64_t)(uintptr_t)wider >> INDEX_WORD_BITS == 0);
    wider->depth = depth;
    wider->shift = 64 - depth;
    for (uint64_t i = 0; i < (uint64_t)1 << depth; i++) {
        uint64_t word = index_word(index, i << wider->shift);
        atomic_init(&wider->words[i], word);
    }
    index_add_used(index, directory_len(depth), 0);
    atomic_fetch_add_explicit(&index->commons->other, directory_len(depth),
                              memory_order_relaxed);
    return wider;
}

static void set_root(struct index *index, uint64_t root)
{
    atomic_store_explicit(&index->root, root, memory_order_release);
}

static void publish(struct index *index, uint64_t hash, uint32_t depth,
                    uint64_t word)
{
    struct index_directory *directory = find_directory(index);
    if (directory) {
        set_words(directory, hash, depth, word);
    } else {
        set_root(index, word);
    }
}

/* The directory that the words of regions of `depth` are to be written to:
 * the one that there is, or a wider one that nobody sees yet; NULL without
 * memory. */
static struct index_directory *directory_for(struct index *index,
                                             uint32_t depth)
{
    return depth > directory_depth(index) ? double_directory(index)
                                          : find_directory(index);
}

/* Puts the two `halves` in the stead of the region of `hash`, which was one
 * bit less deep than they are. */
static enum status publish_halves(struct index *index, uint64_t hash,
                                  uint32_t depth, const uint64_t halves[2])
{
    struct index_directory *old = find_directory(index);
    struct index_directory *directory = directory_for(index, depth);
    if (!directory) {
        return STATUS_NOMEM;
    }
    uint64_t bit = (uint64_t)1 << (64 - depth);
    set_words(directory, hash & ~bit, depth, halves[0]);
    set_words(directory, hash | bit, depth, halves[1]);
    if (directory != old) {
        set_root(index, (uint64_t)(uintptr_t)directory);
        if (old) {
            retire_directory(index, old);
        }
    }
    return STATUS_OK;
}

static enum status split(struct index *index, uint64_t hash, uint32_t depth,
                         struct items *items)
{
    if (depth == INDEX_DEPTH_MAX) {
        return STATUS_NOMEM;
    }
    size_t middle = part_items(items, depth);
    uint64_t bit = (uint64_t)1 << (63 - depth);
    const struct part low = {items, 0, middle, depth + 1, hash & ~bit};
    const struct part high = {items, middle, items->count, depth + 1,
                              hash | bit};
    uint64_t halves[2];
    if (build(index, &low, buckets_for(middle), &halves[0]) != STATUS_OK) {
        return STATUS_NOMEM;
    }
    size_t rest = items->count - middle;
    if (build(index, &high, buckets_for(rest), &halves[1]) != STATUS_OK) {
        goto free_low;
    }
    if (publish_halves(index, hash, depth + 1, halves) != STATUS_OK) {
        goto free_high;
    }
    return STATUS_OK;

free_high:
    index_region_free(index, halves[1]);
free_low:
    index_region_free(index, halves[0]);
    return STATUS_NOMEM;
}

static enum status rebuild(struct index *index, uint64_t hash, uint64_t old,
                           uint32_t bucket_count_min)
{
    bool is_empty = old == index_word_empty();
    uint32_t depth = is_empty ? 0 : index_word_region(old)->depth;
    struct items items;
    gather(index, old, &items);
    uint32_t bucket_count = buckets_for(items.count);
    if (bucket_count < bucket_count_min) {
        bucket_count = bucket_count_min;
    }
    const struct part all = {&items, 0, items.count, depth, hash};
    uint64_t word;
    enum status status = build(index, &all, bucket_count, &word);
    if (status == STATUS_OK) {
        publish(index, hash, depth, word);
    } else if (status == STATUS_RESOURCE_EXHAUSTED) {
        status = split(index, hash, depth, &items);
    }
    if (status == STATUS_OK) {
        index_region_retire(index, old);
    }
    return status;
}

/* A region that finds no room though it is not full grows by more, so that
 * there is an end to it; where four slots of five are free growing is no help:
 * there are too many of one hash. */
enum status index_region_grow(struct index *index, uint64_t hash)
{
    uint64_t old = index_word(index, hash);
    if (old == index_word_empty()) {
        return rebuild(index, hash, old, 1);
    }
    uint32_t bucket_count = index_word_count(old);
    uint32_t count = index_word_region(old)->count;
    if (count * HOPELESS_PART < bucket_count * INDEX_SLOTS) {
        return STATUS_NOMEM;
    }
    bool is_full = bucket_count < buckets_for(count);
    return rebuild(index, hash, old,
                   is_full ? bucket_count + 1
                           : next_bucket_count(bucket_count));
}

void index_region_shrink(struct index *index, uint64_t hash)
{
    uint64_t old = index_word(index, hash);
    if (index->count == 0 && !find_directory(index)) {
        set_root(index, index_word_empty());
        index_region_retire(index, old);
        return;
    }
    uint32_t bucket_count = index_word_count(old);
    uint32_t sparse = bucket_count * INDEX_SLOTS / SPARSE_PART;
    if (bucket_count > 1 && index_word_region(old)->count < sparse) {
        /* Without memory it stays as large as it is. */
        (void)rebuild(index, hash, old, 1);
    }
}

bool index_move_region(struct index *index, const struct index_piece *piece)
{
    const struct index_region *region =
        (const struct index_region *)(const void *)piece;
    uint64_t hash = (uint64_t)region->position << INDEX_POSITION_SHIFT;
    uint64_t old = index_word(index, hash);
    if (index_word_buckets(old) != region->buckets) {
        return true;
    }
    uint64_t word = index_region_copy(index, old);
    if (word == 0) {
        return false;
    }
    publish(index, hash, region->depth, word);
    index_region_retire(index, old);
    return true;
}
