/* The bytes of one connected socket, TCP or unix: reading that can pause,
 * sending that never blocks, and ends that lose nothing. Lives in its owner,
 * on one loop. */
#ifndef CACHESERVER_SERVER_STREAM_H
#define CACHESERVER_SERVER_STREAM_H

#include "base/buffer.h"
#include "base/slice.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct loop;
struct stream;

enum {
    STREAM_PEER_LEN_MAX = 128, /* of a peer's printed address */
    STREAM_LINGER_MS = 500     /* waits for the peer's end after ours */
};

/* Loop thread, never from within a call of stream_* except as said. */
struct stream_ops {
    /* Where to read to: at least one byte, valid until on_bytes(); `len` 0
     * when there is no memory, which breaks the stream. */
    uv_buf_t (*on_room)(struct stream *stream);

    /* `len` bytes came into that room; not 0. */
    void (*on_bytes)(struct stream *stream, size_t len);

    /* The peer sends no more; it may still read. */
    void (*on_end)(struct stream *stream);

    /* Everything that was sent has left for the network. */
    void (*on_sent)(struct stream *stream);

    /* The stream broke, `why` in words (static); it must be closed now. Also
     * from within stream_send(). */
    void (*on_broken)(struct stream *stream, const char *why);

    /* After stream_finish() or stream_close(): the memory is the owner's
     * again. */
    void (*on_closed)(struct stream *stream);
};

struct stream {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } io;
    uv_timer_t timer; /* a stalled write, or a linger */
    uv_write_t write; /* of `sending` */
    uv_shutdown_t shutdown;
    struct buffer sending; /* with the socket until `write` is done */
    struct buffer waiting; /* behind it */
    size_t stalled_at;     /* unsent bytes when the timer last looked */
    uint64_t write_ms;     /* longest time without progress; 0 is any */
    const struct stream_ops *ops;
    bool is_reading;
    bool is_sending;
    bool is_finishing; /* ours ends when all is sent */
    bool has_end;      /* the peer's has ended */
    bool is_closing;
    unsigned handles_open;
};

enum stream_kind { STREAM_TCP, STREAM_UNIX };

/* *Takes* the connected socket `fd` and starts nothing yet. On failure the
 * fd is closed and the stream is not open. */
enum status stream_open(struct stream *stream, struct loop *loop, int fd,
                        enum stream_kind kind, const struct stream_ops *ops);

/* Reads, or pauses; either may be said again. */
void stream_set_reading(struct stream *stream, bool is_reading);

/* Sends the bytes of `out`, which is empty afterwards; what the socket does
 * not take at once is *copied*. Breaks the stream without memory. */
void stream_send(struct stream *stream, struct buffer *out);

/* How many bytes are still to be sent. */
size_t stream_unsent(const struct stream *stream);

/* Sends what is unsent, then says the end, waits a moment for the peer's
 * (so that the peer is not cut off in the middle of our last words) and
 * closes. on_bytes() is not called any more. */
void stream_finish(struct stream *stream);

/* Closes at once; what is unsent is lost. May be said again. */
void stream_close(struct stream *stream);

/* The peer's address for the log; answers `text`. */
const char *stream_peer(const struct stream *stream,
                        char text[STREAM_PEER_LEN_MAX]);

#endif
