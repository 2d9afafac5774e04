#include "compat/json_decode.h"

#include "base/json_scan.h"
#include "core/call.h"
#include "core/limits.h"

#include "support/starve.h"
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A request on its way through json_decode(). */
struct trial {
    char *text;
    struct call call;
    enum decode result;
};

static void trial_run(struct trial *trial, const char *text)
{
    struct json_scan scan;
    trial->text = strdup(text);
    call_init(&trial->call);
    json_scan_start(&scan, json_names, JSON_NAME_COUNT, JSON_DEPTH_MAX);
    json_scan(&scan, slice_of_string(trial->text));
    trial->result = json_decode(&scan, trial->text, &trial->call);
}

static void trial_end(struct trial *trial)
{
    call_fini(&trial->call);
    free(trial->text);
}

static void expect_refused(const char *text, const char *message)
{
    struct trial trial;
    trial_run(&trial, text);
    EXPECT_INT(trial.result, DECODE_ANSWERED);
    EXPECT_INT(trial.call.response.status, STATUS_INVALID_ARGUMENT);
    if (!EXPECT_TEXT(slice_of_string(trial.call.response.message), message)) {
        EXPECT_TEXT(SLICE_LITERAL("the message of"), text);
    }
    trial_end(&trial);
}

static void operations_are_told_by_their_names(void)
{
    static const struct {
        const char *name;
        enum op op;
        bool is_touch;
    } table[] = {
        {"put", OP_PUT, false},
        {"get", OP_GET, false},
        {"delete", OP_REMOVE, false},
        {"touch", OP_TOUCH, false},
        {"getouch", OP_GET, true},
        {"incr", OP_INCR, false},
        {"bank.list", OP_BANK_LIST, false},
        {"bank.keys", OP_BANK_KEYS, false},
        {"bank.reset", OP_BANK_RESET, false},
        {"bank.stats", OP_BANK_STATS, false},
        {"bank.configure", OP_BANK_CONFIGURE, false},
        {"g\\u0065t", OP_GET, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char text[100];
        snprintf(text, sizeof text,
                 "{\"op\":\"%s\",\"bank\":\"b\",\"key\":\"k\",\"value\":1}",
                 table[i].name);
        struct trial trial;
        trial_run(&trial, text);
        EXPECT_INT(trial.result, DECODE_READY);
        EXPECT_INT(trial.call.request.op, table[i].op);
        EXPECT_INT(trial.call.request.is_touch, table[i].is_touch);
        EXPECT_INT(trial.call.request.note.len, 0);
        trial_end(&trial);
    }
}

static void requests_without_an_operation_are_refused(void)
{
    static const char *const texts[] = {"{}",
                                        "{\"OP\":\"get\"}",
                                        "{\"value\":{\"op\":\"get\"}}",
                                        "[]",
                                        "[1,2]",
                                        "[\"op\"]",
                                        "[{\"op\":\"get\"}]",
                                        "\"op\"",
                                        "\"{\\\"op\\\":\\\"get\\\"}\"",
                                        "5 ",
                                        "1.5 ",
                                        "true",
                                        "false",
                                        "null",
                                        "NaN"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        expect_refused(texts[i],
                       "Operation required. Field op in json is required");
    }
}

static void unknown_operations_are_refused(void)
{
    static const char *const texts[] = {
        "{\"op\":\"frobnicate\"}",
        "{\"op\":\"GET\"}",
        "{\"op\":\" get\"}",
        "{\"op\":\"\"}",
        "{\"op\":null}",
        "{\"op\":1}",
        "{\"op\":true}",
        "{\"op\":[\"get\"]}",
        "{\"op\":{}}",
        "{\"op\":\"get\\u0000\"}",
        "{\"op\":\"remove\"}",
        "{\"op\":\"bank_list\"}",
        "{\"op\":\"ping\"}",
        "{\"op\":\"get\",\"op\":\"x\",\"bank\":1,\"key\":2}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        expect_refused(texts[i], "Invalid operation");
    }
}

/* Leaves out each needed member in turn; the operation needs the first
 * `count` of bank, key and value. */
static void expect_missing(const char *op, unsigned count, const char *message)
{
    static const char *const members[] = {",\"bank\":\"b\"", ",\"key\":\"k\"",
                                          ",\"value\":1"};
    for (unsigned missing = 0; missing < count; missing++) {
        char text[200];
        snprintf(text, sizeof text, "{\"op\":\"%s\"%s%s%s}", op,
                 missing == 0 ? "" : members[0], missing == 1 ? "" : members[1],
                 missing == 2 ? "" : members[2]);
        expect_refused(text, message);
    }
    char text[200];
    snprintf(text, sizeof text, "{\"op\":\"%s\"}", op);
    expect_refused(text, message);
    snprintf(text, sizeof text, "{\"op\":\"%s\",\"Bank\":1,\"KEY\":2}", op);
    expect_refused(text, message);
}

static void missing_members_are_named_as_the_original_does(void)
{
    expect_missing("put", 3, "bank, key and value are required");
    expect_missing("get", 2, "bank and key are required");
    expect_missing("delete", 2, "bank and key are required");
    expect_missing("touch", 2, "bank and key are required");
    expect_missing("getouch", 2, "bank and key are required");
    expect_missing("incr", 3, "bank, key, value are required");
    expect_missing("bank.keys", 1, "bank are required");
    expect_missing("bank.reset", 1, "bank are required");
}

static void checks_keep_the_order_of_the_original(void)
{
    /* A missing member, then the delta or the lifetime, then bank, key. */
    expect_refused("{\"op\":\"incr\",\"bank\":[],\"value\":\"x\"}",
                   "bank, key, value are required");
    expect_refused("{\"op\":\"incr\",\"bank\":[],\"key\":[],\"value\":\"x\"}",
                   "The value must be an integer or a float");
    expect_refused("{\"op\":\"incr\",\"bank\":[],\"key\":[],\"value\":1}",
                   "The bank must not be an array or an object");
    expect_refused("{\"op\":\"put\",\"bank\":[],\"key\":[],\"value\":1,"
                   "\"lifetime\":\"x\"}",
                   "The lifetime must be an integer or a float");
    expect_refused("{\"op\":\"put\",\"bank\":[],\"key\":[],\"value\":1}",
                   "The bank must not be an array or an object");
    expect_refused("{\"op\":\"put\",\"bank\":\"b\",\"key\":[],\"value\":1}",
                   "The key must not be an array or an object");
    expect_refused("{\"op\":\"get\",\"bank\":{},\"key\":[]}",
                   "The bank must not be an array or an object");
    expect_refused("{\"op\":\"bank.keys\",\"bank\":[\"b\"]}",
                   "The bank must not be an array or an object");
    expect_refused("{\"op\":\"bank.reset\",\"bank\":{}}",
                   "The bank must not be an array or an object");
}

/* `json` as the bank of a get. */
static void expect_bank(const char *json, const char *must)
{
    char text[200];
    snprintf(text, sizeof text, "{\"op\":\"get\",\"bank\":%s ,\"key\":1}",
             json);
    struct trial trial;
    trial_run(&trial, text);
    EXPECT_INT(trial.result, DECODE_READY);
    EXPECT_TEXT(trial.call.request.bank, must);
    trial_end(&trial);
}

static void banks_are_text(void)
{
    expect_bank("\"b\"", "b");
    expect_bank("\"\"", "");
    expect_bank("\"a\\u00e9\\n\"", "a\xc3\xa9\n");
    expect_bank("1", "1");
    expect_bank("\"1\"", "1");
    expect_bank("2.50", "2.50");
    expect_bank("null", "null");
    expect_bank("true", "true");
    expect_bank("false", "false");
    expect_bank("NaN", "NaN");
}

static void expect_key(const char *json, struct slice key, const char *note)
{
    char text[1000];
    snprintf(text, sizeof text, "{\"op\":\"get\",\"bank\":\"b\",\"key\":%s }",
             json);
    struct trial trial;
    trial_run(&trial, text);
    EXPECT_INT(trial.result, DECODE_READY);
    EXPECT_SLICE(trial.call.request.key, key);
    EXPECT_TEXT(trial.call.request.note, note);
    trial_end(&trial);
}

static void string_keys_are_their_text(void)
{
    expect_key("\"k\"", SLICE_LITERAL("k"), "");
    expect_key("\"\"", SLICE_LITERAL(""), "");
    expect_key("\"1\"", SLICE_LITERAL("1"), "");
    expect_key("\"a\\\"b'c\\\\d\"", SLICE_LITERAL("a\"b'c\\d"), "");
    expect_key("\"a\\u0000b\"", SLICE_LITERAL("a\0b"), "");
    expect_key("\"\\u00e9\xc3\xa9\"", SLICE_LITERAL("\xc3\xa9\xc3\xa9"), "");
    expect_key("\"\\ud83d\\ude00\"", SLICE_LITERAL("\xf0\x9f\x98\x80"), "");
    expect_key("\"\\ud800\"", SLICE_LITERAL("\xed\xa0\x80"), "");
}

static void other_keys_have_one_spelling_each(void)
{
    static const struct {
        const char *json;
        const char *key;
    } table[] = {
        {"1", "1"},
        {"1.0", "1"},
        {"true", "1"},
        {"1e0", "1"},
        {"10E-1", "1"},
        {"0", "0"},
        {"-0", "0"},
        {"0.0", "0"},
        {"-0.0", "0"},
        {"false", "0"},
        {"1e-400", "0"},
        {"null", "null"},
        {"-5", "-5"},
        {"-5.0", "-5"},
        {"1.5", "1.5"},
        {"1.50", "1.5"},
        {"15e-1", "1.5"},
        {"1e-5", "1e-05"},
        {"0.00001", "1e-05"},
        {"1e16", "10000000000000000"},
        {"1e22", "10000000000000000000000"},
        {"123456789012345678901234567890", "123456789012345678901234567890"},
        {"1.2345678901234568e29", "123456789012345677877719597056"},
        {"9007199254740993", "9007199254740993"},
        {"9007199254740993.0", "9007199254740992"},
        {"NaN", "NaN"},
        {"Infinity", "Infinity"},
        {"1e400", "Infinity"},
        {"-Infinity", "-Infinity"},
        {"-1e999", "-Infinity"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char key[100];
        snprintf(key, sizeof key, "\xff%s", table[i].key);
        expect_key(table[i].json, slice_of_string(key), table[i].json);
    }
}

static void largest_doubles_are_keys_with_all_their_digits(void)
{
    char key[400];
    snprintf(key, sizeof key, "\xff%.0f", -1.7976931348623157e308);
    EXPECT_INT(strlen(key), 311);
    expect_key("-1.7976931348623157e308", slice_of_string(key),
               "-1.7976931348623157e308");
}

static void nothing_is_found_under_arrays_and_objects(void)
{
    static const char *const texts[] = {
        "{\"op\":\"get\",\"bank\":\"b\",\"key\":[\"a\\n\", 1]}",
        "{\"op\":\"delete\",\"bank\":\"b\",\"key\":[\"a\\n\", 1]}",
        "{\"op\":\"touch\",\"bank\":\"b\",\"key\":[\"a\\n\", 1]}",
        "{\"op\":\"getouch\",\"bank\":\"b\",\"key\":[\"a\\n\", 1]}",
        "{\"op\":\"incr\",\"bank\":\"b\",\"key\":[\"a\\n\", 1],\"value\":1}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct trial trial;
        trial_run(&trial, texts[i]);
        EXPECT_INT(trial.result, DECODE_ANSWERED);
        EXPECT_INT(trial.call.response.status, STATUS_NOT_FOUND);
        EXPECT_TEXT(trial.call.request.note, "[\"a\\n\", 1]");
        trial_end(&trial);
    }
}

static void long_arrays_as_keys_are_refused(void)
{
    char text[5000];
    snprintf(text, sizeof text, "{\"op\":\"get\",\"bank\":\"b\",\"key\":[%*s]}",
             4095, "");
    expect_refused(text, "key has 4097 bytes, at most 4096 are allowed");
}

/* `json` as the value of a put. */
static void expect_value(const char *json, enum value_kind kind,
                         struct slice value)
{
    char text[200];
    snprintf(text, sizeof text,
             "{\"op\":\"put\",\"bank\":\"b\",\"key\":\"k\",\"value\": %s }",
             json);
    struct trial trial;
    trial_run(&trial, text);
    EXPECT_INT(trial.result, DECODE_READY);
    EXPECT_INT(trial.call.request.kind, kind);
    EXPECT_SLICE(trial.call.request.value, value);
    EXPECT(trial.call.request.is_value_checked);
    EXPECT_INT(trial.call.request.lifetime.rule, LIFETIME_DEFAULT);
    trial_end(&trial);
}

static void strings_are_stored_as_text(void)
{
    expect_value("\"v\"", VALUE_TEXT, SLICE_LITERAL("v"));
    expect_value("\"\"", VALUE_TEXT, SLICE_LITERAL(""));
    expect_value("\"a\\nb\\u0000\"", VALUE_TEXT, SLICE_LITERAL("a\nb\0"));
    expect_value("\"\xc3\xa9\\u00e9\"", VALUE_TEXT,
                 SLICE_LITERAL("\xc3\xa9\xc3\xa9"));
    expect_value("\"\\ud83d\\ude00\"", VALUE_TEXT,
                 SLICE_LITERAL("\xf0\x9f\x98\x80"));
}

static void strings_with_lonely_surrogates_are_stored_as_json(void)
{
    expect_value("\"\\udc00x\\n\"", VALUE_JSON,
                 SLICE_LITERAL("\"\\udc00x\\n\""));
    expect_value("\"\\ud83d\\ude00\\uD800\"", VALUE_JSON,
                 SLICE_LITERAL("\"\\ud83d\\ude00\\uD800\""));
}

static void other_values_are_stored_as_they_were_written(void)
{
    static const char *const texts[] = {"12345678901234567890",
                                        "0.10",
                                        "-0",
                                        "1E5",
                                        "1e400",
                                        "NaN",
                                        "-Infinity",
                                        "true",
                                        "false",
                                        "null",
                                        "[]",
                                        "{}",
                                        "[1, 2,\t3]",
                                        "{\"a\" : \"\\u00e9\\n\", \"a\":2}",
                                        "[\"\\ud800\"]"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        expect_value(texts[i], VALUE_JSON, slice_of_string(texts[i]));
    }
}

static void values_in_base64_are_stored_as_bytes(void)
{
    expect_value("\"/wD+\",\"encoding\":\"base64\"", VALUE_BYTES,
                 SLICE_LITERAL("\xff\0\xfe"));
    expect_value("\"\\/wD+\",\"encoding\":\"b\\u0061se64\"", VALUE_BYTES,
                 SLICE_LITERAL("\xff\0\xfe"));
    expect_value("\"\",\"encoding\":\"base64\"", VALUE_BYTES,
                 SLICE_LITERAL(""));
    expect_value("\"Zg==\",\"encoding\":null", VALUE_TEXT,
                 SLICE_LITERAL("Zg=="));
}

static void other_encodings_are_refused(void)
{
    static const char *const values[] = {
        "\"Zg\",\"encoding\":\"base64\"", "\"Zg=\",\"encoding\":\"base64\"",
        "\"*\",\"encoding\":\"base64\"", "1,\"encoding\":\"base64\"",
        "[\"Zg==\"],\"encoding\":\"base64\""};
    static const char *const encodings[] = {"\"hex\"", "\"\"", "\"BASE64\"",
                                            "1",       "true", "[]"};
    char text[200];
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        snprintf(text, sizeof text,
                 "{\"op\":\"put\",\"bank\":\"b\",\"key\":\"k\",\"value\":%s}",
                 values[i]);
        expect_refused(text, "The value must be a string of base64");
    }
    for (size_t i = 0; i < sizeof encodings / sizeof encodings[0]; i++) {
        snprintf(text, sizeof text,
                 "{\"op\":\"put\",\"bank\":\"b\",\"key\":\"k\","
                 "\"value\":\"Zg==\",\"encoding\":%s}",
                 encodings[i]);
        expect_refused(text, "The encoding must be base64");
    }
}

static void encodings_are_ignored_where_nothing_is_put(void)
{
    struct trial trial;
    trial_run(&trial, "{\"op\":\"get\",\"bank\":\"b\",\"key\":\"k\","
                      "\"value\":[],\"lifetime\":\"x\",\"encoding\":1}");
    EXPECT_INT(trial.result, DECODE_READY);
    EXPECT_INT(trial.call.request.value.len, 0);
    EXPECT_INT(trial.call.request.lifetime.rule, LIFETIME_DEFAULT);
    trial_end(&trial);
}

/* `json` as the member `name` of an `op` that has all else. */
static void run_lifetime(struct trial *trial, const char *op, const char *name,
                         const char *json)
{
    char text[1000];
    snprintf(text, sizeof text,
             "{\"op\":\"%s\",\"bank\":\"b\",\"key\":\"k\",\"value\":1,"
             "\"%s\":%s}",
             op, name, json);
    trial_run(trial, text);
}

static void expect_lifetime(const char *op, const char *name, const char *json,
                            struct lifetime must)
{
    struct trial trial;
    run_lifetime(&trial, op, name, json);
    EXPECT_INT(trial.result, DECODE_READY);
    struct lifetime lifetime = trial.call.request.lifetime;
    if (!EXPECT_INT(lifetime.rule, must.rule) ||
        !EXPECT_INT(lifetime.ms, must.ms)) {
        EXPECT_TEXT(SLICE_LITERAL("the lifetime"), json);
    }
    trial_end(&trial);
}

static const struct {
    const char *json;
    enum lifetime_rule rule;
    uint64_t ms;
} lifetimes[] = {
    {"1", LIFETIME_NEW, 1000},
    {"0.4", LIFETIME_NEW, 400},
    {"1.5", LIFETIME_NEW, 1500},
    {"0.001", LIFETIME_NEW, 1},
    {"0.0001", LIFETIME_NEW, 1},
    {"5e-324", LIFETIME_NEW, 1},
    {"0.0011", LIFETIME_NEW, 2},
    {"true", LIFETIME_NEW, 1000},
    {"0", LIFETIME_FOREVER, 0},
    {"0.0", LIFETIME_FOREVER, 0},
    {"-0", LIFETIME_FOREVER, 0},
    {"-0.0", LIFETIME_FOREVER, 0},
    {"1e-400", LIFETIME_FOREVER, 0},
    {"false", LIFETIME_FOREVER, 0},
    {"Infinity", LIFETIME_FOREVER, 0},
    {"1e999", LIFETIME_FOREVER, 0},
    {"1e18", LIFETIME_FOREVER, 0},
    {"549755813.888", LIFETIME_FOREVER, 0},
    {"99999999999999999999", LIFETIME_FOREVER, 0},
    {"549755813.887", LIFETIME_NEW, 549755813887},
    {"-1", LIFETIME_OVER, 0},
    {"-0.001", LIFETIME_OVER, 0},
    {"-5e-324", LIFETIME_OVER, 0},
    {"-Infinity", LIFETIME_OVER, 0},
    {"-1e999", LIFETIME_OVER, 0},
    {"NaN", LIFETIME_OVER, 0},
};

static void lifetimes_are_seconds(void)
{
    for (size_t i = 0; i < sizeof lifetimes / sizeof lifetimes[0]; i++) {
        struct lifetime must = {lifetimes[i].rule, lifetimes[i].ms};
        expect_lifetime("put", "lifetime", lifetimes[i].json, must);
        expect_lifetime("touch", "new_lifetime", lifetimes[i].json, must);
        expect_lifetime("getouch", "new_lifetime", lifetimes[i].json, must);
    }
}

static void touch_keeps_the_lifetime_unless_given_a_new_one(void)
{
    struct lifetime same = {LIFETIME_SAME, 0};
    expect_lifetime("touch", "x", "1", same);
    expect_lifetime("getouch", "x", "1", same);
    expect_lifetime("touch", "lifetime", "100", same);
    expect_lifetime("getouch", "lifetime", "[]", same);
    expect_lifetime("put", "new_lifetime", "[]",
                    (struct lifetime){LIFETIME_DEFAULT, 0});
}

static void other_lifetimes_are_refused(void)
{
    char huge[320];
    memset(huge, '9', sizeof huge);
    huge[310] = '\0';
    const char *const texts[] = {"\"1\"", "\"\"", "null", "[]",
                                 "{}",    "[1]",  huge};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct trial trial;
        run_lifetime(&trial, "put", "lifetime", texts[i]);
        EXPECT_INT(trial.result, DECODE_ANSWERED);
        EXPECT_TEXT(slice_of_string(trial.call.response.message),
                    "The lifetime must be an integer or a float");
        trial_end(&trial);
        run_lifetime(&trial, "touch", "new_lifetime", texts[i]);
        EXPECT_INT(trial.result, DECODE_ANSWERED);
        EXPECT_TEXT(slice_of_string(trial.call.response.message),
                    "The new_lifetime must be an integer or a float");
        trial_end(&trial);
    }
}

