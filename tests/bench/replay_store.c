/* The store has no thread of its own here: its work is done between requests,
 * as often as its time and theirs go on. */
#include "tests/bench/replay.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "store/store.h"

#include <malloc.h>

enum {
    START_MS = 1000,
    WORK_AFTER = 1024, /* requests */
    SHOW_AFTER = 1 << 16,
    TRIM_FROM = 256 * 1024, /* as the program does */
    VALUE_MAX = 64 << 20
};

static const struct slice bank = {"trace", 5};

struct replay {
    struct store *store;
    struct replay_result *result;
    struct buffer got;
    char *value; /* room for one */
    uint32_t now_s;
    uint64_t key;
    char key_text[TRACE_KEY_LEN];
};

static struct slice key_of(const struct replay *replay)
{
    return slice_of(replay->key_text, TRACE_KEY_LEN);
}

static void put(struct replay *replay, const struct trace_request *request)
{
    struct store_value value = {
        .bytes = slice_of(replay->value, request->value_len)};
    CHECK(request->value_len <= VALUE_MAX);
    if (request->ttl_s > 0) {
        value.lifetime =
            (struct lifetime){LIFETIME_NEW, (uint64_t)request->ttl_s * 1000};
    }
    replay_put_value(replay->value, replay->key_text, request->value_len);
    if (store_put(replay->store, bank, key_of(replay), &value)) {
        replay->result->refused++;
    }
}

static void get(struct replay *replay, const struct trace_request *request)
{
    enum value_kind kind;
    buffer_clear(&replay->got);
    enum status status = store_get(replay->store, bank, key_of(replay), NULL,
                                   &replay->got, &kind);
    replay->result->gets++;
    if (status) {
        CHECK(status == STATUS_NOT_FOUND);
        replay->result->misses++;
        put(replay, request);
        return;
    }
    struct slice value = buffer_peek(&replay->got);
    CHECK(replay_is_value(value.data, value.len, replay->key_text));
}

static void carry_out(struct replay *replay,
                      const struct trace_request *request)
{
    trace_put_key(replay->key_text, replay->key);
    switch (request->op) {
    case TRACE_GET:
        get(replay, request);
        break;
    case TRACE_SET:
        put(replay, request);
        break;
    case TRACE_DEL:
        store_remove(replay->store, bank, key_of(replay));
        break;
    }
}

static void work(struct store *store)
{
    while (store_work(store)) {
    }
}

static void set_time(struct replay *replay, uint32_t now_s)
{
    if (now_s > replay->now_s) {
        replay->now_s = now_s;
        clock_set_fake(START_MS + (uint64_t)now_s * 1000);
        work(replay->store);
    }
}

static void run(struct replay *replay, struct trace_tour *tour,
                replay_progress_fn *show)
{
    const struct trace_request *request;
    uint64_t count = 0;
    while ((request = trace_next(tour, &replay->key))) {
        set_time(replay, request->at_s);
        carry_out(replay, request);
        count++;
        if (count % WORK_AFTER == 0) {
            work(replay->store);
        }
        if (count % SHOW_AFTER == 0) {
            show(tour);
        }
    }
}

void replay_in_store(struct trace_tour *tour, uint64_t memory_max,
                     replay_progress_fn *show, struct replay_result *result)
{
    const struct store_options options = {.memory_max = memory_max};
    struct replay replay = {.result = result};
    mallopt(M_MMAP_THRESHOLD, TRIM_FROM);
    replay.value = memory_alloc_or_die(VALUE_MAX);
    clock_set_fake(START_MS);
    malloc_trim(0);
    uint64_t before = replay_resident(0);
    replay.store = store_create(&options);
    CHECK(replay.store);
    run(&replay, tour, show);
    work(replay.store);
    uint64_t after = replay_resident(0);
    result->memory = after > before ? after - before : 0;
    result->entries = store_usage(replay.store).entries;
    store_free(&replay.store);
    buffer_fini(&replay.got);
    memory_free(replay.value);
}
