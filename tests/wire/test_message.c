#include "wire/message.h"

#include "core/limits.h"
#include "core/request.h"
#include "core/response.h"
#include "support/guard.h"
#include "support/starve.h"
#include "support/test.h"
#include "wire/frame.h"
#include "wire/same.h"

#include "cache.pb-c.h"

#include <math.h>
#include <stdlib.h>

static struct slice body_of(const struct buffer *frame)
{
    struct slice body = {0};
    EXPECT_INT(frame_peek(buffer_peek(frame), FRAME_LEN_MAX, &body),
               FRAME_READY);
    EXPECT_INT(body.len + FRAME_HEADER_LEN, buffer_len(frame));
    return body;
}

/* Requests. */

static uint64_t seed;

static size_t random_below(size_t n)
{
    return (size_t)(test_random(&seed) % n);
}

/* Up to `len_max` bytes out of a well of random ones. */
static struct slice random_bytes(size_t len_max)
{
    static char well[8192];
    if (!well[0]) {
        for (size_t i = 0; i < sizeof well; i++) {
            well[i] = (char)test_random(&seed);
        }
        well[0] = 'x';
    }
    size_t len = random_below(len_max + 1);
    return slice_of(well + random_below(sizeof well - len), len);
}

static struct slice random_key(void)
{
    struct slice key = random_bytes(300);
    while (key.len && (unsigned char)key.data[0] == 0xff) {
        key = slice_after(key, 1);
    }
    return key;
}

/* Letters, at times none, at times as many as a bank may have. */
static struct slice random_name(void)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    static char longest[BANK_LEN_MAX];
    memset(longest, 'z', sizeof longest);
    return random_below(8) ? slice_of(letters, random_below(sizeof letters))
                           : slice_of(longest, sizeof longest);
}

static struct lifetime random_lifetime(enum lifetime_rule rule)
{
    bool is_new = rule == LIFETIME_NEW;
    uint64_t ms = 1 + test_random(&seed) % (LIFETIME_MS_MAX - 1);
    return (struct lifetime){rule, is_new ? ms : 0};
}

static struct number random_number(void)
{
    static const double reals[] = {0.0, -0.0, 0.1, -1e300, INFINITY};
    struct number number = {.is_integer = random_below(2)};
    if (number.is_integer) {
        number.integer = (int64_t)test_random(&seed) >> random_below(64);
    } else {
        number.real = reals[random_below(sizeof reals / sizeof reals[0])];
    }
    return number;
}

static struct bank_change random_change(void)
{
    struct bank_change change = {.has_reserved = random_below(2),
                                 .has_maximum = random_below(2),
                                 .has_weight = random_below(2)};
    if (change.has_reserved) {
        change.limits.reserved = test_random(&seed) >> random_below(64);
    }
    if (change.has_maximum) {
        change.limits.maximum = test_random(&seed) >> random_below(64);
    }
    if (change.has_weight) {
        change.limits.weight = (uint32_t)test_random(&seed);
    }
    return change;
}

/* Whether the client's end has `op`; the others are test_message_ops.c's. */
static bool is_said(enum op op)
{
    unsigned number = op_info(op)->number;
    return number <= 6 || (number >= 10 && number <= 17);
}

static enum op random_op(void)
{
    enum op op;
    do {
        op = (enum op)(1 + random_below(OP_COUNT - 1));
    } while (!is_said(op));
    return op;
}

/* One of `op` with all its fields, of whatever values they may have. */
static struct request random_request(enum op op)
{
    unsigned flags = op_info(op)->flags;
    struct request request;
    request_init(&request);
    request.op = op;
    request.id = test_random(&seed) >> random_below(64);
    if (flags & OP_BANK) {
        request.bank = random_name();
    }
    if (flags & OP_KEY) {
        request.key = random_key();
    }
    if (flags & OP_LIST) {
        request.prefix = op == OP_BANK_LIST ? random_name() : random_key();
        request.cursor = random_bytes(CURSOR_LEN_MAX);
        request.limit = (uint32_t)test_random(&seed);
    }
    if (op == OP_PUT) {
        request.value = random_bytes(5000);
        request.kind = (enum value_kind)random_below(VALUE_KIND_COUNT);
        request.lifetime = random_lifetime((enum lifetime_rule)random_below(3));
    } else if (op == OP_TOUCH) {
        request.lifetime =
            random_lifetime((enum lifetime_rule)(1 + random_below(4)));
    } else if (op == OP_GET && random_below(2)) {
        request.is_touch = true;
        request.lifetime.rule = LIFETIME_SAME;
    } else if (op == OP_INCR) {
        request.increment.delta = random_number();
    } else if (op == OP_BANK_CONFIGURE) {
        request.change = random_change();
    }
    return request;
}

