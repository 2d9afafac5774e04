/* The messages of proto/cache.proto and the server's own words for them, in
 * both directions: message_server*.c are the one end, message_client.c the
 * other. Frames are whole on the way out and bare bodies on the way in. Any
 * thread. */
#ifndef CACHESERVER_WIRE_MESSAGE_H
#define CACHESERVER_WIRE_MESSAGE_H

#include "base/buffer.h"
#include "base/slice.h"
#include "base/status.h"
#include "core/op.h"

#include <stdint.h>

struct request;
struct response;

enum {
    MESSAGE_FIELDS_MAX = 64,            /* a message, see guard.h */
    REQUEST_ELEMENTS_MAX = 16 * 1024,   /* a request */
    RESPONSE_ELEMENTS_MAX = 1024 * 1024 /* a response */
};

enum message {
    MESSAGE_READY,   /* it is a request */
    MESSAGE_REFUSED, /* it is none, and can be told so */
    MESSAGE_BAD      /* not even its id can be read */
};

/* The server's end. Decodes the body of a frame into `request`, which is
 * initialised: READY, and the request is as its sender wrote it, to be checked
 * by request_check(); REFUSED, and `response` says why and `request` has the
 * id and no operation. Slices borrow from `body` and from `scratch`, which
 * must not be touched as long as they are needed. */
enum message message_decode_request(struct slice body, struct buffer *scratch,
                                    struct request *request,
                                    struct response *response);

/* The server's end. Appends the frame that answers `request` with `response`
 * to `out`; one that would be too long becomes an error. STATUS_NOMEM, and
 * `out` is as before. */
enum status message_encode_response(const struct request *request,
                                    const struct response *response,
                                    struct buffer *out);

/* The client's end has what the programs here need of the protocol: the
 * operations of the original, limits and figures of banks, hello and ping;
 * STATUS_UNIMPLEMENTED for others. Appends the frame of `request` to
 * `out`; a lifetime of put is NEW, FOREVER or DEFAULT. STATUS_INVALID_ARGUMENT
 * when it cannot be said: a bank or a bank's prefix that is too long or holds
 * NUL, a frame too long. STATUS_NOMEM. On failure `out` is as before. */
enum status message_encode_request(const struct request *request,
                                   struct buffer *out);

/* Which request a response answers; `op` is OP_NONE for an error. */
struct message_head {
    uint64_t id;
    enum op op;
};

/* The client's end. Decodes the body of a frame into `head` and `response`,
 * whose items are packed as response_add_item() does; those of hello are
 * pairs, `version`, `feature` or `limit:` and a name, each with its value.
 * STATUS_INVALID_ARGUMENT when it is no response, and `head` may then tell
 * no more than the id; STATUS_NOMEM. */
enum status message_decode_response(struct slice body, struct buffer *scratch,
                                    struct message_head *head,
                                    struct response *response);

#endif
