/* The operations that came first, and what an engine is beside them; the
 * others are in engine_contract_entries.c, engine_contract_batches.c and
 * engine_contract_banks.c. */
#include "engine/engine_contract_kit.h"

#include "base/check.h"
#include "base/memory.h"
#include "core/limits.h"

enum { TASKS = 100, NAMES = 200 };

static enum status touch(const struct bench *bench, const char *key,
                         enum lifetime_rule rule, uint64_t ms)
{
    struct request *request = task_begin(bench->task, OP_TOUCH, "b", key);
    request->lifetime = (struct lifetime){rule, ms};
    return task_run(bench, bench->task);
}

static enum status get_with_touch(const struct bench *bench, const char *key,
                                  enum lifetime_rule rule, uint64_t ms)
{
    struct request *request = task_begin(bench->task, OP_GET, "b", key);
    request->is_touch = true;
    request->lifetime = (struct lifetime){rule, ms};
    return task_run(bench, bench->task);
}

static enum status incr(const struct bench *bench, const char *key,
                        struct number delta)
{
    struct request *request = task_begin(bench->task, OP_INCR, "b", key);
    request->increment.delta = delta;
    return task_run(bench, bench->task);
}

static const struct number one = {.is_integer = true, .integer = 1};
static const struct number half = {.real = 0.5};

void contract_get_answers_what_was_put_and_its_kind(
    const struct engine_kind *kind)
{
    static const struct {
        struct slice bytes;
        enum value_kind kind;
    } values[] = {
        {{"a\0\xff", 3}, VALUE_BYTES},
        {{"t\xc3\xa9xt", 5}, VALUE_TEXT},
        {{"[1.50, \"x\"]", 11}, VALUE_JSON},
    };
    struct bench bench = bench_open(kind);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct request *request = task_begin(bench.task, OP_PUT, "b", "k");
        request->value = task_bytes(bench.task, values[i].bytes);
        request->kind = values[i].kind;
        EXPECT_INT(task_run(&bench, bench.task), STATUS_OK);
        EXPECT_INT(bench_run_op(&bench, OP_GET, "b", "k"), STATUS_OK);
        EXPECT_SLICE(buffer_peek(&bench_response(&bench)->body),
                     values[i].bytes);
        EXPECT_INT(bench_response(&bench)->kind, values[i].kind);
    }
    bench_close(&bench);
}

void contract_empty_bank_key_and_value_are_legal(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    EXPECT_INT(bench_put(&bench, "", "", ""), STATUS_OK);
    bench_expect_entry(&bench, "", "", "");
    bench_close(&bench);
}

void contract_put_replaces_value_kind_and_lifetime(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put_for(&bench, "b", "k", "first", 100);
    struct request *request = task_begin(bench.task, OP_PUT, "b", "k");
    request->value = task_text(bench.task, "2");
    request->kind = VALUE_JSON;
    EXPECT_INT(task_run(&bench, bench.task), STATUS_OK);
    bench_set_time(100);
    bench_expect_entry(&bench, "b", "k", "2");
    EXPECT_INT(bench_response(&bench)->kind, VALUE_JSON);
    bench_close(&bench);
}

void contract_put_over_at_once_leaves_a_bank_and_no_entry(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "value");
    EXPECT_INT(bench_put_with(&bench, "b", "k", "value",
                              (struct lifetime){.rule = LIFETIME_OVER}),
               STATUS_OK);
    bench_expect_entry(&bench, "b", "k", NULL);
    EXPECT_INT(bench_run_op(&bench, OP_BANK_LIST, "", NULL), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->count, 1);
    bench_close(&bench);
}

