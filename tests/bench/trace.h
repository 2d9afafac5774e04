/* Traces of requests, and how several copies of one are replayed at once. A
 * trace is text, a request a line: `timestamp key size op ttl`, with `-` for
 * what is not known; the op is get, set or del, the size that of key and
 * value, the ttl in seconds. One thread; no memory ends the program. */
#ifndef CACHESERVER_TESTS_BENCH_TRACE_H
#define CACHESERVER_TESTS_BENCH_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum trace_op { TRACE_GET, TRACE_SET, TRACE_DEL };

enum {
    TRACE_KEY_LEN = 16,  /* every key is spelled so long */
    TRACE_VALUE_LEN = 32 /* of a value whose size is not known */
};

struct trace_request {
    uint32_t key; /* keys are numbered as they first come */
    uint32_t value_len;
    uint32_t at_s; /* since the first request */
    uint32_t ttl_s;
    enum trace_op op;
};

/* Owns `requests`. */
struct trace {
    struct trace_request *requests;
    size_t count;
    uint32_t keys;
    uint64_t footprint; /* bytes of every key with the first of its values */
    bool has_ttls;
};

/* Reads a trace to its end. False when a line is none; its number is in
 * `line` then. */
bool trace_read(struct trace *trace, FILE *file, size_t *line);

void trace_fini(struct trace *trace);

/* `copies` of a trace's first `part` requests, each with keys of its own, in
 * step: the first request of every copy, then the second. */
struct trace_tour {
    const struct trace *trace;
    uint32_t copies;
    size_t part;
    size_t at; /* the next request, and of which copy */
    uint32_t copy;
};

/* The next request; its key's number among those of all copies is in `key`.
 * NULL at the end. */
static inline const struct trace_request *trace_next(struct trace_tour *tour,
                                                     uint64_t *key)
{
    if (tour->copy == tour->copies) {
        tour->copy = 0;
        tour->at++;
    }
    if (tour->at >= tour->part) {
        return NULL;
    }
    const struct trace_request *request = &tour->trace->requests[tour->at];
    *key = (uint64_t)tour->copy++ * tour->trace->keys + request->key;
    return request;
}

/* Spells a key, without an end. */
void trace_put_key(char out[TRACE_KEY_LEN], uint64_t key);

#endif
