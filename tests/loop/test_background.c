#include "loop/background.h"

#include "support/test.h"

#include <pthread.h>

struct work {
    pthread_mutex_t lock;
    pthread_cond_t is_done;
    int pieces;
    int calls;
};

static bool do_piece(void *arg)
{
    struct work *work = arg;
    pthread_mutex_lock(&work->lock);
    work->calls++;
    work->pieces -= work->pieces > 0;
    bool has_more = work->pieces > 0;
    pthread_cond_signal(&work->is_done);
    pthread_mutex_unlock(&work->lock);
    return has_more;
}

static void wait_for_calls(struct work *work, int calls)
{
    pthread_mutex_lock(&work->lock);
    while (work->calls < calls) {
        pthread_cond_wait(&work->is_done, &work->lock);
    }
    pthread_mutex_unlock(&work->lock);
}

static void background_works_off_what_waits_and_looks_again(void)
{
    struct work work = {.lock = PTHREAD_MUTEX_INITIALIZER,
                        .is_done = PTHREAD_COND_INITIALIZER,
                        .pieces = 1000};
    struct background *background = background_start(do_piece, &work);
    REQUIRE(background != NULL);
    wait_for_calls(&work, 1000);
    wait_for_calls(&work, 1002);
    background_stop(&background);
    EXPECT(background == NULL);
    EXPECT_INT(work.pieces, 0);
    background_stop(&background);
}

static const struct test_case cases[] = {
    TEST(background_works_off_what_waits_and_looks_again),
};

SUITE(loop_background, cases);
