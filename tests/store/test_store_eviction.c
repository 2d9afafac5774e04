/* A store with a limit may forget; what it may not do is answer wrongly. */
#include "store/store.h"

#include "base/hash.h"
#include "base/memory.h"
#include "store/store_kit.h"
#include "support/resident.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

enum { MIB = 1024 * 1024, LEN_MAX = 64 * 1024, LATE_MAX = 16 * LEN_MAX };

static char bytes[LEN_MAX];

static struct slice key_of(char room[16], int number)
{
    int len = snprintf(room, 16, "k%d", number);
    return slice_of(room, (size_t)len);
}

static enum status put_nth(struct store *store, const char *bank, int number,
                           size_t len)
{
    char room[16];
    const struct store_value value = {.bytes = slice_of(bytes, len)};
    return store_put(store, slice_of_string(bank), key_of(room, number),
                     &value);
}

/* Reads entries `from` to `to`; how many were there. */
static int count_there(struct store *store, const char *bank, int from, int to)
{
    int count = 0;
    struct buffer got = {0};
    enum value_kind kind;
    for (int i = from; i < to; i++) {
        char room[16];
        buffer_clear(&got);
        count += store_get(store, slice_of_string(bank), key_of(room, i), NULL,
                           &got, &kind) == STATUS_OK;
    }
    buffer_fini(&got);
    return count;
}

/* What a key may hold: this version until then, or nothing. */
struct hope {
    uint64_t version; /* 0: nothing */
    uint64_t over_at;
};

enum {
    HOPE_BANKS = 3,
    HOPE_KEYS = 20000,
    HOPE_OPERATIONS = IS_SANITIZED ? 60 * 1000 : 300 * 1000,
    HOPE_OPERATIONS_LONG = 10 * 1000 * 1000,
    HOPE_LIMIT = 8 * MIB
};

struct doubter {
    struct store *store;
    uint64_t random;
    uint64_t now_ms;
    uint64_t last_version;
    struct hope hopes[HOPE_BANKS][HOPE_KEYS];
    uint64_t hits;
    uint64_t wrong;
    uint64_t refused;
};

/* How a value begins; the rest follows from it. */
struct head {
    uint64_t version;
    uint32_t bank;
    uint32_t key;
    uint32_t len;
    uint32_t fill;
};

static uint64_t draw(struct doubter *doubter, uint64_t count)
{
    return test_random(&doubter->random) % count;
}

static struct slice bank_of(uint64_t number)
{
    static const char *const names[HOPE_BANKS] = {"some", "more", "most"};
    return slice_of_string(names[number]);
}

static void put_and_hope(struct doubter *doubter, uint32_t bank, uint32_t key)
{
    static const size_t len_maxes[] = {30, 100, 600, 600, 3000, 20000};
    char room[16];
    struct head head = {
        .version = ++doubter->last_version,
        .bank = bank,
        .key = key,
        .len = (uint32_t)(sizeof head +
                          draw(doubter, len_maxes[draw(doubter, 6)])),
        .fill = (uint32_t)draw(doubter, 256),
    };
    memcpy(bytes, &head, sizeof head);
    memset(bytes + sizeof head, (int)head.fill, head.len - sizeof head);
    struct store_value value = {.bytes = slice_of(bytes, head.len)};
    struct hope *hope = &doubter->hopes[bank][key];
    *hope = (struct hope){head.version, UINT64_MAX};
    if (draw(doubter, 4) == 0) {
        value.lifetime =
            (struct lifetime){LIFETIME_NEW, 1 + draw(doubter, 2000)};
        hope->over_at = doubter->now_ms + value.lifetime.ms;
    }
    doubter->refused += store_put(doubter->store, bank_of(bank),
                                  key_of(room, (int)key), &value) != STATUS_OK;
}

static bool is_whole(struct slice value, uint32_t bank, uint32_t key,
                     uint64_t version)
{
    struct head head;
    if (value.len < sizeof head) {
        return false;
    }
    memcpy(&head, value.data, sizeof head);
    for (size_t i = sizeof head; i < value.len; i++) {
        if ((unsigned char)value.data[i] != head.fill) {
            return false;
        }
    }
    return head.bank == bank && head.key == key && head.len == value.len &&
           head.version == version;
}

