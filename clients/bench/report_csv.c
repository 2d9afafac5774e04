/* A line of names, and a line a phase. What is not known is left empty. */
#include "clients/bench/report.h"

#include "base/text.h"

#include <math.h>

static void print_line(const struct report *report,
                       const struct outcome *outcome, struct buffer *out)
{
    const struct options *options = report->options;
    const struct column *column;
    text_append(out, "\"%s\",%s,%s", options->label, options->protocol->name,
                outcome->phase);
    for (size_t i = 0; (column = report_column(i)); i++) {
        double value = column->value(outcome);
        text_append(out, ",");
        if (!isnan(value)) {
            text_append(out, "%.*f", column->decimals, value);
        }
    }
    text_append(out, "\n");
}

void report_csv(const struct report *report, struct buffer *out)
{
    const struct column *column;
    text_append(out, "label,protocol,phase");
    for (size_t i = 0; (column = report_column(i)); i++) {
        text_append(out, ",%s", column->name);
    }
    text_append(out, "\n");
    for (size_t i = 0; i < report->count; i++) {
        print_line(report, report->outcomes[i], out);
    }
}
