#include "compat/face_json.h"

#include "base/buffer.h"
#include "core/call.h"
#include "core/limits.h"
#include "server/face.h"

#include "support/guard.h"
#include "support/json_texts.h"
#include "support/starve.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

enum { FRAME_LEN_MAX = 8 * 1024 * 1024 };

#define INVALID "{\"status\": \"error\", \"message\": \"Invalid json\"}"

/* The face of one connection, with what it has not used yet and with the
 * requests that came out: op, key and a semicolon each. */
struct peer {
    void *state;
    struct limits limits;
    struct buffer in;
    struct buffer seen;
    enum decode last;
};

static void peer_open(struct peer *peer)
{
    *peer = (struct peer){.state = calloc(1, face_json.state_size),
                          .limits = {.frame_len_max = FRAME_LEN_MAX}};
}

static void peer_close(struct peer *peer)
{
    buffer_fini(&peer->in);
    buffer_fini(&peer->seen);
    free(peer->state);
}

static void note_request(struct peer *peer, const struct call *call)
{
    const struct request *request = &call->request;
    if (peer->last == DECODE_READY) {
        buffer_append(&peer->seen, slice_of_string(op_info(request->op)->name));
        buffer_append(&peer->seen, SLICE_LITERAL(" "));
        buffer_append(&peer->seen, request->key);
    } else {
        buffer_append(&peer->seen, SLICE_LITERAL("refused"));
    }
    buffer_append(&peer->seen, SLICE_LITERAL(";"));
}

/* Decodes once, from a place of its own before an unreadable page. */
static void decode_once(struct peer *peer)
{
    struct call call;
    call_init(&call);
    struct slice copy = guard_copy(buffer_peek(&peer->in));
    struct input input = {.data = (char *)copy.data, .len = copy.len};
    peer->last = face_json.decode(peer->state, &peer->limits, &input, &call);
    if (peer->last == DECODE_READY || peer->last == DECODE_ANSWERED) {
        EXPECT(input.used > 0);
        note_request(peer, &call);
    }
    guard_free(copy);
    call_fini(&call);
    buffer_consume(&peer->in, input.used);
}

/* `bytes` come in; decodes what can be. */
static void feed(struct peer *peer, struct slice bytes)
{
    buffer_append(&peer->in, bytes);
    do {
        decode_once(peer);
    } while (peer->last == DECODE_READY || peer->last == DECODE_ANSWERED);
}

static void expect_seen(struct slice text, const char *seen, enum decode last)
{
    struct peer peer;
    peer_open(&peer);
    feed(&peer, text);
    EXPECT_TEXT(buffer_peek(&peer.seen), seen);
    if (!EXPECT_INT(peer.last, last)) {
        EXPECT_SLICE(SLICE_LITERAL("another end"), text);
    }
    peer_close(&peer);
}

#define GET_A "{\"op\":\"get\",\"bank\":\"b\",\"key\":\"a\\n\"}"
#define PUT_B                                                                  \
    "{\"op\":\"put\",\"bank\":\"b\",\"key\":\"\xc3\xa9\",\"value\":[1]}"

static void all_but_protobuf_is_accepted(void)
{
    for (unsigned first = 0; first < 256; first++) {
        EXPECT_INT(face_json.accepts((unsigned char)first), first > 7);
    }
}

static void requests_may_follow_each_other_without_a_gap(void)
{
    expect_seen(SLICE_LITERAL(GET_A PUT_B GET_A),
                "get a\n;put \xc3\xa9;get a\n;", DECODE_MORE);
    expect_seen(SLICE_LITERAL(" \t\n\r\v\f" GET_A "\v\f\n" PUT_B "\r\n"),
                "get a\n;put \xc3\xa9;", DECODE_MORE);
}

static const struct slice stream = {"\n\v" GET_A " {\"op\":\"x\"}" PUT_B
                                    "[1,\"]\"]\n5 true" GET_A "\f",
                                    sizeof("\n\v" GET_A " {\"op\":\"x\"}" PUT_B
                                           "[1,\"]\"]\n5 true" GET_A "\f") -
                                        1};

static const char stream_seen[] =
    "get a\n;refused;put \xc3\xa9;refused;refused;refused;get a\n;";

static void requests_may_be_cut_anywhere(void)
{
    for (size_t cut = 0; cut <= stream.len; cut++) {
        struct peer peer;
        peer_open(&peer);
        feed(&peer, slice_of(stream.data, cut));
        EXPECT_INT(peer.last, DECODE_MORE);
        feed(&peer, slice_after(stream, cut));
        EXPECT_INT(peer.last, DECODE_MORE);
        EXPECT_TEXT(buffer_peek(&peer.seen), stream_seen);
        EXPECT_INT(buffer_len(&peer.in), 0);
        peer_close(&peer);
    }
}

