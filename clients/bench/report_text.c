/* A table with a row a phase, and below it what must not be overlooked. */
#include "clients/bench/report.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { CELL_MAX = 32, PHASE_WIDTH = 6 };

/* Prints `value` with commas between thousands; a line for none. */
static void print_cell(double value, int decimals, char cell[CELL_MAX])
{
    char plain[CELL_MAX];
    if (isnan(value)) {
        snprintf(cell, CELL_MAX, "-");
        return;
    }
    int len = snprintf(plain, sizeof plain, "%.*f", decimals, value);
    int whole = decimals > 0 ? len - decimals - 1 : len;
    size_t at = 0;
    for (int i = 0; i < len && at + 2 < CELL_MAX; i++) {
        bool is_between = i > 0 && i < whole && plain[i - 1] != '-';
        if (is_between && (whole - i) % 3 == 0) {
            cell[at++] = ',';
        }
        cell[at++] = plain[i];
    }
    cell[at] = '\0';
}

/* How wide a column has to be. */
static int width_of(const struct report *report, const struct column *column)
{
    int width = (int)strlen(column->heading);
    for (size_t i = 0; i < report->count; i++) {
        char cell[CELL_MAX];
        print_cell(column->value(report->outcomes[i]), column->decimals, cell);
        int len = (int)strlen(cell);
        width = len > width ? len : width;
    }
    return width;
}

/* Prints the headings, or the cells of `outcome` if it is not NULL. */
static void print_row(const struct report *report,
                      const struct outcome *outcome, struct buffer *out)
{
    const struct column *column;
    text_append(out, "%-*s", PHASE_WIDTH, outcome ? outcome->phase : "phase");
    for (size_t i = 0; (column = report_column(i)); i++) {
        if (!*column->heading) {
            continue;
        }
        char cell[CELL_MAX];
        snprintf(cell, sizeof cell, "%s", column->heading);
        if (outcome) {
            print_cell(column->value(outcome), column->decimals, cell);
        }
        text_append(out, "  %*s", width_of(report, column), cell);
    }
    text_append(out, "\n");
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void print_head(const struct report *report, struct buffer *out)
{
    const struct options *options = report->options;
    const char *protocol = options->protocol->name;
    if (strcmp(options->label, protocol) != 0) {
        text_append(out, "%s: ", options->label);
    }
    text_append(out, "%s on %s\n", protocol, report->server);
    text_append(out,
                "%" PRIu64 " keys of %" PRIu64 " bytes, values of %s bytes, "
                "zipf %g, %g %% gets, seed %" PRIu64 "\n",
                options->keys, options->key_len, options->value_size,
                options->zipf, options->gets, options->seed);
    text_append(out, "%" PRIu64 " connection%s, %" PRIu64 " thread%s, ",
                options->connections, plural(options->connections),
                options->threads, plural(options->threads));
    if (options->rate > 0) {
        text_append(out, "%" PRIu64 " requests/s whatever comes back\n\n",
                    options->rate);
    } else {
        text_append(out, "closed loop\n\n");
    }
}

/* What makes an outcome worth less than it looks. */
static void print_faults(const struct outcome *outcome, struct buffer *out)
{
    const struct record *record = &outcome->record;
    if (record->wrong > 0) {
        text_append(out, "%s: %" PRIu64 " answers were WRONG\n", outcome->phase,
                    record->wrong);
    }
    if (record->errors > 0) {
        text_append(out, "%s: %" PRIu64 " requests were REFUSED, the first: ",
                    outcome->phase, record->errors);
        text_append_shown(out, slice_of_string(record->error));
        text_append(out, "\n");
    }
    if (outcome->rate > 0) {
        text_append(out,
                    "%s: the client itself was late by %.1f us (p99), %.1f us "
                    "(max)\n",
                    outcome->phase,
                    (double)histogram_percentile(&record->late_ns, 99) / 1e3,
                    (double)record->late_ns.max / 1e3);
    }
}

void report_text(const struct report *report, struct buffer *out)
{
    print_head(report, out);
    print_row(report, NULL, out);
    for (size_t i = 0; i < report->count; i++) {
        print_row(report, report->outcomes[i], out);
    }
    text_append(out, "\n");
    for (size_t i = 0; i < report->count; i++) {
        print_faults(report->outcomes[i], out);
    }
    if (report->has_memory) {
        text_append(out,
                    "%.1f bytes an entry: %" PRIu64 " entries, RSS from %.1f "
                    "to %.1f MiB\n",
                    report_entry_bytes(report), report->entries,
                    (double)report->rss_before / 0x1p20,
                    (double)report->rss_after / 0x1p20);
    }
}
