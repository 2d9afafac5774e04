#include "store/arena.h"

#include "base/memory.h"
#include "support/starve.h"
#include "support/test.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    MIB = 1024 * 1024,
    PAGE = 4096,
    CHUNK_PAGES = MIB / PAGE,
    GUARD = 16 * MIB,
    BLOCKS_MAX = 4096,
    TRIM_EACH = 50 /* steps of the model */
};

/* What the tests keep with each block. */
struct note {
    uint64_t place;
    enum arena_class class;
};

static struct arena *create_arena(size_t mib)
{
    return arena_create(mib * MIB, sizeof(struct note));
}

static char *address(struct arena *arena, uint64_t place)
{
    return arena_at(arena_base(arena), place);
}

/* Takes blocks until there are no more, or `count`; how many. */
static size_t take_many(struct arena *arena, enum arena_class class,
                        uint64_t *places, size_t count)
{
    size_t taken = 0;
    while (taken < count &&
           (places[taken] = arena_take_block(arena, class)) != 0) {
        taken++;
    }
    return taken;
}

static void fill_many(struct arena *arena, enum arena_class class,
                      const uint64_t *places, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        memset(address(arena, places[i]), 'x', arena_block_len(class));
    }
}

static void return_many(struct arena *arena, const uint64_t *places,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        arena_return_block(arena, places[i]);
    }
}

/* How many bytes of the arena's range, of `mib`, have memory. */
static size_t resident(struct arena *arena, size_t mib)
{
    static unsigned char pages[256 * CHUNK_PAGES];
    size_t count = (mib + 1) * CHUNK_PAGES; /* There is one at place 0. */
    if (mincore(arena_base(arena), count * PAGE, pages) != 0) {
        return SIZE_MAX;
    }
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (pages[i] & 1) * PAGE;
    }
    return sum;
}

static size_t process_resident(void)
{
    size_t total = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        EXPECT_INT(fscanf(file, "%zu %zu", &total, &pages), 2);
        fclose(file);
    }
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void every_class_fills_the_arena(void)
{
    static uint64_t places[4 * CHUNK_PAGES + 1];
    for (enum arena_class class = 0; class < ARENA_CLASS_COUNT; class += 1) {
        struct arena *arena = create_arena(4);
        size_t must = 4 * MIB / arena_block_len(class);
        EXPECT_INT(take_many(arena, class, places, must + 1), must);
        fill_many(arena, class, places, must);
        for (enum arena_class other = 0; other < ARENA_CLASS_COUNT; other++) {
            EXPECT_INT(arena_take_block(arena, other), 0);
        }
        arena_return_block(arena, places[must / 2]);
        EXPECT_INT(arena_take_block(arena, class), places[must / 2]);
        return_many(arena, places, must);
        EXPECT_INT(take_many(arena, ARENA_1M, places, 5), 4);
        arena_free(&arena);
        EXPECT(arena == NULL);
    }
}

static void a_length_is_rounded_up_to_whole_chunks(void)
{
    struct arena *arena = arena_create(1, 0);
    EXPECT(arena_take_block(arena, ARENA_1M) != 0);
    EXPECT_INT(arena_take_block(arena, ARENA_4K), 0);
    arena_free(&arena);
    arena_free(&arena);
}

static void what_36_bits_do_not_reach_is_refused(void)
{
    size_t most = ((size_t)256 << 30) - MIB;
    EXPECT(arena_create(most + 1, 0) == NULL);
    EXPECT(arena_create(SIZE_MAX, 0) == NULL);
}

static void behind_the_last_block_can_be_read(void)
{
    struct arena *arena = create_arena(1);
    uint64_t place = arena_take_block(arena, ARENA_1M);
    const volatile char *behind = address(arena, place) + MIB;
    EXPECT_INT(behind[0], 0);
    EXPECT_INT(behind[GUARD - 1], 0);
    arena_free(&arena);
}