void contract_put_beyond_the_memory_limit_evicts(const struct engine_kind *kind)
{
    enum { LIMIT = 8 * 1024 * 1024, COUNT = 3000 };
    static char value[6000];
    struct bench bench = bench_open_limited(kind, LIMIT, 0);
    memset(value, 'x', sizeof value - 1);
    int gone = 0;
    char key[16];
    for (int i = 0; i < COUNT; i++) {
        snprintf(key, sizeof key, "k%d", i);
        EXPECT_INT(bench_put(&bench, "b", key, value), STATUS_OK);
    }
    bench_expect_entry(&bench, "b", key, value);
    for (int i = 0; i < COUNT; i++) {
        snprintf(key, sizeof key, "k%d", i);
        gone += bench_run_op(&bench, OP_GET, "b", key) == STATUS_NOT_FOUND;
    }
    EXPECT(gone >= COUNT / 2);
    EXPECT(gone < COUNT - COUNT / 4);
    bench_close(&bench);
}

void contract_put_beyond_the_bank_limit_is_refused(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open_limited(kind, 0, 1);
    bench_put(&bench, "b", "k", "value");
    bench_put(&bench, "c", "k", "value");
    bench_expect_refusal(&bench, STATUS_RESOURCE_EXHAUSTED,
                         "the limit of memory or of banks is reached");
    bench_expect_entry(&bench, "c", "k", NULL);
    EXPECT_INT(bench_put(&bench, "b", "l", "value"), STATUS_OK);
    bench_close(&bench);
}

void contract_get_of_nothing_is_not_found_without_a_message(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "value");
    EXPECT_INT(bench_run_op(&bench, OP_GET, "b", "other"), STATUS_NOT_FOUND);
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, "");
    EXPECT_INT(bench_run_op(&bench, OP_GET, "other", "k"), STATUS_NOT_FOUND);
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, "");
    bench_close(&bench);
}

void contract_get_with_touch_answers_the_value_and_sets_a_lifetime(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put_for(&bench, "b", "k", "value", 100);
    bench_set_time(60);
    EXPECT_INT(get_with_touch(&bench, "k", LIFETIME_SAME, 0), STATUS_OK);
    EXPECT_TEXT(buffer_peek(&bench_response(&bench)->body), "value");
    EXPECT_INT(bench_response(&bench)->kind, VALUE_TEXT);
    bench_set_time(159);
    EXPECT_INT(get_with_touch(&bench, "k", LIFETIME_NEW, 10), STATUS_OK);
    bench_set_time(168);
    bench_expect_entry(&bench, "b", "k", "value");
    bench_set_time(169);
    bench_expect_entry(&bench, "b", "k", NULL);
    EXPECT_INT(get_with_touch(&bench, "k", LIFETIME_SAME, 0), STATUS_NOT_FOUND);
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, "");
    bench_close(&bench);
}

void contract_get_with_touch_may_remove(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "value");
    EXPECT_INT(get_with_touch(&bench, "k", LIFETIME_OVER, 0), STATUS_OK);
    EXPECT_TEXT(buffer_peek(&bench_response(&bench)->body), "value");
    bench_expect_entry(&bench, "b", "k", NULL);
    bench_close(&bench);
}

void contract_remove_removes_once(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "value");
    EXPECT_INT(bench_run_op(&bench, OP_REMOVE, "b", "k"), STATUS_OK);
    bench_expect_entry(&bench, "b", "k", NULL);
    EXPECT_INT(bench_run_op(&bench, OP_REMOVE, "b", "k"), STATUS_NOT_FOUND);
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, "");
    EXPECT_INT(bench_run_op(&bench, OP_REMOVE, "other", "k"), STATUS_NOT_FOUND);
    bench_close(&bench);
}

void contract_touch_restarts_sets_and_ends_lifetimes(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put_for(&bench, "b", "k", "value", 100);
    bench_set_time(60);
    EXPECT_INT(touch(&bench, "k", LIFETIME_SAME, 0), STATUS_OK);
    bench_set_time(159);
    EXPECT_INT(touch(&bench, "k", LIFETIME_NEW, 500), STATUS_OK);
    bench_set_time(658);
    EXPECT_INT(touch(&bench, "k", LIFETIME_SAME, 0), STATUS_OK);
    bench_set_time(1157);
    EXPECT_INT(touch(&bench, "k", LIFETIME_FOREVER, 0), STATUS_OK);
    bench_set_time(1000000);
    EXPECT_INT(touch(&bench, "k", LIFETIME_SAME, 0), STATUS_OK);
    bench_set_time(2000000);
    bench_expect_entry(&bench, "b", "k", "value");
    bench_close(&bench);
}

