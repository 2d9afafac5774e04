/* Connections, dispatch and both faces over real sockets, with an engine that
 * answers at once and with one that answers late and out of order. */
#include "server/server.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"
#include "core/request.h"
#include "core/response.h"
#include "support/resident.h"
#include "support/rig.h"
#include "support/test.h"
#include "wire/message.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUESTS = 300 };

/* Sends `sent` and expects exactly `must` back. */
static void expect_exchange(int fd, struct buffer *sent, struct buffer *must)
{
    struct slice wanted = buffer_peek(must);
    struct buffer got = {0};
    rig_send(fd, buffer_peek(sent));
    char *room = buffer_reserve(&got, wanted.len);
    buffer_commit(&got, rig_read(fd, room, wanted.len));
    EXPECT_SLICE(buffer_peek(&got), wanted);
    buffer_fini(&got);
    buffer_fini(sent);
    buffer_fini(must);
}

/* Pipelines puts, gets and misses; each answer tells which request it is for.
 */
static void exchange_json_in_order(struct rig *rig)
{
    struct buffer sent = {0};
    struct buffer must = {0};
    for (int i = 0; i < REQUESTS; i++) {
        text_append(&sent,
                    "{\"op\":\"put\",\"bank\":\"b\",\"key\":%d,"
                    "\"value\":\"v%d\"}",
                    i, i);
        text_append(&sent, "{\"op\":\"get\",\"bank\":\"b\",\"key\":%d}", i);
        text_append(&sent, "{\"op\":\"get\",\"bank\":\"b\",\"key\":\"no%d\"}",
                    i);
        text_append(&must, "{\"status\": \"ok\", \"data\": {}}");
        text_append(&must, "{\"status\": \"ok\", \"data\": \"v%d\"}", i);
        text_append(
            &must,
            "{\"status\": \"error\", \"message\": \"Key no%d doesn't exist\"}",
            i);
    }
    int fd = rig_connect(rig);
    expect_exchange(fd, &sent, &must);
    close(fd);
}

static void json_answers_in_order_when_the_engine_is_late(void)
{
    struct rig rig;
    rig_start(&rig,
              &(struct rig_options){.is_late = true, .seed = test_seed()});
    exchange_json_in_order(&rig);
    rig_stop(&rig);
}

static void json_answers_in_order_when_the_engine_is_prompt(void)
{
    struct rig rig;
    rig_start(&rig, &(struct rig_options){0});
    exchange_json_in_order(&rig);
    rig_stop(&rig);
}

static void json_keeps_order_with_few_calls_in_flight_and_little_output(void)
{
    struct rig rig;
    rig_start(&rig, &(struct rig_options){
                        .is_late = true,
                        .seed = test_seed(),
                        .limits = {.inflight_max = 3, .output_len_max = 50}});
    exchange_json_in_order(&rig);
    rig_stop(&rig);
}

/* A refusal names the key as it was written, which lies in the input, and
 * waits behind answers that are late. */
static void json_refusals_keep_their_keys_when_the_engine_is_late(void)
{
    struct rig rig;
    rig_start(&rig,
              &(struct rig_options){.is_late = true, .seed = test_seed()});
    int fd = rig_connect(&rig);
    struct buffer sent = {0};
    struct buffer must = {0};
    for (int i = 0; i < REQUESTS; i++) {
        text_append(&sent,
                    "{\"op\":\"put\",\"bank\":\"b\",\"key\":%d,"
                    "\"value\":\"%0500d\"}",
                    i, i);
        text_append(&sent, "{\"op\":\"get\",\"bank\":\"b\",\"key\":[%d]}", i);
        text_append(&must, "{\"status\": \"ok\", \"data\": {}}");
        text_append(&must,
                    "{\"status\": \"error\", "
                    "\"message\": \"Key [%d] doesn't exist\"}",
                    i);
    }
    expect_exchange(fd, &sent, &must);
    close(fd);
    rig_stop(&rig);
}

static void append_put(struct buffer *sent, uint64_t id)
{
    struct request request;
    request_init(&request);
    request.op = OP_PUT;
    request.id = id;
    request.bank = SLICE_LITERAL("b");
    request.key = slice_of(&id, sizeof id - 1);
    request.value = slice_of(&id, sizeof id);
    message_encode_request(&request, sent);
}