static void the_end_of_a_block_is_known_from_any_place_in_it(void)
{
    struct arena *arena = create_arena(4);
    for (enum arena_class class = 0; class < ARENA_CLASS_COUNT; class += 1) {
        (void)arena_take_block(arena, class);
        uint64_t place = arena_take_block(arena, class);
        uint64_t units = arena_block_len(class) / ARENA_UNIT;
        EXPECT_INT(arena_block_end(arena, place), place + units);
        EXPECT_INT(arena_block_end(arena, place + 1), place + units);
        EXPECT_INT(arena_block_end(arena, place + units - 1), place + units);
        arena_return_block(arena, place);
    }
    arena_free(&arena);
}

static void a_place_in_no_block_has_no_end(void)
{
    struct arena *arena = create_arena(2);
    uint64_t place = arena_take_block(arena, ARENA_1M);
    uint64_t free_place = arena_take_block(arena, ARENA_1M);
    arena_return_block(arena, free_place);
    EXPECT(arena_block_end(arena, place) != 0);
    EXPECT_INT(arena_block_end(arena, 0), 0);
    EXPECT_INT(arena_block_end(arena, 100), 0);
    EXPECT_INT(arena_block_end(arena, free_place), 0);
    EXPECT_INT(arena_block_end(arena, 3 * MIB / ARENA_UNIT), 0);
    EXPECT_INT(arena_block_end(arena, ((uint64_t)1 << 36) - 1), 0);
    EXPECT_INT(arena_block_end(arena, UINT64_MAX), 0);
    arena_free(&arena);
}

static void descriptors_are_zeroed_distinct_and_stay(void)
{
    static uint64_t places[3][CHUNK_PAGES];
    struct arena *arena = create_arena(12);
    size_t counts[] = {CHUNK_PAGES, 40, 4};
    for (int round = 0; round < 3; round++) {
        for (enum arena_class class = 0; class < ARENA_CLASS_COUNT;
             class += 1) {
            take_many(arena, class, places[class], counts[class]);
            for (size_t i = 0; i < counts[class]; i++) {
                uint64_t place = places[class][i];
                struct note *note = arena_descriptor(arena, place);
                EXPECT(note->place == 0 && note->class == 0);
                EXPECT_INT((uintptr_t)note % _Alignof(max_align_t), 0);
                *note = (struct note){place, class};
            }
        }
        for (enum arena_class class = 0; class < ARENA_CLASS_COUNT;
             class += 1) {
            for (size_t i = 0; i < counts[class]; i++) {
                uint64_t place = places[class][i];
                uint64_t last = arena_block_end(arena, place) - 1;
                struct note *note = arena_descriptor(arena, last);
                EXPECT_INT(note->place, place);
                EXPECT_INT(note->class, class);
            }
            /* In the first round a part of a chunk stays as it is. */
            size_t from =
                round == 0 && class < ARENA_1M ? counts[class] / 2 : 0;
            return_many(arena, places[class] + from, counts[class] - from);
            counts[class] -= from;
        }
    }
    arena_free(&arena);
}

static void blocks_come_from_the_fuller_chunk(void)
{
    static uint64_t places[2 * CHUNK_PAGES];
    struct arena *arena = create_arena(3);
    take_many(arena, ARENA_4K, places, 2 * CHUNK_PAGES);
    return_many(arena, places + CHUNK_PAGES, 10);
    return_many(arena, places, 200);
    uint64_t fuller = places[CHUNK_PAGES] / (MIB / ARENA_UNIT);
    for (int i = 0; i < 10; i++) {
        uint64_t place = arena_take_block(arena, ARENA_4K);
        EXPECT_INT(place / (MIB / ARENA_UNIT), fuller);
    }
    return_many(arena, places + 200, CHUNK_PAGES - 200);
    /* The emptier one is empty now, and serves another class. */
    EXPECT(arena_take_block(arena, ARENA_1M) != 0);
    EXPECT(arena_take_block(arena, ARENA_1M) != 0);
    arena_free(&arena);
}

