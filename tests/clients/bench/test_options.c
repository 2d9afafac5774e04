#include "clients/bench/options.h"

#include "clients/bench/option.h"
#include "support/test.h"

#include <stdio.h>

enum { ARGUMENTS_MAX = 16 };

/* Parses the words of `line`, which are separated by single blanks. */
static bool parse(struct options *options, const char *line, struct buffer *why)
{
    static char text[1000];
    static char program[] = "cachebench";
    char *argv[ARGUMENTS_MAX] = {program};
    int argc = 1;
    snprintf(text, sizeof text, "%s", line);
    for (char *at = text; *at && argc < ARGUMENTS_MAX - 1;) {
        argv[argc++] = at;
        at += strcspn(at, " ");
        if (*at) {
            *at++ = '\0';
        }
    }
    return options_parse(options, argc, argv, why);
}

static void options_have_defaults(void)
{
    struct options options;
    struct buffer why = {0};
    REQUIRE(parse(&options, "", &why));
    EXPECT(options.protocol == &protocol_wire);
    EXPECT_TEXT(slice_of_string(options.host), "127.0.0.1");
    EXPECT_TEXT(slice_of_string(options.label), "protobuf");
    EXPECT_INT(options.port, 10001);
    EXPECT_INT(options.keys, 1000000);
    EXPECT_INT(options.key_len, 16);
    EXPECT_INT(options.sizes.max, 32);
    EXPECT_INT(options.connections, 32);
    EXPECT_INT(options.depths.count, 1);
    EXPECT_INT(options.depths.values[0], 1);
    EXPECT(options.zipf == 0.99);
    EXPECT(options.gets == 90);
    EXPECT_INT(options.duration_ms, 10000);
    EXPECT_INT(options.requests, 0);
    EXPECT(!options.is_memory && !options.is_refilling);
}

static void options_take_both_spellings_of_a_value(void)
{
    struct options options;
    struct buffer why = {0};
    REQUIRE(parse(&options,
                  "--protocol redis --keys=5K --depth 1,16,64 --seconds=0.25 "
                  "--value-size 8-1K --zipf=0 --refill",
                  &why));
    EXPECT(options.protocol == &protocol_redis);
    EXPECT_INT(options.port, 6379);
    EXPECT_INT(options.keys, 5000);
    EXPECT_INT(options.depths.count, 3);
    EXPECT_INT(options.depths.values[2], 64);
    EXPECT_INT(options.duration_ms, 250);
    EXPECT_INT(options.sizes.max, 1024);
    EXPECT_TEXT(slice_of_string(options.value_size), "8-1K");
    EXPECT(options.zipf == 0);
    EXPECT(options.is_refilling);
    EXPECT_INT(options_depth_max(&options), 64);
}

static void options_with_requests_have_no_limit_of_time(void)
{
    struct options options;
    struct buffer why = {0};
    REQUIRE(parse(&options, "--requests 2M", &why));
    EXPECT_INT(options.requests, 2000000);
    EXPECT_INT(options.duration_ms, 0);
    REQUIRE(parse(&options, "--requests 2M --seconds 3", &why));
    EXPECT_INT(options.duration_ms, 3000);
}

static void options_refuse_in_one_line_that_names_the_flag(void)
{
    static const struct {
        const char *line;
        const char *word;
    } bad[] = {
        {"--nonsense", "--nonsense"},
        {"nonsense", "nonsense"},
        {"--", "--"},
        {"--keys", "--keys needs a value"},
        {"--refill=1", "--refill takes no value"},
        {"--keys 0", "1 to 1073741824"},
        {"--keys 2G", "1 to 1073741824"},
        {"--keys 1.5", "1.5"},
        {"--keys -1", "-1"},
        {"--port 70000", "65535"},
        {"--depth 0", "1 to 4096"},
        {"--depth 1,,2", "commas"},
        {"--depth 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", "16"},
        {"--gets 101", "0 to 100"},
        {"--gets nan", "nan"},
        {"--gets 50%", "50%"},
        {"--zipf -1", "0 to 10"},
        {"--value-size 65M", "65M"},
        {"--value-size", "needs a value"},
        {"--protocol http", "protobuf, json"},
        {"--seconds 1e3", "1e3"},
        {"--seconds 0", "--requests"},
        {"--threads 64", "--connections"},
        {"--memory", "--server-pid"},
        {"--memory --server-pid 1 --no-load", "--no-load"},
        {"--key-length 9", "--key-length 9"},
        {"--bank a\"b", "--bank"},
        {"--key-prefix k\\", "--key-prefix"},
        {"--json - --csv -", "standard output"},
        {"--protocol floor --floor-request 16", "--floor-request"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct options options;
        struct buffer why = {0};
        EXPECT(!parse(&options, bad[i].line, &why));
        EXPECT_INT(buffer_append(&why, slice_of("", 1)), STATUS_OK);
        const char *text = buffer_peek(&why).data;
        if (!EXPECT(strstr(text, bad[i].word) && !strchr(text, '\n'))) {
            fprintf(stderr, "  %s: %s\n", bad[i].line, text);
        }
        buffer_fini(&why);
    }
}

/* Whether `text` has a line that is longer than a terminal is wide. */
static bool has_long_line(const char *text)
{
    for (; *text; text += *text == '\n') {
        size_t len = strcspn(text, "\n");
        if (len > 80) {
            return true;
        }
        text += len;
    }
    return false;
}

static void options_are_all_in_the_help(void)
{
    struct buffer help = {0};
    const struct option *option;
    options_print_help(&help);
    EXPECT_INT(buffer_append(&help, slice_of("", 1)), STATUS_OK);
    const char *text = buffer_peek(&help).data;
    for (size_t i = 0; (option = option_row(i)); i++) {
        if (option->type != OPTION_HEADING) {
            char flag[64];
            snprintf(flag, sizeof flag, "  --%s %s", option->flag,
                     option->argument);
            EXPECT(strstr(text, flag));
        }
        EXPECT(!*option->text || strstr(text, "\n"));
    }
    EXPECT(!has_long_line(text));
    buffer_fini(&help);
}

static void options_that_only_ask_need_not_fit_together(void)
{
    struct options options;
    struct buffer why = {0};
    EXPECT(parse(&options, "--help --memory", &why));
    EXPECT(options.wants_help);
    EXPECT(parse(&options, "--version", &why));
    EXPECT(options.wants_version);
}

static const struct test_case cases[] = {
    TEST(options_have_defaults),
    TEST(options_take_both_spellings_of_a_value),
    TEST(options_with_requests_have_no_limit_of_time),
    TEST(options_refuse_in_one_line_that_names_the_flag),
    TEST(options_are_all_in_the_help),
    TEST(options_that_only_ask_need_not_fit_together),
};

SUITE(bench_options, cases);
