/*
 * Calls that are not answered within their turn wait in `owed`:
 *
 *     owed   [pending] [done] [pending] [done]
 *             ^ head
 *
 * For a face that answers in order they leave from the head, when the head is
 * done; for the others each leaves when it is done. A listing is answered a
 * page a turn: after each page its call is submitted again and keeps its
 * place. In order, nothing is decoded behind a listing that is owed: it would
 * be carried out before the listing has seen all that it lists, and wait with
 * its whole answer for as long as that takes.
 *
 * Requests are decoded ahead of the one that is carried out. When the output
 * is full by then, the rest of them wait in `owed` too, idle, and whatever
 * follows them is not decoded.
 */
#include "server/conn_internal.h"

#include "base/log.h"
#include "core/call.h"
#include "core/limits.h"
#include "loop/loop.h"
#include "server/dispatch.h"
#include "server/lane.h"

static bool is_listing(const struct call *call)
{
    enum op op = call->request.op;
    return op != OP_NONE && op_info(op)->flags & OP_LIST;
}

/* What is carried out at once, so that a turn does not gather many of them. */
static bool may_take_long(const struct call *call)
{
    enum op op = call->request.op;
    return op == OP_APPEND || op == OP_PREPEND ||
           (op != OP_NONE && op_info(op)->flags & (OP_LIST | OP_BATCH));
}

/* Carries `call` out, unless it is too late for that: it waited behind others
 * whose answers could not be sent. */
static void begin(const struct conn *conn, struct call *call)
{
    if (call->expires_ms &&
        uv_now(loop_uv(conn->lane->loop)) > call->expires_ms) {
        response_fail(&call->response, STATUS_DEADLINE_EXCEEDED,
                      "it waited longer than deadline_ms (%u)",
                      (unsigned)call->request.deadline_ms);
        call->state = CALL_DONE;
        return;
    }
    dispatch(conn->lane->engine, &conn->lane->limits, call);
}

/* Queues `call` for a later turn. Its request must then be its own: others
 * will read into the room where it came in. A pending one has been made so
 * already. On failure the connection is closed. */
static void owe(struct conn *conn, struct call *call)
{
    if (list_is_linked(&call->link)) {
        return;
    }
    list_append(&conn->owed, &call->link);
    conn->calls_owed++;
    if (conn->face->is_ordered && is_listing(call)) {
        conn->listing = call;
    }
    if (call->state != CALL_PENDING && call_keep(call)) {
        conn_close_without_memory(conn);
    }
}

static void settle(struct conn *conn, struct call *call)
{
    if (list_is_linked(&call->link)) {
        list_remove(&call->link);
        conn->calls_owed--;
    }
    if (conn->listing == call) {
        conn->listing = NULL;
    }
    lane_return_call(conn->lane, call);
}

static void on_call_done(struct call *call)
{
    struct conn *conn = CAST(struct conn, call->owner, CONN_MAGIC);
    CHECK(loop_is_current(conn->lane->loop));
    if (conn->state == CONN_CLOSING) {
        lane_return_call(conn->lane, call);
        conn_drop_part(conn);
        return;
    }
    lane_schedule(conn->lane, &conn->ready_link);
}

/* For the next part of an answer. */
static void submit_again(struct conn *conn, struct call *call)
{
    if (conn->state == CONN_CLOSING) {
        return;
    }
    response_clear(&call->response);
    call->state = CALL_IDLE;
    dispatch(conn->lane->engine, &conn->lane->limits, call);
}

/* What was asked for by whom, and what it came to; whose entries they were is
 * nobody else's business. */
static void log_answered(const struct conn *conn, const struct call *call)
{
    if (log_is_on(LOG_DEBUG)) {
        char peer[STREAM_PEER_LEN_MAX];
        enum op op = call->request.op;
        log_event(LOG_DEBUG, "%s: %s: %s: %s", stream_peer(&conn->stream, peer),
                  conn->face->name, op == OP_NONE ? "no op" : op_info(op)->name,
                  status_text(call->response.status));
    }
}

