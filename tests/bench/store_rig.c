#include "store_rig.h"

#include "base/check.h"
#include "clients/bench/random.h"
#include "support/resident.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { WORK_EACH_MS = 100 };

static char bytes[RIG_VALUE_MAX];

void rig_sleep_ms(unsigned ms)
{
    struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000L};
    nanosleep(&time, NULL);
}

static void *work(void *arg)
{
    struct rig *rig = arg;
    while (!atomic_load(&rig->is_over)) {
        uint64_t start = meter_start();
        bool has_more = store_work(rig->store);
        meter_stop(&rig->work, start);
        if (!has_more) {
            rig_sleep_ms(WORK_EACH_MS);
        }
    }
    return NULL;
}

void rig_open(struct rig *rig, uint64_t memory_max)
{
    const struct store_options options = {.memory_max = memory_max};
    *rig = (struct rig){.work = {.name = "store_work"}};
    rig->store = store_create(&options);
    CHECK(rig->store);
    CHECK(pthread_create(&rig->thread, NULL, work, rig) == 0);
}

void rig_close(struct rig *rig)
{
    atomic_store(&rig->is_over, true);
    CHECK(pthread_join(rig->thread, NULL) == 0);
    store_free(&rig->store);
    buffer_fini(&rig->got);
}

struct slice rig_bank(char room[16], uint64_t number)
{
    int len = snprintf(room, 16, "bank %u", (unsigned)number);
    return slice_of(room, (size_t)len);
}

struct slice rig_key(char room[17], uint64_t number)
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        room[i] = digits[number >> (60 - 4 * i) & 15];
    }
    return slice_of(room, 16);
}

void rig_put(struct rig *rig, struct slice bank, uint64_t number, size_t len)
{
    char room[17];
    const struct store_value value = {.bytes = slice_of(bytes, len)};
    CHECK(store_put(rig->store, bank, rig_key(room, number), &value) ==
          STATUS_OK);
}

bool rig_get(struct rig *rig, struct slice bank, uint64_t number)
{
    char room[17];
    enum value_kind kind;
    buffer_clear(&rig->got);
    return store_get(rig->store, bank, rig_key(room, number), NULL, &rig->got,
                     &kind) == STATUS_OK;
}

uint64_t rig_draw(uint64_t *state, uint64_t count)
{
    uint64_t drawn = random_mix(*state);
    *state += RANDOM_MIX_STEP;
    return drawn % count;
}

uint64_t rig_resident(void)
{
    return (uint64_t)resident_bytes();
}

bool rig_judge(const char *what, double got, double most)
{
    bool is_well = got <= most;
    printf("%s: %.2f, at most %.2f: %s\n", what, got, most,
           is_well ? "well" : "NOT WELL");
    fflush(stdout);
    return is_well;
}
