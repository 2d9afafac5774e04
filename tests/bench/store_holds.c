/* One worker calls every function, again and again, while the background
 * thread works; each call is timed. What a worker waits for locks counts as
 * the call's, time that the system gave to others does not. */
#include "store_cases.h"
#include "store_rig.h"

#include "base/check.h"
#include "base/memory.h"
#include "core/response.h"

#include <stdio.h>

enum call {
    CALL_PUT_NEW,
    CALL_PUT_SAME,
    CALL_PUT_OTHER,
    CALL_GET,
    CALL_TOUCH,
    CALL_INCR,
    CALL_REMOVE,
    CALL_KEYS,
    CALL_RESET,
    CALL_COUNT
};

static const char *const call_names[CALL_COUNT] = {
    "put, new", "put, same size", "put, other size", "get",  "touch",
    "incr",     "remove",         "page of keys",    "reset"};

struct worker {
    struct rig rig;
    struct meter meters[CALL_COUNT];
    struct response response;
    uint64_t random;
    uint64_t entries;
    uint64_t next; /* key that was never put */
};

static const struct slice bank = {"bench", 5};

static void begin(struct worker *worker, uint64_t memory_max)
{
    *worker = (struct worker){.random = 42};
    for (int i = 0; i < CALL_COUNT; i++) {
        worker->meters[i].name = call_names[i];
    }
    rig_open(&worker->rig, memory_max);
}

/* The longest that it takes to get, fill and give back memory for a value of
 * `len` bytes: what a call may take for its own bytes. */
static double own_bytes_us(size_t len)
{
    enum { TRIES = 20 };
    struct meter meter = {0};
    char *from = memory_alloc_or_die(len);
    for (int i = 0; i < TRIES; i++) {
        uint64_t start = meter_start();
        char *to = memory_map(len);
        CHECK(to);
        memcpy(to, from, len);
        memory_unmap(to, len);
        meter_stop(&meter, start);
    }
    memory_free(from);
    return (double)meter.max_ns / 1000;
}

/* Whether no call took longer than any may with values up to `len_max`. */
static bool end(struct worker *worker, const char *title, size_t len_max)
{
    rig_close(&worker->rig);
    response_fini(&worker->response);
    printf("\n%s\n", title);
    meter_print_head();
    double most_us = 0;
    for (int i = 0; i < CALL_COUNT; i++) {
        meter_print(&worker->meters[i]);
        double max_us = (double)worker->meters[i].max_ns / 1000;
        most_us = max_us > most_us ? max_us : most_us;
    }
    meter_print(&worker->rig.work);
    return rig_judge("longest call, us", most_us,
                     (double)METER_LATE_NS / 1000 + own_bytes_us(len_max));
}

static void timed_put(struct worker *worker, enum call call, uint64_t number,
                      size_t len)
{
    uint64_t start = meter_start();
    rig_put(&worker->rig, bank, number, len);
    meter_stop(&worker->meters[call], start);
}

static void timed_get(struct worker *worker, uint64_t number)
{
    uint64_t start = meter_start();
    rig_get(&worker->rig, bank, number);
    meter_stop(&worker->meters[CALL_GET], start);
}

static void timed_touch(struct worker *worker, enum call call, uint64_t number)
{
    char room[17];
    struct slice key = rig_key(room, number);
    struct lifetime hour = {LIFETIME_NEW, 3600 * 1000};
    uint64_t start = meter_start();
    if (call == CALL_TOUCH) {
        store_touch(worker->rig.store, bank, key, hour);
    } else {
        store_remove(worker->rig.store, bank, key);
    }
    meter_stop(&worker->meters[call], start);
}

static void timed_incr(struct worker *worker)
{
    static const struct slice key = {"number", 6};
    const struct store_value zero = {.bytes = {"0", 1}, .kind = VALUE_TEXT};
    const struct number one = {.is_integer = true, .integer = 1};
    struct number sum;
    if (worker->meters[CALL_INCR].count % 1000 == 0) {
        CHECK(!store_put(worker->rig.store, bank, key, &zero));
    }
    uint64_t start = meter_start();
    store_incr(worker->rig.store, bank, key, &one, &sum);
    meter_stop(&worker->meters[CALL_INCR], start);
}

