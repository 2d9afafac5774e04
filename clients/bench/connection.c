/* A read event is handled in one pass: all answers that came are held against
 * their requests, then as many new requests are written into the station's
 * scratch memory and sent by one call. What the socket does not take, which is
 * rare, is copied aside, and nothing more is sent until it is gone; what is
 * left of an unfinished answer likewise. Nothing is allocated for a request. */
#include "clients/bench/connection.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

enum { TAG = 0x434f4e4e, WHY_MAX = 300, REST_GROWTH = 64 * 1024 };

static struct connection *connection_of(void *data)
{
    return CAST(struct connection, data, TAG);
}

__attribute__((format(printf, 2, 3))) static void fail(
    struct connection *connection, const char *format, ...)
{
    char why[WHY_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    connection->station->on_failed(connection->station, why);
}

/* --- answers -------------------------------------------------------------- */

static void count_error(struct record *record, struct slice text)
{
    if (record->errors++ == 0) {
        snprintf(record->error, sizeof record->error, "%.*s",
                 text.len < RECORD_ERROR_MAX ? (int)text.len : RECORD_ERROR_MAX,
                 text.len ? text.data : "");
    }
}

static void count_miss(struct connection *connection, uint64_t key)
{
    struct station *station = connection->station;
    station->record->misses++;
    if (station->is_refilling && station->source.kind == PHASE_MIX &&
        connection->refill_count < station->depth) {
        connection->refills[connection->refill_count++] = key;
    }
}

static void count_get(struct connection *connection,
                      const struct flight *flight, const struct answer *answer)
{
    struct station *station = connection->station;
    struct record *record = station->record;
    switch (answer->kind) {
    case ANSWER_VALUE:
        if (workload_is_value(station->workload, flight->key, answer->text)) {
            record->hits++;
        } else {
            record->wrong++;
        }
        break;
    case ANSWER_MISS:
        count_miss(connection, flight->key);
        break;
    case ANSWER_STORED:
        record->wrong++;
        break;
    case ANSWER_ERROR:
        count_error(record, answer->text);
        break;
    case ANSWER_ANY:
        break;
    }
}

static void count_set(struct record *record, const struct answer *answer)
{
    switch (answer->kind) {
    case ANSWER_STORED:
    case ANSWER_ANY:
        break;
    case ANSWER_ERROR:
        count_error(record, answer->text);
        break;
    case ANSWER_MISS:
    case ANSWER_VALUE:
        count_error(record, SLICE_LITERAL("a set was answered as a get"));
        break;
    }
}

/* Takes note of an answer; false when nobody asked for it. */
static bool take_answer(struct connection *connection,
                        const struct answer *answer, uint64_t now_ns)
{
    struct station *station = connection->station;
    struct record *record = station->record;
    struct flights *flights = &connection->flights;
    struct flight *flight = station->protocol->has_ids
                                ? flights_find(flights, answer->id)
                                : flights_oldest(flights);
    if (!flight) {
        fail(connection, "the server sent an answer that nobody asked for");
        return false;
    }
    uint64_t took_ns =
        now_ns > flight->since_ns ? now_ns - flight->since_ns : 0;
    if (flight->is_get) {
        record->gets++;
        count_get(connection, flight, answer);
        histogram_record(&record->get_ns, took_ns);
    } else {
        record->sets++;
        count_set(record, answer);
        histogram_record(&record->set_ns, took_ns);
    }
    flights_close(flights, flight);
    station->in_flight--;
    station->answers++;
    return true;
}

static void fail_at(struct connection *connection, struct slice bytes)
{
    struct buffer shown = {0};
    text_append_shown(&shown, bytes);
    struct slice text = buffer_peek(&shown);
    fail(connection, "this is no answer of %s: %.*s",
         connection->station->protocol->name, (int)text.len,
         text.len ? text.data : "");
    buffer_fini(&shown);
}

/* Takes the whole answers off `bytes`; false when it is over. */
static bool take_answers(struct connection *connection, struct slice *bytes,
                         uint64_t now_ns)
{
    const struct station *station = connection->station;
    for (;;) {
        struct answer answer;
        switch (station->protocol->read(station->stencil, *bytes, &answer)) {
        case DECODE_MORE:
            return true;
        case DECODE_BAD:
            fail_at(connection, *bytes);
            return false;
        case DECODE_READY:
            break;
        }
        if (!take_answer(connection, &answer, now_ns)) {
            return false;
        }
        *bytes = slice_after(*bytes, answer.len);
    }
}

/* Takes the answers in `len` bytes that were read, and keeps what is left. */
static bool take_read(struct connection *connection, const char *data,
                      size_t len, uint64_t now_ns)
{
    struct buffer *rest = &connection->rest;
    if (buffer_len(rest) == 0) {
        struct slice bytes = slice_of(data, len);
        return take_answers(connection, &bytes, now_ns) &&
               (bytes.len == 0 || buffer_append(rest, bytes) == STATUS_OK);
    }
    buffer_commit(rest, len);
    struct slice bytes = buffer_peek(rest);
    size_t len_before = bytes.len;
    if (!take_answers(connection, &bytes, now_ns)) {
        return false;
    }
    buffer_consume(rest, len_before - bytes.len);
    return true;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct connection *connection = connection_of(handle->data);
    if (buffer_len(&connection->rest) == 0) {
        *buf = uv_buf_init(connection->station->room, STATION_ROOM_LEN);
        return;
    }
    char *room = buffer_reserve(&connection->rest, REST_GROWTH);
    *buf = uv_buf_init(room, room ? REST_GROWTH : 0);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct connection *connection = connection_of(stream->data);
    struct station *station = connection->station;
    if (len == 0) {
        return;
    }
    if (len < 0) {
        fail(connection, "the connection ended: %s", uv_strerror((int)len));
        return;
    }
    uint64_t now_ns = uv_hrtime();
    station->record->reads++;
    if (take_read(connection, buf->base, (size_t)len, now_ns)) {
        connection_send(connection);
        station->on_answers(station, now_ns);
    }
}

/* --- requests ------------------------------------------------------------- */

struct request_plan {
    struct operation operation;
    uint64_t since_ns;
};

/* Takes what is to be sent next, if anything. */
static bool plan_next(struct connection *connection, uint64_t now_ns,
                      struct request_plan *plan)
{
    struct station *station = connection->station;
    plan->since_ns = now_ns;
    if (connection->refill_count > 0 &&
        source_claim(&station->source, now_ns)) {
        plan->operation.key = connection->refills[--connection->refill_count];
        plan->operation.is_get = false;
        station->record->refills++;
        return true;
    }
    if (!pace_is_fixed(&station->pace)) {
        if (!source_claim(&station->source, now_ns)) {
            return false;
        }
    } else {
        if (connection->owed == 0) {
            return false;
        }
        connection->owed--;
        station->owed--;
        plan->since_ns = pace_due_ns(&station->pace, connection->turn);
        connection->turn += station->connections;
    }
    plan->operation = source_next(&station->source);
    return true;
}

/* Adds the request to those in flight, and its bytes to the scratch memory. */
static void put_request(struct connection *connection,
                        const struct request_plan *plan)
{
    struct station *station = connection->station;
    const struct workload *workload = station->workload;
    uint64_t key = plan->operation.key;
    char *out = station->out + station->out_len;
    struct blank blank;
    uint64_t id;
    struct flight *flight = flights_add(&connection->flights, &id);
    flight->since_ns = plan->since_ns;
    flight->key = key;
    flight->is_get = plan->operation.is_get;
    station->in_flight++;
    if (plan->operation.is_get) {
        station->protocol->put_get(station->stencil, id, out, &blank);
    } else {
        size_t len = workload_value_len(workload, key);
        station->protocol->put_set(station->stencil, id, len, out, &blank);
        workload_put_value(workload, key, out + blank.value_at);
    }
    workload_put_key(workload, key, out + blank.key_at);
    station->out_len += blank.len;
}

static void on_written(uv_write_t *write, int error)
{
    struct connection *connection = connection_of(write->data);
    connection->is_writing = false;
    buffer_clear(&connection->unsent);
    if (error == UV_ECANCELED) {
        return;
    }
    if (error) {
        fail(connection, "cannot send: %s", uv_strerror(error));
        return;
    }
    connection_send(connection);
}

/* Lets the loop send what the socket did not take. */
static void write_later(struct connection *connection, struct slice bytes)
{
    if (buffer_append(&connection->unsent, bytes)) {
        fail(connection, "there is no memory to send from");
        return;
    }
    uv_buf_t out = uv_buf_init(connection->unsent.data, (unsigned)bytes.len);
    connection->is_writing = true;
    connection->write.data = connection;
    int error = uv_write(&connection->write, &connection->socket.stream, &out,
                         1, on_written);
    if (error) {
        fail(connection, "cannot send: %s", uv_strerror(error));
    }
}

/* Sends what is in the scratch memory. */
static void flush(struct connection *connection)
{
    struct station *station = connection->station;
    if (station->out_len == 0) {
        return;
    }
    uv_buf_t out = uv_buf_init(station->out, (unsigned)station->out_len);
    int sent = uv_try_write(&connection->socket.stream, &out, 1);
    struct slice bytes = slice_of(station->out, station->out_len);
    station->out_len = 0;
    if (sent < 0 && sent != UV_EAGAIN) {
        fail(connection, "cannot send: %s", uv_strerror(sent));
        return;
    }
    size_t sent_len = sent > 0 ? (size_t)sent : 0;
    if (sent_len < bytes.len) {
        write_later(connection, slice_after(bytes, sent_len));
    }
}

void connection_send(struct connection *connection)
{
    struct station *station = connection->station;
    struct flights *flights = &connection->flights;
    struct request_plan plan;
    uint64_t now_ns = uv_hrtime();
    while (!connection->is_writing && flights->count < station->depth &&
           flights_have_room(flights) && plan_next(connection, now_ns, &plan)) {
        put_request(connection, &plan);
        if (station->out_len >= STATION_OUT_LEN) {
            flush(connection);
        }
    }
    flush(connection);
}

/* --- its life ------------------------------------------------------------- */

static void on_connect(uv_connect_t *connect, int error)
{
    struct connection *connection = connection_of(connect->data);
    if (error == UV_ECANCELED) {
        return;
    }
    if (error) {
        fail(connection, "cannot connect: %s", uv_strerror(error));
        return;
    }
    uv_read_start(&connection->socket.stream, on_alloc, on_read);
    connection->station->on_connected(connection->station);
}

static int connect_tcp(struct connection *connection, uv_loop_t *loop,
                       const struct target *target)
{
    uv_tcp_init(loop, &connection->socket.tcp);
    connection->socket.handle.data = connection;
    uv_tcp_nodelay(&connection->socket.tcp, 1);
    return uv_tcp_connect(&connection->connect, &connection->socket.tcp,
                          (const struct sockaddr *)&target->address,
                          on_connect);
}

static int connect_unix(struct connection *connection, uv_loop_t *loop,
                        const struct target *target)
{
    uv_pipe_init(loop, &connection->socket.pipe, 0);
    connection->socket.handle.data = connection;
    uv_pipe_connect(&connection->connect, &connection->socket.pipe,
                    target->socket, on_connect);
    return 0;
}

void connection_open(struct connection *connection, struct station *station,
                     uv_loop_t *loop, const struct target *target,
                     size_t depth_max)
{
    *connection = (struct connection){.station = station};
    MAGIC_SET(connection, TAG);
    connection->connect.data = connection;
    flights_init(&connection->flights, depth_max);
    connection->refills =
        memory_alloc_or_die(depth_max * sizeof *connection->refills);
    int error = target->socket ? connect_unix(connection, loop, target)
                               : connect_tcp(connection, loop, target);
    if (error) {
        fail(connection, "cannot connect: %s", uv_strerror(error));
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct connection *connection = connection_of(handle->data);
    flights_fini(&connection->flights);
    buffer_fini(&connection->unsent);
    buffer_fini(&connection->rest);
    memory_free(connection->refills);
    MAGIC_CLEAR(connection);
}

void connection_close(struct connection *connection)
{
    uv_close(&connection->socket.handle, on_closed);
}

void connection_prepare(struct connection *connection, size_t index)
{
    CHECK(connection->flights.count == 0);
    connection->refill_count = 0;
    connection->turn = index;
    connection->owed = 0;
}