static void expect_delta(const char *json, double must)
{
    struct trial trial;
    run_lifetime(&trial, "incr", "value", json);
    EXPECT_INT(trial.result, DECODE_READY);
    const struct number *delta = &trial.call.request.increment.delta;
    EXPECT(!delta->is_integer);
    if (!EXPECT(delta->real == must)) {
        EXPECT_TEXT(SLICE_LITERAL("the delta"), json);
    }
    trial_end(&trial);
}

static void deltas_are_numbers_or_text_of_one(void)
{
    expect_delta("1", 1);
    expect_delta("-3", -3);
    expect_delta("0.1", 0.1);
    expect_delta("true", 1);
    expect_delta("false", 0);
    expect_delta("\"1\"", 1);
    expect_delta("\" 2\\t\"", 2);
    expect_delta("\"1e3\"", 1000);
    expect_delta("\"1_0\"", 10);
    expect_delta("\"\\u0663\"", 3);
    expect_delta("\"inf\"", HUGE_VAL);
    expect_delta("\"1e400\"", HUGE_VAL);
    expect_delta("123456789012345678901234567890",
                 123456789012345678901234567890.0);
}

static void other_deltas_are_refused(void)
{
    static const char *const texts[] = {"\"a\"",       "\"\"", "\"1 2\"",
                                        "\"\\ud800\"", "null", "[]",
                                        "[1]",         "{}",   "\"1\\u0000\""};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[200];
        snprintf(text, sizeof text,
                 "{\"op\":\"incr\",\"bank\":\"b\",\"key\":\"k\",\"value\":%s}",
                 texts[i]);
        expect_refused(text, "The value must be an integer or a float");
    }
}

