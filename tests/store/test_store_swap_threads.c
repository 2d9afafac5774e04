/* Banks are dropped, renamed and swapped while threads are at them. Every value
 * says which key and which of the bank's generations it belongs to. */
#include "store/store.h"

#include "base/check.h"
#include "base/memory.h"
#include "core/number.h"
#include "store/session.h"
#include "store/store_kit.h"
#include "support/resident.h"
#include "support/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum {
    MIB = 1024 * 1024,
    THREADS = 4,
    KEYS = 64,
    LARGE = 300 * 1024,
    LEN = 600
};

/* What a value begins with; bytes that hang on all of it follow. */
struct head {
    uint64_t generation;
    uint64_t key;
    uint64_t len;
};

struct worker {
    pthread_t thread;
    struct store *store;
    uint64_t number;
    uint64_t random;
    uint64_t done;
    unsigned torn;  /* values that are not whole, or another key's */
    unsigned lost;  /* keys that were there all the time, and not found */
    unsigned early; /* values of a bank that has not its name yet */
    unsigned late;  /* values of one that has it no more */
    unsigned refused;
    char room[LARGE];
};

static _Atomic uint64_t announced; /* the generation that comes */
static _Atomic uint64_t published; /* the one that is there */
static _Atomic bool is_over;

static char byte_of(const struct head *head, size_t at)
{
    return (char)(head->generation * 31 + head->key * 7 + at);
}

static struct slice key_of(char room[16], uint64_t key)
{
    int len = snprintf(room, 16, "key %d", (int)key);
    return slice_of(room, (size_t)len);
}

static enum status put_value(struct worker *worker, const char *bank,
                             const struct head *head)
{
    char name[16];
    memcpy(worker->room, head, sizeof *head);
    for (size_t i = sizeof *head; i < head->len; i++) {
        worker->room[i] = byte_of(head, i);
    }
    const struct store_value value = {.bytes =
                                          slice_of(worker->room, head->len)};
    return store_put(worker->store, slice_of_string(bank),
                     key_of(name, head->key), &value);
}

/* The generation of a value that is whole, and under its key; 0: it is not. */
static uint64_t generation_of(struct slice value, uint64_t key)
{
    struct head head;
    if (value.len < sizeof head) {
        return 0;
    }
    memcpy(&head, value.data, sizeof head);
    bool is_whole = head.len == value.len && head.key == key;
    for (size_t i = sizeof head; i < value.len && is_whole; i++) {
        is_whole = value.data[i] == byte_of(&head, i);
    }
    return is_whole ? head.generation : 0;
}

static void start(struct store *store, struct worker *workers,
                  void *(*run)(void *))
{
    atomic_store(&is_over, false);
    for (int i = 0; i < THREADS; i++) {
        workers[i].store = store;
        workers[i].number = (uint64_t)i;
        workers[i].random = test_seed() + (uint64_t)i;
        CHECK(pthread_create(&workers[i].thread, NULL, run, &workers[i]) == 0);
    }
}

static void end(struct worker *workers)
{
    atomic_store(&is_over, true);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        EXPECT_INT(workers[i].torn, 0);
        EXPECT_INT(workers[i].lost, 0);
        EXPECT_INT(workers[i].early, 0);
        EXPECT_INT(workers[i].late, 0);
        EXPECT_INT(workers[i].refused, 0);
        EXPECT(workers[i].done > 0);
    }
    memory_free(workers);
}

static struct worker *make_workers(void)
{
    struct worker *workers =
        memory_alloc_or_die((THREADS + 1) * sizeof *workers);
    memset(workers, 0, (THREADS + 1) * sizeof *workers);
    return workers;
}

/* Reads of a bank that another takes the place of find each key, of the
 * generation that was there before or of a later one that has come. */
static void judge(struct worker *worker, enum status status, struct slice value,
                  uint64_t key, uint64_t least)
{
    uint64_t generation = status ? 0 : generation_of(value, key);
    worker->lost += status == STATUS_NOT_FOUND;
    worker->refused += status && status != STATUS_NOT_FOUND;
    worker->torn += !status && generation == 0;
    worker->late += generation > 0 && generation < least;
    worker->early += generation > atomic_load(&announced);
    worker->done++;
}

static void *read_live(void *arg)
{
    struct worker *worker = arg;
    struct buffer bytes = {0};
    struct session *session = session_create(worker->store);
    CHECK(session);
    do {
        char name[16];
        enum value_kind kind;
        enum status status;
        uint64_t key = test_random(&worker->random) % KEYS;
        const struct slice bank = SLICE_LITERAL("live");
        struct slice key_name = key_of(name, key);
        struct aim aim;
        buffer_clear(&bytes);
        uint64_t least = atomic_load(&published);
        switch (worker->number % 3) {
        case 0:
            status =
                store_get(worker->store, bank, key_name, NULL, &bytes, &kind);
            break;
        case 1: {
            struct store_visit visit = {.bytes = &bytes};
            status = store_read(worker->store, bank, key_name, NULL, &visit);
            break;
        }
        default:
            CHECK(session_enter(session));
            session_aim(session, bank, key_name, &aim);
            status = session_get(session, &aim, &bytes, &kind);
            session_leave(session);
        }
        judge(worker, status, buffer_peek(&bytes), key, least);
    } while (!atomic_load(&is_over));
    session_free(&session);
    buffer_fini(&bytes);
    return NULL;
}

