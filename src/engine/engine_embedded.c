/* Gets and puts, which are most of what comes, are aimed a batch at a time
 * and carried out by the session; everything else, and what is submitted
 * alone, goes to the store by name.
 *
 * To add an operation: a function here and its row in `run`. */
#include "engine/engine_embedded.h"

#include "base/check.h"
#include "base/memory.h"
#include "core/call.h"
#include "core/limits.h"
#include "engine/engine.h"
#include "store/session.h"
#include "store/store.h"

enum { EMBEDDED_MAGIC = 0x64626d65 };

/* `engine` is the first member of every engine, so the magic comes after. */
struct embedded {
    struct engine engine;
    struct magic magic;
    struct store *store;
    struct session *session;
    bool is_inside; /* between begin() and end(), with the epochs entered */
    struct aim aims[ENGINE_BATCH_MAX];
};

typedef enum status (*run_fn)(struct store *store,
                              const struct request *request,
                              struct response *response);

static struct store_value value_of(const struct request *request)
{
    return (struct store_value){
        .bytes = request->value,
        .kind = request->kind,
        .lifetime = request->lifetime,
    };
}

static enum status run_put(struct store *store, const struct request *request,
                           struct response *response)
{
    (void)response;
    const struct store_value value = value_of(request);
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

static enum status run_bank_stats(struct store *store,
                                  const struct request *request,
                                  struct response *response)
{
    return store_bank_stats(store, request->bank, &response->stats);
}

static enum status run_bank_configure(struct store *store,
                                      const struct request *request,
                                      struct response *response)
{
    return store_bank_configure(store, request->bank, &request->change,
                                &response->limits);
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
    [OP_BANK_STATS] = run_bank_stats,
    [OP_BANK_CONFIGURE] = run_bank_configure,
};

static const char *reason_of_limits(enum status status)
{
    if (status == STATUS_INVALID_ARGUMENT) {
        return "reserved must not be more than maximum";
    }
    if (status == STATUS_OUT_OF_RANGE) {
        return "reserved: all banks together may reserve at most 70 % of the "
               "memory limit";
    }
    return status == STATUS_RESOURCE_EXHAUSTED
               ? "the limit of memory or of banks is reached"
               : status_text(status);
}

/* What a refusal says beyond its code. */
static const char *reason(enum status status, const struct request *request)
{
    if (request->op == OP_BANK_CONFIGURE) {
        return reason_of_limits(status);
    }
    if (request->op == OP_BANK_STATS && status == STATUS_NOT_FOUND) {
        return "there is no such bank";
    }
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

static struct embedded *embedded_of(struct engine *engine)
{
    struct embedded *embedded = (struct embedded *)engine;
    CHECK(MAGIC_IS(embedded, EMBEDDED_MAGIC));
    return embedded;
}

static bool can_be_aimed(const struct request *request)
{
    bool is_hot =
        request->op == OP_PUT || (request->op == OP_GET && !request->is_touch);
    return is_hot && request->bank.len <= BANK_LEN_MAX &&
           request->key.len <= KEY_LEN_MAX;
}

static void embedded_begin(struct engine *engine, struct call *const *calls,
                           size_t count)
{
    struct embedded *embedded = embedded_of(engine);
    CHECK(!embedded->is_inside && count <= ENGINE_BATCH_MAX);
    embedded->is_inside = session_enter(embedded->session);
    size_t aimed = 0;
    for (size_t i = 0; i < count && embedded->is_inside; i++) {
        struct request *request = &calls[i]->request;
        if (can_be_aimed(request)) {
            struct aim *aim = &embedded->aims[aimed++];
            session_aim(embedded->session, request->bank, request->key, aim);
            calls[i]->engine_data = aim;
        }
    }
    for (size_t i = 0; i < aimed; i++) {
        session_fetch(embedded->session, &embedded->aims[i]);
    }
}

static void embedded_end(struct engine *engine)
{
    struct embedded *embedded = embedded_of(engine);
    if (embedded->is_inside) {
        session_leave(embedded->session);
        embedded->is_inside = false;
    }
}

static enum status run_aimed(struct embedded *embedded, struct call *call)
{
    const struct request *request = &call->request;
    const struct aim *aim = call->engine_data;
    call->engine_data = NULL;
    if (request->op == OP_GET) {
        return session_get(embedded->session, aim, &call->response.body,
                           &call->response.kind);
    }
    const struct store_value value = value_of(request);
    return session_put(embedded->session, aim, &value);
}

static enum submit embedded_submit(struct engine *engine, struct call *call)
{
    struct embedded *embedded = embedded_of(engine);
    const struct request *request = &call->request;
    CHECK(request->op > OP_NONE && request->op < OP_COUNT);
    CHECK(run[request->op]);
    enum status status =
        embedded->is_inside && call->engine_data
            ? run_aimed(embedded, call)
            : run[request->op](embedded->store, request, &call->response);
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
    struct embedded *embedded = embedded_of(*engine);
    session_free(&embedded->session);
    MAGIC_CLEAR(embedded);
    memory_free(embedded);
    *engine = NULL;
}

static const struct engine_ops embedded_ops = {
    .name = "embedded",
    .may_pend = false,
    .begin = embedded_begin,
    .end = embedded_end,
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
    embedded->session = session_create(store);
    if (!embedded->session) {
        memory_free(embedded);
        return NULL;
    }
    embedded->engine.ops = &embedded_ops;
    embedded->store = store;
    MAGIC_SET(embedded, EMBEDDED_MAGIC);
    return &embedded->engine;
}
