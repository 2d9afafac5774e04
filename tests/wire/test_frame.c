#include "wire/frame.h"

#include "support/guard.h"
#include "support/test.h"

static void frame_waits_for_the_rest_of_the_header(void)
{
    struct slice whole = SLICE_LITERAL("\x00\x00\x00\x02hi");
    for (size_t len = 0; len < FRAME_HEADER_LEN; len++) {
        struct slice start = guard_copy(slice_of(whole.data, len));
        struct slice body;
        EXPECT_INT(frame_peek(start, 100, &body), FRAME_MORE);
        guard_free(start);
    }
}

static void frame_waits_for_the_rest_of_the_body(void)
{
    struct slice whole = SLICE_LITERAL("\x00\x00\x00\x02hi");
    for (size_t len = FRAME_HEADER_LEN; len < whole.len; len++) {
        struct slice start = guard_copy(slice_of(whole.data, len));
        struct slice body;
        EXPECT_INT(frame_peek(start, 100, &body), FRAME_MORE);
        guard_free(start);
    }
}

static void frame_ends_where_its_length_says(void)
{
    struct slice two = SLICE_LITERAL("\x00\x00\x00\x02hi\x00\x00\x00\x00");
    struct slice body;
    EXPECT_INT(frame_peek(two, 100, &body), FRAME_READY);
    EXPECT_TEXT(body, "hi");
    EXPECT_INT(frame_peek(slice_after(two, 6), 100, &body), FRAME_READY);
    EXPECT_INT(body.len, 0);
}

static void frame_of_the_greatest_length_is_allowed(void)
{
    struct slice header = SLICE_LITERAL("\x00\x01\x02\x03");
    struct slice body;
    EXPECT_INT(frame_peek(header, 0x010203, &body), FRAME_MORE);
    EXPECT_INT(frame_peek(header, 0x010202, &body), FRAME_BAD);
}

static void frame_too_long_is_bad_before_its_body_comes(void)
{
    struct slice header = SLICE_LITERAL("\xff\xff\xff\xff");
    struct slice body;
    EXPECT_INT(frame_peek(slice_of(header.data, 3), FRAME_LEN_MAX, &body),
               FRAME_MORE);
    EXPECT_INT(frame_peek(header, FRAME_LEN_MAX, &body), FRAME_BAD);
}

static void frame_header_is_big_endian(void)
{
    char header[FRAME_HEADER_LEN];
    frame_put_header(header, 0x010203);
    EXPECT_SLICE(slice_of(header, sizeof header),
                 SLICE_LITERAL("\x00\x01\x02\x03"));
    frame_put_header(header, FRAME_LEN_MAX);
    EXPECT_SLICE(slice_of(header, sizeof header),
                 SLICE_LITERAL("\x07\x80\x00\x00"));
}

static const struct test_case cases[] = {
    TEST(frame_waits_for_the_rest_of_the_header),
    TEST(frame_waits_for_the_rest_of_the_body),
    TEST(frame_ends_where_its_length_says),
    TEST(frame_of_the_greatest_length_is_allowed),
    TEST(frame_too_long_is_bad_before_its_body_comes),
    TEST(frame_header_is_big_endian),
};

SUITE(wire_frame, cases);