static void fill(struct worker *worker, const char *bank, uint64_t generation)
{
    for (uint64_t key = 0; key < KEYS; key++) {
        const struct head head = {generation, key,
                                  key % 32 ? LEN : (uint64_t)LARGE};
        EXPECT_INT(put_value(worker, bank, &head), STATUS_OK);
    }
}

/* How the bank that is built aside becomes the live one. */
static void publish(struct store *store, bool is_dropped)
{
    const struct slice live = SLICE_LITERAL("live");
    const struct slice aside = SLICE_LITERAL("aside");
    EXPECT_INT(store_bank_swap(store, live, aside), STATUS_OK);
    atomic_store(&published, atomic_load(&announced));
    if (is_dropped) {
        EXPECT_INT(store_bank_drop(store, aside), STATUS_OK);
    } else {
        EXPECT_INT(store_bank_reset(store, aside), STATUS_OK);
    }
}

static void readers_see_one_bank_or_the_other(void)
{
    enum { ROUNDS = IS_SANITIZED ? 60 : 400 };
    struct store *store = kit_open();
    struct worker *workers = make_workers();
    struct worker *self = &workers[THREADS];
    self->store = store;
    atomic_store(&announced, 1);
    atomic_store(&published, 1);
    fill(self, "live", 1);
    start(store, workers, read_live);
    for (uint64_t generation = 2; generation < ROUNDS; generation++) {
        fill(self, "aside", generation);
        atomic_store(&announced, generation);
        publish(store, generation % 2);
        store_work(store);
    }
    end(workers);
    kit_close(store);
}

/* Writers put into a bank that swaps with another; when all have ended, each
 * value is in one of the two, and the later one of a key in neither twice. */
static void *write_both(void *arg)
{
    struct worker *worker = arg;
    static const char *const banks[] = {"one", "two"};
    do {
        uint64_t key = worker->number + THREADS * (worker->done % 16);
        const struct head head = {++worker->done, key,
                                  worker->done % 97 ? LEN : (uint64_t)LARGE};
        const char *bank = banks[test_random(&worker->random) % 2];
        worker->refused += put_value(worker, bank, &head) != STATUS_OK;
    } while (!atomic_load(&is_over));
    return NULL;
}

/* The newest value that either bank has of `key`. */
static uint64_t newest_of(struct store *store, uint64_t key)
{
    static const char *const banks[] = {"one", "two"};
    uint64_t newest = 0;
    for (int i = 0; i < 2; i++) {
        char name[16];
        struct buffer bytes = {0};
        enum value_kind kind;
        if (!store_get(store, slice_of_string(banks[i]), key_of(name, key),
                       NULL, &bytes, &kind)) {
            uint64_t generation = generation_of(buffer_peek(&bytes), key);
            EXPECT(generation > 0);
            newest = generation > newest ? generation : newest;
        }
        buffer_fini(&bytes);
    }
    return newest;
}

static void no_value_is_lost_between_banks_that_swap(void)
{
    enum { ROUNDS = IS_SANITIZED ? 1000 : 10000 };
    struct store *store = kit_open();
    struct worker *workers = make_workers();
    const struct bank_change change = {.limits.weight = 7, .has_weight = true};
    kit_put(store, "one", "first", "1");
    kit_put(store, "two", "first", "2");
    EXPECT_INT(kit_configure(store, "two", &change), STATUS_OK);
    start(store, workers, write_both);
    for (int i = 0; i < ROUNDS; i++) {
        EXPECT_INT(
            store_bank_swap(store, SLICE_LITERAL("one"), SLICE_LITERAL("two")),
            STATUS_OK);
        if (i % 16 == 0) {
            store_work(store);
        }
    }
    atomic_store(&is_over, true);
    uint64_t done[THREADS];
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        done[i] = workers[i].done;
        EXPECT_INT(workers[i].refused, 0);
    }
    for (uint64_t key = 0; key < 16 * THREADS; key++) {
        uint64_t number = key % THREADS;
        uint64_t round = key / THREADS; /* put when done % 16 was this */
        uint64_t last = done[number] <= round
                            ? 0
                            : (done[number] - 1 - round) / 16 * 16 + round + 1;
        EXPECT_INT(newest_of(store, key), last);
    }
    kit_expect(store, "one", "first", "1");
    EXPECT_INT(kit_stats(store, "one").weight, BANK_WEIGHT_DEFAULT);
    EXPECT_INT(kit_stats(store, "two").weight, 7);
    EXPECT_INT(kit_list(store, "one", "", 100, NULL),
               kit_stats(store, "one").entries);
    memory_free(workers);
    kit_close(store);
}

