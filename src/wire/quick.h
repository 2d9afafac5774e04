/* The requests that nearly all are, get, put and get_many as encoders write
 * them, and their answers, without what the other messages need. Whatever is
 * not quite so is left to message.h, which decides what is right: where both
 * have an answer it is the same, byte for byte (tests/wire/test_quick.c). Any
 * thread. */
#ifndef CACHESERVER_WIRE_QUICK_H
#define CACHESERVER_WIRE_QUICK_H

#include "base/buffer.h"
#include "base/slice.h"

#include <stdbool.h>

struct request;
struct response;

/* Decodes the body of a frame into `request`, which is initialised, as
 * message_decode_request() would; slices borrow from `body`. False, and
 * nothing is changed, when the body is for message_decode_request(). */
bool quick_decode(struct slice body, struct request *request);

/* The same for a get_many of keys alone, at least one; the items are in
 * `scratch`, what that held is dropped. */
bool quick_decode_many(struct slice body, struct buffer *scratch,
                       struct request *request);

/* Appends the frame that message_encode_response() would. False, and `out` is
 * as before, when the answer, or that there is no memory, is for that. */
bool quick_encode(const struct request *request,
                  const struct response *response, struct buffer *out);

/* The same for the answer to a get_many. */
bool quick_encode_many(const struct request *request,
                       const struct response *response, struct buffer *out);

#endif
