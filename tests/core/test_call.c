#include "core/call.h"

#include "support/starve.h"
#include "support/test.h"

static int answers;

static void count_answer(struct call *call)
{
    EXPECT_INT(call->state, CALL_DONE);
    answers++;
}

static void a_pending_call_tells_its_owner_once(void)
{
    struct call call;
    call_init(&call);
    call.on_done = count_answer;
    call.state = CALL_PENDING;
    answers = 0;
    call_finish(&call);
    EXPECT_INT(answers, 1);
    call_fini(&call);
}

static void a_kept_call_has_its_own_bytes(void)
{
    char bank[] = "bank";
    char key[] = "key";
    struct call call;
    call_init(&call);
    call.request.bank = slice_of_string(bank);
    call.request.key = slice_of_string(key);
    EXPECT_INT(call_keep(&call), STATUS_OK);
    bank[0] = key[0] = '?';
    EXPECT_TEXT(call.request.bank, "bank");
    EXPECT_TEXT(call.request.key, "key");
    EXPECT_INT(call_keep(&call), STATUS_OK);
    EXPECT_TEXT(call.request.bank, "bank");
    EXPECT_TEXT(call.request.key, "key");
    call_fini(&call);
}

static void attempt_keep(void *arg)
{
    (void)arg;
    struct call call;
    call_init(&call);
    call.request.key = SLICE_LITERAL("key");
    enum status status = call_keep(&call);
    EXPECT_INT(status, starve_has_struck() ? STATUS_NOMEM : STATUS_OK);
    EXPECT_TEXT(call.request.key, "key");
    call_fini(&call);
}

static void a_call_without_memory_stays_as_it_was(void)
{
    EXPECT_INT(starve(attempt_keep, NULL), 2);
}

static void a_reset_call_is_a_new_one_without_large_memory(void)
{
    struct call call;
    call_init(&call);
    call.request.op = OP_GET;
    call.request.id = 7;
    buffer_reserve(&call.response.body, 1024 * 1024);
    response_fail(&call.response, STATUS_NOT_FOUND, "%s", "gone");
    call_reset(&call);
    EXPECT_INT(call.request.op, OP_NONE);
    EXPECT_INT(call.request.id, 0);
    EXPECT_INT(call.response.status, STATUS_OK);
    EXPECT_INT(call.response.message[0], 0);
    EXPECT_INT(call.response.body.capacity, 0);
    call_fini(&call);
}

static const struct test_case cases[] = {
    TEST(a_pending_call_tells_its_owner_once),
    TEST(a_kept_call_has_its_own_bytes),
    TEST(a_call_without_memory_stays_as_it_was),
    TEST(a_reset_call_is_a_new_one_without_large_memory),
};

SUITE(core_call, cases);
