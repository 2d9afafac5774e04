/* Redis' RESP 2: GET and SET as arrays of bulk strings. */
#include "clients/bench/protocol.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void prepare(struct stencil *stencil,
                    const struct stencil_options *options)
{
    bool has_lifetime = options->lifetime_ms > 0;
    piece_add(&stencil->get, "*2\r\n$3\r\nGET\r\n$%zu\r\n", options->key_len);
    piece_add_key(&stencil->get, options->key_len);
    piece_add(&stencil->get, "\r\n");

    piece_add(&stencil->set, "*%d\r\n$3\r\nSET\r\n$%zu\r\n",
              has_lifetime ? 5 : 3, options->key_len);
    piece_add_key(&stencil->set, options->key_len);
    piece_add(&stencil->set, "\r\n$");

    piece_add(&stencil->middle, "\r\n");
    piece_add(&stencil->end, "\r\n");
    if (has_lifetime) {
        char number[32];
        int len =
            snprintf(number, sizeof number, "%" PRIu64, options->lifetime_ms);
        piece_add(&stencil->end, "$2\r\nPX\r\n$%d\r\n%s\r\n", len, number);
    }
}

/* Reads a bulk string, from behind its `$`. */
static enum decode read_bulk(struct slice bytes, struct answer *answer)
{
    struct slice rest = slice_after(bytes, 1);
    if (slice_starts_with(rest, SLICE_LITERAL("-1\r\n"))) {
        *answer = (struct answer){.kind = ANSWER_MISS, .len = 5};
        return DECODE_READY;
    }
    if (slice_starts_with(SLICE_LITERAL("-1\r\n"), rest)) {
        return DECODE_MORE;
    }
    uint64_t len;
    size_t head_len;
    enum decode decode = protocol_read_number(rest, &len, &head_len);
    if (decode != DECODE_READY) {
        return decode;
    }
    rest = slice_after(rest, head_len);
    if (rest.len < len + 2) {
        return DECODE_MORE;
    }
    *answer = (struct answer){.kind = ANSWER_VALUE,
                              .len = 1 + head_len + len + 2,
                              .text = {rest.data, len}};
    return memcmp(rest.data + len, "\r\n", 2) ? DECODE_BAD : DECODE_READY;
}

/* Reads `+OK` or `-` and an error. */
static enum decode read_status(struct slice bytes, struct answer *answer)
{
    struct slice line;
    enum decode decode = protocol_read_line(bytes, &line);
    if (decode != DECODE_READY) {
        return decode;
    }
    bool is_ok = slice_equal(line, SLICE_LITERAL("+OK"));
    *answer = (struct answer){.kind = is_ok ? ANSWER_STORED : ANSWER_ERROR,
                              .len = line.len + 2,
                              .text = slice_after(line, 1)};
    return DECODE_READY;
}

static enum decode read_answer(const struct stencil *stencil,
                               struct slice bytes, struct answer *answer)
{
    (void)stencil;
    if (bytes.len == 0) {
        return DECODE_MORE;
    }
    switch (bytes.data[0]) {
    case '$':
        return read_bulk(bytes, answer);
    case '+':
    case '-':
        return read_status(bytes, answer);
    default:
        return DECODE_BAD;
    }
}

const struct protocol protocol_redis = {
    .name = "redis",
    .what = "Redis RESP 2, GET and SET",
    .port = 6379,
    .prepare = prepare,
    .put_get = protocol_put_get,
    .put_set = protocol_put_set,
    .read = read_answer,
};
