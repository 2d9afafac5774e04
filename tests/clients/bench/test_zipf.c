#include "clients/bench/zipf.h"

#include "base/memory.h"
#include "support/test.h"

#include <math.h>
#include <stdio.h>

enum { RANKS = 50, DRAWS = 500000 };

/* Exact probabilities of `count` ranks. */
static void compute_exact(double exponent, unsigned count, double *exact)
{
    double sum = 0;
    for (unsigned i = count; i-- > 0;) {
        exact[i] = pow(i + 1, -exponent);
        sum += exact[i];
    }
    for (unsigned i = 0; i < count; i++) {
        exact[i] /= sum;
    }
}

/* Pearson's chi-square of draws against the exact probabilities; ranks too
 * rare for it count together. */
static double chi_square(double exponent, unsigned *degrees)
{
    struct zipf zipf;
    struct random random;
    double exact[RANKS];
    unsigned drawn[RANKS] = {0};
    zipf_init(&zipf, RANKS, exponent);
    random_init(&random, 7, (uint64_t)(exponent * 1000));
    compute_exact(exponent, RANKS, exact);
    for (int i = 0; i < DRAWS; i++) {
        uint64_t rank = zipf_next(&zipf, &random);
        drawn[rank < RANKS ? rank : 0]++;
    }
    double sum = 0;
    double got = 0;
    double wanted = 0;
    *degrees = 0;
    for (unsigned i = 0; i < RANKS; i++) {
        got += drawn[i];
        wanted += exact[i] * DRAWS;
        if (wanted >= 10 || i == RANKS - 1) {
            sum += (got - wanted) * (got - wanted) / fmax(wanted, 1);
            got = wanted = 0;
            (*degrees)++;
        }
    }
    return sum;
}

static void zipf_draws_by_the_exact_probabilities(void)
{
    static const double exponents[] = {0,   0.2, 0.7, 0.99, 0.9999999999,
                                       1.0, 1.2, 2.0, 3.5,  10};
    for (size_t i = 0; i < sizeof exponents / sizeof exponents[0]; i++) {
        unsigned degrees;
        double sum = chi_square(exponents[i], &degrees);
        /* Four standard deviations above the mean. */
        double most = degrees + 4 * sqrt(2.0 * degrees);
        if (!EXPECT(sum < most)) {
            fprintf(stderr, "  exponent %g: %g, at most %g\n", exponents[i],
                    sum, most);
        }
    }
}

/* How often the first `hot` of `count` ranks come, against what is exact. */
static void expect_share(uint64_t count, uint64_t hot, double exponent)
{
    struct zipf zipf;
    struct random random;
    double part = 0;
    double whole = 0;
    unsigned drawn = 0;
    for (uint64_t i = count; i-- > 0;) {
        double weight = pow((double)(i + 1), -exponent);
        whole += weight;
        part += i < hot ? weight : 0;
    }
    zipf_init(&zipf, count, exponent);
    random_init(&random, 11, hot);
    for (int i = 0; i < DRAWS; i++) {
        uint64_t rank = zipf_next(&zipf, &random);
        EXPECT(rank < count);
        drawn += rank < hot;
    }
    double share = part / whole;
    double deviation = sqrt(share * (1 - share) / DRAWS);
    EXPECT(fabs((double)drawn / DRAWS - share) < 4 * deviation);
}

static void zipf_has_the_right_head_and_tail_with_many_ranks(void)
{
    expect_share(1000000, 1, 0.99);
    expect_share(1000000, 100, 0.99);
    expect_share(1000000, 500000, 0.99);
    expect_share(1000000, 1000, 1.0);
    expect_share(1000000, 100000, 0.5);
    expect_share(1000000, 500000, 0);
}

static void zipf_of_one_rank_draws_it(void)
{
    struct zipf zipf;
    struct random random;
    random_init(&random, 1, 1);
    for (double exponent = 0; exponent < 2; exponent += 0.25) {
        zipf_init(&zipf, 1, exponent);
        for (int i = 0; i < 100; i++) {
            EXPECT_INT(zipf_next(&zipf, &random), 0);
        }
    }
}

static void zipf_is_decided_by_the_seed(void)
{
    struct zipf zipf;
    struct random a;
    struct random b;
    struct random other;
    unsigned same = 0;
    zipf_init(&zipf, 1000000, 0.5);
    random_init(&a, 3, 0);
    random_init(&b, 3, 0);
    random_init(&other, 3, 1);
    for (int i = 0; i < 1000; i++) {
        uint64_t rank = zipf_next(&zipf, &a);
        EXPECT(rank == zipf_next(&zipf, &b));
        same += rank == zipf_next(&zipf, &other);
    }
    EXPECT(same < 20);
}

/* Of xoshiro256** as its authors publish it, from the state 1, 2, 3, 4. */
static void random_is_xoshiro256_starstar(void)
{
    struct random random = {{1, 2, 3, 4}};
    static const uint64_t golden[] = {11520, 0, 1509978240,
                                      1215971899390074240};
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        EXPECT(random_next(&random) == golden[i]);
    }
}

static void random_scales_evenly_to_all_there_is(void)
{
    EXPECT_INT(random_scale(0, 7), 0);
    EXPECT_INT(random_scale(UINT64_MAX, 7), 6);
    EXPECT_INT(random_scale((uint64_t)1 << 63, 10), 5);
}

static const struct test_case cases[] = {
    TEST(zipf_draws_by_the_exact_probabilities),
    TEST(zipf_has_the_right_head_and_tail_with_many_ranks),
    TEST(zipf_of_one_rank_draws_it),
    TEST(zipf_is_decided_by_the_seed),
    TEST(random_is_xoshiro256_starstar),
    TEST(random_scales_evenly_to_all_there_is),
};

SUITE(bench_zipf, cases);
