/* Operations on one entry: conditions, versions, what was there before,
 * lifetimes that are told, bounds of sums, and longer values. */
#include "engine/engine_contract_kit.h"

#include "base/check.h"
#include "base/memory.h"

enum { LARGE = 300 * 1024 };

/* A put of "new" that is to be run. */
static struct request *begin_put(const struct bench *bench, const char *key)
{
    struct request *request = task_begin(bench->task, OP_PUT, "b", key);
    request->value = task_text(bench->task, "new");
    request->kind = VALUE_TEXT;
    return request;
}

static enum status put_if(const struct bench *bench, const char *key,
                          enum condition_rule rule, uint64_t version,
                          const char *value)
{
    struct request *request = begin_put(bench, key);
    request->condition.rule = rule;
    request->condition.version = version;
    request->condition.value = task_text(bench->task, value);
    return task_run(bench, bench->task);
}

/* The version that the entry has or is given. */
static uint64_t version_of(const struct bench *bench, const char *key)
{
    struct request *request = task_begin(bench->task, OP_GET, "b", key);
    request->wants_version = true;
    EXPECT_INT(task_run(bench, bench->task), STATUS_OK);
    return bench_response(bench)->facts.version;
}

static const char other_version[] =
    "the entry has another version than if_version";
static const char other_value[] = "the entry has another value than if_value";

void contract_put_if_absent_stores_only_where_nothing_is(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    EXPECT_INT(put_if(&bench, "k", CONDITION_ABSENT, 0, ""), STATUS_OK);
    bench_put_for(&bench, "b", "k", "value", 100);
    put_if(&bench, "k", CONDITION_ABSENT, 0, "");
    bench_expect_refusal(&bench, STATUS_ALREADY_EXISTS, "the entry is there");
    bench_expect_entry(&bench, "b", "k", "value");
    bench_set_time(100);
    EXPECT_INT(put_if(&bench, "k", CONDITION_ABSENT, 0, ""), STATUS_OK);
    bench_expect_entry(&bench, "b", "k", "new");
    bench_close(&bench);
}

void contract_put_if_present_stores_only_where_something_is(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    put_if(&bench, "k", CONDITION_PRESENT, 0, "");
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, "");
    EXPECT_INT(bench_run_op(&bench, OP_BANK_LIST, "", NULL), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->count, 0);
    bench_put_for(&bench, "b", "k", "value", 100);
    EXPECT_INT(put_if(&bench, "k", CONDITION_PRESENT, 0, ""), STATUS_OK);
    bench_expect_entry(&bench, "b", "k", "new");
    bench_put_for(&bench, "b", "k", "value", 100);
    bench_set_time(100);
    put_if(&bench, "k", CONDITION_PRESENT, 0, "");
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, "");
    bench_close(&bench);
}

void contract_put_if_version_stores_only_over_that_version(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    put_if(&bench, "k", CONDITION_VERSION, 1, "");
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, "");
    bench_put(&bench, "b", "k", "value");
    uint64_t version = version_of(&bench, "k");
    put_if(&bench, "k", CONDITION_VERSION, version + 1, "");
    bench_expect_refusal(&bench, STATUS_ABORTED, other_version);
    bench_expect_entry(&bench, "b", "k", "value");
    EXPECT_INT(put_if(&bench, "k", CONDITION_VERSION, version, ""), STATUS_OK);
    bench_expect_entry(&bench, "b", "k", "new");
    put_if(&bench, "k", CONDITION_VERSION, version, "");
    bench_expect_refusal(&bench, STATUS_ABORTED, other_version);
    bench_close(&bench);
}

void contract_put_if_value_stores_only_over_that_value(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    put_if(&bench, "k", CONDITION_VALUE, 0, "value");
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, "");
    bench_put(&bench, "b", "k", "value");
    put_if(&bench, "k", CONDITION_VALUE, 0, "valu");
    bench_expect_refusal(&bench, STATUS_ABORTED, other_value);
    bench_expect_entry(&bench, "b", "k", "value");
    EXPECT_INT(put_if(&bench, "k", CONDITION_VALUE, 0, "value"), STATUS_OK);
    bench_put(&bench, "b", "k", "");
    EXPECT_INT(put_if(&bench, "k", CONDITION_VALUE, 0, ""), STATUS_OK);
    bench_expect_entry(&bench, "b", "k", "new");
    bench_close(&bench);
}

