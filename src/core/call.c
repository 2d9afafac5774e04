#include "core/call.h"

/* What a call keeps of its memory between two requests. */
enum { CALL_KEEP_MAX = 64 * 1024 };

void call_init(struct call *call)
{
    *call = (struct call){.state = CALL_IDLE};
    MAGIC_SET(call, CALL_MAGIC);
    list_init(&call->link);
    request_init(&call->request);
    response_clear(&call->response);
}

void call_fini(struct call *call)
{
    CHECK(MAGIC_IS(call, CALL_MAGIC));
    CHECK(call->state != CALL_PENDING);
    CHECK(!list_is_linked(&call->link));
    response_fini(&call->response);
    buffer_fini(&call->scratch);
    buffer_fini(&call->kept);
    MAGIC_CLEAR(call);
}

void call_reset(struct call *call)
{
    CHECK(MAGIC_IS(call, CALL_MAGIC));
    CHECK(call->state != CALL_PENDING);
    call->state = CALL_IDLE;
    call->engine_data = NULL;
    request_reset(&call->request);
    response_clear(&call->response);
    buffer_reset(&call->response.body, CALL_KEEP_MAX);
    buffer_reset(&call->scratch, CALL_KEEP_MAX);
    buffer_reset(&call->kept, CALL_KEEP_MAX);
}

static void keep_slice(struct slice *slice, char **room)
{
    if (slice->len == 0) {
        slice->data = NULL;
        return;
    }
    memcpy(*room, slice->data, slice->len);
    slice->data = *room;
    *room += slice->len;
}

/* A new block is filled before the old one goes: a call that is submitted
 * again has slices that point into the old one. */
enum status call_keep(struct call *call)
{
    struct slice *slices[] = {
        &call->request.bank,   &call->request.key,    &call->request.value,
        &call->request.prefix, &call->request.cursor, &call->request.note,
    };
    size_t count = sizeof slices / sizeof slices[0];
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += slices[i]->len;
    }
    struct buffer kept = {0};
    char *room = buffer_reserve(&kept, len);
    if (!room) {
        return STATUS_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        keep_slice(slices[i], &room);
    }
    buffer_commit(&kept, len);
    buffer_fini(&call->kept);
    call->kept = kept;
    call->engine_data = NULL;
    return STATUS_OK;
}

void call_finish(struct call *call)
{
    CHECK(MAGIC_IS(call, CALL_MAGIC));
    CHECK(call->state == CALL_PENDING);
    call->state = CALL_DONE;
    call->on_done(call);
}
