/*
 * Sending:   out --try--> socket
 *             |              ^
 *             +-> waiting -> sending        (one write at a time)
 *
 * What the socket does not take at once is copied to `waiting`. When no write
 * is under way, `waiting` becomes `sending` and is handed to libuv whole.
 *
 * The timer watches a write: each time it fires some bytes must have left
 * since the last time. After our end was said it bounds the linger.
 */
#include "server/stream.h"

#include "base/check.h"
#include "base/log.h"
#include "loop/loop.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_handle_closed(uv_handle_t *handle)
{
    struct stream *stream = handle->data;
    if (--stream->handles_open == 0) {
        buffer_fini(&stream->sending);
        buffer_fini(&stream->waiting);
        stream->ops->on_closed(stream);
    }
}

void stream_close(struct stream *stream)
{
    if (stream->is_closing) {
        return;
    }
    stream->is_closing = true;
    uv_close(&stream->io.handle, on_handle_closed);
    uv_close((uv_handle_t *)&stream->timer, on_handle_closed);
}

static void break_stream(struct stream *stream, const char *why)
{
    if (!stream->is_closing) {
        stream->ops->on_broken(stream, why);
        CHECK(stream->is_closing);
    }
}

static int open_socket(struct stream *stream, struct loop *loop, int fd,
                       enum stream_kind kind)
{
    uv_loop_t *uv = loop_uv(loop);
    if (kind == STREAM_UNIX) {
        uv_pipe_init(uv, &stream->io.pipe, 0);
        return uv_pipe_open(&stream->io.pipe, fd);
    }
    uv_tcp_init(uv, &stream->io.tcp);
    return uv_tcp_open(&stream->io.tcp, fd);
}

enum status stream_open(struct stream *stream, struct loop *loop, int fd,
                        enum stream_kind kind, const struct stream_ops *ops)
{
    *stream = (struct stream){.ops = ops, .handles_open = 2};
    int error = open_socket(stream, loop, fd, kind);
    uv_timer_init(loop_uv(loop), &stream->timer);
    stream->io.handle.data = stream;
    stream->timer.data = stream;
    stream->write.data = stream;
    stream->shutdown.data = stream;
    if (error) {
        close(fd);
        stream_close(stream);
        return STATUS_UNAVAILABLE;
    }
    return STATUS_OK;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
    (void)suggested;
    struct stream *stream = handle->data;
    *room = stream->ops->on_room(stream);
}

/* After our end was said the peer's last bytes are read and dropped. */
static void on_alloc_linger(uv_handle_t *handle, size_t suggested,
                            uv_buf_t *room)
{
    (void)handle;
    (void)suggested;
    static _Thread_local char dropped[16 * 1024];
    *room = uv_buf_init(dropped, sizeof dropped);
}

static void on_read_linger(uv_stream_t *io, ssize_t len, const uv_buf_t *room)
{
    (void)room;
    if (len < 0) {
        stream_close(io->data);
    }
}

static void on_read(uv_stream_t *io, ssize_t len, const uv_buf_t *room)
{
    (void)room;
    struct stream *stream = io->data;
    if (len > 0) {
        stream->ops->on_bytes(stream, (size_t)len);
    } else if (len == UV_EOF) {
        stream->has_end = true;
        stream_set_reading(stream, false);
        stream->ops->on_end(stream);
    } else if (len < 0) {
        break_stream(stream, uv_strerror((int)len));
    }
}

void stream_set_reading(struct stream *stream, bool is_reading)
{
    if (is_reading == stream->is_reading || stream->is_closing) {
        return;
    }
    stream->is_reading = is_reading;
    if (is_reading) {
        CHECK(!stream->has_end && !stream->is_finishing);
        uv_read_start(&stream->io.stream, on_alloc, on_read);
    } else {
        uv_read_stop(&stream->io.stream);
    }
}

size_t stream_unsent(const struct stream *stream)
{
    size_t with_socket =
        stream->is_sending ? stream->io.stream.write_queue_size : 0;
    return with_socket + buffer_len(&stream->waiting);
}

static void on_linger_over(uv_timer_t *timer)
{
    stream_close(timer->data);
}

static void on_shutdown(uv_shutdown_t *shutdown, int error)
{
    struct stream *stream = shutdown->data;
    if (stream->is_closing) {
        return;
    }
    if (error || stream->has_end) {
        stream_close(stream);
        return;
    }
    uv_timer_start(&stream->timer, on_linger_over, STREAM_LINGER_MS, 0);
    uv_read_start(&stream->io.stream, on_alloc_linger, on_read_linger);
}

