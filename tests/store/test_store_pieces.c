/* Lists of entries with their values, and what removes by prefix: in pieces,
 * with others at the same bank. */
#include "store/store.h"

#include "base/check.h"
#include "base/memory.h"
#include "store/listing.h"
#include "store/store_kit.h"
#include "support/resident.h"
#include "support/starve.h"
#include "support/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { KIB = 1024, MIB = 1024 * 1024, KEYS = 3000, LARGE = 300 * KIB };

/* Shown each page of a walk. */
typedef void (*page_fn)(void *arg, const struct response *response);

static size_t walk(struct store *store, enum listing_kind kind,
                   const char *prefix, page_fn show, void *arg)
{
    struct response response = {0};
    struct store_page page = {
        .prefix = slice_of_string(prefix), .limit = 1000, .kind = kind};
    size_t count = 0;
    char cursor[CURSOR_LEN_MAX];
    do {
        response_clear(&response);
        if (!EXPECT_INT(
                store_bank_keys(store, SLICE_LITERAL("b"), &page, &response),
                STATUS_OK)) {
            break;
        }
        count += response.count;
        if (show) {
            show(arg, &response);
        }
        memcpy(cursor, response.cursor, response.cursor_len);
        page.cursor = slice_of(cursor, response.cursor_len);
    } while (page.cursor.len > 0);
    response_fini(&response);
    return count;
}

/* What each number of key holds: length, kind and lifetime hang on it. */
static size_t len_of(unsigned number)
{
    return number % 500 == 0 ? LARGE + number : number * 3 % 700;
}

static enum status put_number(struct store *store, unsigned number, char *room)
{
    char key[16];
    size_t len = len_of(number);
    snprintf(key, sizeof key, "%u", number);
    memset(room, (int)number, len);
    const struct store_value value = {
        .bytes = slice_of(room, len),
        .kind = number % 2 ? VALUE_BYTES : VALUE_TEXT,
        .lifetime = lifetime_of_ms(number % 3 * 1000)};
    return store_put(store, SLICE_LITERAL("b"), slice_of_string(key), &value);
}

static void fill(struct store *store)
{
    char *room = memory_alloc_or_die(MIB);
    for (unsigned i = 0; i < KEYS; i++) {
        EXPECT_INT(put_number(store, i, room), STATUS_OK);
    }
    memory_free(room);
}

static unsigned number_of(struct slice key)
{
    unsigned number = 0;
    for (size_t i = 0; i < key.len; i++) {
        number = number * 10 + (unsigned)(key.data[i] - '0');
    }
    return number;
}

static bool is_all(struct slice bytes, char byte)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.data[i] != byte) {
            return false;
        }
    }
    return true;
}

/* How often each key was listed; when the page is shown, 400 ms are gone. */
static void check_entries(void *arg, const struct response *response)
{
    unsigned *times = arg;
    struct slice items = buffer_peek(&response->body);
    struct entry_item entry;
    size_t count = 0;
    while (response_next_entry(&items, &entry)) {
        unsigned number = number_of(entry.key);
        REQUIRE(number < KEYS);
        uint64_t ms = number % 3 * 1000;
        times[number]++;
        count++;
        EXPECT_INT(entry.value.len, len_of(number));
        EXPECT(is_all(entry.value, (char)number));
        EXPECT_INT(entry.facts.size, len_of(number));
        EXPECT_INT(entry.facts.kind, number % 2 ? VALUE_BYTES : VALUE_TEXT);
        EXPECT_INT(entry.facts.lifetime_ms, ms);
        EXPECT_INT(entry.facts.remaining_ms, ms ? ms - 400 : 0);
    }
    EXPECT_INT(count, response->count);
    EXPECT(response->count <= 1 ||
           buffer_len(&response->body) <= LISTING_BYTES_MAX);
}

static void entries_are_listed_once_with_all_that_they_are(void)
{
    static unsigned times[KEYS];
    memset(times, 0, sizeof times);
    struct store *store = kit_open();
    fill(store);
    kit_set_time(400);
    EXPECT_INT(walk(store, LISTING_ENTRIES, "", check_entries, times), KEYS);
    for (unsigned i = 0; i < KEYS; i++) {
        EXPECT_INT(times[i], 1);
    }
    EXPECT_INT(walk(store, LISTING_ENTRIES, "12", check_entries, times), 111);
    EXPECT_INT(kit_stats(store, "b").hits, 0);
    kit_set_time(1000);
    EXPECT_INT(walk(store, LISTING_ENTRIES, "", NULL, NULL), KEYS / 3 * 2);
    kit_close(store);
}

static void one_value_may_be_longer_than_a_page(void)
{
    enum { LEN = 5 * LISTING_BYTES_MAX };
    struct store *store = kit_open();
    kit_put_large(store, "b", "1", LEN);
    kit_put_large(store, "b", "2", LEN);
    kit_put(store, "b", "3", "short");
    EXPECT_INT(walk(store, LISTING_ENTRIES, "", NULL, NULL), 3);
    kit_close(store);
}

