#include "store/ghost.h"

#include "support/starve.h"
#include "support/test.h"

enum { LINE_KEYS = 30, LINE_KEYS_ASKED = 27, LINE_LEN = 64 };

enum { KEYS = 27 * 1000 };

/* The hash of key `number` of the row that `seed` begins. */
static uint64_t hash_of(uint64_t seed, uint64_t number)
{
    uint64_t state = seed + number * 0x9e3779b97f4a7c15u;
    return test_random(&state);
}

static void add_row(struct ghost *ghost, uint64_t seed, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        ghost_add(ghost, hash_of(seed, i));
    }
}

/* Takes them, newest first; how many were remembered. */
static int64_t take_row(struct ghost *ghost, uint64_t seed, size_t from,
                        size_t to)
{
    int64_t count = 0;
    for (size_t i = to; i > from; i--) {
        count += ghost_take(ghost, hash_of(seed, i - 1));
    }
    return count;
}

static void one_of_zeroes_remembers_nothing(void)
{
    struct ghost ghost = {0};
    ghost_add(&ghost, 1);
    EXPECT(!ghost_take(&ghost, 1));
    EXPECT_INT(ghost_used(&ghost), 0);
    EXPECT_INT(ghost_resize(&ghost, 0), STATUS_OK);
    EXPECT_INT(ghost_used(&ghost), 0);
    ghost_fini(&ghost);
}

static void what_is_taken_is_forgotten(void)
{
    struct ghost ghost = {0};
    EXPECT_INT(ghost_resize(&ghost, KEYS), STATUS_OK);
    ghost_add(&ghost, 0); /* Its fingerprint must not be an empty place. */
    EXPECT(!ghost_take(&ghost, 5));
    EXPECT(ghost_take(&ghost, 0));
    EXPECT(!ghost_take(&ghost, 0));
    ghost_fini(&ghost);
    EXPECT_INT(ghost_used(&ghost), 0);
}

static void the_oldest_of_a_line_is_forgotten_first(void)
{
    struct ghost ghost = {0};
    EXPECT_INT(ghost_resize(&ghost, 1), STATUS_OK); /* one line */
    for (uint64_t i = 1; i <= LINE_KEYS + 2; i++) {
        ghost_add(&ghost, i);
    }
    EXPECT(!ghost_take(&ghost, 1));
    EXPECT(!ghost_take(&ghost, 2));
    for (uint64_t i = 3; i <= LINE_KEYS + 2; i++) {
        EXPECT(ghost_take(&ghost, i));
    }
    ghost_fini(&ghost);
}

static void the_place_of_what_was_taken_is_used_again(void)
{
    struct ghost ghost = {0};
    EXPECT_INT(ghost_resize(&ghost, 1), STATUS_OK);
    for (uint64_t i = 1; i <= LINE_KEYS; i++) {
        ghost_add(&ghost, i);
    }
    EXPECT(ghost_take(&ghost, 10));
    EXPECT(ghost_take(&ghost, LINE_KEYS));
    ghost_add(&ghost, 100);
    ghost_add(&ghost, 101);
    EXPECT(ghost_take(&ghost, 1));
    EXPECT(ghost_take(&ghost, 100));
    ghost_add(&ghost, 102);
    ghost_add(&ghost, 103);
    EXPECT(ghost_take(&ghost, 2));
    ghost_add(&ghost, 104);
    ghost_add(&ghost, 105); /* This one is too many. */
    EXPECT(!ghost_take(&ghost, 3));
    EXPECT(ghost_take(&ghost, 4));
    EXPECT(ghost_take(&ghost, 101));
    ghost_fini(&ghost);
}

static void the_last_keys_are_remembered(void)
{
    struct ghost ghost = {0};
    uint64_t seed = test_seed();
    EXPECT_INT(ghost_resize(&ghost, KEYS), STATUS_OK);
    EXPECT(ghost_used(&ghost) <= (KEYS / LINE_KEYS_ASKED + 1) * LINE_LEN);
    add_row(&ghost, seed, 0, 4 * KEYS);
    int64_t known = take_row(&ghost, seed, 3 * KEYS, 4 * KEYS);
    EXPECT(known * 1000 >= KEYS * INT64_C(955));
    EXPECT(known * 1000 <= KEYS * INT64_C(978)); /* Nothing costs nothing. */
    ghost_fini(&ghost);
}