static void requests_may_come_byte_by_byte(void)
{
    struct peer peer;
    peer_open(&peer);
    for (size_t i = 0; i < stream.len; i++) {
        feed(&peer, slice_of(stream.data + i, 1));
        EXPECT_INT(peer.last, DECODE_MORE);
    }
    EXPECT_TEXT(buffer_peek(&peer.seen), stream_seen);
    EXPECT_INT(buffer_len(&peer.in), 0);
    peer_close(&peer);
}

static void white_space_is_used_up_though_nothing_follows(void)
{
    struct peer peer;
    peer_open(&peer);
    feed(&peer, SLICE_LITERAL(" \t\n\r\v\f"));
    EXPECT_INT(peer.last, DECODE_MORE);
    EXPECT_INT(buffer_len(&peer.in), 0);
    feed(&peer, SLICE_LITERAL("\n{\"op\":"));
    EXPECT_INT(peer.last, DECODE_MORE);
    EXPECT_TEXT(buffer_peek(&peer.in), "{\"op\":");
    peer_close(&peer);
}

static void numbers_alone_are_answered_at_once(void)
{
    struct peer peer;
    peer_open(&peer);
    feed(&peer, SLICE_LITERAL("5"));
    EXPECT_TEXT(buffer_peek(&peer.seen), "refused;");
    feed(&peer, SLICE_LITERAL("1.5"));
    EXPECT_TEXT(buffer_peek(&peer.seen), "refused;refused;");
    feed(&peer, SLICE_LITERAL("-"));
    EXPECT_INT(peer.last, DECODE_MORE);
    feed(&peer, SLICE_LITERAL("1"));
    EXPECT_TEXT(buffer_peek(&peer.seen), "refused;refused;refused;");
    EXPECT_INT(buffer_len(&peer.in), 0);
    peer_close(&peer);
}

static void garbage_is_bad_at_its_first_byte(void)
{
    static const char *const texts[] = {
        "GET / HTTP/1.1", "\x16\x03\x01",   "SSH-2.0", "*1\r\n", "oops", "x",
        "\xc2\xa0{}",     "\xef\xbb\xbf{}", "}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        expect_seen(slice_of(texts[i], 1), "", DECODE_BAD);
        expect_seen(slice_of_string(texts[i]), "", DECODE_BAD);
    }
    expect_seen(SLICE_LITERAL("not json"), "", DECODE_BAD);
    expect_seen(SLICE_LITERAL(GET_A " x"), "get a\n;", DECODE_BAD);
    expect_seen(SLICE_LITERAL(GET_A "\0"), "get a\n;", DECODE_BAD);
}

static bool starts_with_space(struct slice text)
{
    return memchr(" \t\n\v\f\r", text.data[0], 6) != NULL;
}

static void bad_values_are_bad_wherever_they_are(void)
{
    char text[300];
    int before = snprintf(text, sizeof text, "{\"op\":\"put\",\"value\":");
    for (size_t i = 0; i < json_bad_count; i++) {
        struct slice bad = json_bad_text(i);
        if (starts_with_space(bad)) {
            continue;
        }
        expect_seen(bad, "", DECODE_BAD);
        memcpy(text + before, bad.data, bad.len);
        expect_seen(slice_of(text, (size_t)before + bad.len), "", DECODE_BAD);
    }
}

static void good_values_are_good_wherever_they_are(void)
{
    for (size_t i = 0; i < json_good_count; i++) {
        char text[300];
        snprintf(text, sizeof text,
                 "{\"op\":\"put\",\"bank\":1,\"key\":\"k\",\"value\":%s}",
                 json_good_text(i).data);
        expect_seen(slice_of_string(text), "put k;", DECODE_MORE);
        EXPECT(strlen(text) < sizeof text - 1);
    }
}

static void white_space_within_a_request_is_jsons(void)
{
    expect_seen(SLICE_LITERAL("{ \t\r\n\"op\" : \"x\" }"), "refused;",
                DECODE_MORE);
    expect_seen(SLICE_LITERAL("{\v\"op\":\"x\"}"), "", DECODE_BAD);
    expect_seen(SLICE_LITERAL("{\"op\":\f\"x\"}"), "", DECODE_BAD);
}

/* A get that is `len` bytes long, `before` bytes of white space before. */
static struct slice make_request(char *text, size_t before, size_t len)
{
    static const char head[] = "{\"op\":\"get\",\"bank\":\"b\",\"key\":\"";
    memset(text, ' ', before);
    memset(text + before, 'k', len);
    memcpy(text + before, head, sizeof head - 1);
    memcpy(text + before + len - 2, "\"}", 2);
    return slice_of(text, before + len);
}

