/* The range is cut into chunks of 1 MiB. A chunk is free, or has a class and
 * is one block of 1 MiB, sixteen of 64 KiB, or 256 of 4 KiB. The first chunk
 * is never used, so that no block is at place 0.
 *
 * words[]    a word for each chunk: the address of its bookkeeping with the
 *            class in the lowest bits; while it is free, the number of the
 *            next free one. One load leads to a descriptor.
 * chunk      bookkeeping while it has a class: which blocks are free, which
 *            have memory behind them (were touched), and the descriptors.
 *
 * Blocks come from the fullest of the partly used chunks, more or less: they
 * are listed by the logarithm of how many of their blocks are free. So the
 * others get a chance to become empty.
 *
 * Memory is given back by whole free chunks and by free blocks beside taken
 * ones: at once what is beyond ARENA_KEPT_MAX, unless it is blocks of 4 KiB,
 * and the rest by arena_trim(). It takes time, so it is done without the
 * lock; meanwhile the blocks count as taken and a chunk stands in no list.
 *
 * Huge pages are refused. They come in 2 MiB at the first touch of any byte:
 * a store of small banks would hold many times what it uses, the first touch
 * takes longer than an operation may, and what is given back in smaller
 * pieces stays in use until the kernel gets round to splitting the page. A
 * limit can only be kept with memory that is counted as it is taken. To fetch
 * them ahead in the background was tried: requests that are carried out in
 * batches wait for many translations at once, and gained 3 to 5 % of their
 * time outside the kernel. */
#include "store/arena.h"

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

enum {
    CHUNK_BITS = 20,
    CHUNK_LEN = 1 << CHUNK_BITS,
    CHUNK_UNITS = CHUNK_LEN / ARENA_UNIT,
    GUARD_LEN = 16 * 1024 * 1024,
    BLOCKS_MAX = 256, /* of a chunk */
    LEVELS = 8,       /* logarithms of 1 to 255 */
    WORD_BITS = 64,
    TRIM_LOOKS = 16, /* chunks of a level looked at for blocks to trim */
    TRIM_SMALL = 256 * 1024,  /* bytes of blocks of 4 KiB trimmed at once */
    CHUNK_COUNT_MAX = 1 << 18 /* what 36 bits reach */
};
_Static_assert(ARENA_LEN_MAX == (size_t)(CHUNK_COUNT_MAX - 1) * CHUNK_LEN,
               "all but the first");

/* The lowest bits of a word are 0 in a free chunk, else its class and 1. */
enum { TAG_BITS = 2, TAG_MASK = (1 << TAG_BITS) - 1 };
_Static_assert((int)ARENA_CLASS_COUNT <= TAG_MASK, "a tag for each class");

struct bits {
    uint64_t words[BLOCKS_MAX / WORD_BITS];
};

struct chunk {
    struct list link; /* among the partly used of its class and level */
    uint32_t number;
    enum arena_class class;
    size_t block_len;
    unsigned block_count;
    unsigned free_count;
    unsigned touched_count;
    struct bits free;
    struct bits touched;
    _Alignas(max_align_t) char descriptors[];
};

/* Memory that nobody uses, for the next who want some. */
struct kept {
    size_t len;
    size_t least; /* what that was at least since the last trim */
};

struct arena {
    char *base;
    _Atomic uintptr_t *words;
    uint32_t chunk_count; /* with the first, which is not used */
    size_t descriptor_len;
    _Atomic size_t used;
    _Atomic size_t idle; /* of `kept` and of all free touched blocks */

    pthread_mutex_t lock; /* of all below, and of the chunks */
    struct list partly[ARENA_CLASS_COUNT][LEVELS];
    uint32_t kept;     /* the first free chunk with all its memory; 0: none */
    uint32_t empty;    /* the first without any */
    uint32_t fresh;    /* this one and those behind it were never used */
    struct kept small; /* free touched blocks of 4 KiB */
    struct kept large; /* `kept` and all other free touched blocks */
};

static unsigned block_bits(enum arena_class class)
{
    return 12 + 4 * (unsigned)class;
}

static void set_bit(struct bits *bits, unsigned i)
{
    bits->words[i / WORD_BITS] |= (uint64_t)1 << i % WORD_BITS;
}

static void clear_bit(struct bits *bits, unsigned i)
{
    bits->words[i / WORD_BITS] &= ~((uint64_t)1 << i % WORD_BITS);
}

