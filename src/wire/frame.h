/* Frames: four bytes with the length of what follows, most significant
 * first, then that many bytes, the body. Any thread. */
#ifndef CACHESERVER_WIRE_FRAME_H
#define CACHESERVER_WIRE_FRAME_H

#include "base/slice.h"

#include <stddef.h>

enum {
    FRAME_HEADER_LEN = 4,

    /* The longest body that can be allowed. It keeps the first byte of a
     * frame at 0x07 or below, by which the cache port knows the protocol. */
    FRAME_LEN_MAX = 120 * 1024 * 1024
};

enum frame {
    FRAME_READY, /* a whole frame */
    FRAME_MORE,  /* the start of one, or nothing */
    FRAME_BAD    /* a length that is not allowed */
};

/* Looks at the frame that `bytes` start with: READY, and its `body`, which
 * borrows from `bytes`; MORE when it is not all there; BAD as soon as the
 * length says more than `len_max`. */
enum frame frame_peek(struct slice bytes, size_t len_max, struct slice *body);

/* Writes the header of a body of `len` bytes, at most FRAME_LEN_MAX, to the
 * FRAME_HEADER_LEN bytes at `out`. */
void frame_put_header(char *out, size_t len);

#endif
