/* Many threads at once, each of which proves that what it sees is whole and
 * belongs where it found it. Counters of what went wrong are kept by each
 * thread and looked at when all have ended. */
#include "store/store.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "core/response.h"
#include "store/store_kit.h"
#include "support/resident.h"
#include "support/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    THREADS = 4,
    OPERATIONS = IS_SANITIZED ? 8 * 1000 : 20 * 1000,
    OPERATIONS_LONG = 2 * 1000 * 1000,
    BANKS = 3,
    KEYS = 48, /* a multiple of THREADS, as KEYS_MAX is */
    SUMS = 5,
    MIB = 1024 * 1024
};

/* What the threads of a case do. */
struct mix {
    uint32_t keys;
    uint32_t len_max; /* of a value */
    uint32_t rarely;  /* one value in so many is as long as ... */
    uint32_t rare_len;
    uint32_t mortal; /* one value in so many has a lifetime */
    uint64_t memory_max;
};

enum { KEYS_MAX = 4000, LEN_MAX = 300 * 1024 };

/* Many writers to few keys; all that is removed has been removed. */
static const struct mix narrow = {
    .keys = KEYS,
    .len_max = 1500,
    .rarely = 5000,
    .rare_len = LEN_MAX,
    .mortal = 2,
};

/* More than there is room for: segments are filled, evicted and compacted. */
static const struct mix crowded = {
    .keys = KEYS_MAX,
    .len_max = 5000,
    .rarely = 500,
    .rare_len = LEN_MAX,
    .mortal = 4,
    .memory_max = 8 * MIB,
};

/* The same with room for everything: overwritten and compacted. */
static const struct mix wide = {
    .keys = KEYS_MAX,
    .len_max = 2000,
    .rarely = 2000,
    .rare_len = LEN_MAX,
    .mortal = 4,
};

/* Bytes that may be charged when nothing is there but a few; and beyond the
 * limit by threads that have found room at the same time. */
enum { REST_MAX = 2 * MIB, LATE_MAX = 2 * MIB };

/* How a value describes itself; bytes drawn from `seed` follow. */
struct head {
    uint32_t bank;
    uint32_t key;
    uint32_t len; /* of all */
    uint32_t proof;
    uint64_t sequence; /* grows with each put of the key */
    uint64_t seed;
};

struct worker {
    pthread_t thread;
    struct store *store;
    const struct mix *mix;
    uint32_t number;
    uint64_t sequence; /* of its last put */
    uint64_t *seen;    /* of each key, the greatest */
    char *room;        /* for a value */
    uint64_t random;
    int operations;
    int64_t added[SUMS];
    unsigned foreign;  /* values and keys that belong elsewhere */
    unsigned torn;     /* values that are not whole */
    unsigned refused;  /* operations that failed and should not */
    unsigned returned; /* values from before a reset, or before one that was
                          seen, seen after */
};

/* What the threads of a case share beside the store. */
static _Atomic bool is_over;
static _Atomic uint64_t oldest_life; /* of the bank that is reset */

static uint64_t draw(struct worker *worker, uint64_t count)
{
    return test_random(&worker->random) % count;
}

static struct slice print(char room[16], const char *word, uint64_t number)
{
    int len = snprintf(room, 16, "%s%d", word, (int)number);
    return slice_of(room, (size_t)len);
}

static uint32_t prove(const char *bytes, size_t len)
{
    const struct hash_key key = {3, 4};
    struct head head;
    memcpy(&head, bytes, sizeof head);
    head.proof = 0;
    uint64_t halves[] = {
        hash_bytes(&key, slice_of(&head, sizeof head)),
        hash_bytes(&key, slice_of(bytes + sizeof head, len - sizeof head))};
    return (uint32_t)hash_bytes(&key, slice_of(halves, sizeof halves));
}

