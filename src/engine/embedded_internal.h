/* What the files of the embedded engine share. */
#ifndef CACHESERVER_ENGINE_EMBEDDED_INTERNAL_H
#define CACHESERVER_ENGINE_EMBEDDED_INTERNAL_H

#include "base/check.h"
#include "base/status.h"
#include "core/request.h"
#include "core/response.h"
#include "engine/engine.h"
#include "store/session.h"
#include "store/store.h"

#include <stdbool.h>

enum {
    EMBEDDED_MAGIC = 0x64626d65,
    TIMED_EACH = 64 /* one call in so many is timed */
};

/* `engine` is the first member of every engine, so the magic comes after. */
struct embedded {
    struct engine engine;
    struct magic magic;
    struct store *store;
    struct bank_file *bank_file; /* NULL: there is none */
    struct session *session;
    uint64_t calls; /* carried out so far */
    bool is_inside; /* between begin() and end(), with the epochs entered */
    struct aim aims[ENGINE_BATCH_MAX];
};

/* Carry a batch out, item by item; `response` has a result for each. Only
 * STATUS_NOMEM, and then no item was looked at. */
enum status batch_get(struct embedded *embedded, const struct request *request,
                      struct response *response);
enum status batch_put(struct embedded *embedded, const struct request *request,
                      struct response *response);
enum status batch_remove(struct embedded *embedded,
                         const struct request *request,
                         struct response *response);
enum status batch_touch(struct embedded *embedded,
                        const struct request *request,
                        struct response *response);

/* What a refusal says beyond its code; static. */
const char *refusal_text(enum status status, const struct request *request);

#endif
