/* What operations on one entry demand, tell and keep. */
#include "store/store.h"

#include "base/memory.h"
#include "core/number.h"
#include "store/bank.h"
#include "store/session.h"
#include "store/store_internal.h"
#include "store/store_kit.h"
#include "support/resident.h"
#include "support/starve.h"
#include "support/test.h"

#include <pthread.h>
#include <stdio.h>

enum { KIB = 1024, MIB = 1024 * 1024, THREADS = 4, LARGE = 300 * KIB };

/* A put under a condition of which no more than the rule counts. */
static enum status put_when(struct store *store, const char *key,
                            enum condition_rule rule, const char *value)
{
    struct store_visit visit = {.condition = {
                                    .rule = rule,
                                    .version = 1,
                                    .value = SLICE_LITERAL("old"),
                                }};
    return kit_put_if(store, "b", key, value, &visit);
}

static void a_condition_that_fails_changes_nothing(void)
{
    static const struct {
        enum condition_rule rule;
        enum status with;    /* an entry of another version and value */
        enum status without; /* any */
    } rows[] = {
        {CONDITION_NONE, STATUS_OK, STATUS_OK},
        {CONDITION_ABSENT, STATUS_ALREADY_EXISTS, STATUS_OK},
        {CONDITION_PRESENT, STATUS_OK, STATUS_NOT_FOUND},
        {CONDITION_VERSION, STATUS_ABORTED, STATUS_NOT_FOUND},
        {CONDITION_VALUE, STATUS_ABORTED, STATUS_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct store *store = kit_open();
        kit_put_for(store, "b", "there", "older", 100);
        EXPECT_INT(put_when(store, "there", rows[i].rule, "new"), rows[i].with);
        EXPECT_INT(put_when(store, "none", rows[i].rule, "new"),
                   rows[i].without);
        kit_expect(store, "b", "there", rows[i].with ? "older" : "new");
        kit_expect(store, "b", "none", rows[i].without ? NULL : "new");
        kit_set_time(100);
        kit_expect(store, "b", "there", rows[i].with ? NULL : "new");
        kit_close(store);
    }
}

static void an_entry_that_is_over_fulfils_no_condition_but_absence(void)
{
    static const enum condition_rule rules[] = {
        CONDITION_PRESENT, CONDITION_VERSION, CONDITION_VALUE};
    struct store *store = kit_open();
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        kit_set_time(0);
        kit_put_for(store, "b", "k", "old", 10);
        kit_set_time(10);
        EXPECT_INT(put_when(store, "k", rules[i], "new"), STATUS_NOT_FOUND);
        kit_expect(store, "b", "k", NULL);
    }
    kit_set_time(0);
    kit_put_for(store, "b", "k", "old", 10);
    kit_set_time(10);
    struct buffer bytes = {0};
    struct store_visit visit = {.condition.rule = CONDITION_ABSENT,
                                .bytes = &bytes};
    EXPECT_INT(kit_put_if(store, "b", "k", "new", &visit), STATUS_OK);
    EXPECT(!visit.was_there);
    EXPECT_INT(buffer_len(&bytes), 0);
    kit_expect(store, "b", "k", "new");
    EXPECT_INT(kit_stats(store, "b").expirations, 2 * 2);
    buffer_fini(&bytes);
    kit_close(store);
}

static void a_condition_that_fails_makes_no_bank(void)
{
    struct store *store = kit_open_limited(0, 1);
    EXPECT_INT(put_when(store, "k", CONDITION_PRESENT, "v"), STATUS_NOT_FOUND);
    EXPECT_INT(store_usage(store).banks, 0);
    kit_put(store, "other", "k", "v"); /* No room for another bank. */
    EXPECT_INT(put_when(store, "k", CONDITION_PRESENT, "v"), STATUS_NOT_FOUND);
    EXPECT_INT(put_when(store, "k", CONDITION_VERSION, "v"), STATUS_NOT_FOUND);
    EXPECT_INT(put_when(store, "k", CONDITION_VALUE, "v"), STATUS_NOT_FOUND);
    EXPECT_INT(put_when(store, "k", CONDITION_ABSENT, "v"),
               STATUS_RESOURCE_EXHAUSTED);
    EXPECT_INT(store_usage(store).banks, 1);
    kit_close(store);
}

