/* What conn.c and conn_calls.c share: the connection, its bytes and turns in
 * the one, the calls that it owes in the other. Loop thread. */
#ifndef CACHESERVER_SERVER_CONN_INTERNAL_H
#define CACHESERVER_SERVER_CONN_INTERNAL_H

#include "base/buffer.h"
#include "base/check.h"
#include "base/list.h"
#include "server/face.h"
#include "server/stream.h"

#include <stdbool.h>
#include <stdint.h>

struct call;
struct lane;

enum { CONN_MAGIC = 0x6e6e6f63 };

enum conn_state { CONN_OPEN, CONN_ENDING, CONN_CLOSING };

struct conn {
    struct magic magic;
    enum conn_state state;
    struct stream stream;
    uv_timer_t timer; /* an incomplete request, or idleness */
    struct lane *lane;
    const struct face *face; /* NULL until the first byte */
    void *face_state;
    uint64_t read_ms; /* when bytes came last, as the loop has it */
    char *fresh;      /* bytes in the lane's room, not looked at yet */
    size_t fresh_len;
    struct buffer in;
    struct buffer out;      /* answers of the turn; lent by the lane */
    struct list link;       /* in the lane's list */
    struct list ready_link; /* in its ready list */
    struct list turn_link;  /* in its list of turns that are to end */
    struct list owed;       /* calls not answered within their turn */
    uint32_t calls_owed;
    uint32_t calls_waiting; /* those of them not carried out yet */
    uint32_t calls_queued;  /* in the lane's batch */
    struct call *listing;   /* one of them that others must not overtake */
    unsigned parts_open;    /* stream, timer, and each pending call */
    bool has_farewell;      /* `farewell` is to be said at the end */
    enum farewell farewell;
    bool is_stopping;  /* nothing more is read, what was read is served */
    bool is_partial;   /* a request has begun and not ended */
    bool has_run_long; /* a request that may have taken long was carried out */
    bool has_input;    /* the turn left bytes that were not decoded yet */
};

/* In conn.c. */

/* Closes `conn` and drops what it owes; may be said again. */
void conn_close_now(struct conn *conn);

/* The same, with a line in the log. */
void conn_close_without_memory(struct conn *conn);

/* One of the parts of a closing connection is gone; with the last one the
 * connection is. */
void conn_drop_part(struct conn *conn);

/* Whether the peer must read before more is answered. */
bool conn_output_is_full(const struct conn *conn);

/* In conn_calls.c. */

/* *Takes* `call`, whose request was decoded, or refused if `is_answered`: has
 * it carried out with the lane's batch, or at once if those behind it must
 * know what it came to. */
void conn_queue(struct conn *conn, struct call *call, bool is_answered);

/* Carries out `call`, which was queued, and answers it if its turn has come.
 * May close the connection. */
void conn_carry_out(struct call *call);

/* Answers what can be answered now of the calls that are owed; true when
 * there are more to answer. May close the connection. */
bool conn_answer_owed(struct conn *conn);

/* Whether there is something to answer without anything else happening: a
 * listing that was begun in this turn has its next page already, or a call
 * only waits for the output to have room. */
bool conn_has_answers(const struct conn *conn);

/* For a connection that closes: calls that are done go; those that are
 * pending are cancelled, and each is a part of the connection until it has
 * finished. */
void conn_drop_owed(struct conn *conn);

#endif