static bool has_bit(const struct bits *bits, unsigned i)
{
    return bits->words[i / WORD_BITS] >> i % WORD_BITS & 1;
}

static void set_bits(struct bits *bits, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        set_bit(bits, i);
    }
}

/* The first bit that both have, BLOCKS_MAX without one. */
static unsigned find_common_bit(const struct bits *a, const struct bits *b)
{
    for (unsigned i = 0; i < BLOCKS_MAX / WORD_BITS; i++) {
        uint64_t common = a->words[i] & b->words[i];
        if (common) {
            return i * WORD_BITS + (unsigned)__builtin_ctzll(common);
        }
    }
    return BLOCKS_MAX;
}

static size_t round_up(size_t len, size_t to)
{
    return (len + to - 1) / to * to;
}

static void count_used(struct arena *arena, size_t more)
{
    atomic_fetch_add_explicit(&arena->used, more, memory_order_relaxed);
}

static void count_unused(struct arena *arena, size_t less)
{
    atomic_fetch_sub_explicit(&arena->used, less, memory_order_relaxed);
}

static void count_idle(struct arena *arena, size_t more)
{
    atomic_fetch_add_explicit(&arena->idle, more, memory_order_relaxed);
}

static void count_busy(struct arena *arena, size_t less)
{
    atomic_fetch_sub_explicit(&arena->idle, less, memory_order_relaxed);
}

static struct chunk *word_chunk(uintptr_t word)
{
    return word & TAG_MASK ? (struct chunk *)(word & ~(uintptr_t)TAG_MASK)
                           : NULL;
}

static size_t map_len(const struct arena *arena)
{
    return (size_t)arena->chunk_count * CHUNK_LEN + GUARD_LEN;
}

static bool reserve_range(struct arena *arena)
{
    char *base = mmap(NULL, map_len(arena), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        return false;
    }
    /* A kernel without huge pages refuses; all the better. */
    (void)madvise(base, map_len(arena), MADV_NOHUGEPAGE);
    arena->base = base;
    return true;
}

struct arena *arena_create(size_t len, size_t descriptor_len)
{
    if (len > ARENA_LEN_MAX) {
        return NULL;
    }
    size_t chunk_count = 1 + round_up(len, CHUNK_LEN) / CHUNK_LEN;
    struct arena *arena = memory_alloc_zero(sizeof *arena);
    if (!arena) {
        return NULL;
    }
    arena->chunk_count = (uint32_t)chunk_count;
    arena->words = memory_alloc_zero(chunk_count * sizeof *arena->words);
    if (!arena->words) {
        goto free_arena;
    }
    if (!reserve_range(arena)) {
        goto free_words;
    }
    CHECK(pthread_mutex_init(&arena->lock, NULL) == 0);
    for (int i = 0; i < ARENA_CLASS_COUNT * LEVELS; i++) {
        list_init(&arena->partly[i / LEVELS][i % LEVELS]);
    }
    arena->fresh = 1;
    arena->descriptor_len = round_up(descriptor_len, _Alignof(max_align_t));
    count_used(arena, sizeof *arena + chunk_count * sizeof *arena->words);
    return arena;

free_words:
    memory_free((void *)arena->words);
free_arena:
    memory_free(arena);
    return NULL;
}

void arena_free(struct arena **arena)
{
    if (!*arena) {
        return;
    }
    for (uint32_t i = 0; i < (*arena)->chunk_count; i++) {
        memory_free(word_chunk((*arena)->words[i]));
    }
    CHECK(munmap((*arena)->base, map_len(*arena)) == 0);
    pthread_mutex_destroy(&(*arena)->lock);
    memory_free((void *)(*arena)->words);
    memory_free(*arena);
    *arena = NULL;
}

static void push_free(struct arena *arena, uint32_t *first, uint32_t number)
{
    atomic_store_explicit(&arena->words[number], (uintptr_t)*first << TAG_BITS,
                          memory_order_relaxed);
    *first = number;
}

static uint32_t pop_free(struct arena *arena, uint32_t *first)
{
    uint32_t number = *first;
    if (number) {
        uintptr_t word =
            atomic_load_explicit(&arena->words[number], memory_order_relaxed);
        *first = (uint32_t)(word >> TAG_BITS);
    }
    return number;
}

static struct kept *kept_of(struct arena *arena, enum arena_class class)
{
    return class == ARENA_4K ? &arena->small : &arena->large;
}

