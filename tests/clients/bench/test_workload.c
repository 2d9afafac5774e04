#include "clients/bench/workload.h"

#include "base/memory.h"
#include "support/test.h"

#include <math.h>
#include <stdio.h>

static struct workload_options usual(uint64_t keys)
{
    struct workload_options options = {
        .keys = keys,
        .key_len = 16,
        .prefix = "key:",
        .sizes = {.min = 32, .max = 32},
        .exponent = 0.99,
        .gets = 90,
        .seed = 1,
    };
    return options;
}

/* --- sizes ---------------------------------------------------------------- */

static bool parses(struct sizes *sizes, const char *text)
{
    return sizes_parse(sizes, slice_of_string(text));
}

static void sizes_are_one_a_range_or_a_list(void)
{
    struct sizes sizes;
    REQUIRE(parses(&sizes, "32"));
    EXPECT_INT(sizes.min, 32);
    EXPECT_INT(sizes.max, 32);
    EXPECT_INT(sizes_pick(&sizes, UINT64_MAX), 32);
    REQUIRE(parses(&sizes, "8-1K"));
    EXPECT_INT(sizes_pick(&sizes, 0), 8);
    EXPECT_INT(sizes_pick(&sizes, UINT64_MAX), 1024);
    REQUIRE(parses(&sizes, "100:1,10:8,1K:1"));
    EXPECT_INT(sizes.min, 10);
    EXPECT_INT(sizes.max, 1024);
    EXPECT(sizes_mean(&sizes) == (100 + 80 + 1024) / 10.0);
    REQUIRE(parses(&sizes, "0"));
    EXPECT_INT(sizes.max, 0);
}

static void sizes_refuse_what_is_none(void)
{
    static const char *const bad[] = {
        "",       "x",
        "-",      "8-",
        "-8",     "9-8",
        "8-9-10", ":",
        "8:",     ":8",
        "8:0",    "8,",
        ",8",     "8,,9",
        "8:x",    "8:1:2",
        "65M",    "8-65M",
        "8 ",     "8.5",
        "8:-1",   "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
    };
    struct sizes sizes;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (!EXPECT(!parses(&sizes, bad[i]))) {
            fprintf(stderr, "  \"%s\" was taken\n", bad[i]);
        }
    }
}

static void sizes_come_as_often_as_they_weigh(void)
{
    struct sizes sizes;
    struct random random;
    unsigned small = 0;
    double sum = 0;
    enum { COUNT = 100000 };
    random_init(&random, 5, 5);
    REQUIRE(parses(&sizes, "32:80,1024:20"));
    for (int i = 0; i < COUNT; i++) {
        small += sizes_pick(&sizes, random_next(&random)) == 32;
    }
    EXPECT(fabs(small / (double)COUNT - 0.8) < 0.01);
    REQUIRE(parses(&sizes, "100-300"));
    EXPECT(sizes_mean(&sizes) == 200);
    for (int i = 0; i < COUNT; i++) {
        sum += (double)sizes_pick(&sizes, random_next(&random));
    }
    EXPECT(fabs(sum / COUNT - 200) < 1);
}

/* --- keys ----------------------------------------------------------------- */

static void workload_spells_keys_with_leading_zeroes(void)
{
    struct workload workload;
    struct workload_options options = usual(1000000);
    char key[16];
    workload_init(&workload, &options);
    workload_put_key(&workload, 0, key);
    EXPECT_TEXT(slice_of(key, sizeof key), "key:000000000000");
    workload_put_key(&workload, 7, key);
    EXPECT_TEXT(slice_of(key, sizeof key), "key:000000000007");
    workload_put_key(&workload, 40, key);
    EXPECT_TEXT(slice_of(key, sizeof key), "key:000000000040");
    workload_put_key(&workload, 123456, key);
    EXPECT_TEXT(slice_of(key, sizeof key), "key:000000123456");
    workload_fini(&workload);
}

static void workload_knows_how_many_digits_keys_need(void)
{
    EXPECT_INT(workload_digits(1), 1);
    EXPECT_INT(workload_digits(10), 1);
    EXPECT_INT(workload_digits(11), 2);
    EXPECT_INT(workload_digits(100), 2);
    EXPECT_INT(workload_digits(1000001), 7);
}

static void expect_a_permutation(uint64_t count)
{
    struct workload workload;
    struct workload_options options = usual(count);
    bool *seen = memory_alloc_or_die(count);
    workload_init(&workload, &options);
    for (uint64_t rank = 0; rank < count; rank++) {
        uint64_t key = workload_scatter(&workload, rank);
        REQUIRE(key < count);
        REQUIRE(!seen[key]);
        seen[key] = true;
    }
    workload_fini(&workload);
    memory_free(seen);
}

