/* A connection to the server under load: keeps its share of requests in
 * flight, and holds answers against what they must be. Closed loop: as soon as
 * one is answered the next is sent. Fixed rate: a request is sent when it is
 * owed and fewer than `depth` are in flight. Loop thread. */
#ifndef CACHESERVER_CLIENTS_BENCH_CONNECTION_H
#define CACHESERVER_CLIENTS_BENCH_CONNECTION_H

#include "base/buffer.h"
#include "base/check.h"
#include "clients/bench/flights.h"
#include "clients/bench/pace.h"
#include "clients/bench/protocol.h"
#include "clients/bench/record.h"
#include "clients/bench/source.h"
#include "clients/bench/workload.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

enum {
    STATION_ROOM_LEN = 256 * 1024, /* read at once */
    STATION_OUT_LEN = 256 * 1024   /* written at once, and one request more */
};

/* What the connections of one thread share. `room` and `out` are scratch
 * memory: between events nothing is in them. */
struct station {
    const struct workload *workload;
    const struct protocol *protocol;
    const struct stencil *stencil;
    struct source source;
    struct pace pace;
    struct record *record;
    size_t connections;
    size_t depth;
    bool is_refilling; /* a get that misses is followed by a set */
    uint64_t in_flight;
    uint64_t owed; /* due and not sent */
    uint64_t answers;
    char *room;
    char *out;
    size_t out_len;

    /* Calls of the connections to whoever has the thread. */
    void (*on_connected)(struct station *station);
    void (*on_answers)(struct station *station, uint64_t now_ns);
    void (*on_failed)(struct station *station, const char *why);
};

/* Where the server listens. */
struct target {
    const char *socket; /* path of a unix socket, or NULL */
    struct sockaddr_storage address;
    char name[300]; /* for people */
};

/* Owned by the thread; its memory is free once the loop has seen it close. */
struct connection {
    struct magic magic;
    struct station *station;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } socket;
    uv_connect_t connect;
    uv_write_t write;
    bool is_writing;
    struct buffer unsent; /* what the socket did not take at once */
    struct buffer rest;   /* the start of an answer */
    struct flights flights;
    uint64_t *refills; /* keys that were missed, to be set next */
    size_t refill_count;
    uint64_t turn; /* of its next request at a fixed rate */
    uint64_t owed;
};

/* Begins to connect to `target`, which is borrowed; then `on_connected`, or
 * `on_failed` at any time from now on. `depth_max` is the largest depth of any
 * phase to come. */
void connection_open(struct connection *connection, struct station *station,
                     uv_loop_t *loop, const struct target *target,
                     size_t depth_max);

/* Closes the socket; the memory that it owns is freed by then. */
void connection_close(struct connection *connection);

/* Prepares for a phase, as number `index` of the station's connections. */
void connection_prepare(struct connection *connection, size_t index);

/* Sends what may be sent. */
void connection_send(struct connection *connection);

#endif
