#include "clients/bench/report.h"

#include "base/json_scan.h"
#include "base/memory.h"
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

/* A report of a load and a run of a thousand gets that took 1 to 1,000 us. */
static void fill(struct report *report, struct options *options)
{
    struct buffer why = {0};
    static char program[] = "cachebench";
    static char flag[] = "--label";
    static char label[] = "a name";
    char *argv[] = {program, flag, label, NULL};
    EXPECT(options_parse(options, 3, argv, &why));
    *report = (struct report){.options = options, .server = "here:1"};
    for (size_t i = 0; i < 2; i++) {
        report->outcomes[i] = memory_alloc_or_die(sizeof *report->outcomes[i]);
        report->count++;
    }
    struct outcome *load = report->outcomes[0];
    load->phase = "load";
    load->depth = 32;
    load->seconds = 2;
    load->record.sets = 1234567;
    struct outcome *run = report->outcomes[1];
    run->phase = "run";
    run->depth = 16;
    run->seconds = 0.5;
    run->has_server = true;
    run->server = (struct process_usage){0.002, 0.0015, 0.0005, 0};
    run->client.cpu_s = 0.003;
    run->record.gets = 1000;
    run->record.hits = 999;
    run->record.misses = 1;
    for (uint64_t us = 1; us <= 1000; us++) {
        histogram_record(&run->record.get_ns, us * 1000);
        histogram_record(&run->all_ns, us * 1000);
    }
}

static double value_of(const struct outcome *outcome, const char *name)
{
    const struct column *column;
    for (size_t i = 0; (column = report_column(i)); i++) {
        if (!strcmp(column->name, name)) {
            return column->value(outcome);
        }
    }
    bool has_column = false;
    EXPECT(has_column);
    return 0;
}

static const char *as_text(void (*form)(const struct report *, struct buffer *),
                           const struct report *report, struct buffer *out)
{
    form(report, out);
    EXPECT_INT(buffer_append(out, slice_of("", 1)), STATUS_OK);
    return buffer_peek(out).data;
}

static void report_computes_what_a_request_costs(void)
{
    struct options options;
    struct report report;
    fill(&report, &options);
    const struct outcome *run = report.outcomes[1];
    EXPECT(value_of(run, "requests_per_s") == 2000);
    EXPECT(fabs(value_of(run, "server_us") - 2) < 1e-9);
    EXPECT(fabs(value_of(run, "server_user_us") - 1.5) < 1e-9);
    EXPECT(fabs(value_of(run, "client_us") - 3) < 1e-9);
    EXPECT(fabs(value_of(run, "hit_percent") - 99.9) < 1e-9);
    EXPECT(fabs(value_of(run, "p50_us") - 500) < 0.5);
    EXPECT(fabs(value_of(run, "p99_us") - 990) < 1);
    EXPECT(value_of(run, "max_us") == 1000);
    EXPECT(isnan(value_of(run, "set_p99_us")));
    EXPECT(isnan(value_of(run, "rate")));
    EXPECT(isnan(value_of(report.outcomes[0], "server_us")));
    EXPECT(isnan(value_of(report.outcomes[0], "hit_percent")));
    report_fini(&report);
}

static void report_is_good_when_nothing_is_wrong_or_refused(void)
{
    struct options options;
    struct report report;
    fill(&report, &options);
    EXPECT(report_is_good(&report));
    report.outcomes[1]->record.wrong = 1;
    EXPECT(!report_is_good(&report));
    report.outcomes[1]->record.wrong = 0;
    report.outcomes[0]->record.errors = 1;
    EXPECT(!report_is_good(&report));
    report_fini(&report);
}

static void report_as_text_is_a_table_and_says_what_is_wrong(void)
{
    struct options options;
    struct report report;
    struct buffer out = {0};
    fill(&report, &options);
    report.outcomes[1]->record.wrong = 3;
    report.outcomes[0]->record.errors = 5;
    snprintf(report.outcomes[0]->record.error, RECORD_ERROR_MAX, "no room");
    const char *text = as_text(report_text, &report, &out);
    EXPECT(strstr(text, "a name: protobuf on here:1\n"));
    EXPECT(strstr(text, "1,234,567"));
    EXPECT(strstr(text, "99.90"));
    EXPECT(strstr(text, "run: 3 answers were WRONG\n"));
    EXPECT(strstr(text, "load: 5 requests were REFUSED, the first: no room\n"));
    buffer_fini(&out);
    report_fini(&report);
}

