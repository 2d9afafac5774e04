#include "wire/face_wire.h"

#include "core/call.h"
#include "core/limits.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "wire/quick.h"

/* The most significant byte of any length that can be allowed. */
enum { FIRST_BYTE_MAX = FRAME_LEN_MAX >> 24 };

static bool accepts(unsigned char first)
{
    return first <= FIRST_BYTE_MAX;
}

/* A page of the longest keys, each with its tag and length, must fit into a
 * frame. */
static void bound_page(const struct limits *limits, struct request *request)
{
    size_t fit = limits_value_len_max(limits) / (KEY_LEN_MAX + 3);
    if (request->limit == 0 || request->limit > fit) {
        request->limit = (uint32_t)fit;
    }
}

static enum decode decode_body(const struct limits *limits, struct slice body,
                               struct call *call)
{
    if (quick_decode(body, &call->request) ||
        quick_decode_many(body, &call->scratch, &call->request)) {
        return DECODE_READY;
    }
    switch (message_decode_request(body, &call->scratch, &call->request,
                                   &call->response)) {
    case MESSAGE_READY:
        bound_page(limits, &call->request);
        return DECODE_READY;
    case MESSAGE_REFUSED:
        return DECODE_ANSWERED;
    case MESSAGE_BAD:
        break;
    }
    return DECODE_BAD;
}

static enum decode decode(void *state, const struct limits *limits,
                          struct input *input, struct call *call)
{
    (void)state;
    input->used = 0;
    struct slice body;
    switch (frame_peek(slice_of(input->data, input->len), limits->frame_len_max,
                       &body)) {
    case FRAME_READY:
        input->used = FRAME_HEADER_LEN + body.len;
        return decode_body(limits, body, call);
    case FRAME_MORE:
        return DECODE_MORE;
    case FRAME_BAD:
        break;
    }
    return DECODE_BAD;
}

static enum encode encode(void *state, struct call *call, struct buffer *out)
{
    (void)state;
    if (quick_encode(&call->request, &call->response, out) ||
        quick_encode_many(&call->request, &call->response, out)) {
        return ENCODE_DONE;
    }
    return message_encode_response(&call->request, &call->response, out)
               ? ENCODE_FAILED
               : ENCODE_DONE;
}

/* A client that is cut off has either no request that could be answered, or
 * an answer under way that these bytes might be taken for. */
static void farewell(enum farewell why, struct buffer *out)
{
    (void)why;
    (void)out;
}

const struct face face_wire = {
    .name = "protobuf",
    .is_ordered = false,
    .state_size = 0,
    .accepts = accepts,
    .decode = decode,
    .encode = encode,
    .farewell = farewell,
};