static void remove_takes_version_and_value_for_a_condition(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "token");
    uint64_t version = kit_version(store, "b", "k");
    struct store_visit visit = {
        .condition = {.rule = CONDITION_VALUE, .value = SLICE_LITERAL("tok")}};
    EXPECT_INT(kit_remove_if(store, "b", "k", &visit), STATUS_ABORTED);
    visit.condition.value = SLICE_LITERAL("token");
    EXPECT_INT(kit_remove_if(store, "b", "none", &visit), STATUS_NOT_FOUND);
    EXPECT_INT(kit_remove_if(store, "none", "k", &visit), STATUS_NOT_FOUND);
    kit_expect(store, "b", "k", "token");
    EXPECT_INT(kit_remove_if(store, "b", "k", &visit), STATUS_OK);
    EXPECT_INT(kit_remove_if(store, "b", "k", &visit), STATUS_NOT_FOUND);
    kit_put(store, "b", "k", "token");
    visit.condition =
        (struct condition){.rule = CONDITION_VERSION, .version = version};
    EXPECT_INT(kit_remove_if(store, "b", "k", &visit), STATUS_ABORTED);
    visit.condition.version = kit_version(store, "b", "k");
    EXPECT_INT(kit_remove_if(store, "b", "k", &visit), STATUS_OK);
    kit_expect(store, "b", "k", NULL);
    kit_close(store);
}

static void what_was_there_is_told_however_long_it_is(void)
{
    static const size_t lens[] = {0,         5,     4095,          4096,
                                  256 * KIB, LARGE, 256 * KIB + 1, 5 * MIB};
    struct store *store = kit_open();
    char *bytes = memory_alloc_or_die(5 * MIB);
    for (size_t i = 0; i < 5 * MIB; i++) {
        bytes[i] = (char)(i * 31 >> 3);
    }
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        struct buffer before = {0};
        struct store_visit visit = {.bytes = &before};
        const struct store_value value = {.bytes = slice_of(bytes, lens[i]),
                                          .kind = VALUE_BYTES,
                                          .lifetime = {LIFETIME_NEW, 100}};
        store_put(store, SLICE_LITERAL("b"), SLICE_LITERAL("k"), &value);
        EXPECT_INT(buffer_append(&before, SLICE_LITERAL("x")), STATUS_OK);
        EXPECT_INT(kit_put_if(store, "b", "k", "new", &visit), STATUS_OK);
        EXPECT(visit.was_there);
        EXPECT_INT(visit.facts.size, lens[i]);
        EXPECT_INT(visit.facts.kind, VALUE_BYTES);
        EXPECT_INT(visit.facts.lifetime_ms, 100);
        EXPECT_INT(visit.facts.remaining_ms, 100);
        EXPECT_SLICE(slice_after(buffer_peek(&before), 1), value.bytes);
        store_put(store, SLICE_LITERAL("b"), SLICE_LITERAL("k"), &value);
        buffer_clear(&before);
        EXPECT_INT(kit_remove_if(store, "b", "k", &visit), STATUS_OK);
        EXPECT_SLICE(buffer_peek(&before), value.bytes);
        kit_expect(store, "b", "k", NULL);
        buffer_fini(&before);
    }
    memory_free(bytes);
    kit_close(store);
}

static void what_made_a_condition_fail_is_told(void)
{
    struct store *store = kit_open();
    struct buffer before = {0};
    struct store_visit visit = {.condition.rule = CONDITION_ABSENT,
                                .bytes = &before};
    kit_put(store, "b", "k", "owner");
    EXPECT_INT(kit_put_if(store, "b", "k", "me", &visit),
               STATUS_ALREADY_EXISTS);
    EXPECT(visit.was_there);
    EXPECT_TEXT(buffer_peek(&before), "owner");
    EXPECT_INT(visit.facts.kind, VALUE_TEXT);
    buffer_clear(&before);
    visit.condition.rule = CONDITION_VALUE;
    EXPECT_INT(kit_remove_if(store, "b", "k", &visit), STATUS_ABORTED);
    EXPECT(visit.was_there);
    EXPECT_TEXT(buffer_peek(&before), "owner");
    buffer_clear(&before);
    EXPECT_INT(kit_remove_if(store, "b", "none", &visit), STATUS_NOT_FOUND);
    EXPECT(!visit.was_there);
    EXPECT_INT(buffer_len(&before), 0);
    buffer_fini(&before);
    kit_close(store);
}

