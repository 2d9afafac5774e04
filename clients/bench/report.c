#include "clients/bench/report.h"

#include "base/memory.h"

#include <math.h>

static double per(double amount, double count)
{
    return count > 0 ? amount / count : (double)NAN;
}

/* Not known when no answer was looked at. */
static double hit_percent(const struct record *record)
{
    uint64_t seen = record->hits + record->misses + record->wrong;
    return seen ? per(100 * (double)record->hits, (double)record->gets)
                : (double)NAN;
}

static double percentile_us(const struct histogram *histogram, double percent)
{
    if (histogram->count == 0) {
        return (double)NAN;
    }
    return (double)histogram_percentile(histogram, percent) / 1e3;
}

/* What `cpu_s` of the server are a request. */
static double server_us(const struct outcome *outcome, double cpu_s)
{
    if (!outcome->has_server) {
        return (double)NAN;
    }
    return per(cpu_s * 1e6, (double)record_requests(&outcome->record));
}

static double client_us(const struct outcome *outcome)
{
    return per(outcome->client.cpu_s * 1e6,
               (double)record_requests(&outcome->record));
}

#define COLUMN(name, heading, decimals, expression)                            \
    static double value_of_##name(const struct outcome *o)                     \
    {                                                                          \
        const struct record *r = &o->record;                                   \
        (void)r;                                                               \
        return expression;                                                     \
    }
#include "clients/bench/columns.def"
#undef COLUMN

static const struct column columns[] = {
#define COLUMN(name, heading, decimals, expression)                            \
    {#name, heading, decimals, value_of_##name},
#include "clients/bench/columns.def"
#undef COLUMN
};

const struct column *report_column(size_t index)
{
    return index < sizeof columns / sizeof columns[0] ? &columns[index] : NULL;
}

void report_fini(struct report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        memory_free(report->outcomes[i]);
    }
    report->count = 0;
}

bool report_is_good(const struct report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct record *record = &report->outcomes[i]->record;
        if (record->wrong > 0 || record->errors > 0) {
            return false;
        }
    }
    return true;
}

double report_entry_bytes(const struct report *report)
{
    double growth = (double)report->rss_after - (double)report->rss_before;
    return per(growth, (double)report->entries);
}
