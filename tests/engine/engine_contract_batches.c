/* Operations on many keys of a bank: each by itself, in their order. */
#include "engine/engine_contract_kit.h"

#include "base/check.h"
#include "base/memory.h"

enum { MANY = 100 };

/* A batch of keys "k0" to "k99"; the even ones are there. */
static struct batch_item items[MANY + 2];
static char names[MANY][8];

static void fill_items(struct task *task)
{
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "k%d", i);
        items[i] = (struct batch_item){.key = task_text(task, names[i]),
                                       .value = task_text(task, names[i]),
                                       .kind = VALUE_TEXT};
    }
}

static struct request *begin_batch(const struct bench *bench, enum op op,
                                   size_t count)
{
    struct request *request = task_begin(bench->task, op, "b", NULL);
    fill_items(bench->task);
    request->items = items;
    request->item_count = count;
    return request;
}

static struct bench open_half(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    for (int i = 0; i < MANY; i += 2) {
        snprintf(names[i], sizeof names[i], "k%d", i);
        bench_put_for(&bench, "b", names[i], names[i], 100);
    }
    return bench;
}

/* Expects `even` and `odd` for the items in turn. */
static void expect_results(const struct bench *bench, enum status even,
                           enum status odd)
{
    const struct response *response = bench_response(bench);
    const struct batch_result *results = response_results(response);
    EXPECT_INT(response->status, STATUS_OK);
    EXPECT_INT(response->count, MANY);
    for (size_t i = 0; i < response->count; i++) {
        EXPECT_INT(results[i].status, i % 2 ? odd : even);
    }
}

void contract_get_many_answers_each_in_its_order(const struct engine_kind *kind)
{
    struct bench bench = open_half(kind);
    begin_batch(&bench, OP_GET_MANY, MANY);
    items[1] = items[0]; /* The same again. */
    task_run(&bench, bench.task);
    const struct batch_result *results =
        response_results(bench_response(&bench));
    struct slice body = buffer_peek(&bench_response(&bench)->body);
    EXPECT_INT(bench_response(&bench)->count, MANY);
    for (int i = 0; i < MANY; i++) {
        bool is_there = i % 2 == 0 || i == 1;
        const char *must = is_there ? names[i == 1 ? 0 : i] : "";
        EXPECT_INT(results[i].status, is_there ? STATUS_OK : STATUS_NOT_FOUND);
        EXPECT_INT(results[i].kind, is_there ? VALUE_TEXT : VALUE_BYTES);
        EXPECT_INT(results[i].version, 0);
        REQUIRE(results[i].len <= body.len);
        EXPECT_TEXT(slice_of(body.data, results[i].len), must);
        body = slice_after(body, results[i].len);
    }
    EXPECT_INT(body.len, 0);
    bench_close(&bench);
}

void contract_get_many_answers_versions(const struct engine_kind *kind)
{
    struct bench bench = open_half(kind);
    begin_batch(&bench, OP_GET_MANY, MANY)->wants_version = true;
    task_run(&bench, bench.task);
    expect_results(&bench, STATUS_OK, STATUS_NOT_FOUND);
    const struct batch_result *results =
        response_results(bench_response(&bench));
    for (int i = 2; i < MANY; i += 2) {
        EXPECT(results[i].version > 0);
        EXPECT(results[i].version != results[i - 2].version);
        EXPECT_INT(results[i].kind, VALUE_TEXT);
        EXPECT_INT(results[i - 1].version, 0);
    }
    uint64_t version = results[8].version;
    task_begin(bench.task, OP_GET, "b", "k8")->wants_version = true;
    EXPECT_INT(task_run(&bench, bench.task), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->facts.version, version);
    bench_close(&bench);
}

static void put_long(const struct bench *bench, const char *key, size_t len)
{
    char *bytes = memory_alloc_or_die(len);
    memset(bytes, 'v', len);
    task_begin(bench->task, OP_PUT, "b", key);
    bench->task->call.request.value = slice_of(bytes, len);
    EXPECT_INT(task_run(bench, bench->task), STATUS_OK);
    memory_free(bytes);
}

/* What is left out can be had alone, be it as long as any. */
void contract_get_many_leaves_out_what_would_be_too_much(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    put_long(&bench, "k0", 1000);
    put_long(&bench, "k1", CONTRACT_VALUE_MAX);
    bench_put(&bench, "b", "k2", "short");
    begin_batch(&bench, OP_GET_MANY, 4);
    EXPECT_INT(task_run(&bench, bench.task), STATUS_OK);
    const struct batch_result *results =
        response_results(bench_response(&bench));
    EXPECT_INT(results[0].status, STATUS_OK);
    EXPECT_INT(results[0].len, 1000);
    EXPECT_INT(results[1].status, STATUS_RESOURCE_EXHAUSTED);
    EXPECT_INT(results[1].len, 0);
    EXPECT_INT(results[2].status, STATUS_OK);
    EXPECT_INT(results[2].len, 5);
    EXPECT_INT(results[3].status, STATUS_NOT_FOUND);
    EXPECT_INT(buffer_len(&bench_response(&bench)->body), 1005);
    begin_batch(&bench, OP_GET_MANY, 1);
    items[0] = items[1];
    EXPECT_INT(task_run(&bench, bench.task), STATUS_OK);
    results = response_results(bench_response(&bench));
    EXPECT_INT(results[0].status, STATUS_OK);
    EXPECT_INT(results[0].len, CONTRACT_VALUE_MAX);
    bench_close(&bench);
}

