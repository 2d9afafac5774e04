#include "support/late_engine.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"
#include "core/call.h"
#include "engine/engine.h"
#include "engine/engine_embedded.h"
#include "support/test.h"

enum {
    LATE_MAGIC = 0x6574616c,
    AT_ONCE = 8 /* one in so many calls is not late */
};

/* A call that waits, and what its request was. */
struct late_call {
    struct call *call;
    uint64_t request_hash;
};

struct late_engine {
    struct engine engine;
    struct magic magic;
    struct engine *inner;
    uint64_t random;
    struct late_call *pending;
    size_t count;
    size_t room;
};

static struct late_engine *late_of(struct engine *engine)
{
    struct late_engine *late = (struct late_engine *)engine;
    CHECK(MAGIC_IS(late, LATE_MAGIC));
    return late;
}

static uint64_t hash_request(const struct request *request)
{
    const struct hash_key key = {0};
    const struct slice slices[] = {request->bank,   request->key,
                                   request->value,  request->prefix,
                                   request->cursor, request->note};
    uint64_t hashes[sizeof slices / sizeof slices[0]];
    for (size_t i = 0; i < sizeof slices / sizeof slices[0]; i++) {
        hashes[i] = hash_bytes(&key, slices[i]);
    }
    return hash_bytes(&key, slice_of(hashes, sizeof hashes));
}

static void append_call(struct late_engine *late, struct call *call)
{
    if (late->count == late->room) {
        late->room = late->room ? 2 * late->room : 16;
        late->pending =
            memory_resize(late->pending, late->room * sizeof *late->pending);
        CHECK(late->pending);
    }
    late->pending[late->count++] =
        (struct late_call){call, hash_request(&call->request)};
    call->engine_data = late;
}

/* The callback may submit and so move the list: it comes last. */
static void finish(struct late_engine *late, size_t index)
{
    struct late_call finished = late->pending[index];
    late->pending[index] = late->pending[--late->count];
    CHECK(finished.call->engine_data == late);
    CHECK(finished.request_hash == hash_request(&finished.call->request));
    finished.call->engine_data = NULL;
    call_finish(finished.call);
}

static enum submit late_submit(struct engine *engine, struct call *call)
{
    struct late_engine *late = late_of(engine);
    enum submit submitted = late->inner->ops->submit(late->inner, call);
    CHECK(submitted == SUBMIT_DONE);
    if (test_random(&late->random) % AT_ONCE == 0) {
        return SUBMIT_DONE;
    }
    append_call(late, call);
    return SUBMIT_PENDING;
}

/* By turns: the answer or a refusal now, or the answer later. */
static void late_cancel(struct engine *engine, struct call *call)
{
    struct late_engine *late = late_of(engine);
    size_t index = 0;
    while (index < late->count && late->pending[index].call != call) {
        index++;
    }
    CHECK(index < late->count);
    uint64_t choice = test_random(&late->random) % 3;
    if (choice == 0) {
        response_fail(&call->response, STATUS_CANCELLED, "%s",
                      status_text(STATUS_CANCELLED));
    }
    if (choice <= 1) {
        finish(late, index);
    }
}

static void late_close(struct engine **engine)
{
    struct late_engine *late = late_of(*engine);
    CHECK(late->count == 0);
    late->inner->ops->close(&late->inner);
    memory_free(late->pending);
    MAGIC_CLEAR(late);
    memory_free(late);
    *engine = NULL;
}

static const struct engine_ops late_ops = {
    .name = "late",
    .may_pend = true,
    .submit = late_submit,
    .cancel = late_cancel,
    .close = late_close,
};

struct engine *late_engine_open(struct store *store, uint64_t seed)
{
    struct late_engine *late = memory_alloc_or_die(sizeof *late);
    late->engine.ops = &late_ops;
    late->inner = engine_embedded_open(store, NULL);
    late->random = seed;
    CHECK(late->inner);
    MAGIC_SET(late, LATE_MAGIC);
    return &late->engine;
}

size_t late_engine_deliver(struct engine *engine, size_t count)
{
    struct late_engine *late = late_of(engine);
    for (; count > 0 && late->count > 0; count--) {
        finish(late, (size_t)test_random(&late->random) % late->count);
    }
    return late->count;
}