static void workload_gives_each_rank_a_key_of_its_own(void)
{
    static const uint64_t counts[] = {1, 2, 3, 5, 64, 1000, 65537};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        expect_a_permutation(counts[i]);
    }
}

static void workload_scatters_hot_keys(void)
{
    struct workload workload;
    struct workload_options options = usual(1000000);
    unsigned in_upper_half = 0;
    unsigned neighbours = 0;
    workload_init(&workload, &options);
    uint64_t last = workload_scatter(&workload, 0);
    for (uint64_t rank = 1; rank <= 1000; rank++) {
        uint64_t key = workload_scatter(&workload, rank);
        uint64_t distance = key > last ? key - last : last - key;
        in_upper_half += key >= 500000;
        neighbours += distance < 1000;
        last = key;
    }
    EXPECT(in_upper_half > 400 && in_upper_half < 600);
    EXPECT(neighbours < 20);
    workload_fini(&workload);
}

/* --- values --------------------------------------------------------------- */

static void expect_value_to_be_told(const struct workload *workload,
                                    uint64_t key)
{
    char value[200];
    size_t len = workload_value_len(workload, key);
    REQUIRE(len <= sizeof value);
    struct slice bytes = slice_of(value, len);
    workload_put_value(workload, key, value);
    REQUIRE(workload_is_value(workload, key, bytes));
    for (size_t i = 0; i < len; i++) {
        value[i] ^= 1;
        REQUIRE(!workload_is_value(workload, key, bytes));
        value[i] ^= 1;
    }
    bytes.len -= len > 0;
    REQUIRE(len == 0 || !workload_is_value(workload, key, bytes));
}

static void workload_tells_right_values_from_wrong_ones(void)
{
    struct workload workload;
    struct workload_options options = usual(1000);
    REQUIRE(parses(&options.sizes, "0-200"));
    workload_init(&workload, &options);
    for (uint64_t key = 0; key < 1000; key++) {
        expect_value_to_be_told(&workload, key);
    }
    workload_fini(&workload);
}

static void workload_gives_keys_different_values(void)
{
    struct workload workload;
    struct workload other;
    struct workload_options options = usual(1000);
    char value[32];
    workload_init(&workload, &options);
    options.seed = 2;
    workload_init(&other, &options);
    for (uint64_t key = 0; key < 1000; key++) {
        struct slice bytes = slice_of(value, sizeof value);
        workload_put_value(&workload, key, value);
        REQUIRE(!workload_is_value(&workload, (key + 1) % 1000, bytes));
        REQUIRE(!workload_is_value(&other, key, bytes));
    }
    workload_fini(&workload);
    workload_fini(&other);
}

static void workload_writes_values_that_need_no_escape(void)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz-_0123456789"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    struct workload workload;
    struct workload_options options = usual(100);
    char value[33] = {0};
    workload_init(&workload, &options);
    for (uint64_t key = 0; key < 100; key++) {
        workload_put_value(&workload, key, value);
        EXPECT_INT(strspn(value, plain), 32);
    }
    workload_fini(&workload);
}

static void workload_mixes_gets_and_sets(void)
{
    static const double percents[] = {0, 50, 90, 100};
    enum { COUNT = 100000 };
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        struct workload workload;
        struct workload_options options = usual(1000);
        struct random random;
        unsigned gets = 0;
        options.gets = percents[i];
        workload_init(&workload, &options);
        random_init(&random, 9, i);
        for (int n = 0; n < COUNT; n++) {
            gets += workload_next(&workload, &random).is_get;
        }
        EXPECT(fabs(100.0 * gets / COUNT - percents[i]) < 0.7);
        EXPECT(percents[i] > 0 || gets == 0);
        EXPECT(percents[i] < 100 || gets == COUNT);
        workload_fini(&workload);
    }
}

static const struct test_case cases[] = {
    TEST(sizes_are_one_a_range_or_a_list),
    TEST(sizes_refuse_what_is_none),
    TEST(sizes_come_as_often_as_they_weigh),
    TEST(workload_spells_keys_with_leading_zeroes),
    TEST(workload_knows_how_many_digits_keys_need),
    TEST(workload_gives_each_rank_a_key_of_its_own),
    TEST(workload_scatters_hot_keys),
    TEST(workload_tells_right_values_from_wrong_ones),
    TEST(workload_gives_keys_different_values),
    TEST(workload_writes_values_that_need_no_escape),
    TEST(workload_mixes_gets_and_sets),
};

SUITE(bench_workload, cases);
