#include "compat/json_config.h"

#include "base/text.h"
#include "support/folder.h"
#include "support/starve.h"
#include "support/test.h"

/* What a file came to: its pairs as a text, `key=value;`, strings in
 * quotes. */
struct reading {
    enum status status;
    struct buffer pairs;
    struct buffer reason;
};

static struct folder folder;

static enum status note_pair(void *arg, const struct config_pair *pair)
{
    struct buffer *pairs = arg;
    const char *quote = pair->is_string ? "\"" : "";
    text_append(pairs, "%.*s=%s%.*s%s;", (int)pair->key.len, pair->key.data,
                quote, (int)pair->value.len, pair->value.data, quote);
    return STATUS_OK;
}

static enum status refuse_pair(void *arg, const struct config_pair *pair)
{
    unsigned *count = arg;
    (void)pair;
    ++*count;
    return STATUS_OUT_OF_RANGE;
}

static void reading_fini(struct reading *reading)
{
    buffer_fini(&reading->pairs);
    buffer_fini(&reading->reason);
}

static struct reading read_bytes(const void *bytes, size_t len)
{
    struct reading reading = {0};
    folder_init(&folder);
    const char *path = folder_write(&folder, "config.json", bytes, len);
    reading.status =
        json_config_read(path, note_pair, &reading.pairs, &reading.reason);
    folder_fini(&folder);
    return reading;
}

static void expect_pairs(const char *json, const char *pairs)
{
    struct reading reading = read_bytes(json, strlen(json));
    EXPECT_INT(reading.status, STATUS_OK);
    EXPECT_TEXT(buffer_peek(&reading.pairs), pairs);
    EXPECT_INT(buffer_len(&reading.reason), 0);
    reading_fini(&reading);
}

static void expect_bad_bytes(const void *bytes, size_t len, const char *why)
{
    struct reading reading = read_bytes(bytes, len);
    struct slice reason = buffer_peek(&reading.reason);
    EXPECT_INT(reading.status, STATUS_INVALID_ARGUMENT);
    if (!reason.len || !memmem(reason.data, reason.len, why, strlen(why))) {
        EXPECT_TEXT(reason, why);
    }
    reading_fini(&reading);
}

static void expect_bad(const char *json, const char *why)
{
    expect_bad_bytes(json, strlen(json), why);
}

static void members_come_in_order_with_their_spelling(void)
{
    expect_pairs("{\"WORKERS\": 4, \"SERVER_IP\": \"::1\",\n"
                 " \"CACHE_VERBOSE\" : true, \"A\": false, \"B\": null}\n",
                 "WORKERS=4;SERVER_IP=\"::1\";CACHE_VERBOSE=true;A=false;"
                 "B=null;");
    expect_pairs("{}", "");
    expect_pairs(" \t\r\n{ } \n", "");
}

static void numbers_keep_their_value(void)
{
    expect_pairs("{\"a\":0,\"b\":-0.5,\"c\":1125899906842624,\"d\":1e15}",
                 "a=0;b=-0.5;c=1125899906842624;d=1000000000000000;");
    expect_pairs("{\"a\":0.1,\"b\":1.25,\"c\":30.0,\"d\":-1}",
                 "a=0.1;b=1.25;c=30;d=-1;");
    expect_pairs("{\"a\":1e300}", "a=1e+300;");
}

static void escapes_are_decoded(void)
{
    expect_pairs("{\"S\\u0045T\":\"a\\/\\u00e4\\\"\"}",
                 "SET=\"a/\xc3\xa4\"\";");
}

static void equal_names_are_both_handed_over(void)
{
    expect_pairs("{\"a\":1,\"a\":2}", "a=1;a=2;");
}

static void what_is_no_object_is_refused(void)
{
    expect_bad("[1]", "must be an object");
    expect_bad("4", "must be an object");
    expect_bad("\"x\"", "must be an object");
}

static void members_that_are_no_scalars_are_refused(void)
{
    expect_bad("{\"a\":1,\"WORKERS\":[4]}",
               "WORKERS must be a string, a number, true or false");
    expect_bad("{\"WORKERS\":{}}", "WORKERS must be");
}

static void mistakes_are_told_with_their_place(void)
{
    expect_bad("", "line 1, column 1: this is not JSON");
    expect_bad("{\n  \"a\": 1,\n  \"b\": tru\n}", "line 3, column 8: ");
    expect_bad("{\"a\": 1", "line 1, ");
    expect_bad("{'a': 1}", "line 1, ");
    expect_bad("{\"a\": 1,}", "this is not JSON");
    expect_bad("{\"a\": NaN}", "this is not JSON");
}

