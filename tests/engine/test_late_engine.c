/* The engine that answers late is to be an engine, and late. */
#include "support/late_engine.h"

#include "base/check.h"
#include "core/call.h"
#include "engine/engine.h"
#include "engine/engine_contract.h"
#include "store/store.h"
#include "support/test.h"

enum { CALLS = 200 };

static struct store *store;

static struct engine *open_engine(const struct store_options *options)
{
    store = store_create(options);
    CHECK(store);
    return late_engine_open(store, test_seed());
}

static void run_engine(struct engine *engine)
{
    while (late_engine_deliver(engine, 3) > 0) {
    }
}

static void close_engine(struct engine **engine)
{
    (*engine)->ops->close(engine);
    store_free(&store);
}

static const struct engine_kind kind = {open_engine, run_engine, close_engine};

#define CONTRACT(op, name)                                                     \
    static void name(void)                                                     \
    {                                                                          \
        contract_##name(&kind);                                                \
    }
#include "engine/engine_contract.def"
#undef CONTRACT

static struct call calls[CALLS];
static size_t finished[CALLS]; /* in the order in which they were */
static size_t finished_count;

static void note_finished(struct call *call)
{
    finished[finished_count++] = (size_t)(call - calls);
    call->on_done = NULL; /* There is no second time. */
}

/* Submits all the calls; answers how many of them are pending. */
static size_t submit_all(struct engine *engine)
{
    size_t pending = 0;
    finished_count = 0;
    for (size_t i = 0; i < CALLS; i++) {
        call_init(&calls[i]);
        calls[i].on_done = note_finished;
        calls[i].request.op = OP_GET;
        bool is_pending =
            engine->ops->submit(engine, &calls[i]) == SUBMIT_PENDING;
        calls[i].state = is_pending ? CALL_PENDING : CALL_DONE;
        pending += is_pending;
    }
    return pending;
}

static void end_all(struct engine *engine)
{
    run_engine(engine);
    for (size_t i = 0; i < CALLS; i++) {
        call_fini(&calls[i]);
    }
    close_engine(&engine);
}

static void most_answers_are_late_and_some_are_not(void)
{
    const struct store_options options = {0};
    struct engine *engine = open_engine(&options);
    size_t pending = submit_all(engine);
    EXPECT(pending > CALLS / 2);
    EXPECT(pending < CALLS);
    EXPECT_INT(finished_count, 0);
    end_all(engine);
    EXPECT_INT(finished_count, pending);
}

static void answers_overtake_each_other(void)
{
    const struct store_options options = {0};
    struct engine *engine = open_engine(&options);
    submit_all(engine);
    end_all(engine);
    size_t overtaken = 0;
    for (size_t i = 1; i < finished_count; i++) {
        overtaken += finished[i] < finished[i - 1];
    }
    EXPECT(overtaken > finished_count / 4);
}

static void no_more_is_delivered_than_was_asked_for(void)
{
    const struct store_options options = {0};
    struct engine *engine = open_engine(&options);
    size_t pending = submit_all(engine);
    EXPECT_INT(late_engine_deliver(engine, 0), pending);
    EXPECT_INT(late_engine_deliver(engine, 10), pending - 10);
    EXPECT_INT(finished_count, 10);
    end_all(engine);
}

static const struct test_case cases[] = {
#define CONTRACT(op, name) TEST(name),
#include "engine/engine_contract.def"
#undef CONTRACT
    TEST(most_answers_are_late_and_some_are_not),
    TEST(answers_overtake_each_other),
    TEST(no_more_is_delivered_than_was_asked_for),
};

SUITE(engine_late, cases);