static void expect_request_comes_through(const struct request *request)
{
    struct buffer frame = {0};
    EXPECT_INT(message_encode_request(request, &frame), STATUS_OK);
    struct slice body = guard_copy(body_of(&frame));
    struct buffer scratch = {0};
    struct request got;
    struct response response = {0};
    request_init(&got);
    EXPECT_INT(message_decode_request(body, &scratch, &got, &response),
               MESSAGE_READY);
    same_request(&got, request, op_info(request->op)->name);
    guard_free(body);
    buffer_fini(&scratch);
    buffer_fini(&frame);
}

static void message_of_every_request_comes_through(void)
{
    seed = test_seed();
    for (int i = 0; i < 200; i++) {
        for (enum op op = OP_NONE + 1; op < OP_COUNT; op++) {
            struct request request = random_request(is_said(op) ? op : OP_GET);
            expect_request_comes_through(&request);
        }
    }
}

/* protobuf-c's opinion on the whole request, with memory of its own. */
static void compare_with_protobuf_c(struct slice body,
                                    const struct request *got)
{
    Cacheserver__V1__Request *must = cacheserver__v1__request__unpack(
        NULL, body.len, (const uint8_t *)body.data);
    REQUIRE(must != NULL);
    EXPECT(got->id == must->id);
    EXPECT_INT(op_info(got->op)->number, must->op_case);
    if (got->op == OP_GET) {
        EXPECT_SLICE(got->key,
                     slice_of(must->get->key.data, must->get->key.len));
        EXPECT_INT(got->is_touch,
                   must->get->touch || must->get->change_case != 0);
    } else if (got->op == OP_PUT) {
        EXPECT_SLICE(got->value,
                     slice_of(must->put->value.data, must->put->value.len));
    }
    cacheserver__v1__request__free_unpacked(must, NULL);
}

/* A byte or two of a right request changed. */
static void damage(struct slice body)
{
    union {
        const char *borrowed;
        char *data;
    } bytes = {body.data};
    for (size_t i = 0; body.len && i <= random_below(2); i++) {
        size_t place = random_below(body.len < 24 ? body.len : 24);
        bytes.data[place] = (char)test_random(&seed);
    }
}

static void message_that_was_damaged_is_read_as_protobuf_c_does(void)
{
    seed = test_seed();
    struct buffer frame = {0};
    struct buffer scratch = {0};
    struct response response = {0};
    for (int i = 0; i < (test_is_long() ? 2000000 : 20000); i++) {
        struct request request = random_request(random_op());
        buffer_clear(&frame);
        EXPECT_INT(message_encode_request(&request, &frame), STATUS_OK);
        struct slice body = body_of(&frame);
        damage(body);
        struct request got;
        request_init(&got);
        if (message_decode_request(body, &scratch, &got, &response) ==
            MESSAGE_READY) {
            compare_with_protobuf_c(body, &got);
        }
    }
    response_fini(&response);
    buffer_fini(&scratch);
    buffer_fini(&frame);
}

static void expect_unsaid(const struct request *request)
{
    struct buffer frame = {0};
    EXPECT_INT(message_encode_request(request, &frame),
               STATUS_INVALID_ARGUMENT);
    EXPECT_INT(buffer_len(&frame), 0);
    buffer_fini(&frame);
}

static void message_of_a_request_that_cannot_be_said_is_not_made(void)
{
    char name[BANK_LEN_MAX + 1];
    memset(name, 'a', sizeof name);
    struct slice too_long = slice_of(name, sizeof name);
    expect_unsaid(&(struct request){.op = OP_NONE});
    expect_unsaid(&(struct request){.op = OP_BANK_RESET, .bank = too_long});
    expect_unsaid(
        &(struct request){.op = OP_BANK_RESET, .bank = SLICE_LITERAL("a\0b")});
    expect_unsaid(&(struct request){.op = OP_BANK_LIST, .prefix = too_long});
    expect_unsaid(&(struct request){
        .op = OP_PUT, .value = slice_of(name, (size_t)FRAME_LEN_MAX)});
}

/* Responses. */