/* A bank wanders from name to name; who counts in it loses nothing. */
static void *count_anywhere(void *arg)
{
    struct worker *worker = arg;
    static const char *const banks[] = {"here", "there"};
    const struct increment increment = {.delta = {true, 1, 0}};
    do {
        struct number sum;
        enum status status =
            store_incr(worker->store,
                       slice_of_string(banks[test_random(&worker->random) % 2]),
                       SLICE_LITERAL("n"), &increment, &sum);
        worker->done += !status;
        worker->refused += status && status != STATUS_NOT_FOUND;
    } while (!atomic_load(&is_over));
    return NULL;
}

static void a_bank_that_is_renamed_loses_no_count(void)
{
    enum { ROUNDS = IS_SANITIZED ? 2000 : 20000 };
    struct store *store = kit_open();
    struct worker *workers = make_workers();
    kit_put(store, "here", "n", "0");
    start(store, workers, count_anywhere);
    for (int i = 0; i < ROUNDS; i++) {
        const struct slice here = SLICE_LITERAL("here");
        const struct slice there = SLICE_LITERAL("there");
        EXPECT_INT(store_bank_rename(store, i % 2 ? there : here,
                                     i % 2 ? here : there),
                   STATUS_OK);
    }
    atomic_store(&is_over, true);
    char sum[24];
    uint64_t count = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        EXPECT_INT(workers[i].refused, 0);
        count += workers[i].done;
    }
    snprintf(sum, sizeof sum, "%llu", (unsigned long long)count);
    kit_expect(store, "here", "n", sum);
    memory_free(workers);
    kit_close(store);
}

/* Threads do anything to banks that are dropped under them. */
static void do_anything(struct worker *worker, const char *bank, uint64_t key)
{
    static const struct head none = {0};
    struct head head = none;
    char name[16];
    struct buffer bytes = {0};
    enum value_kind kind;
    struct response response = {0};
    struct store_page page = {.limit = 50, .kind = LISTING_ENTRIES};
    enum status status = STATUS_OK;
    switch (test_random(&worker->random) % 8) {
    case 0:
        page.kind = LISTING_REMOVE;
        page.prefix = SLICE_LITERAL("key 1");
        __attribute__((fallthrough));
    case 1:
        status = store_bank_keys(worker->store, slice_of_string(bank), &page,
                                 &response);
        break;
    case 2:
    case 3:
        status = store_get(worker->store, slice_of_string(bank),
                           key_of(name, key), NULL, &bytes, &kind);
        worker->torn += !status && !generation_of(buffer_peek(&bytes), key);
        break;
    case 4:
        status = kit_remove(worker->store, bank, key_of(name, key).data);
        break;
    default:
        head = (struct head){1, key, key % 16 ? LEN : (uint64_t)LARGE};
        status = put_value(worker, bank, &head);
    }
    worker->refused += status && status != STATUS_NOT_FOUND;
    worker->done++;
    response_fini(&response);
    buffer_fini(&bytes);
}

static void *do_anything_anywhere(void *arg)
{
    struct worker *worker = arg;
    static const char *const banks[] = {"small", "large", "set"};
    do {
        uint64_t key = test_random(&worker->random) % KEYS;
        uint64_t which = test_random(&worker->random) % 3;
        if (which == 0) {
            key = key % 15 + 1; /* few and short */
        }
        do_anything(worker, banks[which], key);
    } while (!atomic_load(&is_over));
    return NULL;
}

static void banks_may_be_dropped_while_they_are_in_use(void)
{
    enum { ROUNDS = IS_SANITIZED ? 400 : 4000 };
    static const char *const banks[] = {"small", "large", "set"};
    const struct bank_change change = {.limits = {.maximum = 4 * MIB},
                                       .has_maximum = true};
    struct store *store = kit_open_limited(32 * MIB, 0);
    struct worker *workers = make_workers();
    start(store, workers, do_anything_anywhere);
    for (int i = 0; i < ROUNDS; i++) {
        enum status status =
            store_bank_drop(store, slice_of_string(banks[i % 3]));
        EXPECT(!status || status == STATUS_NOT_FOUND);
        if (i % 5 == 0) {
            EXPECT_INT(kit_configure(store, "set", &change), STATUS_OK);
        }
        store_work(store);
    }
    end(workers);
    for (int i = 0; i < 3; i++) {
        (void)store_bank_drop(store, slice_of_string(banks[i]));
    }
    kit_work(store);
    EXPECT_INT(store_usage(store).banks, 0);
    EXPECT_INT(store_usage(store).entries, 0);
    EXPECT(store_usage(store).bytes < 3 * MIB);
    kit_close(store);
}

static const struct test_case cases[] = {
    TEST(readers_see_one_bank_or_the_other),
    TEST(no_value_is_lost_between_banks_that_swap),
    TEST(a_bank_that_is_renamed_loses_no_count),
    TEST(banks_may_be_dropped_while_they_are_in_use),
};

SUITE(store_swap_threads, cases);
