/* The thread that drives waits on a condition for its workers and looks up a
 * few times a second to show how far they are. A phase ends when every worker
 * is ready again or one has failed. */
#include "clients/bench/driver.h"

#include "base/check.h"
#include "base/memory.h"
#include "clients/bench/worker.h"

#include <stdio.h>
#include <string.h>

enum { LOOK_NS = 200 * 1000 * 1000 };

/* Owned by who opened it. `lock` guards `busy`, `is_failed` and `why`. */
struct driver {
    struct worker *workers;
    unsigned threads;
    struct phase phase;
    uv_mutex_t lock;
    uv_cond_t changed;
    unsigned busy; /* workers that are at it */
    bool is_failed;
    char why[DRIVER_WHY_MAX];
};

static void on_ready(void *arg)
{
    struct driver *driver = arg;
    uv_mutex_lock(&driver->lock);
    driver->busy--;
    uv_cond_signal(&driver->changed);
    uv_mutex_unlock(&driver->lock);
}

static void on_failed(void *arg, const char *why)
{
    struct driver *driver = arg;
    uv_mutex_lock(&driver->lock);
    if (!driver->is_failed) {
        driver->is_failed = true;
        snprintf(driver->why, sizeof driver->why, "%s", why);
    }
    uv_cond_signal(&driver->changed);
    uv_mutex_unlock(&driver->lock);
}

static void show(const struct driver *driver,
                 const struct driver_watcher *watcher)
{
    struct driver_progress progress = {
        .phase = &driver->phase,
        .seconds = (double)(uv_hrtime() - driver->phase.start_ns) / 1e9,
    };
    for (unsigned i = 0; i < driver->threads; i++) {
        progress.answered += atomic_load_explicit(&driver->workers[i].answered,
                                                  memory_order_relaxed);
    }
    watcher->show(watcher->arg, &progress);
}

/* Waits until no worker is busy; false when one failed. */
static bool await_workers(struct driver *driver,
                          const struct driver_watcher *watcher)
{
    uv_mutex_lock(&driver->lock);
    while (driver->busy > 0 && !driver->is_failed) {
        if (!watcher || !watcher->show) {
            uv_cond_wait(&driver->changed, &driver->lock);
        } else if (uv_cond_timedwait(&driver->changed, &driver->lock,
                                     LOOK_NS) == UV_ETIMEDOUT) {
            uv_mutex_unlock(&driver->lock);
            show(driver, watcher);
            uv_mutex_lock(&driver->lock);
        }
    }
    bool is_failed = driver->is_failed;
    uv_mutex_unlock(&driver->lock);
    return !is_failed;
}

static void start_workers(struct driver *driver,
                          const struct driver_options *options)
{
    struct worker_options each = {
        .workload = options->workload,
        .protocol = options->protocol,
        .stencil = options->stencil,
        .target = options->target,
        .depth_max = options->depth_max,
        .is_refilling = options->is_refilling,
        .timeout_ms = options->timeout_ms,
        .share = {.threads = options->threads},
        .on_ready = on_ready,
        .on_failed = on_failed,
        .arg = driver,
    };
    driver->busy = options->threads;
    for (unsigned i = 0; i < options->threads; i++) {
        each.share.index = i;
        each.connections = options->connections / options->threads +
                           (i < options->connections % options->threads);
        worker_start(&driver->workers[i], &each);
    }
}

struct driver *driver_open(const struct driver_options *options,
                           char why[DRIVER_WHY_MAX])
{
    CHECK(options->threads > 0 && options->connections >= options->threads);
    struct driver *driver = memory_alloc_or_die(sizeof *driver);
    driver->threads = options->threads;
    driver->workers =
        memory_alloc_or_die(options->threads * sizeof *driver->workers);
    CHECK(uv_mutex_init(&driver->lock) == 0);
    CHECK(uv_cond_init(&driver->changed) == 0);
    start_workers(driver, options);
    if (await_workers(driver, NULL)) {
        return driver;
    }
    memcpy(why, driver->why, DRIVER_WHY_MAX);
    driver_close(&driver);
    return NULL;
}

/* Adds up what the workers have recorded. */
static void gather(const struct driver *driver, struct driver_result *result)
{
    uint64_t end_ns = driver->phase.start_ns;
    memset(result, 0, sizeof *result);
    for (unsigned i = 0; i < driver->threads; i++) {
        const struct worker *worker = &driver->workers[i];
        record_add(&result->record, worker->record);
        end_ns = worker->end_ns > end_ns ? worker->end_ns : end_ns;
    }
    result->seconds = (double)(end_ns - driver->phase.start_ns) / 1e9;
}

bool driver_run(struct driver *driver, const struct phase *phase,
                const struct driver_watcher *watcher,
                struct driver_result *result)
{
    uint64_t number = driver->phase.number + 1;
    driver->phase = *phase;
    driver->phase.number = number;
    driver->phase.start_ns = uv_hrtime();
    driver->busy = driver->threads;
    for (unsigned i = 0; i < driver->threads; i++) {
        worker_run(&driver->workers[i], &driver->phase);
    }
    if (!await_workers(driver, watcher)) {
        return false;
    }
    gather(driver, result);
    return true;
}

const char *driver_why(const struct driver *driver)
{
    return driver->why;
}

void driver_close(struct driver **driver)
{
    struct driver *closed = *driver;
    *driver = NULL;
    for (unsigned i = 0; i < closed->threads; i++) {
        worker_stop(&closed->workers[i]);
    }
    uv_mutex_destroy(&closed->lock);
    uv_cond_destroy(&closed->changed);
    memory_free(closed->workers);
    memory_free(closed);
}
