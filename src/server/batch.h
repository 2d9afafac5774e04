/* Requests of a lane's connections that have been decoded and are carried out
 * together: what several of them must wait for in memory is then waited for
 * once. They stay in the order of their coming, and what they borrow from
 * stays where it is until they have been carried out. Loop thread. */
#ifndef CACHESERVER_SERVER_BATCH_H
#define CACHESERVER_SERVER_BATCH_H

#include "engine/engine.h"

#include <stdbool.h>
#include <stddef.h>

struct call;

/* Lives in its lane. */
struct batch {
    struct call *calls[ENGINE_BATCH_MAX];
    size_t count;
};

/* *Takes* `call`, which is decoded; the batch is not full. */
void batch_add(struct batch *batch, struct call *call);

static inline bool batch_is_full(const struct batch *batch)
{
    return batch->count == ENGINE_BATCH_MAX;
}

/* Has all of them carried out, each by conn_carry_out(). */
void batch_run(struct batch *batch, struct engine *engine);

#endif