static void a_put_that_is_over_at_once_removes_under_its_condition(void)
{
    struct store *store = kit_open();
    const struct store_value over = {.lifetime = {.rule = LIFETIME_OVER}};
    struct store_visit visit = {.condition.rule = CONDITION_ABSENT};
    kit_put(store, "b", "k", "value");
    EXPECT_INT(store_put_if(store, SLICE_LITERAL("b"), SLICE_LITERAL("k"),
                            &over, &visit),
               STATUS_ALREADY_EXISTS);
    kit_expect(store, "b", "k", "value");
    visit.condition.rule = CONDITION_PRESENT;
    EXPECT_INT(store_put_if(store, SLICE_LITERAL("b"), SLICE_LITERAL("k"),
                            &over, &visit),
               STATUS_OK);
    kit_expect(store, "b", "k", NULL);
    EXPECT_INT(store_put_if(store, SLICE_LITERAL("b"), SLICE_LITERAL("k"),
                            &over, &visit),
               STATUS_NOT_FOUND);
    visit.condition.rule = CONDITION_ABSENT;
    EXPECT_INT(store_put_if(store, SLICE_LITERAL("b"), SLICE_LITERAL("k"),
                            &over, &visit),
               STATUS_OK);
    kit_close(store);
}

/* What is told of the entry. */
static struct entry_facts facts_of(struct store *store, const char *key)
{
    struct store_visit visit = {.condition.rule = CONDITION_NONE};
    EXPECT_INT(kit_read(store, "b", key, &visit), STATUS_OK);
    return visit.facts;
}

static void append_and_incr_keep_what_remains_of_a_lifetime(void)
{
    struct store *store = kit_open();
    kit_put_for(store, "b", "text", "some", 1000);
    kit_put_for(store, "b", "number", "1", 1000);
    kit_set_time(400);
    EXPECT_INT(kit_append(store, "b", "text", " more"), STATUS_OK);
    EXPECT_INT(kit_incr(store, "b", "number", 100000), STATUS_OK);
    EXPECT_INT(facts_of(store, "text").lifetime_ms, 1000);
    EXPECT_INT(facts_of(store, "text").remaining_ms, 600);
    EXPECT_INT(facts_of(store, "number").lifetime_ms, 1000);
    EXPECT_INT(facts_of(store, "number").remaining_ms, 600);
    kit_set_time(999);
    kit_expect(store, "b", "text", "some more");
    kit_expect(store, "b", "number", "100001");
    EXPECT_INT(facts_of(store, "text").remaining_ms, 1);
    kit_set_time(1000);
    kit_expect(store, "b", "text", NULL);
    kit_expect(store, "b", "number", NULL);
    kit_close(store);
}

static void append_refuses_what_it_cannot_continue(void)
{
    struct store *store = kit_open();
    struct store_piece piece = {.bytes = SLICE_LITERAL("\xff"), .size_max = 6};
    const struct slice bank = SLICE_LITERAL("b");
    const struct slice key = SLICE_LITERAL("k");
    uint64_t size = 0;
    EXPECT_INT(store_append(store, bank, key, &piece, &size), STATUS_NOT_FOUND);
    EXPECT_INT(store_usage(store).banks, 0);
    kit_put(store, "b", "k", "text");
    EXPECT_INT(store_append(store, bank, key, &piece, &size),
               STATUS_FAILED_PRECONDITION);
    piece.bytes = SLICE_LITERAL("abc");
    EXPECT_INT(store_append(store, bank, key, &piece, &size),
               STATUS_OUT_OF_RANGE);
    kit_expect(store, "b", "k", "text");
    kit_incr(store, "b", "k", 1);
    piece.bytes = SLICE_LITERAL("ab");
    piece.is_before = true;
    EXPECT_INT(store_append(store, bank, key, &piece, &size), STATUS_OK);
    EXPECT_INT(size, 6);
    kit_expect(store, "b", "k", "abtext");
    kit_put(store, "b", "n", "1");
    kit_incr(store, "b", "n", 1); /* which makes it JSON */
    EXPECT_INT(store_append(store, bank, SLICE_LITERAL("n"), &piece, &size),
               STATUS_FAILED_PRECONDITION);
    kit_expect(store, "b", "n", "2");
    kit_close(store);
}

static void append_is_no_overwrite_and_no_get(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "text");
    kit_append(store, "b", "k", "text");
    kit_append(store, "b", "none", "text");
    EXPECT_INT(kit_stats(store, "b").overwrites, 0);
    EXPECT_INT(kit_stats(store, "b").hits, 0);
    EXPECT_INT(kit_stats(store, "b").misses_never_seen, 0);
    kit_put(store, "b", "k", "text");
    EXPECT_INT(kit_stats(store, "b").overwrites, 1);
    kit_close(store);
}