static void those_of_a_prefix_are_removed_and_no_others(void)
{
    struct store *store = kit_open();
    char key[16];
    fill(store);
    EXPECT_INT(walk(store, LISTING_REMOVE, "2", NULL, NULL), 1111);
    EXPECT_INT(kit_stats(store, "b").entries, KEYS - 1111);
    for (unsigned i = 0; i < KEYS; i++) {
        struct store_visit visit = {.condition.rule = CONDITION_NONE};
        snprintf(key, sizeof key, "%u", i);
        EXPECT_INT(kit_read(store, "b", key, &visit),
                   key[0] == '2' ? STATUS_NOT_FOUND : STATUS_OK);
    }
    EXPECT_INT(walk(store, LISTING_REMOVE, "2", NULL, NULL), 0);
    kit_expect(store, "b", "2", NULL);
    EXPECT_INT(kit_stats(store, "b").misses_removed, 1);
    EXPECT_INT(walk(store, LISTING_REMOVE, "", NULL, NULL), KEYS - 1111);
    kit_work(store);
    EXPECT_INT(kit_stats(store, "b").bytes, 0);
    EXPECT_INT(store_usage(store).entries, 0);
    kit_close(store);
}

static void what_is_over_is_not_counted_as_removed(void)
{
    struct store *store = kit_open();
    fill(store);
    kit_set_time(1000);
    EXPECT_INT(walk(store, LISTING_REMOVE, "", NULL, NULL), KEYS / 3 * 2);
    kit_work(store);
    EXPECT_INT(kit_stats(store, "b").entries, 0);
    EXPECT_INT(kit_stats(store, "b").expirations, KEYS / 3);
    kit_close(store);
}

static _Atomic bool is_over;
static _Atomic unsigned refused;

/* Puts, over and over, keys that stay, and of the prefix that goes. */
static void *put_all_the_time(void *arg)
{
    struct store *store = arg;
    char *room = memory_alloc_or_die(MIB);
    uint64_t random = test_seed();
    do {
        unsigned number = (unsigned)(test_random(&random) % KEYS);
        char key[16];
        snprintf(key, sizeof key, "%u", number);
        if (key[0] != '2') {
            refused += put_number(store, number, room) != STATUS_OK;
        }
        snprintf(key, sizeof key, "x%u", number);
        refused += kit_put(store, "b", key, "more") != STATUS_OK;
        kit_remove(store, "b", key);
    } while (!atomic_load(&is_over));
    memory_free(room);
    return NULL;
}

static void what_is_there_all_the_time_is_removed_beside_writers(void)
{
    enum { ROUNDS = IS_SANITIZED ? 5 : 30 };
    pthread_t threads[3];
    struct store *store = kit_open();
    fill(store);
    atomic_store(&is_over, false);
    atomic_store(&refused, 0);
    (void)test_seed(); /* The first time is not for threads. */
    for (int i = 0; i < 3; i++) {
        CHECK(!pthread_create(&threads[i], NULL, put_all_the_time, store));
    }
    char *room = memory_alloc_or_die(MIB);
    for (int round = 0; round < ROUNDS; round++) {
        EXPECT_INT(walk(store, LISTING_REMOVE, "2", NULL, NULL), 1111);
        EXPECT_INT(kit_list(store, "b", "2", 1000, NULL), 0);
        for (unsigned i = 0; i < KEYS; i++) {
            char key[16];
            snprintf(key, sizeof key, "%u", i);
            if (key[0] == '2') {
                EXPECT_INT(put_number(store, i, room), STATUS_OK);
            }
        }
        store_work(store);
    }
    memory_free(room);
    atomic_store(&is_over, true);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    EXPECT_INT(refused, 0);
    EXPECT_INT(kit_list(store, "b", "x", 1000, NULL), 0);
    EXPECT_INT(kit_list(store, "b", "", 1000, NULL), KEYS);
    EXPECT_INT(kit_stats(store, "b").entries, KEYS);
    kit_close(store);
}

static struct store *swept;

static void attempt_list(void *arg)
{
    (void)arg;
    struct response response = {0};
    const struct store_page page = {.limit = 1000, .kind = LISTING_ENTRIES};
    enum status status =
        store_bank_keys(swept, SLICE_LITERAL("b"), &page, &response);
    EXPECT_INT(status, starve_has_struck() ? STATUS_NOMEM : STATUS_OK);
    response_fini(&response);
}

static void a_list_without_memory_is_refused(void)
{
    swept = kit_open();
    kit_put_large(swept, "b", "1", LARGE);
    kit_expect(swept, "b", "none", NULL);
    EXPECT(starve(attempt_list, NULL) > 1);
    kit_close(swept);
}

static const struct test_case cases[] = {
    TEST(entries_are_listed_once_with_all_that_they_are),
    TEST(one_value_may_be_longer_than_a_page),
    TEST(those_of_a_prefix_are_removed_and_no_others),
    TEST(what_is_over_is_not_counted_as_removed),
    TEST(what_is_there_all_the_time_is_removed_beside_writers),
    TEST(a_list_without_memory_is_refused),
};

SUITE(store_pieces, cases);
