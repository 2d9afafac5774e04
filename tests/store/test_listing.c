#include "store/listing.h"

#include "core/response.h"
#include "store/store.h"
#include "support/test.h"

static const struct hash_key secret = {1, 2};

/* Nodes that share hashes, as no two keys can be made to by hand. */
enum { TIED = 8 };

static struct table_node tied[TIED];
static char names[TIED];

static void fill(struct table *table)
{
    table_init(table, 0);
    for (size_t i = 0; i < TIED; i++) {
        names[i] = (char)('a' + i);
        tied[i] =
            (struct table_node){.hash = i / 4 * 1000, .key = {&names[i], 1}};
        EXPECT_INT(table_reserve(table), STATUS_OK);
        table_insert(table, &tied[i]);
    }
}

static void empty(struct table *table)
{
    table_drain(table, SIZE_MAX);
    table_fini(table);
}

static void page_takes_all_keys_of_a_hash_or_none(void)
{
    struct table table;
    struct response response = {0};
    struct listing listing;
    const struct store_page page = {.limit = 1};
    fill(&table);
    listing_start(&listing, &page, 0, &response);
    EXPECT_INT(listing_reserve(&listing), STATUS_OK);
    EXPECT_INT(listing_step(&listing, &table, NULL), STATUS_OK);
    EXPECT(listing_is_over(&listing));
    EXPECT_INT(response.count, 4);
    EXPECT_INT(listing.walk.position, 1);
    response_fini(&response);
    empty(&table);
}

static void step_that_lacks_room_goes_on_after_it_was_reserved(void)
{
    enum { LONG = 100000 };
    static char long_name[LONG];
    memset(long_name, 'x', LONG);
    struct table table;
    struct response response = {0};
    struct listing listing;
    const struct store_page page = {.limit = 10};
    struct table_node node = {.hash = 5, .key = {long_name, LONG}};
    table_init(&table, 0);
    EXPECT_INT(table_reserve(&table), STATUS_OK);
    table_insert(&table, &node);
    listing_start(&listing, &page, 0, &response);
    EXPECT_INT(listing_reserve(&listing), STATUS_OK);
    EXPECT_INT(listing_step(&listing, &table, NULL), STATUS_OK);
    EXPECT_INT(response.count, 0);
    EXPECT(!listing_is_over(&listing));
    EXPECT_INT(listing_reserve(&listing), STATUS_OK);
    EXPECT_INT(listing_step(&listing, &table, NULL), STATUS_OK);
    EXPECT_INT(response.count, 1);
    response_fini(&response);
    empty(&table);
}

static bool is_never_there(struct table_node *node)
{
    (void)node;
    return false;
}

static void page_without_items_ends_after_so_many_looks(void)
{
    enum { COUNT = 2 * LISTING_LOOKS_MAX };
    static struct table_node nodes[COUNT];
    struct table table;
    struct response response = {0};
    struct listing listing;
    const struct store_page page = {.limit = 10};
    table_init(&table, 0);
    for (uint64_t i = 0; i < COUNT; i++) {
        uint64_t state = i;
        nodes[i] = (struct table_node){.hash = test_random(&state)};
        EXPECT_INT(table_reserve(&table), STATUS_OK);
        table_insert(&table, &nodes[i]);
    }
    listing_start(&listing, &page, 0, &response);
    listing.end_us = UINT64_MAX;
    while (!listing_is_over(&listing)) {
        EXPECT_INT(listing_reserve(&listing), STATUS_OK);
        size_t before = listing.looks_left;
        EXPECT_INT(listing_step(&listing, &table, is_never_there), STATUS_OK);
        EXPECT(before - listing.looks_left <= LISTING_LOOKS_STEP);
    }
    EXPECT_INT(listing.looks_left, 0);
    EXPECT(!listing.walk.is_end);
    EXPECT(listing.walk.position > 0);
    response_fini(&response);
    empty(&table);
}

/* The cursor of `given` as bytes in `response`. */
static struct slice encode(const struct cursor *given,
                           struct response *response)
{
    cursor_encode(given, &secret, response);
    return slice_of(response->cursor, response->cursor_len);
}

static void cursor_comes_back_as_it_was_given_out(void)
{
    struct response response = {0};
    const struct cursor given = {7, 8, 9};
    struct cursor got;
    struct slice bytes = encode(&given, &response);
    EXPECT_INT(cursor_decode(&got, &secret, 7, bytes), STATUS_OK);
    EXPECT_INT(got.scope, 7);
    EXPECT_INT(got.incarnation, 8);
    EXPECT_INT(got.position, 9);
}

static void empty_cursor_is_the_start(void)
{
    struct cursor got;
    EXPECT_INT(cursor_decode(&got, &secret, 7, slice_of("", 0)), STATUS_OK);
    EXPECT_INT(got.position, 0);
}

static void cursor_of_another_list_is_invalid(void)
{
    struct response response = {0};
    const struct cursor given = {7, 8, 9};
    const struct hash_key other = {1, 3};
    struct cursor got;
    struct slice bytes = encode(&given, &response);
    EXPECT_INT(cursor_decode(&got, &secret, 6, bytes), STATUS_INVALID_ARGUMENT);
    EXPECT_INT(cursor_decode(&got, &other, 7, bytes), STATUS_INVALID_ARGUMENT);
}

static void flip_bit(char *byte, size_t bit)
{
    *byte = (char)((unsigned char)*byte ^ (unsigned char)(1u << bit));
}

static void cursor_with_any_bit_changed_is_invalid(void)
{
    struct response response = {0};
    const struct cursor given = {7, 8, 9};
    struct cursor got;
    struct slice bytes = encode(&given, &response);
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        flip_bit(&response.cursor[bit / 8], bit % 8);
        EXPECT_INT(cursor_decode(&got, &secret, 7, bytes),
                   STATUS_INVALID_ARGUMENT);
        flip_bit(&response.cursor[bit / 8], bit % 8);
    }
}

static void cursor_of_any_other_length_is_invalid(void)
{
    struct response response = {0};
    const struct cursor given = {7, 8, 9};
    struct cursor got;
    struct slice bytes = encode(&given, &response);
    for (size_t len = 1; len <= CURSOR_LEN_MAX; len++) {
        if (len != bytes.len) {
            EXPECT_INT(
                cursor_decode(&got, &secret, 7, slice_of(bytes.data, len)),
                STATUS_INVALID_ARGUMENT);
        }
    }
}

static const struct test_case cases[] = {
    TEST(page_takes_all_keys_of_a_hash_or_none),
    TEST(step_that_lacks_room_goes_on_after_it_was_reserved),
    TEST(page_without_items_ends_after_so_many_looks),
    TEST(cursor_comes_back_as_it_was_given_out),
    TEST(empty_cursor_is_the_start),
    TEST(cursor_of_another_list_is_invalid),
    TEST(cursor_with_any_bit_changed_is_invalid),
    TEST(cursor_of_any_other_length_is_invalid),
};

SUITE(store_listing, cases);
