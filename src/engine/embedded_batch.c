/* The keys of a batch are aimed at some at a time, so that their cache misses
 * overlap, as those of a batch of calls do. */
#include "core/limits.h"
#include "engine/embedded_internal.h"

#include <string.h>

enum { GROUP = 32 };

/* Room for a result for each item; NULL without memory. */
static struct batch_result *reserve_results(const struct request *request,
                                            struct response *response)
{
    size_t len = request->item_count * sizeof(struct batch_result);
    buffer_clear(&response->results);
    char *room = buffer_reserve(&response->results, len);
    if (!room) {
        return NULL;
    }
    if (len) {
        memset(room, 0, len);
    }
    buffer_commit(&response->results, len);
    response->count = request->item_count;
    return (void *)room;
}

static void aim_group(struct session *session, const struct request *request,
                      size_t from, size_t count, struct aim *aims)
{
    session_aim(session, request->bank, request->items[from].key, &aims[0]);
    for (size_t i = 1; i < count; i++) {
        session_aim_beside(session, &aims[0], request->items[from + i].key,
                           &aims[i]);
    }
    for (size_t i = 0; i < count; i++) {
        session_fetch(session, &aims[i]);
    }
}

/* What the results take of the room for values: few find theirs in that for
 * everything else, so that one alone may be as long as any. */
static size_t overhead_of(const struct request *request)
{
    enum { RESULT_OVERHEAD = 32, SPARE = FRAME_OVERHEAD_MAX / 2 };
    size_t overhead = request->item_count * RESULT_OVERHEAD;
    return overhead > SPARE ? overhead - SPARE : 0;
}

/* A value that would make the answer too long is left out; answers how many
 * bytes that were. */
static size_t bound_answer(const struct request *request, size_t len_before,
                           struct buffer *body, struct batch_result *result)
{
    size_t overhead = overhead_of(request);
    size_t len = buffer_len(body) - len_before;
    result->len = len;
    if (result->status || len == 0 ||
        buffer_len(body) + overhead <= request->answer_len_max) {
        return 0;
    }
    buffer_truncate(body, len_before);
    result->status = STATUS_RESOURCE_EXHAUSTED;
    result->len = 0;
    return len;
}

/* Answers how many bytes were read in vain. */
static size_t get_one(struct embedded *embedded, const struct request *request,
                      const struct aim *aim, struct response *response,
                      struct batch_result *result)
{
    struct buffer *body = &response->body;
    size_t len_before = buffer_len(body);
    if (request->wants_version) {
        struct store_visit visit = {.wants_version = true, .bytes = body};
        result->status =
            store_read(embedded->store, request->bank, aim->key, NULL, &visit);
        result->kind = visit.facts.kind;
        result->version = visit.version;
    } else {
        result->status =
            session_get(embedded->session, aim, body, &result->kind);
    }
    size_t left_out = bound_answer(request, len_before, body, result);
    if (result->status) {
        result->kind = VALUE_BYTES;
        result->version = 0;
    }
    return left_out;
}

static size_t group_of(const struct request *request, size_t from)
{
    size_t left = request->item_count - from;
    return left < GROUP ? left : GROUP;
}

enum status batch_get(struct embedded *embedded, const struct request *request,
                      struct response *response)
{
    struct aim aims[GROUP];
    struct batch_result *results = reserve_results(request, response);
    if (!results || !session_enter(embedded->session)) {
        return STATUS_NOMEM;
    }
    size_t left_out = 0;
    for (size_t from = 0; from < request->item_count; from += GROUP) {
        size_t count = group_of(request, from);
        aim_group(embedded->session, request, from, count, aims);
        for (size_t i = 0; i < count; i++) {
            struct batch_result *result = &results[from + i];
            if (left_out > request->answer_len_max) {
                /* To read what is left out takes time, too. */
                result->status = STATUS_RESOURCE_EXHAUSTED;
            } else {
                left_out +=
                    get_one(embedded, request, &aims[i], response, result);
            }
        }
    }
    session_leave(embedded->session);
    return STATUS_OK;
}

enum status batch_put(struct embedded *embedded, const struct request *request,
                      struct response *response)
{
    struct aim aims[GROUP];
    struct batch_result *results = reserve_results(request, response);
    if (!results || !session_enter(embedded->session)) {
        return STATUS_NOMEM;
    }
    for (size_t from = 0; from < request->item_count; from += GROUP) {
        size_t count = group_of(request, from);
        aim_group(embedded->session, request, from, count, aims);
        for (size_t i = 0; i < count; i++) {
            const struct batch_item *item = &request->items[from + i];
            const struct store_value value = {
                .bytes = item->value,
                .kind = item->kind,
                .lifetime = item->lifetime,
            };
            results[from + i].status =
                session_put(embedded->session, &aims[i], &value);
        }
    }
    session_leave(embedded->session);
    return STATUS_OK;
}

static enum status touch_all(struct embedded *embedded,
                             const struct request *request,
                             struct response *response,
                             struct lifetime lifetime)
{
    struct batch_result *results = reserve_results(request, response);
    if (!results) {
        return STATUS_NOMEM;
    }
    for (size_t i = 0; i < request->item_count; i++) {
        results[i].status = store_touch(embedded->store, request->bank,
                                        request->items[i].key, lifetime);
    }
    return STATUS_OK;
}

enum status batch_remove(struct embedded *embedded,
                         const struct request *request,
                         struct response *response)
{
    const struct lifetime over = {LIFETIME_OVER, 0};
    return touch_all(embedded, request, response, over);
}

enum status batch_touch(struct embedded *embedded,
                        const struct request *request,
                        struct response *response)
{
    return touch_all(embedded, request, response, request->lifetime);
}