static void members_last_written_count(void)
{
    struct trial trial;
    trial_run(&trial,
              "{\"\\u006fp\":\"get\",\"op\":\"put\",\"bank\":[],\"bank\":\"b\","
              "\"key\":\"a\\n\",\"key\":2,\"value\":1,\"v\\u0061lue\":\"x\","
              "\"lifetime\":\"x\",\"lifetime\":1}");
    EXPECT_INT(trial.result, DECODE_READY);
    EXPECT_INT(trial.call.request.op, OP_PUT);
    EXPECT_TEXT(trial.call.request.bank, "b");
    EXPECT_TEXT(trial.call.request.key, "\3772");
    EXPECT_TEXT(trial.call.request.value, "x");
    EXPECT_INT(trial.call.request.lifetime.ms, 1000);
    trial_end(&trial);
}

static void attempt_decode(void *arg)
{
    (void)arg;
    struct trial trial;
    trial_run(&trial, "{\"op\":\"get\",\"bank\":\"b\",\"key\":1e300}");
    bool has_struck = starve_has_struck();
    EXPECT_INT(trial.result, has_struck ? DECODE_ANSWERED : DECODE_READY);
    EXPECT_INT(trial.call.response.status,
               has_struck ? STATUS_NOMEM : STATUS_OK);
    trial_end(&trial);
}

