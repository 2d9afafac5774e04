/* What the store gives back, and what it does for want of memory. */
#include "store/store.h"

#include "store/arena.h"
#include "store/store_kit.h"
#include "support/resident.h"
#include "support/test.h"

#include <stdio.h>

enum { MIB = 1024 * 1024 };

/* What may remain of the memory of entries that are gone: free blocks that
 * are kept for the next, open segments, and what is beside them. */
enum { REST_MAX = ARENA_KEPT_MAX + MIB + MIB / 2 };

/* How late the work may come to what is over: a second for each 64 KiB of a
 * segment. */
enum { LAG_MS = 16 * 1000, LAG_OF_64_KIB_MS = 1000, LAG_OF_4_KIB_MS = 63 };

static uint64_t bytes_of(struct store *store)
{
    return store_usage(store).bytes;
}

struct crowd {
    const char *bank;
    int count;
    size_t len;  /* of a value */
    uint64_t ms; /* of a lifetime; 0: none */
};

static struct slice crowd_key(char room[16], int number)
{
    int len = snprintf(room, 16, "k%d", number);
    return slice_of(room, (size_t)len);
}

static void put_crowd(struct store *store, const struct crowd *crowd)
{
    static char bytes[2 * MIB];
    struct store_value value = {.bytes = slice_of(bytes, crowd->len)};
    if (crowd->ms) {
        value.lifetime = (struct lifetime){LIFETIME_NEW, crowd->ms};
    }
    for (int i = 0; i < crowd->count; i++) {
        char key[16];
        if (!EXPECT_INT(store_put(store, slice_of_string(crowd->bank),
                                  crowd_key(key, i), &value),
                        STATUS_OK)) {
            return;
        }
    }
}

static void remove_crowd(struct store *store, const struct crowd *crowd)
{
    for (int i = 0; i < crowd->count; i++) {
        char key[16];
        EXPECT_INT(store_remove(store, slice_of_string(crowd->bank),
                                crowd_key(key, i)),
                   STATUS_OK);
    }
}

static void empty_store_charges_little(void)
{
    struct store *store = kit_open();
    struct store_usage usage = store_usage(store);
    EXPECT_INT(usage.banks, 0);
    EXPECT_INT(usage.entries, 0);
    EXPECT(usage.bytes < MIB);
    kit_close(store);
}

static void charge_covers_the_bytes_of_key_and_value(void)
{
    const struct crowd crowd = {.bank = "b", .count = 2000, .len = 10000};
    const uint64_t len = (uint64_t)crowd.count * crowd.len;
    struct store *store = kit_open();
    uint64_t before = bytes_of(store);
    put_crowd(store, &crowd);
    kit_work(store);
    EXPECT(bytes_of(store) > before + len);
    EXPECT(bytes_of(store) < before + len + len / 10);
    kit_close(store);
}

static void charge_covers_a_value_that_has_memory_of_its_own(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "");
    uint64_t before = bytes_of(store);
    EXPECT_INT(kit_put_large(store, "b", "l", MIB), STATUS_OK);
    EXPECT(bytes_of(store) > before + MIB);
    EXPECT(bytes_of(store) < before + MIB + 4096 + 200);
    kit_close(store);
}

enum way { WAY_REMOVE, WAY_EXPIRE, WAY_RESET, WAY_COUNT };

/* The crowd comes and goes, twice, and memory with it. */
static void let_go(const struct crowd *crowd, enum way way)
{
    struct store *store = kit_open();
    struct crowd mortal = *crowd;
    mortal.ms = way == WAY_EXPIRE ? 100 : 0;
    kit_put(store, "b", "stays", "value");
    uint64_t before = bytes_of(store);
    for (uint64_t i = 0; i < 2; i++) {
        put_crowd(store, &mortal);
        EXPECT(bytes_of(store) > before + (uint64_t)crowd->count * crowd->len);
        if (way == WAY_REMOVE) {
            remove_crowd(store, &mortal);
        } else if (way == WAY_RESET) {
            store_bank_reset(store, slice_of_string(crowd->bank));
            kit_put(store, "b", "stays", "value");
        }
        kit_set_time((i + 1) * 200);
        kit_work(store);
        EXPECT_INT(store_usage(store).entries, 1);
        EXPECT(bytes_of(store) < before + REST_MAX);
    }
    kit_expect(store, "b", "stays", "value");
    kit_close(store);
}

static void memory_comes_back_however_entries_go(void)
{
    const struct crowd crowd = {.bank = "b", .count = 30000, .len = 1000};
    for (int way = 0; way < WAY_COUNT; way++) {
        let_go(&crowd, (enum way)way);
    }
}

