#include "wire/envelope.h"

#include "support/guard.h"
#include "support/test.h"

static enum envelope_state read_copy(struct slice bytes,
                                     struct envelope *envelope)
{
    struct slice copy = guard_copy(bytes);
    enum envelope_state state = envelope_read(copy, envelope);
    guard_free(copy);
    return state;
}

static void envelope_of_nothing_is_in_order(void)
{
    struct envelope envelope;
    EXPECT_INT(read_copy(slice_of("", 0), &envelope), ENVELOPE_READY);
    EXPECT_INT(envelope.id, 0);
    EXPECT_INT(envelope.number, 0);
    EXPECT_INT(envelope.unknown, 0);
}

static void envelope_tells_id_and_message(void)
{
    struct slice body = SLICE_LITERAL("\x08\x07\x1a\x02"
                                      "ab");
    struct envelope envelope;
    EXPECT_INT(envelope_read(body, &envelope), ENVELOPE_READY);
    EXPECT_INT(envelope.id, 7);
    EXPECT_INT(envelope.number, 3);
    EXPECT_TEXT(envelope.message, "ab");
}

static void envelope_takes_the_last_of_each(void)
{
    struct slice body = SLICE_LITERAL("\x08\x05\x22\x01"
                                      "a\x1a\x01"
                                      "b\x08\x07");
    struct envelope envelope;
    EXPECT_INT(envelope_read(body, &envelope), ENVELOPE_READY);
    EXPECT_INT(envelope.id, 7);
    EXPECT_INT(envelope.number, 3);
    EXPECT_TEXT(envelope.message, "b");
}

static void envelope_keeps_the_number_of_an_unknown_message(void)
{
    struct envelope envelope;
    EXPECT_INT(read_copy(SLICE_LITERAL("\x92\x01\x00"), &envelope),
               ENVELOPE_READY);
    EXPECT_INT(envelope.number, 0);
    EXPECT_INT(envelope.unknown, 18);
}

static void envelope_passes_over_unknown_numbers(void)
{
    struct envelope envelope;
    EXPECT_INT(
        read_copy(SLICE_LITERAL("\x08\x07\x98\x01\x05\x78\x0a"), &envelope),
        ENVELOPE_READY);
    EXPECT_INT(envelope.id, 7);
    EXPECT_INT(envelope.number, 0);
    EXPECT_INT(envelope.unknown, 0);
}

static void envelope_broken_behind_its_id_still_has_it(void)
{
    struct envelope envelope;
    EXPECT_INT(read_copy(SLICE_LITERAL("\x08\x07\x1a\x05"), &envelope),
               ENVELOPE_BROKEN);
    EXPECT_INT(envelope.id, 7);
    EXPECT_TEXT(slice_of_string(envelope.fault), "it ends inside a field");
}

static void envelope_whose_second_id_is_no_number_is_broken(void)
{
    struct envelope envelope;
    EXPECT_INT(read_copy(SLICE_LITERAL("\x08\x07\x0a\x00"), &envelope),
               ENVELOPE_BROKEN);
    EXPECT_INT(envelope.id, 7);
}

static void envelope_broken_before_its_id_is_bad(void)
{
    struct envelope envelope;
    EXPECT_INT(read_copy(SLICE_LITERAL("\x1a\x05\x08\x07"), &envelope),
               ENVELOPE_BAD);
    EXPECT_INT(read_copy(SLICE_LITERAL("\x0a\x00\x08\x07"), &envelope),
               ENVELOPE_BAD);
    EXPECT_INT(read_copy(SLICE_LITERAL("\x08"), &envelope), ENVELOPE_BAD);
}

static const struct test_case cases[] = {
    TEST(envelope_of_nothing_is_in_order),
    TEST(envelope_tells_id_and_message),
    TEST(envelope_takes_the_last_of_each),
    TEST(envelope_keeps_the_number_of_an_unknown_message),
    TEST(envelope_passes_over_unknown_numbers),
    TEST(envelope_broken_behind_its_id_still_has_it),
    TEST(envelope_whose_second_id_is_no_number_is_broken),
    TEST(envelope_broken_before_its_id_is_bad),
};

SUITE(wire_envelope, cases);
