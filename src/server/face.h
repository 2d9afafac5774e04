/* The contract between a connection and the protocol spoken on it. A face
 * turns bytes into requests and responses into bytes. It knows no socket and
 * no engine; the server knows no protocol. All on the connection's loop. */
#ifndef CACHESERVER_SERVER_FACE_H
#define CACHESERVER_SERVER_FACE_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;
struct call;
struct limits;

enum decode {
    DECODE_READY,    /* the call holds a request to be carried out */
    DECODE_ANSWERED, /* the request is refused: its response is filled */
    DECODE_MORE,     /* what there is, is the start of a request, or nothing */
    DECODE_BAD       /* this is no request and nothing after it can be one */
};

/* What has come in and is not consumed. */
struct input {
    char *data; /* may be written to: the bytes of a request are its own */
    size_t len;
    size_t used; /* set by decode: how many bytes are done with */
    bool is_end; /* the peer sends no more */
};

enum encode {
    ENCODE_DONE,  /* the answer is whole */
    ENCODE_AGAIN, /* a part of it: submit the call again for the next */
    ENCODE_FAILED /* no memory: the connection cannot go on */
};

/* Why a connection is closed by the server. */
enum farewell {
    FAREWELL_BAD,    /* after DECODE_BAD */
    FAREWELL_PARTIAL /* a request did not end in time, or at all */
};

struct face {
    const char *name;

    /* Whether answers leave in the order of their requests. If not, they
     * carry what matches them. */
    bool is_ordered;

    /* Bytes of state that a connection holds for the face; zeroed, aligned
     * for any type, freed without further notice. */
    size_t state_size;

    /* Whether a connection whose first byte is `first` speaks this. */
    bool (*accepts)(unsigned char first);

    /* Reads at most one request from `input` into `call`, which is idle,
     * and sets `used`. Slices in the request borrow from the input and from
     * the call's scratch. After MORE the unused bytes come again, with more
     * behind them, maybe at another place; white space between requests is
     * to be used up. At `is_end` MORE with bytes left over means a request
     * that was cut off. READY and ANSWERED use at least one byte. */
    enum decode (*decode)(void *state, const struct limits *limits,
                          struct input *input, struct call *call);

    /* Appends the answer to `call`, or a part of it, to `out`. On AGAIN the
     * request in `call` asks for the next part. `state` is the connection's
     * and says nothing about which call this is. */
    enum encode (*encode)(void *state, struct call *call, struct buffer *out);

    /* Appends the last words to a peer that is cut off; may be none. */
    void (*farewell)(enum farewell why, struct buffer *out);
};

#endif
