#include "loop/background.h"

#include "base/memory.h"

#include <pthread.h>
#include <time.h>

struct background {
    pthread_t thread;
    pthread_mutex_t lock; /* guards `is_stopping`; a leaf lock */
    pthread_cond_t wake;
    bool is_stopping;
    background_work_fn work;
    void *arg;
};

static struct timespec one_interval_from_now(void)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += BACKGROUND_INTERVAL_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    return until;
}

/* Waits an interval, or not at all; answers whether the thread goes on. */
static bool rest(struct background *background, bool has_more)
{
    pthread_mutex_lock(&background->lock);
    if (!has_more && !background->is_stopping) {
        struct timespec until = one_interval_from_now();
        pthread_cond_timedwait(&background->wake, &background->lock, &until);
    }
    bool goes_on = !background->is_stopping;
    pthread_mutex_unlock(&background->lock);
    return goes_on;
}

static void *run(void *arg)
{
    struct background *background = arg;
    bool has_more = false;
    while (rest(background, has_more)) {
        has_more = background->work(background->arg);
    }
    return NULL;
}

static void init_wake(pthread_cond_t *wake)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(wake, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void free_all(struct background *background)
{
    pthread_cond_destroy(&background->wake);
    pthread_mutex_destroy(&background->lock);
    memory_free(background);
}

struct background *background_start(background_work_fn work, void *arg)
{
    struct background *background = memory_alloc_zero(sizeof *background);
    if (!background) {
        return NULL;
    }
    background->work = work;
    background->arg = arg;
    pthread_mutex_init(&background->lock, NULL);
    init_wake(&background->wake);
    if (pthread_create(&background->thread, NULL, run, background)) {
        free_all(background);
        return NULL;
    }
    return background;
}

void background_stop(struct background **background)
{
    struct background *stopped = *background;
    if (!stopped) {
        return;
    }
    pthread_mutex_lock(&stopped->lock);
    stopped->is_stopping = true;
    pthread_cond_signal(&stopped->wake);
    pthread_mutex_unlock(&stopped->lock);
    pthread_join(stopped->thread, NULL);
    free_all(stopped);
    *background = NULL;
}
