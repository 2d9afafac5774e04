/* Crowds that go at once, and crowds of changing sizes. */
#include "store_cases.h"
#include "store_rig.h"

#include "base/check.h"

#include <stdio.h>

static const struct slice bank = {"crowd", 5};

static double ms_of(uint64_t ns)
{
    return (double)ns / 1e6;
}

/* Calls store_work() until nothing is left to do, and `work` says how long
 * the calls took. */
static void work_all(struct store *store, struct meter *work)
{
    enum { QUIET_CALLS = 4 };
    for (int quiet = 0; quiet < QUIET_CALLS; quiet++) {
        bool has_more = true;
        while (has_more) {
            uint64_t start = meter_start();
            has_more = store_work(store);
            meter_stop(work, start);
            quiet = has_more ? 0 : quiet;
        }
    }
}

/* Does the work of the background, too, if there is none. */
static void put_all(struct store *store, uint64_t count, uint64_t life_ms,
                    bool is_alone)
{
    enum { WORK_EACH = 1000 };
    struct store_value value = {
        .bytes = slice_of_string("some thirty-two bytes of a value")};
    if (life_ms) {
        value.lifetime = (struct lifetime){LIFETIME_NEW, life_ms};
    }
    for (uint64_t i = 0; i < count; i++) {
        char room[17];
        CHECK(!store_put(store, bank, rig_key(room, i), &value));
        if (i % WORK_EACH == 0 && is_alone) {
            store_work(store);
        }
    }
}

bool bench_reset(bool is_short)
{
    uint64_t count = is_short ? 1000 * 1000 : 10 * 1000 * 1000;
    const struct store_options options = {0};
    struct meter reset = {.name = "reset"};
    struct meter work = {.name = "store_work"};
    uint64_t empty = rig_resident();
    struct store *store = store_create(&options);
    CHECK(store);
    put_all(store, count, 0, true);
    uint64_t full = rig_resident();
    uint64_t start = meter_start();
    CHECK(!store_bank_reset(store, bank));
    meter_stop(&reset, start);
    CHECK(store_usage(store).entries == 0);
    start = meter_start();
    work_all(store, &work);
    double all_ms = ms_of(meter_start() - start);
    uint64_t after = rig_resident();
    meter_print_head();
    meter_print(&reset);
    meter_print(&work);
    printf("given back %.0f of %.0f MiB in %.0f ms\n",
           (double)(full - after) / RIG_MIB, (double)(full - empty) / RIG_MIB,
           all_ms);
    store_free(&store);
    return rig_judge("acknowledged, ms", ms_of(reset.max_ns), 5) &
           rig_judge("longest piece of work, ms", ms_of(work.max_ns), 10) &
           rig_judge("left, part of what it took",
                     (double)(after - empty) / (double)(full - empty), 0.1);
}

/* Gets and puts of others while a crowd goes. */
static void ask_for_ms(struct rig *rig, struct meter *meter, uint64_t ms)
{
    static const struct slice others = {"others", 6};
    uint64_t random = 7;
    uint64_t end = meter_start() + ms * 1000000;
    uint64_t start;
    while ((start = meter_start()) < end) {
        uint64_t number = rig_draw(&random, 10000);
        if (number % 8 == 0) {
            rig_put(rig, others, number, 32);
        } else {
            rig_get(rig, number % 2 ? others : bank, number);
        }
        meter_stop(meter, start);
        rig_sleep_ms(0);
    }
}

bool bench_expiry(bool is_short)
{
    uint64_t count = is_short ? 300 * 1000 : 1000 * 1000;
    uint64_t life_ms = is_short ? 2000 : 4000;
    struct meter before = {.name = "while they live"};
    struct meter after = {.name = "while they go"};
    struct rig rig;
    rig_open(&rig, 0);
    rig_put(&rig, bank, UINT64_MAX, 32);
    ask_for_ms(&rig, &before, 10);
    uint64_t empty = rig_resident();
    uint64_t start = meter_start();
    put_all(rig.store, count, life_ms, false);
    uint64_t full = rig_resident();
    uint64_t took_ms = (meter_start() - start) / 1000000;
    ask_for_ms(&rig, &before, took_ms < life_ms ? life_ms - took_ms : 0);
    ask_for_ms(&rig, &after, 10000);
    uint64_t left = rig_resident();
    meter_print_head();
    meter_print(&before);
    meter_print(&after);
    printf("%.1f MiB empty, %.1f full, %.1f after; entries left: %llu\n",
           (double)empty / RIG_MIB, (double)full / RIG_MIB,
           (double)left / RIG_MIB,
           (unsigned long long)store_usage(rig.store).entries);
    rig_close(&rig);
    return rig_judge("longest call, ms", ms_of(after.max_ns), 10) &
           rig_judge("RSS to that of before", (double)left / (double)empty,
                     1.1);
}

static const size_t churn_lens[] = {8,     64,    500,  4000, 20000,
                                    65536, 20000, 4000, 500,  64};

/* Twice as much as fits, of each size in turn; the most that it took. */
static uint64_t churn(struct rig *rig, uint64_t limit, uint64_t *next)
{
    uint64_t most = 0;
    for (size_t i = 0; i < sizeof churn_lens / sizeof churn_lens[0]; i++) {
        uint64_t count = 2 * limit / (churn_lens[i] + 64);
        for (uint64_t k = 0; k < count; k++) {
            rig_put(rig, bank, (*next)++, churn_lens[i]);
            if (k % 4096 == 0) {
                uint64_t now = rig_resident();
                most = now > most ? now : most;
            }
        }
        uint64_t now = rig_resident();
        most = now > most ? now : most;
    }
    return most;
}

static bool churn_under(uint64_t limit, int cycles)
{
    struct rig rig;
    uint64_t next = 0;
    uint64_t most = 0;
    rig_open(&rig, limit);
    rig_put(&rig, bank, UINT64_MAX, 65536);
    uint64_t empty = rig_resident();
    for (int i = 0; i < cycles; i++) {
        uint64_t now = churn(&rig, limit, &next);
        most = now > most ? now : most;
    }
    rig_close(&rig);
    printf("%llu MiB, %d cycles, %llu puts\n",
           (unsigned long long)limit / RIG_MIB, cycles,
           (unsigned long long)next);
    return rig_judge("growth to the limit",
                     (double)(most - empty) / (double)limit, 1.25);
}

bool bench_churn(bool is_short)
{
    int cycles = is_short ? 1 : 10;
    bool is_well = churn_under((uint64_t)64 * RIG_MIB, cycles);
    return is_well & (is_short || churn_under((uint64_t)256 * RIG_MIB, cycles));
}
