#include "server/dispatch.h"

#include "core/call.h"
#include "core/limits.h"

#include <inttypes.h>
#include <stdio.h>

static enum status add_pair(struct response *response, const char *name,
                            const char *value)
{
    enum status status = response_add_item(response, slice_of_string(name));
    return status ? status
                  : response_add_item(response, slice_of_string(value));
}

static enum status add_features(struct response *response)
{
    enum status status = STATUS_OK;
    for (enum op op = OP_NONE + 1; op < OP_COUNT && !status; op++) {
        status = add_pair(response, "feature", op_info(op)->name);
    }
    return status;
}

static enum status add_limits(struct response *response,
                              const struct limits *limits)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"limit:MAX_FRAME", limits->frame_len_max},
        {"limit:MAX_BANK", BANK_LEN_MAX},
        {"limit:MAX_KEY", KEY_LEN_MAX},
        {"limit:MAX_VALUE", limits_value_len_max(limits)},
        {"limit:MAX_LIST", limits->list_len_max},
        {"limit:MAX_BATCH", limits->batch_max},
        {"limit:MAX_INFLIGHT", limits->inflight_max},
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !status; i++) {
        char value[24];
        snprintf(value, sizeof value, "%" PRIu64, rows[i].value);
        status = add_pair(response, rows[i].name, value);
    }
    return status;
}

/* Name and value by turns; a face makes its own words of them. */
static void answer_hello(const struct limits *limits, struct call *call)
{
    struct response *response = &call->response;
    enum status status = add_pair(response, "version", CACHESERVER_VERSION);
    status = status ? status : add_features(response);
    status = status ? status : add_limits(response, limits);
    if (status) {
        response_fail(response, status, "%s", status_text(status));
    }
}

static enum submit submit(struct engine *engine, struct call *call)
{
    if (engine->ops->may_pend && call_keep(call)) {
        response_fail(&call->response, STATUS_NOMEM, "%s",
                      status_text(STATUS_NOMEM));
        return SUBMIT_DONE;
    }
    enum submit result = engine->ops->submit(engine, call);
    CHECK(call->state == CALL_IDLE);
    if (result == SUBMIT_PENDING) {
        call->state = CALL_PENDING;
    }
    return result;
}

enum submit dispatch(struct engine *engine, const struct limits *limits,
                     struct call *call)
{
    CHECK(call->state == CALL_IDLE);
    enum op op = call->request.op;
    enum submit result = SUBMIT_DONE;
    bool is_good = request_check(&call->request, limits, &call->response);
    if (is_good && op == OP_HELLO) {
        answer_hello(limits, call);
    } else if (is_good && op != OP_PING) {
        result = submit(engine, call);
    }
    if (result == SUBMIT_DONE) {
        call->state = CALL_DONE;
    }
    return result;
}
