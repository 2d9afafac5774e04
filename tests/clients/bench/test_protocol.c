#include "clients/bench/protocol.h"

#include "base/buffer.h"
#include "support/guard.h"
#include "support/test.h"
#include "wire/vectors.h"

#include <stdio.h>

enum { ID = 130 };

/* SLICE_LITERAL, for tables. */
#define BYTES(text)                                                            \
    {                                                                          \
        (text), sizeof(text) - 1                                               \
    }

/* What a protocol makes of a get and a set of the key `k1234567` with the
 * value `abc` in the bank `b`. */
struct written {
    const struct protocol *protocol;
    uint64_t lifetime_ms;
    struct slice get;
    struct slice set;
};

static const struct written written[] = {
    {&protocol_wire, 0,
     BYTES("\0\0\0\x12\x08\x82\x01\x1a\x0d\x0a\x01"
           "b\x12\x08k1234567"),
     BYTES("\0\0\0\x17\x08\x82\x01\x12\x12\x0a\x01"
           "b\x12\x08k1234567\x1a\x03"
           "abc")},
    {&protocol_wire, 1500,
     BYTES("\0\0\0\x12\x08\x82\x01\x1a\x0d\x0a\x01"
           "b\x12\x08k1234567"),
     BYTES("\0\0\0\x1a\x08\x82\x01\x12\x15\x0a\x01"
           "b\x12\x08k1234567\x1a\x03"
           "abc\x20\xdc\x0b")},
    {&protocol_json, 0,
     BYTES("{\"op\":\"get\",\"bank\":\"b\",\"key\":\"k1234567\"}"),
     BYTES("{\"op\":\"put\",\"bank\":\"b\",\"key\":\"k1234567\","
           "\"value\":\"abc\"}")},
    {&protocol_json, 1050,
     BYTES("{\"op\":\"get\",\"bank\":\"b\",\"key\":\"k1234567\"}"),
     BYTES("{\"op\":\"put\",\"bank\":\"b\",\"key\":\"k1234567\","
           "\"value\":\"abc\",\"lifetime\":1.050}")},
    {&protocol_memcached, 0, BYTES("get k1234567\r\n"),
     BYTES("set k1234567 0 0 3\r\nabc\r\n")},
    {&protocol_memcached, 1001, BYTES("get k1234567\r\n"),
     BYTES("set k1234567 0 2 3\r\nabc\r\n")},
    {&protocol_meta, 0, BYTES("mg k1234567 v\r\n"),
     BYTES("ms k1234567 3\r\nabc\r\n")},
    {&protocol_meta, 60000, BYTES("mg k1234567 v\r\n"),
     BYTES("ms k1234567 3 T60\r\nabc\r\n")},
    {&protocol_redis, 0, BYTES("*2\r\n$3\r\nGET\r\n$8\r\nk1234567\r\n"),
     BYTES("*3\r\n$3\r\nSET\r\n$8\r\nk1234567\r\n$3\r\nabc\r\n")},
    {&protocol_redis, 1500, BYTES("*2\r\n$3\r\nGET\r\n$8\r\nk1234567\r\n"),
     BYTES("*5\r\n$3\r\nSET\r\n$8\r\nk1234567\r\n$3\r\nabc\r\n"
           "$2\r\nPX\r\n$4\r\n1500\r\n")},
    {&protocol_floor, 0, BYTES("k1234567...."), BYTES("k1234567....")},
};

/* The request of `key`, and of `value` unless that has no data; at `out`. */
static struct slice write_request(const struct protocol *protocol,
                                  const struct stencil *stencil,
                                  struct slice key, struct slice value,
                                  char *out)
{
    struct blank blank;
    if (value.data) {
        protocol->put_set(stencil, ID, value.len, out, &blank);
        memcpy(out + blank.value_at, value.data, value.len);
    } else {
        protocol->put_get(stencil, ID, out, &blank);
    }
    memcpy(out + blank.key_at, key.data, key.len);
    return slice_of(out, blank.len);
}