static void strangers_are_known_less_than_once_in_a_thousand(void)
{
    enum { STRANGERS = 1000 * 1000 };
    struct ghost ghost = {0};
    uint64_t seed = test_seed();
    EXPECT_INT(ghost_resize(&ghost, KEYS), STATUS_OK);
    add_row(&ghost, seed, 0, 4 * KEYS);
    int64_t known = 0;
    for (size_t i = 0; i < STRANGERS; i++) {
        uint64_t hash = hash_of(~seed, i);
        if (ghost_take(&ghost, hash)) {
            known++;
            ghost_add(&ghost, hash); /* It stays full. */
        }
    }
    EXPECT(known < STRANGERS / 10000 * 6);
    EXPECT(known > STRANGERS / 5000); /* They are 16 bits. */
    ghost_fini(&ghost);
}

/* How many in 1000 of the keys that were known before a resize from `before`
 * keys to `after` are known afterwards. */
static int64_t kept_by_resize(size_t before, size_t after)
{
    uint64_t seed = test_seed();
    int64_t known[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        struct ghost ghost = {0};
        EXPECT_INT(ghost_resize(&ghost, before), STATUS_OK);
        add_row(&ghost, seed, 0, 3 * before);
        if (i == 1) {
            EXPECT_INT(ghost_resize(&ghost, after), STATUS_OK);
        }
        known[i] = take_row(&ghost, seed, 2 * before, 3 * before);
        ghost_fini(&ghost);
    }
    return known[1] * 1000 / known[0];
}

static void all_is_kept_when_the_room_multiplies(void)
{
    EXPECT_INT(kept_by_resize(KEYS, 2 * KEYS), 1000);
    EXPECT_INT(kept_by_resize(KEYS, 5 * KEYS), 1000);
}

static void most_is_kept_when_the_room_grows(void)
{
    EXPECT(kept_by_resize(KEYS, KEYS / 6 * 7) >= 650);
    EXPECT(kept_by_resize(KEYS, KEYS / 2 * 3) >= 780);
    EXPECT(kept_by_resize(KEYS, KEYS / 2 * 5) >= 850);
}

static void what_there_is_room_for_is_kept_when_it_shrinks(void)
{
    EXPECT(kept_by_resize(KEYS, KEYS / 5 * 4) >= 560);
    EXPECT(kept_by_resize(KEYS, KEYS / 2) >= 480);
    EXPECT(kept_by_resize(KEYS, KEYS / 50) >= 15);
}

static void the_newer_are_kept_rather(void)
{
    struct ghost ghost = {0};
    uint64_t seed = test_seed();
    EXPECT_INT(ghost_resize(&ghost, KEYS), STATUS_OK);
    add_row(&ghost, seed, 0, 3 * KEYS);
    EXPECT_INT(ghost_resize(&ghost, KEYS / 2), STATUS_OK);
    int64_t newer = take_row(&ghost, seed, 3 * KEYS - KEYS / 3, 3 * KEYS);
    int64_t older = take_row(&ghost, seed, 2 * KEYS, 2 * KEYS + KEYS / 3);
    EXPECT(newer >= KEYS / 3 * 9 / 10);
    EXPECT(older <= KEYS / 3 / 10);
    ghost_fini(&ghost);
}

/* Their order too: what was older is pushed out earlier. */
static void what_a_resize_keeps_ages_on(void)
{
    struct ghost ghost = {0};
    uint64_t seed = test_seed();
    EXPECT_INT(ghost_resize(&ghost, KEYS), STATUS_OK);
    add_row(&ghost, seed, 0, 3 * KEYS);
    EXPECT_INT(ghost_resize(&ghost, KEYS / 2 * 3), STATUS_OK);
    add_row(&ghost, seed, 3 * KEYS, 3 * KEYS + KEYS / 2);
    int64_t newer = take_row(&ghost, seed, 3 * KEYS - KEYS / 4, 3 * KEYS);
    int64_t older = take_row(&ghost, seed, 2 * KEYS, 2 * KEYS + KEYS / 4);
    EXPECT(newer >= KEYS / 4 * 97 / 100);
    EXPECT(older <= KEYS / 4 * 60 / 100);
    ghost_fini(&ghost);
}

static void a_young_ghost_grows_without_loss(void)
{
    struct ghost ghost = {0};
    uint64_t seed = test_seed();
    size_t added = 0;
    for (size_t keys = KEYS; keys < 3 * KEYS; keys += keys / 6) {
        EXPECT_INT(ghost_resize(&ghost, keys), STATUS_OK);
        add_row(&ghost, seed, added, added + KEYS / 100);
        added += KEYS / 100;
    }
    EXPECT(take_row(&ghost, seed, 0, added) >= (int64_t)added * 99 / 100);
    ghost_fini(&ghost);
}