/* What the server's end writes is what protobuf-c would. */
static void expect_as_protobuf_c_writes(struct slice body)
{
    Cacheserver__V1__Response *unpacked = cacheserver__v1__response__unpack(
        NULL, body.len, (const uint8_t *)body.data);
    REQUIRE(unpacked != NULL);
    EXPECT_INT(unpacked->base.n_unknown_fields, 0);
    size_t len = cacheserver__v1__response__get_packed_size(unpacked);
    uint8_t *bytes = malloc(len + 1);
    cacheserver__v1__response__pack(unpacked, bytes);
    EXPECT_SLICE(body, slice_of(bytes, len));
    free(bytes);
    cacheserver__v1__response__free_unpacked(unpacked, NULL);
}

static void expect_response_comes_through(const struct request *request,
                                          const struct response *response)
{
    struct buffer frame = {0};
    EXPECT_INT(message_encode_response(request, response, &frame), STATUS_OK);
    struct slice body = guard_copy(body_of(&frame));
    expect_as_protobuf_c_writes(body);
    struct buffer scratch = {0};
    struct message_head head;
    struct response got = {0};
    EXPECT_INT(message_decode_response(body, &scratch, &head, &got), STATUS_OK);
    EXPECT(head.id == request->id);
    EXPECT_INT(head.op, response->status ? OP_NONE : request->op);
    same_response(&got, response, op_info(request->op)->name);
    guard_free(body);
    response_fini(&got);
    buffer_fini(&scratch);
    buffer_fini(&frame);
}

static void message_of_every_plain_success_comes_through(void)
{
    for (enum op op = OP_NONE + 1; op < OP_COUNT; op++) {
        struct request request = {.op = op, .id = op};
        struct response response = {0};
        if (op != OP_HELLO && is_said(op)) {
            expect_response_comes_through(&request, &response);
        }
    }
}

static void expect_value_comes_through(size_t len, enum value_kind kind)
{
    struct request request = {.op = OP_GET, .id = test_random(&seed)};
    struct response response = {.kind = kind};
    char *room = buffer_reserve(&response.body, len);
    REQUIRE(room != NULL);
    memset(room, 'v', len);
    buffer_commit(&response.body, len);
    expect_response_comes_through(&request, &response);
    response_fini(&response);
}

static void message_of_a_value_comes_through(void)
{
    seed = test_seed();
    static const size_t lens[] = {0, 1, 127, 128, 16383, 16384, 3000000};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        expect_value_comes_through(lens[i],
                                   (enum value_kind)(i % VALUE_KIND_COUNT));
    }
}

static void message_of_a_sum_comes_through(void)
{
    const struct number sums[] = {
        {.is_integer = true, .integer = 0},
        {.is_integer = true, .integer = INT64_MIN},
        {.is_integer = true, .integer = INT64_MAX},
        {.real = 0.0},
        {.real = -0.0},
        {.real = 1.5},
        {.real = -INFINITY},
        {.real = (double)NAN},
    };
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
        struct request request = {.op = OP_INCR, .id = 1};
        struct response response = {.number = sums[i]};
        expect_response_comes_through(&request, &response);
    }
}

static void message_of_stats_and_limits_comes_through(void)
{
    seed = test_seed();
    for (int i = 0; i < 100; i++) {
        struct request request = {.op = OP_BANK_STATS, .id = 1};
        struct response response = {0};
#define STAT(name, number)                                                     \
    response.stats.name = test_random(&seed) >> random_below(64);
#include "core/bank_stats.def"
#undef STAT
        response.stats.lifetime_jitter %= UINT32_MAX;
        response.stats.when_full %= 2;
        response.stats.read_only %= 2;
        expect_response_comes_through(&request, &response);
    }
    struct request request = {.op = OP_BANK_CONFIGURE, .id = 1};
    struct response response = {.limits = {.reserved = UINT64_MAX,
                                           .maximum = 65536,
                                           .weight = 1000000,
                                           .maximum_entries = 7,
                                           .default_lifetime_ms = 8,
                                           .maximum_lifetime_ms = 9,
                                           .lifetime_jitter = 10,
                                           .when_full = BANK_REFUSE,
                                           .read_only = 1}};
    expect_response_comes_through(&request, &response);
}

static void expect_list_comes_through(enum op op, size_t count,
                                      size_t cursor_len)
{
    struct request request = {.op = op, .id = 1};
    struct response response = {.cursor_len = cursor_len};
    memset(response.cursor, 0xfe, cursor_len);
    for (size_t i = 0; i < count; i++) {
        struct slice item =
            op == OP_BANK_LIST ? random_name() : random_bytes(KEY_LEN_MAX);
        EXPECT_INT(response_add_item(&response, item), STATUS_OK);
    }
    expect_response_comes_through(&request, &response);
    response_fini(&response);
}

