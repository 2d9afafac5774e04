#include "loop/loop.h"

#include "base/check.h"
#include "base/memory.h"

#include <pthread.h>

/* The loop that this thread runs, if any. */
static _Thread_local const struct loop *current;

struct loop {
    uv_loop_t uv;
    pthread_t thread;
    bool is_started;
};

struct loop *loop_create(void)
{
    struct loop *loop = memory_alloc_zero(sizeof *loop);
    if (loop && uv_loop_init(&loop->uv)) {
        memory_free(loop);
        return NULL;
    }
    return loop;
}

void loop_free(struct loop **loop)
{
    if (!*loop) {
        return;
    }
    CHECK(!(*loop)->is_started);
    CHECK(uv_loop_close(&(*loop)->uv) == 0);
    memory_free(*loop);
    *loop = NULL;
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

static void *run(void *arg)
{
    struct loop *loop = arg;
    current = loop;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    return NULL;
}

enum status loop_start(struct loop *loop)
{
    CHECK(!loop->is_started);
    loop->is_started = true;
    if (pthread_create(&loop->thread, NULL, run, loop)) {
        loop->is_started = false;
        return STATUS_UNAVAILABLE;
    }
    return STATUS_OK;
}

void loop_run(struct loop *loop)
{
    CHECK(!loop->is_started);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_join(struct loop *loop)
{
    if (loop->is_started) {
        pthread_join(loop->thread, NULL);
        loop->is_started = false;
    }
}

bool loop_is_current(const struct loop *loop)
{
    return current == loop || !loop->is_started;
}
