/* One worker calls every function, again and again, while the background
 * thread works; each call is timed. What a worker waits for locks counts as
 * the call's, time that the system gave to others does not. A machine may
 * stop for some 100 us without anybody being told; what the store itself
 * does comes again in every round. So the longest of each function is that of
 * the round in which it was least. */
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

/* What a worker does in one store. */
struct trial {
    void (*run)(struct worker *worker, const struct trial *trial);
    uint64_t memory_max; /* 0: none */
    uint64_t entries;    /* or banks */
    uint64_t operations;
    size_t len_max; /* of values */
};

enum { ROUNDS = 3 };

static const struct slice bank = {"bench", 5};

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
    const struct increment one = {.delta = {.is_integer = true, .integer = 1}};
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

static void run_unlimited(struct worker *worker, const struct trial *trial)
{
    grow(worker, trial->entries);
    for (uint64_t i = 0; i < trial->operations; i++) {
        do_something(worker, trial->len_max);
    }
    timed_reset(worker, bank);
    grow(worker, worker->next + trial->entries / 8);
}

/* Twice as much as there is room for, of all sizes. */
static void run_limited(struct worker *worker, const struct trial *trial)
{
    worker->entries = 2 * trial->memory_max / (trial->len_max / 2 + 64);
    worker->next = 1;
    for (uint64_t i = 0; i < trial->operations; i++) {
        do_something(worker, trial->len_max);
    }
}

/* Banks that grow out of what small ones share, and resets before, while and
 * after they do. */
static void run_small_banks(struct worker *worker, const struct trial *trial)
{
    for (uint64_t i = 0; i < trial->entries; i++) {
        char room[16];
        struct slice name = rig_bank(room, i % 64);
        uint64_t count = 1000 + rig_draw(&worker->random, 8000);
        for (uint64_t k = 0; k < count; k++) {
            uint64_t start = meter_start();
            rig_put(&worker->rig, name, k, 24);
            meter_stop(&worker->meters[CALL_PUT_NEW], start);
        }
        timed_reset(worker, name);
    }
}

static void print_title(const struct trial *trial)
{
    if (trial->run == run_small_banks) {
        printf("\nbanks of some 256 KiB\n");
    } else if (trial->memory_max) {
        printf("\n%llu MiB, values up to %zu bytes\n",
               (unsigned long long)(trial->memory_max / RIG_MIB),
               trial->len_max);
    } else {
        printf("\n%llu entries, no limit\n",
               (unsigned long long)trial->entries);
    }
    meter_print_head();
}

/* One round; the longest of each call counts if it is the least so far. */
static void run_round(const struct trial *trial, uint64_t *least_ns)
{
    struct worker worker = {.random = 42};
    for (int i = 0; i < CALL_COUNT; i++) {
        worker.meters[i].name = call_names[i];
    }
    rig_open(&worker.rig, trial->memory_max);
    trial->run(&worker, trial);
    rig_close(&worker.rig);
    response_fini(&worker.response);
    print_title(trial);
    for (int i = 0; i < CALL_COUNT; i++) {
        meter_print(&worker.meters[i]);
        uint64_t max_ns = worker.meters[i].max_ns;
        least_ns[i] = max_ns < least_ns[i] ? max_ns : least_ns[i];
    }
    meter_print(&worker.rig.work);
}

/* Whether no call took longer than any may with values up to `len_max`. */
static bool hold(const struct trial *trial)
{
    uint64_t least_ns[CALL_COUNT];
    for (int i = 0; i < CALL_COUNT; i++) {
        least_ns[i] = UINT64_MAX;
    }
    for (int round = 0; round < ROUNDS; round++) {
        run_round(trial, least_ns);
    }
    uint64_t most_ns = 0;
    for (int i = 0; i < CALL_COUNT; i++) {
        most_ns = least_ns[i] > most_ns ? least_ns[i] : most_ns;
    }
    return rig_judge("longest call, us", (double)most_ns / 1000,
                     (double)METER_LATE_NS / 1000 +
                         own_bytes_us(trial->len_max));
}

bool bench_holds(bool is_short)
{
    enum { MILLION = 1000 * 1000 };
    uint64_t operations = (is_short ? 1 : 5) * MILLION;
    uint64_t few = (is_short ? 1 : 4) * MILLION;
    const struct trial trials[] = {
        {run_unlimited, 0, few, operations, 100},
        {run_limited, 64 * RIG_MIB, 0, operations, 100},
        {run_limited, 256 * RIG_MIB, 0, operations / 10, 64 * 1024},
        {run_limited, 256 * RIG_MIB, 0, operations / 100, 1024 * 1024},
        {run_small_banks, 0, is_short ? 200 : 2000, 0, 24},
        {run_unlimited, 0, 10 * MILLION, operations, 100}, /* long only */
    };
    size_t count = sizeof trials / sizeof *trials - (is_short ? 1 : 0);
    bool is_well = true;
    for (size_t i = 0; i < count; i++) {
        is_well &= hold(&trials[i]);
    }
    return is_well;
}
