/*
 * A turn:   answers that are ready -> requests that came in -> one send
 *
 * Calls that are not answered within their turn wait in `owed`. For a face
 * that answers in order they leave from its head, when the head is done; for
 * the others each leaves when it is done. A listing is answered a page a
 * turn: after each page its call is submitted again and keeps its place.
 *
 * Fresh bytes lie in the lane's shared room and are decoded there; only an
 * incomplete rest, or what must wait its turn, moves to `in`. So an idle
 * connection holds no buffers at all.
 */
#include "server/conn.h"

#include "base/check.h"
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "core/call.h"
#include "core/limits.h"
#include "loop/loop.h"
#include "server/dispatch.h"
#include "server/face.h"
#include "server/lane.h"

#include <unistd.h>

enum {
    CONN_MAGIC = 0x6e6e6f63,
    TURN_CALLS_MAX = 1024,    /* requests of one connection a turn */
    READ_ROOM_MIN = 4 * 1024, /* behind an incomplete request */
    READ_ROOM_MAX = 256 * 1024
};

enum conn_state { CONN_OPEN, CONN_ENDING, CONN_CLOSING };

struct conn {
    struct magic magic;
    enum conn_state state;
    struct stream stream;
    uv_timer_t timer; /* an incomplete request, or idleness */
    struct lane *lane;
    const struct face *face; /* NULL until the first byte */
    void *face_state;
    struct buffer in;
    struct list link;       /* in the lane's list */
    struct list ready_link; /* in its ready list */
    struct list owed;       /* calls not answered within their turn */
    uint32_t calls_owed;
    unsigned parts_open; /* stream, timer, and each pending call */
    bool has_farewell;   /* `farewell` is to be said at the end */
    enum farewell farewell;
    bool is_stopping; /* nothing more is read, what was read is served */
    bool is_partial;  /* a request has begun and not ended */
};

/* What a turn leaves for the next one. */
struct rest {
    bool has_answers; /* calls that are done */
    bool has_input;   /* bytes that were not decoded yet */
};

static void end_turn(struct conn *conn, struct rest rest);

static void drop_part(struct conn *conn)
{
    CHECK(conn->state == CONN_CLOSING);
    if (--conn->parts_open > 0) {
        return;
    }
    struct lane *lane = conn->lane;
    CHECK(list_is_empty(&conn->owed));
    list_remove(&conn->link);
    buffer_fini(&conn->in);
    memory_free(conn->face_state);
    MAGIC_CLEAR(conn);
    memory_free(conn);
    lane_on_conn_closed(lane);
}

static void on_timer_closed(uv_handle_t *timer)
{
    drop_part(timer->data);
}

/* Calls that are done go; those that are pending are cancelled, and each
 * keeps the connection's memory until it has finished. */
static void drop_owed(struct conn *conn)
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

static void close_now(struct conn *conn)
{
    if (conn->state == CONN_CLOSING) {
        return;
    }
    conn->state = CONN_CLOSING;
    list_remove(&conn->ready_link);
    buffer_clear(&conn->lane->out);
    stream_close(&conn->stream);
    uv_close((uv_handle_t *)&conn->timer, on_timer_closed);
    drop_owed(conn);
}

static bool output_is_full(const struct conn *conn)
{
    return stream_unsent(&conn->stream) + buffer_len(&conn->lane->out) >=
           conn->lane->limits.output_len_max;
}

static bool may_decode(const struct conn *conn)
{
    return conn->state == CONN_OPEN &&
           conn->calls_owed < conn->lane->limits.inflight_max &&
           !output_is_full(conn);
}

static void close_without_memory(struct conn *conn)
{
    log_event(LOG_WARNING, "a connection is closed: out of memory");
    close_now(conn);
}

/* Queues `call` for a later turn. Its request must then be its own: others
 * will read into the room where it came in. An engine that may answer late
 * has had it made so already. On failure the connection is closed. */
static void owe(struct conn *conn, struct call *call)
{
    if (list_is_linked(&call->link)) {
        return;
    }
    list_append(&conn->owed, &call->link);
    conn->calls_owed++;
    if (!conn->lane->engine->ops->may_pend && call_keep(call)) {
        close_without_memory(conn);
    }
}

static void settle(struct conn *conn, struct call *call)
{
    if (list_is_linked(&call->link)) {
        list_remove(&call->link);
        conn->calls_owed--;
    }
    lane_return_call(conn->lane, call);
}

