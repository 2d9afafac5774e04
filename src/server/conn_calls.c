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
    struct lane *lane = conn->lane;
    CHECK(conn->face);
    switch (conn->face->encode(conn->face_state, call, &lane->out)) {
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

bool conn_answer_owed(struct conn *conn)
{
    bool is_ordered = conn->face && conn->face->is_ordered;
    for (struct list *link = conn->owed.next, *next; link != &conn->owed;
         link = next) {
        next = link->next;
        struct call *call = LIST_ENTRY(link, struct call, link);
        if (call->state != CALL_DONE) {
            if (is_ordered) {
                return false;
            }
            continue;
        }
        if (conn_output_is_full(conn)) {
            return true;
        }
        if (!answer(conn, call)) {
            return conn->state != CONN_CLOSING && call->state == CALL_DONE;
        }
    }
    return false;
}

bool conn_head_is_done(const struct conn *conn)
{
    return !list_is_empty(&conn->owed) &&
           LIST_ENTRY(conn->owed.next, struct call, link)->state == CALL_DONE;
}

bool conn_carry_out(struct conn *conn, struct call *call, bool is_answered)
{
    struct lane *lane = conn->lane;
    call->owner = conn;
    call->on_done = on_call_done;
    if (is_answered) {
        call->state = CALL_DONE;
    } else {
        dispatch(lane->engine, &lane->limits, call);
    }
    bool must_wait = call->state == CALL_PENDING ||
                     (conn->face->is_ordered && !list_is_empty(&conn->owed));
    if (must_wait) {
        owe(conn, call);
    } else {
        answer(conn, call);
    }
    return conn->state != CONN_CLOSING;
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
