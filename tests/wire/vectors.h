/* The golden frames of proto/vectors, read in the format that the README
 * there describes. One thread. */
#ifndef CACHESERVER_TESTS_WIRE_VECTORS_H
#define CACHESERVER_TESTS_WIRE_VECTORS_H

#include "base/buffer.h"
#include "core/request.h"
#include "core/response.h"

#include <stdbool.h>

enum { VECTOR_TEXT_MAX = 4096, VECTOR_NAME_MAX = 80, VECTOR_PARTS_MAX = 8 };

/* One vector. `op` is OP_NONE for an error and a refusal. Owns its memory;
 * slices point into `texts`. */
struct vector {
    char name[VECTOR_NAME_MAX];
    bool is_request;
    bool is_refused; /* `response` has the id's status ... */
    bool is_closed;  /* ... unless the connection closes */
    struct buffer frame;
    struct request request; /* of an answer its id, and what it must ask for */
    struct response response; /* of an answer or a refusal */
    char texts[VECTOR_TEXT_MAX];
    size_t texts_len;
    size_t parts; /* how many there are of those below that count */
    struct batch_item items[VECTOR_PARTS_MAX];     /* of a request */
    struct batch_result results[VECTOR_PARTS_MAX]; /* of answers */
    struct bank_counts counts[VECTOR_PARTS_MAX];
    struct entry_item entries[VECTOR_PARTS_MAX];
};

/* Calls `check` with each vector of `file` in proto/vectors, and answers how
 * many there were. Lines that mean nothing end the program. */
size_t vectors_each(const char *file, void (*check)(struct vector *vector));

#endif