/* A page goes on where the one before has ended. */
static void timed_page(struct worker *worker)
{
    char cursor[CURSOR_LEN_MAX];
    size_t len = worker->response.cursor_len;
    memcpy(cursor, worker->response.cursor, len);
    const struct store_page page = {.cursor = slice_of(cursor, len),
                                    .limit = 100};
    response_clear(&worker->response);
    uint64_t start = meter_start();
    store_bank_keys(worker->rig.store, bank, &page, &worker->response);
    meter_stop(&worker->meters[CALL_KEYS], start);
}

static void timed_reset(struct worker *worker, struct slice name)
{
    uint64_t start = meter_start();
    CHECK(!store_bank_reset(worker->rig.store, name));
    meter_stop(&worker->meters[CALL_RESET], start);
}

static uint64_t some_number(struct worker *worker)
{
    return worker->next - 1 -
           rig_draw(&worker->random, worker->next < worker->entries
                                         ? worker->next
                                         : worker->entries);
}

static void do_something(struct worker *worker, size_t len_max)
{
    uint64_t choice = rig_draw(&worker->random, 1000);
    uint64_t number = some_number(worker);
    size_t len = 1 + rig_draw(&worker->random, len_max);
    if (choice < 400) {
        timed_get(worker, number);
    } else if (choice < 550) {
        timed_put(worker, CALL_PUT_SAME, number, 32);
    } else if (choice < 700) {
        timed_put(worker, CALL_PUT_OTHER, number, len);
    } else if (choice < 800) {
        timed_put(worker, CALL_PUT_NEW, worker->next++, 32);
    } else if (choice < 880) {
        timed_touch(worker, CALL_TOUCH, number);
    } else if (choice < 960) {
        timed_touch(worker, CALL_REMOVE, number);
    } else if (choice < 999) {
        timed_incr(worker);
    } else {
        timed_page(worker);
    }
}

static void grow(struct worker *worker, uint64_t entries)
{
    worker->entries = entries;
    while (worker->next < entries) {
        timed_put(worker, CALL_PUT_NEW, worker->next++, 32);
    }
}

static bool hold_at(uint64_t entries, uint64_t operations)
{
    struct worker worker;
    char title[64];
    begin(&worker, 0);
    grow(&worker, entries);
    for (uint64_t i = 0; i < operations; i++) {
        do_something(&worker, 100);
    }
    timed_reset(&worker, bank);
    grow(&worker, worker.next + entries / 8);
    snprintf(title, sizeof title, "%llu entries, no limit",
             (unsigned long long)entries);
    return end(&worker, title, 100);
}

/* Twice as much as there is room for, of all sizes. */
static bool hold_under_limit(uint64_t memory_max, size_t len_max,
                             uint64_t operations)
{
    struct worker worker;
    char title[64];
    begin(&worker, memory_max);
    worker.entries = 2 * memory_max / (len_max / 2 + 64);
    worker.next = 1;
    for (uint64_t i = 0; i < operations; i++) {
        do_something(&worker, len_max);
    }
    snprintf(title, sizeof title, "%llu MiB, values up to %zu bytes",
             (unsigned long long)memory_max / RIG_MIB, len_max);
    return end(&worker, title, len_max);
}

/* Banks that grow out of what small ones share, and resets before, while and
 * after they do. */
static bool hold_of_small_banks(uint64_t banks)
{
    struct worker worker;
    begin(&worker, 0);
    for (uint64_t i = 0; i < banks; i++) {
        char room[16];
        struct slice name = rig_bank(room, i % 64);
        uint64_t count = 1000 + rig_draw(&worker.random, 8000);
        for (uint64_t k = 0; k < count; k++) {
            uint64_t start = meter_start();
            rig_put(&worker.rig, name, k, 24);
            meter_stop(&worker.meters[CALL_PUT_NEW], start);
        }
        timed_reset(&worker, name);
    }
    return end(&worker, "banks of some 256 KiB", 100);
}

bool bench_holds(bool is_short)
{
    uint64_t few = is_short ? 1000 * 1000 : 4 * 1000 * 1000;
    uint64_t operations = is_short ? 1000 * 1000 : 5 * 1000 * 1000;
    bool is_well = hold_at(few, operations);
    if (!is_short) {
        is_well &= hold_at(10 * 1000 * 1000, operations);
    }
    is_well &= hold_under_limit(64 * RIG_MIB, 100, operations);
    is_well &= hold_under_limit(256 * RIG_MIB, 64 * 1024, operations / 10);
    is_well &= hold_under_limit(256 * RIG_MIB, 1024 * 1024, operations / 100);
    is_well &= hold_of_small_banks(is_short ? 200 : 2000);
    return is_well;
}
