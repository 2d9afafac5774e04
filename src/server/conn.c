/*
 * A turn:   answers that are ready -> requests that came in -> one send
 *
 * Fresh bytes lie in the lane's shared room and are decoded there, when the
 * loop has read everything; only an incomplete rest, or what must wait its
 * turn, moves to `in`. So an idle connection holds no buffers at all.
 * Requests in fresh bytes are carried out with those of other connections;
 * those that lie in `in` are carried out before it changes.
 */
#include "server/conn.h"

#include "base/check.h"
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "core/call.h"
#include "core/limits.h"
#include "loop/loop.h"
#include "server/conn_internal.h"
#include "server/lane.h"

#include <unistd.h>

enum {
    TURN_CALLS_MAX = 1024,    /* requests of one connection a turn, */
    TURN_NS_MAX = 1000000,    /* and how long it may last */
    CALLS_A_LOOK = 16,        /* requests between two looks at the clock */
    READ_ROOM_MIN = 4 * 1024, /* behind an incomplete request */
    READ_ROOM_MAX = 256 * 1024
};

/* What a turn leaves for the next one. */
struct rest {
    bool has_answers; /* calls that are done */
    bool has_input;   /* bytes that were not decoded yet */
};

static void end_turn(struct conn *conn, struct rest rest);

void conn_drop_part(struct conn *conn)
{
    CHECK(conn->state == CONN_CLOSING);
    if (--conn->parts_open > 0) {
        return;
    }
    struct lane *lane = conn->lane;
    CHECK(list_is_empty(&conn->owed) && conn->calls_queued == 0);
    list_remove(&conn->link);
    buffer_fini(&conn->in);
    memory_free(conn->face_state);
    MAGIC_CLEAR(conn);
    memory_free(conn);
    lane_on_conn_closed(lane);
}

static void on_timer_closed(uv_handle_t *timer)
{
    conn_drop_part(timer->data);
}

static void log_about(const struct conn *conn, const char *what)
{
    if (log_is_on(LOG_INFO)) {
        char peer[STREAM_PEER_LEN_MAX];
        log_event(LOG_INFO, "%s: %s", stream_peer(&conn->stream, peer), what);
    }
}

void conn_close_now(struct conn *conn)
{
    if (conn->state == CONN_CLOSING) {
        return;
    }
    conn->state = CONN_CLOSING;
    conn->fresh_len = 0;
    list_remove(&conn->ready_link);
    list_remove(&conn->turn_link);
    lane_return_out(conn->lane, &conn->out);
    stream_close(&conn->stream);
    uv_close((uv_handle_t *)&conn->timer, on_timer_closed);
    conn_drop_owed(conn);
}

bool conn_output_is_full(const struct conn *conn)
{
    return stream_unsent(&conn->stream) + buffer_len(&conn->out) >=
           conn->lane->limits.output_len_max;
}

void conn_close_without_memory(struct conn *conn)
{
    log_event(LOG_WARNING, "a connection is closed: out of memory");
    conn_close_now(conn);
}

static bool may_decode(const struct conn *conn)
{
    return conn->state == CONN_OPEN && !conn->listing &&
           conn->calls_waiting == 0 &&
           conn->calls_owed + conn->calls_queued <
               conn->lane->limits.inflight_max &&
           !conn_output_is_full(conn);
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
                  farewell == FAREWELL_BAD
                      ? "this is no request, or too long a one"
                      : "a request was not finished");
    }
}

/* All that lies in the input was read by `read_ms`: where requests wait,
 * nothing more is read. */
static void set_expiry(const struct conn *conn, struct call *call)
{
    uint32_t deadline_ms =
        call->request.is_brief ? 0 : call->request.deadline_ms;
    call->expires_ms = deadline_ms ? conn->read_ms + deadline_ms : 0;
}

