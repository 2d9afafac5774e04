/*
 * A task is a call with what its owner sees of it. task_submit() does what
 * the server's dispatch does around an engine's submit, and worse: it spoils
 * the bytes that the request was made of, so that only an engine that asks
 * for them to be kept may look at them later.
 */
#include "engine/engine_contract_kit.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "core/limits.h"
#include "engine/engine.h"
#include "store/store.h"

enum { START_MS = 5000 };

static const struct limits limits = {
    .frame_len_max = CONTRACT_VALUE_MAX + FRAME_OVERHEAD_MAX,
    .list_len_max = 1000,
    .batch_max = CONTRACT_BATCH_MAX,
};

static void on_done(struct call *call)
{
    struct task *task = call->owner;
    CHECK(call == &task->call);
    task->times_finished++;
    task->was_finished_in_submit |= task->is_in_submit;
    if (task->on_finished) {
        task->on_finished(task);
    }
}

void task_init(struct task *task)
{
    *task = (struct task){0};
    call_init(&task->call);
    task->call.owner = task;
    task->call.on_done = on_done;
}

void task_fini(struct task *task)
{
    call_fini(&task->call);
}

/* A copy of `bytes` in the task's input. */
struct slice task_bytes(struct task *task, struct slice bytes)
{
    CHECK(bytes.len <= CONTRACT_INPUT_MAX - task->input_len);
    char *room = task->input + task->input_len;
    if (bytes.len) {
        memcpy(room, bytes.data, bytes.len);
    }
    task->input_len += bytes.len;
    return slice_of(room, bytes.len);
}

struct slice task_text(struct task *task, const char *text)
{
    return task_bytes(task, slice_of_string(text));
}

/* Makes the task ready for a request, whose key may be NULL. */
struct request *task_begin(struct task *task, enum op op, const char *bank,
                           const char *key)
{
    call_reset(&task->call);
    task->input_len = 0;
    task->times_finished = 0;
    task->call.request.op = op;
    task->call.request.bank = task_text(task, bank);
    task->call.request.key = task_text(task, key ? key : "");
    return &task->call.request;
}

enum submit task_submit(struct engine *engine, struct task *task)
{
    struct call *call = &task->call;
    EXPECT(request_check(&call->request, &limits, &call->response));
    if (engine->ops->may_pend) {
        CHECK(call_keep(call) == STATUS_OK);
        memset(task->input, 0xdd, task->input_len);
    }
    task->is_in_submit = true;
    enum submit result = engine->ops->submit(engine, call);
    task->is_in_submit = false;
    EXPECT(!task->was_finished_in_submit);
    EXPECT(result == SUBMIT_DONE || engine->ops->may_pend);
    call->state = result == SUBMIT_DONE ? CALL_DONE : CALL_PENDING;
    memset(task->input, 0xdd, task->input_len);
    return result;
}

/* Submits the task and waits for its end. */
enum status task_run(const struct bench *bench, struct task *task)
{
    enum submit result = task_submit(bench->engine, task);
    bench->kind->run(bench->engine);
    EXPECT_INT(task->times_finished, result == SUBMIT_PENDING);
    EXPECT_INT(task->call.state, CALL_DONE);
    return task->call.response.status;
}

struct bench bench_open_limited(const struct engine_kind *kind,
                                uint64_t memory_max, uint64_t banks_max)
{
    const struct store_options options = {.memory_max = memory_max,
                                          .banks_max = banks_max};
    clock_set_fake(START_MS);
    struct bench bench = {
        .kind = kind,
        .engine = kind->open(&options),
        .task = memory_alloc_or_die(sizeof(struct task)),
    };
    CHECK(bench.engine);
    task_init(bench.task);
    return bench;
}

struct bench bench_open(const struct engine_kind *kind)
{
    return bench_open_limited(kind, 0, 0);
}

void bench_close(struct bench *bench)
{
    task_fini(bench->task);
    memory_free(bench->task);
    bench->kind->close(&bench->engine);
    EXPECT(bench->engine == NULL);
    clock_set_fake(0);
}

void bench_set_time(uint64_t after_ms)
{
    clock_set_fake(START_MS + after_ms);
}

enum status bench_put_with(const struct bench *bench, const char *bank,
                           const char *key, const char *value,
                           struct lifetime lifetime)
{
    struct request *request = task_begin(bench->task, OP_PUT, bank, key);
    request->value = task_text(bench->task, value);
    request->kind = VALUE_TEXT;
    request->lifetime = lifetime;
    return task_run(bench, bench->task);
}

enum status bench_put(const struct bench *bench, const char *bank,
                      const char *key, const char *value)
{
    return bench_put_with(bench, bank, key, value, (struct lifetime){0});
}

enum status bench_put_for(const struct bench *bench, const char *bank,
                          const char *key, const char *value, uint64_t ms)
{
    return bench_put_with(bench, bank, key, value,
                          (struct lifetime){LIFETIME_NEW, ms});
}

/* An operation on a key that needs no more than its name. */
enum status bench_run_op(const struct bench *bench, enum op op,
                         const char *bank, const char *key)
{
    task_begin(bench->task, op, bank, key);
    return task_run(bench, bench->task);
}

const struct response *bench_response(const struct bench *bench)
{
    return &bench->task->call.response;
}

/* Expects `value` under the key; NULL: nothing. */
void bench_expect_entry(const struct bench *bench, const char *bank,
                        const char *key, const char *value)
{
    enum status status = bench_run_op(bench, OP_GET, bank, key);
    EXPECT_INT(status, value ? STATUS_OK : STATUS_NOT_FOUND);
    EXPECT_TEXT(buffer_peek(&bench_response(bench)->body), value ? value : "");
    EXPECT_TEXT(slice_of_string(bench_response(bench)->message), "");
}

/* Expects that the last task was refused, and why. */
void bench_expect_refusal(const struct bench *bench, enum status status,
                          const char *message)
{
    EXPECT_INT(bench_response(bench)->status, status);
    EXPECT_TEXT(slice_of_string(bench_response(bench)->message), message);
    EXPECT_INT(buffer_len(&bench_response(bench)->body), 0);
}
