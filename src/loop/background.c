#include "loop/background.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    NICENESS = 10, /* so that it gets a tenth of what another gets */
    SLOW_RESTS = 3 /* for each time that a piece took, in ... */
};

#define SECOND_NS ((uint64_t)1000 * 1000 * 1000)
#define SLOW_NS   SECOND_NS       /* ... the first so long */
#define STEADY_NS (3 * SECOND_NS) /* and then one, until here */

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

/* Where processors are short, what clients wait for comes first. On Linux a
 * thread has a niceness of its own; elsewhere all go on alike. */
static void give_way(void)
{
#ifdef __linux__
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
#endif
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* So long, beside the time that a piece took, the thread rests after it:
 * there is time, and a scheduler is slow to give a processor that is in use
 * to somebody else. Work that does not come to an end so is done at once. */
static uint64_t rests_a_piece(uint64_t busy_ns)
{
    return busy_ns < SLOW_NS ? SLOW_RESTS : busy_ns < STEADY_NS ? 1 : 0;
}

static void pause_for(uint64_t ns)
{
    struct timespec time = {.tv_sec = (time_t)(ns / SECOND_NS),
                            .tv_nsec = (long)(ns % SECOND_NS)};
    if (ns > 0) {
        nanosleep(&time, NULL);
    }
}

static void *run(void *arg)
{
    struct background *background = arg;
    bool has_more = false;
    uint64_t busy_since = 0;
    give_way();
    while (rest(background, has_more)) {
        uint64_t begun = now_ns();
        busy_since = has_more ? busy_since : begun;
        has_more = background->work(background->arg);
        uint64_t ended = now_ns();
        if (has_more) {
            pause_for((ended - begun) * rests_a_piece(ended - busy_since));
        }
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
