/* The server's way out, held to protobuf-c for every operation and every
 * field. */
#include "core/limits.h"
#include "core/request.h"
#include "core/response.h"
#include "support/starve.h"
#include "support/test.h"
#include "wire/frame.h"
#include "wire/meaning.h"
#include "wire/message.h"

#include "cache.pb-c.h"

#include <math.h>
#include <stdlib.h>

enum { ROUNDS = 300 };

static uint64_t seed;

static size_t random_below(size_t n)
{
    return (size_t)(test_random(&seed) % n);
}

static uint64_t random_count(void)
{
    return random_below(8) ? test_random(&seed) >> random_below(64) : 0;
}

/* None of the fields in `message`, or in those in it, is unknown. */
static bool is_known(const ProtobufCMessage *message)
{
    bool held = EXPECT_INT(message->n_unknown_fields, 0);
    for (unsigned i = 0; held && i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const char *bytes = (const char *)message;
        const ProtobufCMessage *const *inner;
        size_t count = 1;
        if (field->type != PROTOBUF_C_TYPE_MESSAGE) {
            continue;
        }
        inner = (const void *)(bytes + field->offset);
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            memcpy(&count, bytes + field->quantifier_offset, sizeof count);
            memcpy(&inner, bytes + field->offset, sizeof inner);
        } else if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
            uint32_t number;
            memcpy(&number, bytes + field->quantifier_offset, sizeof number);
            count = number == field->id;
        }
        for (size_t j = 0; held && j < count; j++) {
            held = !inner[j] || is_known(inner[j]);
        }
    }
    return held;
}

static bool is_as_protobuf_c_writes(const Cacheserver__V1__Response *response,
                                    struct slice body)
{
    size_t len = cacheserver__v1__response__get_packed_size(response);
    uint8_t *bytes = malloc(len + 1);
    cacheserver__v1__response__pack(response, bytes);
    bool held = EXPECT_SLICE(body, slice_of(bytes, len));
    free(bytes);
    return held;
}

static bool expect_answer(const struct request *request,
                          const struct response *response)
{
    struct buffer frame = {0};
    struct slice body;
    EXPECT_INT(message_encode_response(request, response, &frame), STATUS_OK);
    EXPECT_INT(frame_peek(buffer_peek(&frame), FRAME_LEN_MAX, &body),
               FRAME_READY);
    bool held = EXPECT_INT(body.len + FRAME_HEADER_LEN, buffer_len(&frame));
    Cacheserver__V1__Response *unpacked = cacheserver__v1__response__unpack(
        NULL, body.len, (const uint8_t *)body.data);
    if (EXPECT(unpacked != NULL)) {
        held = is_known(&unpacked->base) && held;
        held = is_as_protobuf_c_writes(unpacked, body) && held;
        held = same_answer(unpacked, request, response,
                           op_info(request->op)->name) &&
               held;
        cacheserver__v1__response__free_unpacked(unpacked, NULL);
    }
    buffer_fini(&frame);
    return held;
}

static void add_random_bytes(struct buffer *out, size_t len_max)
{
    for (size_t len = random_below(len_max + 1); len > 0; len--) {
        char byte = (char)test_random(&seed);
        EXPECT_INT(buffer_append(out, slice_of(&byte, 1)), STATUS_OK);
    }
}

static struct entry_facts random_facts(void)
{
    struct entry_facts facts = {
        .version = random_count(),
        .size = random_count(),
        .lifetime_ms = random_count(),
        .kind = (enum value_kind)random_below(VALUE_KIND_COUNT),
    };
    facts.remaining_ms = facts.lifetime_ms ? 1 + random_count() / 2 : 0;
    return facts;
}

static void add_random_results(struct response *response, bool has_values)
{
    size_t count = random_below(random_below(8) ? 4 : 400);
    for (size_t i = 0; i < count; i++) {
        struct batch_result result = {
            .status = (enum status)random_below(STATUS_COUNT)};
        size_t len_before = buffer_len(&response->body);
        if (has_values) {
            add_random_bytes(&response->body, 40);
            result.kind = (enum value_kind)random_below(VALUE_KIND_COUNT);
            result.len = buffer_len(&response->body) - len_before;
            result.version = random_count();
        }
        EXPECT_INT(
            buffer_append(&response->results, slice_of(&result, sizeof result)),
            STATUS_OK);
    }
    response->count = count;
}