/* From nothing to far beyond where values get memory of their own. */
static void pieces_make_a_value_of_any_length(void)
{
    enum { PIECE = 7 * KIB + 1, PIECES = 100 };
    static char text[PIECE + 1];
    struct store *store = kit_open();
    struct buffer whole = {0};
    kit_put(store, "b", "k", "");
    for (int i = 0; i < PIECES; i++) {
        memset(text, 'a' + i % 26, PIECE);
        EXPECT_INT(buffer_append(&whole, slice_of(text, PIECE)), STATUS_OK);
        EXPECT_INT(kit_append(store, "b", "k", text), STATUS_OK);
    }
    struct buffer bytes = {0};
    struct store_visit visit = {.bytes = &bytes};
    EXPECT_INT(kit_read(store, "b", "k", &visit), STATUS_OK);
    EXPECT_SLICE(buffer_peek(&bytes), buffer_peek(&whole));
    EXPECT_INT(kit_stats(store, "b").entries, 1);
    uint64_t used = kit_stats(store, "b").bytes;
    EXPECT(used >= PIECE * PIECES && used < PIECE * PIECES + 8 * KIB);
    buffer_fini(&bytes);
    buffer_fini(&whole);
    kit_remove(store, "b", "k");
    kit_work(store);
    EXPECT_INT(kit_stats(store, "b").bytes, 0);
    kit_close(store);
}

/* Threads that append their letter to one entry, and count in another. */
struct worker {
    pthread_t thread;
    struct store *store;
    int number;
    int times;
    unsigned wrong;
};

static void run_all(struct store *store, void *(*run)(void *), int times)
{
    struct worker workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] =
            (struct worker){.store = store, .number = i, .times = times};
        REQUIRE(pthread_create(&workers[i].thread, NULL, run, &workers[i]) ==
                0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        EXPECT_INT(workers[i].wrong, 0);
    }
}

static void *append_letters(void *arg)
{
    struct worker *worker = arg;
    const char text[] = {(char)('a' + worker->number), '\0'};
    for (int i = 0; i < worker->times; i++) {
        worker->wrong += kit_append(worker->store, "b", "k", text) != STATUS_OK;
    }
    return NULL;
}

static void no_piece_is_lost_between_threads(void)
{
    enum { TIMES = 1000 };
    struct store *store = kit_open();
    kit_put(store, "b", "k", "");
    run_all(store, append_letters, TIMES);
    struct buffer bytes = {0};
    struct store_visit visit = {.bytes = &bytes};
    EXPECT_INT(kit_read(store, "b", "k", &visit), STATUS_OK);
    int counts[THREADS] = {0};
    struct slice value = buffer_peek(&bytes);
    EXPECT_INT(value.len, THREADS * TIMES);
    for (size_t i = 0; i < value.len; i++) {
        counts[(value.data[i] - 'a') % THREADS]++;
    }
    for (int i = 0; i < THREADS; i++) {
        EXPECT_INT(counts[i], TIMES);
    }
    buffer_fini(&bytes);
    kit_close(store);
}

static void *count(void *arg)
{
    struct worker *worker = arg;
    const struct increment increment = {
        .delta = {.is_integer = true, .integer = worker->number % 2 ? 3 : -1},
        .initial = {.is_integer = true, .integer = 1000},
        .has_initial = true};
    for (int i = 0; i < worker->times; i++) {
        struct number sum;
        worker->wrong +=
            store_incr(worker->store, SLICE_LITERAL("b"), SLICE_LITERAL("n"),
                       &increment, &sum) != STATUS_OK;
    }
    return NULL;
}

/* The first comes upon no bank and no entry, be it the last to begin. */
static void sums_of_many_threads_are_exact(void)
{
    enum { TIMES = IS_SANITIZED ? 25 * 1000 : 250 * 1000 };
    struct store *store = kit_open();
    char sum[24];
    run_all(store, count, TIMES);
    snprintf(sum, sizeof sum, "%d", 1000 + TIMES * 2 * (3 - 1));
    kit_expect(store, "b", "n", sum);
    kit_close(store);
}

static enum status incr_from_nothing(struct store *store, const char *key,
                                     uint64_t ms)
{
    const struct increment increment = {
        .delta = {.is_integer = true, .integer = 1},
        .has_initial = true,
        .initial = {.is_integer = true, .integer = 41},
        .lifetime = lifetime_of_ms(ms)};
    struct number sum;
    return store_incr(store, SLICE_LITERAL("b"), slice_of_string(key),
                      &increment, &sum);
}

