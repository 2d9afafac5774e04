/* How many misses a store has that holds a part of what is asked for. The
 * trace is made here, the same each time: keys by Zipf's law whose ranks move
 * on, among keys that come once and never again, and now and then a row of
 * keys that comes back later; their values of one length, or of eight. The
 * bounds are about one in a hundred above what the store does; FIFO exceeds
 * each, and where lengths vary what takes no account of them exceeds the first
 * and the last. */
#include "store/store.h"

#include "base/memory.h"
#include "store/store_kit.h"
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    REQUESTS = 300 * 1000,
    RANKS = 40 * 1000,
    RANKS_MOVE_AFTER = 3000, /* requests, by one */
    ROW_EACH = 10 * 1000,    /* requests */
    ROW_LEN = 1000,
    ROWS = 3,
    KEY_LEN = 16,
    HEAD_LEN = 4,
    VALUE_LEN = 232,
    VALUE_LEN_MIN = 64, /* where lengths vary, and doubled up to so often */
    DOUBLINGS = 8,
    VALUE_LEN_MAX = VALUE_LEN_MIN << (DOUBLINGS - 1),
    WORK_EACH = 500
};

/* A key's kind is in its upper half. */
enum { KEY_ZIPF, KEY_ONCE, KEY_ROW };

static uint64_t key_of(uint64_t kind, uint64_t number)
{
    return kind << 32 | number;
}

/* Zipf's law with the exponent 1: the logarithms of ranks are alike. */
static uint64_t draw_rank(uint64_t *random)
{
    double part = (double)(test_random(random) >> 11) / (double)(1LL << 53);
    return (uint64_t)pow(RANKS, part) - 1;
}

/* A row begins after each ROW_EACH requests; they take turns. */
static uint64_t make_request(uint64_t i, uint64_t *random)
{
    uint64_t drawn = test_random(random);
    if (i >= ROW_EACH && i % ROW_EACH < ROW_LEN) {
        return key_of(KEY_ROW, i / ROW_EACH % ROWS * ROW_LEN + i % ROW_EACH);
    }
    return drawn % 4 == 0
               ? key_of(KEY_ONCE, i)
               : key_of(KEY_ZIPF, draw_rank(random) + i / RANKS_MOVE_AFTER);
}

static uint64_t *make_trace(void)
{
    uint64_t *keys = memory_alloc_or_die(REQUESTS * sizeof *keys);
    uint64_t random = 1;
    for (uint64_t i = 0; i < REQUESTS; i++) {
        keys[i] = make_request(i, &random);
    }
    return keys;
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The length of a value, which a key keeps. */
static size_t value_len(uint64_t key, bool is_varied)
{
    uint64_t mixed = key * UINT64_C(0x9e3779b97f4a7c15);
    size_t varied = (size_t)VALUE_LEN_MIN << (mixed >> 32) % DOUBLINGS;
    return is_varied ? varied : VALUE_LEN;
}

/* The bytes of all entries that are asked for. */
static uint64_t footprint_of(const uint64_t *keys, bool is_varied)
{
    uint64_t *sorted = memory_alloc_or_die(REQUESTS * sizeof *sorted);
    uint64_t sum = 0;
    memcpy(sorted, keys, REQUESTS * sizeof *sorted);
    qsort(sorted, REQUESTS, sizeof *sorted, compare_keys);
    for (size_t i = 0; i < REQUESTS; i++) {
        if (i == 0 || sorted[i] != sorted[i - 1]) {
            sum += HEAD_LEN + KEY_LEN + value_len(sorted[i], is_varied);
        }
    }
    memory_free(sorted);
    return sum;
}

/* Asks for a key and, if it is not there, puts `len` bytes. Whether it was. */
static bool ask(struct store *store, uint64_t number, size_t len)
{
    static const char bytes[VALUE_LEN_MAX];
    char text[KEY_LEN + 1];
    struct buffer got = {0};
    enum value_kind kind;
    const struct slice bank = SLICE_LITERAL("trace");
    snprintf(text, sizeof text, "%016llx", (unsigned long long)number);
    struct slice key = slice_of(text, KEY_LEN);
    bool is_there = store_get(store, bank, key, NULL, &got, &kind) == STATUS_OK;
    if (!is_there) {
        const struct store_value value = {.bytes = slice_of(bytes, len)};
        EXPECT_INT(store_put(store, bank, key, &value), STATUS_OK);
    }
    buffer_fini(&got);
    return is_there;
}

static double miss_ratio(const uint64_t *keys, bool is_varied,
                         uint64_t memory_max)
{
    struct store *store = kit_open_limited(memory_max, 0);
    int misses = 0;
    for (int i = 0; i < REQUESTS; i++) {
        misses += !ask(store, keys[i], value_len(keys[i], is_varied));
        if (i % WORK_EACH == 0) {
            store_work(store);
        }
    }
    kit_close(store);
    return (double)misses / REQUESTS;
}

/* The most misses with a part of the footprint. */
struct cell {
    uint64_t percent;
    double most;
};

static void expect_few_misses(const struct cell *cells, size_t count,
                              bool is_varied)
{
    uint64_t *keys = make_trace();
    uint64_t footprint = footprint_of(keys, is_varied);
    for (size_t i = 0; i < count; i++) {
        uint64_t memory_max = footprint * cells[i].percent / 100;
        double ratio = miss_ratio(keys, is_varied, memory_max);
        if (!EXPECT(ratio <= cells[i].most)) {
            fprintf(stderr, "  with %d %%: %.4f of the gets miss\n",
                    (int)cells[i].percent, ratio);
        }
    }
    memory_free(keys);
}

static void misses_are_few_whatever_part_is_held(void)
{
    static const struct cell cells[] = {{1, 0.630}, {10, 0.445}, {30, 0.356}};
    expect_few_misses(cells, sizeof cells / sizeof cells[0], false);
}

static void short_values_are_held_in_the_stead_of_long_ones(void)
{
    static const struct cell cells[] = {{1, 0.567}, {10, 0.416}, {30, 0.344}};
    expect_few_misses(cells, sizeof cells / sizeof cells[0], true);
}

static const struct test_case cases[] = {
    TEST(misses_are_few_whatever_part_is_held),
    TEST(short_values_are_held_in_the_stead_of_long_ones),
};

SUITE(store_hit_ratio, cases);