static void add_random_entries(struct response *response)
{
    struct buffer bytes = {0};
    size_t count = random_below(20);
    for (size_t i = 0; i < count; i++) {
        buffer_clear(&bytes);
        add_random_bytes(&bytes, 200);
        struct slice all = buffer_peek(&bytes);
        size_t key_len = random_below(all.len + 1);
        struct entry_item item = {.key = slice_of(all.data, key_len),
                                  .value = slice_after(all, key_len),
                                  .facts = random_facts()};
        response_add_entry(response, &item);
    }
    buffer_fini(&bytes);
}

static void add_random_names(struct response *response, bool has_counts)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    for (size_t count = random_below(20); count > 0; count--) {
        struct bank_counts counts = {random_count(), random_count()};
        struct slice name = slice_of(letters, random_below(sizeof letters));
        EXPECT_INT(response_add_item(response, name), STATUS_OK);
        if (has_counts) {
            EXPECT_INT(buffer_append(&response->results,
                                     slice_of(&counts, sizeof counts)),
                       STATUS_OK);
        }
    }
}

static void set_random_cursor(struct response *response)
{
    static const size_t lens[] = {0, 1, CURSOR_LEN_MAX};
    response->cursor_len = lens[random_below(3)];
    for (size_t i = 0; i < response->cursor_len; i++) {
        response->cursor[i] = (char)test_random(&seed);
    }
}

static void set_random_numbers(struct response *response)
{
    static const double reals[] = {0.0, -0.0, 1.5, -INFINITY, (double)NAN};
#define STAT(name, number) response->stats.name = random_count();
#include "core/bank_stats.def"
#undef STAT
    response->stats.lifetime_jitter = (uint32_t)response->stats.lifetime_jitter;
    response->stats.when_full %= 2;
    response->stats.read_only %= 2;
#define LIMIT(name, ...) response->limits.name = random_count();
#include "core/bank_limits.def"
#undef LIMIT
    response->limits.weight = (uint32_t)response->limits.weight;
    response->limits.lifetime_jitter =
        (uint32_t)response->limits.lifetime_jitter;
    response->limits.when_full %= 2;
    response->limits.read_only %= 2;
    response->number.is_integer = random_below(2);
    if (response->number.is_integer) {
        response->number.integer = (int64_t)random_count();
    } else {
        response->number.real = reals[random_below(5)];
    }
}

/* What is in `body` and `results`. */
static void set_random_items(const struct request *request,
                             struct response *response)
{
    switch ((int)request->op) {
    case OP_GET:
        add_random_bytes(&response->body, 300);
        break;
    case OP_PUT:
    case OP_REMOVE:
        response->has_previous = random_below(2);
        if (response->has_previous) {
            add_random_bytes(&response->body, 300);
        }
        break;
    case OP_GET_MANY:
    case OP_PUT_MANY:
    case OP_REMOVE_MANY:
    case OP_TOUCH_MANY:
        add_random_results(response, request->op == OP_GET_MANY);
        break;
    case OP_BANK_LIST:
        add_random_names(response, request->wants_counts);
        break;
    case OP_BANK_KEYS:
        add_random_names(response, false);
        break;
    case OP_BANK_ENTRIES:
        add_random_entries(response);
        break;
    case OP_REMOVE_BY_PREFIX:
        response->count = (size_t)random_count();
        break;
    default:
        break;
    }
}

static bool expect_random_answer(enum op op)
{
    struct request request = {.op = op,
                              .id = random_count(),
                              .wants_previous = random_below(2),
                              .wants_version = random_below(2),
                              .wants_lifetime = random_below(2),
                              .wants_counts = random_below(2)};
    struct response response = {
        .kind = (enum value_kind)random_below(VALUE_KIND_COUNT),
        .facts = random_facts(),
        .version = random_count()};
    set_random_items(&request, &response);
    set_random_cursor(&response);
    set_random_numbers(&response);
    bool held = expect_answer(&request, &response);
    response_fini(&response);
    return held;
}

