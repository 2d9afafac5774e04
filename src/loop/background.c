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

#define SECOND_NS      ((uint64_t)1000 * 1000 * 1000)
#define MILLISECOND_NS ((uint64_t)1000 * 1000)
#define SLOW_NS        SECOND_NS       /* ... the first so long, */
#define STEADY_NS      (3 * SECOND_NS) /* then one, until here */
#define REST_MAX_NS    (10 * MILLISECOND_NS)

struct background {
    pthread_t thread;
    pthread_mutex_t lock; /* guards `is_stopping`; a leaf lock */
    pthread_cond_t wake;
    bool is_stopping;
    background_work_fn work;
    void *arg;
};

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

/* What is known of the pieces so far. */
struct progress {
    enum background_rest wanted; /* by the last piece, */
    uint64_t took_ns;            /* which took so long */
    uint64_t busy_ns;            /* since something waits without a break */
};

/* A scheduler is slow to give a processor that is in use to somebody else; so
 * between pieces that can wait the thread rests some times as long as the last
 * one took. Work that does not come to an end so is done at once. */
static uint64_t rest_ns(const struct progress *progress)
{
    if (progress->wanted == BACKGROUND_INTERVAL) {
        return BACKGROUND_INTERVAL_MS * MILLISECOND_NS;
    }
    bool is_at_once = progress->wanted == BACKGROUND_AT_ONCE ||
                      progress->busy_ns >= STEADY_NS;
    uint64_t times = is_at_once                    ? 0
                     : progress->busy_ns < SLOW_NS ? SLOW_RESTS
                                                   : 1;
    uint64_t ns = progress->took_ns * times;
    return ns < REST_MAX_NS ? ns : REST_MAX_NS;
}

/* Answers whether the thread goes on. */
static bool rest(struct background *background, uint64_t ns)
{
    uint64_t until_ns = now_ns() + ns;
    struct timespec until = {.tv_sec = (time_t)(until_ns / SECOND_NS),
                             .tv_nsec = (long)(until_ns % SECOND_NS)};
    pthread_mutex_lock(&background->lock);
    if (ns > 0 && !background->is_stopping) {
        pthread_cond_timedwait(&background->wake, &background->lock, &until);
    }
    bool goes_on = !background->is_stopping;
    pthread_mutex_unlock(&background->lock);
    return goes_on;
}

static void do_piece(const struct background *background,
                     struct progress *progress, uint64_t *busy_since)
{
    uint64_t begun = now_ns();
    if (progress->wanted == BACKGROUND_INTERVAL) {
        *busy_since = begun;
    }
    progress->wanted = background->work(background->arg);
    uint64_t ended = now_ns();
    progress->took_ns = ended - begun;
    progress->busy_ns = ended - *busy_since;
}

static void *run(void *arg)
{
    struct background *background = arg;
    struct progress progress = {.wanted = BACKGROUND_INTERVAL};
    uint64_t busy_since = 0;
    give_way();
    while (rest(background, rest_ns(&progress))) {
        do_piece(background, &progress, &busy_since);
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
