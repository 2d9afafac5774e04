#include "wire/field.h"

#include "support/guard.h"
#include "support/test.h"

/* One field of each type: 1 varint 300, 2 eight bytes, 3 "abc", 4 four. */
static const struct slice all_types = {"\x08\xac\x02"
                                       "\x11\x01\x02\x03\x04\x05\x06\x07\x08"
                                       "\x1a\x03"
                                       "abc"
                                       "\x25\x0a\x0b\x0c\x0d",
                                       22};

static void expect_fault(struct slice bytes, const char *fault)
{
    struct slice copy = guard_copy(bytes);
    struct field_reader reader = {.rest = copy};
    struct field field;
    while (field_next(&reader, &field)) {
    }
    EXPECT_TEXT(slice_of_string(reader.fault ? reader.fault : ""), fault);
    EXPECT(!field_next(&reader, &field));
    guard_free(copy);
}

static void field_of_each_type_is_read(void)
{
    struct field_reader reader = {.rest = all_types};
    struct field field;
    REQUIRE(field_next(&reader, &field));
    EXPECT_INT(field.number, 1);
    EXPECT_INT(field.type, FIELD_VARINT);
    EXPECT_INT(field.value, 300);
    REQUIRE(field_next(&reader, &field));
    EXPECT_INT(field.number, 2);
    EXPECT_INT(field.type, FIELD_FIXED64);
    EXPECT_INT(field.value, 0x0807060504030201);
    REQUIRE(field_next(&reader, &field));
    EXPECT_INT(field.number, 3);
    EXPECT_INT(field.type, FIELD_BYTES);
    EXPECT_TEXT(field.bytes, "abc");
    REQUIRE(field_next(&reader, &field));
    EXPECT_INT(field.number, 4);
    EXPECT_INT(field.type, FIELD_FIXED32);
    EXPECT_INT(field.value, 0x0d0c0b0a);
    EXPECT(!field_next(&reader, &field));
    EXPECT(!reader.fault);
}

static bool is_boundary(size_t len)
{
    return len == 0 || len == 3 || len == 12 || len == 17 || len == 22;
}

static void field_cut_off_anywhere_is_a_fault(void)
{
    for (size_t len = 0; len <= all_types.len; len++) {
        expect_fault(slice_of(all_types.data, len),
                     is_boundary(len) ? "" : "it ends inside a field");
    }
}

static void field_longer_than_the_message_is_a_fault(void)
{
    expect_fault(SLICE_LITERAL("\x0a\x04"
                               "abc"),
                 "it ends inside a field");
    expect_fault(SLICE_LITERAL("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                 "a length has more than 32 bits");
    expect_fault(SLICE_LITERAL("\x0a\xff\xff\xff\xff\x0f"),
                 "it ends inside a field");
}

static void field_with_a_number_of_64_bits_is_read(void)
{
    struct field_reader reader = {
        .rest = SLICE_LITERAL("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")};
    struct field field;
    REQUIRE(field_next(&reader, &field));
    EXPECT(field.value == UINT64_MAX);
}

static void field_with_a_longer_number_is_a_fault(void)
{
    expect_fault(SLICE_LITERAL("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
                 "a number has more than 64 bits");
    expect_fault(
        SLICE_LITERAL("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
        "a number has more than 64 bits");
}

static void field_without_a_legal_number_is_a_fault(void)
{
    const char *fault = "a field has no legal number";
    expect_fault(SLICE_LITERAL("\x00\x01"), fault);
    expect_fault(SLICE_LITERAL("\x02\x00"), fault);
    expect_fault(SLICE_LITERAL("\x80\x80\x80\x80\x10\x01"), fault);
    expect_fault(SLICE_LITERAL("\x88\x80\x80\x80\x80\x00\x01"), fault);
    expect_fault(SLICE_LITERAL("\xf8\xff\xff\xff\x0f\x01"), "");
}

static void field_that_is_a_group_is_a_fault(void)
{
    const char *fault = "a field is a group or of no known type";
    expect_fault(SLICE_LITERAL("\x0b\x0c"), fault);
    expect_fault(SLICE_LITERAL("\x0c"), fault);
    expect_fault(SLICE_LITERAL("\x0e"), fault);
    expect_fault(SLICE_LITERAL("\x0f"), fault);
}

static void field_is_found_by_its_number_the_last_one(void)
{
    struct slice message = SLICE_LITERAL("\x0a\x01"
                                         "a\x12\x01"
                                         "b\x0a\x01"
                                         "c\x08\x05");
    EXPECT_TEXT(field_find(message, 1), "c");
    EXPECT_TEXT(field_find(message, 2), "b");
    EXPECT_TEXT(field_find(message, 3), "");
}

static void put_all_types(struct field_writer *writer)
{
    field_put_varint(writer, 1, 300);
    field_put_fixed64(writer, 2, 0x0807060504030201);
    field_put_bytes(writer, 3, SLICE_LITERAL("abc"));
    field_put_varint(writer, 16, UINT64_MAX);
    field_put_head(writer, (1u << 29) - 1, 0);
}

static void field_is_written_as_it_was_counted(void)
{
    char bytes[64];
    struct field_writer counter = {0};
    struct field_writer writer = {.at = bytes};
    put_all_types(&counter);
    put_all_types(&writer);
    EXPECT_INT(writer.len, counter.len);
    EXPECT(writer.at == bytes + writer.len);
    EXPECT_SLICE(
        slice_of(bytes, writer.len),
        SLICE_LITERAL("\x08\xac\x02"
                      "\x11\x01\x02\x03\x04\x05\x06\x07\x08"
                      "\x1a\x03"
                      "abc"
                      "\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                      "\xfa\xff\xff\xff\x0f\x00"));
}

static void field_of_a_signed_number_zigzags(void)
{
    EXPECT_INT(field_zigzag(0), 0);
    EXPECT_INT(field_zigzag(-1), 1);
    EXPECT_INT(field_zigzag(1), 2);
    EXPECT(field_zigzag(INT64_MAX) == UINT64_MAX - 1);
    EXPECT(field_zigzag(INT64_MIN) == UINT64_MAX);
}

static void a_length_of_more_than_five_bytes_is_a_fault(void)
{
    struct field field;
    struct field_reader good = {.rest =
                                    SLICE_LITERAL("\x0a\x80\x80\x80\x80\x00")};
    EXPECT(field_next(&good, &field));
    EXPECT_INT(field.bytes.len, 0);
    struct field_reader bad = {
        .rest = SLICE_LITERAL("\x0a\x80\x80\x80\x80\x80\x00")};
    EXPECT(!field_next(&bad, &field));
    EXPECT(bad.fault != NULL);
}

static const struct test_case cases[] = {
    TEST(a_length_of_more_than_five_bytes_is_a_fault),
    TEST(field_of_each_type_is_read),
    TEST(field_cut_off_anywhere_is_a_fault),
    TEST(field_longer_than_the_message_is_a_fault),
    TEST(field_with_a_number_of_64_bits_is_read),
    TEST(field_with_a_longer_number_is_a_fault),
    TEST(field_without_a_legal_number_is_a_fault),
    TEST(field_that_is_a_group_is_a_fault),
    TEST(field_is_found_by_its_number_the_last_one),
    TEST(field_is_written_as_it_was_counted),
    TEST(field_of_a_signed_number_zigzags),
};

SUITE(wire_field, cases);
