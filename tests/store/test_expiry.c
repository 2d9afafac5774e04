#include "store/expiry.h"

#include "support/starve.h"
#include "support/test.h"

enum { TIMERS = 3000 };

static struct timer timers[TIMERS];
static struct expiry expiry;

static void open_expiry(void)
{
    memset(timers, 0, sizeof timers);
    expiry = (struct expiry){0};
}

/* Takes all timers out in turn; whether that was the order of their times. */
static bool runs_down_in_order(size_t *count)
{
    uint64_t last = 0;
    bool is_ordered = true;
    struct timer *first;
    for (*count = 0; (first = expiry_first(&expiry)); ++*count) {
        is_ordered = is_ordered && first->due >= last;
        last = first->due;
        expiry_remove(&expiry, first);
    }
    return is_ordered;
}

static void nothing_is_due_when_nothing_is_set(void)
{
    open_expiry();
    EXPECT(expiry_first(&expiry) == NULL);
    EXPECT(!timer_is_set(&timers[0]));
}

static void timers_come_in_the_order_of_their_times(void)
{
    open_expiry();
    uint64_t random = test_seed();
    for (size_t i = 0; i < TIMERS; i++) {
        uint64_t due = test_random(&random) % 1000;
        EXPECT_INT(expiry_add(&expiry, &timers[i], due), STATUS_OK);
    }
    size_t count;
    EXPECT(runs_down_in_order(&count));
    EXPECT_INT(count, TIMERS);
}

static void timers_are_moved_and_removed_from_anywhere(void)
{
    open_expiry();
    uint64_t random = test_seed();
    size_t set = 0;
    for (size_t i = 0; i < TIMERS; i++) {
        expiry_add(&expiry, &timers[i], test_random(&random) % 1000);
    }
    for (size_t i = 0; i < TIMERS; i++) {
        uint64_t choice = test_random(&random) % 3;
        if (choice == 0) {
            expiry_remove(&expiry, &timers[i]);
        }
        if (choice == 1) {
            expiry_move(&expiry, &timers[i], test_random(&random) % 1000);
        }
        EXPECT_INT(timer_is_set(&timers[i]), choice != 0);
        set += choice != 0;
    }
    size_t count;
    EXPECT(runs_down_in_order(&count));
    EXPECT_INT(count, set);
}

static void timer_removed_twice_is_removed_once(void)
{
    open_expiry();
    expiry_add(&expiry, &timers[0], 5);
    expiry_add(&expiry, &timers[1], 6);
    expiry_remove(&expiry, &timers[0]);
    expiry_remove(&expiry, &timers[0]);
    EXPECT(expiry_first(&expiry) == &timers[1]);
    cells_fini(&expiry.heap);
}

static void attempt_add(void *arg)
{
    (void)arg;
    open_expiry();
    enum status status = expiry_add(&expiry, &timers[0], 5);
    EXPECT_INT(status, starve_has_struck() ? STATUS_NOMEM : STATUS_OK);
    EXPECT_INT(timer_is_set(&timers[0]), status == STATUS_OK);
    cells_fini(&expiry.heap);
}

static void timer_without_memory_is_not_set(void)
{
    EXPECT(starve(attempt_add, NULL) > 1);
}

static const struct test_case cases[] = {
    TEST(nothing_is_due_when_nothing_is_set),
    TEST(timers_come_in_the_order_of_their_times),
    TEST(timers_are_moved_and_removed_from_anywhere),
    TEST(timer_removed_twice_is_removed_once),
    TEST(timer_without_memory_is_not_set),
};

SUITE(store_expiry, cases);