/* Answers `call`, which is done. False when there was only a part of the
 * answer to give for now, or the connection has been closed. */
static bool answer(struct conn *conn, struct call *call)
{
    CHECK(conn->face);
    if (conn->out.capacity == 0) {
        conn->out = lane_take_out(conn->lane);
    }
    switch (conn->face->encode(conn->face_state, call, &conn->out)) {
    case ENCODE_DONE:
        log_answered(conn, call);
        settle(conn, call);
        return true;
    case ENCODE_AGAIN:
        owe(conn, call);
        submit_again(conn, call);
        return false;
    case ENCODE_FAILED:
        break;
    }
    settle(conn, call);
    conn_close_without_memory(conn);
    return false;
}

/* Answers the call in `owed` if that can be done; false when nothing behind
 * it is to be answered in this turn. */
static bool answer_one_owed(struct conn *conn, struct call *call)
{
    if (call->state == CALL_IDLE) {
        conn->calls_waiting--;
        begin(conn, call);
    }
    if (call->state == CALL_PENDING) {
        return !conn->face->is_ordered;
    }
    return answer(conn, call);
}

bool conn_answer_owed(struct conn *conn)
{
    struct list *link = conn->owed.next;
    bool goes_on = true;
    while (goes_on && link != &conn->owed) {
        struct list *next = link->next;
        if (conn_output_is_full(conn)) {
            break;
        }
        goes_on = answer_one_owed(conn, LIST_ENTRY(link, struct call, link));
        link = next;
    }
    return conn->state != CONN_CLOSING && conn_has_answers(conn);
}

bool conn_has_answers(const struct conn *conn)
{
    if (list_is_empty(&conn->owed)) {
        return false;
    }
    bool is_stuck =
        LIST_ENTRY(conn->owed.next, struct call, link)->state == CALL_PENDING;
    return !is_stuck || (!conn->face->is_ordered && conn->calls_waiting > 0);
}

void conn_queue(struct conn *conn, struct call *call, bool is_answered)
{
    struct lane *lane = conn->lane;
    call->owner = conn;
    call->on_done = on_call_done;
    call->state = is_answered ? CALL_DONE : CALL_IDLE;
    conn->calls_queued++;
    batch_add(&lane->batch, call);
    bool is_long = may_take_long(call);
    conn->has_run_long = conn->has_run_long || is_long;
    if (batch_is_full(&lane->batch) || is_long) {
        lane_run_batch(lane);
    }
}

/* Behind a call that waits, or without room for its answer, it waits too. */
static bool must_wait(const struct conn *conn)
{
    return conn->calls_waiting > 0 || conn_output_is_full(conn);
}

void conn_carry_out(struct call *call)
{
    struct conn *conn = CAST(struct conn, call->owner, CONN_MAGIC);
    struct lane *lane = conn->lane;
    conn->calls_queued--;
    if (conn->state == CONN_CLOSING) {
        lane_return_call(lane, call);
        return;
    }
    if (must_wait(conn)) {
        conn->calls_waiting += call->state == CALL_IDLE;
        owe(conn, call);
        return;
    }
    if (call->state == CALL_IDLE) {
        begin(conn, call);
    }
    if (call->state == CALL_PENDING ||
        (conn->face->is_ordered && !list_is_empty(&conn->owed))) {
        owe(conn, call);
    } else {
        answer(conn, call);
    }
}

void conn_drop_owed(struct conn *conn)
{
    struct list owed;
    list_init(&owed);
    list_move_all(&owed, &conn->owed);
    for (struct list *link; (link = list_pop(&owed));) {
        struct call *call = LIST_ENTRY(link, struct call, link);
        if (call->state == CALL_PENDING) {
            conn->parts_open++;
            conn->lane->engine->ops->cancel(conn->lane->engine, call);
        } else {
            lane_return_call(conn->lane, call);
        }
    }
}