static void what_is_used_is_counted_and_given_back(void)
{
    static uint64_t places[64 * CHUNK_PAGES];
    for (enum arena_class class = 0; class < ARENA_CLASS_COUNT; class += 1) {
        struct arena *arena = create_arena(64);
        size_t before = arena_used(arena);
        size_t count = 64 * MIB / arena_block_len(class);
        EXPECT_INT(take_many(arena, class, places, count), count);
        EXPECT(arena_used(arena) - before >= 64 * MIB);
        EXPECT(arena_used(arena) - before <= 66 * MIB); /* descriptors */
        EXPECT_INT(resident(arena, 64), 0);
        fill_many(arena, class, places, count);
        EXPECT_INT(resident(arena, 64), 64 * MIB);
        return_many(arena, places, count);
        EXPECT_INT(resident(arena, 64), ARENA_KEPT_MAX);
        EXPECT_INT(arena_used(arena), before + ARENA_KEPT_MAX);
        arena_free(&arena);
    }
}

static void a_single_block_counts_as_itself(void)
{
    struct arena *arena = create_arena(8);
    size_t before = arena_used(arena);
    uint64_t place = arena_take_block(arena, ARENA_4K);
    EXPECT(arena_used(arena) - before < 16 * 1024);
    arena_return_block(arena, place);
    EXPECT_INT(arena_used(arena), before);
    place = arena_take_block(arena, ARENA_64K);
    EXPECT(arena_used(arena) - before < 68 * 1024);
    arena_return_block(arena, place);
    EXPECT_INT(arena_used(arena), before);
    arena_free(&arena);
}

static void blocks_of_64k_are_given_back_beside_taken_ones(void)
{
    static uint64_t places[32 * 16];
    struct arena *arena = create_arena(32);
    size_t count = take_many(arena, ARENA_64K, places, 32 * 16);
    fill_many(arena, ARENA_64K, places, count);
    for (size_t i = 0; i < count; i++) {
        if (i % 16 != 0) { /* One of each chunk stays. */
            arena_return_block(arena, places[i]);
        }
    }
    EXPECT_INT(resident(arena, 32), 2 * MIB + ARENA_KEPT_MAX);
    EXPECT(arena_used(arena) < 3 * MIB + ARENA_KEPT_MAX);
    for (size_t i = 0; i < count; i += 16) {
        EXPECT_INT(*address(arena, places[i]), 'x');
        arena_return_block(arena, places[i]);
    }
    EXPECT(resident(arena, 32) <= ARENA_KEPT_MAX);
    arena_free(&arena);
}

static void blocks_of_4k_that_nobody_wants_are_given_back(void)
{
    static uint64_t places[2 * CHUNK_PAGES];
    struct arena *arena = create_arena(4);
    size_t before = arena_used(arena);
    size_t count = take_many(arena, ARENA_4K, places, 2 * CHUNK_PAGES);
    fill_many(arena, ARENA_4K, places, count);
    (void)arena_trim(arena);
    for (size_t i = 0; i < count; i++) {
        if (i % 100 != 0) {
            arena_return_block(arena, places[i]);
        }
    }
    EXPECT_INT(resident(arena, 4), 2 * MIB);
    (void)arena_trim(arena); /* It may still be wanted. */
    EXPECT_INT(resident(arena, 4), 2 * MIB);
    int trims = 0;
    while (arena_trim(arena)) {
        trims++;
    }
    EXPECT(trims > 1); /* A little at a time. */
    EXPECT_INT(resident(arena, 4), (count + 99) / 100 * PAGE);
    EXPECT(arena_used(arena) < before + MIB / 8);
    EXPECT_INT(arena_idle(arena), 0);
    for (size_t i = 0; i < count; i += 100) {
        EXPECT_INT(*address(arena, places[i]), 'x');
    }
    arena_free(&arena);
}

static void kept_memory_is_used_first(void)
{
    uint64_t places[16];
    struct arena *arena = create_arena(64);
    size_t count = take_many(arena, ARENA_1M, places, 16);
    fill_many(arena, ARENA_1M, places, count);
    return_many(arena, places, count);
    size_t used = arena_used(arena);
    for (int round = 0; round < 3; round++) {
        count = take_many(arena, ARENA_1M, places, 7);
        EXPECT_INT(resident(arena, 64), ARENA_KEPT_MAX);
        return_many(arena, places, count);
    }
    EXPECT_INT(arena_used(arena), used);
    arena_free(&arena);
}