void contract_put_answers_what_was_there(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    begin_put(&bench, "k")->wants_previous = true;
    EXPECT_INT(task_run(&bench, bench.task), STATUS_OK);
    EXPECT(!bench_response(&bench)->has_previous);
    bench_put(&bench, "b", "k", "older");
    begin_put(&bench, "k")->wants_previous = true;
    EXPECT_INT(task_run(&bench, bench.task), STATUS_OK);
    EXPECT(bench_response(&bench)->has_previous);
    EXPECT_TEXT(buffer_peek(&bench_response(&bench)->body), "older");
    EXPECT_INT(bench_response(&bench)->kind, VALUE_TEXT);
    begin_put(&bench, "k")->wants_previous = true;
    bench.task->call.request.condition.rule = CONDITION_ABSENT;
    EXPECT_INT(task_run(&bench, bench.task), STATUS_ALREADY_EXISTS);
    EXPECT(bench_response(&bench)->has_previous);
    EXPECT_TEXT(buffer_peek(&bench_response(&bench)->body), "new");
    EXPECT_TEXT(slice_of_string(bench_response(&bench)->message),
                "the entry is there");
    begin_put(&bench, "none")->wants_previous = true;
    bench.task->call.request.condition.rule = CONDITION_PRESENT;
    EXPECT_INT(task_run(&bench, bench.task), STATUS_NOT_FOUND);
    EXPECT(!bench_response(&bench)->has_previous);
    bench_close(&bench);
}

void contract_put_answers_a_version_that_is_never_used_again(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    uint64_t last = 0;
    for (int i = 0; i < 100; i++) {
        begin_put(&bench, i % 3 ? "k" : "l")->wants_version = true;
        EXPECT_INT(task_run(&bench, bench.task), STATUS_OK);
        uint64_t version = bench_response(&bench)->version;
        EXPECT(version > last);
        EXPECT(version < UINT64_C(1) << 53);
        EXPECT_INT(version_of(&bench, i % 3 ? "k" : "l"), version);
        last = version;
    }
    bench_close(&bench);
}

void contract_get_answers_version_and_lifetime(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put_for(&bench, "b", "k", "value", 1000);
    bench_set_time(400);
    struct request *request = task_begin(bench.task, OP_GET, "b", "k");
    request->wants_lifetime = true;
    EXPECT_INT(task_run(&bench, bench.task), STATUS_OK);
    EXPECT_TEXT(buffer_peek(&bench_response(&bench)->body), "value");
    EXPECT_INT(bench_response(&bench)->facts.lifetime_ms, 1000);
    EXPECT_INT(bench_response(&bench)->facts.remaining_ms, 600);
    uint64_t version = version_of(&bench, "k");
    EXPECT(version > 0);
    request = task_begin(bench.task, OP_GET, "b", "k");
    request->wants_lifetime = true;
    request->wants_version = true;
    request->is_touch = true;
    request->lifetime = (struct lifetime){LIFETIME_NEW, 50};
    EXPECT_INT(task_run(&bench, bench.task), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->facts.version, version);
    EXPECT_INT(bench_response(&bench)->facts.lifetime_ms, 50);
    EXPECT_INT(bench_response(&bench)->facts.remaining_ms, 50);
    request = task_begin(bench.task, OP_GET, "b", "none");
    request->wants_version = true;
    task_run(&bench, bench.task);
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, "");
    bench_close(&bench);
}

