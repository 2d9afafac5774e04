#include "core/hosts.h"

#include "support/test.h"

#include <stdint.h>

/* Whether `list` is taken, comes out as `clean`, and counts `count`. */
static void expect_clean(const char *list, const char *clean, size_t count)
{
    char out[512];
    size_t counted = 0;
    EXPECT(hosts_clean(slice_of_string(list), out, &counted));
    EXPECT_TEXT(slice_of_string(out), clean);
    EXPECT_INT(counted, count);
}

static void addresses_and_names_are_hosts(void)
{
    expect_clean("127.0.0.1", "127.0.0.1", 1);
    expect_clean("::", "::", 1);
    expect_clean("fe80::1%eth0", "fe80::1%eth0", 1);
    expect_clean("localhost", "localhost", 1);
    expect_clean("cache-1.example.org", "cache-1.example.org", 1);
}

static void lists_lose_blanks_and_brackets(void)
{
    expect_clean(" 127.0.0.1 ,\t[::1],localhost ", "127.0.0.1,::1,localhost",
                 3);
}

static void what_is_no_host_is_refused(void)
{
    static const char *const bad[] = {"",
                                      " ",
                                      ",",
                                      "a,,b",
                                      ",a",
                                      "1.2.3",
                                      "256.1.1.1",
                                      "12345",
                                      "a b",
                                      "::1::",
                                      "[]",
                                      "[::1",
                                      "-a",
                                      "%eth0",
                                      "fe80::1%",
                                      "a/b",
                                      "*",
                                      "a:1",
                                      "127.0.0.1:10001",
                                      "http://a"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char out[512];
        size_t count;
        if (!EXPECT(!hosts_clean(slice_of_string(bad[i]), out, &count))) {
            EXPECT_TEXT(slice_of_string(bad[i]), "refused");
        }
    }
}

static void names_are_at_most_253_bytes(void)
{
    char name[254];
    char out[512];
    size_t count;
    memset(name, 'a', sizeof name);
    EXPECT(hosts_clean(slice_of(name, 253), out, &count));
    EXPECT(!hosts_clean(slice_of(name, 254), out, &count));
}

static const struct test_case cases[] = {
    TEST(addresses_and_names_are_hosts),
    TEST(lists_lose_blanks_and_brackets),
    TEST(what_is_no_host_is_refused),
    TEST(names_are_at_most_253_bytes),
};

SUITE(core_hosts, cases);
