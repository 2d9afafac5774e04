#include "store/large_pool.h"

#include "base/check.h"
#include "support/starve.h"
#include "support/test.h"

#include <string.h>

enum {
    MIB = 1024 * 1024,
    MEMORY_MAX = 256 * MIB, /* of which 8 MiB may be kept */
    KEPT_MAX = MEMORY_MAX / 32,
    SECOND = 1000
};

static size_t whole_pages(size_t len)
{
    return (len + LARGE_PAGE_LEN - 1) / LARGE_PAGE_LEN * LARGE_PAGE_LEN;
}

static void *take(struct large_pool *pool, size_t len, size_t *got)
{
    *got = len;
    void *block = large_pool_take(pool, got);
    CHECK(block);
    EXPECT(*got >= len);
    return block;
}

/* Takes and gives back so many blocks of `len` bytes. */
static void leave_behind(struct large_pool *pool, size_t count, size_t len)
{
    enum { COUNT_MAX = 64 };
    void *blocks[COUNT_MAX];
    size_t lens[COUNT_MAX];
    CHECK(count <= COUNT_MAX);
    for (size_t i = 0; i < count; i++) {
        blocks[i] = take(pool, len, &lens[i]);
    }
    for (size_t i = 0; i < count; i++) {
        large_pool_give(pool, blocks[i], lens[i]);
    }
}

static void what_was_given_back_is_taken_again(void)
{
    struct large_pool pool;
    size_t len;
    large_pool_init(&pool, MEMORY_MAX);
    void *first = take(&pool, MIB, &len);
    memset(first, 'a', len);
    large_pool_give(&pool, first, len);
    EXPECT(take(&pool, MIB - LARGE_PAGE_LEN, &len) == first);
    EXPECT_INT(len, MIB);
    large_pool_give(&pool, first, len);
    void *larger = take(&pool, MIB + LARGE_PAGE_LEN, &len);
    EXPECT(larger != first);
    large_pool_give(&pool, larger, len);
    large_pool_fini(&pool);
}

static void no_block_is_much_too_large(void)
{
    struct large_pool pool;
    uint64_t random = 1;
    large_pool_init(&pool, 0);
    for (int i = 0; i < 3000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        size_t wanted = whole_pages(256 * 1024 + (random >> 33) % (2 * MIB));
        size_t len;
        void *block = take(&pool, wanted, &len);
        EXPECT(len <= wanted + wanted / 5);
        memset(block, i, LARGE_PAGE_LEN);
        large_pool_give(&pool, block, len);
        EXPECT(pool.kept <= pool.kept_max);
    }
    large_pool_fini(&pool);
}

static void no_more_than_a_part_of_the_limit_is_kept(void)
{
    struct large_pool pool;
    large_pool_init(&pool, MEMORY_MAX);
    leave_behind(&pool, 20, MIB);
    EXPECT_INT(pool.kept, KEPT_MAX);
    large_pool_fini(&pool);
}

static void only_what_nobody_wanted_for_a_second_goes(void)
{
    struct large_pool pool;
    large_pool_init(&pool, MEMORY_MAX);
    leave_behind(&pool, 5, MIB);
    EXPECT(!large_pool_trim(&pool, SECOND));
    EXPECT_INT(pool.kept, 5 * MIB);
    leave_behind(&pool, 2, MIB);
    EXPECT(!large_pool_trim(&pool, 2 * SECOND - 1));
    for (int i = 0; i < 3; i++) {
        EXPECT(large_pool_trim(&pool, 2 * SECOND));
    }
    EXPECT(!large_pool_trim(&pool, 2 * SECOND));
    EXPECT_INT(pool.kept, 2 * MIB);
    EXPECT(large_pool_trim(&pool, 3 * SECOND));
    EXPECT(large_pool_trim(&pool, 3 * SECOND));
    EXPECT(!large_pool_trim(&pool, 3 * SECOND));
    EXPECT_INT(pool.kept, 0);
    large_pool_fini(&pool);
}

static void attempt(void *arg)
{
    struct large_pool *pool = arg;
    size_t len = MIB;
    void *block = large_pool_take(pool, &len);
    EXPECT(block || starve_has_struck());
    if (block) {
        large_pool_give(pool, block, len);
    }
}

static void without_memory_there_is_no_block(void)
{
    struct large_pool pool;
    large_pool_init(&pool, MEMORY_MAX);
    EXPECT_INT(starve(attempt, &pool), 2);
    EXPECT_INT(pool.kept, MIB);
    large_pool_fini(&pool);
}

static const struct test_case cases[] = {
    TEST(what_was_given_back_is_taken_again),
    TEST(no_block_is_much_too_large),
    TEST(no_more_than_a_part_of_the_limit_is_kept),
    TEST(only_what_nobody_wanted_for_a_second_goes),
    TEST(without_memory_there_is_no_block),
};

SUITE(store_large_pool, cases);
