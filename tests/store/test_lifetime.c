#include "store/lifetime.h"

#include "support/test.h"

static uint64_t kept(uint64_t ms)
{
    return life_ms(life_of_ms(ms, 1));
}

static void short_lifetimes_are_kept_exactly(void)
{
    for (uint64_t ms = 1; ms < UINT64_C(1) << LIFE_DIGIT_BITS; ms++) {
        if (kept(ms) != ms) {
            EXPECT_INT(kept(ms), ms);
            return;
        }
    }
}

static void expect_rounded_up(uint64_t ms)
{
    EXPECT(kept(ms) >= ms);
    EXPECT(kept(ms) - ms <= ms >> (LIFE_DIGIT_BITS - 1));
    EXPECT_INT(kept(kept(ms)), kept(ms));
}

static void long_lifetimes_are_rounded_up_a_little(void)
{
    uint64_t random = test_seed();
    for (unsigned shift = LIFE_DIGIT_BITS; shift < 39; shift++) {
        expect_rounded_up(UINT64_C(1) << shift);
        expect_rounded_up((UINT64_C(1) << shift) + 1);
        expect_rounded_up((UINT64_C(1) << shift) - 1);
        for (int i = 0; i < 100; i++) {
            expect_rounded_up(
                (UINT64_C(1) << shift) +
                (test_random(&random) & ((UINT64_C(1) << shift) - 1)));
        }
    }
}

static void longest_lifetime_does_not_become_for_ever(void)
{
    EXPECT_INT(kept(LIFETIME_MS_MAX - 1), LIFETIME_MS_MAX - 1);
    uint64_t life =
        life_of((struct lifetime){LIFETIME_NEW, LIFETIME_MS_MAX - 1}, 1000);
    EXPECT(life_end(life) != LIFE_FOREVER);
    EXPECT_INT(life_end(life), LIFETIME_MS_MAX + 999);
}

static void life_ends_to_the_millisecond_whatever_was_rounded(void)
{
    const uint64_t ms = (UINT64_C(1) << 30) + 1;
    uint64_t life = life_of((struct lifetime){LIFETIME_NEW, ms}, 77);
    EXPECT_INT(life_end(life), 77 + ms);
    EXPECT(!life_is_over(life, 76 + ms));
    EXPECT(life_is_over(life, 77 + ms));
}

static void life_for_ever_is_never_over(void)
{
    const struct lifetime lifetimes[] = {
        {LIFETIME_FOREVER, 0},
        {LIFETIME_NEW, LIFETIME_MS_MAX},
        {LIFETIME_NEW, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof lifetimes / sizeof lifetimes[0]; i++) {
        uint64_t life = life_of(lifetimes[i], 5);
        EXPECT_INT(life, LIFE_FOREVER);
        EXPECT(!life_is_over(life, LIFE_FOREVER));
        EXPECT(!life_is_over(life, UINT64_MAX));
    }
}

static void life_that_ends_beyond_what_can_be_kept_is_for_ever(void)
{
    uint64_t life = life_of_ms(1000, LIFE_FOREVER - 1);
    EXPECT_INT(life_end(life), LIFE_FOREVER);
    EXPECT(!life_is_over(life, UINT64_MAX));
}

static const struct test_case cases[] = {
    TEST(short_lifetimes_are_kept_exactly),
    TEST(long_lifetimes_are_rounded_up_a_little),
    TEST(longest_lifetime_does_not_become_for_ever),
    TEST(life_ends_to_the_millisecond_whatever_was_rounded),
    TEST(life_for_ever_is_never_over),
    TEST(life_that_ends_beyond_what_can_be_kept_is_for_ever),
};

SUITE(store_lifetime, cases);
