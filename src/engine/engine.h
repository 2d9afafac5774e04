/* The contract between the server and what carries calls out: the bank store
 * in this process, or one day a cluster of others. One handle a loop; all
 * functions and callbacks on that loop's thread.
 *
 * - submit() answers DONE when the response is filled: there will be no
 *   callback. A refusal is a filled response too.
 * - submit() answers PENDING when the answer comes later: call_finish() runs
 *   exactly once, on the same loop, never from within submit(). Until then
 *   the engine may keep the call and read its request; an engine that can
 *   answer PENDING sets `may_pend`, and the server has then made the
 *   request's bytes the call's own before it submits.
 * - cancel() asks for an early end of a PENDING call; call_finish() comes all
 *   the same, exactly once, with the answer or with STATUS_CANCELLED, maybe
 *   from within cancel().
 * - begin() may come before the calls of a batch are submitted, with all of
 *   them, and then end() after the last: so that an engine that waits for
 *   memory can wait once for many. Their requests are decoded and nothing
 *   more: not all of them need be good, or be submitted. An engine without
 *   these two is never asked.
 * - close() may be called when no call is pending, never from within
 *   call_finish(); the handle is gone when it returns.
 *
 * The cases of tests/engine/engine_contract.def hold every engine to this. */
#ifndef CACHESERVER_ENGINE_ENGINE_H
#define CACHESERVER_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

struct call;
struct engine;
struct loop;

enum submit { SUBMIT_DONE, SUBMIT_PENDING };

enum { ENGINE_BATCH_MAX = 32 };

struct engine_ops {
    const char *name;
    bool may_pend;
    void (*begin)(struct engine *engine, struct call *const *calls,
                  size_t count); /* at most ENGINE_BATCH_MAX */
    void (*end)(struct engine *engine);
    enum submit (*submit)(struct engine *engine, struct call *call);
    void (*cancel)(struct engine *engine, struct call *call);
    void (*close)(struct engine **engine);
};

/* The first member of every engine's own struct. */
struct engine {
    const struct engine_ops *ops;
};

/* The handles of a kind of engine: `open` *gives* one for `loop`, which has
 * not started yet; NULL when it cannot. `arg` is the kind's own. */
struct engine_factory {
    struct engine *(*open)(void *arg, struct loop *loop);
    void *arg;
};

#endif