void contract_touch_of_nothing_is_not_found(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "value");
    EXPECT_INT(touch(&bench, "other", LIFETIME_SAME, 0), STATUS_NOT_FOUND);
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, "");
    bench_close(&bench);
}

void contract_touch_over_at_once_removes(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "value");
    EXPECT_INT(touch(&bench, "k", LIFETIME_OVER, 0), STATUS_OK);
    bench_expect_entry(&bench, "b", "k", NULL);
    bench_close(&bench);
}

void contract_incr_by_an_integer_is_exact(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "9007199254740992");
    EXPECT_INT(incr(&bench, "k", one), STATUS_OK);
    EXPECT(bench_response(&bench)->number.is_integer);
    EXPECT_INT(bench_response(&bench)->number.integer, 9007199254740993);
    bench_expect_entry(&bench, "b", "k", "9007199254740993");
    EXPECT_INT(bench_response(&bench)->kind, VALUE_JSON);
    bench_close(&bench);
}

void contract_incr_by_a_real_answers_a_real(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "1");
    EXPECT_INT(incr(&bench, "k", half), STATUS_OK);
    EXPECT(!bench_response(&bench)->number.is_integer);
    EXPECT(bench_response(&bench)->number.real == 1.5);
    EXPECT_INT(incr(&bench, "k", half), STATUS_OK);
    bench_expect_entry(&bench, "b", "k", "2.0");
    bench_close(&bench);
}

void contract_incr_keeps_the_lifetime(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put_for(&bench, "b", "k", "1", 100);
    bench_set_time(60);
    EXPECT_INT(incr(&bench, "k", one), STATUS_OK);
    bench_set_time(99);
    bench_expect_entry(&bench, "b", "k", "2");
    EXPECT_INT(touch(&bench, "k", LIFETIME_SAME, 0), STATUS_OK);
    bench_set_time(198);
    bench_expect_entry(&bench, "b", "k", "2");
    bench_set_time(199);
    bench_expect_entry(&bench, "b", "k", NULL);
    bench_close(&bench);
}

void contract_incr_refuses_what_is_no_number(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "text");
    incr(&bench, "k", half);
    bench_expect_refusal(&bench, STATUS_FAILED_PRECONDITION,
                         "the value is not a number");
    incr(&bench, "k", one);
    bench_expect_refusal(&bench, STATUS_FAILED_PRECONDITION,
                         "the value is not an integer");
    bench_expect_entry(&bench, "b", "k", "text");
    bench_close(&bench);
}

void contract_incr_refuses_overflow(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "9223372036854775807");
    incr(&bench, "k", one);
    bench_expect_refusal(&bench, STATUS_OUT_OF_RANGE, "integer overflow");
    bench_expect_entry(&bench, "b", "k", "9223372036854775807");
    bench_close(&bench);
}

void contract_incr_of_nothing_is_not_found(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    incr(&bench, "k", one);
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, "");
    bench_expect_entry(&bench, "b", "k", NULL);
    bench_close(&bench);
}

void contract_lifetime_ends_for_every_operation(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put_for(&bench, "b", "k", "1", 100);
    bench_set_time(99);
    bench_expect_entry(&bench, "b", "k", "1");
    bench_set_time(100);
    EXPECT_INT(bench_run_op(&bench, OP_GET, "b", "k"), STATUS_NOT_FOUND);
    EXPECT_INT(get_with_touch(&bench, "k", LIFETIME_SAME, 0), STATUS_NOT_FOUND);
    EXPECT_INT(touch(&bench, "k", LIFETIME_FOREVER, 0), STATUS_NOT_FOUND);
    EXPECT_INT(incr(&bench, "k", one), STATUS_NOT_FOUND);
    EXPECT_INT(bench_run_op(&bench, OP_REMOVE, "b", "k"), STATUS_NOT_FOUND);
    EXPECT_INT(bench_run_op(&bench, OP_BANK_KEYS, "b", NULL), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->count, 0);
    bench_close(&bench);
}