static void message_of_a_page_comes_through(void)
{
    seed = test_seed();
    static const size_t counts[] = {0, 1, 2, 1000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        expect_list_comes_through(OP_BANK_LIST, counts[i], 0);
        expect_list_comes_through(OP_BANK_KEYS, counts[i], 0);
        expect_list_comes_through(OP_BANK_LIST, counts[i], 1);
        expect_list_comes_through(OP_BANK_KEYS, counts[i], CURSOR_LEN_MAX);
    }
}

static void message_of_hello_comes_through(void)
{
    static const char *const items[] = {
        "version",    "0.1.0", "feature",         "put",
        "feature",    "touch", "limit:MAX_FRAME", "8388608",
        "limit:NONE", "0",     "limit:MOST",      "18446744073709551615"};
    struct request request = {.op = OP_HELLO, .id = 1};
    struct response response = {0};
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        response_add_item(&response, slice_of_string(items[i]));
    }
    expect_response_comes_through(&request, &response);
    response_fini(&response);
}

static void message_of_every_error_comes_through(void)
{
    for (enum status status = STATUS_OK + 1; status < STATUS_COUNT; status++) {
        struct request request = {.op = OP_GET, .id = 77};
        struct response response = {0};
        response_fail(&response, status, "%s", status_text(status));
        if (status == STATUS_NOMEM) {
            continue; /* Shares its code and comes out as the other. */
        }
        expect_response_comes_through(&request, &response);
    }
}

static void message_of_a_miss_takes_ten_bytes(void)
{
    struct request request = {.op = OP_GET, .id = 7};
    struct response response = {0};
    struct buffer frame = {0};
    response_fail(&response, STATUS_NOT_FOUND, "%s", "");
    EXPECT_INT(message_encode_response(&request, &response, &frame), STATUS_OK);
    EXPECT_SLICE(buffer_peek(&frame),
                 SLICE_LITERAL("\x00\x00\x00\x06\x08\x07\x7a\x02\x08\x05"));
    buffer_fini(&frame);
}

static void message_of_an_error_ends_at_a_whole_character(void)
{
    struct request request = {.op = OP_GET, .id = 7};
    struct response response = {0};
    struct buffer frame = {0};
    response_fail(&response, STATUS_INTERNAL, "%s", "ab\xe6\x97");
    EXPECT_INT(message_encode_response(&request, &response, &frame), STATUS_OK);
    EXPECT_SLICE(slice_after(buffer_peek(&frame), FRAME_HEADER_LEN),
                 SLICE_LITERAL("\x08\x07\x7a\x06\x08\x0d\x12\x02\x61\x62"));
    buffer_fini(&frame);
}

/* Only counted, never read: the body's memory need not be there. */
static void message_that_is_too_long_becomes_an_error(void)
{
    struct request request = {.op = OP_GET, .id = 7};
    char bytes[1];
    struct response response = {
        .body = {.data = bytes, .end = FRAME_LEN_MAX, .capacity = SIZE_MAX}};
    struct buffer frame = {0};
    struct buffer scratch = {0};
    struct message_head head;
    struct response got = {0};
    EXPECT_INT(message_encode_response(&request, &response, &frame), STATUS_OK);
    EXPECT_INT(message_decode_response(body_of(&frame), &scratch, &head, &got),
               STATUS_OK);
    EXPECT_INT(head.id, 7);
    EXPECT_INT(got.status, STATUS_RESOURCE_EXHAUSTED);
    buffer_fini(&scratch);
    buffer_fini(&frame);
}

static void message_is_appended_to_what_is_there(void)
{
    struct request request = {.op = OP_PING, .id = 7};
    struct response response = {0};
    struct buffer out = {0};
    buffer_append(&out, SLICE_LITERAL("before"));
    message_encode_response(&request, &response, &out);
    message_encode_request(&request, &out);
    EXPECT_SLICE(buffer_peek(&out),
                 SLICE_LITERAL("before\x00\x00\x00\x05\x08\x07\x8a\x01\x00"
                               "\x00\x00\x00\x05\x08\x07\x8a\x01\x00"));
    buffer_fini(&out);
}

static void expect_no_response(struct slice body)
{
    struct slice copy = guard_copy(body);
    struct buffer scratch = {0};
    struct message_head head;
    struct response response = {0};
    EXPECT_INT(message_decode_response(copy, &scratch, &head, &response),
               STATUS_INVALID_ARGUMENT);
    guard_free(copy);
    response_fini(&response);
    buffer_fini(&scratch);
}

