#include "compat/face_json.h"

#include "base/buffer.h"
#include "base/json_scan.h"
#include "compat/json_decode.h"
#include "compat/json_encode.h"
#include "compat/json_quick.h"
#include "core/call.h"
#include "core/limits.h"
#include "server/face.h"

_Static_assert((int)JSON_DEPTH_MAX <= (int)JSON_SCAN_DEPTH_MAX,
               "a request may be as deep as a scan can follow");
_Static_assert((int)JSON_NAME_COUNT <= (int)JSON_NAMES_MAX,
               "a scan can look for all names");

enum { PROTOBUF_FIRST_MAX = 0x07 }; /* of the first byte of a connection */

/* What a connection remembers of a request that is not whole yet. */
struct json_state {
    bool is_inside;
    struct json_scan scan;
};

static bool accepts(unsigned char first)
{
    return first > PROTOBUF_FIRST_MAX;
}

/* The white space that the original trims around a request. */
static size_t space_len(struct slice input)
{
    size_t len = 0;
    while (len < input.len &&
           (input.data[len] == ' ' ||
            (input.data[len] >= '\t' && input.data[len] <= '\r'))) {
        len++;
    }
    return len;
}

/* How many bytes of `rest` are a request that could be decoded at once. */
static size_t decode_quick(const struct limits *limits, struct slice rest,
                           struct call *call)
{
    size_t len = json_quick_decode(rest, &call->request);
    if (len > limits->frame_len_max) {
        request_init(&call->request);
        return 0;
    }
    return len;
}

static enum decode decode(void *data, const struct limits *limits,
                          struct input *input, struct call *call)
{
    struct json_state *state = data;
    struct slice rest = slice_of(input->data, input->len);
    input->used = 0;
    if (!state->is_inside) {
        input->used = space_len(rest);
        rest = slice_after(rest, input->used);
        size_t len = decode_quick(limits, rest, call);
        if (len > 0) {
            input->used += len;
            return DECODE_READY;
        }
        json_scan_start(&state->scan, json_names, JSON_NAME_COUNT,
                        JSON_DEPTH_MAX);
    }
    if (rest.len == 0) {
        return DECODE_MORE;
    }
    state->is_inside = true;
    enum json_scan_result result = json_scan(&state->scan, rest);
    if (result == JSON_SCAN_BAD || state->scan.at > limits->frame_len_max) {
        return DECODE_BAD;
    }
    if (result == JSON_SCAN_MORE && !json_scan_may_end(&state->scan)) {
        return DECODE_MORE;
    }
    char *text = input->data + input->used;
    input->used += state->scan.at;
    state->is_inside = false;
    return json_decode(&state->scan, text, call);
}

static enum encode encode(void *state, struct call *call, struct buffer *out)
{
    (void)state;
    return json_quick_encode(call, out) ? ENCODE_DONE : json_encode(call, out);
}

/* Without memory the peer is told nothing. */
static void farewell(enum farewell why, struct buffer *out)
{
    (void)why;
    (void)buffer_append(out, SLICE_LITERAL("{\"status\": \"error\", "
                                           "\"message\": \"Invalid json\"}"));
}

const struct face face_json = {
    .name = "json",
    .is_ordered = true,
    .state_size = sizeof(struct json_state),
    .accepts = accepts,
    .decode = decode,
    .encode = encode,
    .farewell = farewell,
};