void contract_reads_make_no_bank(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_run_op(&bench, OP_GET, "b", "k");
    bench_run_op(&bench, OP_REMOVE, "b", "k");
    touch(&bench, "k", LIFETIME_SAME, 0);
    incr(&bench, "k", one);
    bench_run_op(&bench, OP_BANK_KEYS, "b", NULL);
    bench_run_op(&bench, OP_BANK_RESET, "b", NULL);
    EXPECT_INT(bench_run_op(&bench, OP_BANK_LIST, "", NULL), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->count, 0);
    bench_close(&bench);
}

/* Names are a letter and a number below NAMES. */
static void count_items(const struct response *response, unsigned times[NAMES])
{
    struct slice items = buffer_peek(&response->body);
    for (struct slice item; response_next_item(&items, &item);) {
        unsigned number = 0;
        for (size_t i = 1; i < item.len; i++) {
            number = number * 10 + (unsigned)(item.data[i] - '0');
        }
        if (EXPECT(number < NAMES)) {
            times[number]++;
        }
    }
}

/* Walks a list page by page and counts how often each name comes; answers
 * how many came. */
static size_t walk(const struct bench *bench, enum op op, const char *prefix,
                   uint32_t limit, unsigned times[NAMES])
{
    size_t count = 0;
    char cursor[CURSOR_LEN_MAX];
    size_t cursor_len = 0;
    memset(times, 0, NAMES * sizeof *times);
    do {
        struct request *request = task_begin(bench->task, op, "b", NULL);
        request->prefix = task_text(bench->task, prefix);
        request->cursor = task_bytes(bench->task, slice_of(cursor, cursor_len));
        request->limit = limit;
        if (!EXPECT_INT(task_run(bench, bench->task), STATUS_OK)) {
            break;
        }
        EXPECT(bench_response(bench)->count <= limit);
        count += bench_response(bench)->count;
        count_items(bench_response(bench), times);
        cursor_len = bench_response(bench)->cursor_len;
        memcpy(cursor, bench_response(bench)->cursor, cursor_len);
    } while (cursor_len > 0);
    return count;
}

static void expect_each_once(const struct bench *bench, enum op op)
{
    static const uint32_t page_limits[] = {1, 7, 1000};
    unsigned times[NAMES];
    for (size_t i = 0; i < sizeof page_limits / sizeof page_limits[0]; i++) {
        EXPECT_INT(walk(bench, op, "", page_limits[i], times), NAMES);
        for (size_t k = 0; k < NAMES; k++) {
            EXPECT_INT(times[k], 1);
        }
    }
}

static void put_names(const struct bench *bench, bool is_banks)
{
    for (int i = 0; i < NAMES; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        EXPECT_INT(bench_put(bench, is_banks ? name : "b", name, ""),
                   STATUS_OK);
    }
}

void contract_bank_list_answers_each_bank_once(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    put_names(&bench, true);
    expect_each_once(&bench, OP_BANK_LIST);
    bench_close(&bench);
}

void contract_bank_list_takes_a_prefix(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    unsigned times[NAMES];
    put_names(&bench, true);
    EXPECT_INT(walk(&bench, OP_BANK_LIST, "n12", 2, times), 11);
    EXPECT_INT(walk(&bench, OP_BANK_LIST, "x", 2, times), 0);
    bench_close(&bench);
}

void contract_bank_keys_answers_each_key_once(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    put_names(&bench, false);
    expect_each_once(&bench, OP_BANK_KEYS);
    bench_close(&bench);
}

