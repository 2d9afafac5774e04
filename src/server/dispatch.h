/* Where a face and an engine meet: the only caller of an engine's submit. */
#ifndef CACHESERVER_SERVER_DISPATCH_H
#define CACHESERVER_SERVER_DISPATCH_H

#include "engine/engine.h"

struct call;
struct limits;

/* Has the request in `call` carried out: checks it against `limits`, answers
 * what is not an engine's matter, and submits the rest to `engine`. DONE:
 * the response is filled. PENDING: `call->on_done` comes later, exactly
 * once. The loop's thread. */
enum submit dispatch(struct engine *engine, const struct limits *limits,
                     struct call *call);

#endif