static void get_and_doubt(struct doubter *doubter, uint32_t bank, uint32_t key)
{
    char room[16];
    struct buffer got = {0};
    enum value_kind kind;
    const struct hope *hope = &doubter->hopes[bank][key];
    if (store_get(doubter->store, bank_of(bank), key_of(room, (int)key), NULL,
                  &got, &kind) == STATUS_OK) {
        doubter->hits++;
        doubter->wrong +=
            hope->version == 0 || hope->over_at <= doubter->now_ms ||
            !is_whole(buffer_peek(&got), bank, key, hope->version);
    }
    buffer_fini(&got);
}

static void end_hope(struct doubter *doubter, uint32_t bank, uint32_t key)
{
    char room[16];
    if (draw(doubter, 300) == 0) {
        store_bank_reset(doubter->store, bank_of(bank));
        memset(doubter->hopes[bank], 0, sizeof doubter->hopes[bank]);
    } else if (draw(doubter, 2)) {
        store_remove(doubter->store, bank_of(bank), key_of(room, (int)key));
        doubter->hopes[bank][key].version = 0;
    } else {
        struct hope *hope = &doubter->hopes[bank][key];
        uint64_t ms = 1 + draw(doubter, 2000);
        if (store_touch(doubter->store, bank_of(bank), key_of(room, (int)key),
                        (struct lifetime){LIFETIME_NEW, ms}) == STATUS_OK) {
            doubter->wrong += hope->over_at <= doubter->now_ms;
            hope->over_at = doubter->now_ms + ms;
        }
    }
}

static void let_time_pass(struct doubter *doubter)
{
    doubter->now_ms += draw(doubter, 20);
    kit_set_time(doubter->now_ms);
    store_work(doubter->store);
}

static void do_something(struct doubter *doubter)
{
    uint32_t bank = (uint32_t)draw(doubter, HOPE_BANKS);
    uint32_t key = (uint32_t)draw(doubter, 1 + draw(doubter, HOPE_KEYS));
    uint64_t choice = draw(doubter, 1000);
    if (choice < 500) {
        put_and_hope(doubter, bank, key);
    } else if (choice < 930) {
        get_and_doubt(doubter, bank, key);
    } else if (choice < 990) {
        end_hope(doubter, bank, key);
    } else {
        let_time_pass(doubter);
    }
}

static void what_is_read_was_the_last_that_was_written(void)
{
    int count = test_is_long() ? HOPE_OPERATIONS_LONG : HOPE_OPERATIONS;
    struct doubter *doubter = memory_alloc_or_die(sizeof *doubter);
    doubter->store = kit_open_limited(HOPE_LIMIT, 0);
    doubter->random = test_seed();
    for (int i = 0; i < count && doubter->wrong == 0; i++) {
        do_something(doubter);
    }
    EXPECT_INT(doubter->wrong, 0);
    EXPECT_INT(doubter->refused, 0);
    EXPECT(doubter->hits > (uint64_t)count / 50);
    EXPECT(store_usage(doubter->store).bytes <= HOPE_LIMIT + MIB);
    kit_close(doubter->store);
    memory_free(doubter);
}

static void what_is_asked_for_survives_a_scan_of_what_is_not(void)
{
    enum {
        HOT = 200,
        COLD = IS_SANITIZED ? 35 * 1000 : 200 * 1000,
        LEN = 600,
        EACH = 500
    };
    struct store *store = kit_open_limited(16 * MIB, 0);
    for (int i = 0; i < HOT; i++) {
        EXPECT_INT(put_nth(store, "b", i, LEN), STATUS_OK);
    }
    EXPECT_INT(count_there(store, "b", 0, HOT), HOT);
    for (int i = HOT; i < COLD; i++) {
        EXPECT_INT(put_nth(store, "b", i, LEN), STATUS_OK);
        if (i % EACH == 0) {
            store_work(store);
            EXPECT_INT(count_there(store, "b", 0, HOT), HOT);
        }
    }
    EXPECT(count_there(store, "b", HOT, 10 * HOT) < HOT);
    kit_close(store);
}