void contract_bank_keys_takes_a_prefix(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    unsigned times[NAMES];
    put_names(&bench, false);
    EXPECT_INT(walk(&bench, OP_BANK_KEYS, "n12", 2, times), 11);
    EXPECT_INT(walk(&bench, OP_BANK_KEYS, "x", 2, times), 0);
    bench_close(&bench);
}

void contract_bank_keys_of_an_unknown_bank_is_empty(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    EXPECT_INT(bench_run_op(&bench, OP_BANK_KEYS, "none", NULL), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->count, 0);
    EXPECT_INT(bench_response(&bench)->cursor_len, 0);
    bench_close(&bench);
}

void contract_lists_refuse_a_cursor_that_was_never_given_out(
    const struct engine_kind *kind)
{
    static const enum op ops[] = {OP_BANK_LIST, OP_BANK_KEYS};
    struct bench bench = bench_open(kind);
    put_names(&bench, false);
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        for (size_t len = 1; len <= CURSOR_LEN_MAX; len++) {
            char cursor[CURSOR_LEN_MAX] = "made up by somebody";
            struct request *request = task_begin(bench.task, ops[i], "b", NULL);
            request->cursor = task_bytes(bench.task, slice_of(cursor, len));
            task_run(&bench, bench.task);
            bench_expect_refusal(&bench, STATUS_INVALID_ARGUMENT,
                                 "cursor was not given out by this server");
        }
    }
    bench_close(&bench);
}

void contract_bank_keys_refuses_a_cursor_from_before_a_reset(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    put_names(&bench, false);
    struct request *request = task_begin(bench.task, OP_BANK_KEYS, "b", NULL);
    request->limit = 5;
    EXPECT_INT(task_run(&bench, bench.task), STATUS_OK);
    char cursor[CURSOR_LEN_MAX];
    size_t cursor_len = bench_response(&bench)->cursor_len;
    memcpy(cursor, bench_response(&bench)->cursor, cursor_len);
    EXPECT(cursor_len > 0);
    bench_run_op(&bench, OP_BANK_RESET, "b", NULL);
    put_names(&bench, false);
    request = task_begin(bench.task, OP_BANK_KEYS, "b", NULL);
    request->cursor = task_bytes(bench.task, slice_of(cursor, cursor_len));
    task_run(&bench, bench.task);
    bench_expect_refusal(&bench, STATUS_ABORTED,
                         "the bank was reset since the cursor was given out");
    bench_close(&bench);
}

void contract_bank_reset_empties_one_bank(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "value");
    bench_put(&bench, "c", "k", "value");
    EXPECT_INT(bench_run_op(&bench, OP_BANK_RESET, "b", NULL), STATUS_OK);
    bench_expect_entry(&bench, "b", "k", NULL);
    bench_expect_entry(&bench, "c", "k", "value");
    bench_put(&bench, "b", "k", "again");
    bench_expect_entry(&bench, "b", "k", "again");
    EXPECT_INT(bench_run_op(&bench, OP_BANK_LIST, "", NULL), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->count, 2);
    bench_close(&bench);
}

void contract_bank_reset_of_an_unknown_bank_succeeds(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    EXPECT_INT(bench_run_op(&bench, OP_BANK_RESET, "none", NULL), STATUS_OK);
    bench_close(&bench);
}

void contract_bank_stats_tell_what_happened_in_a_bank(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "value");
    bench_put(&bench, "b", "l", "value");
    bench_put(&bench, "b", "l", "other");
    bench_run_op(&bench, OP_GET, "b", "k");
    bench_run_op(&bench, OP_GET, "b", "none");
    bench_run_op(&bench, OP_REMOVE, "b", "k");
    bench_run_op(&bench, OP_GET, "b", "k");
    EXPECT_INT(bench_run_op(&bench, OP_BANK_STATS, "b", NULL), STATUS_OK);
    const struct bank_stats *stats = &bench_response(&bench)->stats;
    EXPECT_INT(stats->entries, 1);
    EXPECT(stats->bytes >= strlen("l") + strlen("other"));
    EXPECT_INT(stats->hits, 1);
    EXPECT_INT(stats->misses_never_seen, 1);
    EXPECT_INT(stats->misses_removed, 1);
    EXPECT_INT(stats->overwrites, 1);
    EXPECT_INT(stats->weight, BANK_WEIGHT_DEFAULT);
    bench_close(&bench);
}

