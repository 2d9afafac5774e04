#include "core/request.h"

#include "core/limits.h"
#include "core/response.h"
#include "support/test.h"

static const struct limits limits = {
    .frame_len_max = 64 * 1024,
    .list_len_max = 100,
};

static char long_bytes[64 * 1024];

/* Whether `request` is refused with a message that begins with `field`. */
static bool is_refused(struct request *request, const char *field)
{
    struct response response = {0};
    response_clear(&response);
    bool is_good = request_check(request, &limits, &response);
    bool names_field = slice_starts_with(slice_of_string(response.message),
                                         slice_of_string(field));
    response_fini(&response);
    return !is_good && names_field &&
           response.status == STATUS_INVALID_ARGUMENT;
}

static bool is_taken(struct request *request)
{
    struct response response = {0};
    response_clear(&response);
    return request_check(request, &limits, &response) &&
           response.status == STATUS_OK;
}

static struct request put_of(struct slice value, enum value_kind kind)
{
    return (struct request){.op = OP_PUT, .value = value, .kind = kind};
}

static void empty_bank_and_key_are_legal(void)
{
    struct request request = put_of(SLICE_LITERAL(""), VALUE_BYTES);
    EXPECT(is_taken(&request));
}

static void a_bank_is_utf8_without_nul_up_to_its_length(void)
{
    struct request request = {.op = OP_GET};
    request.bank = slice_of(long_bytes, BANK_LEN_MAX + 1);
    EXPECT(is_refused(&request, "bank"));
    request.bank = SLICE_LITERAL("a\0b");
    EXPECT(is_refused(&request, "bank"));
    request.bank = SLICE_LITERAL("\xff");
    EXPECT(is_refused(&request, "bank"));
    request.bank = SLICE_LITERAL("caf\xc3\xa9");
    EXPECT(is_taken(&request));
}

static void a_key_is_any_bytes_up_to_its_length(void)
{
    struct request request = {.op = OP_REMOVE};
    request.key = slice_of(long_bytes, KEY_LEN_MAX);
    EXPECT(is_taken(&request));
    request.key = slice_of(long_bytes, KEY_LEN_MAX + 1);
    EXPECT(is_refused(&request, "key"));
}

static void a_value_is_of_its_kind_and_fits_a_frame(void)
{
    size_t most = limits_value_len_max(&limits);
    struct request fits = put_of(slice_of(long_bytes, most), VALUE_BYTES);
    EXPECT(is_taken(&fits));
    struct request over = put_of(slice_of(long_bytes, most + 1), VALUE_BYTES);
    EXPECT(is_refused(&over, "value"));
    struct request text = put_of(SLICE_LITERAL("\x80"), VALUE_TEXT);
    EXPECT(is_refused(&text, "value"));
    text.is_value_checked = true;
    EXPECT(is_taken(&text));
    struct request json = put_of(SLICE_LITERAL("{\"a\":}"), VALUE_JSON);
    EXPECT(is_refused(&json, "value"));
    json.value = SLICE_LITERAL(" {\"a\":[1, NaN]} ");
    EXPECT(is_taken(&json));
}

static void a_page_has_a_bounded_number_of_items(void)
{
    struct request request = {.op = OP_BANK_LIST};
    EXPECT(is_taken(&request));
    EXPECT_INT(request.limit, 100);
    request.limit = 7;
    EXPECT(is_taken(&request));
    EXPECT_INT(request.limit, 7);
    request.limit = 101;
    EXPECT(is_taken(&request));
    EXPECT_INT(request.limit, 100);
}

static void a_cursor_and_a_prefix_have_bounded_lengths(void)
{
    struct request request = {.op = OP_BANK_KEYS};
    request.cursor = slice_of(long_bytes, CURSOR_LEN_MAX + 1);
    EXPECT(is_refused(&request, "cursor"));
    request.cursor = slice_of(NULL, 0);
    request.prefix = slice_of(long_bytes, KEY_LEN_MAX + 1);
    EXPECT(is_refused(&request, "prefix"));
}

static void limits_of_a_bank_have_bounds(void)
{
    struct request request = {.op = OP_BANK_CONFIGURE};
    struct bank_change *change = &request.change;
    EXPECT(is_taken(&request));
    change->has_maximum = true;
    EXPECT(is_taken(&request));
    change->limits.maximum = BANK_MAXIMUM_MIN - 1;
    EXPECT(is_refused(&request, "maximum"));
    change->limits.maximum = BANK_MAXIMUM_MIN;
    EXPECT(is_taken(&request));
    change->has_weight = true;
    EXPECT(is_refused(&request, "weight"));
    change->limits.weight = BANK_WEIGHT_MAX + 1;
    EXPECT(is_refused(&request, "weight"));
    change->limits.weight = BANK_WEIGHT_MAX;
    EXPECT(is_taken(&request));
}

static const struct test_case cases[] = {
    TEST(empty_bank_and_key_are_legal),
    TEST(a_bank_is_utf8_without_nul_up_to_its_length),
    TEST(a_key_is_any_bytes_up_to_its_length),
    TEST(a_value_is_of_its_kind_and_fits_a_frame),
    TEST(a_page_has_a_bounded_number_of_items),
    TEST(limits_of_a_bank_have_bounds),
    TEST(a_cursor_and_a_prefix_have_bounded_lengths),
};

SUITE(core_request, cases);