static struct slice make_value(struct worker *worker, uint32_t bank,
                               uint32_t key)
{
    char *room = worker->room;
    bool is_rare = draw(worker, worker->mix->rarely) == 0;
    uint32_t len_max = is_rare ? worker->mix->rare_len : worker->mix->len_max;
    struct head head = {
        .bank = bank,
        .key = key,
        .len = (uint32_t)(sizeof head + draw(worker, len_max)),
        .sequence = ++worker->sequence,
        .seed = draw(worker, UINT64_MAX),
    };
    memcpy(room, &head, sizeof head);
    memset(room + sizeof head, (int)(head.seed & 0xff), head.len - sizeof head);
    head.proof = prove(room, head.len);
    memcpy(room, &head, sizeof head);
    return slice_of(room, head.len);
}

static void check_value(struct worker *worker, struct slice value,
                        uint32_t bank, uint32_t key)
{
    struct head head;
    if (value.len < sizeof head) {
        worker->torn++;
        return;
    }
    memcpy(&head, value.data, sizeof head);
    worker->torn +=
        head.len != value.len || head.proof != prove(value.data, value.len);
    worker->foreign += head.bank != bank || head.key != key;
    uint64_t *seen = &worker->seen[bank * KEYS_MAX + key];
    worker->returned += head.sequence < *seen;
    *seen = head.sequence > *seen ? head.sequence : *seen;
}

/* Only one thread puts a key, so that its sequence is the order of time. */
static void put_something(struct worker *worker, uint32_t bank, uint32_t key)
{
    char bank_room[16];
    char key_room[16];
    key = key - key % THREADS + worker->number;
    struct store_value value = {
        .bytes = make_value(worker, bank, key),
    };
    if (draw(worker, worker->mix->mortal) == 0) {
        value.lifetime = (struct lifetime){LIFETIME_NEW, 1 + draw(worker, 50)};
    }
    worker->refused +=
        store_put(worker->store, print(bank_room, "bank", bank),
                  print(key_room, "key", key), &value) != STATUS_OK;
}

static void get_something(struct worker *worker, uint32_t bank, uint32_t key)
{
    char bank_room[16];
    char key_room[16];
    struct buffer bytes = {0};
    enum value_kind kind;
    struct lifetime touch = {LIFETIME_NEW, 1 + draw(worker, 50)};
    enum status status =
        store_get(worker->store, print(bank_room, "bank", bank),
                  print(key_room, "key", key), draw(worker, 4) ? NULL : &touch,
                  &bytes, &kind);
    if (status == STATUS_OK) {
        check_value(worker, buffer_peek(&bytes), bank, key);
    }
    worker->refused += status != STATUS_OK && status != STATUS_NOT_FOUND;
    buffer_fini(&bytes);
}

static void end_something(struct worker *worker, uint32_t bank, uint32_t key)
{
    char bank_room[16];
    char key_room[16];
    struct slice name = print(bank_room, "bank", bank);
    if (draw(worker, worker->mix->keys) == 0) {
        worker->refused += store_bank_reset(worker->store, name) != STATUS_OK;
    } else if (draw(worker, 2)) {
        store_remove(worker->store, name, print(key_room, "key", key));
    } else {
        store_touch(worker->store, name, print(key_room, "key", key),
                    (struct lifetime){LIFETIME_SAME, 0});
    }
}

/* Adds to one of the sums, by turns in both ways. */
static void add_something(struct worker *worker)
{
    char key_room[16];
    uint64_t which = draw(worker, SUMS);
    int64_t amount = (int64_t)draw(worker, 1000) - 300;
    const struct increment delta = {
        .delta = {.is_integer = true, .integer = amount}};
    struct number sum;
    enum status status =
        store_incr(worker->store, SLICE_LITERAL("sums"),
                   print(key_room, "key", which), &delta, &sum);
    bool is_evicted = worker->mix->memory_max && status == STATUS_NOT_FOUND;
    worker->refused += status != STATUS_OK && !is_evicted;
    worker->added[which] += amount;
}

