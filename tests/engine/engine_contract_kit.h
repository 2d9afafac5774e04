/* What the cases of the contract share: an engine under test, and tasks for
 * it. */
#ifndef CACHESERVER_TESTS_ENGINE_ENGINE_CONTRACT_KIT_H
#define CACHESERVER_TESTS_ENGINE_ENGINE_CONTRACT_KIT_H

#include "engine/engine_contract.h"

#include "core/call.h"
#include "core/limits.h"
#include "engine/engine.h"
#include "support/test.h"

#include <stdio.h>

enum {
    CONTRACT_INPUT_MAX = 8192,
    CONTRACT_VALUE_MAX = (1 << 23) - FRAME_OVERHEAD_MAX,
    CONTRACT_BATCH_MAX = 1000
};

struct task {
    struct call call;
    char input[CONTRACT_INPUT_MAX]; /* what the request borrows */
    size_t input_len;
    unsigned times_finished;
    bool is_in_submit;
    bool was_finished_in_submit;
    void (*on_finished)(struct task *task); /* may be NULL */
};

/* An engine under test with one task for the cases that need no more. */
struct bench {
    const struct engine_kind *kind;
    struct engine *engine;
    struct task *task;
};

void task_init(struct task *task);
void task_fini(struct task *task);

/* A copy of the bytes in the task's input. */
struct slice task_bytes(struct task *task, struct slice bytes);
struct slice task_text(struct task *task, const char *text);

/* Makes the task ready for a request, whose key may be NULL. */
struct request *task_begin(struct task *task, enum op op, const char *bank,
                           const char *key);

/* The second waits for the end. */
enum submit task_submit(struct engine *engine, struct task *task);
enum status task_run(const struct bench *bench, struct task *task);

/* An engine of that kind over nothing, on the fake clock. */
struct bench bench_open(const struct engine_kind *kind);
struct bench bench_open_limited(const struct engine_kind *kind,
                                uint64_t memory_max, uint64_t banks_max);
void bench_close(struct bench *bench);

void bench_set_time(uint64_t after_ms);

/* Stores text. */
enum status bench_put(const struct bench *bench, const char *bank,
                      const char *key, const char *value);
enum status bench_put_for(const struct bench *bench, const char *bank,
                          const char *key, const char *value, uint64_t ms);
enum status bench_put_with(const struct bench *bench, const char *bank,
                           const char *key, const char *value,
                           struct lifetime lifetime);

/* An operation that needs no more than names. */
enum status bench_run_op(const struct bench *bench, enum op op,
                         const char *bank, const char *key);

/* Of the last task. */
const struct response *bench_response(const struct bench *bench);

/* Expects `value` under the key; NULL: nothing. */
void bench_expect_entry(const struct bench *bench, const char *bank,
                        const char *key, const char *value);

/* Expects that the last task was refused, and why. */
void bench_expect_refusal(const struct bench *bench, enum status status,
                          const char *message);

#endif