enum {
    FLOOD = 40 * 1000,
    FLOOD_LEN = 600,
    FLOOD_LIMIT = 16 * MIB,
    FLOOD_WORK_EACH = 500
};

/* Puts entries `from` to `to`, and asks for each if `is_asked`. */
static void put_row(struct store *store, int from, int to, bool is_asked)
{
    for (int i = from; i < to; i++) {
        EXPECT_INT(put_nth(store, "b", i, FLOOD_LEN), STATUS_OK);
        EXPECT_INT(!is_asked || count_there(store, "b", i, i + 1), true);
        if (i % FLOOD_WORK_EACH == 0) {
            store_work(store);
        }
    }
}

static void what_is_written_again_survives_a_flood(void)
{
    enum { HOT = 200 };
    struct store *store = kit_open_limited(FLOOD_LIMIT, 0);
    put_row(store, 0, 2 * HOT, false);
    put_row(store, 0, HOT, false);
    put_row(store, 2 * HOT, FLOOD, false);
    EXPECT_INT(count_there(store, "b", 0, HOT), HOT);
    EXPECT_INT(count_there(store, "b", HOT, 2 * HOT), 0);
    kit_close(store);
}

/* Puts entries of `len` bytes, and asks for each so often. */
static void put_asked(struct store *store, int from, int to, size_t len,
                      int hits)
{
    for (int i = from; i < to; i++) {
        EXPECT_INT(put_nth(store, "b", i, len), STATUS_OK);
        for (int k = 0; k < hits; k++) {
            EXPECT_INT(count_there(store, "b", i, i + 1), 1);
        }
    }
}

static void large_entry_survives_only_if_asked_for_more(void)
{
    enum { SOME = 30, LARGE = 20 * FLOOD_LEN, MEDIUM = 6 * FLOOD_LEN };
    struct store *store = kit_open_limited(FLOOD_LIMIT, 0);
    put_asked(store, 0, SOME, FLOOD_LEN, 1);
    put_asked(store, SOME, 2 * SOME, MEDIUM, 1);
    put_asked(store, 2 * SOME, 3 * SOME, MEDIUM, 2);
    put_asked(store, 3 * SOME, 4 * SOME, LARGE, 2);
    put_asked(store, 4 * SOME, 5 * SOME, LARGE, 3);
    put_row(store, 5 * SOME, FLOOD, false);
    EXPECT_INT(count_there(store, "b", 0, SOME), SOME);
    EXPECT_INT(count_there(store, "b", SOME, 2 * SOME), 0);
    EXPECT_INT(count_there(store, "b", 2 * SOME, 3 * SOME), SOME);
    EXPECT_INT(count_there(store, "b", 3 * SOME, 4 * SOME), 0);
    EXPECT_INT(count_there(store, "b", 4 * SOME, 5 * SOME), SOME);
    kit_close(store);
}

/* Asking for one of the first entries keeps it: so each is asked for once,
 * until one is not there. */
static int put_asked_until_first_leave(struct store *store, int from)
{
    enum { EACH = 500 };
    int at = from;
    for (int probe = 0; count_there(store, "b", probe, probe + 1); probe++) {
        put_row(store, at, at + EACH, true);
        at += EACH;
    }
    put_row(store, at, at + 4 * EACH, true);
    return at + 4 * EACH;
}

static void what_leaves_the_main_queue_is_as_good_as_new(void)
{
    enum { FIRST = 1000, REST = FIRST / 2 };
    struct store *store = kit_open_limited(FLOOD_LIMIT, 0);
    put_row(store, 0, FIRST, true);
    int next = put_asked_until_first_leave(store, FIRST);
    EXPECT_INT(count_there(store, "b", REST, FIRST), 0);
    put_row(store, REST, FIRST, false);
    put_row(store, next, next + FLOOD / 4, false);
    EXPECT(count_there(store, "b", REST, FIRST) < REST / 5);
    kit_close(store);
}

