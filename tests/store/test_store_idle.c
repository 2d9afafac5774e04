/* Banks that go when they have been empty for long. */
#include "store/store.h"

#include "base/check.h"
#include "base/clock.h"
#include "core/bank_stats.h"
#include "core/response.h"
#include "store/session.h"
#include "store/store_kit.h"
#include "support/resident.h"
#include "support/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { IDLE_MS = 5000, LONG_MS = IDLE_MS + 2000, MIB = 1024 * 1024 };

static struct store *open_store(void)
{
    struct store *store = kit_open();
    store_set_bank_idle(store, IDLE_MS);
    return store;
}

/* Puts an entry and removes it. */
static void leave_empty(struct store *store, const char *bank)
{
    EXPECT_INT(kit_put(store, bank, "k", "v"), STATUS_OK);
    EXPECT_INT(kit_remove(store, bank, "k"), STATUS_OK);
}

static uint64_t banks_of(struct store *store)
{
    return store_usage(store).banks;
}

static void an_empty_bank_goes_after_a_while(void)
{
    struct store *store = open_store();
    kit_put(store, "stays", "k", "v");
    kit_work(store);
    uint64_t before = store_usage(store).bytes;
    leave_empty(store, "goes");
    kit_set_time(IDLE_MS - 1);
    kit_work(store);
    EXPECT_INT(banks_of(store), 2);
    kit_set_time(LONG_MS);
    kit_work(store);
    EXPECT_INT(banks_of(store), 1);
    EXPECT_INT(kit_list(store, NULL, "", 10, NULL), 1);
    EXPECT_INT(store_usage(store).bytes, before);
    kit_expect(store, "goes", "k", NULL);
    kit_expect(store, "stays", "k", "v");
    kit_close(store);
}

static void the_time_counts_from_when_the_bank_became_empty(void)
{
    struct store *store = open_store();
    leave_empty(store, "b");
    kit_set_time(IDLE_MS - 1000);
    leave_empty(store, "b");
    kit_set_time(LONG_MS);
    kit_work(store);
    EXPECT_INT(banks_of(store), 1);
    kit_set_time(IDLE_MS + LONG_MS);
    kit_work(store);
    EXPECT_INT(banks_of(store), 0);
    kit_close(store);
}

static void banks_that_were_reset_or_whose_entries_expired_go_too(void)
{
    struct store *store = open_store();
    kit_put(store, "reset", "k", "v");
    kit_put_for(store, "expired", "k", "v", 10);
    EXPECT_INT(store_bank_reset(store, SLICE_LITERAL("reset")), STATUS_OK);
    kit_set_time(10 * 1000);
    kit_work(store);
    kit_set_time(10 * 1000 + LONG_MS);
    kit_work(store);
    EXPECT_INT(banks_of(store), 0);
    kit_close(store);
}

static void a_configured_bank_stays(void)
{
    struct store *store = open_store();
    const struct bank_change nothing = {0};
    struct bank_limits limits;
    EXPECT_INT(
        store_bank_configure(store, SLICE_LITERAL("b"), &nothing, &limits),
        STATUS_OK);
    kit_set_time(10 * LONG_MS);
    kit_work(store);
    EXPECT_INT(banks_of(store), 1);
    kit_close(store);
}

static void no_bank_goes_when_that_is_off(void)
{
    struct store *store = open_store();
    leave_empty(store, "b");
    store_set_bank_idle(store, 0);
    kit_set_time(10 * LONG_MS);
    kit_work(store);
    EXPECT_INT(banks_of(store), 1);
    kit_close(store);
}

static void a_bank_with_segments_of_its_own_goes_with_them(void)
{
    struct store *store = open_store();
    kit_put(store, "stays", "k", "v");
    kit_work(store);
    uint64_t before = store_usage(store).bytes;
    for (int i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        EXPECT_INT(kit_put_large(store, "large", key, 2000), STATUS_OK);
    }
    EXPECT_INT(kit_put_large(store, "large", "k", MIB), STATUS_OK);
    EXPECT_INT(store_bank_reset(store, SLICE_LITERAL("large")), STATUS_OK);
    kit_work(store);
    kit_set_time(LONG_MS);
    kit_work(store);
    EXPECT_INT(banks_of(store), 1);
    EXPECT(store_usage(store).bytes <= before + before / 4);
    EXPECT_INT(kit_put_large(store, "large", "k", MIB), STATUS_OK);
    kit_work(store);
    kit_close(store);
}