static void a_key_without_memory_is_an_answer(void)
{
    EXPECT_INT(starve(attempt_decode, NULL), 3);
}

static void limits_are_taken_where_they_are_given(void)
{
    struct trial trial;
    trial_run(&trial, "{\"op\":\"bank.configure\",\"bank\":\"b\","
                      "\"maximum\":18446744073709551615,\"weight\":7}");
    EXPECT_INT(trial.result, DECODE_READY);
    const struct bank_change *change = &trial.call.request.change;
    EXPECT(!change->has_reserved);
    EXPECT(change->has_maximum);
    EXPECT(change->limits.maximum == UINT64_MAX);
    EXPECT(change->has_weight);
    EXPECT_INT(change->limits.weight, 7);
    trial_end(&trial);
}

static void other_limits_are_refused(void)
{
    static const char *const values[] = {
        "-1", "1.5", "1e3", "\"1\"", "null", "true", "18446744073709551616",
        "[]"};
    static const char *const names[] = {"reserved", "maximum", "weight"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[100];
        char message[100];
        const char *name = names[i % 3];
        snprintf(text, sizeof text,
                 "{\"op\":\"bank.configure\",\"bank\":\"b\",\"%s\":%s}", name,
                 values[i]);
        snprintf(message, sizeof message,
                 "The %s must be a whole number, not negative", name);
        expect_refused(text, message);
    }
    expect_refused("{\"op\":\"bank.configure\",\"maximum\":1}",
                   "bank are required");
}

