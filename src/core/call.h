/* One request on its way through the server, with its response. A call and
 * everything in it belong to one loop and are touched on its thread only.
 *
 *   IDLE -> (decoded, submitted) -> DONE            answered at once
 *                                -> PENDING -> DONE  answered later
 */
#ifndef CACHESERVER_CORE_CALL_H
#define CACHESERVER_CORE_CALL_H

#include "base/buffer.h"
#include "base/check.h"
#include "base/list.h"
#include "base/status.h"
#include "core/request.h"
#include "core/response.h"

struct call;

/* Called once when a call that was PENDING is answered. */
typedef void (*call_done_fn)(struct call *call);

enum call_state { CALL_IDLE, CALL_PENDING, CALL_DONE };

enum { CALL_MAGIC = 0x6c6c6163 };

/* Owned by the connection that it answers. `scratch` is where a face puts
 * what it decodes; it is valid until the call is used again. In an order that
 * keeps what every call needs together: a batch of them is to stay in the
 * processor's nearest cache. */
struct call {
    struct magic magic;
    enum call_state state;
    struct list link;     /* in a queue of the owner */
    call_done_fn on_done; /* set by the owner, as is `owner` */
    void *owner;
    uint64_t expires_ms; /* the owner's: not to be begun later; 0: any time */
    void *engine_data;   /* the engine's, from when it first sees the call; NULL
                          before */
    struct buffer scratch;
    struct buffer kept; /* the request's bytes, after call_keep() */
    struct request request;
    struct response response;
};

void call_init(struct call *call);
void call_fini(struct call *call);

/* Makes `call` ready for another request; keeps its memory up to a bound. */
void call_reset(struct call *call);

/* Moves the bytes of the request, which are borrowed from the input, into
 * the call, so that they stay until it is answered. An engine that has seen
 * the call before it was submitted has not seen it any more. */
enum status call_keep(struct call *call);

/* The engine has filled the response of `call`, which was PENDING: tells the
 * owner, who may reuse the call at once. Exactly once for each PENDING call,
 * on its loop's thread, never from within submit. */
void call_finish(struct call *call);

#endif