/* What the reset took from it still knows the space that it lay in. */
static void a_bank_goes_before_its_reset_is_cleared_away(void)
{
    struct store *store = open_store();
    for (int i = 0; i < 3000; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        EXPECT_INT(kit_put_large(store, "large", key, 2000), STATUS_OK);
    }
    EXPECT_INT(store_bank_reset(store, SLICE_LITERAL("large")), STATUS_OK);
    kit_set_time(LONG_MS);
    kit_work(store);
    EXPECT_INT(banks_of(store), 0);
    kit_close(store);
}

/* Numbers of banks are given anew, and items that still carry an old one in
 * shared segments are nobody's. */
static void many_banks_come_and_go(void)
{
    enum { ROUNDS = 5, BANKS = 3000 };
    struct store *store = open_store();
    kit_put(store, "stays", "k", "v");
    for (uint64_t round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < BANKS; i++) {
            char bank[16];
            snprintf(bank, sizeof bank, "%d", i);
            leave_empty(store, bank);
            if (i % 3 == (int)round % 3) {
                EXPECT_INT(kit_put(store, bank, "k", "again"), STATUS_OK);
            }
        }
        kit_set_time((round + 1) * LONG_MS);
        kit_work(store);
        EXPECT(banks_of(store) >= 1 + BANKS / 3);
        EXPECT(banks_of(store) < 1 + BANKS);
        for (int i = 0; i < BANKS; i++) {
            char bank[16];
            snprintf(bank, sizeof bank, "%d", i);
            kit_expect(store, bank, "k",
                       i % 3 == (int)round % 3 ? "again" : NULL);
            kit_remove(store, bank, "k");
        }
    }
    kit_set_time((ROUNDS + 1) * LONG_MS);
    kit_work(store);
    EXPECT_INT(banks_of(store), 1);
    kit_expect(store, "stays", "k", "v");
    kit_close(store);
}

static void a_cursor_does_not_outlive_its_bank(void)
{
    struct store *store = open_store();
    for (int i = 0; i < 3000; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        kit_put(store, "b", key, "v");
    }
    struct response page = {0};
    EXPECT_INT(kit_page(store, "b", 10, slice_of("", 0), &page), STATUS_OK);
    EXPECT(page.cursor_len > 0);
    EXPECT_INT(store_bank_reset(store, SLICE_LITERAL("b")), STATUS_OK);
    kit_work(store);
    kit_set_time(LONG_MS);
    kit_work(store);
    EXPECT_INT(banks_of(store), 0);
    kit_put(store, "b", "k", "v");
    struct response next = {0};
    EXPECT_INT(
        kit_page(store, "b", 10, slice_of(page.cursor, page.cursor_len), &next),
        STATUS_ABORTED);
    response_fini(&page);
    response_fini(&next);
    kit_close(store);
}

static void a_session_finds_a_bank_anew_that_was_dropped(void)
{
    struct store *store = open_store();
    struct session *session = session_create(store);
    CHECK(session);
    leave_empty(store, "b");
    struct aim aim;
    const struct store_value value = {.bytes = SLICE_LITERAL("v")};
    struct buffer bytes = {0};
    enum value_kind kind;
    EXPECT(session_enter(session));
    session_aim(session, SLICE_LITERAL("b"), SLICE_LITERAL("k"), &aim);
    session_leave(session);
    kit_set_time(LONG_MS);
    kit_work(store);
    EXPECT_INT(banks_of(store), 0);
    EXPECT(session_enter(session));
    session_aim(session, SLICE_LITERAL("b"), SLICE_LITERAL("k"), &aim);
    EXPECT_INT(session_put(session, &aim, &value), STATUS_OK);
    EXPECT_INT(session_get(session, &aim, &bytes, &kind), STATUS_OK);
    session_leave(session);
    buffer_fini(&bytes);
    EXPECT_INT(banks_of(store), 1);
    session_free(&session);
    kit_close(store);
}

/* An aim is taken, the bank is dropped, and only then the aim is used. */
static void an_aim_at_a_bank_that_is_dropped_meanwhile_loses_no_put(void)
{
    struct store *store = open_store();
    struct session *session = session_create(store);
    CHECK(session);
    leave_empty(store, "b");
    struct aim aim;
    const struct store_value value = {.bytes = SLICE_LITERAL("v")};
    EXPECT(session_enter(session));
    session_aim(session, SLICE_LITERAL("b"), SLICE_LITERAL("k"), &aim);
    kit_set_time(LONG_MS);
    session_leave(session); /* as one does who waits for memory */
    kit_work(store);
    EXPECT(session_enter(session));
    EXPECT_INT(session_put(session, &aim, &value), STATUS_OK);
    session_leave(session);
    kit_expect(store, "b", "k", "v");
    session_free(&session);
    kit_close(store);
}