static void memory_of_an_index_comes_back_however_entries_go(void)
{
    const struct crowd crowd = {.bank = "b", .count = 300000, .len = 20};
    for (int way = 0; way < WAY_COUNT; way++) {
        let_go(&crowd, (enum way)way);
    }
}

static void memory_of_large_values_comes_back_however_they_go(void)
{
    const struct crowd crowd = {.bank = "b", .count = 20, .len = 2 * MIB};
    for (int way = 0; way < WAY_COUNT; way++) {
        let_go(&crowd, (enum way)way);
    }
}

/* Some that share a space and some that have grown out of it. */
static void memory_of_many_banks_comes_back_after_resets(void)
{
    enum { BANKS = 100 };
    struct store *store = kit_open();
    char names[BANKS][16];
    uint64_t before = bytes_of(store);
    for (int i = 0; i < BANKS; i++) {
        snprintf(names[i], sizeof names[i], "bank %d", i);
        const struct crowd crowd = {
            .bank = names[i], .count = i % 2 ? 4000 : 7000, .len = 30};
        put_crowd(store, &crowd);
    }
    kit_work(store);
    for (int i = 0; i < BANKS; i++) {
        store_bank_reset(store, slice_of_string(names[i]));
    }
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 0);
    EXPECT(bytes_of(store) < before + REST_MAX);
    kit_close(store);
}

/* Meanwhile others take the blocks that the entries lay in. */
static void large_values_of_small_banks_come_back_after_resets(void)
{
    enum { BANKS = 40, LARGE = 300 * 1024 };
    struct store *store = kit_open();
    uint64_t before = bytes_of(store);
    for (int i = 0; i < BANKS; i++) {
        char bank[16];
        snprintf(bank, sizeof bank, "bank %d", i);
        const struct crowd crowd = {.bank = bank, .count = 4000, .len = 20};
        put_crowd(store, &crowd);
        kit_put_large(store, bank, "large", LARGE);
        kit_put_large(store, bank, "another", LARGE);
    }
    EXPECT(bytes_of(store) > before + 2 * BANKS * LARGE);
    for (int i = 0; i < BANKS; i++) {
        char bank[16];
        snprintf(bank, sizeof bank, "bank %d", i);
        store_bank_reset(store, slice_of_string(bank));
    }
    for (int i = 0; i < 200; i++) {
        const struct crowd crowd = {
            .bank = i % 2 ? "b" : "c", .count = 100, .len = 900};
        store_work(store);
        put_crowd(store, &crowd);
    }
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 200);
    EXPECT(bytes_of(store) < before + REST_MAX);
    kit_close(store);
}

static void large_value_that_is_replaced_is_given_back(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "9");
    uint64_t before = bytes_of(store);
    for (size_t i = 0; i < 10; i++) {
        EXPECT_INT(kit_put_large(store, "b", "k", MIB + i), STATUS_OK);
        EXPECT_INT(kit_touch(store, "b", "k", LIFETIME_NEW, 1000 + i),
                   STATUS_OK);
        EXPECT_INT(kit_incr(store, "b", "k", 1), STATUS_FAILED_PRECONDITION);
        kit_work(store);
        EXPECT(bytes_of(store) > before + MIB);
        EXPECT(bytes_of(store) < before + MIB + 64 * 1024);
    }
    EXPECT_INT(kit_put(store, "b", "k", "9"), STATUS_OK);
    kit_work(store);
    EXPECT(bytes_of(store) < before + 64 * 1024);
    kit_expect(store, "b", "k", "9");
    kit_close(store);
}

static void overwrites_of_changing_sizes_take_no_more_and_more(void)
{
    enum { KEYS = 2000, LEN_MAX = 12000, OVERWRITES = 60000 };
    struct store *store = kit_open();
    uint64_t before = bytes_of(store);
    uint64_t random = test_seed();
    for (int i = 0; i < OVERWRITES; i++) {
        char key[16];
        crowd_key(key, (int)(test_random(&random) % KEYS));
        size_t len = 1 + test_random(&random) % LEN_MAX;
        EXPECT_INT(kit_put_large(store, "b", key, len), STATUS_OK);
        if (i % 500 == 0) {
            while (store_work(store)) {
            }
            EXPECT(bytes_of(store) < before + KEYS * LEN_MAX + REST_MAX);
        }
    }
    kit_work(store);
    EXPECT(bytes_of(store) <
           before + (uint64_t)KEYS * LEN_MAX / 2 * 100 / 65 + REST_MAX);
    EXPECT(store_usage(store).entries <= KEYS);
    kit_close(store);
}

