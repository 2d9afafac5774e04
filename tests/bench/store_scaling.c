/* Two threads get from one store, and then each from a store of its own with
 * the same entries, in turn. If reading wrote anything that the other reads,
 * the first would be slower. */
#include "store_cases.h"
#include "store_rig.h"

#include "base/check.h"
#include "store/session.h"

#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 2, ROUNDS = 9 };

struct getter {
    pthread_t thread;
    struct store *store;
    uint64_t keys; /* 1: one that all ask for */
    uint64_t random;
    uint64_t ms;
    double rate;
};

static const struct slice bank = {"bench", 5};

enum { BATCH = 32 };

/* As a worker does it. */
static void get_batch(struct getter *getter, struct session *session,
                      struct buffer *got)
{
    struct aim aims[BATCH];
    char rooms[BATCH][17];
    enum value_kind kind;
    CHECK(session_enter(session));
    for (int i = 0; i < BATCH; i++) {
        uint64_t number = rig_draw(&getter->random, getter->keys);
        session_aim(session, bank, rig_key(rooms[i], number), &aims[i]);
    }
    for (int i = 0; i < BATCH; i++) {
        session_fetch(session, &aims[i]);
    }
    for (int i = 0; i < BATCH; i++) {
        buffer_clear(got);
        CHECK(!session_get(session, &aims[i], got, &kind));
    }
    session_leave(session);
}

static void *get_for_a_while(void *arg)
{
    enum { BATCHES_BETWEEN = 32 };
    struct getter *getter = arg;
    struct session *session = session_create(getter->store);
    struct buffer got = {0};
    uint64_t count = 0;
    uint64_t start = meter_start();
    uint64_t now = start;
    CHECK(session);
    for (; now < start + getter->ms * 1000000; now = meter_start()) {
        for (int i = 0; i < BATCHES_BETWEEN; i++) {
            get_batch(getter, session, &got);
        }
        count += (uint64_t)BATCHES_BETWEEN * BATCH;
    }
    getter->rate = (double)count / (double)(now - start);
    session_free(&session);
    buffer_fini(&got);
    return NULL;
}

/* Gets a nanosecond by both threads. */
static double rate_of(struct rig rigs[THREADS], bool is_shared, uint64_t keys,
                      uint64_t ms)
{
    struct getter getters[THREADS];
    double rate = 0;
    for (int i = 0; i < THREADS; i++) {
        getters[i] = (struct getter){.store = rigs[is_shared ? 0 : i].store,
                                     .keys = keys,
                                     .random = (uint64_t)i,
                                     .ms = ms};
        CHECK(!pthread_create(&getters[i].thread, NULL, get_for_a_while,
                              &getters[i]));
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(!pthread_join(getters[i].thread, NULL));
        rate += getters[i].rate;
    }
    return rate;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool bench_keys(struct rig rigs[THREADS], const char *what,
                       uint64_t keys, uint64_t ms)
{
    double ratios[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        /* By turns, since what runs second may find things warmer. */
        bool is_shared_first = i % 2 == 0;
        double first = rate_of(rigs, is_shared_first, keys, ms);
        double second = rate_of(rigs, !is_shared_first, keys, ms);
        double shared = is_shared_first ? first : second;
        double own = is_shared_first ? second : first;
        ratios[i] = own / shared;
        printf("%s: %.2f M gets a second, %.2f with stores of their own\n",
               what, shared * 1000, own * 1000);
    }
    qsort(ratios, ROUNDS, sizeof ratios[0], compare_doubles);
    return rig_judge(what, ratios[ROUNDS / 2], 1 / 0.97);
}

bool bench_scaling(bool is_short)
{
    uint64_t count = is_short ? 200 * 1000 : 4 * 1000 * 1000;
    uint64_t ms = is_short ? 100 : 1000;
    static struct rig rigs[THREADS];
    for (int i = 0; i < THREADS; i++) {
        rig_open(&rigs[i], 0);
        for (uint64_t k = 0; k < count; k++) {
            rig_put(&rigs[i], bank, k, 32);
        }
    }
    bool is_well = bench_keys(rigs, "one key", 1, ms);
    is_well &= bench_keys(rigs, "all keys", count, ms);
    for (int i = 0; i < THREADS; i++) {
        rig_close(&rigs[i]);
    }
    return is_well;
}
