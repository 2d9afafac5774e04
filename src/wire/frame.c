#include "wire/frame.h"

#include "base/check.h"

#include <endian.h>
#include <stdint.h>

enum frame frame_peek(struct slice bytes, size_t len_max, struct slice *body)
{
    if (bytes.len < FRAME_HEADER_LEN) {
        return FRAME_MORE;
    }
    uint32_t len;
    memcpy(&len, bytes.data, sizeof len);
    len = be32toh(len);
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
    uint32_t header = htobe32((uint32_t)len);
    memcpy(out, &header, sizeof header);
}