static void expect_limited(size_t before, size_t len, size_t max, bool fits)
{
    char text[400];
    struct slice request = make_request(text, before, len);
    for (size_t cut = 0; cut < request.len; cut++) {
        struct peer peer;
        peer_open(&peer);
        peer.limits.frame_len_max = max;
        feed(&peer, slice_of(text, cut));
        EXPECT_INT(peer.last, cut <= before + max ? DECODE_MORE : DECODE_BAD);
        if (peer.last == DECODE_MORE) {
            feed(&peer, slice_after(request, cut));
            EXPECT_INT(peer.last, fits ? DECODE_MORE : DECODE_BAD);
            EXPECT_INT(buffer_len(&peer.seen) > 0, fits);
        }
        peer_close(&peer);
    }
}

static void requests_beyond_the_limit_are_bad_as_soon_as_they_are(void)
{
    expect_limited(0, 100, 100, true);
    expect_limited(0, 101, 100, false);
    expect_limited(0, 200, 100, false);
    expect_limited(50, 100, 100, true);
    expect_limited(200, 101, 100, false);
}

static void the_limit_is_of_each_request_alone(void)
{
    struct peer peer;
    peer_open(&peer);
    peer.limits.frame_len_max = sizeof PUT_B - 1;
    feed(&peer, SLICE_LITERAL(PUT_B PUT_B " " PUT_B));
    EXPECT_INT(peer.last, DECODE_MORE);
    EXPECT_TEXT(buffer_peek(&peer.seen),
                "put \xc3\xa9;put \xc3\xa9;put \xc3\xa9;");
    peer_close(&peer);
}

/* A put whose value is `depth` arrays in each other. */
static void expect_depth(unsigned depth, const char *seen, enum decode last)
{
    struct buffer text = {0};
    buffer_append(&text, SLICE_LITERAL("{\"op\":\"put\",\"bank\":\"b\","
                                       "\"key\":\"k\",\"value\":"));
    for (unsigned i = 0; i < depth; i++) {
        buffer_append(&text, SLICE_LITERAL("["));
    }
    for (unsigned i = 0; i < depth; i++) {
        buffer_append(&text, SLICE_LITERAL("]"));
    }
    buffer_append(&text, SLICE_LITERAL("}"));
    expect_seen(buffer_peek(&text), seen, last);
    buffer_fini(&text);
}

static void requests_nest_a_thousand_deep(void)
{
    expect_depth(JSON_DEPTH_MAX - 1, "put k;", DECODE_MORE);
    expect_depth(JSON_DEPTH_MAX, "", DECODE_BAD);
}

static void answers_are_encoded(void)
{
    struct call call;
    struct buffer out = {0};
    call_init(&call);
    call.request.op = OP_PUT;
    EXPECT_INT(face_json.encode(NULL, &call, &out), ENCODE_DONE);
    EXPECT_TEXT(buffer_peek(&out), "{\"status\": \"ok\", \"data\": {}}");
    EXPECT(face_json.is_ordered);
    buffer_fini(&out);
    call_fini(&call);
}

static void last_words_say_invalid_json(void)
{
    static const enum farewell whys[] = {FAREWELL_BAD, FAREWELL_PARTIAL};
    for (size_t i = 0; i < 2; i++) {
        struct buffer out = {0};
        face_json.farewell(whys[i], &out);
        EXPECT_TEXT(buffer_peek(&out), INVALID);
        buffer_fini(&out);
    }
}

static void attempt_farewell(void *arg)
{
    (void)arg;
    struct buffer out = {0};
    face_json.farewell(FAREWELL_BAD, &out);
    EXPECT_TEXT(buffer_peek(&out), starve_has_struck() ? "" : INVALID);
    buffer_fini(&out);
}

static void last_words_without_memory_are_none(void)
{
    EXPECT_INT(starve(attempt_farewell, NULL), 2);
}

static const struct test_case cases[] = {
    TEST(all_but_protobuf_is_accepted),
    TEST(requests_may_follow_each_other_without_a_gap),
    TEST(requests_may_be_cut_anywhere),
    TEST(requests_may_come_byte_by_byte),
    TEST(white_space_is_used_up_though_nothing_follows),
    TEST(numbers_alone_are_answered_at_once),
    TEST(garbage_is_bad_at_its_first_byte),
    TEST(bad_values_are_bad_wherever_they_are),
    TEST(good_values_are_good_wherever_they_are),
    TEST(white_space_within_a_request_is_jsons),
    TEST(requests_beyond_the_limit_are_bad_as_soon_as_they_are),
    TEST(the_limit_is_of_each_request_alone),
    TEST(requests_nest_a_thousand_deep),
    TEST(answers_are_encoded),
    TEST(last_words_say_invalid_json),
    TEST(last_words_without_memory_are_none),
};

SUITE(compat_face_json, cases);