static void incr_gives_its_lifetime_only_to_a_new_entry(void)
{
    struct store *store = kit_open();
    EXPECT_INT(incr_from_nothing(store, "n", 100), STATUS_OK);
    kit_expect(store, "b", "n", "42");
    EXPECT_INT(facts_of(store, "n").remaining_ms, 100);
    kit_set_time(60);
    EXPECT_INT(incr_from_nothing(store, "n", 500), STATUS_OK);
    EXPECT_INT(facts_of(store, "n").lifetime_ms, 100);
    EXPECT_INT(facts_of(store, "n").remaining_ms, 40);
    kit_set_time(100);
    EXPECT_INT(incr_from_nothing(store, "n", 0), STATUS_OK);
    kit_expect(store, "b", "n", "42");
    EXPECT_INT(facts_of(store, "n").remaining_ms, 0);
    kit_close(store);
}

static void a_bank_that_grows_by_incr_gets_its_own_space(void)
{
    enum { COUNT = 20000 };
    struct store *store = kit_open();
    char key[24];
    for (int i = 0; i < COUNT; i++) {
        snprintf(key, sizeof key, "counter %d", i);
        EXPECT_INT(incr_from_nothing(store, key, 0), STATUS_OK);
    }
    struct bank *bank = store_find_bank(store, SLICE_LITERAL("b"));
    EXPECT(!bank_wants_space(bank));
    kit_close(store);
}

static void reads_tell_and_change_lifetimes(void)
{
    struct store *store = kit_open();
    struct lifetime touch = {LIFETIME_NEW, 500};
    struct store_visit visit = {.condition.rule = CONDITION_NONE};
    kit_put_for(store, "b", "k", "value", 100);
    kit_set_time(40);
    EXPECT_INT(store_read(store, SLICE_LITERAL("b"), SLICE_LITERAL("k"), &touch,
                          &visit),
               STATUS_OK);
    EXPECT_INT(visit.facts.lifetime_ms, 500);
    EXPECT_INT(visit.facts.remaining_ms, 500);
    kit_set_time(300);
    EXPECT_INT(facts_of(store, "k").remaining_ms, 240);
    touch.rule = LIFETIME_SAME;
    EXPECT_INT(store_read(store, SLICE_LITERAL("b"), SLICE_LITERAL("k"), &touch,
                          &visit),
               STATUS_OK);
    EXPECT_INT(visit.facts.remaining_ms, 500);
    touch.rule = LIFETIME_FOREVER;
    EXPECT_INT(store_read(store, SLICE_LITERAL("b"), SLICE_LITERAL("k"), &touch,
                          &visit),
               STATUS_OK);
    EXPECT_INT(visit.facts.lifetime_ms, 0);
    EXPECT_INT(visit.facts.remaining_ms, 0);
    kit_close(store);
}

static void what_is_told_is_no_get_unless_bytes_are_wanted(void)
{
    struct store *store = kit_open();
    struct buffer bytes = {0};
    struct store_visit visit = {.wants_version = true};
    kit_put(store, "b", "k", "value");
    kit_read(store, "b", "k", &visit);
    kit_read(store, "b", "none", &visit);
    EXPECT_INT(kit_stats(store, "b").hits, 0);
    EXPECT_INT(kit_stats(store, "b").misses_never_seen, 0);
    visit.bytes = &bytes;
    kit_read(store, "b", "k", &visit);
    kit_read(store, "b", "none", &visit);
    EXPECT_INT(kit_stats(store, "b").hits, 1);
    EXPECT_INT(kit_stats(store, "b").misses_never_seen, 1);
    kit_remove_if(store, "b", "k", &visit);
    EXPECT_INT(kit_stats(store, "b").hits, 1);
    buffer_fini(&bytes);
    kit_close(store);
}

/* Sweeps over an operation on each of a crowd of entries: whatever allocation
 * fails, all is as it was. */
enum { CROWD = 40 };

static struct store *swept;
static char swept_key[16];
static size_t swept_len; /* of what is put or added */
static unsigned refusals;
static char zeros[LARGE];

static bool is_well(enum status status)
{
    if (status) {
        EXPECT_INT(status, STATUS_NOMEM);
        EXPECT(starve_has_struck());
        refusals++;
    }
    return !status;
}

