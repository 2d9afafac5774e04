/* Gets and puts, which are most of what comes, are aimed a batch at a time
 * and carried out by the session; everything else, and what is submitted
 * alone, goes to the store by name.
 *
 * To add an operation: a function here and its row in `run`. */
#include "engine/engine_embedded.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "core/call.h"
#include "core/limits.h"
#include "engine/bank_file.h"
#include "engine/embedded_internal.h"

/* Answers what came of it, and for success fills the response. */
typedef enum status (*run_fn)(struct embedded *embedded,
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

/* How the request looks at the entry. */
static struct store_visit visit_of(const struct request *request,
                                   struct response *response)
{
    return (struct store_visit){
        .condition = request->condition,
        .wants_version = request->wants_version,
        .bytes = request->wants_previous ? &response->body : NULL,
    };
}

/* What was there before, for those who want it; of an error, too. */
static void tell_previous(const struct request *request,
                          const struct store_visit *visit,
                          struct response *response)
{
    response->facts = visit->facts;
    response->kind = visit->facts.kind;
    response->has_previous = request->wants_previous && visit->was_there;
}

static enum status run_put(struct embedded *embedded,
                           const struct request *request,
                           struct response *response)
{
    const struct store_value value = value_of(request);
    if (request_is_plain(request)) {
        return store_put(embedded->store, request->bank, request->key, &value);
    }
    struct store_visit visit = visit_of(request, response);
    enum status status = store_put_if(embedded->store, request->bank,
                                      request->key, &value, &visit);
    tell_previous(request, &visit, response);
    response->version = visit.version;
    return status;
}

static enum status run_get(struct embedded *embedded,
                           const struct request *request,
                           struct response *response)
{
    const struct lifetime *touch =
        request->is_touch ? &request->lifetime : NULL;
    if (!touch && request_is_plain(request)) {
        return store_get(embedded->store, request->bank, request->key, NULL,
                         &response->body, &response->kind);
    }
    struct store_visit visit = {.wants_version = request->wants_version,
                                .bytes = &response->body};
    enum status status =
        store_read(embedded->store, request->bank, request->key, touch, &visit);
    response->kind = visit.facts.kind;
    response->facts = visit.facts;
    response->facts.version = visit.version;
    return status;
}

static enum status run_meta(struct embedded *embedded,
                            const struct request *request,
                            struct response *response)
{
    struct store_visit visit = {.wants_version = request->wants_version};
    enum status status =
        store_read(embedded->store, request->bank, request->key, NULL, &visit);
    response->facts = visit.facts;
    response->facts.version = visit.version;
    return status;
}

static enum status run_remove(struct embedded *embedded,
                              const struct request *request,
                              struct response *response)
{
    if (request_is_plain(request)) {
        return store_remove(embedded->store, request->bank, request->key);
    }
    struct store_visit visit = visit_of(request, response);
    enum status status =
        store_remove_if(embedded->store, request->bank, request->key, &visit);
    tell_previous(request, &visit, response);
    return status;
}

static enum status run_touch(struct embedded *embedded,
                             const struct request *request,
                             struct response *response)
{
    (void)response;
    return store_touch(embedded->store, request->bank, request->key,
                       request->lifetime);
}

static enum status run_incr(struct embedded *embedded,
                            const struct request *request,
                            struct response *response)
{
    return store_incr(embedded->store, request->bank, request->key,
                      &request->increment, &response->number);
}

static enum status run_append(struct embedded *embedded,
                              const struct request *request,
                              struct response *response)
{
    const struct store_piece piece = {
        .bytes = request->value,
        .is_before = request->op == OP_PREPEND,
        .size_max = request->size_max,
    };
    return store_append(embedded->store, request->bank, request->key, &piece,
                        &response->facts.size);
}

static struct store_page page_of(const struct request *request)
{
    return (struct store_page){
        .prefix = request->prefix,
        .cursor = request->cursor,
        .limit = request->limit,
        .bytes_max = request->answer_len_max,
    };
}

static enum status add_counts(struct store *store, struct slice name,
                              struct buffer *results)
{
    struct bank_stats stats = {0}; /* of one that has gone meanwhile */
    (void)store_bank_stats(store, name, &stats);
    const struct bank_counts counts = {stats.entries, stats.bytes};
    return buffer_append(results, slice_of(&counts, sizeof counts));
}

static enum status run_bank_list(struct embedded *embedded,
                                 const struct request *request,
                                 struct response *response)
{
    const struct store_page page = page_of(request);
    enum status status = store_bank_list(embedded->store, &page, response);
    buffer_clear(&response->results);
    struct slice items = buffer_peek(&response->body);
    struct slice name;
    while (!status && request->wants_counts &&
           response_next_item(&items, &name)) {
        status = add_counts(embedded->store, name, &response->results);
    }
    return status;
}

static enum status run_bank_keys(struct embedded *embedded,
                                 const struct request *request,
                                 struct response *response)
{
    static const enum listing_kind kinds[OP_COUNT] = {
        [OP_BANK_KEYS] = LISTING_KEYS,
        [OP_BANK_ENTRIES] = LISTING_ENTRIES,
        [OP_REMOVE_BY_PREFIX] = LISTING_REMOVE,
    };
    struct store_page page = page_of(request);
    page.kind = kinds[request->op];
    return store_bank_keys(embedded->store, request->bank, &page, response);
}

static enum status run_bank_reset(struct embedded *embedded,
                                  const struct request *request,
                                  struct response *response)
{
    (void)response;
    return store_bank_reset(embedded->store, request->bank);
}

static enum status run_bank_stats(struct embedded *embedded,
                                  const struct request *request,
                                  struct response *response)
{
    struct op_latency told[OP_COUNT];
    size_t count = store_bank_latencies(embedded->store, request->bank, told);
    buffer_clear(&response->results);
    enum status status =
        buffer_append(&response->results, slice_of(told, count * sizeof *told));
    response->count = status ? 0 : count;
    return status ? status
                  : store_bank_stats(embedded->store, request->bank,
                                     &response->stats);
}

static enum status run_bank_configure(struct embedded *embedded,
                                      const struct request *request,
                                      struct response *response)
{
    struct bank_file *file = embedded->bank_file;
    return file ? bank_file_configure(file, request->bank, &request->change,
                                      &response->limits)
                : store_bank_configure(embedded->store, request->bank,
                                       &request->change, &response->limits);
}

static enum status run_bank_drop(struct embedded *embedded,
                                 const struct request *request,
                                 struct response *response)
{
    (void)response;
    struct bank_file *file = embedded->bank_file;
    return file ? bank_file_drop(file, request->bank)
                : store_bank_drop(embedded->store, request->bank);
}

static enum status run_bank_rename(struct embedded *embedded,
                                   const struct request *request,
                                   struct response *response)
{
    (void)response;
    struct bank_file *file = embedded->bank_file;
    return file ? bank_file_rename(file, request->bank, request->other)
                : store_bank_rename(embedded->store, request->bank,
                                    request->other);
}

static enum status run_bank_swap(struct embedded *embedded,
                                 const struct request *request,
                                 struct response *response)
{
    (void)response;
    struct bank_file *file = embedded->bank_file;
    return file ? bank_file_swap(file, request->bank, request->other)
                : store_bank_swap(embedded->store, request->bank,
                                  request->other);
}

static const run_fn run[OP_COUNT] = {
    [OP_PUT] = run_put,
    [OP_GET] = run_get,
    [OP_REMOVE] = run_remove,
    [OP_TOUCH] = run_touch,
    [OP_INCR] = run_incr,
    [OP_GET_MANY] = batch_get,
    [OP_PUT_MANY] = batch_put,
    [OP_REMOVE_MANY] = batch_remove,
    [OP_TOUCH_MANY] = batch_touch,
    [OP_META] = run_meta,
    [OP_APPEND] = run_append,
    [OP_PREPEND] = run_append,
    [OP_BANK_LIST] = run_bank_list,
    [OP_BANK_KEYS] = run_bank_keys,
    [OP_BANK_ENTRIES] = run_bank_keys,
    [OP_REMOVE_BY_PREFIX] = run_bank_keys,
    [OP_BANK_RESET] = run_bank_reset,
    [OP_BANK_STATS] = run_bank_stats,
    [OP_BANK_CONFIGURE] = run_bank_configure,
    [OP_BANK_DROP] = run_bank_drop,
    [OP_BANK_RENAME] = run_bank_rename,
    [OP_BANK_SWAP] = run_bank_swap,
};

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
    return is_hot && request_is_plain(request) &&
           request->bank.len <= BANK_LEN_MAX && request->key.len <= KEY_LEN_MAX;
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

static enum status carry_out(struct embedded *embedded, struct call *call)
{
    const struct request *request = &call->request;
    return embedded->is_inside && call->engine_data
               ? run_aimed(embedded, call)
               : run[request->op](embedded, request, &call->response);
}

/* A clock costs as much as a get; so only some are timed. */
static enum status carry_out_timed(struct embedded *embedded, struct call *call)
{
    const struct request *request = &call->request;
    uint64_t start = clock_now_ns();
    enum status status = carry_out(embedded, call);
    if (op_info(request->op)->flags & OP_BANK &&
        request->bank.len <= BANK_LEN_MAX) {
        store_note_latency(embedded->store, request->bank, request->op,
                           clock_now_ns() - start);
    }
    return status;
}

/* What changes what banks are set to may meet a file that it cannot be written
 * to. */
static bool is_about_file(const struct embedded *embedded, enum op op,
                          enum status status)
{
    return status == STATUS_UNAVAILABLE && embedded->bank_file &&
           (op == OP_BANK_CONFIGURE || op == OP_BANK_DROP ||
            op == OP_BANK_RENAME || op == OP_BANK_SWAP);
}

static void refuse(const struct embedded *embedded, struct call *call,
                   enum status status)
{
    const char *text = refusal_text(status, &call->request);
    if (is_about_file(embedded, call->request.op, status)) {
        bank_file_blame(embedded->bank_file, &call->response);
    } else if (call->response.has_previous) {
        response_fail_beside(&call->response, status, text);
    } else {
        response_fail(&call->response, status, "%s", text);
    }
}

static enum submit embedded_submit(struct engine *engine, struct call *call)
{
    struct embedded *embedded = embedded_of(engine);
    const struct request *request = &call->request;
    CHECK(request->op > OP_NONE && request->op < OP_COUNT);
    CHECK(run[request->op]);
    bool is_timed = ++embedded->calls % TIMED_EACH == 0;
    enum status status =
        is_timed ? carry_out_timed(embedded, call) : carry_out(embedded, call);
    if (status) {
        refuse(embedded, call, status);
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

struct engine *engine_embedded_open(struct store *store,
                                    struct bank_file *bank_file)
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
    embedded->bank_file = bank_file;
    MAGIC_SET(embedded, EMBEDDED_MAGIC);
    return &embedded->engine;
}
