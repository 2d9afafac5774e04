/* Keys that all have one hash under a function without a secret, beside keys
 * at random. They are made here:
 *
 *   djb2     h * 33 + a, then * 33 + b: the same for (a, b) and (a + 1, b -
 * 33). A row of such pairs of bytes, each one way or the other. FNV-1a   of 32
 * bits: from each state two blocks of four bytes that lead to one other state,
 * found among some 100,000; a row of such pairs. murmur3  of 32 bits: whatever
 * the first block is, the second follows from it, for all steps can be undone.
 *   XXH3     of 32 bytes: the first eight are what they are xored with, so
 *            that a factor is 0, and the next eight do not matter.
 *
 * Each row is proven by the function itself before it is used. */
#include "store_cases.h"
#include "store_rig.h"

#include "base/check.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 80, PAIRS = 17, COUNT = 100 * 1000, ROUNDS = 5 };

struct row {
    const char *name;
    uint64_t (*hash)(const unsigned char *key, size_t len);
    void (*make)(unsigned char *key, uint32_t number);
    size_t len;
};

static uint64_t load(const unsigned char *at, size_t len)
{
    uint64_t word = 0;
    memcpy(&word, at, len);
    return word;
}

static uint64_t djb2(const unsigned char *key, size_t len)
{
    uint64_t hash = 5381;
    for (size_t i = 0; i < len; i++) {
        hash = hash * 33 + key[i];
    }
    return hash;
}

static void make_djb2(unsigned char *key, uint32_t number)
{
    for (int i = 0; i < PAIRS; i++) {
        unsigned bit = number >> i & 1;
        key[2 * i] = (unsigned char)('a' + bit);
        key[2 * i + 1] = (unsigned char)('z' - 33 * bit);
    }
}

static uint32_t fnv_from(uint32_t hash, const unsigned char *key, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ key[i]) * 16777619U;
    }
    return hash;
}

static uint64_t fnv(const unsigned char *key, size_t len)
{
    return fnv_from(2166136261U, key, len);
}

static uint32_t fnv_blocks[PAIRS][2];

struct reached {
    uint32_t state;
    uint32_t block;
};

static int compare_reached(const void *a, const void *b)
{
    const struct reached *x = a;
    const struct reached *y = b;
    return (x->state > y->state) - (x->state < y->state);
}

/* Two blocks that lead from `state` to one other, which is answered. */
static uint32_t find_fnv_pair(uint32_t state, uint32_t pair[2])
{
    enum { TRIES = 1 << 18 };
    struct reached *all = memory_alloc_or_die(TRIES * sizeof *all);
    for (uint32_t i = 0; i < TRIES; i++) {
        uint32_t block = i * 2654435761U;
        unsigned char bytes[4];
        memcpy(bytes, &block, sizeof bytes);
        all[i] = (struct reached){fnv_from(state, bytes, sizeof bytes), block};
    }
    qsort(all, TRIES, sizeof *all, compare_reached);
    uint32_t i = 1;
    while (i < TRIES && all[i].state != all[i - 1].state) {
        i++;
    }
    CHECK(i < TRIES);
    pair[0] = all[i - 1].block;
    pair[1] = all[i].block;
    uint32_t next = all[i].state;
    memory_free(all);
    return next;
}

static void make_fnv(unsigned char *key, uint32_t number)
{
    if (fnv_blocks[0][0] == fnv_blocks[0][1]) {
        uint32_t state = 2166136261U;
        for (int i = 0; i < PAIRS; i++) {
            state = find_fnv_pair(state, fnv_blocks[i]);
        }
    }
    for (int i = 0; i < PAIRS; i++) {
        memcpy(key + 4 * i, &fnv_blocks[i][number >> i & 1], 4);
    }
}

static uint32_t turn(uint32_t x, int bits)
{
    return x << bits | x >> (32 - bits);
}

static uint32_t murmur_mix(uint32_t block)
{
    return turn(block * 0xcc9e2d51U, 15) * 0x1b873593U;
}

static uint32_t murmur_step(uint32_t hash, uint32_t block)
{
    return turn(hash ^ murmur_mix(block), 13) * 5 + 0xe6546b64U;
}

static uint64_t murmur(const unsigned char *key, size_t len)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < len; i += 4) {
        hash = murmur_step(hash, (uint32_t)load(key + i, 4));
    }
    hash ^= (uint32_t)len;
    hash = (hash ^ hash >> 16) * 0x85ebca6bU;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35U;
    return hash ^ hash >> 16;
}

