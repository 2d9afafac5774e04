#include "server/batch.h"

#include "base/check.h"
#include "server/conn_internal.h"

void batch_add(struct batch *batch, struct call *call)
{
    CHECK(!batch_is_full(batch));
    batch->calls[batch->count++] = call;
}

void batch_run(struct batch *batch, struct engine *engine)
{
    size_t count = batch->count;
    if (count == 0) {
        return;
    }
    if (engine->ops->begin) {
        engine->ops->begin(engine, batch->calls, count);
    }
    for (size_t i = 0; i < count; i++) {
        conn_carry_out(batch->calls[i]);
    }
    if (engine->ops->end) {
        engine->ops->end(engine);
    }
    CHECK(batch->count == count);
    batch->count = 0;
}