static void small_bank_is_left_alone_by_a_flood_in_another(void)
{
    enum {
        FEW = 300,
        MANY = IS_SANITIZED ? 40 * 1000 : 200 * 1000,
        LEN = 600,
        EACH = 500
    };
    struct store *store = kit_open_limited(16 * MIB, 0);
    for (int i = 0; i < FEW; i++) {
        EXPECT_INT(put_nth(store, "small", i, 100), STATUS_OK);
    }
    for (int i = 0; i < MANY; i++) {
        EXPECT_INT(put_nth(store, "flood", i, LEN), STATUS_OK);
        if (i % EACH == 0) {
            store_work(store);
            EXPECT_INT(put_nth(store, "small", i / EACH % FEW, 100), STATUS_OK);
        }
    }
    EXPECT_INT(count_there(store, "small", 0, FEW), FEW);
    kit_close(store);
}

/* Whoever is asked for by everybody cannot be kept: nothing fails then. */
static void put_succeeds_where_everything_is_hot(void)
{
    enum {
        LIMIT = 8 * MIB,
        COUNT = IS_SANITIZED ? 25 * 1000 : 60 * 1000,
        LEN = 600,
        LATELY = 5000
    };
    struct store *store = kit_open_limited(LIMIT, 0);
    for (int i = 0; i < COUNT; i++) {
        EXPECT_INT(put_nth(store, "b", i, LEN), STATUS_OK);
        int from = i % LATELY;
        if (i >= LATELY) {
            count_there(store, "b", i - from, i - from + 10);
        }
        count_there(store, "b", i, i + 1);
        count_there(store, "b", i, i + 1);
        count_there(store, "b", i, i + 1);
    }
    EXPECT(store_usage(store).bytes <= LIMIT + LIMIT / 4);
    kit_close(store);
}

/* Sizes go up and down; each fills the limit more than once. */
static void fill_with(struct store *store, size_t len, uint64_t limit)
{
    enum { KEY_LEN = 8, OVERHEAD = 20, LOOK_EACH = 256, WORK_EACH = 2048 };
    int count = (int)(limit / (len + KEY_LEN + OVERHEAD) * 5 / 4);
    uint64_t most = 0;
    int refused = 0;
    for (int i = 0; i < count; i++) {
        refused += put_nth(store, "b", i, len) != STATUS_OK;
        if (i % LOOK_EACH == 0) {
            uint64_t used = store_usage(store).bytes;
            most = used > most ? used : most;
        }
        if (i % WORK_EACH == 0) {
            store_work(store);
        }
    }
    EXPECT_INT(refused, 0);
    EXPECT_INT(count_there(store, "b", count - 1, count), 1);
    if (!EXPECT(most <= limit + limit / 50 + LATE_MAX)) {
        fprintf(stderr, "  values of %zu bytes: %llu of %llu\n", len,
                (unsigned long long)most, (unsigned long long)limit);
    }
}

static void sizes_that_come_and_go_keep_the_limit(void)
{
    static const size_t lens[] = {8,     32,    200,  1000, 5000, 20000,
                                  65536, 20000, 5000, 1000, 200,  32};
    const uint64_t limit = IS_SANITIZED ? 8 * MIB : 64 * MIB;
    int cycles = test_is_long() ? 10 : IS_SANITIZED ? 1 : 2;
    struct store *store = kit_open_limited(limit, 0);
    long before = resident_bytes();
    for (int i = 0; i < cycles; i++) {
        for (size_t k = 0; k < sizeof lens / sizeof lens[0]; k++) {
            fill_with(store, lens[k], limit);
            long growth = resident_bytes() - before;
            if (!EXPECT(IS_SANITIZED || growth <= (long)limit / 4 * 5)) {
                fprintf(stderr, "  values of %zu bytes: grown by %ld\n",
                        lens[k], growth);
            }
        }
    }
    kit_close(store);
}

static const struct test_case cases[] = {
    TEST(what_is_read_was_the_last_that_was_written),
    TEST(what_is_asked_for_survives_a_scan_of_what_is_not),
    TEST(what_is_written_again_survives_a_flood),
    TEST(large_entry_survives_only_if_asked_for_more),
    TEST(what_leaves_the_main_queue_is_as_good_as_new),
    TEST(small_bank_is_left_alone_by_a_flood_in_another),
    TEST(put_succeeds_where_everything_is_hot),
    TEST(sizes_that_come_and_go_keep_the_limit),
};

SUITE(store_eviction, cases);