static void message_that_is_no_response_is_refused(void)
{
    expect_no_response(slice_of("", 0));
    expect_no_response(SLICE_LITERAL("\x08\x07"));
    expect_no_response(SLICE_LITERAL("\x08\x07\x92\x01\x00"));
    expect_no_response(SLICE_LITERAL("\x08\x07\x1a\x02"));
    expect_no_response(SLICE_LITERAL("\x08\x07\x1a\x02\x0a\x05"));
    expect_no_response(SLICE_LITERAL("\x08\x07\x1a\x02\x08\x05"));
    expect_no_response(SLICE_LITERAL("\x08\x07\x32\x00"));
    char cursor[CURSOR_LEN_MAX + 7] = "\x08\x07\x5a\x43\x12\x41";
    expect_no_response(slice_of(cursor, sizeof cursor));
}

static void message_of_an_unknown_code_is_an_unknown_outcome(void)
{
    struct buffer scratch = {0};
    struct message_head head;
    struct response response = {0};
    EXPECT_INT(message_decode_response(SLICE_LITERAL("\x7a\x02\x08\x63"),
                                       &scratch, &head, &response),
               STATUS_OK);
    EXPECT_INT(response.status, STATUS_UNKNOWN);
    buffer_fini(&scratch);
}

/* Memory. */

static void attempt_request(void *arg)
{
    struct request *request = arg;
    struct buffer frame = {0};
    enum status status = message_encode_request(request, &frame);
    EXPECT_INT(status, starve_has_struck() ? STATUS_NOMEM : STATUS_OK);
    if (status) {
        EXPECT_INT(buffer_len(&frame), 0);
        return;
    }
    struct buffer scratch = {0};
    struct request got;
    struct response response = {0};
    request_init(&got);
    enum message message =
        message_decode_request(body_of(&frame), &scratch, &got, &response);
    EXPECT_INT(message, MESSAGE_READY);
    EXPECT(got.id == request->id);
    buffer_fini(&scratch);
    buffer_fini(&frame);
}

static void message_of_a_request_without_memory_fails_cleanly(void)
{
    seed = test_seed();
    for (enum op op = OP_NONE + 1; op < OP_COUNT; op++) {
        struct request request = random_request(is_said(op) ? op : OP_GET);
        EXPECT_INT(starve(attempt_request, &request), 2);
    }
}

static void attempt_response(void *arg)
{
    struct response *response = arg;
    struct request request = {.op = OP_BANK_KEYS, .id = 7};
    struct buffer frame = {0};
    enum status status = message_encode_response(&request, response, &frame);
    EXPECT_INT(status, starve_has_struck() ? STATUS_NOMEM : STATUS_OK);
    if (status) {
        EXPECT_INT(buffer_len(&frame), 0);
        return;
    }
    struct buffer scratch = {0};
    struct message_head head;
    struct response got = {0};
    status = message_decode_response(body_of(&frame), &scratch, &head, &got);
    EXPECT_INT(status, starve_has_struck() ? STATUS_NOMEM : STATUS_OK);
    response_fini(&got);
    buffer_fini(&scratch);
    buffer_fini(&frame);
}

static void message_of_a_response_without_memory_fails_cleanly(void)
{
    struct response response = {0};
    for (int i = 0; i < 20; i++) {
        response_add_item(&response, SLICE_LITERAL("a key of some length"));
    }
    EXPECT(starve(attempt_response, &response) > 4);
    response_fini(&response);
}

static const struct test_case cases[] = {
    TEST(message_of_every_request_comes_through),
    TEST(message_that_was_damaged_is_read_as_protobuf_c_does),
    TEST(message_of_a_request_that_cannot_be_said_is_not_made),
    TEST(message_of_every_plain_success_comes_through),
    TEST(message_of_a_value_comes_through),
    TEST(message_of_a_sum_comes_through),
    TEST(message_of_stats_and_limits_comes_through),
    TEST(message_of_a_page_comes_through),
    TEST(message_of_hello_comes_through),
    TEST(message_of_every_error_comes_through),
    TEST(message_of_a_miss_takes_ten_bytes),
    TEST(message_of_an_error_ends_at_a_whole_character),
    TEST(message_that_is_too_long_becomes_an_error),
    TEST(message_is_appended_to_what_is_there),
    TEST(message_that_is_no_response_is_refused),
    TEST(message_of_an_unknown_code_is_an_unknown_outcome),
    TEST(message_of_a_request_without_memory_fails_cleanly),
    TEST(message_of_a_response_without_memory_fails_cleanly),
};

SUITE(wire_message, cases);