static void protocols_write_gets_and_sets(void)
{
    const struct slice key = SLICE_LITERAL("k1234567");
    char out[PROTOCOL_REQUEST_MAX];
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) {
        const struct written *row = &written[i];
        struct stencil stencil = {0};
        struct stencil_options options = {.bank = "b",
                                          .key_len = key.len,
                                          .lifetime_ms = row->lifetime_ms,
                                          .request_len = 12,
                                          .answer_len = 5};
        row->protocol->prepare(&stencil, &options);
        EXPECT_SLICE(
            write_request(row->protocol, &stencil, key, (struct slice){0}, out),
            row->get);
        EXPECT_SLICE(write_request(row->protocol, &stencil, key,
                                   SLICE_LITERAL("abc"), out),
                     row->set);
    }
}

/* --- golden frames -------------------------------------------------------- */

static unsigned compared;

static void write_as_golden(struct vector *vector)
{
    const struct request *request = &vector->request;
    bool is_set = request->op == OP_PUT && request->kind == VALUE_BYTES;
    bool is_get = request->op == OP_GET && !request->is_touch;
    bool is_plain = request_is_plain(request) && !request->deadline_ms &&
                    request->lifetime.rule == LIFETIME_DEFAULT;
    if ((!is_set && !is_get) || !is_plain || request->key.len == 0 ||
        request->id == 0) {
        return;
    }
    char bank[PROTOCOL_BANK_MAX + 1];
    char out[PROTOCOL_REQUEST_MAX];
    snprintf(bank, sizeof bank, "%.*s", (int)request->bank.len,
             request->bank.data);
    struct stencil stencil = {0};
    struct stencil_options options = {.bank = bank,
                                      .key_len = request->key.len};
    struct blank blank;
    protocol_wire.prepare(&stencil, &options);
    if (is_set) {
        protocol_wire.put_set(&stencil, request->id, request->value.len, out,
                              &blank);
        memcpy(out + blank.value_at, request->value.data, request->value.len);
    } else {
        protocol_wire.put_get(&stencil, request->id, out, &blank);
    }
    memcpy(out + blank.key_at, request->key.data, request->key.len);
    EXPECT_SLICE(slice_of(out, blank.len), buffer_peek(&vector->frame));
    compared++;
}

static void protobuf_requests_are_the_golden_frames(void)
{
    compared = 0;
    EXPECT(vectors_each("requests.txt", write_as_golden) > 0);
    EXPECT_INT(compared, 4);
}

static void read_as_golden(struct vector *vector)
{
    enum op op = vector->request.op;
    if (vector->is_request || (op != OP_GET && op != OP_PUT && op != OP_NONE)) {
        return;
    }
    const struct response *response = &vector->response;
    struct slice frame = buffer_peek(&vector->frame);
    struct answer answer;
    REQUIRE(protocol_wire.read(NULL, frame, &answer) == DECODE_READY);
    EXPECT_INT(answer.len, frame.len);
    EXPECT(answer.id == vector->request.id);
    if (op == OP_PUT) {
        EXPECT_INT(answer.kind, ANSWER_STORED);
    } else if (op == OP_GET) {
        EXPECT_INT(answer.kind, ANSWER_VALUE);
        EXPECT_SLICE(answer.text, buffer_peek(&response->body));
    } else {
        bool is_miss = response->status == STATUS_NOT_FOUND;
        EXPECT_INT(answer.kind, is_miss ? ANSWER_MISS : ANSWER_ERROR);
        EXPECT_TEXT(answer.text, response->message);
    }
    compared++;
}

static void protobuf_answers_are_read_from_the_golden_frames(void)
{
    compared = 0;
    EXPECT(vectors_each("answers.txt", read_as_golden) > 0);
    EXPECT_INT(compared, 16);
    EXPECT(vectors_each("lenient.txt", read_as_golden) > 0);
    EXPECT_INT(compared, 18);
}

/* --- answers -------------------------------------------------------------- */

struct answered {
    const struct protocol *protocol;
    struct slice bytes;
    enum answer_kind kind;
    const char *text;
};