void contract_remove_takes_a_condition(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "token");
    uint64_t version = version_of(&bench, "k");
    struct request *request = task_begin(bench.task, OP_REMOVE, "b", "k");
    request->condition =
        (struct condition){CONDITION_VERSION, version + 1, {NULL, 0}};
    task_run(&bench, bench.task);
    bench_expect_refusal(&bench, STATUS_ABORTED, other_version);
    request = task_begin(bench.task, OP_REMOVE, "b", "k");
    request->condition.rule = CONDITION_VALUE;
    request->condition.value = task_text(bench.task, "toke");
    task_run(&bench, bench.task);
    bench_expect_refusal(&bench, STATUS_ABORTED, other_value);
    bench_expect_entry(&bench, "b", "k", "token");
    request = task_begin(bench.task, OP_REMOVE, "b", "none");
    request->condition.rule = CONDITION_VALUE;
    task_run(&bench, bench.task);
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, "");
    request = task_begin(bench.task, OP_REMOVE, "b", "k");
    request->condition =
        (struct condition){CONDITION_VERSION, version, {NULL, 0}};
    EXPECT_INT(task_run(&bench, bench.task), STATUS_OK);
    bench_expect_entry(&bench, "b", "k", NULL);
    bench_close(&bench);
}

void contract_remove_answers_what_was_there(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "value");
    struct request *request = task_begin(bench.task, OP_REMOVE, "b", "k");
    request->wants_previous = true;
    request->condition.rule = CONDITION_VALUE;
    EXPECT_INT(task_run(&bench, bench.task), STATUS_ABORTED);
    EXPECT(bench_response(&bench)->has_previous);
    EXPECT_TEXT(buffer_peek(&bench_response(&bench)->body), "value");
    task_begin(bench.task, OP_REMOVE, "b", "k")->wants_previous = true;
    EXPECT_INT(task_run(&bench, bench.task), STATUS_OK);
    EXPECT(bench_response(&bench)->has_previous);
    EXPECT_TEXT(buffer_peek(&bench_response(&bench)->body), "value");
    EXPECT_INT(bench_response(&bench)->kind, VALUE_TEXT);
    task_begin(bench.task, OP_REMOVE, "b", "k")->wants_previous = true;
    EXPECT_INT(task_run(&bench, bench.task), STATUS_NOT_FOUND);
    EXPECT(!bench_response(&bench)->has_previous);
    bench_close(&bench);
}

void contract_meta_tells_all_but_the_value(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put_for(&bench, "b", "k", "value", 1000);
    bench_set_time(999);
    EXPECT_INT(bench_run_op(&bench, OP_META, "b", "k"), STATUS_OK);
    const struct entry_facts *facts = &bench_response(&bench)->facts;
    EXPECT_INT(facts->kind, VALUE_TEXT);
    EXPECT_INT(facts->size, 5);
    EXPECT_INT(facts->lifetime_ms, 1000);
    EXPECT_INT(facts->remaining_ms, 1);
    EXPECT_INT(buffer_len(&bench_response(&bench)->body), 0);
    task_begin(bench.task, OP_META, "b", "k")->wants_version = true;
    EXPECT_INT(task_run(&bench, bench.task), STATUS_OK);
    uint64_t version = facts->version;
    EXPECT(version > 0);
    EXPECT_INT(version_of(&bench, "k"), version);
    bench_put(&bench, "b", "forever", "");
    EXPECT_INT(bench_run_op(&bench, OP_META, "b", "forever"), STATUS_OK);
    EXPECT_INT(facts->size, 0);
    EXPECT_INT(facts->lifetime_ms, 0);
    EXPECT_INT(facts->remaining_ms, 0);
    bench_close(&bench);
}

void contract_meta_of_nothing_is_not_found_and_no_miss(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_run_op(&bench, OP_META, "b", "k");
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, "");
    bench_put_for(&bench, "b", "k", "value", 10);
    EXPECT_INT(bench_run_op(&bench, OP_META, "b", "k"), STATUS_OK);
    bench_run_op(&bench, OP_META, "b", "none");
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, "");
    bench_set_time(10);
    bench_run_op(&bench, OP_META, "b", "k");
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, "");
    EXPECT_INT(bench_run_op(&bench, OP_BANK_STATS, "b", NULL), STATUS_OK);
    const struct bank_stats *stats = &bench_response(&bench)->stats;
    EXPECT_INT(stats->hits, 0);
    EXPECT_INT(stats->misses_never_seen + stats->misses_expired, 0);
    bench_close(&bench);
}

