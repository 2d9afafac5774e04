#include "wire/frame.h"

#include "base/check.h"

#include <stdint.h>

enum frame frame_peek(struct slice bytes, size_t len_max, struct slice *body)
{
    if (bytes.len < FRAME_HEADER_LEN) {
        return FRAME_MORE;
    }
    uint32_t len = 0;
    for (size_t i = 0; i < FRAME_HEADER_LEN; i++) {
        len = len << 8 | (unsigned char)bytes.data[i];
    }
    if (len > len_max) {
        return FRAME_BAD;
    }
    struct slice rest = slice_after(bytes, FRAME_HEADER_LEN);
    if (rest.len < len) {
        return FRAME_MORE;
    }
    *body = slice_of(rest.data, len);
    return FRAME_READY;
}

void frame_put_header(char *out, size_t len)
{
    CHECK(len <= FRAME_LEN_MAX);
    for (size_t i = 0; i < FRAME_HEADER_LEN; i++) {
        out[i] = (char)(len >> 8 * (FRAME_HEADER_LEN - 1 - i) & 0xff);
    }
}