static void check_keys(struct worker *worker, const struct response *response)
{
    bool is_listed[KEYS_MAX] = {false};
    struct slice items = buffer_peek(&response->body);
    for (struct slice item; response_next_item(&items, &item);) {
        char text[16] = "";
        memcpy(text, item.data, item.len < 15 ? item.len : 15);
        unsigned long number = strtoul(text + 3, NULL, 10);
        bool is_known = number < KEYS_MAX && !memcmp(text, "key", 3);
        worker->foreign += !is_known || is_listed[number];
        if (is_known) {
            is_listed[number] = true;
        }
    }
}

/* A few pages; a reset may make the cursor out of date. */
static void list_something(struct worker *worker, uint32_t bank)
{
    char bank_room[16];
    struct response response = {0};
    struct store_page page = {.limit = 20};
    enum status status = STATUS_OK;
    do {
        response_clear(&response);
        status = store_bank_keys(worker->store, print(bank_room, "bank", bank),
                                 &page, &response);
        check_keys(worker, &response);
        page.cursor = slice_of(response.cursor, response.cursor_len);
    } while (status == STATUS_OK && response.cursor_len > 0);
    worker->refused += status != STATUS_OK && status != STATUS_ABORTED;
    response_fini(&response);
}

static void *work_at_random(void *arg)
{
    struct worker *worker = arg;
    for (int i = 0; i < worker->operations; i++) {
        uint32_t bank = (uint32_t)draw(worker, BANKS);
        uint32_t key = (uint32_t)draw(worker, worker->mix->keys);
        uint64_t choice = draw(worker, 1000);
        if (choice < 400) {
            put_something(worker, bank, key);
        } else if (choice < 700) {
            get_something(worker, bank, key);
        } else if (choice < 800) {
            end_something(worker, bank, key);
        } else if (choice < 995) {
            add_something(worker);
        } else {
            list_something(worker, bank);
        }
    }
    return NULL;
}

/* Lets the time pass and does what waits, until the others are done. */
static void *work_in_background(void *arg)
{
    struct store *store = arg;
    for (uint64_t now = 1; !atomic_load(&is_over); now++) {
        kit_set_time(now);
        store_work(store);
    }
    return NULL;
}

static void start_worker(struct worker *worker, struct store *store,
                         const struct mix *mix, void *(*run)(void *arg),
                         uint64_t number)
{
    *worker = (struct worker){
        .store = store,
        .mix = mix,
        .number = (uint32_t)number,
        .seen = memory_alloc_or_die(BANKS * KEYS_MAX * sizeof(uint64_t)),
        .room = memory_alloc_or_die(sizeof(struct head) + LEN_MAX),
        .random = test_seed() + number,
        .operations = test_is_long() ? OPERATIONS_LONG : OPERATIONS,
    };
    CHECK(pthread_create(&worker->thread, NULL, run, worker) == 0);
}

static void join_worker(struct worker *worker)
{
    CHECK(pthread_join(worker->thread, NULL) == 0);
    EXPECT_INT(worker->foreign, 0);
    EXPECT_INT(worker->torn, 0);
    EXPECT_INT(worker->refused, 0);
    EXPECT_INT(worker->returned, 0);
    memory_free(worker->seen);
    memory_free(worker->room);
}

static void expect_sums(struct store *store, const struct worker *workers)
{
    for (uint64_t i = 0; i < SUMS; i++) {
        int64_t must = 0;
        for (int k = 0; k < THREADS; k++) {
            must += workers[k].added[i];
        }
        char key[16];
        char text[32];
        print(key, "key", i);
        snprintf(text, sizeof text, "%lld", (long long)must);
        kit_expect(store, "sums", key, text);
    }
}

static void put_sums(struct store *store)
{
    for (uint64_t i = 0; i < SUMS; i++) {
        char key[16];
        print(key, "key", i);
        kit_put(store, "sums", key, "0");
    }
}