/* Expects an increment to come to `sum`, which is what the entry holds then. */
static void expect_sum(const struct bench *bench, int64_t sum)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)sum);
    EXPECT_INT(task_run(bench, bench->task), STATUS_OK);
    EXPECT_INT(bench_response(bench)->number.integer, sum);
    bench_expect_entry(bench, "b", "k", text);
}

static struct increment *begin_incr(const struct bench *bench, int64_t delta)
{
    struct request *request = task_begin(bench->task, OP_INCR, "b", "k");
    request->increment.delta =
        (struct number){.is_integer = true, .integer = delta};
    return &request->increment;
}

static struct number whole(int64_t integer)
{
    return (struct number){.is_integer = true, .integer = integer};
}

void contract_incr_begins_where_it_is_told(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    for (int i = 0; i < 2; i++) {
        struct increment *increment = begin_incr(&bench, 2);
        increment->has_initial = true;
        increment->initial = whole(40);
        increment->lifetime = (struct lifetime){LIFETIME_NEW, 100};
        expect_sum(&bench, 42 + 2 * i);
        bench_set_time(50);
    }
    bench_set_time(99);
    bench_expect_entry(&bench, "b", "k", "44");
    bench_set_time(100);
    bench_expect_entry(&bench, "b", "k", NULL);
    bench_close(&bench);
}

void contract_incr_keeps_its_bounds(const struct engine_kind *kind)
{
    static const char text[] =
        "the sum is not from minimum to maximum, or integer overflow";
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "5");
    struct increment *increment = begin_incr(&bench, 6);
    increment->has_maximum = true;
    increment->maximum = whole(10);
    task_run(&bench, bench.task);
    bench_expect_refusal(&bench, STATUS_OUT_OF_RANGE, text);
    increment = begin_incr(&bench, -6);
    increment->has_minimum = true;
    increment->minimum = whole(0);
    task_run(&bench, bench.task);
    bench_expect_refusal(&bench, STATUS_OUT_OF_RANGE, text);
    bench_expect_entry(&bench, "b", "k", "5");
    increment = begin_incr(&bench, 5);
    increment->has_minimum = increment->has_maximum = true;
    increment->minimum = whole(0);
    increment->maximum = whole(10);
    expect_sum(&bench, 10);
    increment = begin_incr(&bench, 2);
    increment->has_initial = true;
    increment->initial = whole(100);
    increment->has_maximum = true;
    increment->maximum = whole(101);
    bench.task->call.request.key = task_text(bench.task, "new");
    task_run(&bench, bench.task);
    bench_expect_refusal(&bench, STATUS_OUT_OF_RANGE, text);
    bench_expect_entry(&bench, "b", "new", NULL);
    bench_close(&bench);
}

void contract_incr_saturates(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "5");
    struct increment *increment = begin_incr(&bench, INT64_MAX);
    increment->saturates = true;
    expect_sum(&bench, INT64_MAX);
    increment = begin_incr(&bench, 1);
    increment->saturates = true;
    increment->has_maximum = true;
    increment->maximum = whole(1000);
    expect_sum(&bench, 1000);
    increment = begin_incr(&bench, INT64_MIN);
    increment->saturates = true;
    increment->has_minimum = true;
    increment->minimum = whole(-7);
    expect_sum(&bench, -7);
    increment = begin_incr(&bench, INT64_MIN);
    increment->saturates = true;
    expect_sum(&bench, INT64_MIN);
    bench_close(&bench);
}

static enum status lengthen(const struct bench *bench, enum op op,
                            const char *key, const char *piece,
                            uint64_t size_max)
{
    struct request *request = task_begin(bench->task, op, "b", key);
    request->value = task_text(bench->task, piece);
    request->size_max = size_max;
    return task_run(bench, bench->task);
}

void contract_append_makes_a_value_longer(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put_for(&bench, "b", "k", "value", 100);
    uint64_t version = version_of(&bench, "k");
    bench_set_time(50);
    EXPECT_INT(lengthen(&bench, OP_APPEND, "k", " and more", 14), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->facts.size, 14);
    EXPECT_INT(lengthen(&bench, OP_APPEND, "k", "", 0), STATUS_OK);
    bench_expect_entry(&bench, "b", "k", "value and more");
    EXPECT_INT(bench_response(&bench)->kind, VALUE_TEXT);
    EXPECT(version_of(&bench, "k") != version);
    bench_set_time(100);
    bench_expect_entry(&bench, "b", "k", NULL);
    bench_close(&bench);
}