/* Threads put, read back and remove, each its own keys in shared banks, while
 * one drops every bank that it finds empty. */
enum {
    THREADS = 4,
    BANKS = 7,
    OPERATIONS = IS_SANITIZED ? 4000 : 20000,
    OPERATIONS_LONG = 1000 * 1000
};

struct worker {
    struct store *store;
    _Atomic bool *is_over;
    uint64_t number;
    uint64_t lost;
    bool by_session;
};

static void put_read_remove(struct worker *worker, struct session *session,
                            const char *bank, const char *key)
{
    struct slice name = slice_of_string(bank);
    struct slice k = slice_of_string(key);
    const struct store_value value = {.bytes = k};
    struct buffer bytes = {0};
    enum value_kind kind;
    struct aim aim;
    if (worker->by_session) {
        worker->lost += !session_enter(session);
        session_aim(session, name, k, &aim);
        worker->lost += session_put(session, &aim, &value) != STATUS_OK;
        worker->lost += session_get(session, &aim, &bytes, &kind) != STATUS_OK;
        session_leave(session);
    } else {
        worker->lost += store_put(worker->store, name, k, &value) != STATUS_OK;
        worker->lost +=
            store_get(worker->store, name, k, NULL, &bytes, &kind) != STATUS_OK;
    }
    worker->lost += !slice_equal(buffer_peek(&bytes), k);
    worker->lost += store_remove(worker->store, name, k) != STATUS_OK;
    buffer_fini(&bytes);
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct session *session = session_create(worker->store);
    uint64_t random = worker->number;
    uint64_t count = test_is_long() ? OPERATIONS_LONG : OPERATIONS;
    for (uint64_t i = 0; i < count; i++) {
        char bank[16];
        char key[40];
        snprintf(bank, sizeof bank, "bank %d",
                 (int)(test_random(&random) % BANKS));
        snprintf(key, sizeof key, "%d of %d", (int)(i % 10),
                 (int)worker->number);
        put_read_remove(worker, session, bank, key);
    }
    session_free(&session);
    return NULL;
}

/* The clock runs away, so that what is empty has been so for long. */
static void *drop_all(void *arg)
{
    struct worker *worker = arg;
    uint64_t after_ms = 0;
    while (!atomic_load(worker->is_over)) {
        after_ms += 3000;
        kit_set_time(after_ms);
        store_work(worker->store);
        worker->lost += store_usage(worker->store).banks > BANKS;
    }
    return NULL;
}

static void no_put_is_lost_while_banks_are_dropped(void)
{
    _Atomic bool is_over = false;
    struct store *store = kit_open();
    store_set_bank_idle(store, 1);
    struct worker workers[THREADS + 1];
    pthread_t threads[THREADS + 1];
    for (uint64_t i = 0; i <= THREADS; i++) {
        workers[i] = (struct worker){store, &is_over, i, 0, i % 2};
        REQUIRE(pthread_create(&threads[i], NULL, i < THREADS ? work : drop_all,
                               &workers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    atomic_store(&is_over, true);
    pthread_join(threads[THREADS], NULL);
    for (int i = 0; i <= THREADS; i++) {
        EXPECT_INT(workers[i].lost, 0);
    }
    EXPECT_INT(store_usage(store).entries, 0);
    kit_close(store);
}

static const struct test_case cases[] = {
    TEST(an_empty_bank_goes_after_a_while),
    TEST(the_time_counts_from_when_the_bank_became_empty),
    TEST(banks_that_were_reset_or_whose_entries_expired_go_too),
    TEST(a_configured_bank_stays),
    TEST(no_bank_goes_when_that_is_off),
    TEST(a_bank_with_segments_of_its_own_goes_with_them),
    TEST(a_bank_goes_before_its_reset_is_cleared_away),
    TEST(many_banks_come_and_go),
    TEST(a_cursor_does_not_outlive_its_bank),
    TEST(a_session_finds_a_bank_anew_that_was_dropped),
    TEST(an_aim_at_a_bank_that_is_dropped_meanwhile_loses_no_put),
    TEST(no_put_is_lost_while_banks_are_dropped),
};

SUITE(store_idle, cases);
