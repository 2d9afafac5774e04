/* One object: what was asked for, a `runs` object a phase, and `memory`. What
 * is not known is null. */
#include "clients/bench/report.h"

#include "base/json_string.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>

static void print_string(const char *name, const char *text, struct buffer *out)
{
    text_append(out, "\"%s\": \"", name);
    json_string_escape(out, slice_of_string(text));
    text_append(out, "\"");
}

static void print_settings(const struct options *options, struct buffer *out)
{
    text_append(out,
                "  \"settings\": {\"keys\": %" PRIu64
                ", \"key_length\": %" PRIu64 ", ",
                options->keys, options->key_len);
    print_string("value_size", options->value_size, out);
    text_append(out,
                ", \"value_size_mean\": %.3f, \"gets\": %g, \"zipf\": %g"
                ", \"lifetime_s\": %.3f, \"refill\": %s, \"seed\": %" PRIu64,
                sizes_mean(&options->sizes), options->gets, options->zipf,
                (double)options->lifetime_ms / 1000,
                options->is_refilling ? "true" : "false", options->seed);
    text_append(out,
                ", \"connections\": %" PRIu64 ", \"threads\": %" PRIu64
                ", \"rate\": %" PRIu64 "},\n",
                options->connections, options->threads, options->rate);
}

static void print_outcome(const struct outcome *outcome, struct buffer *out)
{
    const struct column *column;
    text_append(out, "    {\"phase\": \"%s\"", outcome->phase);
    for (size_t i = 0; (column = report_column(i)); i++) {
        double value = column->value(outcome);
        text_append(out, ", \"%s\": ", column->name);
        if (isnan(value)) {
            text_append(out, "null");
        } else {
            text_append(out, "%.*f", column->decimals, value);
        }
    }
    text_append(out, "}");
}

static void print_memory(const struct report *report, struct buffer *out)
{
    text_append(out,
                ",\n  \"memory\": {\"entries\": %" PRIu64
                ", \"rss_before\": %" PRIu64 ", \"rss_after\": %" PRIu64
                ", \"bytes_an_entry\": ",
                report->entries, report->rss_before, report->rss_after);
    if (report->entries > 0) {
        text_append(out, "%.3f}", report_entry_bytes(report));
    } else {
        text_append(out, "null}");
    }
}

void report_json(const struct report *report, struct buffer *out)
{
    const struct options *options = report->options;
    text_append(out, "{\n  \"version\": \"" CACHESERVER_VERSION "\",\n  ");
    print_string("label", options->label, out);
    text_append(out, ",\n  ");
    print_string("protocol", options->protocol->name, out);
    text_append(out, ",\n  ");
    print_string("server", report->server, out);
    text_append(out, ",\n");
    print_settings(options, out);
    text_append(out, "  \"runs\": [\n");
    for (size_t i = 0; i < report->count; i++) {
        text_append(out, "%s", i ? ",\n" : "");
        print_outcome(report->outcomes[i], out);
    }
    text_append(out, "\n  ]");
    if (report->has_memory) {
        print_memory(report, out);
    }
    text_append(out, "\n}\n");
}
