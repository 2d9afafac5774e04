/* How many misses a store has that holds a part of what is asked for. The
 * trace is made here, the same each time: keys by Zipf's law whose ranks move
 * on, among keys that come once and never again, and now and then a row of
 * keys that comes back later. The bounds are about one in a hundred above
 * what the store does; FIFO exceeds each. */
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
    VALUE_LEN = 232,
    ENTRY_LEN = 252, /* with the key and the head */
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

static uint64_t count_unique(const uint64_t *keys)
{
    uint64_t *sorted = memory_alloc_or_die(REQUESTS * sizeof *sorted);
    uint64_t count = 1;
    memcpy(sorted, keys, REQUESTS * sizeof *sorted);
    qsort(sorted, REQUESTS, sizeof *sorted, compare_keys);
    for (size_t i = 1; i < REQUESTS; i++) {
        count += sorted[i] != sorted[i - 1];
    }
    memory_free(sorted);
    return count;
}

/* Asks for a key and, if it is not there, puts it. Whether it was. */
static bool ask(struct store *store, uint64_t number)
{
    static const char bytes[VALUE_LEN];
    char text[17];
    struct buffer got = {0};
    enum value_kind kind;
    const struct slice bank = SLICE_LITERAL("trace");
    snprintf(text, sizeof text, "%016llx", (unsigned long long)number);
    struct slice key = slice_of(text, 16);
    bool is_there = store_get(store, bank, key, NULL, &got, &kind) == STATUS_OK;
    if (!is_there) {
        const struct store_value value = {.bytes = slice_of(bytes, VALUE_LEN)};
        EXPECT_INT(store_put(store, bank, key, &value), STATUS_OK);
    }
    buffer_fini(&got);
    return is_there;
}

static double miss_ratio(const uint64_t *keys, uint64_t memory_max)
{
    struct store *store = kit_open_limited(memory_max, 0);
    int misses = 0;
    for (int i = 0; i < REQUESTS; i++) {
        misses += !ask(store, keys[i]);
        if (i % WORK_EACH == 0) {
            store_work(store);
        }
    }
    kit_close(store);
    return (double)misses / REQUESTS;
}

static void misses_are_few_whatever_part_is_held(void)
{
    static const struct {
        uint64_t percent;
        double most;
    } cells[] = {{1, 0.630}, {10, 0.445}, {30, 0.356}};
    uint64_t *keys = make_trace();
    uint64_t footprint = count_unique(keys) * ENTRY_LEN;
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        double ratio = miss_ratio(keys, footprint * cells[i].percent / 100);
        if (!EXPECT(ratio <= cells[i].most)) {
            fprintf(stderr, "  with %d %%: %.4f of the gets miss\n",
                    (int)cells[i].percent, ratio);
        }
    }
    memory_free(keys);
}

static const struct test_case cases[] = {
    TEST(misses_are_few_whatever_part_is_held),
};

SUITE(store_hit_ratio, cases);
