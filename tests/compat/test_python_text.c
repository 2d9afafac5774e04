#include "compat/python_text.h"

#include "base/buffer.h"

#include "support/guard.h"
#include "support/starve.h"
#include "support/test.h"

/* Values, and how Python prints them, as the inside of a JSON string. */
static const struct {
    const char *json;
    const char *text;
} prints[] = {
    {"true", "True"},
    {"false", "False"},
    {"null", "None"},
    {"1", "1"},
    {"-1", "-1"},
    {"-0", "0"},
    {"123456789012345678901234567890", "123456789012345678901234567890"},
    {"1.0", "1.0"},
    {"-0.0", "-0.0"},
    {"1.50", "1.5"},
    {"1E5", "100000.0"},
    {"1e16", "1e+16"},
    {"1e-5", "1e-05"},
    {"1.2345678901234568e+29", "1.2345678901234568e+29"},
    {"1e400", "inf"},
    {"-1e400", "-inf"},
    {"NaN", "nan"},
    {"Infinity", "inf"},
    {"-Infinity", "-inf"},
    {"[]", "[]"},
    {"[ ]", "[]"},
    {"{}", "{}"},
    {"[\"a\",1,null,true]", "['a', 1, None, True]"},
    {"[1.5]", "[1.5]"},
    {" [ 1 ,\t2\r\n, [ ] ] ", "[1, 2, []]"},
    {"{\"a\":\"b\"}", "{'a': 'b'}"},
    {"{ \"a\" : [ 1 , {\"b\":-0} ] , \"c\":null}",
     "{'a': [1, {'b': 0}], 'c': None}"},
    {"{\"a\":\"b\\\"c\",\"d\":[1,2.0,null]}",
     "{'a': 'b\\\"c', 'd': [1, 2.0, None]}"},
    {"{\"it's\":\"x\\n\\u00e9\\u0000\"}",
     "{\\\"it's\\\": 'x\\\\n\\u00e9\\\\x00'}"},
    {"[\"\"]", "['']"},
    {"[\"a'b\"]", "[\\\"a'b\\\"]"},
    {"[\"a\\\"b\"]", "['a\\\"b']"},
    {"[\"a'\\\"b\"]", "['a\\\\'\\\"b']"},
    {"[\"\\\\\"]", "['\\\\\\\\']"},
    {"[\"\\\\\\\"\"]", "['\\\\\\\\\\\"']"},
    {"[\"\\t\\n\\r\\b\\f\\u001f\\u007f\"]",
     "['\\\\t\\\\n\\\\r\\\\x08\\\\x0c\\\\x1f\\\\x7f']"},
    {"[\"\x7f\"]", "['\\\\x7f']"},
    {"[\"\xc3\xa9\"]", "['\\u00e9']"},
    {"[\"\\u0080\\u00a0\\u00ad\"]", "['\\\\x80\\\\xa0\\\\xad']"},
    {"[\"\\u200b\\u2028\\ufeff\"]", "['\\\\u200b\\\\u2028\\\\ufeff']"},
    {"[\"\\ud800\"]", "['\\\\ud800']"},
    {"[\"\\ue000\\uffff\\ufdd0\"]", "['\\\\ue000\\\\uffff\\\\ufdd0']"},
    {"[\"\\ud83d\\ude00\"]", "['\\ud83d\\ude00']"},
    {"[\"\\udb40\\udc01\\udbff\\udfff\"]", "['\\\\U000e0001\\\\U0010ffff']"},
    {"[\"[1,2]: {}\"]", "['[1,2]: {}']"},
    {"[NaN,Infinity,-Infinity,1e999]", "[nan, inf, -inf, inf]"},
};

static void values_are_printed_as_python_does(void)
{
    for (size_t i = 0; i < sizeof prints / sizeof prints[0]; i++) {
        struct buffer out = {0};
        struct slice json = guard_copy(slice_of_string(prints[i].json));
        EXPECT_INT(python_append(&out, json), STATUS_OK);
        EXPECT_TEXT(buffer_peek(&out), prints[i].text);
        guard_free(json);
        buffer_fini(&out);
    }
}

static void attempt_append(void *arg)
{
    struct slice *json = arg;
    struct buffer out = {0};
    enum status status = python_append(&out, *json);
    EXPECT_INT(status, starve_has_struck() ? STATUS_NOMEM : STATUS_OK);
    buffer_fini(&out);
}

static void printing_without_memory_says_so(void)
{
    char text[3000];
    memset(text, 'x', sizeof text);
    memcpy(text, "[1.5,\"", 6);
    memcpy(text + sizeof text - 2, "\"]", 2);
    struct slice json = slice_of(text, sizeof text);
    EXPECT(starve(attempt_append, &json) > 4);
}

static const struct test_case cases[] = {
    TEST(values_are_printed_as_python_does),
    TEST(printing_without_memory_says_so),
};

SUITE(compat_python_text, cases);
