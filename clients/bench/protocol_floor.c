/* A server that answers so many bytes to every so many bytes that it reads,
 * whatever they are: tests/bench/floor.c, the ceiling of what any server on
 * the same loop can reach. Gets and sets look alike. */
#include "clients/bench/protocol.h"

#include "base/check.h"

#include <string.h>

static void prepare(struct stencil *stencil,
                    const struct stencil_options *options)
{
    CHECK(options->request_len <= sizeof stencil->get.bytes);
    CHECK(options->request_len > options->key_len && options->answer_len > 0);
    piece_add_key(&stencil->get, options->key_len);
    while (stencil->get.len < options->request_len) {
        piece_add(&stencil->get, ".");
    }
    stencil->answer_len = options->answer_len;
}

/* The value is put behind the request, where nobody looks. */
static void put_set(const struct stencil *stencil, uint64_t id,
                    size_t value_len, char *out, struct blank *blank)
{
    (void)value_len;
    protocol_put_get(stencil, id, out, blank);
    blank->value_at = blank->len;
}

static enum decode read_answer(const struct stencil *stencil,
                               struct slice bytes, struct answer *answer)
{
    if (bytes.len < stencil->answer_len) {
        return DECODE_MORE;
    }
    *answer = (struct answer){.kind = ANSWER_ANY, .len = stencil->answer_len};
    return DECODE_READY;
}

const struct protocol protocol_floor = {
    .name = "floor",
    .what = "fixed lengths, for a server that does nothing",
    .port = 10009,
    .prepare = prepare,
    .put_get = protocol_put_get,
    .put_set = put_set,
    .read = read_answer,
};