static const struct answered answered[] = {
    {&protocol_wire, BYTES("\0\0\0\x08\x08\x07\x1a\x04\x0a\x02hi"),
     ANSWER_VALUE, "hi"},
    {&protocol_wire, BYTES("\0\0\0\x04\x08\x07\x1a\0"), ANSWER_VALUE, ""},
    {&protocol_wire, BYTES("\0\0\0\x0a\x08\x07\x1a\x06\x0a\x02hi\x10\1"),
     ANSWER_VALUE, "hi"},
    {&protocol_wire, BYTES("\0\0\0\x04\x08\x07\x12\0"), ANSWER_STORED, ""},
    {&protocol_wire, BYTES("\0\0\0\x06\x08\x07\x7a\x02\x08\x05"), ANSWER_MISS,
     ""},
    {&protocol_wire, BYTES("\0\0\0\x0a\x08\x07\x7a\x06\x08\x08\x12\2no"),
     ANSWER_ERROR, "no"},
    {&protocol_json, BYTES("{\"status\": \"ok\", \"data\": \"hi\"}"),
     ANSWER_VALUE, "hi"},
    {&protocol_json, BYTES("{\"status\": \"ok\", \"data\": \"\"}"),
     ANSWER_VALUE, ""},
    {&protocol_json, BYTES("{\"status\": \"ok\", \"data\": \"a\\\"}b\\\\\"}"),
     ANSWER_VALUE, "a\\\"}b\\\\"},
    {&protocol_json, BYTES("{\"status\": \"ok\", \"data\": [1, {}]}"),
     ANSWER_VALUE, "[1, {}]"},
    {&protocol_json, BYTES("{\"status\": \"ok\", \"data\": {}}"), ANSWER_STORED,
     ""},
    {&protocol_json, BYTES("{\"data\":\"hi\",\"status\":\"ok\"}"), ANSWER_VALUE,
     "hi"},
    {&protocol_json,
     BYTES("{\"status\": \"error\", \"message\": \"Key k}\\\" doesn't "
           "exist\"}"),
     ANSWER_MISS, "Key k}\\\" doesn't exist"},
    {&protocol_json,
     BYTES("{\"status\": \"error\", \"message\": \"no memory\"}"), ANSWER_ERROR,
     "no memory"},
    {&protocol_memcached, BYTES("VALUE key 0 6\r\nEN\r\nD!\r\nEND\r\n"),
     ANSWER_VALUE, "EN\r\nD!"},
    {&protocol_memcached, BYTES("VALUE key 0 0\r\n\r\nEND\r\n"), ANSWER_VALUE,
     ""},
    {&protocol_memcached, BYTES("END\r\n"), ANSWER_MISS, "END"},
    {&protocol_memcached, BYTES("STORED\r\n"), ANSWER_STORED, "STORED"},
    {&protocol_memcached, BYTES("SERVER_ERROR out of memory\r\n"), ANSWER_ERROR,
     "SERVER_ERROR out of memory"},
    {&protocol_meta, BYTES("VA 2\r\nhi\r\n"), ANSWER_VALUE, "hi"},
    {&protocol_meta, BYTES("EN\r\n"), ANSWER_MISS, "EN"},
    {&protocol_meta, BYTES("HD\r\n"), ANSWER_STORED, "HD"},
    {&protocol_meta, BYTES("NS\r\n"), ANSWER_ERROR, "NS"},
    {&protocol_redis, BYTES("$4\r\n\r\n$1\r\n"), ANSWER_VALUE, "\r\n$1"},
    {&protocol_redis, BYTES("$0\r\n\r\n"), ANSWER_VALUE, ""},
    {&protocol_redis, BYTES("$-1\r\n"), ANSWER_MISS, ""},
    {&protocol_redis, BYTES("+OK\r\n"), ANSWER_STORED, "OK"},
    {&protocol_redis, BYTES("-OOM not now\r\n"), ANSWER_ERROR, "OOM not now"},
    {&protocol_floor, BYTES("abcde"), ANSWER_ANY, ""},
};

static const struct stencil floor_stencil = {.answer_len = 5};

static void expect_answer(const struct answered *row, struct slice bytes)
{
    struct answer answer;
    REQUIRE(row->protocol->read(&floor_stencil, bytes, &answer) ==
            DECODE_READY);
    EXPECT_INT(answer.kind, row->kind);
    EXPECT_INT(answer.len, row->bytes.len);
    EXPECT_TEXT(answer.text, row->text);
}

