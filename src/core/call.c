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
    call->expires_ms = 0;
    request_reset(&call->request);
    response_clear(&call->response);
    buffer_reset(&call->response.body, CALL_KEEP_MAX);
    buffer_reset(&call->response.results, CALL_KEEP_MAX);
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

/* The items, and the bytes that they have. */
static size_t items_len(const struct request *request)
{
    size_t len = request->item_count * sizeof *request->items;
    for (size_t i = 0; i < request->item_count; i++) {
        len += request->items[i].key.len + request->items[i].value.len;
    }
    return len;
}

static void keep_items(struct request *request, char **room)
{
    struct batch_item *items = (void *)*room;
    size_t len = request->item_count * sizeof *items;
    if (len == 0) {
        return;
    }
    memcpy(items, request->items, len);
    *room += len;
    for (size_t i = 0; i < request->item_count; i++) {
        keep_slice(&items[i].key, room);
        keep_slice(&items[i].value, room);
    }
    request->items = items;
}

/* A new block is filled before the old one goes: a call that is submitted
 * again has slices that point into the old one. */
enum status call_keep(struct call *call)
{
    struct request *request = &call->request;
    struct slice *slices[] = {
        &request->bank,   &request->key,   &request->value,
        &request->prefix, &request->other, &request->condition.value,
        &request->cursor, &request->note,
    };
    size_t count = sizeof slices / sizeof slices[0];
    size_t len = items_len(request);
    for (size_t i = 0; i < count; i++) {
        len += slices[i]->len;
    }
    struct buffer kept = {0};
    char *room = buffer_reserve(&kept, len);
    if (!room) {
        return STATUS_NOMEM;
    }
    keep_items(request, &room);
    for (size_t i = 0; i < count; i++) {
        keep_slice(slices[i], &room);
    }
    buffer_commit(&kept, len);
    buffer_fini(&call->kept);
    call->kept = kept;
    buffer_reset(&call->scratch, 0); /* Nothing points there any more. */
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