/* `len` bytes that were kept are wanted. */
static void use_kept(struct kept *kept, size_t len)
{
    kept->len -= len;
    if (kept->len < kept->least) {
        kept->least = kept->len;
    }
}

/* Makes `chunk` of a free one; false when there is none. */
static bool find_room(struct arena *arena, struct chunk *chunk)
{
    chunk->number = pop_free(arena, &arena->kept);
    if (chunk->number) {
        set_bits(&chunk->touched, chunk->block_count);
        chunk->touched_count = chunk->block_count;
        use_kept(&arena->large, CHUNK_LEN);
        kept_of(arena, chunk->class)->len += CHUNK_LEN;
        return true;
    }
    chunk->number = pop_free(arena, &arena->empty);
    if (!chunk->number && arena->fresh < arena->chunk_count) {
        chunk->number = arena->fresh++;
    }
    return chunk->number != 0;
}

static size_t chunk_len(const struct arena *arena, const struct chunk *chunk)
{
    return sizeof *chunk + chunk->block_count * arena->descriptor_len;
}

static struct chunk *open_chunk(struct arena *arena, enum arena_class class)
{
    struct chunk head = {
        .class = class,
        .block_len = arena_block_len(class),
        .block_count = (unsigned)(CHUNK_LEN / arena_block_len(class)),
    };
    struct chunk *chunk = memory_alloc(chunk_len(arena, &head));
    if (!chunk) {
        return NULL;
    }
    *chunk = head;
    list_init(&chunk->link);
    if (!find_room(arena, chunk)) {
        memory_free(chunk);
        return NULL;
    }
    set_bits(&chunk->free, chunk->block_count);
    chunk->free_count = chunk->block_count;
    count_used(arena, chunk_len(arena, chunk));
    /* Pairs with load_word(). */
    atomic_store_explicit(&arena->words[chunk->number],
                          (uintptr_t)chunk | ((uintptr_t) class + 1),
                          memory_order_release);
    return chunk;
}

/* Frees the bookkeeping of `chunk`, all of whose blocks are free, and gives
 * its memory back, or keeps it. Gives the lock up meanwhile. */
static void close_chunk(struct arena *arena, struct chunk *chunk)
{
    uint32_t number = chunk->number;
    size_t touched_len = chunk->touched_count * chunk->block_len;
    list_remove(&chunk->link);
    count_unused(arena, chunk_len(arena, chunk));
    kept_of(arena, chunk->class)->len -= touched_len;
    atomic_store_explicit(&arena->words[number], 0, memory_order_relaxed);
    memory_free(chunk);
    bool is_kept = touched_len == CHUNK_LEN &&
                   arena->large.len + CHUNK_LEN <= ARENA_KEPT_MAX;
    if (!is_kept && touched_len > 0) {
        count_busy(arena, touched_len);
        pthread_mutex_unlock(&arena->lock);
        is_kept = madvise(arena->base + (size_t)number * CHUNK_LEN, CHUNK_LEN,
                          MADV_DONTNEED) != 0; /* It may be locked. */
        pthread_mutex_lock(&arena->lock);
        count_unused(arena, touched_len);
        count_used(arena, is_kept ? CHUNK_LEN : 0);
        count_idle(arena, is_kept ? CHUNK_LEN : 0);
    }
    arena->large.len += is_kept ? CHUNK_LEN : 0;
    push_free(arena, is_kept ? &arena->kept : &arena->empty, number);
}

/* Puts `chunk` where it belongs after its `free_count` has changed. The one
 * that was put there last is the first to be taken from. */
static void list_chunk(struct arena *arena, struct chunk *chunk)
{
    list_remove(&chunk->link);
    if (chunk->free_count > 0) {
        int level = 31 - __builtin_clz(chunk->free_count);
        list_append(&arena->partly[chunk->class][level], &chunk->link);
    }
}

static struct chunk *find_chunk(struct arena *arena, enum arena_class class)
{
    for (int level = 0; level < LEVELS; level++) {
        struct list *head = &arena->partly[class][level];
        if (!list_is_empty(head)) {
            return LIST_ENTRY(head->prev, struct chunk, link);
        }
    }
    return open_chunk(arena, class);
}

/* Takes a block of `chunk`, which has a free one; rather one that has memory
 * already. */