static void protocols_read_answers(void)
{
    for (size_t i = 0; i < sizeof answered / sizeof answered[0]; i++) {
        struct slice copy = guard_copy(answered[i].bytes);
        expect_answer(&answered[i], copy);
        guard_free(copy);
    }
}

static void protocols_read_an_answer_that_others_follow(void)
{
    for (size_t i = 0; i < sizeof answered / sizeof answered[0]; i++) {
        const struct answered *row = &answered[i];
        struct buffer both = {0};
        EXPECT_INT(buffer_append(&both, row->bytes), STATUS_OK);
        EXPECT_INT(buffer_append(&both, row->bytes), STATUS_OK);
        expect_answer(row, buffer_peek(&both));
        buffer_fini(&both);
    }
}

static void protocols_wait_for_the_rest_of_an_answer(void)
{
    for (size_t i = 0; i < sizeof answered / sizeof answered[0]; i++) {
        const struct answered *row = &answered[i];
        for (size_t len = 0; len < row->bytes.len; len++) {
            struct slice cut = guard_copy(slice_of(row->bytes.data, len));
            struct answer answer;
            if (!EXPECT_INT(row->protocol->read(&floor_stencil, cut, &answer),
                            DECODE_MORE)) {
                fprintf(stderr, "  row %zu at %zu\n", i, len);
            }
            guard_free(cut);
        }
    }
}

static void protocols_refuse_what_is_no_answer(void)
{
    static const struct {
        const struct protocol *protocol;
        struct slice bytes;
    } bad[] = {
        {&protocol_wire, BYTES("\x7f\0\0\0")},
        {&protocol_wire, BYTES("\0\0\0\x01\x0b")},
        {&protocol_wire, BYTES("\0\0\0\x02\x08\x07")},
        {&protocol_wire, BYTES("\0\0\0\x05\x08\x07\x8a\x01\0")},
        {&protocol_json, BYTES("[]")},
        {&protocol_json, BYTES("HTTP/1.1 400")},
        {&protocol_json, BYTES("{\"status\": \"ok\", \"data\": }")},
        {&protocol_memcached, BYTES("VALUE key 0 x\r\n")},
        {&protocol_memcached, BYTES("VALUE key 0 2\r\nhi\r\nEMD\r\n")},
        {&protocol_memcached, BYTES("\n")},
        {&protocol_memcached, BYTES("STORED\n")},
        {&protocol_meta, BYTES("VA 2\r\nhi!!")},
        {&protocol_meta, BYTES("VA 99999999999\r\n")},
        {&protocol_redis, BYTES("HTTP")},
        {&protocol_redis, BYTES("$\r\n")},
        {&protocol_redis, BYTES("$-2\r\n")},
        {&protocol_redis, BYTES("$2\rx")},
        {&protocol_redis, BYTES("$2\r\nhi!!")},
        {&protocol_redis, BYTES("$99999999999\r\n")},
        {&protocol_redis, BYTES("+OK\n")},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct slice copy = guard_copy(bad[i].bytes);
        struct answer answer;
        if (!EXPECT_INT(bad[i].protocol->read(&floor_stencil, copy, &answer),
                        DECODE_BAD)) {
            fprintf(stderr, "  row %zu\n", i);
        }
        guard_free(copy);
    }
}

static void protocols_are_found_by_name(void)
{
    for (const struct protocol *const *at = protocols; *at; at++) {
        EXPECT(protocol_find(slice_of_string((*at)->name)) == *at);
    }
    EXPECT(!protocol_find(SLICE_LITERAL("proto")));
    EXPECT(!protocol_find(SLICE_LITERAL("")));
}

static const struct test_case cases[] = {
    TEST(protocols_write_gets_and_sets),
    TEST(protobuf_requests_are_the_golden_frames),
    TEST(protobuf_answers_are_read_from_the_golden_frames),
    TEST(protocols_read_answers),
    TEST(protocols_read_an_answer_that_others_follow),
    TEST(protocols_wait_for_the_rest_of_an_answer),
    TEST(protocols_refuse_what_is_no_answer),
    TEST(protocols_are_found_by_name),
};

SUITE(bench_protocol, cases);