/* Decodes one request and has it carried out; false when there is no other. */
static bool serve_one(struct conn *conn, struct input *input)
{
    struct call *call = lane_take_call(conn->lane);
    if (!call) {
        conn_close_without_memory(conn);
        return false;
    }
    input->used = 0;
    enum decode result =
        conn->face->decode(conn->face_state, &conn->lane->limits, input, call);
    CHECK(input->used <= input->len);
    if (result == DECODE_READY || result == DECODE_ANSWERED) {
        CHECK(input->used > 0);
        conn->is_partial = false;
        set_expiry(conn, call);
        conn_queue(conn, call, result == DECODE_ANSWERED);
        return conn->state != CONN_CLOSING;
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
        conn_close_without_memory(conn);
    }
    return conn->face_state;
}

/* Whether a turn is over after `count` requests. Its time is taken from the
 * first look at the clock on, `*since`, which is 0 before: most turns end
 * without one. */
static bool is_turn_over(struct conn *conn, int count, uint64_t *since)
{
    bool has_long = conn->has_run_long;
    conn->has_run_long = false;
    if (count == 0 || (count % CALLS_A_LOOK != 0 && !has_long)) {
        return false;
    }
    uint64_t now = uv_hrtime();
    *since = *since ? *since : now;
    return count >= TURN_CALLS_MAX || now - *since > TURN_NS_MAX;
}

/* Serves what `input` holds, as far as may be in one turn; it then holds the
 * rest. True when the rest was not looked at. */
static bool serve(struct conn *conn, struct input *input)
{
    if (!conn->face && (input->len == 0 || !pick_face(conn, input))) {
        return false;
    }
    bool goes_on = true;
    uint64_t since = 0;
    for (int count = 0; goes_on && input->len > 0 && may_decode(conn) &&
                        !is_turn_over(conn, count, &since);
         count++) {
        goes_on = serve_one(conn, input);
        input->data += input->used;
        input->len -= input->used;
        input->used = 0;
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

/* Serves from the lane's room and keeps the rest. */
static void serve_fresh(struct conn *conn)
{
    if (conn->fresh_len == 0) {
        return;
    }
    struct input input = {.data = conn->fresh, .len = conn->fresh_len};
    conn->fresh_len = 0;
    conn->has_input = serve(conn, &input);
    struct slice rest = slice_of(input.data, input.len);
    if (conn->state == CONN_OPEN && rest.len &&
        buffer_append(&conn->in, rest)) {
        conn_close_without_memory(conn);
    }
}

/* A turn over what was read or waits in `in`. */
static void take_turn(struct conn *conn)
{
    if (conn->stream.is_finishing) {
        return;
    }
    serve_fresh(conn);
    lane_run_batch(conn->lane);
    if (conn->state == CONN_CLOSING) {
        return;
    }
    struct rest rest = {.has_answers = conn_answer_owed(conn)};
    struct slice bytes = buffer_peek(&conn->in);
    struct input input = {.data = buffer_first(&conn->in),
                          .len = bytes.len,
                          .is_end = conn->stream.has_end};
    rest.has_input = conn->state == CONN_OPEN && serve(conn, &input);
    lane_run_batch(conn->lane);
    if (conn->state == CONN_CLOSING) {
        return;
    }
    buffer_consume(&conn->in, bytes.len - input.len);
    if (input.len == 0) {
        buffer_fini(&conn->in);
    }
    rest.has_answers = rest.has_answers || conn_has_answers(conn);
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
        log_about(conn, "silent for IDLE_TIMEOUT");
        conn->state = CONN_ENDING;
    }
    end_turn(conn, (struct rest){false, false});
}

static bool owes_nothing(const struct conn *conn)
{
    return conn->calls_owed == 0 && stream_unsent(&conn->stream) == 0;
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
    } else if (limits->idle_ms && owes_nothing(conn)) {
        uv_timer_start(&conn->timer, on_timer, limits->idle_ms, 0);
    } else if (uv_is_active((uv_handle_t *)&conn->timer)) {
        uv_timer_stop(&conn->timer);
    }
}

/* Nothing is owed any more and nothing will be: the last words, the end. */
static void finish(struct conn *conn)
{
    log_about(conn, "closed");
    if (conn->has_farewell) {
        conn->face->farewell(conn->farewell, &conn->out);
    }
    stream_send(&conn->stream, &conn->out);
    uv_timer_stop(&conn->timer);
    list_remove(&conn->ready_link);
    stream_finish(&conn->stream);
}

/* Reads on, or leaves the peer's bytes in the network until what is owed to
 * it has become less. */