static unsigned take_block(struct arena *arena, struct chunk *chunk)
{
    unsigned block = find_common_bit(&chunk->free, &chunk->touched);
    if (block == BLOCKS_MAX) {
        block = find_common_bit(&chunk->free, &chunk->free);
        CHECK(block < chunk->block_count);
        set_bit(&chunk->touched, block);
        chunk->touched_count++;
        count_used(arena, chunk->block_len);
    } else {
        use_kept(kept_of(arena, chunk->class), chunk->block_len);
        count_busy(arena, chunk->block_len);
    }
    clear_bit(&chunk->free, block);
    chunk->free_count--;
    list_chunk(arena, chunk);
    return block;
}

uint64_t arena_take_block(struct arena *arena, enum arena_class class)
{
    if (!memory_is_granted()) {
        return 0;
    }
    pthread_mutex_lock(&arena->lock);
    struct chunk *chunk = find_chunk(arena, class);
    unsigned block = chunk ? take_block(arena, chunk) : 0;
    pthread_mutex_unlock(&arena->lock);
    if (!chunk) {
        return 0;
    }
    memset(chunk->descriptors + block * arena->descriptor_len, 0,
           arena->descriptor_len);
    return (uint64_t)chunk->number * CHUNK_UNITS +
           block * (chunk->block_len / ARENA_UNIT);
}

/* Some blocks of a chunk, side by side. */
struct run {
    unsigned first;
    unsigned count;
};

/* Gives the memory of blocks that are taken back. Gives the lock up
 * meanwhile. */
static void clear_run(struct arena *arena, struct chunk *chunk,
                      const struct run *run)
{
    char *at = arena->base + (size_t)chunk->number * CHUNK_LEN +
               run->first * chunk->block_len;
    size_t len = run->count * chunk->block_len;
    pthread_mutex_unlock(&arena->lock);
    bool is_gone = madvise(at, len, MADV_DONTNEED) == 0;
    pthread_mutex_lock(&arena->lock);
    if (is_gone) {
        for (unsigned i = 0; i < run->count; i++) {
            clear_bit(&chunk->touched, run->first + i);
        }
        chunk->touched_count -= run->count;
        count_unused(arena, len);
    }
}

/* Whether enough is kept without a block that is returned, which does not go
 * with all of its chunk. */
static bool is_kept_without(const struct arena *arena,
                            const struct chunk *chunk)
{
    return chunk->class == ARENA_64K &&
           chunk->free_count + 1 < chunk->block_count &&
           arena->large.len + chunk->block_len > ARENA_KEPT_MAX;
}

static void put_back(struct arena *arena, struct chunk *chunk, unsigned block)
{
    set_bit(&chunk->free, block);
    chunk->free_count++;
    if (has_bit(&chunk->touched, block)) {
        kept_of(arena, chunk->class)->len += chunk->block_len;
        count_idle(arena, chunk->block_len);
    }
    if (chunk->free_count < chunk->block_count) {
        list_chunk(arena, chunk);
    } else {
        close_chunk(arena, chunk);
    }
}

static void return_block(struct arena *arena, struct chunk *chunk,
                         unsigned block)
{
    CHECK(!has_bit(&chunk->free, block));
    if (is_kept_without(arena, chunk)) {
        clear_run(arena, chunk, &(struct run){block, 1});
    }
    put_back(arena, chunk, block);
}

void arena_return_block(struct arena *arena, uint64_t place)
{
    uint64_t number = place / CHUNK_UNITS;
    CHECK(number < arena->chunk_count);
    pthread_mutex_lock(&arena->lock);
    struct chunk *chunk = word_chunk(arena->words[number]);
    CHECK(chunk);
    size_t offset = place % CHUNK_UNITS * ARENA_UNIT;
    CHECK(offset % chunk->block_len == 0);
    return_block(arena, chunk, (unsigned)(offset / chunk->block_len));
    pthread_mutex_unlock(&arena->lock);
}

/* Meanwhile the chunk stands in no list. */
static bool trim_chunk(struct arena *arena)
{
    uint32_t number = pop_free(arena, &arena->kept);
    if (!number) {
        return false;
    }
    use_kept(&arena->large, CHUNK_LEN);
    pthread_mutex_unlock(&arena->lock);
    bool is_gone = madvise(arena->base + (size_t)number * CHUNK_LEN, CHUNK_LEN,
                           MADV_DONTNEED) == 0;
    pthread_mutex_lock(&arena->lock);
    if (is_gone) {
        count_busy(arena, CHUNK_LEN);
        count_unused(arena, CHUNK_LEN);
    }
    arena->large.len += is_gone ? 0 : CHUNK_LEN;
    push_free(arena, is_gone ? &arena->empty : &arena->kept, number);
    return is_gone;
}