/* Everything at once, by all threads, while one does what waits. */
static void run_mix(struct store *store, const struct mix *mix,
                    struct worker workers[THREADS])
{
    pthread_t background;
    put_sums(store);
    atomic_store(&is_over, false);
    CHECK(pthread_create(&background, NULL, work_in_background, store) == 0);
    for (unsigned i = 0; i < THREADS; i++) {
        start_worker(&workers[i], store, mix, work_at_random, i);
    }
    for (int i = 0; i < THREADS; i++) {
        join_worker(&workers[i]);
    }
    atomic_store(&is_over, true);
    CHECK(pthread_join(background, NULL) == 0);
}

static void reset_banks(struct store *store)
{
    for (uint64_t i = 0; i < BANKS; i++) {
        char bank[16];
        store_bank_reset(store, print(bank, "bank", i));
    }
    kit_work(store);
}

static void threads_at_once_see_whole_values_and_lose_no_sum(void)
{
    struct store *store = kit_open();
    struct worker workers[THREADS];
    run_mix(store, &narrow, workers);
    expect_sums(store, workers);
    reset_banks(store);
    EXPECT_INT(store_usage(store).entries, SUMS);
    kit_close(store);
}

static void threads_at_once_lose_no_sum_while_all_else_is_moved(void)
{
    struct store *store = kit_open();
    struct worker workers[THREADS];
    run_mix(store, &wide, workers);
    expect_sums(store, workers);
    reset_banks(store);
    EXPECT_INT(store_usage(store).entries, SUMS);
    EXPECT(store_usage(store).bytes < REST_MAX);
    kit_close(store);
}

static void threads_at_once_see_whole_values_under_a_limit(void)
{
    struct store *store = kit_open_limited(crowded.memory_max, 0);
    struct worker workers[THREADS];
    run_mix(store, &crowded, workers);
    EXPECT(store_usage(store).bytes <= crowded.memory_max + LATE_MAX);
    EXPECT(store_usage(store).bytes > crowded.memory_max / 2);
    reset_banks(store);
    EXPECT(store_usage(store).entries <= SUMS);
    EXPECT(store_usage(store).bytes < REST_MAX);
    kit_close(store);
}

/* Of one length, so that they are written over each other, and then of two,
 * so that they are not. */
enum { HOT_LEN = 3000, OVERWRITES = IS_SANITIZED ? 10 * 1000 : 500 * 1000 };

static void *overwrite_one(void *arg)
{
    struct worker *worker = arg;
    for (int i = 0; i < OVERWRITES; i++) {
        bool is_changing = i >= OVERWRITES / 2;
        size_t len = is_changing && i % 2 ? HOT_LEN + 8 : HOT_LEN;
        const struct store_value value = {.bytes = slice_of(worker->room, len)};
        memset(worker->room, i, len);
        worker->refused += store_put(worker->store, SLICE_LITERAL("b"),
                                     SLICE_LITERAL("k"), &value) != STATUS_OK;
    }
    atomic_store(&is_over, true);
    return NULL;
}

static void *read_one(void *arg)
{
    struct worker *worker = arg;
    struct buffer bytes = {0};
    enum value_kind kind;
    while (!atomic_load(&is_over)) {
        buffer_clear(&bytes);
        worker->refused +=
            store_get(worker->store, SLICE_LITERAL("b"), SLICE_LITERAL("k"),
                      NULL, &bytes, &kind) != STATUS_OK;
        struct slice value = buffer_peek(&bytes);
        worker->torn += value.len < HOT_LEN ||
                        memcmp(value.data, value.data + 1, value.len - 1) != 0;
    }
    buffer_fini(&bytes);
    return NULL;
}

static void value_that_is_written_over_is_read_whole(void)
{
    struct store *store = kit_open();
    struct worker workers[2];
    kit_put_large(store, "b", "k", HOT_LEN);
    atomic_store(&is_over, false);
    start_worker(&workers[0], store, &narrow, overwrite_one, 0);
    start_worker(&workers[1], store, &narrow, read_one, 1);
    join_worker(&workers[0]);
    join_worker(&workers[1]);
    kit_close(store);
}

