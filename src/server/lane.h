/* One worker's share of the server: a loop, an engine handle, and the
 * connections that live on them. */
#ifndef CACHESERVER_SERVER_LANE_H
#define CACHESERVER_SERVER_LANE_H

#include "base/buffer.h"
#include "base/list.h"
#include "base/status.h"
#include "core/limits.h"
#include "engine/engine.h"
#include "loop/mailbox.h"
#include "server/batch.h"
#include "server/stream.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct call;
struct face;
struct loop;

enum {
    LANE_READ_LEN = 64 * 1024,       /* bytes read at once */
    LANE_ROOM_LEN = 256 * 1024,      /* for the reads of a turn */
    LANE_CALLS_KEPT_MAX = 1024,      /* unused calls that are not freed */
    LANE_OUTS_KEPT_MAX = 64,         /* unused output buffers likewise, */
    LANE_OUTS_LEN_MAX = 1024 * 1024, /* and bytes in them */
    FACES_MAX = 4
};

/* What every lane of a server shares; outlives them. */
struct lane_options {
    const struct face *faces[FACES_MAX]; /* asked in order; ends with NULL */
    struct engine_factory engine;
    struct limits limits;
};

/* Owned by the server. Everything but `load` and `mailbox` is its loop's. */
struct lane {
    struct loop *loop;
    struct mailbox mailbox;
    const struct lane_options *options;
    struct limits limits; /* as they are now; reloads change them */
    struct engine *engine;
    struct list conns;
    struct list ready; /* connections whose turn comes next */
    uv_idle_t turns;   /* runs while `ready` is not empty */
    struct batch batch;
    struct list fresh;   /* connections that sent something in this round, */
    struct list turned;  /* those whose turn ends with it */
    uv_check_t loop_end; /* when all that came in has been read */
    struct list calls;   /* unused ones */
    size_t calls_kept;
    char *read_room;  /* LANE_ROOM_LEN bytes, shared by all reads */
    size_t read_used; /* of it, by what has not been carried out */
    struct buffer outs[LANE_OUTS_KEPT_MAX]; /* unused output buffers */
    size_t outs_kept;
    size_t outs_len;  /* bytes that they hold */
    uv_timer_t drain; /* while stopping: when patience or all work ends */
    bool is_stopping;
    atomic_uint load; /* connections; the acceptor counts up before it
                         hands one over, the lane down when it is gone */
};

/* Any thread. */

/* *Gives* a lane whose loop does not run yet; NULL when something cannot be
 * had, which the log then says. `options` is borrowed. */
struct lane *lane_create(const struct lane_options *options);

/* *Takes* the lane, whose loop has ended or never started. */
void lane_free(struct lane **lane);

/* *Takes* the connected socket `fd`. */
void lane_adopt(struct lane *lane, int fd, enum stream_kind kind);

/* Replaces the limits from now on. */
void lane_set_limits(struct lane *lane, const struct limits *limits);

/* Ends all connections after what they are owed, those that take longer than
 * `drain_ms` at once; then the loop ends. Nothing may be posted any more. */
void lane_stop(struct lane *lane, uint64_t drain_ms);

/* Loop thread. */

/* *Gives* a call that is idle; NULL without memory. */
struct call *lane_take_call(struct lane *lane);

/* *Takes* a call that is not pending. */
void lane_return_call(struct lane *lane, struct call *call);

/* *Gives* a buffer for answers, which is empty, *takes* one. */
struct buffer lane_take_out(struct lane *lane);
void lane_return_out(struct lane *lane, struct buffer *out);

/* Where the next read may go to, and how much of it. */
char *lane_room(struct lane *lane, size_t *len);

/* The first `len` bytes there, which are kept until they have been served and
 * carried out. */
char *lane_keep_room(struct lane *lane, size_t len);

/* Has conn_serve() called for the connection with `link` when everything that
 * came in with this round has been read, and conn_end_turn() when it has been
 * carried out; may be said again. When the room is full, all that lies there
 * is served and carried out at once, which may close the connection. */
void lane_serve_later(struct lane *lane, struct list *link);

/* Has the calls of the batch carried out now. */
void lane_run_batch(struct lane *lane);

/* Has conn_turn() called for the connection with `link` in the loop's next
 * round; may be said again. */
void lane_schedule(struct lane *lane, struct list *link);

/* A connection is gone. */
void lane_on_conn_closed(struct lane *lane);

#endif