static const struct test_case cases[] = {
    TEST(operations_are_told_by_their_names),
    TEST(requests_without_an_operation_are_refused),
    TEST(unknown_operations_are_refused),
    TEST(missing_members_are_named_as_the_original_does),
    TEST(checks_keep_the_order_of_the_original),
    TEST(banks_are_text),
    TEST(string_keys_are_their_text),
    TEST(other_keys_have_one_spelling_each),
    TEST(largest_doubles_are_keys_with_all_their_digits),
    TEST(nothing_is_found_under_arrays_and_objects),
    TEST(long_arrays_as_keys_are_refused),
    TEST(strings_are_stored_as_text),
    TEST(strings_with_lonely_surrogates_are_stored_as_json),
    TEST(other_values_are_stored_as_they_were_written),
    TEST(values_in_base64_are_stored_as_bytes),
    TEST(other_encodings_are_refused),
    TEST(encodings_are_ignored_where_nothing_is_put),
    TEST(lifetimes_are_seconds),
    TEST(touch_keeps_the_lifetime_unless_given_a_new_one),
    TEST(other_lifetimes_are_refused),
    TEST(deltas_are_numbers_or_text_of_one),
    TEST(other_deltas_are_refused),
    TEST(limits_are_taken_where_they_are_given),
    TEST(other_limits_are_refused),
    TEST(members_last_written_count),
    TEST(a_key_without_memory_is_an_answer),
};

SUITE(compat_json_decode, cases);