/* Puts the number of the bank's life under all keys, resets, and tells the
 * readers that nothing older can be there. */
static void *put_and_reset(void *arg)
{
    struct worker *worker = arg;
    char key_room[16];
    for (uint64_t life = 1; life * 40 < (uint64_t)worker->operations; life++) {
        const struct store_value value = {
            .bytes = {(const char *)&life, sizeof life}};
        for (uint64_t key = 0; key < KEYS; key++) {
            worker->refused +=
                store_put(worker->store, SLICE_LITERAL("lives"),
                          print(key_room, "key", key), &value) != STATUS_OK;
        }
        worker->refused +=
            store_bank_reset(worker->store, SLICE_LITERAL("lives")) !=
            STATUS_OK;
        atomic_store(&oldest_life, life + 1);
    }
    atomic_store(&is_over, true);
    return NULL;
}

static void *read_lives(void *arg)
{
    struct worker *worker = arg;
    char key_room[16];
    struct buffer bytes = {0};
    while (!atomic_load(&is_over)) {
        uint64_t oldest = atomic_load(&oldest_life);
        uint64_t life;
        enum value_kind kind;
        buffer_clear(&bytes);
        struct slice key = print(key_room, "key", draw(worker, KEYS));
        if (store_get(worker->store, SLICE_LITERAL("lives"), key, NULL, &bytes,
                      &kind) == STATUS_OK) {
            memcpy(&life, buffer_peek(&bytes).data, sizeof life);
            worker->returned += life < oldest;
        }
    }
    buffer_fini(&bytes);
    return NULL;
}

static void nothing_from_before_a_reset_is_seen_after_it(void)
{
    struct store *store = kit_open();
    struct worker workers[THREADS];
    pthread_t background;
    atomic_store(&is_over, false);
    atomic_store(&oldest_life, 0);
    CHECK(pthread_create(&background, NULL, work_in_background, store) == 0);
    start_worker(&workers[0], store, &narrow, put_and_reset, 0);
    for (unsigned i = 1; i < THREADS; i++) {
        start_worker(&workers[i], store, &narrow, read_lives, i);
    }
    for (int i = 0; i < THREADS; i++) {
        join_worker(&workers[i]);
    }
    CHECK(pthread_join(background, NULL) == 0);
    kit_work(store);
    EXPECT_INT(store_usage(store).entries, 0);
    kit_close(store);
}

/* All threads make the same new banks at the same time. */
static void *make_banks(void *arg)
{
    struct worker *worker = arg;
    char bank_room[16];
    char key_room[16];
    const struct store_value value = {.bytes = SLICE_LITERAL("value")};
    struct slice key = print(key_room, "key", draw(worker, UINT16_MAX));
    for (uint64_t i = 0; i < 300; i++) {
        struct slice bank = print(bank_room, "bank", i);
        worker->refused +=
            store_put(worker->store, bank, key, &value) != STATUS_OK;
        worker->refused += store_remove(worker->store, bank, key) != STATUS_OK;
    }
    return NULL;
}

static void banks_made_at_the_same_time_are_one(void)
{
    struct store *store = kit_open();
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        start_worker(&workers[i], store, &narrow, make_banks, i);
    }
    for (int i = 0; i < THREADS; i++) {
        join_worker(&workers[i]);
    }
    EXPECT_INT(store_usage(store).banks, 300);
    EXPECT_INT(store_usage(store).entries, 0);
    EXPECT_INT(kit_list(store, NULL, "", 50, NULL), 300);
    kit_close(store);
}

static const struct test_case cases[] = {
    TEST(threads_at_once_see_whole_values_and_lose_no_sum),
    TEST(threads_at_once_lose_no_sum_while_all_else_is_moved),
    TEST(threads_at_once_see_whole_values_under_a_limit),
    TEST(value_that_is_written_over_is_read_whole),
    TEST(nothing_from_before_a_reset_is_seen_after_it),
    TEST(banks_made_at_the_same_time_are_one),
};

SUITE(store_threads, cases);
