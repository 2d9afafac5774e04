/* What a Request and a Response have in common: an id, and one message whose
 * field number says what it is. Read by hand, so that the id is known even
 * when nothing else can be read. Any thread. */
#ifndef CACHESERVER_WIRE_ENVELOPE_H
#define CACHESERVER_WIRE_ENVELOPE_H

#include "base/slice.h"

#include <stdint.h>

/* The fields of the envelope that are no operation. */
enum { ENVELOPE_ID = 1, ENVELOPE_DEADLINE = 15, ENVELOPE_ERROR = 15 };

struct envelope {
    uint64_t id;          /* 0 when there is none */
    uint32_t deadline_ms; /* the same */
    uint32_t number;      /* of the last message that is known; 0: none */
    struct slice message; /* its bytes, borrowed */
    uint32_t unknown;     /* the last message that is not known; 0: none */
    const char *fault;    /* ENVELOPE_BROKEN: why, in words; static */
};

enum envelope_state {
    ENVELOPE_READY,  /* the outermost fields, and only those, are in order */
    ENVELOPE_BROKEN, /* they are not, but the id is known */
    ENVELOPE_BAD     /* they are not, and nothing is known */
};

/* Reads the envelope in `body`, the body of a frame. An operation of
 * core/op.def and ENVELOPE_ERROR are known messages. */
enum envelope_state envelope_read(struct slice body, struct envelope *envelope);

#endif
