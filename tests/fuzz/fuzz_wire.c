/* Any bytes to the protobuf face: it may refuse, but not read or write where
 * it may not, nor leak, nor use more bytes than there are. */
#include "core/call.h"
#include "core/limits.h"
#include "wire/face_wire.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct limits limits = {.frame_len_max = 1024 * 1024,
                                         .list_len_max = 1000};
    char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    struct input input = {.data = copy, .len = size};
    struct buffer out = {0};
    struct call call;
    call_init(&call);
    enum decode decode;
    do {
        call_reset(&call);
        decode = face_wire.decode(NULL, &limits, &input, &call);
        CHECK(input.used <= input.len);
        if (decode == DECODE_READY) {
            request_check(&call.request, &limits, &call.response);
        }
        if (decode == DECODE_ANSWERED) {
            CHECK(!face_wire.encode(NULL, &call, &out));
        }
        input.data += input.used;
        input.len -= input.used;
    } while (decode == DECODE_READY || decode == DECODE_ANSWERED);
    call_fini(&call);
    buffer_fini(&out);
    free(copy);
    return 0;
}
