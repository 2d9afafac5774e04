/* memcached's text protocol in its two generations: the old get and set, which
 * every client knows, and the meta commands mg and ms, whose answers memcached
 * gathers when many requests come at once. */
#include "clients/bench/protocol.h"

#include <inttypes.h>
#include <string.h>

/* Lifetimes are whole seconds; longer ones than this would be dates. */
static const uint64_t lifetime_max_s = (uint64_t)30 * 24 * 3600;

static uint64_t lifetime_s(const struct stencil_options *options)
{
    uint64_t seconds = (options->lifetime_ms + 999) / 1000;
    return seconds < lifetime_max_s ? seconds : lifetime_max_s;
}

static void prepare(struct stencil *stencil,
                    const struct stencil_options *options)
{
    piece_add(&stencil->get, "get ");
    piece_add_key(&stencil->get, options->key_len);
    piece_add(&stencil->get, "\r\n");

    piece_add(&stencil->set, "set ");
    piece_add_key(&stencil->set, options->key_len);
    piece_add(&stencil->set, " 0 %" PRIu64 " ", lifetime_s(options));
    piece_add(&stencil->middle, "\r\n");
    piece_add(&stencil->end, "\r\n");
}

static void prepare_meta(struct stencil *stencil,
                         const struct stencil_options *options)
{
    piece_add(&stencil->get, "mg ");
    piece_add_key(&stencil->get, options->key_len);
    piece_add(&stencil->get, " v\r\n");

    piece_add(&stencil->set, "ms ");
    piece_add_key(&stencil->set, options->key_len);
    piece_add(&stencil->set, " ");
    if (options->lifetime_ms > 0) {
        piece_add(&stencil->middle, " T%" PRIu64, lifetime_s(options));
    }
    piece_add(&stencil->middle, "\r\n");
    piece_add(&stencil->end, "\r\n");
}

/* Reads a value whose length is the last word of `line`, with which `bytes`
 * begin, and the `end` behind it. */
static enum decode read_value(struct slice bytes, struct slice line,
                              struct slice end, struct answer *answer)
{
    size_t at = line.len;
    while (at > 0 && line.data[at - 1] != ' ') {
        at--;
    }
    uint64_t len;
    size_t word_len;
    struct slice word = slice_of(bytes.data + at, line.len + 2 - at);
    if (protocol_read_number(word, &len, &word_len) != DECODE_READY) {
        return DECODE_BAD;
    }
    struct slice rest = slice_after(bytes, line.len + 2);
    if (rest.len < len + end.len) {
        return DECODE_MORE;
    }
    *answer = (struct answer){.kind = ANSWER_VALUE,
                              .len = line.len + 2 + len + end.len,
                              .text = {rest.data, len}};
    return slice_starts_with(slice_after(rest, len), end) ? DECODE_READY
                                                          : DECODE_BAD;
}

/* Tells what an answer of one line says. */
static void read_word(struct slice line, struct slice miss, struct slice stored,
                      struct answer *answer)
{
    *answer = (struct answer){.len = line.len + 2, .text = line};
    if (slice_equal(line, miss)) {
        answer->kind = ANSWER_MISS;
    } else if (slice_equal(line, stored)) {
        answer->kind = ANSWER_STORED;
    } else {
        answer->kind = ANSWER_ERROR;
    }
}

static enum decode read_answer(const struct stencil *stencil,
                               struct slice bytes, struct answer *answer)
{
    (void)stencil;
    struct slice line;
    enum decode decode = protocol_read_line(bytes, &line);
    if (decode != DECODE_READY) {
        return decode;
    }
    if (slice_starts_with(line, SLICE_LITERAL("VALUE "))) {
        return read_value(bytes, line, SLICE_LITERAL("\r\nEND\r\n"), answer);
    }
    read_word(line, SLICE_LITERAL("END"), SLICE_LITERAL("STORED"), answer);
    return DECODE_READY;
}

static enum decode read_meta(const struct stencil *stencil, struct slice bytes,
                             struct answer *answer)
{
    (void)stencil;
    struct slice line;
    enum decode decode = protocol_read_line(bytes, &line);
    if (decode != DECODE_READY) {
        return decode;
    }
    if (slice_starts_with(line, SLICE_LITERAL("VA "))) {
        return read_value(bytes, line, SLICE_LITERAL("\r\n"), answer);
    }
    read_word(line, SLICE_LITERAL("EN"), SLICE_LITERAL("HD"), answer);
    return DECODE_READY;
}

const struct protocol protocol_memcached = {
    .name = "memcached",
    .what = "memcached text, get and set",
    .port = 11211,
    .prepare = prepare,
    .put_get = protocol_put_get,
    .put_set = protocol_put_set,
    .read = read_answer,
};

const struct protocol protocol_meta = {
    .name = "meta",
    .what = "memcached text, mg and ms",
    .port = 11211,
    .prepare = prepare_meta,
    .put_get = protocol_put_get,
    .put_set = protocol_put_set,
    .read = read_meta,
};