/* Commas of the first `count` lines, which must be as many in each. */
static void expect_same_commas(const char *text, size_t count)
{
    size_t first = 0;
    for (size_t line = 0; line < count; line++) {
        size_t commas = 0;
        for (; *text && *text != '\n'; text++) {
            commas += *text == ',';
        }
        REQUIRE(*text == '\n');
        text++;
        first = line == 0 ? commas : first;
        EXPECT_INT(commas, first);
    }
    EXPECT(first > 20);
    EXPECT_INT(*text, 0);
}

static void report_as_csv_has_as_many_cells_in_each_line(void)
{
    struct options options;
    struct report report;
    struct buffer out = {0};
    fill(&report, &options);
    const char *text = as_text(report_csv, &report, &out);
    expect_same_commas(text, 3);
    EXPECT(
        strstr(text, "\n\"a name\",protobuf,run,16,,0.500,1000,1000,0,999,"));
    buffer_fini(&out);
    report_fini(&report);
}

static void report_as_json_is_json(void)
{
    struct options options;
    struct report report;
    struct buffer out = {0};
    fill(&report, &options);
    report_json(&report, &out);
    EXPECT(json_is_valid(buffer_peek(&out), 10));
    buffer_fini(&out);
    report.has_memory = true;
    const char *text = as_text(report_json, &report, &out);
    EXPECT(json_is_valid(slice_of_string(text), 10));
    EXPECT(strstr(text, "\"bytes_an_entry\": null"));
    EXPECT(strstr(text, "\"p99_us\": 99"));
    EXPECT(strstr(text, "\"set_p99_us\": null"));
    buffer_fini(&out);
    report_fini(&report);
}

static void report_tells_the_memory_of_an_entry(void)
{
    struct options options;
    struct report report;
    struct buffer out = {0};
    fill(&report, &options);
    report.has_memory = true;
    report.rss_before = 1 << 20;
    report.rss_after = 7 << 20;
    report.entries = 1 << 16;
    EXPECT(report_entry_bytes(&report) == 96);
    const char *text = as_text(report_text, &report, &out);
    EXPECT(strstr(text, "96.0 bytes an entry: 65536 entries, RSS from 1.0 to "
                        "7.0 MiB\n"));
    buffer_fini(&out);
    report_fini(&report);
}

static void report_draws_a_line_a_run(void)
{
    struct options options;
    struct report report;
    struct buffer out = {0};
    fill(&report, &options);
    const char *text = as_text(report_svg, &report, &out);
    EXPECT(!strncmp(text, "<svg ", 5));
    EXPECT(strstr(text, "</svg>\n"));
    EXPECT(strstr(text, "depth 16"));
    EXPECT(!strstr(text, "depth 32"));
    EXPECT(!strstr(text, "nan") && !strstr(text, "inf"));
    const char *line = strstr(text, "<polyline");
    EXPECT(line && !strstr(line + 1, "<polyline"));
    buffer_fini(&out);
    report.count = 1; /* No run at all. */
    text = as_text(report_svg, &report, &out);
    EXPECT(!strstr(text, "nan") && !strstr(text, "inf"));
    buffer_fini(&out);
    report.count = 2;
    report_fini(&report);
}

/* --- processes ------------------------------------------------------------ */

static void process_sees_what_it_uses_itself(void)
{
    struct process_usage before;
    struct process_usage after;
    REQUIRE(process_look(getpid(), &before));
    do {
        REQUIRE(process_look(getpid(), &after));
    } while (after.cpu_s - before.cpu_s < 0.05);
    EXPECT(fabs(after.user_s + after.system_s - after.cpu_s) < 0.05);
    EXPECT(after.rss > 1 << 20);
}

static void process_does_not_see_who_is_not_there(void)
{
    struct process_usage usage;
    EXPECT(!process_look(0, &usage));
    EXPECT(!process_look(4194304, &usage));
}

static const struct test_case cases[] = {
    TEST(report_computes_what_a_request_costs),
    TEST(report_is_good_when_nothing_is_wrong_or_refused),
    TEST(report_as_text_is_a_table_and_says_what_is_wrong),
    TEST(report_as_csv_has_as_many_cells_in_each_line),
    TEST(report_as_json_is_json),
    TEST(report_tells_the_memory_of_an_entry),
    TEST(report_draws_a_line_a_run),
    TEST(process_sees_what_it_uses_itself),
    TEST(process_does_not_see_who_is_not_there),
};

SUITE(bench_report, cases);