static void kept_memory_that_serves_again_is_not_counted_as_kept(void)
{
    static uint64_t small[8 * CHUNK_PAGES];
    uint64_t large[8];
    struct arena *arena = create_arena(16);
    for (int round = 0; round < 2; round++) {
        take_many(arena, ARENA_1M, large, 8);
        fill_many(arena, ARENA_1M, large, 8);
        return_many(arena, large, 8);
        EXPECT_INT(resident(arena, 16), (round + 1) * ARENA_KEPT_MAX);
        if (round == 0) {
            take_many(arena, ARENA_4K, small, 8 * CHUNK_PAGES);
        }
    }
    arena_free(&arena);
}

static void the_process_shrinks(void)
{
    static uint64_t places[100];
    struct arena *arena = create_arena(100);
    take_many(arena, ARENA_1M, places, 100);
    fill_many(arena, ARENA_1M, places, 100);
    size_t before = process_resident();
    return_many(arena, places, 100);
    size_t after = process_resident();
    EXPECT(before >= after + 90 * MIB);
    arena_free(&arena);
}

/* Draws what to do, and knows which page belongs to which block. */
struct model {
    struct arena *arena;
    uint64_t random;
    struct note blocks[BLOCKS_MAX];
    size_t count;
    uint64_t *owners; /* the block that each page is of, or NULL */
    size_t taken_len;
    unsigned bad;
};

static void model_mark(struct model *model, const struct note *block,
                       uint64_t from, uint64_t to)
{
    if (!model->owners) {
        return;
    }
    size_t first = block->place * ARENA_UNIT / PAGE;
    for (size_t i = 0; i < arena_block_len(block->class) / PAGE; i++) {
        model->bad += model->owners[first + i] != from;
        model->owners[first + i] = to;
    }
}

/* The block says who it is at both of its ends. */
static uint64_t *word_at(struct model *model, const struct note *block,
                         bool is_last)
{
    size_t offset = is_last ? arena_block_len(block->class) - 8 : 0;
    return (uint64_t *)(void *)(address(model->arena, block->place) + offset);
}

static bool model_take(struct model *model)
{
    uint64_t draw = test_random(&model->random) % 16;
    struct note *block = &model->blocks[model->count];
    block->class = draw == 0 ? ARENA_1M : draw < 6 ? ARENA_64K : ARENA_4K;
    block->place = arena_take_block(model->arena, block->class);
    if (!block->place) {
        return false;
    }
    struct note *note = arena_descriptor(model->arena, block->place);
    model->bad += note->place != 0;
    *note = *block;
    model_mark(model, block, 0, block->place);
    *word_at(model, block, false) = block->place;
    *word_at(model, block, true) = block->place;
    model->taken_len += arena_block_len(block->class);
    model->count++;
    return true;
}

static void model_return(struct model *model)
{
    size_t i = test_random(&model->random) % model->count;
    struct note block = model->blocks[i];
    uint64_t last = arena_block_end(model->arena, block.place) - 1;
    struct note *note = arena_descriptor(model->arena, last);
    model->bad += note->place != block.place || note->class != block.class;
    model->bad += *word_at(model, &block, false) != block.place;
    model->bad += *word_at(model, &block, true) != block.place;
    model_mark(model, &block, block.place, 0);
    model->taken_len -= arena_block_len(block.class);
    model->blocks[i] = model->blocks[--model->count];
    arena_return_block(model->arena, block.place);
}

/* Ups and downs: mostly takes, then mostly returns, by turns. */
static void model_run(struct model *model, int steps)
{
    for (int i = 0; i < steps; i++) {
        uint64_t share = i / 1000 % 2 == 0 ? 11 : 4;
        bool wants = test_random(&model->random) % 16 < share;
        if (wants && model->count < BLOCKS_MAX) {
            (void)model_take(model);
        } else if (model->count > 0) {
            model_return(model);
        }
        if (i % TRIM_EACH == 0) {
            (void)arena_trim(model->arena);
        }
    }
}