static void sweep(void (*attempt)(void *arg), size_t old_len, size_t len)
{
    swept = kit_open();
    kit_expect(swept, "b", "none", NULL); /* A thread's first makes a record. */
    refusals = 0;
    swept_len = len;
    for (int i = 0; i < CROWD; i++) {
        snprintf(swept_key, sizeof swept_key, "k%d", i);
        const struct store_value value = {.bytes = slice_of(zeros, old_len)};
        EXPECT_INT(store_put(swept, SLICE_LITERAL("b"),
                             slice_of_string(swept_key), &value),
                   STATUS_OK);
        starve(attempt, NULL);
    }
    EXPECT(refusals > 0);
    kit_close(swept);
}

static void attempt_put_if(void *arg)
{
    (void)arg;
    const struct slice key = slice_of_string(swept_key);
    const struct store_value value = {.bytes = slice_of(zeros, swept_len)};
    struct buffer before = {0};
    struct store_visit visit = {.condition.rule = CONDITION_PRESENT,
                                .wants_version = true,
                                .bytes = &before};
    const struct entry_facts old = facts_of(swept, swept_key);
    bool is_put =
        is_well(store_put_if(swept, SLICE_LITERAL("b"), key, &value, &visit));
    const struct entry_facts now = facts_of(swept, swept_key);
    EXPECT_INT(buffer_len(&before), is_put ? old.size : 0);
    EXPECT_INT(now.size, is_put ? swept_len : old.size);
    EXPECT_INT(now.version, is_put ? visit.version : old.version);
    buffer_fini(&before);
}

static void put_if_without_memory_changes_nothing(void)
{
    sweep(attempt_put_if, 50, 100);
    sweep(attempt_put_if, 50, 5000);
    sweep(attempt_put_if, 50, LARGE);
    sweep(attempt_put_if, LARGE, 50);
}

static void attempt_append(void *arg)
{
    (void)arg;
    const struct store_piece piece = {.bytes = slice_of(zeros, swept_len),
                                      .is_before = swept_key[1] % 2,
                                      .size_max = UINT32_MAX};
    uint64_t old = facts_of(swept, swept_key).size;
    uint64_t size = 0;
    bool is_longer = is_well(store_append(
        swept, SLICE_LITERAL("b"), slice_of_string(swept_key), &piece, &size));
    EXPECT_INT(facts_of(swept, swept_key).size,
               is_longer ? old + swept_len : old);
    EXPECT(!is_longer || size == old + swept_len);
}

static void append_without_memory_changes_nothing(void)
{
    sweep(attempt_append, 50, 1);
    sweep(attempt_append, 50, 5000);
    sweep(attempt_append, 50, LARGE);
    sweep(attempt_append, LARGE, 1);
}

static void attempt_version(void *arg)
{
    (void)arg;
    struct store_visit visit = {.wants_version = true};
    uint64_t old = facts_of(swept, swept_key).version;
    bool is_read = is_well(kit_read(swept, "b", swept_key, &visit));
    EXPECT(!is_read || visit.version);
    EXPECT_INT(facts_of(swept, swept_key).version,
               is_read ? visit.version : old);
}

static void asking_for_versions_without_memory_changes_nothing(void)
{
    sweep(attempt_version, 4085, 0);
}

static const struct test_case cases[] = {
    TEST(a_condition_that_fails_changes_nothing),
    TEST(an_entry_that_is_over_fulfils_no_condition_but_absence),
    TEST(a_condition_that_fails_makes_no_bank),
    TEST(remove_takes_version_and_value_for_a_condition),
    TEST(what_was_there_is_told_however_long_it_is),
    TEST(what_made_a_condition_fail_is_told),
    TEST(a_put_that_is_over_at_once_removes_under_its_condition),
    TEST(append_and_incr_keep_what_remains_of_a_lifetime),
    TEST(append_refuses_what_it_cannot_continue),
    TEST(append_is_no_overwrite_and_no_get),
    TEST(pieces_make_a_value_of_any_length),
    TEST(no_piece_is_lost_between_threads),
    TEST(sums_of_many_threads_are_exact),
    TEST(incr_gives_its_lifetime_only_to_a_new_entry),
    TEST(a_bank_that_grows_by_incr_gets_its_own_space),
    TEST(reads_tell_and_change_lifetimes),
    TEST(what_is_told_is_no_get_unless_bytes_are_wanted),
    TEST(put_if_without_memory_changes_nothing),
    TEST(append_without_memory_changes_nothing),
    TEST(asking_for_versions_without_memory_changes_nothing),
};

SUITE(store_entries, cases);
