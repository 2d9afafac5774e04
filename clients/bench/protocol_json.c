/* CacheServer's JSON, which is the original's: get and put. Values of the
 * load need no escapes, so that a right value is found by its closing quote;
 * anything else is read well enough to know where it ends. */
#include "clients/bench/protocol.h"

#include "base/json_scan.h"

#include <inttypes.h>
#include <string.h>

/* How deep an answer may nest, and its members that count. */
enum { DEPTH_MAX = 1000, DATA = 0, MESSAGE };

static void prepare(struct stencil *stencil,
                    const struct stencil_options *options)
{
    piece_add(&stencil->get, "{\"op\":\"get\",\"bank\":\"%s\",\"key\":\"",
              options->bank);
    piece_add_key(&stencil->get, options->key_len);
    piece_add(&stencil->get, "\"}");

    piece_add(&stencil->set, "{\"op\":\"put\",\"bank\":\"%s\",\"key\":\"",
              options->bank);
    piece_add_key(&stencil->set, options->key_len);
    piece_add(&stencil->set, "\",\"value\":\"");

    piece_add(&stencil->end, "\"");
    if (options->lifetime_ms > 0) {
        piece_add(&stencil->end, ",\"lifetime\":%" PRIu64 ".%03" PRIu64,
                  options->lifetime_ms / 1000, options->lifetime_ms % 1000);
    }
    piece_add(&stencil->end, "}");
}

static void put_set(const struct stencil *stencil, uint64_t id,
                    size_t value_len, char *out, struct blank *blank)
{
    (void)id;
    const struct piece *set = &stencil->set;
    const struct piece *end = &stencil->end;
    memcpy(out, set->bytes, set->len);
    memcpy(out + set->len + value_len, end->bytes, end->len);
    *blank =
        (struct blank){set->len + value_len + end->len, set->key_at, set->len};
}

static bool slice_ends_with(struct slice whole, struct slice end)
{
    return whole.len >= end.len &&
           slice_equal(slice_after(whole, whole.len - end.len), end);
}

/* Reads the two answers that nearly all are, as the server writes them: a
 * string without escapes, and that a put is done. False for any other. */
static bool read_usual(struct slice bytes, struct answer *answer)
{
    const struct slice start = SLICE_LITERAL("{\"status\": \"ok\", \"data\": ");
    const struct slice done = SLICE_LITERAL("{}}");
    if (!slice_starts_with(bytes, start)) {
        return false;
    }
    struct slice rest = slice_after(bytes, start.len);
    if (slice_starts_with(rest, done)) {
        *answer =
            (struct answer){.kind = ANSWER_STORED, .len = start.len + done.len};
        return true;
    }
    if (rest.len == 0 || rest.data[0] != '"') {
        return false;
    }
    rest = slice_after(rest, 1);
    const char *quote = rest.len ? memchr(rest.data, '"', rest.len) : NULL;
    const char *end = rest.data + rest.len;
    if (!quote || quote + 1 == end || quote[1] != '}' ||
        (quote > rest.data && quote[-1] == '\\')) {
        return false;
    }
    struct slice value = slice_of(rest.data, (size_t)(quote - rest.data));
    *answer = (struct answer){.kind = ANSWER_VALUE,
                              .len = start.len + 1 + value.len + 2,
                              .text = value};
    return true;
}

/* What a member's value is written as, a string without its quotes. */
static struct slice member_text(struct slice bytes,
                                const struct json_member *member)
{
    struct slice text = slice_of(bytes.data + member->at, member->len);
    if (member->type == JSON_STRING) {
        text = slice_of(text.data + 1, text.len - 2);
    }
    return text;
}

/* Tells what the answer that was scanned says. Data of any other form than a
 * string is not what the load has put; it is given as it is written. */
static void read_members(struct slice bytes, const struct json_scan *scan,
                         struct answer *answer)
{
    const struct json_member *data = &scan->members[DATA];
    const struct json_member *message = &scan->members[MESSAGE];
    *answer = (struct answer){.kind = ANSWER_ERROR, .len = scan->at};
    if (data->type == JSON_ABSENT) {
        answer->text = message->type == JSON_STRING
                           ? member_text(bytes, message)
                           : slice_of(bytes.data, scan->at);
        if (slice_starts_with(answer->text, SLICE_LITERAL("Key ")) &&
            slice_ends_with(answer->text, SLICE_LITERAL(" doesn't exist"))) {
            answer->kind = ANSWER_MISS;
        }
        return;
    }
    answer->text = member_text(bytes, data);
    bool is_done = data->type == JSON_OBJECT && data->len == 2;
    answer->kind = is_done ? ANSWER_STORED : ANSWER_VALUE;
}

static enum decode read_answer(const struct stencil *stencil,
                               struct slice bytes, struct answer *answer)
{
    static const struct slice names[] = {
        [DATA] = {"data", 4},
        [MESSAGE] = {"message", 7},
    };
    (void)stencil;
    if (read_usual(bytes, answer)) {
        return DECODE_READY;
    }
    struct json_scan scan;
    json_scan_start(&scan, names, sizeof names / sizeof names[0], DEPTH_MAX);
    enum json_scan_result result = json_scan(&scan, bytes);
    if (result == JSON_SCAN_MORE) {
        return DECODE_MORE;
    }
    if (result == JSON_SCAN_BAD || scan.type != JSON_OBJECT) {
        return DECODE_BAD;
    }
    read_members(bytes, &scan, answer);
    return DECODE_READY;
}

const struct protocol protocol_json = {
    .name = "json",
    .what = "CacheServer's JSON, get and put",
    .port = 10001,
    .prepare = prepare,
    .put_get = protocol_put_get,
    .put_set = put_set,
    .read = read_answer,
};
