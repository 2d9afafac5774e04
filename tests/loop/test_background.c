#include "loop/background.h"

#include "base/clock.h"
#include "support/test.h"

#include <pthread.h>

struct work {
    pthread_mutex_t lock;
    pthread_cond_t is_done;
    int pieces;
    int calls;
    enum background_rest wanted; /* between pieces */
};

static enum background_rest do_piece(void *arg)
{
    struct work *work = arg;
    pthread_mutex_lock(&work->lock);
    work->calls++;
    work->pieces -= work->pieces > 0;
    bool has_more = work->pieces > 0;
    pthread_cond_signal(&work->is_done);
    pthread_mutex_unlock(&work->lock);
    return has_more ? work->wanted : BACKGROUND_INTERVAL;
}

static void wait_for_calls(struct work *work, int calls)
{
    pthread_mutex_lock(&work->lock);
    while (work->calls < calls) {
        pthread_cond_wait(&work->is_done, &work->lock);
    }
    pthread_mutex_unlock(&work->lock);
}

static void work_off(enum background_rest wanted)
{
    struct work work = {.lock = PTHREAD_MUTEX_INITIALIZER,
                        .is_done = PTHREAD_COND_INITIALIZER,
                        .pieces = 1000,
                        .wanted = wanted};
    struct background *background = background_start(do_piece, &work);
    REQUIRE(background != NULL);
    wait_for_calls(&work, 1000);
    wait_for_calls(&work, 1002);
    background_stop(&background);
    EXPECT(background == NULL);
    EXPECT_INT(work.pieces, 0);
    background_stop(&background);
}

static void background_works_off_what_waits_and_looks_again(void)
{
    work_off(BACKGROUND_SOON);
    work_off(BACKGROUND_AT_ONCE);
}

/* Takes a while, with more to come. */
static enum background_rest take_long(void *arg)
{
    struct work *work = arg;
    uint64_t end_ms = clock_now_ms() + 30;
    while (clock_now_ms() < end_ms) {
    }
    return do_piece(work);
}

/* Other threads could have used the processor for most of the time. */
static void background_rests_between_pieces_that_can_wait(void)
{
    struct work work = {.lock = PTHREAD_MUTEX_INITIALIZER,
                        .is_done = PTHREAD_COND_INITIALIZER,
                        .pieces = 4,
                        .wanted = BACKGROUND_SOON};
    uint64_t begun_ms = clock_now_ms();
    struct background *background = background_start(take_long, &work);
    REQUIRE(background != NULL);
    wait_for_calls(&work, 4);
    EXPECT(clock_now_ms() - begun_ms >= 4 * 30 + 3 * 10);
    background_stop(&background);
}

static const struct test_case cases[] = {
    TEST(background_works_off_what_waits_and_looks_again),
    TEST(background_rests_between_pieces_that_can_wait),
};

SUITE(loop_background, cases);