void contract_bank_stats_of_an_unknown_bank_are_not_found(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_run_op(&bench, OP_BANK_STATS, "none", NULL);
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, "there is no such bank");
    bench_close(&bench);
}

static enum status configure(const struct bench *bench, const char *bank,
                             const struct bank_limits *wanted)
{
    struct request *request =
        task_begin(bench->task, OP_BANK_CONFIGURE, bank, NULL);
    request->change = (struct bank_change){
        .limits = *wanted,
        .has_reserved = wanted->reserved > 0,
        .has_maximum = wanted->maximum > 0,
        .has_weight = wanted->weight > 0,
    };
    return task_run(bench, bench->task);
}

void contract_bank_configure_makes_a_bank_and_answers_its_limits(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    EXPECT_INT(configure(&bench, "b", &(struct bank_limits){.maximum = 100000}),
               STATUS_OK);
    EXPECT_INT(configure(&bench, "b", &(struct bank_limits){.reserved = 1}),
               STATUS_OK);
    const struct bank_limits *in_effect = &bench_response(&bench)->limits;
    EXPECT_INT(in_effect->reserved, 1);
    EXPECT_INT(in_effect->maximum, 100000);
    EXPECT_INT(in_effect->weight, BANK_WEIGHT_DEFAULT);
    EXPECT_INT(bench_run_op(&bench, OP_BANK_LIST, "", NULL), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->count, 1);
    bench_close(&bench);
}

void contract_bank_configure_refuses_a_reserve_beyond_the_maximum(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    configure(&bench, "b", &(struct bank_limits){.maximum = 100000});
    configure(&bench, "b", &(struct bank_limits){.reserved = 100001});
    bench_expect_refusal(&bench, STATUS_INVALID_ARGUMENT,
                         "reserved must not be more than maximum");
    bench_close(&bench);
}

void contract_bank_configure_refuses_reserves_that_leave_too_little(
    const struct engine_kind *kind)
{
    enum { LIMIT = 10000000 };
    struct bench bench = bench_open_limited(kind, LIMIT, 0);
    EXPECT_INT(
        configure(&bench, "b", &(struct bank_limits){.reserved = LIMIT / 2}),
        STATUS_OK);
    configure(&bench, "c", &(struct bank_limits){.reserved = LIMIT / 4});
    bench_expect_refusal(
        &bench, STATUS_OUT_OF_RANGE,
        "reserved: all banks together may reserve at most 70 % of "
        "the memory limit");
    bench_close(&bench);
}

void contract_a_bank_keeps_its_maximum_and_other_banks_their_entries(
    const struct engine_kind *kind)
{
    enum { PUTS = 3000 };
    struct bench bench = bench_open(kind);
    bench_put(&bench, "other", "k", "value");
    configure(&bench, "b", &(struct bank_limits){.maximum = BANK_MAXIMUM_MIN});
    for (int i = 0; i < PUTS; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        bench_put(&bench, "b", key, "a value of thirty bytes or so ");
    }
    EXPECT_INT(bench_run_op(&bench, OP_BANK_STATS, "b", NULL), STATUS_OK);
    const struct bank_stats *stats = &bench_response(&bench)->stats;
    EXPECT(stats->bytes <= BANK_MAXIMUM_MIN);
    EXPECT(stats->evictions > 0);
    bench_expect_entry(&bench, "other", "k", "value");
    bench_close(&bench);
}

/* Many tasks that are under way at the same time. */
static struct task *open_tasks(void)
{
    struct task *tasks = memory_alloc_or_die(TASKS * sizeof *tasks);
    for (size_t i = 0; i < TASKS; i++) {
        task_init(&tasks[i]);
    }
    return tasks;
}