void contract_prepend_makes_a_value_longer(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put_for(&bench, "b", "k", "value", 100);
    bench_set_time(50);
    EXPECT_INT(lengthen(&bench, OP_PREPEND, "k", "longer ", 12), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->facts.size, 12);
    EXPECT_INT(lengthen(&bench, OP_PREPEND, "k", "", 0), STATUS_OK);
    bench_expect_entry(&bench, "b", "k", "longer value");
    bench_set_time(100);
    bench_expect_entry(&bench, "b", "k", NULL);
    bench_close(&bench);
}

static void expect_no_longer(const struct bench *bench, enum op op)
{
    static const char text[] =
        "the value is JSON, or text that this piece is none of";
    lengthen(bench, op, "none", "more", 0);
    bench_expect_refusal(bench, STATUS_NOT_FOUND, "");
    bench_put(bench, "b", "k", "value");
    lengthen(bench, op, "k", "more", 8);
    bench_expect_refusal(bench, STATUS_OUT_OF_RANGE,
                         "the value would have more bytes than max_size");
    lengthen(bench, op, "k", "\xff", 0);
    bench_expect_refusal(bench, STATUS_FAILED_PRECONDITION, text);
    bench_expect_entry(bench, "b", "k", "value");
    struct request *request = task_begin(bench->task, OP_PUT, "b", "json");
    request->value = task_text(bench->task, "[1]");
    request->kind = VALUE_JSON;
    EXPECT_INT(task_run(bench, bench->task), STATUS_OK);
    lengthen(bench, op, "json", "2", 0);
    bench_expect_refusal(bench, STATUS_FAILED_PRECONDITION, text);
    bench_expect_entry(bench, "b", "json", "[1]");
    bench_put_for(bench, "b", "k", "value", 10);
    bench_set_time(10);
    lengthen(bench, op, "k", "more", 0);
    bench_expect_refusal(bench, STATUS_NOT_FOUND, "");
    bench_set_time(0);
}

void contract_append_refuses_what_it_cannot_continue(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    expect_no_longer(&bench, OP_APPEND);
    bench_close(&bench);
}

void contract_prepend_refuses_what_it_cannot_continue(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    expect_no_longer(&bench, OP_PREPEND);
    bench_close(&bench);
}

void contract_values_grow_up_to_the_longest(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    char *bytes = memory_alloc_or_die(CONTRACT_VALUE_MAX);
    memset(bytes, 'x', CONTRACT_VALUE_MAX);
    bench_put(&bench, "b", "k", "12345");
    struct call *call = &bench.task->call;
    task_begin(bench.task, OP_APPEND, "b", "k");
    call->request.value = slice_of(bytes, LARGE);
    EXPECT_INT(task_run(&bench, bench.task), STATUS_OK);
    task_begin(bench.task, OP_PREPEND, "b", "k");
    call->request.value = slice_of(bytes, CONTRACT_VALUE_MAX - LARGE - 5);
    EXPECT_INT(task_run(&bench, bench.task), STATUS_OK);
    EXPECT_INT(call->response.facts.size, CONTRACT_VALUE_MAX);
    EXPECT_INT(lengthen(&bench, OP_APPEND, "k", "1", UINT64_MAX),
               STATUS_OUT_OF_RANGE);
    EXPECT_INT(lengthen(&bench, OP_PREPEND, "k", "1", 0), STATUS_OUT_OF_RANGE);
    EXPECT_INT(bench_run_op(&bench, OP_GET, "b", "k"), STATUS_OK);
    struct slice got = buffer_peek(&call->response.body);
    EXPECT_INT(got.len, CONTRACT_VALUE_MAX);
    EXPECT_SLICE(slice_of(got.data + got.len - LARGE - 5, 5),
                 SLICE_LITERAL("12345"));
    memory_free(bytes);
    bench_close(&bench);
}