static void set_reading(struct conn *conn, struct rest rest)
{
    bool goes_on = rest.has_answers || (rest.has_input && may_decode(conn));
    if (goes_on && !conn_output_is_full(conn)) {
        lane_schedule(conn->lane, &conn->ready_link);
    }
    bool may_read = !conn->stream.has_end && !conn->is_stopping;
    stream_set_reading(&conn->stream,
                       may_read && may_decode(conn) && !rest.has_input);
}

/* Sends the turn's answers and decides what comes next. */
static void end_turn(struct conn *conn, struct rest rest)
{
    CHECK(conn->calls_queued == 0);
    list_remove(&conn->turn_link);
    conn->stream.write_ms = conn->lane->limits.write_ms;
    if (conn->state == CONN_ENDING && conn->calls_owed == 0) {
        finish(conn);
    } else {
        stream_send(&conn->stream, &conn->out);
    }
    lane_return_out(conn->lane, &conn->out);
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

/* Changes nothing: libuv cannot have a handle closed from here. */
static uv_buf_t on_room(struct stream *stream)
{
    struct conn *conn = conn_of(stream);
    if (buffer_len(&conn->in) == 0) {
        size_t room_len;
        char *room = lane_room(conn->lane, &room_len);
        return uv_buf_init(room, (unsigned)room_len);
    }
    size_t len = read_room_len(conn);
    char *room = buffer_reserve(&conn->in, len);
    return uv_buf_init(room, room ? (unsigned)len : 0);
}

void conn_serve(struct list *turn_link)
{
    struct conn *conn = LIST_ENTRY(turn_link, struct conn, turn_link);
    CHECK(MAGIC_IS(conn, CONN_MAGIC));
    serve_fresh(conn);
}

void conn_end_turn(struct list *turn_link)
{
    struct conn *conn = LIST_ENTRY(turn_link, struct conn, turn_link);
    CHECK(MAGIC_IS(conn, CONN_MAGIC));
    end_turn(conn, (struct rest){.has_answers = conn_has_answers(conn),
                                 .has_input = conn->has_input});
}

static void keep_fresh(struct conn *conn, size_t len)
{
    char *kept = lane_keep_room(conn->lane, len);
    if (conn->fresh_len == 0) {
        conn->fresh = kept;
    }
    conn->fresh_len += len;
    lane_serve_later(conn->lane, &conn->turn_link);
}

/* With very many connections the loop reads some twice in a round, and others
 * in between: what was read first, and what comes now, at `more`, is put
 * together in `in`. */
static void gather_fresh(struct conn *conn, const char *more, size_t len)
{
    struct slice first = slice_of(conn->fresh, conn->fresh_len);
    conn->fresh_len = 0;
    if (buffer_append(&conn->in, first) ||
        buffer_append(&conn->in, slice_of(more, len))) {
        conn_close_without_memory(conn);
        return;
    }
    take_turn(conn);
}

static void on_bytes(struct stream *stream, size_t len)
{
    struct conn *conn = conn_of(stream);
    conn->read_ms = uv_now(loop_uv(conn->lane->loop));
    if (buffer_len(&conn->in) > 0) {
        buffer_commit(&conn->in, len);
        take_turn(conn);
        return;
    }
    size_t room_len;
    const char *room = lane_room(conn->lane, &room_len);
    if (conn->fresh_len == 0 || conn->fresh + conn->fresh_len == room) {
        keep_fresh(conn, len);
    } else {
        gather_fresh(conn, room, len);
    }
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
    conn_close_now(conn);
}

static void on_stream_closed(struct stream *stream)
{
    struct conn *conn = conn_of(stream);
    if (conn->state != CONN_CLOSING) {
        conn_close_now(conn);
    }
    conn_drop_part(conn);
}

static const struct stream_ops stream_ops = {
    .on_room = on_room,
    .on_bytes = on_bytes,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_broken = on_broken,
    .on_closed = on_stream_closed,
};

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
    list_init(&conn->turn_link);
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
        conn_close_now(conn);
        return;
    }
    log_about(conn, "connected");
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
    conn_close_now(LIST_ENTRY(link, struct conn, link));
}