static void every_answer_is_written_as_protobuf_c_does(void)
{
    seed = test_seed();
    for (int i = 0; i < ROUNDS; i++) {
        for (enum op op = OP_NONE + 1; op < OP_COUNT; op++) {
            if (!expect_random_answer(op)) {
                return;
            }
        }
    }
}

/* With and without what made it fail. */
static void every_error_is_written_as_protobuf_c_does(void)
{
    seed = test_seed();
    for (int i = 0; i < ROUNDS; i++) {
        struct request request = {.op = OP_PUT, .id = random_count()};
        struct response response = {0};
        enum status status = (enum status)(1 + random_below(STATUS_COUNT - 1));
        if (random_below(2)) {
            response.has_previous = true;
            response.kind = (enum value_kind)random_below(VALUE_KIND_COUNT);
            response.facts = random_facts();
            add_random_bytes(&response.body, 300);
        }
        response_fail_beside(&response, status,
                             random_below(2) ? status_text(status) : "");
        EXPECT(expect_answer(&request, &response));
        response_fini(&response);
    }
}

/* Only counted, never read: the body's memory need not be there. */
static void an_answer_that_is_too_long_becomes_an_error(void)
{
    char bytes[1];
    struct buffer endless = {
        .data = bytes, .end = FRAME_LEN_MAX, .capacity = SIZE_MAX};
    struct batch_result result = {.len = FRAME_LEN_MAX};
    struct response many = {.body = endless, .count = 1};
    struct response previous = {.body = endless, .has_previous = true};
    struct response failed = {.body = endless, .has_previous = true};
    EXPECT_INT(buffer_append(&many.results, slice_of(&result, sizeof result)),
               STATUS_OK);
    response_fail_beside(&failed, STATUS_ALREADY_EXISTS, "");
    const struct {
        enum op op;
        const struct response *response;
    } all[] = {{OP_GET_MANY, &many}, {OP_PUT, &previous}, {OP_PUT, &failed}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct request request = {.op = all[i].op, .id = 7};
        struct response refusal = {0};
        struct buffer frame = {0};
        struct slice body;
        response_fail(&refusal, STATUS_RESOURCE_EXHAUSTED,
                      "the answer does not fit into a frame");
        EXPECT_INT(message_encode_response(&request, all[i].response, &frame),
                   STATUS_OK);
        EXPECT_INT(frame_peek(buffer_peek(&frame), FRAME_LEN_MAX, &body),
                   FRAME_READY);
        Cacheserver__V1__Response *got = cacheserver__v1__response__unpack(
            NULL, body.len, (const uint8_t *)body.data);
        EXPECT(got && same_answer(got, &request, &refusal, "a refusal"));
        cacheserver__v1__response__free_unpacked(got, NULL);
        buffer_fini(&frame);
    }
    buffer_fini(&many.results);
}

static void attempt_answer(void *arg)
{
    struct response *response = arg;
    struct request request = {.op = OP_GET_MANY, .id = 7};
    struct buffer frame = {0};
    enum status status = message_encode_response(&request, response, &frame);
    EXPECT_INT(status, starve_has_struck() ? STATUS_NOMEM : STATUS_OK);
    EXPECT_INT(buffer_len(&frame) == 0, status != STATUS_OK);
    buffer_fini(&frame);
}

static void an_answer_to_many_without_memory_fails_cleanly(void)
{
    struct response response = {0};
    seed = test_seed();
    add_random_results(&response, true);
    EXPECT_INT(starve(attempt_answer, &response), 2);
    response_fini(&response);
}

static const struct test_case cases[] = {
    TEST(every_answer_is_written_as_protobuf_c_does),
    TEST(every_error_is_written_as_protobuf_c_does),
    TEST(an_answer_that_is_too_long_becomes_an_error),
    TEST(an_answer_to_many_without_memory_fails_cleanly),
};

SUITE(wire_message_answers, cases);
