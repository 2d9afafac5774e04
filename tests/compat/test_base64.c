#include "compat/base64.h"

#include "base/buffer.h"

#include "support/guard.h"
#include "support/starve.h"
#include "support/test.h"

/* The vectors of RFC 4648, section 10, and the ends of the alphabet. */
static const struct {
    const char *bytes;
    const char *text;
} vectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xff\xff\xff", "////"},
    {"\xfb\xef\xbe", "++++"},
    {"\xff", "/w=="},
};

enum { VECTOR_COUNT = sizeof vectors / sizeof vectors[0] };

static void bytes_become_base64(void)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct buffer out = {0};
        struct slice bytes = guard_copy(slice_of_string(vectors[i].bytes));
        EXPECT_INT(base64_append(&out, bytes), STATUS_OK);
        EXPECT_TEXT(buffer_peek(&out), vectors[i].text);
        guard_free(bytes);
        buffer_fini(&out);
    }
}

static bool decode(struct slice text, struct slice *bytes)
{
    size_t len = text.len;
    bool is_valid = base64_decode((char *)text.data, &len);
    *bytes = slice_of(text.data, len);
    return is_valid;
}

static void base64_becomes_bytes_in_place(void)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct slice text = guard_copy(slice_of_string(vectors[i].text));
        struct slice bytes;
        EXPECT(decode(text, &bytes));
        EXPECT_TEXT(bytes, vectors[i].bytes);
        guard_free(text);
    }
}

static void other_text_is_no_base64(void)
{
    static const char *const texts[] = {
        "Z",    "Zg",      "Zg=",  "Zg===",    "=",       "====",
        "Z===", "Zm9vYg=", "Zm=v", "Zg==Zg==", "Zm9v\n",  "Zm 9v",
        "Zm9-", "Zm9_",    "Zh==", "Zm9=",     "Zm9\xc3", "Zg==Zm9v"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct slice text = guard_copy(slice_of_string(texts[i]));
        struct slice bytes;
        if (!EXPECT(!decode(text, &bytes))) {
            EXPECT_TEXT(bytes, texts[i]);
        }
        guard_free(text);
    }
}

static void attempt_append(void *arg)
{
    (void)arg;
    struct buffer out = {0};
    enum status status = base64_append(&out, SLICE_LITERAL("foobar"));
    EXPECT_INT(status, starve_has_struck() ? STATUS_NOMEM : STATUS_OK);
    buffer_fini(&out);
}

static void encoding_without_memory_says_so(void)
{
    EXPECT_INT(starve(attempt_append, NULL), 2);
}

static const struct test_case cases[] = {
    TEST(bytes_become_base64),
    TEST(base64_becomes_bytes_in_place),
    TEST(other_text_is_no_base64),
    TEST(encoding_without_memory_says_so),
};

SUITE(compat_base64, cases);