static void say_end(struct stream *stream)
{
    uv_timer_stop(&stream->timer);
    if (uv_shutdown(&stream->shutdown, &stream->io.stream, on_shutdown)) {
        stream_close(stream);
    }
}

static void on_stall_check(uv_timer_t *timer)
{
    struct stream *stream = timer->data;
    size_t unsent = stream->io.stream.write_queue_size;
    if (unsent == stream->stalled_at) {
        break_stream(stream, "the peer does not read its answers");
        return;
    }
    stream->stalled_at = unsent;
}

static void send_waiting(struct stream *stream);

static void on_written(uv_write_t *write, int error)
{
    struct stream *stream = write->data;
    stream->is_sending = false;
    buffer_reset(&stream->sending, 0);
    if (stream->is_closing) {
        return;
    }
    if (error) {
        break_stream(stream, uv_strerror(error));
        return;
    }
    uv_timer_stop(&stream->timer);
    if (buffer_len(&stream->waiting)) {
        send_waiting(stream);
    } else if (stream->is_finishing) {
        say_end(stream);
    } else {
        stream->ops->on_sent(stream);
    }
}

static void send_waiting(struct stream *stream)
{
    stream->sending = stream->waiting;
    stream->waiting = (struct buffer){0};
    struct slice bytes = buffer_peek(&stream->sending);
    uv_buf_t room =
        uv_buf_init(buffer_first(&stream->sending), (unsigned)bytes.len);
    int error =
        uv_write(&stream->write, &stream->io.stream, &room, 1, on_written);
    if (error) {
        break_stream(stream, uv_strerror(error));
        return;
    }
    stream->is_sending = true;
    stream->stalled_at = stream->io.stream.write_queue_size;
    if (stream->write_ms) {
        uv_timer_start(&stream->timer, on_stall_check, stream->write_ms,
                       stream->write_ms);
    }
}

/* As much of `out` as the socket takes now; false when it is broken. */
static bool try_send(struct stream *stream, struct buffer *out)
{
    uv_buf_t bytes = uv_buf_init(buffer_first(out), (unsigned)buffer_len(out));
    int sent = uv_try_write(&stream->io.stream, &bytes, 1);
    if (sent < 0 && sent != UV_EAGAIN) {
        break_stream(stream, uv_strerror(sent));
        return false;
    }
    buffer_consume(out, sent > 0 ? (size_t)sent : 0);
    return true;
}

/* Moves the bytes of `out` to `waiting`: the memory itself when it is well
 * filled, so that large answers are not copied. */
static enum status wait_with(struct stream *stream, struct buffer *out)
{
    if (stream->waiting.capacity == 0 && buffer_len(out) >= out->capacity / 2) {
        stream->waiting = *out;
        *out = (struct buffer){0};
        return STATUS_OK;
    }
    enum status status = buffer_append(&stream->waiting, buffer_peek(out));
    buffer_clear(out);
    return status;
}

void stream_send(struct stream *stream, struct buffer *out)
{
    CHECK(!stream->is_finishing);
    if (stream->is_closing || buffer_len(out) == 0) {
        buffer_clear(out);
        return;
    }
    if (!stream->is_sending && !try_send(stream, out)) {
        buffer_clear(out);
        return;
    }
    if (buffer_len(out) == 0) {
        return;
    }
    enum status status = wait_with(stream, out);
    if (status) {
        break_stream(stream, status_text(status));
    } else if (!stream->is_sending) {
        send_waiting(stream);
    }
}

void stream_finish(struct stream *stream)
{
    if (stream->is_closing || stream->is_finishing) {
        return;
    }
    stream_set_reading(stream, false);
    stream->is_finishing = true;
    if (!stream->is_sending) {
        say_end(stream);
    }
}

const char *stream_peer(const struct stream *stream,
                        char text[STREAM_PEER_LEN_MAX])
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    uv_os_fd_t fd;
    char host[INET6_ADDRSTRLEN];
    char port[8];
    if (uv_fileno(&stream->io.handle, &fd) ||
        getpeername(fd, (struct sockaddr *)&address, &len) ||
        address.ss_family == AF_UNIX ||
        getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port,
                    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV)) {
        snprintf(text, STREAM_PEER_LEN_MAX, "local socket");
        return text;
    }
    const char *format = address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s";
    snprintf(text, STREAM_PEER_LEN_MAX, format, host, port);
    return text;
}
