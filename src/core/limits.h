/* The bounds that a request must keep, fixed by the protocol or taken from
 * the configuration. */
#ifndef CACHESERVER_CORE_LIMITS_H
#define CACHESERVER_CORE_LIMITS_H

#include <stddef.h>
#include <stdint.h>

enum {
    BANK_LEN_MAX = 255,    /* bytes of a bank's name */
    KEY_LEN_MAX = 4096,    /* bytes of a key */
    CURSOR_LEN_MAX = 64,   /* bytes of a cursor */
    JSON_DEPTH_MAX = 1000, /* of a request, its own object counted */
    PROTOBUF_DEPTH_MAX = 10,
    BATCH_LEN_MAX = 10000, /* the largest MAX_BATCH: keys or items of a batch */
    FRAME_OVERHEAD_MAX = 8192 /* of a frame, beside the value it carries */
};

/* What the configuration says; copied to each worker. */
struct limits {
    size_t frame_len_max;  /* MAX_FRAME: of a frame or a JSON request */
    uint32_t list_len_max; /* MAX_LIST: names, keys or entries of a page */
    uint32_t batch_max;    /* MAX_BATCH: keys or items of a batch */
    uint32_t inflight_max; /* MAX_INFLIGHT: calls owed to a connection */
    size_t output_len_max; /* MAX_OUTPUT: answers waiting to be sent */
    uint64_t partial_ms;   /* PARTIAL_TIMEOUT */
    uint64_t write_ms;     /* WRITE_TIMEOUT */
    uint64_t idle_ms;      /* IDLE_TIMEOUT, 0 is none */
};

/* The longest value that `limits` let in. */
static inline size_t limits_value_len_max(const struct limits *limits)
{
    return limits->frame_len_max - FRAME_OVERHEAD_MAX;
}

#endif