static void a_resize_comes_to_its_end_by_and_by(void)
{
    struct ghost ghost = {0};
    uint64_t seed = test_seed();
    EXPECT_INT(ghost_resize(&ghost, 4 * KEYS), STATUS_OK);
    add_row(&ghost, seed, 0, 4 * KEYS);
    size_t before = ghost_used(&ghost);
    EXPECT_INT(ghost_resize(&ghost, 8 * KEYS), STATUS_OK);
    size_t both = ghost_used(&ghost);
    EXPECT(both > 2 * before);
    EXPECT_INT(ghost_resize(&ghost, KEYS), STATUS_OK); /* Not now. */
    EXPECT_INT(ghost_used(&ghost), both);
    take_row(&ghost, ~seed, 0, 4 * KEYS / LINE_KEYS_ASKED / 2);
    EXPECT(ghost_used(&ghost) < both - before / 5);
    EXPECT(ghost_used(&ghost) > both - before / 2);
    take_row(&ghost, ~seed, 0, 8 * KEYS / LINE_KEYS_ASKED);
    EXPECT_INT(ghost_used(&ghost), both - before);
    EXPECT_INT(ghost_resize(&ghost, KEYS), STATUS_OK);
    EXPECT(ghost_used(&ghost) > both - before);
    ghost_fini(&ghost);
}

static void small_changes_of_size_are_left_alone(void)
{
    struct ghost ghost = {0};
    EXPECT_INT(ghost_resize(&ghost, KEYS), STATUS_OK);
    const unsigned char *block = ghost.lines.block;
    EXPECT_INT(ghost_resize(&ghost, KEYS / 10 * 11), STATUS_OK);
    EXPECT_INT(ghost_resize(&ghost, KEYS / 10 * 9), STATUS_OK);
    EXPECT(ghost.lines.block == block);
    size_t used = ghost_used(&ghost);
    EXPECT_INT(ghost_resize(&ghost, KEYS / 10 * 12), STATUS_OK);
    EXPECT(ghost.lines.block != block);
    EXPECT(ghost_used(&ghost) > used);
    EXPECT_INT(ghost_resize(&ghost, 0), STATUS_OK);
    EXPECT_INT(ghost_used(&ghost), 0);
}

static void attempt_to_grow(void *arg)
{
    (void)arg;
    struct ghost ghost = {0};
    if (ghost_resize(&ghost, KEYS * 2)) {
        EXPECT(starve_has_struck());
        EXPECT_INT(ghost_resize(&ghost, KEYS * 2), STATUS_OK);
    }
    add_row(&ghost, 1, 0, KEYS);
    size_t used = ghost_used(&ghost);
    if (ghost_resize(&ghost, KEYS * 4)) {
        EXPECT(starve_has_struck());
        EXPECT_INT(ghost_used(&ghost), used);
    }
    /* On the way memory is given back, which may fail too. */
    EXPECT(take_row(&ghost, 1, 0, KEYS) > KEYS / 100 * 99);
    EXPECT(ghost_used(&ghost) <= used * 2);
    ghost_fini(&ghost);
}

static void without_memory_nothing_is_forgotten(void)
{
    EXPECT_INT(starve(attempt_to_grow, NULL), 4);
}

static const struct test_case cases[] = {
    TEST(one_of_zeroes_remembers_nothing),
    TEST(what_is_taken_is_forgotten),
    TEST(the_oldest_of_a_line_is_forgotten_first),
    TEST(the_place_of_what_was_taken_is_used_again),
    TEST(the_last_keys_are_remembered),
    TEST(strangers_are_known_less_than_once_in_a_thousand),
    TEST(all_is_kept_when_the_room_multiplies),
    TEST(most_is_kept_when_the_room_grows),
    TEST(what_there_is_room_for_is_kept_when_it_shrinks),
    TEST(the_newer_are_kept_rather),
    TEST(what_a_resize_keeps_ages_on),
    TEST(a_young_ghost_grows_without_loss),
    TEST(a_resize_comes_to_its_end_by_and_by),
    TEST(small_changes_of_size_are_left_alone),
    TEST(without_memory_nothing_is_forgotten),
};

SUITE(store_ghost, cases);
