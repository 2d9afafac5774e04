/* The golden frames of proto/vectors, read in the format that the README
 * there describes. One thread. */
#ifndef CACHESERVER_TESTS_WIRE_VECTORS_H
#define CACHESERVER_TESTS_WIRE_VECTORS_H

#include "base/buffer.h"
#include "core/request.h"
#include "core/response.h"

#include <stdbool.h>

enum { VECTOR_TEXT_MAX = 4096, VECTOR_NAME_MAX = 80 };

/* One vector. `op` is OP_NONE for an error and a refusal. Owns its memory;
 * slices point into `texts`. */
struct vector {
    char name[VECTOR_NAME_MAX];
    bool is_request;
    bool is_refused; /* `response` has the id's status ... */
    bool is_closed;  /* ... unless the connection closes */
    struct buffer frame;
    struct request request;   /* its id counts for answers too */
    struct response response; /* of an answer or a refusal */
    char texts[VECTOR_TEXT_MAX];
    size_t texts_len;
};

/* Calls `check` with each vector of `file` in proto/vectors, and answers how
 * many there were. Lines that mean nothing end the program. */
size_t vectors_each(const char *file, void (*check)(struct vector *vector));

#endif
