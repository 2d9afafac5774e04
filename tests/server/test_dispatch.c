#include "server/dispatch.h"

#include "core/call.h"
#include "core/limits.h"
#include "support/starve.h"
#include "support/test.h"

static const struct limits limits = {
    .frame_len_max = 64 * 1024,
    .list_len_max = 100,
    .inflight_max = 10,
};

static int submits;
static enum submit next_result;

static enum submit count_submit(struct engine *engine, struct call *call)
{
    (void)engine;
    (void)call;
    submits++;
    return next_result;
}

static const struct engine_ops ops = {.name = "stub", .submit = count_submit};
static const struct engine_ops pending_ops = {
    .name = "stub", .may_pend = true, .submit = count_submit};
static struct engine prompt_engine = {&ops};
static struct engine late_engine = {&pending_ops};

static void start_call(struct call *call, enum op op)
{
    call_init(call);
    call->request.op = op;
    submits = 0;
    next_result = SUBMIT_DONE;
}

static void a_request_goes_to_the_engine(void)
{
    struct call call;
    start_call(&call, OP_GET);
    EXPECT_INT(dispatch(&prompt_engine, &limits, &call), SUBMIT_DONE);
    EXPECT_INT(submits, 1);
    EXPECT_INT(call.state, CALL_DONE);
    call_fini(&call);
}

static void a_bad_request_never_reaches_the_engine(void)
{
    struct call call;
    start_call(&call, OP_GET);
    call.request.bank = SLICE_LITERAL("\xff");
    EXPECT_INT(dispatch(&prompt_engine, &limits, &call), SUBMIT_DONE);
    EXPECT_INT(submits, 0);
    EXPECT_INT(call.state, CALL_DONE);
    EXPECT_INT(call.response.status, STATUS_INVALID_ARGUMENT);
    call_fini(&call);
}

static void ping_is_answered_without_an_engine(void)
{
    struct call call;
    start_call(&call, OP_PING);
    EXPECT_INT(dispatch(&prompt_engine, &limits, &call), SUBMIT_DONE);
    EXPECT_INT(submits, 0);
    EXPECT_INT(call.response.status, STATUS_OK);
    call_fini(&call);
}

/* The value that hello gives under `name`. */
static struct slice find_pair(const struct call *call, const char *name)
{
    struct slice items = buffer_peek(&call->response.body);
    struct slice key, value;
    while (response_next_item(&items, &key) &&
           response_next_item(&items, &value)) {
        if (slice_equal(key, slice_of_string(name))) {
            return value;
        }
    }
    return SLICE_LITERAL("(none)");
}

static void hello_tells_version_features_and_limits(void)
{
    struct call call;
    start_call(&call, OP_HELLO);
    EXPECT_INT(dispatch(&prompt_engine, &limits, &call), SUBMIT_DONE);
    EXPECT_INT(submits, 0);
    EXPECT_TEXT(find_pair(&call, "version"), CACHESERVER_VERSION);
    EXPECT_TEXT(find_pair(&call, "feature"), "put");
    EXPECT_TEXT(find_pair(&call, "limit:MAX_FRAME"), "65536");
    EXPECT_TEXT(find_pair(&call, "limit:MAX_KEY"), "4096");
    call_fini(&call);
}

static void attempt_hello(void *arg)
{
    (void)arg;
    struct call call;
    start_call(&call, OP_HELLO);
    dispatch(&prompt_engine, &limits, &call);
    EXPECT_INT(call.response.status,
               starve_has_struck() ? STATUS_NOMEM : STATUS_OK);
    call_fini(&call);
}

static void hello_without_memory_is_an_error(void)
{
    EXPECT(starve(attempt_hello, NULL) > 1);
}

static void a_pending_call_owns_its_bytes_and_is_marked(void)
{
    struct call call;
    char key[] = "key";
    start_call(&call, OP_GET);
    call.request.key = slice_of_string(key);
    next_result = SUBMIT_PENDING;
    EXPECT_INT(dispatch(&late_engine, &limits, &call), SUBMIT_PENDING);
    key[0] = '?';
    EXPECT_INT(call.state, CALL_PENDING);
    EXPECT_TEXT(call.request.key, "key");
    call.state = CALL_DONE;
    call_fini(&call);
}

static void attempt_pending(void *arg)
{
    (void)arg;
    struct call call;
    start_call(&call, OP_GET);
    dispatch(&late_engine, &limits, &call);
    EXPECT_INT(submits, starve_has_struck() ? 0 : 1);
    EXPECT_INT(call.response.status,
               starve_has_struck() ? STATUS_NOMEM : STATUS_OK);
    call_fini(&call);
}

static void a_call_that_cannot_be_kept_is_not_submitted(void)
{
    EXPECT_INT(starve(attempt_pending, NULL), 2);
}

static const struct test_case cases[] = {
    TEST(a_request_goes_to_the_engine),
    TEST(a_bad_request_never_reaches_the_engine),
    TEST(ping_is_answered_without_an_engine),
    TEST(hello_tells_version_features_and_limits),
    TEST(hello_without_memory_is_an_error),
    TEST(a_pending_call_owns_its_bytes_and_is_marked),
    TEST(a_call_that_cannot_be_kept_is_not_submitted),
};

SUITE(server_dispatch, cases);
