/* To add an operation: a function here and its row in `run`. */
#include "engine/engine_embedded.h"

#include "base/check.h"
#include "base/memory.h"
#include "core/call.h"
#include "engine/engine.h"
#include "store/store.h"

enum { EMBEDDED_MAGIC = 0x64626d65 };

/* `engine` is the first member of every engine, so the magic comes after. */
struct embedded {
    struct engine engine;
    struct magic magic;
    struct store *store;
};

typedef enum status (*run_fn)(struct store *store,
                              const struct request *request,
                              struct response *response);

static enum status run_put(struct store *store, const struct request *request,
                           struct response *response)
{
    (void)response;
    const struct store_value value = {
        .bytes = request->value,
        .kind = request->kind,
        .lifetime = request->lifetime,
    };
    return store_put(store, request->bank, request->key, &value);
}

static enum status run_get(struct store *store, const struct request *request,
                           struct response *response)
{
    const struct lifetime *touch =
        request->is_touch ? &request->lifetime : NULL;
    return store_get(store, request->bank, request->key, touch, &response->body,
                     &response->kind);
}

static enum status run_remove(struct store *store,
                              const struct request *request,
                              struct response *response)
{
    (void)response;
    return store_remove(store, request->bank, request->key);
}

static enum status run_touch(struct store *store, const struct request *request,
                             struct response *response)
{
    (void)response;
    return store_touch(store, request->bank, request->key, request->lifetime);
}

static enum status run_incr(struct store *store, const struct request *request,
                            struct response *response)
{
    return store_incr(store, request->bank, request->key, &request->delta,
                      &response->number);
}

static struct store_page page_of(const struct request *request)
{
    return (struct store_page){
        .prefix = request->prefix,
        .cursor = request->cursor,
        .limit = request->limit,
    };
}

static enum status run_bank_list(struct store *store,
                                 const struct request *request,
                                 struct response *response)
{
    const struct store_page page = page_of(request);
    return store_bank_list(store, &page, response);
}

static enum status run_bank_keys(struct store *store,
                                 const struct request *request,
                                 struct response *response)
{
    const struct store_page page = page_of(request);
    return store_bank_keys(store, request->bank, &page, response);
}

static enum status run_bank_reset(struct store *store,
                                  const struct request *request,
                                  struct response *response)
{
    (void)response;
    return store_bank_reset(store, request->bank);
}

static const run_fn run[OP_COUNT] = {
    [OP_PUT] = run_put,
    [OP_GET] = run_get,
    [OP_REMOVE] = run_remove,
    [OP_TOUCH] = run_touch,
    [OP_INCR] = run_incr,
    [OP_BANK_LIST] = run_bank_list,
    [OP_BANK_KEYS] = run_bank_keys,
    [OP_BANK_RESET] = run_bank_reset,
};

/* What a refusal says beyond its code. */
static const char *reason(enum status status, const struct request *request)
{
    if (status == STATUS_NOT_FOUND) {
        return ""; /* A miss is no news, and is to cost few bytes. */
    }
    if (status == STATUS_RESOURCE_EXHAUSTED) {
        return "the limit of memory or of banks is reached";
    }
    if (status == STATUS_FAILED_PRECONDITION) {
        return request->delta.is_integer ? "the value is not an integer"
                                         : "the value is not a number";
    }
    if (status == STATUS_OUT_OF_RANGE) {
        return "integer overflow";
    }
    if (status == STATUS_INVALID_ARGUMENT) {
        return "cursor was not given out by this server";
    }
    if (status == STATUS_ABORTED) {
        return "the bank was reset since the cursor was given out";
    }
    return status_text(status);
}

static enum submit embedded_submit(struct engine *engine, struct call *call)
{
    struct embedded *embedded = (struct embedded *)engine;
    CHECK(MAGIC_IS(embedded, EMBEDDED_MAGIC));
    const struct request *request = &call->request;
    CHECK(request->op > OP_NONE && request->op < OP_COUNT);
    CHECK(run[request->op]);
    enum status status =
        run[request->op](embedded->store, request, &call->response);
    if (status) {
        response_fail(&call->response, status, "%s", reason(status, request));
    }
    return SUBMIT_DONE;
}

static void embedded_cancel(struct engine *engine, struct call *call)
{
    (void)engine;
    (void)call;
    UNREACHABLE("no call of this engine is ever pending");
}

static void embedded_close(struct engine **engine)
{
    struct embedded *embedded = (struct embedded *)*engine;
    CHECK(MAGIC_IS(embedded, EMBEDDED_MAGIC));
    MAGIC_CLEAR(embedded);
    memory_free(embedded);
    *engine = NULL;
}

static const struct engine_ops embedded_ops = {
    .name = "embedded",
    .may_pend = false,
    .submit = embedded_submit,
    .cancel = embedded_cancel,
    .close = embedded_close,
};

struct engine *engine_embedded_open(struct store *store)
{
    struct embedded *embedded = memory_alloc_zero(sizeof *embedded);
    if (!embedded) {
        return NULL;
    }
    embedded->engine.ops = &embedded_ops;
    embedded->store = store;
    MAGIC_SET(embedded, EMBEDDED_MAGIC);
    return &embedded->engine;
}