static void work_gives_back_what_is_over_and_nothing_else(void)
{
    enum { LIFE_MS = 100 * 1000 };
    struct store *store = kit_open();
    put_crowd(store, &(struct crowd){"b", 1000, 22, LIFE_MS});
    put_crowd(store, &(struct crowd){"c", 1000, 22, 2 * LIFE_MS});
    put_crowd(store, &(struct crowd){"d", 1000, 22, 0});
    kit_set_time(LIFE_MS - 1);
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 3000);
    kit_set_time(LIFE_MS + LAG_MS);
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 2000);
    kit_set_time(2 * LIFE_MS + LAG_MS);
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 1000);
    kit_close(store);
}

/* Lifetimes of all lengths, and entries for ever between them; time goes on
 * in small steps, and at each the entries are there that last, and none that
 * ended long ago. Few enough for small segments. */
static void expect_work_in_time(int mortal, int immortal_each)
{
    enum { STEP_MS = 100, LIFE_MS = 6000, END_MS = 8000 };
    struct store *store = kit_open();
    for (int i = 0; i < mortal * (1 + immortal_each); i++) {
        char key[16];
        int number = i / (1 + immortal_each);
        bool is_mortal = i % (1 + immortal_each) == 0;
        crowd_key(key, i);
        if (is_mortal) {
            kit_put_for(store, "b", key, "a value of some length",
                        1 + (uint64_t)(number * (LIFE_MS / mortal)));
        } else {
            kit_put(store, "b", key, "a value of some length");
        }
    }
    const int64_t stay = (int64_t)mortal * immortal_each;
    for (int now = 0; now < END_MS; now += STEP_MS) {
        int64_t last = (LIFE_MS - now) / (LIFE_MS / mortal);
        int64_t late = (LAG_OF_4_KIB_MS + STEP_MS) / (LIFE_MS / mortal) + 1;
        kit_set_time((uint64_t)now);
        kit_work(store);
        int64_t there = (int64_t)store_usage(store).entries - stay;
        if (!EXPECT(there >= last) ||
            !EXPECT(there <= (last + late > 0 ? last + late : 0))) {
            break;
        }
    }
    kit_close(store);
}

static void work_is_not_late(void)
{
    expect_work_in_time(6000, 0);
    expect_work_in_time(200, 30);
    expect_work_in_time(20, 300);
}

static void work_waits_for_lifetimes_that_were_made_longer(void)
{
    struct store *store = kit_open();
    kit_put_for(store, "b", "k", "value", 100);
    kit_touch(store, "b", "k", LIFETIME_NEW, 300);
    kit_set_time(100);
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 1);
    kit_set_time(300 + LAG_OF_64_KIB_MS);
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 0);
    kit_close(store);
}

static void work_comes_for_lifetimes_that_were_made_shorter(void)
{
    struct store *store = kit_open();
    kit_put_for(store, "b", "k", "value", 1000 * 1000);
    kit_put(store, "b", "l", "value");
    kit_work(store);
    kit_touch(store, "b", "k", LIFETIME_NEW, 10);
    kit_touch(store, "b", "l", LIFETIME_NEW, 10);
    kit_set_time(10);
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 0);
    kit_close(store);
}

static void work_comes_in_pieces(void)
{
    enum { COUNT = 30000 };
    struct store *store = kit_open();
    put_crowd(store, &(struct crowd){"b", COUNT, 22, 100});
    put_crowd(store, &(struct crowd){"c", COUNT, 22, 0});
    kit_work(store);
    store_bank_reset(store, SLICE_LITERAL("c"));
    kit_set_time(100);
    int pieces = 1;
    while (store_work(store)) {
        pieces++;
    }
    EXPECT(pieces > 4);
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 0);
    kit_close(store);
}

static void reset_counts_at_once(void)
{
    struct store *store = kit_open();
    put_crowd(store, &(struct crowd){"b", 1000, 22, 0});
    put_crowd(store, &(struct crowd){"c", 20000, 22, 0});
    store_bank_reset(store, SLICE_LITERAL("b"));
    EXPECT_INT(store_usage(store).entries, 20000);
    store_bank_reset(store, SLICE_LITERAL("c"));
    EXPECT_INT(store_usage(store).entries, 0);
    kit_close(store);
}

static void memory_of_what_is_over_goes_back_to_the_system(void)
{
    const struct crowd crowd = {"b", 100 * 1000, 600, 100};
    struct store *store = kit_open();
    long before = resident_bytes();
    put_crowd(store, &crowd);
    kit_put(store, "b", "stays", "value");
    kit_work(store);
    long full = resident_bytes();
    kit_set_time(100);
    kit_work(store);
    long after = resident_bytes();
    EXPECT(IS_SANITIZED || full - before > 60L * 1000 * 1000);
    EXPECT(IS_SANITIZED || after - before < (full - before) / 5);
    kit_expect(store, "b", "stays", "value");
    kit_close(store);
}

