#include "engine/engine_embedded.h"

#include "base/check.h"
#include "core/call.h"
#include "engine/engine.h"
#include "engine/engine_contract.h"
#include "store/store.h"
#include "support/starve.h"
#include "support/test.h"

static struct store *store;

static struct engine *open_engine(const struct store_options *options)
{
    store = store_create(options);
    CHECK(store);
    struct engine *engine = engine_embedded_open(store, NULL);
    CHECK(engine);
    return engine;
}

static void run_engine(struct engine *engine)
{
    EXPECT(!engine->ops->may_pend);
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

static void attempt_open(void *arg)
{
    (void)arg;
    struct engine *engine = engine_embedded_open(store, NULL);
    EXPECT_INT(engine == NULL, starve_has_struck());
    if (engine) {
        engine->ops->close(&engine);
        EXPECT(engine == NULL);
    }
}

static void engine_without_memory_is_not_opened(void)
{
    const struct store_options options = {0};
    store = store_create(&options);
    EXPECT_INT(starve(attempt_open, NULL), 3);
    store_free(&store);
}

static void attempt_call(void *arg)
{
    struct engine *engine = arg;
    struct call call;
    call_init(&call);
    call.request.op = OP_GET;
    EXPECT_INT(engine->ops->submit(engine, &call), SUBMIT_DONE);
    EXPECT_INT(call.response.status,
               starve_has_struck() ? STATUS_NOMEM : STATUS_OK);
    EXPECT_TEXT(slice_of_string(call.response.message),
                starve_has_struck() ? "out of memory" : "");
    call_fini(&call);
}

static void call_without_memory_is_answered_so(void)
{
    const struct store_options options = {0};
    struct engine *engine = open_engine(&options);
    const struct store_value value = {.bytes = SLICE_LITERAL("value")};
    struct buffer bytes = {0};
    enum value_kind kind_of_value;
    store_put(store, slice_of("", 0), slice_of("", 0), &value);
    /* The first get of a thread makes its record. */
    EXPECT_INT(store_get(store, slice_of("", 0), slice_of("", 0), NULL, &bytes,
                         &kind_of_value),
               STATUS_OK);
    buffer_fini(&bytes);
    EXPECT_INT(starve(attempt_call, engine), 2);
    close_engine(&engine);
}

static const struct test_case cases[] = {
#define CONTRACT(op, name) TEST(name),
#include "engine/engine_contract.def"
#undef CONTRACT
    TEST(engine_without_memory_is_not_opened),
    TEST(call_without_memory_is_answered_so),
};

SUITE(engine_embedded, cases);
