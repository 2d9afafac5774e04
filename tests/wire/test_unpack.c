#include "wire/unpack.h"

#include "support/starve.h"
#include "support/test.h"
#include "wire/field.h"
#include "wire/guard.h"

#include "cache.pb-c.h"

static const ProtobufCMessageDescriptor *const keys_shape =
    &cacheserver__v1__bank_keys_response__descriptor;

static const struct guard_bounds bounds = {
    .fields_max = 64,
    .elements_max = 100000,
};

static enum status unpack(struct slice bytes,
                          const ProtobufCMessageDescriptor *shape,
                          struct buffer *scratch,
                          const ProtobufCMessage **message)
{
    size_t fields = 0;
    const char *fault = guard_check(bytes, shape, &bounds, &fields);
    if (!EXPECT(!fault)) {
        return STATUS_INTERNAL;
    }
    return unpack_message(bytes, shape, fields, scratch, message);
}

static void unpack_gives_the_fields(void)
{
    struct buffer scratch = {0};
    const ProtobufCMessage *message = NULL;
    struct slice bytes = SLICE_LITERAL("\x0a\x01"
                                       "b\x12\x03key\x18\x01");
    EXPECT_INT(unpack(bytes, &cacheserver__v1__get_request__descriptor,
                      &scratch, &message),
               STATUS_OK);
    if (!message) {
        return;
    }
    const Cacheserver__V1__GetRequest *get = (const void *)message;
    EXPECT_TEXT(slice_of_string(get->bank), "b");
    EXPECT_TEXT(slice_of(get->key.data, get->key.len), "key");
    EXPECT(get->touch);
    EXPECT((const char *)message >= scratch.data &&
           (const char *)message < scratch.data + scratch.capacity);
    buffer_fini(&scratch);
}

enum { ELEMENTS_MAX = 3000, ELEMENT_LEN_MAX = 40 };

static void expect_enough_for(size_t count, size_t len)
{
    static const char key[ELEMENT_LEN_MAX];
    static char bytes[ELEMENTS_MAX * (ELEMENT_LEN_MAX + 2)];
    struct field_writer writer = {.at = bytes};
    for (size_t i = 0; i < count; i++) {
        field_put_bytes(&writer, 1, slice_of(key, len));
    }
    struct buffer scratch = {0};
    const ProtobufCMessage *message = NULL;
    EXPECT_INT(
        unpack(slice_of(bytes, writer.len), keys_shape, &scratch, &message),
        STATUS_OK);
    buffer_fini(&scratch);
}

/* What protobuf-c needs most for, a byte of input: many small elements. */
static void unpack_stays_within_its_budget_however_many_elements(void)
{
    for (size_t count = 0; count < ELEMENTS_MAX; count = count * 3 / 2 + 1) {
        expect_enough_for(count, 0);
        expect_enough_for(count, 13);
        expect_enough_for(count, ELEMENT_LEN_MAX);
    }
}

static void unpack_stays_within_its_budget_with_unknown_fields(void)
{
    for (size_t count = 0; count <= 64; count++) {
        char bytes[64 * 8];
        struct field_writer writer = {.at = bytes};
        for (size_t i = 0; i < count; i++) {
            field_put_bytes(&writer, 100, slice_of("xyz", i % 4));
        }
        struct buffer scratch = {0};
        const ProtobufCMessage *message = NULL;
        EXPECT_INT(
            unpack(slice_of(bytes, writer.len), keys_shape, &scratch, &message),
            STATUS_OK);
        buffer_fini(&scratch);
    }
}

static void unpack_stays_within_its_budget_with_messages_in_it(void)
{
    char bytes[600 * 8];
    struct field_writer writer = {.at = bytes};
    for (size_t i = 0; i < 600; i++) {
        field_put_head(&writer, 3, 5);
        field_put_bytes(&writer, 1, SLICE_LITERAL("x"));
        field_put_varint(&writer, 2, 1);
    }
    struct buffer scratch = {0};
    const ProtobufCMessage *message = NULL;
    EXPECT_INT(unpack(slice_of(bytes, writer.len),
                      &cacheserver__v1__hello_response__descriptor, &scratch,
                      &message),
               STATUS_OK);
    buffer_fini(&scratch);
}

/* A budget for no fields, and a message with many. */
static void unpack_beyond_its_budget_is_refused(void)
{
    char bytes[2000];
    memset(bytes, 0, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i += 2) {
        bytes[i] = 0x0a;
    }
    struct buffer scratch = {0};
    const ProtobufCMessage *message = NULL;
    EXPECT_INT(unpack_message(slice_of(bytes, sizeof bytes), keys_shape, 0,
                              &scratch, &message),
               STATUS_INVALID_ARGUMENT);
    EXPECT(scratch.capacity <= 2 * unpack_budget(sizeof bytes, 0));
    buffer_fini(&scratch);
}

static void unpack_of_what_is_no_message_is_refused(void)
{
    struct buffer scratch = {0};
    const ProtobufCMessage *message = NULL;
    EXPECT_INT(unpack_message(SLICE_LITERAL("\x0a\x05"), keys_shape, 1,
                              &scratch, &message),
               STATUS_INVALID_ARGUMENT);
    buffer_fini(&scratch);
}

static void attempt(void *arg)
{
    (void)arg;
    struct buffer scratch = {0};
    const ProtobufCMessage *message = NULL;
    enum status status = unpack_message(SLICE_LITERAL("\x0a\x01k"), keys_shape,
                                        1, &scratch, &message);
    EXPECT_INT(status, starve_has_struck() ? STATUS_NOMEM : STATUS_OK);
    buffer_fini(&scratch);
}

static void unpack_asks_for_memory_once_only(void)
{
    EXPECT_INT(starve(attempt, NULL), 2);
}

static const struct test_case cases[] = {
    TEST(unpack_gives_the_fields),
    TEST(unpack_stays_within_its_budget_however_many_elements),
    TEST(unpack_stays_within_its_budget_with_unknown_fields),
    TEST(unpack_stays_within_its_budget_with_messages_in_it),
    TEST(unpack_beyond_its_budget_is_refused),
    TEST(unpack_of_what_is_no_message_is_refused),
    TEST(unpack_asks_for_memory_once_only),
};

SUITE(wire_unpack, cases);