static void on_call_done(struct call *call)
{
    struct conn *conn = CAST(struct conn, call->owner, CONN_MAGIC);
    CHECK(loop_is_current(conn->lane->loop));
    if (conn->state == CONN_CLOSING) {
        lane_return_call(conn->lane, call);
        drop_part(conn);
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

/* Answers `call`, which is done. False when there was only a part of the
 * answer to give for now, or the connection has been closed. */
static bool answer(struct conn *conn, struct call *call)
{
    struct lane *lane = conn->lane;
    CHECK(conn->face);
    switch (conn->face->encode(conn->face_state, call, &lane->out)) {
    case ENCODE_DONE:
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
    close_without_memory(conn);
    return false;
}

/* Answers what can be answered now of the calls that are owed; true when
 * there are more to answer. */
static bool answer_owed(struct conn *conn)
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
        if (output_is_full(conn)) {
            return true;
        }
        if (!answer(conn, call)) {
            return conn->state != CONN_CLOSING && call->state == CALL_DONE;
        }
    }
    return false;
}

/* A listing that was begun in this turn has its next page already. */
static bool head_is_done(const struct conn *conn)
{
    return !list_is_empty(&conn->owed) &&
           LIST_ENTRY(conn->owed.next, struct call, link)->state == CALL_DONE;
}

/* Has the request in `call` carried out, and answers it if its turn has
 * come. False when the connection was closed. */
static bool carry_out(struct conn *conn, struct call *call, bool is_answered)
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

static void end_with(struct conn *conn, enum farewell farewell)
{
    conn->state = CONN_ENDING;
    conn->has_farewell = true;
    conn->farewell = farewell;
    if (log_is_on(LOG_INFO)) {
        char peer[STREAM_PEER_LEN_MAX];
        log_event(LOG_INFO, "%s: %s: %s", stream_peer(&conn->stream, peer),
                  conn->face->name,
                  farewell == FAREWELL_BAD ? "this is not a request"
                                           : "a request was not finished");
    }
}

/* Decodes and carries out one request; false when there is no other. */
static bool serve_one(struct conn *conn, struct input *input)
{
    struct call *call = lane_take_call(conn->lane);
    if (!call) {
        close_without_memory(conn);
        return false;
    }
    input->used = 0;
    enum decode result =
        conn->face->decode(conn->face_state, &conn->lane->limits, input, call);
    CHECK(input->used <= input->len);
    if (result == DECODE_READY || result == DECODE_ANSWERED) {
        CHECK(input->used > 0);
        conn->is_partial = false;
        return carry_out(conn, call, result == DECODE_ANSWERED);
    }
    lane_return_call(conn->lane, call);
    if (result == DECODE_BAD) {
        end_with(conn, FAREWELL_BAD);
    }
    return false;
}

static bool pick_face(struct conn *conn, const struct input *input)
{
    const struct face *const *face = conn->lane->options->faces;
    while (*face && !(*face)->accepts((unsigned char)input->data[0])) {
        face++;
    }
    CHECK(*face);
    conn->face = *face;
    conn->face_state = memory_alloc_zero(conn->face->state_size);
    if (!conn->face_state) {
        close_without_memory(conn);
    }
    return conn->face_state;
}

/* Serves what `input` holds, as far as may be in one turn; it then holds the
 * rest. True when the rest was not looked at. */
static bool serve(struct conn *conn, struct input *input)
{
    if (!conn->face && (input->len == 0 || !pick_face(conn, input))) {
        return false;
    }
    bool goes_on = true;
    int budget = TURN_CALLS_MAX;
    while (goes_on && input->len > 0 && budget > 0 && may_decode(conn)) {
        goes_on = serve_one(conn, input);
        input->data += input->used;
        input->len -= input->used;
        input->used = 0;
        budget--;
    }
    return goes_on && input->len > 0;
}

/* All that will be read was read, and what is decodable was decoded. */
static void meet_the_end(struct conn *conn, size_t rest_len)
{
    if (conn->state != CONN_OPEN) {
        return;
    }
    if (rest_len > 0 && !conn->is_stopping) {
        end_with(conn, FAREWELL_PARTIAL);
    }
    conn->state = CONN_ENDING;
}

/* A turn over what waits in `in`. */
static void take_turn(struct conn *conn)
{
    if (conn->stream.is_finishing) {
        return;
    }
    struct rest rest = {.has_answers = answer_owed(conn)};
    struct slice bytes = buffer_peek(&conn->in);
    struct input input = {.data = buffer_first(&conn->in),
                          .len = bytes.len,
                          .is_end = conn->stream.has_end};
    rest.has_input = conn->state == CONN_OPEN && serve(conn, &input);
    if (conn->state == CONN_CLOSING) {
        return;
    }
    buffer_consume(&conn->in, bytes.len - input.len);
    rest.has_answers = rest.has_answers || head_is_done(conn);
    if (!rest.has_input && (conn->stream.has_end || conn->is_stopping)) {
        meet_the_end(conn, input.len);
    }
    end_turn(conn, rest);
}

void conn_turn(struct list *ready_link)
{
    struct conn *conn = LIST_ENTRY(ready_link, struct conn, ready_link);
    CHECK(MAGIC_IS(conn, CONN_MAGIC));
    take_turn(conn);
}

static void on_timer(uv_timer_t *timer)
{
    struct conn *conn = CAST(struct conn, timer->data, CONN_MAGIC);
    CHECK(conn->state == CONN_OPEN);
    if (conn->is_partial) {
        end_with(conn, FAREWELL_PARTIAL);
    } else {
        conn->state = CONN_ENDING;
    }
    end_turn(conn, (struct rest){false, false});
}

/* An incomplete request has a bounded time from its first byte on, which
 * more of its bytes do not renew; so has idleness, if that is wanted. */
static void watch_time(struct conn *conn)
{
    const struct limits *limits = &conn->lane->limits;
    bool was_partial = conn->is_partial;
    conn->is_partial = buffer_len(&conn->in) > 0 && may_decode(conn);
    if (conn->is_partial && was_partial) {
        return;
    }
    if (conn->is_partial) {
        uv_timer_start(&conn->timer, on_timer, limits->partial_ms, 0);
    } else if (limits->idle_ms && conn->calls_owed == 0) {
        uv_timer_start(&conn->timer, on_timer, limits->idle_ms, 0);
    } else if (uv_is_active((uv_handle_t *)&conn->timer)) {
        uv_timer_stop(&conn->timer);
    }
}

/* Nothing is owed any more and nothing will be: the last words, the end. */
static void finish(struct conn *conn)
{
    if (conn->has_farewell) {
        conn->face->farewell(conn->farewell, &conn->lane->out);
    }
    stream_send(&conn->stream, &conn->lane->out);
    uv_timer_stop(&conn->timer);
    list_remove(&conn->ready_link);
    stream_finish(&conn->stream);
}

/* Reads on, or leaves the peer's bytes in the network until what is owed to
 * it has become less. */
static void set_reading(struct conn *conn, struct rest rest)
{
    bool goes_on = rest.has_answers || (rest.has_input && may_decode(conn));
    if (goes_on && !output_is_full(conn)) {
        lane_schedule(conn->lane, &conn->ready_link);
    }
    bool may_read = !conn->stream.has_end && !conn->is_stopping;
    stream_set_reading(&conn->stream,
                       may_read && may_decode(conn) && !rest.has_input);
}

/* Sends the turn's answers and decides what comes next. */
static void end_turn(struct conn *conn, struct rest rest)
{
    struct lane *lane = conn->lane;
    if (conn->state == CONN_ENDING && conn->calls_owed == 0) {
        finish(conn);
    } else {
        stream_send(&conn->stream, &lane->out);
    }
    buffer_reset(&lane->out, LANE_OUT_KEPT_MAX);
    if (conn->state == CONN_CLOSING || conn->stream.is_finishing) {
        return;
    }
    set_reading(conn, rest);
    if (conn->state == CONN_OPEN) {
        watch_time(conn);
    } else {
        uv_timer_stop(&conn->timer);
    }
}

static struct conn *conn_of(struct stream *stream)
{
    struct conn *conn = LIST_ENTRY(stream, struct conn, stream);
    CHECK(MAGIC_IS(conn, CONN_MAGIC));
    return conn;
}

static size_t read_room_len(const struct conn *conn)
{
    size_t len = buffer_len(&conn->in);
    if (len < READ_ROOM_MIN) {
        return READ_ROOM_MIN;
    }
    return len < READ_ROOM_MAX ? len : READ_ROOM_MAX;
}

static uv_buf_t on_room(struct stream *stream)
{
    struct conn *conn = conn_of(stream);
    if (buffer_len(&conn->in) == 0) {
        return uv_buf_init(conn->lane->read_room, LANE_READ_LEN);
    }
    size_t len = read_room_len(conn);
    char *room = buffer_reserve(&conn->in, len);
    return uv_buf_init(room, room ? (unsigned)len : 0);
}

/* The bytes lie in the lane's room: serves from there, keeps the rest. */
static void serve_fresh(struct conn *conn, size_t len)
{
    struct input input = {.data = conn->lane->read_room, .len = len};
    bool has_input = serve(conn, &input);
    if (conn->state == CONN_CLOSING) {
        return;
    }
    struct slice rest = slice_of(input.data, input.len);
    if (conn->state == CONN_OPEN && rest.len &&
        buffer_append(&conn->in, rest)) {
        close_without_memory(conn);
        return;
    }
    end_turn(conn, (struct rest){.has_answers = head_is_done(conn),
                                 .has_input = has_input});
}

static void on_bytes(struct stream *stream, size_t len)
{
    struct conn *conn = conn_of(stream);
    if (buffer_len(&conn->in) == 0) {
        serve_fresh(conn, len);
        return;
    }
    buffer_commit(&conn->in, len);
    take_turn(conn);
}

static void on_end(struct stream *stream)
{
    take_turn(conn_of(stream));
}

static void on_sent(struct stream *stream)
{
    struct conn *conn = conn_of(stream);
    lane_schedule(conn->lane, &conn->ready_link);
}

static void on_broken(struct stream *stream, const char *why)
{
    struct conn *conn = conn_of(stream);
    if (log_is_on(LOG_INFO)) {
        char peer[STREAM_PEER_LEN_MAX];
        log_event(LOG_INFO, "%s: the connection broke: %s",
                  stream_peer(stream, peer), why);
    }
    close_now(conn);
}

static void on_stream_closed(struct stream *stream)
{
    struct conn *conn = conn_of(stream);
    if (conn->state != CONN_CLOSING) {
        close_now(conn);
    }
    drop_part(conn);
}

static const struct stream_ops stream_ops = {
    .on_room = on_room,
    .on_bytes = on_bytes,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_broken = on_broken,
    .on_closed = on_stream_closed,
};

static void log_opened(struct conn *conn)
{
    if (log_is_on(LOG_INFO)) {
        char peer[STREAM_PEER_LEN_MAX];
        log_event(LOG_INFO, "%s: connected", stream_peer(&conn->stream, peer));
    }
}

/* The parts that are closed one by one: the stream and the timer. */
enum { CONN_PARTS = 2 };

static struct conn *create(struct lane *lane)
{
    struct conn *conn = memory_alloc_zero(sizeof *conn);
    if (!conn) {
        return NULL;
    }
    MAGIC_SET(conn, CONN_MAGIC);
    conn->state = CONN_OPEN;
    conn->lane = lane;
    conn->parts_open = CONN_PARTS;
    list_init(&conn->link);
    list_init(&conn->ready_link);
    list_init(&conn->owed);
    uv_timer_init(loop_uv(lane->loop), &conn->timer);
    conn->timer.data = conn;
    return conn;
}

void conn_open(struct lane *lane, int fd, enum stream_kind kind)
{
    struct conn *conn = create(lane);
    if (!conn) {
        log_event(LOG_WARNING, "a connection is closed: out of memory");
        close(fd);
        lane_on_conn_closed(lane);
        return;
    }
    list_append(&lane->conns, &conn->link);
    if (stream_open(&conn->stream, lane->loop, fd, kind, &stream_ops)) {
        log_event(LOG_WARNING, "a connection is closed: the system refuses it");
        close_now(conn);
        return;
    }
    conn->stream.write_ms = lane->limits.write_ms;
    log_opened(conn);
    end_turn(conn, (struct rest){false, false});
}

void conn_end(struct list *link)
{
    struct conn *conn = LIST_ENTRY(link, struct conn, link);
    CHECK(MAGIC_IS(conn, CONN_MAGIC));
    if (conn->state == CONN_OPEN) {
        conn->is_stopping = true;
        take_turn(conn);
    }
}

void conn_close(struct list *link)
{
    close_now(LIST_ENTRY(link, struct conn, link));
}