/* Reads a frame into `response` and answers its id; 0 when there is none. */
static uint64_t read_response(int fd, struct response *response)
{
    unsigned char head[4];
    if (rig_read(fd, (char *)head, sizeof head) < sizeof head) {
        return 0;
    }
    size_t len = (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    struct buffer body = {0};
    struct buffer scratch = {0};
    struct message_head message = {0};
    char *room = buffer_reserve(&body, len);
    bool is_read = room && rig_read(fd, room, len) == len;
    response_clear(response);
    bool is_good =
        is_read && !message_decode_response(slice_of(room, len), &scratch,
                                            &message, response);
    buffer_fini(&scratch);
    buffer_fini(&body);
    return is_good ? message.id : 0;
}

static uint64_t read_id(int fd)
{
    struct response response = {0};
    uint64_t id = read_response(fd, &response);
    response_fini(&response);
    return id;
}

/* Puts and gets of one key by turns, so that each get shows what was carried
 * out before it; many more than a batch, and their answers much more than
 * the output may hold. The client reads only when all has been sent. */
static void wire_calls_keep_their_order_when_the_output_is_full(void)
{
    enum { TURNS = 300, VALUE_LEN = 3000 };
    struct rig rig;
    rig_start(&rig, &(struct rig_options){.limits = {.output_len_max = 5000}});
    int fd = rig_connect(&rig);
    struct buffer sent = {0};
    char value[VALUE_LEN] = "";
    for (uint64_t i = 0; i < 2 * TURNS; i++) {
        struct request request;
        request_init(&request);
        request.op = i % 2 ? OP_GET : OP_PUT;
        request.id = i + 1;
        request.key = SLICE_LITERAL("key");
        memcpy(value, &i, sizeof i);
        request.value = slice_of(value, i % 2 ? 0 : sizeof value);
        message_encode_request(&request, &sent);
    }
    rig_send(fd, buffer_peek(&sent));
    for (uint64_t i = 0; i < 2 * TURNS; i++) {
        struct response response = {0};
        uint64_t id = read_response(fd, &response);
        if (!EXPECT_INT(id, i + 1)) {
            i = 2 * TURNS;
        } else if (i % 2) {
            uint64_t put_before = i - 1;
            EXPECT_SLICE(slice_of(response.body.data, sizeof put_before),
                         slice_of(&put_before, sizeof put_before));
        }
        response_fini(&response);
    }
    close(fd);
    buffer_fini(&sent);
    rig_stop(&rig);
}

/* Values of half a megabyte, asked for by a client that reads none of them:
 * what has been decoded ahead must not be answered ahead as well. */
static void answers_that_nobody_reads_take_bounded_memory(void)
{
    enum { GETS = 200, VALUE_LEN = 1 << 19, GROWTH_MAX = 8 << 20 };
    struct rig rig;
    rig_start(&rig, &(struct rig_options){.limits = {.output_len_max = 1}});
    int fd = rig_connect(&rig);
    struct buffer sent = {0};
    struct request request;
    request_init(&request);
    request.op = OP_PUT;
    request.key = SLICE_LITERAL("key");
    struct buffer value = {0};
    REQUIRE(buffer_reserve(&value, VALUE_LEN));
    memset(value.data, 'v', VALUE_LEN);
    request.value = slice_of(value.data, VALUE_LEN);
    message_encode_request(&request, &sent);
    rig_send(fd, buffer_peek(&sent));
    struct response response = {0};
    read_response(fd, &response);
    long before = resident_bytes();
    buffer_clear(&sent);
    request.op = OP_GET;
    for (uint64_t id = 1; id <= GETS; id++) {
        request.id = id;
        message_encode_request(&request, &sent);
    }
    rig_send(fd, buffer_peek(&sent));
    EXPECT_INT(read_response(fd, &response), 1);
    EXPECT(IS_SANITIZED || resident_bytes() - before < GROWTH_MAX);
    for (uint64_t id = 2; id <= GETS; id++) {
        EXPECT_INT(read_response(fd, &response), id);
        EXPECT_INT(buffer_len(&response.body), VALUE_LEN);
    }
    response_fini(&response);
    close(fd);
    buffer_fini(&sent);
    buffer_fini(&value);
    rig_stop(&rig);
}

/* Clients by the dozen that each send one request and leave at once. */
static void clients_that_leave_with_their_requests_in_a_batch_are_let_go(void)
{
    enum { CLIENTS = 40, ROUNDS = 20 };
    struct rig rig;
    rig_start(&rig, &(struct rig_options){0});
    struct buffer sent = {0};
    append_put(&sent, 1);
    for (int round = 0; round < ROUNDS; round++) {
        int fds[CLIENTS];
        const struct linger at_once = {.l_onoff = 1};
        for (int i = 0; i < CLIENTS; i++) {
            fds[i] = rig_connect(&rig);
            setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        for (int i = 0; i < CLIENTS; i++) {
            rig_send(fds[i], buffer_peek(&sent));
            if (i % 2) {
                close(fds[i]);
            }
        }
        for (int i = 0; i < CLIENTS; i += 2) {
            EXPECT_INT(read_id(fds[i]), 1);
            close(fds[i]);
        }
    }
    buffer_fini(&sent);
    rig_stop(&rig);
}

static void wire_answers_overtake_each_other_and_each_comes_once(void)
{
    struct rig rig;
    rig_start(&rig,
              &(struct rig_options){.is_late = true, .seed = test_seed()});
    int fd = rig_connect(&rig);
    struct buffer sent = {0};
    for (uint64_t id = 1; id <= REQUESTS; id++) {
        append_put(&sent, id);
    }
    rig_send(fd, buffer_peek(&sent));
    bool has_come[REQUESTS + 1] = {false};
    int overtakings = 0;
    uint64_t last = 0;
    for (int i = 0; i < REQUESTS; i++) {
        uint64_t id = read_id(fd);
        if (!EXPECT(id >= 1 && id <= REQUESTS && !has_come[id])) {
            break;
        }
        has_come[id] = true;
        overtakings += id < last;
        last = id;
    }
    EXPECT(overtakings > 0);
    close(fd);
    buffer_fini(&sent);
    rig_stop(&rig);
}

static void a_client_that_leaves_takes_its_pending_calls_along(void)
{
    struct rig rig;
    rig_start(&rig, &(struct rig_options){
                        .is_late = true, .seed = test_seed(), .workers = 2});
    struct buffer sent = {0};
    for (uint64_t id = 1; id <= REQUESTS; id++) {
        append_put(&sent, id);
    }
    for (int i = 0; i < 20; i++) {
        int fd = rig_connect(&rig);
        rig_send(fd, buffer_peek(&sent));
        if (i % 2) {
            struct linger at_once = {.l_onoff = 1};
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        close(fd);
    }
    exchange_json_in_order(&rig);
    buffer_fini(&sent);
    rig_stop(&rig);
}

/* The last of the cancelled calls comes back when the server has stopped but
 * for it: the engine is closed then, not while it gives the call back. */
static void an_engine_is_not_closed_while_it_finishes_a_call(void)
{
    for (int i = 0; i < 20; i++) {
        struct rig rig;
        rig_start(&rig,
                  &(struct rig_options){.is_late = true,
                                        .seed = test_seed() + (uint64_t)i});
        struct buffer sent = {0};
        for (uint64_t id = 1; id <= REQUESTS; id++) {
            append_put(&sent, id);
        }
        int fd = rig_connect(&rig);
        rig_send(fd, buffer_peek(&sent));
        EXPECT(read_id(fd) > 0);
        struct linger at_once = {.l_onoff = 1};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(fd);
        buffer_fini(&sent);
        rig_stop(&rig);
    }
}

static void what_is_owed_is_answered_after_a_half_close(void)
{
    struct rig rig;
    rig_start(&rig,
              &(struct rig_options){.is_late = true, .seed = test_seed()});
    int fd = rig_connect(&rig);
    struct buffer sent = {0};
    for (uint64_t id = 1; id <= REQUESTS; id++) {
        append_put(&sent, id);
    }
    rig_send(fd, buffer_peek(&sent));
    shutdown(fd, SHUT_WR);
    int answers = 0;
    while (read_id(fd)) {
        answers++;
    }
    EXPECT_INT(answers, REQUESTS);
    close(fd);
    buffer_fini(&sent);
    rig_stop(&rig);
}

static void what_is_owed_is_answered_before_the_server_ends(void)
{
    struct rig rig;
    rig_start(&rig,
              &(struct rig_options){.is_late = true, .seed = test_seed()});
    int fd = rig_connect(&rig);
    struct buffer sent = {0};
    for (uint64_t id = 1; id <= REQUESTS; id++) {
        append_put(&sent, id);
    }
    rig_send(fd, buffer_peek(&sent));
    uint64_t first = read_id(fd);
    EXPECT(first > 0);
    rig_stop(&rig);
    int answers = 1;
    while (read_id(fd)) {
        answers++;
    }
    EXPECT_INT(answers, REQUESTS);
    close(fd);
    buffer_fini(&sent);
}

/* Page after page, behind and before other answers, each key once. */
static void a_listing_streams_in_order_when_the_engine_is_late(void)
{
    struct rig rig;
    rig_start(&rig, &(struct rig_options){.is_late = true,
                                          .seed = test_seed(),
                                          .limits = {.list_len_max = 7}});
    int fd = rig_connect(&rig);
    struct buffer sent = {0};
    struct buffer must = {0};
    for (int i = 100; i < 200; i++) {
        text_append(&sent,
                    "{\"op\":\"put\",\"bank\":\"l\",\"key\":\"k%d\","
                    "\"value\":%d}",
                    i, i);
        text_append(&must, "{\"status\": \"ok\", \"data\": {}}");
    }
    expect_exchange(fd, &sent, &must);
    rig_send(fd, SLICE_LITERAL("{\"op\":\"bank.keys\",\"bank\":\"l\"}"
                               "{\"op\":\"bank.list\"}"));
    static const char head[] = "{\"status\": \"ok\", \"data\": [";
    char text[sizeof head - 1 + 100 * 8 + 1];
    size_t listing_len = sizeof head - 1 + 100 * 8 - 2 + 2;
    EXPECT_INT(rig_read(fd, text, listing_len), listing_len);
    EXPECT(memcmp(text, head, sizeof head - 1) == 0);
    bool has_come[100] = {false};
    for (size_t i = 0; i < 100; i++) {
        int number = atoi(text + sizeof head - 1 + i * 8 + 2) - 100;
        if (!EXPECT(number >= 0 && number < 100 && !has_come[number])) {
            break;
        }
        has_come[number] = true;
    }
    buffer_append(&must, SLICE_LITERAL("{\"status\": \"ok\", \"data\": "
                                       "[\"l\"]}"));
    expect_exchange(fd, &sent, &must);
    close(fd);
    rig_stop(&rig);
}

/* Lists a bank of many pages and resets it in one breath; answers how many
 * keys the listing had. */
static size_t count_listed_before_reset(int fd, int keys)
{
    struct buffer sent = {0};
    struct buffer must = {0};
    for (int i = 0; i < keys; i++) {
        text_append(
            &sent, "{\"op\":\"put\",\"bank\":\"l\",\"key\":%d,\"value\":0}", i);
        text_append(&must, "{\"status\": \"ok\", \"data\": {}}");
    }
    expect_exchange(fd, &sent, &must);
    rig_send(fd, SLICE_LITERAL("{\"op\":\"bank.keys\",\"bank\":\"l\"}"
                               "{\"op\":\"bank.reset\",\"bank\":\"l\"}"));
    /* A comma is behind the status, and between each two keys. */
    size_t count = 0;
    for (char byte = 0; byte != ']' && rig_read(fd, &byte, 1) == 1;) {
        count += byte == ',';
    }
    buffer_append(&must, SLICE_LITERAL("}{\"status\": \"ok\", \"data\": {}}"));
    expect_exchange(fd, &sent, &must);
    return count;
}

static void a_listing_is_whole_when_a_reset_follows_it(void)
{
    for (int is_late = 0; is_late <= 1; is_late++) {
        struct rig rig;
        rig_start(&rig, &(struct rig_options){.is_late = is_late,
                                              .seed = test_seed(),
                                              .limits = {.list_len_max = 7}});
        int fd = rig_connect(&rig);
        EXPECT_INT(count_listed_before_reset(fd, 100), 100);
        close(fd);
        rig_stop(&rig);
    }
}

/* What a listing reads again for each of its pages must be its own: others
 * use the room that it was read into. */
struct disturber {
    struct rig *rig;
    atomic_bool is_over;
};

static void *disturb(void *arg)
{
    struct disturber *disturber = arg;
    int fd = rig_connect(disturber->rig);
    struct buffer sent = {0};
    struct buffer must = {0};
    while (!atomic_load(&disturber->is_over)) {
        text_append(&sent, "{\"op\":\"get\",\"bank\":\"%0100d\",\"key\":\"x\"}",
                    7);
        text_append(
            &must,
            "{\"status\": \"error\", \"message\": \"Key x doesn't exist\"}");
        expect_exchange(fd, &sent, &must);
    }
    close(fd);
    return NULL;
}

static void a_listing_is_not_disturbed_by_other_connections(void)
{
    enum { KEYS = 2000, ITEM_LEN = 8 };
    struct rig rig;
    rig_start(&rig, &(struct rig_options){.limits = {.list_len_max = 1}});
    int fd = rig_connect(&rig);
    struct buffer sent = {0};
    struct buffer must = {0};
    for (int i = 0; i < KEYS; i++) {
        text_append(&sent,
                    "{\"op\":\"put\",\"bank\":\"l\",\"key\":\"%04d\","
                    "\"value\":0}",
                    i);
        text_append(&must, "{\"status\": \"ok\", \"data\": {}}");
    }
    expect_exchange(fd, &sent, &must);
    struct disturber disturber = {.rig = &rig};
    pthread_t thread;
    pthread_create(&thread, NULL, disturb, &disturber);
    rig_send(fd, SLICE_LITERAL("{\"op\":\"bank.keys\",\"bank\":\"l\"}"
                               "{\"op\":\"get\",\"bank\":\"l\","
                               "\"key\":\"none\"}"));
    static const char head[] = "{\"status\": \"ok\", \"data\": [";
    static char text[sizeof head - 1 + KEYS * ITEM_LEN];
    EXPECT_INT(rig_read(fd, text, sizeof text), sizeof text);
    EXPECT(text[sizeof text - 1] == '}');
    atomic_store(&disturber.is_over, true);
    pthread_join(thread, NULL);
    text_append(
        &must,
        "{\"status\": \"error\", \"message\": \"Key none doesn't exist\"}");
    expect_exchange(fd, &sent, &must);
    close(fd);
    rig_stop(&rig);
}

/* Lets one allocation in seven fail while `is_scarce`. */
struct scarcity {
    atomic_bool is_scarce;
    atomic_uint_fast64_t seed;
};

static bool allow_most(void *arg)
{
    struct scarcity *scarcity = arg;
    if (!atomic_load(&scarcity->is_scarce)) {
        return true;
    }
    uint64_t state = atomic_fetch_add(&scarcity->seed, 1);
    return test_random(&state) % 7 != 0;
}

/* Some of everything, on a bank of several pages; the answers do not matter.
 */
static void append_mix(struct buffer *sent, int i)
{
    text_append(sent,
                "{\"op\":\"put\",\"bank\":\"b\",\"key\":%d,"
                "\"value\":\"%0700d\"}"
                "{\"op\":\"get\",\"bank\":\"b\",\"key\":%d}"
                "{\"op\":\"incr\",\"bank\":\"b\",\"key\":%d,\"value\":1}"
                "{\"op\":\"get\",\"bank\":\"b\",\"key\":[%d]}"
                "{\"op\":\"bank.keys\",\"bank\":\"b\"}",
                i, i, i, i, i);
}

static void exchange_anything(const struct rig *rig, struct buffer *sent)
{
    char room[4096];
    struct slice bytes = buffer_peek(sent);
    int fd = rig_connect(rig);
    /* The server may have closed the connection by now. */
    (void)!send(fd, bytes.data, bytes.len, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    while (rig_read(fd, room, sizeof room) == sizeof room) {
    }
    close(fd);
}

static void memory_that_is_scarce_costs_connections_only(void)
{
    struct rig rig;
    struct scarcity scarcity = {.seed = test_seed()};
    memory_set_gate(allow_most, &scarcity);
    rig_start(&rig, &(struct rig_options){
                        .limits = {.list_len_max = 3, .output_len_max = 200}});
    struct buffer json = {0};
    struct buffer wire = {0};
    for (int i = 0; i < 100; i++) {
        append_mix(&json, i);
        append_put(&wire, (uint64_t)i + 1);
    }
    atomic_store(&scarcity.is_scarce, true);
    for (int i = 0; i < 50; i++) {
        exchange_anything(&rig, i % 2 ? &json : &wire);
    }
    atomic_store(&scarcity.is_scarce, false);
    exchange_json_in_order(&rig);
    rig_stop(&rig);
    memory_set_gate(NULL, NULL);
    buffer_fini(&json);
    buffer_fini(&wire);
}

static const struct test_case cases[] = {
    TEST(json_answers_in_order_when_the_engine_is_late),
    TEST(json_answers_in_order_when_the_engine_is_prompt),
    TEST(json_keeps_order_with_few_calls_in_flight_and_little_output),
    TEST(json_refusals_keep_their_keys_when_the_engine_is_late),
    TEST(wire_calls_keep_their_order_when_the_output_is_full),
    TEST(answers_that_nobody_reads_take_bounded_memory),
    TEST(clients_that_leave_with_their_requests_in_a_batch_are_let_go),
    TEST(wire_answers_overtake_each_other_and_each_comes_once),
    TEST(a_client_that_leaves_takes_its_pending_calls_along),
    TEST(an_engine_is_not_closed_while_it_finishes_a_call),
    TEST(what_is_owed_is_answered_after_a_half_close),
    TEST(what_is_owed_is_answered_before_the_server_ends),
    TEST(a_listing_streams_in_order_when_the_engine_is_late),
    TEST(a_listing_is_whole_when_a_reset_follows_it),
    TEST(a_listing_is_not_disturbed_by_other_connections),
    TEST(memory_that_is_scarce_costs_connections_only),
};

SUITE(server_server, cases);