void contract_put_many_stores_each(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    begin_batch(&bench, OP_PUT_MANY, MANY);
    items[2].lifetime = (struct lifetime){LIFETIME_NEW, 10};
    items[4] = items[3]; /* The later one counts. */
    items[4].value = SLICE_LITERAL("later");
    items[4].kind = VALUE_BYTES;
    task_run(&bench, bench.task);
    expect_results(&bench, STATUS_OK, STATUS_OK);
    bench_expect_entry(&bench, "b", "k3", "later");
    EXPECT_INT(bench_response(&bench)->kind, VALUE_BYTES);
    bench_expect_entry(&bench, "b", "k4", NULL);
    bench_expect_entry(&bench, "b", "k99", "k99");
    EXPECT_INT(bench_response(&bench)->kind, VALUE_TEXT);
    bench_expect_entry(&bench, "b", "k2", "k2");
    bench_set_time(10);
    bench_expect_entry(&bench, "b", "k2", NULL);
    bench_close(&bench);
}

void contract_put_many_tells_which_were_refused(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    struct request *request =
        task_begin(bench.task, OP_BANK_CONFIGURE, "b", NULL);
    request->change = (struct bank_change){
        .limits = {.maximum_entries = MANY / 2, .when_full = BANK_REFUSE},
        .has_maximum_entries = true,
        .has_when_full = true};
    EXPECT_INT(task_run(&bench, bench.task), STATUS_OK);
    begin_batch(&bench, OP_PUT_MANY, MANY);
    task_run(&bench, bench.task);
    const struct batch_result *results =
        response_results(bench_response(&bench));
    for (int i = 0; i < MANY; i++) {
        EXPECT_INT(results[i].status,
                   i < MANY / 2 ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED);
    }
    bench_expect_entry(&bench, "b", "k49", "k49");
    bench_expect_entry(&bench, "b", "k50", NULL);
    bench_close(&bench);
}

void contract_remove_many_removes_each(const struct engine_kind *kind)
{
    struct bench bench = open_half(kind);
    bench_put(&bench, "b", "other", "stays");
    begin_batch(&bench, OP_REMOVE_MANY, MANY);
    task_run(&bench, bench.task);
    expect_results(&bench, STATUS_OK, STATUS_NOT_FOUND);
    begin_batch(&bench, OP_REMOVE_MANY, MANY);
    task_run(&bench, bench.task);
    expect_results(&bench, STATUS_NOT_FOUND, STATUS_NOT_FOUND);
    bench_expect_entry(&bench, "b", "other", "stays");
    EXPECT_INT(bench_run_op(&bench, OP_BANK_KEYS, "b", NULL), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->count, 1);
    bench_close(&bench);
}

static void touch_many(const struct bench *bench, enum lifetime_rule rule,
                       uint64_t ms)
{
    begin_batch(bench, OP_TOUCH_MANY, MANY)->lifetime =
        (struct lifetime){rule, ms};
    task_run(bench, bench->task);
    expect_results(bench, STATUS_OK, STATUS_NOT_FOUND);
}

void contract_touch_many_touches_each(const struct engine_kind *kind)
{
    struct bench bench = open_half(kind);
    bench_set_time(60);
    touch_many(&bench, LIFETIME_SAME, 0);
    bench_set_time(159);
    touch_many(&bench, LIFETIME_NEW, 1000);
    bench_set_time(1158);
    bench_expect_entry(&bench, "b", "k98", "k98");
    touch_many(&bench, LIFETIME_FOREVER, 0);
    bench_set_time(1000000);
    bench_expect_entry(&bench, "b", "k98", "k98");
    touch_many(&bench, LIFETIME_NEW, 1);
    bench_set_time(1000001);
    bench_expect_entry(&bench, "b", "k98", NULL);
    bench_close(&bench);
}

void contract_batches_of_nothing_succeed(const struct engine_kind *kind)
{
    static const enum op ops[] = {OP_GET_MANY, OP_PUT_MANY, OP_REMOVE_MANY,
                                  OP_TOUCH_MANY};
    struct bench bench = bench_open(kind);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        EXPECT_INT(bench_run_op(&bench, ops[i], "b", NULL), STATUS_OK);
        EXPECT_INT(bench_response(&bench)->count, 0);
    }
    EXPECT_INT(bench_run_op(&bench, OP_BANK_LIST, "", NULL), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->count, 0);
    bench_close(&bench);
}

void contract_batches_on_an_unknown_bank_find_nothing(
    const struct engine_kind *kind)
{
    static const enum op ops[] = {OP_GET_MANY, OP_REMOVE_MANY, OP_TOUCH_MANY};
    struct bench bench = bench_open(kind);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        begin_batch(&bench, ops[i], MANY);
        task_run(&bench, bench.task);
        expect_results(&bench, STATUS_NOT_FOUND, STATUS_NOT_FOUND);
    }
    EXPECT_INT(bench_run_op(&bench, OP_BANK_LIST, "", NULL), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->count, 0);
    bench_close(&bench);
}
