#include "clients/bench/bench.h"
#include "clients/bench/options.h"
#include "clients/bench/report.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

/* Prints `text` and empties it. */
static bool print(struct buffer *text, FILE *where)
{
    struct slice bytes = buffer_peek(text);
    bool is_written = fwrite(bytes.data, 1, bytes.len, where) == bytes.len;
    bool is_flushed = fflush(where) == 0;
    buffer_fini(text);
    return is_written && is_flushed;
}

/* Writes the report to the file `path`, if there is one. */
static bool write_report(const struct report *report,
                         void (*form)(const struct report *, struct buffer *),
                         const char *path)
{
    if (!*path) {
        return true;
    }
    struct buffer text = {0};
    bool is_output = !strcmp(path, "-");
    FILE *file = is_output ? stdout : fopen(path, "we");
    if (file) {
        form(report, &text);
    }
    bool is_written = file && print(&text, file);
    bool is_closed = !file || is_output || fclose(file) == 0;
    if (!is_written || !is_closed) {
        fprintf(stderr, "cachebench: %s: %s\n", path, strerror(errno));
        return false;
    }
    return true;
}

static bool write_reports(const struct report *report)
{
    const struct options *options = report->options;
    bool has_output = !strcmp(options->json, "-") ||
                      !strcmp(options->csv, "-") || !strcmp(options->plot, "-");
    const char *table = options->is_quiet || has_output ? "" : "-";
    bool is_written = write_report(report, report_text, table);
    is_written &= write_report(report, report_json, options->json);
    is_written &= write_report(report, report_csv, options->csv);
    is_written &= write_report(report, report_svg, options->plot);
    return is_written;
}

static int run(const struct options *options)
{
    char why[BENCH_WHY_MAX];
    struct report report = {0};
    bool is_done = bench_run(options, &report, why);
    bool is_good = is_done && report_is_good(&report);
    if (is_done) {
        is_good &= write_reports(&report);
    } else {
        fprintf(stderr, "cachebench: %s\n", why);
    }
    report_fini(&report);
    return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct options options;
    struct buffer text = {0};
    signal(SIGPIPE, SIG_IGN);
    if (!options_parse(&options, argc, argv, &text)) {
        fprintf(stderr, "cachebench: ");
        print(&text, stderr);
        fprintf(stderr, "\n");
        return EXIT_USAGE;
    }
    if (options.wants_help || options.wants_version) {
        if (options.wants_help) {
            options_print_help(&text);
        } else {
            options_print_version(&text);
        }
        return print(&text, stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    return run(&options);
}