static void close_tasks(struct task *tasks)
{
    for (size_t i = 0; i < TASKS; i++) {
        task_fini(&tasks[i]);
    }
    memory_free(tasks);
}

void contract_requests_are_carried_out_in_their_order(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    struct task *tasks = open_tasks();
    bench_put(&bench, "b", "k", "0");
    for (size_t i = 0; i < TASKS; i++) {
        struct request *request = task_begin(&tasks[i], OP_INCR, "b", "k");
        request->increment.delta = one;
        if (i % 10 == 9) {
            request->op = OP_PUT;
            request->value = task_text(&tasks[i], "0");
        }
        task_submit(bench.engine, &tasks[i]);
    }
    bench.kind->run(bench.engine);
    for (size_t i = 0; i < TASKS; i++) {
        EXPECT_INT(tasks[i].call.response.status, STATUS_OK);
        EXPECT_INT(tasks[i].call.response.number.integer, (i + 1) % 10);
    }
    close_tasks(tasks);
    bench_close(&bench);
}

void contract_every_pending_call_is_finished_once(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    struct task *tasks = open_tasks();
    bool is_pending[TASKS];
    bench_put(&bench, "b", "k", "value");
    for (size_t i = 0; i < TASKS; i++) {
        task_begin(&tasks[i], OP_GET, "b", i % 2 ? "k" : "other");
        is_pending[i] = task_submit(bench.engine, &tasks[i]) == SUBMIT_PENDING;
    }
    bench.kind->run(bench.engine);
    for (size_t i = 0; i < TASKS; i++) {
        EXPECT_INT(tasks[i].times_finished, is_pending[i]);
        EXPECT_INT(tasks[i].call.response.status,
                   i % 2 ? STATUS_OK : STATUS_NOT_FOUND);
        EXPECT_TEXT(buffer_peek(&tasks[i].call.response.body),
                    i % 2 ? "value" : "");
    }
    close_tasks(tasks);
    bench_close(&bench);
}

void contract_cancelled_call_is_finished_once(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    struct task *tasks = open_tasks();
    bool is_pending[TASKS];
    bench_put(&bench, "b", "k", "value");
    for (size_t i = 0; i < TASKS; i++) {
        task_begin(&tasks[i], OP_GET, "b", "k");
        is_pending[i] = task_submit(bench.engine, &tasks[i]) == SUBMIT_PENDING;
    }
    for (size_t i = 0; i < TASKS; i += 2) {
        if (is_pending[i]) {
            bench.engine->ops->cancel(bench.engine, &tasks[i].call);
        }
    }
    bench.kind->run(bench.engine);
    for (size_t i = 0; i < TASKS; i++) {
        bool may_be_cancelled = is_pending[i] && i % 2 == 0;
        enum status status = tasks[i].call.response.status;
        EXPECT_INT(tasks[i].times_finished, is_pending[i]);
        EXPECT(status == STATUS_OK ||
               (status == STATUS_CANCELLED && may_be_cancelled));
    }
    bench_expect_entry(&bench, "b", "k", "value");
    close_tasks(tasks);
    bench_close(&bench);
}

/* The engine that a callback submits to, and how often it did. */
static struct engine *again_engine;
static unsigned times_again;

static void submit_again(struct task *task)
{
    while (times_again < TASKS) {
        times_again++;
        task_begin(task, OP_GET, "b", "k");
        if (task_submit(again_engine, task) == SUBMIT_PENDING) {
            return;
        }
    }
}

void contract_call_may_be_submitted_again_when_it_is_finished(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "value");
    again_engine = bench.engine;
    times_again = 0;
    bench.task->on_finished = submit_again;
    submit_again(bench.task);
    bench.kind->run(bench.engine);
    bench.task->on_finished = NULL;
    EXPECT_INT(times_again, TASKS);
    EXPECT_INT(bench.task->call.state, CALL_DONE);
    EXPECT_TEXT(buffer_peek(&bench_response(&bench)->body), "value");
    bench_close(&bench);
}