/* What an odd number is to be multiplied with to give 1. */
static uint32_t inverse(uint32_t odd)
{
    uint32_t x = odd;
    for (int i = 0; i < 5; i++) {
        x *= 2 - odd * x;
    }
    return x;
}

static void make_murmur(unsigned char *key, uint32_t number)
{
    enum { GOAL = 12345 };
    uint32_t before = turn((GOAL - 0xe6546b64U) * inverse(5), 32 - 13);
    uint32_t mixed = before ^ murmur_step(0, number);
    uint32_t block = turn(mixed * inverse(0x1b873593U), 32 - 15);
    block *= inverse(0xcc9e2d51U);
    memcpy(key, &number, 4);
    memcpy(key + 4, &block, 4);
}

static const unsigned char xxh_secret[32] = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81,
    0x2c, 0xf7, 0x21, 0xad, 0x1c, 0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90,
    0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f};

static uint64_t xxh_mix(const unsigned char *at, const unsigned char *secret)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)(load(at, 8) ^ load(secret, 8)) *
                   (load(at + 8, 8) ^ load(secret + 8, 8));
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Of 17 to 32 bytes. */
static uint64_t xxh3(const unsigned char *key, size_t len)
{
    uint64_t hash = len * 0x9e3779b185ebca87U;
    hash += xxh_mix(key, xxh_secret);
    hash += xxh_mix(key + len - 16, xxh_secret + 16);
    hash = (hash ^ hash >> 37) * 0x165667919e3779f9U;
    return hash ^ hash >> 32;
}

static void make_xxh3(unsigned char *key, uint32_t number)
{
    memset(key, 'x', 32);
    memcpy(key, xxh_secret, 8);
    memcpy(key + 8, &number, 4);
}

static const struct row rows[] = {
    {"djb2", djb2, make_djb2, (size_t)2 * PAIRS},
    {"FNV-1a", fnv, make_fnv, (size_t)4 * PAIRS},
    {"murmur3", murmur, make_murmur, 8},
    {"XXH3", xxh3, make_xxh3, 32},
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

/* Puts and gets all keys: the time. */
static double time_keys(unsigned char (*keys)[KEY_MAX], size_t len)
{
    static const struct slice bank = {"bench", 5};
    const struct store_options options = {0};
    struct store *store = store_create(&options);
    struct buffer got = {0};
    CHECK(store);
    uint64_t start = meter_start();
    for (int i = 0; i < COUNT; i++) {
        const struct store_value value = {.bytes = slice_of(&i, sizeof i)};
        CHECK(!store_put(store, bank, slice_of(keys[i], len), &value));
    }
    for (int i = 0; i < COUNT; i++) {
        enum value_kind kind;
        buffer_clear(&got);
        CHECK(
            !store_get(store, bank, slice_of(keys[i], len), NULL, &got, &kind));
        CHECK(slice_equal(buffer_peek(&got), slice_of(&i, sizeof i)));
    }
    double took = (double)(meter_start() - start);
    CHECK(store_usage(store).entries == COUNT);
    buffer_fini(&got);
    store_free(&store);
    return took;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool bench_row(const struct row *row, int rounds)
{
    unsigned char(*keys)[KEY_MAX] = memory_alloc_or_die(2 * COUNT * KEY_MAX);
    unsigned char(*others)[KEY_MAX] = keys + COUNT;
    uint64_t random = 1;
    double ratios[ROUNDS] = {0};
    for (uint32_t i = 0; i < COUNT; i++) {
        row->make(keys[i], i);
        CHECK(row->hash(keys[i], row->len) == row->hash(keys[0], row->len));
        for (size_t k = 0; k < row->len; k++) {
            others[i][k] = (unsigned char)rig_draw(&random, 256);
        }
    }
    for (int i = 0; i < rounds; i++) {
        double colliding = time_keys(keys, row->len);
        ratios[i] = colliding / time_keys(others, row->len);
    }
    memory_free(keys);
    qsort(ratios, (size_t)rounds, sizeof ratios[0], compare_doubles);
    char what[64];
    snprintf(what, sizeof what, "%s, time to that of random keys", row->name);
    return rig_judge(what, ratios[rounds / 2], 1.5);
}

bool bench_collisions(bool is_short)
{
    bool is_well = true;
    for (int i = 0; i < ROW_COUNT; i++) {
        is_well &= bench_row(&rows[i], is_short ? 1 : ROUNDS);
    }
    return is_well;
}