/* A partly used chunk of `class` with a free block that has memory; NULL when
 * it is not among the first of its kind. */
static struct chunk *find_trimmable(struct arena *arena, enum arena_class class)
{
    for (int level = LEVELS - 1; level >= 0; level--) {
        int looks = TRIM_LOOKS;
        LIST_FOREACH (link, &arena->partly[class][level]) {
            struct chunk *chunk = LIST_ENTRY(link, struct chunk, link);
            if (find_common_bit(&chunk->free, &chunk->touched) < BLOCKS_MAX) {
                return chunk;
            }
            if (--looks == 0) {
                break;
            }
        }
    }
    return NULL;
}

/* Takes a free block with memory, and those that follow if they are such,
 * `max` at most. */
static struct run take_run(struct arena *arena, struct chunk *chunk,
                           unsigned max)
{
    struct run run = {take_block(arena, chunk), 1};
    unsigned next = find_common_bit(&chunk->free, &chunk->touched);
    while (run.count < max && next == run.first + run.count &&
           next < chunk->block_count) {
        take_block(arena, chunk);
        run.count++;
        next = find_common_bit(&chunk->free, &chunk->touched);
    }
    return run;
}

static void put_run_back(struct arena *arena, struct chunk *chunk,
                         const struct run *run)
{
    for (unsigned i = 0; i < run->count; i++) {
        put_back(arena, chunk, run->first + i);
    }
}

/* Up to `len` bytes of single blocks. */
static bool trim_blocks(struct arena *arena, enum arena_class class, size_t len)
{
    unsigned left = (unsigned)(len / arena_block_len(class));
    bool is_trimmed = false;
    while (left > 0) {
        struct chunk *chunk = find_trimmable(arena, class);
        if (!chunk) {
            break;
        }
        struct run run = take_run(arena, chunk, left);
        clear_run(arena, chunk, &run);
        put_run_back(arena, chunk, &run);
        left -= run.count;
        is_trimmed = true;
    }
    return is_trimmed;
}

/* How much of what is kept nobody wanted since the last trim, up to `max`. */
static size_t unwanted(struct kept *kept, size_t max)
{
    return kept->least < max ? kept->least : max;
}

static bool trim_large(struct arena *arena)
{
    size_t len = unwanted(&arena->large, CHUNK_LEN);
    return (len == CHUNK_LEN && trim_chunk(arena)) ||
           trim_blocks(arena, ARENA_64K, len);
}

bool arena_trim(struct arena *arena)
{
    pthread_mutex_lock(&arena->lock);
    bool is_trimmed = trim_large(arena);
    is_trimmed =
        trim_blocks(arena, ARENA_4K, unwanted(&arena->small, TRIM_SMALL)) ||
        is_trimmed;
    arena->large.least = arena->large.len;
    arena->small.least = arena->small.len;
    pthread_mutex_unlock(&arena->lock);
    return is_trimmed;
}

static uintptr_t load_word(const struct arena *arena, uint64_t place)
{
    uint64_t number = place / CHUNK_UNITS;
    return number < arena->chunk_count
               ? atomic_load_explicit(&arena->words[number],
                                      memory_order_acquire)
               : 0;
}

void *arena_descriptor(const struct arena *arena, uint64_t place)
{
    uintptr_t word = load_word(arena, place);
    struct chunk *chunk = word_chunk(word);
    CHECK(chunk);
    unsigned bits = block_bits((enum arena_class)((word & TAG_MASK) - 1));
    size_t offset = place % CHUNK_UNITS * ARENA_UNIT;
    return chunk->descriptors + (offset >> bits) * arena->descriptor_len;
}

uint64_t arena_block_end(const struct arena *arena, uint64_t place)
{
    uintptr_t tag = load_word(arena, place) & TAG_MASK;
    if (tag == 0) {
        return 0;
    }
    unsigned bits = block_bits((enum arena_class)(tag - 1));
    uint64_t units = ((uint64_t)1 << bits) / ARENA_UNIT;
    return (place | (units - 1)) + 1;
}

size_t arena_used(const struct arena *arena)
{
    return atomic_load_explicit(&arena->used, memory_order_relaxed);
}

size_t arena_idle(const struct arena *arena)
{
    return atomic_load_explicit(&arena->idle, memory_order_relaxed);
}

char *arena_base(const struct arena *arena)
{
    return arena->base;
}