static void put_beyond_the_memory_limit_evicts_what_is_old(void)
{
    enum { LIMIT = 16 * MIB, LEN = 600, COUNT = 100 * 1000 };
    struct store *store = kit_open_limited(LIMIT, 0);
    put_crowd(store, &(struct crowd){"b", COUNT, LEN, 0});
    struct store_usage usage = store_usage(store);
    EXPECT(usage.bytes <= LIMIT + LIMIT / 50);
    EXPECT(usage.entries * LEN > LIMIT / 10 * 7);
    char last[16];
    crowd_key(last, COUNT - 1);
    EXPECT_INT(kit_remove(store, "b", last), STATUS_OK);
    EXPECT_INT(kit_remove(store, "b", "k0"), STATUS_NOT_FOUND);
    kit_close(store);
}

static void value_beyond_the_memory_limit_is_refused(void)
{
    struct store *store = kit_open_limited(8 * MIB, 0);
    kit_put(store, "b", "k", "value");
    EXPECT_INT(kit_put_large(store, "b", "k", 9 * MIB),
               STATUS_RESOURCE_EXHAUSTED);
    EXPECT_INT(kit_put_large(store, "b", "l", 9 * MIB),
               STATUS_RESOURCE_EXHAUSTED);
    kit_expect(store, "b", "k", "value");
    EXPECT_INT(store_usage(store).entries, 1);
    kit_close(store);
}

static void large_values_evict_each_other(void)
{
    enum { LIMIT = 16 * MIB };
    struct store *store = kit_open_limited(LIMIT, 0);
    put_crowd(store, &(struct crowd){"b", 100, 2 * MIB, 0});
    EXPECT(store_usage(store).entries >= 5);
    kit_work(store);
    EXPECT(bytes_of(store) <= LIMIT);
    EXPECT_INT(kit_remove(store, "b", "k99"), STATUS_OK);
    kit_close(store);
}

static void incr_is_not_refused_for_memory(void)
{
    struct store *store = kit_open_limited(8 * MIB, 0);
    put_crowd(store, &(struct crowd){"b", 20000, 1000, 0});
    kit_put(store, "b", "k", "9");
    EXPECT_INT(kit_incr(store, "b", "k", INT64_MAX - 9), STATUS_OK);
    kit_expect(store, "b", "k", "9223372036854775807");
    kit_close(store);
}

static void bank_beyond_the_limit_is_refused(void)
{
    struct store *store = kit_open_limited(0, 2);
    const struct store_value over = {.lifetime = {.rule = LIFETIME_OVER}};
    EXPECT_INT(kit_put(store, "b", "k", "value"), STATUS_OK);
    EXPECT_INT(kit_put(store, "c", "k", "value"), STATUS_OK);
    EXPECT_INT(kit_put(store, "d", "k", "value"), STATUS_RESOURCE_EXHAUSTED);
    EXPECT_INT(store_put(store, SLICE_LITERAL("d"), SLICE_LITERAL("k"), &over),
               STATUS_RESOURCE_EXHAUSTED);
    EXPECT_INT(kit_put(store, "b", "l", "value"), STATUS_OK);
    EXPECT_INT(store_usage(store).banks, 2);
    kit_close(store);
}

static const struct test_case cases[] = {
    TEST(empty_store_charges_little),
    TEST(charge_covers_the_bytes_of_key_and_value),
    TEST(charge_covers_a_value_that_has_memory_of_its_own),
    TEST(memory_comes_back_however_entries_go),
    TEST(memory_of_an_index_comes_back_however_entries_go),
    TEST(memory_of_large_values_comes_back_however_they_go),
    TEST(memory_of_many_banks_comes_back_after_resets),
    TEST(large_values_of_small_banks_come_back_after_resets),
    TEST(large_value_that_is_replaced_is_given_back),
    TEST(overwrites_of_changing_sizes_take_no_more_and_more),
    TEST(work_gives_back_what_is_over_and_nothing_else),
    TEST(work_is_not_late),
    TEST(work_waits_for_lifetimes_that_were_made_longer),
    TEST(work_comes_for_lifetimes_that_were_made_shorter),
    TEST(work_comes_in_pieces),
    TEST(reset_counts_at_once),
    TEST(memory_of_what_is_over_goes_back_to_the_system),
    TEST(put_beyond_the_memory_limit_evicts_what_is_old),
    TEST(value_beyond_the_memory_limit_is_refused),
    TEST(large_values_evict_each_other),
    TEST(incr_is_not_refused_for_memory),
    TEST(bank_beyond_the_limit_is_refused),
};

SUITE(store_work, cases);