static void a_random_walk_never_gives_a_page_twice(void)
{
    enum { LEN = 40 };
    static uint64_t owners[(LEN + 1) * CHUNK_PAGES];
    static struct model model;
    memset(owners, 0, sizeof owners);
    model = (struct model){.random = test_seed(), .owners = owners};
    model.arena = create_arena(LEN);
    size_t before = arena_used(model.arena);
    for (int round = 0; round < (test_is_long() ? 2000 : 40); round++) {
        model_run(&model, 500);
        EXPECT(arena_used(model.arena) >= before + model.taken_len);
        EXPECT(resident(model.arena, LEN) <= arena_used(model.arena));
    }
    while (model.count > 0) {
        model_return(&model);
    }
    EXPECT_INT(model.bad, 0);
    EXPECT(arena_used(model.arena) <= before + ARENA_KEPT_MAX);
    arena_free(&model.arena);
}

static void *walk(void *arg)
{
    struct model *model = arg;
    model_run(model, test_is_long() ? 1000 * 1000 : 10 * 1000);
    while (model->count > 0) {
        model_return(model);
    }
    return NULL;
}

static void threads_share_an_arena(void)
{
    enum { THREADS = 4, LEN = 60 };
    static struct model models[THREADS];
    pthread_t threads[THREADS];
    struct arena *arena = create_arena(LEN);
    size_t before = arena_used(arena);
    uint64_t seed = test_seed();
    for (int i = 0; i < THREADS; i++) {
        models[i] =
            (struct model){.arena = arena, .random = test_random(&seed)};
        EXPECT_INT(pthread_create(&threads[i], NULL, walk, &models[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        EXPECT_INT(models[i].bad, 0);
    }
    EXPECT(arena_used(arena) <= before + ARENA_KEPT_MAX + 4 * MIB);
    EXPECT(resident(arena, LEN) <= arena_used(arena));
    arena_free(&arena);
}

static void attempt_all_classes(void *arg)
{
    (void)arg;
    struct arena *arena = create_arena(3);
    if (!arena) {
        EXPECT(starve_has_struck());
        return;
    }
    size_t before = arena_used(arena);
    uint64_t places[ARENA_CLASS_COUNT];
    for (enum arena_class class = 0; class < ARENA_CLASS_COUNT; class += 1) {
        places[class] = arena_take_block(arena, class);
        if (!places[class]) {
            EXPECT(starve_has_struck());
            places[class] = arena_take_block(arena, class);
        }
        EXPECT(places[class] != 0);
    }
    return_many(arena, places, ARENA_CLASS_COUNT);
    EXPECT(arena_used(arena) <= before + MIB);
    arena_free(&arena);
}

static void without_memory_nothing_is_lost(void)
{
    EXPECT_INT(starve(attempt_all_classes, NULL), 9);
}

static const struct test_case cases[] = {
    TEST(every_class_fills_the_arena),
    TEST(a_length_is_rounded_up_to_whole_chunks),
    TEST(what_36_bits_do_not_reach_is_refused),
    TEST(behind_the_last_block_can_be_read),
    TEST(the_end_of_a_block_is_known_from_any_place_in_it),
    TEST(a_place_in_no_block_has_no_end),
    TEST(descriptors_are_zeroed_distinct_and_stay),
    TEST(blocks_come_from_the_fuller_chunk),
    TEST(what_is_used_is_counted_and_given_back),
    TEST(a_single_block_counts_as_itself),
    TEST(blocks_of_64k_are_given_back_beside_taken_ones),
    TEST(blocks_of_4k_that_nobody_wants_are_given_back),
    TEST(kept_memory_is_used_first),
    TEST(kept_memory_that_serves_again_is_not_counted_as_kept),
    TEST(the_process_shrinks),
    TEST(a_random_walk_never_gives_a_page_twice),
    TEST(threads_share_an_arena),
    TEST(without_memory_nothing_is_lost),
};

SUITE(store_arena, cases);