static void what_follows_the_object_is_refused(void)
{
    expect_bad("{\"a\": 1} x", "line 1, column 10: something follows");
    expect_bad("{\"a\": 1}\n{}", "line 2, column 1: something follows");
    expect_bad_bytes("{\"a\": 1}\0", 9, "line 1, column 9: something follows");
}

static void what_strict_json_has_not_is_refused(void)
{
    expect_bad("{\"a\": 007}", "not strict JSON");
    expect_bad("{\"a\": \"\n\"}", "not strict JSON");
    expect_bad("{\"a\": \"\xff\"}", "not strict JSON");
    expect_bad("\xef\xbb\xbf{}", "not strict JSON");
    expect_bad_bytes("{\0}", 3, "not strict JSON");
    expect_bad("{\"a\": \"b\\u0000c\"}", "\\u0000");
}

static void a_missing_file_is_not_found(void)
{
    struct reading reading = {0};
    EXPECT_INT(json_config_read("/nonexistent/config.json", note_pair,
                                &reading.pairs, &reading.reason),
               STATUS_NOT_FOUND);
    EXPECT_INT(buffer_len(&reading.pairs), 0);
    reading_fini(&reading);
}

static void a_folder_is_no_file(void)
{
    struct reading reading = {0};
    EXPECT_INT(
        json_config_read("/", note_pair, &reading.pairs, &reading.reason),
        STATUS_INVALID_ARGUMENT);
    EXPECT_TEXT(buffer_peek(&reading.reason), "cannot be read: Is a directory");
    reading_fini(&reading);
}

static void a_file_of_the_longest_length_is_read_and_no_longer(void)
{
    struct buffer json = {0};
    char *room = buffer_reserve(&json, JSON_CONFIG_LEN_MAX + 1);
    REQUIRE(room);
    memset(room, ' ', JSON_CONFIG_LEN_MAX + 1);
    memcpy(room, "{\"a\":1}", 7);
    struct reading reading = read_bytes(room, JSON_CONFIG_LEN_MAX);
    EXPECT_INT(reading.status, STATUS_OK);
    EXPECT_TEXT(buffer_peek(&reading.pairs), "a=1;");
    reading_fini(&reading);
    expect_bad_bytes(room, JSON_CONFIG_LEN_MAX + 1,
                     "is longer than 1048576 bytes");
    buffer_fini(&json);
}

static void depth_is_bounded(void)
{
    char deep[4000];
    memset(deep, '[', sizeof deep);
    expect_bad_bytes(deep, sizeof deep, "this is not JSON");
}

static void a_refused_pair_ends_the_reading(void)
{
    unsigned count = 0;
    struct buffer reason = {0};
    folder_init(&folder);
    const char *path =
        folder_write_text(&folder, "config.json", "{\"a\":1,\"b\":2}");
    EXPECT_INT(json_config_read(path, refuse_pair, &count, &reason),
               STATUS_OUT_OF_RANGE);
    EXPECT_INT(count, 1);
    folder_fini(&folder);
    buffer_fini(&reason);
}

static void attempt_read(void *arg)
{
    const char *path = arg;
    struct buffer reason = {0};
    unsigned count = 0;
    enum status status = json_config_read(path, refuse_pair, &count, &reason);
    EXPECT_INT(status,
               starve_has_struck() ? STATUS_NOMEM : STATUS_OUT_OF_RANGE);
    EXPECT_INT(count, !starve_has_struck());
    buffer_fini(&reason);
}

static void without_memory_reading_says_so(void)
{
    char path[FOLDER_PATH_MAX];
    folder_init(&folder);
    strncpy(path, folder_write_text(&folder, "config.json", "{\"a\":\"b\"}"),
            sizeof path - 1);
    path[sizeof path - 1] = '\0';
    EXPECT(starve(attempt_read, path) > 4);
    folder_fini(&folder);
}

static const struct test_case cases[] = {
    TEST(members_come_in_order_with_their_spelling),
    TEST(numbers_keep_their_value),
    TEST(escapes_are_decoded),
    TEST(equal_names_are_both_handed_over),
    TEST(what_is_no_object_is_refused),
    TEST(members_that_are_no_scalars_are_refused),
    TEST(mistakes_are_told_with_their_place),
    TEST(what_follows_the_object_is_refused),
    TEST(what_strict_json_has_not_is_refused),
    TEST(a_missing_file_is_not_found),
    TEST(a_folder_is_no_file),
    TEST(a_file_of_the_longest_length_is_read_and_no_longer),
    TEST(depth_is_bounded),
    TEST(a_refused_pair_ends_the_reading),
    TEST(without_memory_reading_says_so),
};

SUITE(compat_json_config, cases);
