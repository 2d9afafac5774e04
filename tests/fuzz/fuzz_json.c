/* The first byte says where the rest is cut. The scanner must find the same
 * whole and cut; the face decodes, and answers, what it takes. */
#include "compat/face_json.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/json_scan.h"
#include "compat/json_decode.h"
#include "compat/json_quick.h"
#include "core/call.h"
#include "core/limits.h"
#include "server/face.h"

#include <stdlib.h>

static void compare_scans(struct slice input, size_t cut)
{
    struct json_scan whole;
    struct json_scan parts;
    json_scan_start(&whole, json_names, JSON_NAME_COUNT, JSON_DEPTH_MAX);
    json_scan_start(&parts, json_names, JSON_NAME_COUNT, JSON_DEPTH_MAX);
    enum json_scan_result result = json_scan(&whole, input);
    json_scan(&parts, slice_of(input.data, cut));
    CHECK(json_scan(&parts, input) == result);
    for (int i = 0; i < JSON_NAME_COUNT && result == JSON_SCAN_END; i++) {
        CHECK(whole.at == parts.at);
        CHECK(whole.members[i].type == parts.members[i].type);
        CHECK(whole.members[i].type == JSON_ABSENT ||
              whole.members[i].len == parts.members[i].len);
    }
}

/* What json_quick.h takes, the scanner and json_decode.h must. */
static void compare_requests(const char *data, size_t len)
{
    struct call quick;
    struct call full;
    struct json_scan scan;
    call_init(&quick);
    call_init(&full);
    char *copy = malloc(len + 1);
    memcpy(copy, data, len);
    size_t used = json_quick_decode(slice_of(data, len), &quick.request);
    if (used > 0) {
        json_scan_start(&scan, json_names, JSON_NAME_COUNT, JSON_DEPTH_MAX);
        CHECK(json_scan(&scan, slice_of(copy, len)) == JSON_SCAN_END);
        CHECK(scan.at == used);
        CHECK(json_decode(&scan, copy, &full) == DECODE_READY);
    }
    CHECK(quick.request.op == full.request.op);
    CHECK(slice_equal(quick.request.bank, full.request.bank));
    CHECK(slice_equal(quick.request.key, full.request.key));
    CHECK(slice_equal(quick.request.value, full.request.value));
    CHECK(quick.request.kind == full.request.kind);
    CHECK(quick.request.lifetime.rule == full.request.lifetime.rule);
    CHECK(quick.request.lifetime.ms == full.request.lifetime.ms);
    CHECK(full.request.note.len == 0);
    free(copy);
    call_fini(&quick);
    call_fini(&full);
}

/* Decodes and answers one request; how many bytes it took, 0 for none. */
static size_t serve_one(void *state, char *data, size_t len)
{
    static const struct limits limits = {.frame_len_max = 1 << 20};
    struct input input = {.data = data, .len = len};
    struct call call;
    struct buffer out = {0};
    call_init(&call);
    enum decode result = face_json.decode(state, &limits, &input, &call);
    if (result == DECODE_READY) {
        call.response.kind = call.request.kind;
        buffer_append(&call.response.body, call.request.value);
        if (op_info(call.request.op)->flags & OP_LIST) {
            response_clear(&call.response);
        }
    }
    bool is_request = result == DECODE_READY || result == DECODE_ANSWERED;
    if (is_request) {
        CHECK(input.used > 0 && input.used <= len);
        CHECK(face_json.encode(state, &call, &out) == ENCODE_DONE);
    }
    buffer_fini(&out);
    call_fini(&call);
    return is_request ? input.used : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    size_t len = size - 1;
    char *text = malloc(len + 1);
    memcpy(text, data + 1, len);
    compare_scans(slice_of(text, len), data[0] < len ? data[0] : len);
    compare_requests(text, len);
    void *state = calloc(1, face_json.state_size);
    for (size_t at = 0, used = 1; used > 0; at += used) {
        used = serve_one(state, text + at, len - at);
    }
    free(state);
    free(text);
    return 0;
}
