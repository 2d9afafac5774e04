#include "clients/bench/options.h"

#include "base/text.h"
#include "clients/bench/option.h"

#include <stdio.h>

#ifndef CACHESERVER_VERSION
#error "the build says which version this is"
#endif

enum { LEFT_MAX = 40 };

static const char help_head[] =
    "cachebench " CACHESERVER_VERSION "\n"
    "\n"
    "A load for cache servers: sets every key, then gets and sets for a\n"
    "while, holds every answer against what it must be, and tells how long\n"
    "answers took and what they cost.\n"
    "\n"
    "Usage: cachebench [--FLAG VALUE | --FLAG=VALUE]...\n";

static const char help_tail[] =
    "\n"
    "A COUNT may end in K, M or G (of 1000), a size in K or M (of 1024). The\n"
    "exit status is 0 when every answer was right, 1 when one was wrong or\n"
    "refused or the load broke off, 2 for a command line that cannot be\n"
    "followed.\n";

static void print_line(const char *left, struct slice right, struct buffer *out)
{
    text_append(out, "  %-22s %.*s\n", left, (int)right.len, right.data);
}

/* Prints the lines of `text`, the first of them beside `left`. */
static void print_lines(const char *left, const char *text, struct buffer *out)
{
    struct slice rest = slice_of_string(text);
    while (rest.len > 0) {
        const char *end = memchr(rest.data, '\n', rest.len);
        size_t len = end ? (size_t)(end - rest.data) : rest.len;
        print_line(left, slice_of(rest.data, len), out);
        rest = slice_after(rest, end ? len + 1 : len);
        left = "";
    }
}

static void print_option(const struct option *option, struct buffer *out)
{
    char left[LEFT_MAX];
    char bounds[2 * LEFT_MAX];
    snprintf(left, sizeof left, "--%s %s", option->flag, option->argument);
    print_lines(left, option->text, out);
    if (*option->min) {
        snprintf(bounds, sizeof bounds, "[%s to %s, default %s]", option->min,
                 option->max, option->initial);
        print_lines("", bounds, out);
    } else if (*option->initial) {
        snprintf(bounds, sizeof bounds, "[default %s]", option->initial);
        print_lines("", bounds, out);
    }
}

void options_print_help(struct buffer *out)
{
    const struct option *option;
    text_append(out, "%s", help_head);
    for (size_t i = 0; (option = option_row(i)); i++) {
        if (option->type == OPTION_HEADING) {
            text_append(out, "\n%s\n", option->text);
        } else {
            print_option(option, out);
        }
    }
    text_append(out, "%s", help_tail);
}

void options_print_version(struct buffer *out)
{
    text_append(out, "cachebench " CACHESERVER_VERSION "\n");
}
