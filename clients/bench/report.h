/* What a bench came to, and the forms in which it can be told. */
#ifndef CACHESERVER_CLIENTS_BENCH_REPORT_H
#define CACHESERVER_CLIENTS_BENCH_REPORT_H

#include "base/buffer.h"
#include "clients/bench/histogram.h"
#include "clients/bench/options.h"
#include "clients/bench/process.h"
#include "clients/bench/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REPORT_OUTCOMES_MAX = OPTIONS_DEPTHS_MAX + 2, REPORT_SERVER_MAX = 300 };

/* What a phase came to; large. `server` and `client` say what was used
 * meanwhile; of the server only if `has_server`. */
struct outcome {
    const char *phase; /* load, check or run */
    size_t depth;
    double rate;
    double seconds;
    bool has_server;
    struct process_usage server;
    struct process_usage client;
    struct record record;
    struct histogram all_ns; /* gets and sets */
};

/* Owns its outcomes. */
struct report {
    const struct options *options;
    char server[REPORT_SERVER_MAX]; /* where it is */
    size_t count;
    struct outcome *outcomes[REPORT_OUTCOMES_MAX];
    bool has_memory; /* with --memory, once it is known: */
    uint64_t rss_before;
    uint64_t rss_after;
    uint64_t entries; /* that were there in the end */
};

void report_fini(struct report *report);

/* Whether every answer was as it must be. */
bool report_is_good(const struct report *report);

/* Bytes of memory an entry. */
double report_entry_bytes(const struct report *report);

/* Each appends the report in its form. */
void report_text(const struct report *report, struct buffer *out);
void report_json(const struct report *report, struct buffer *out);
void report_csv(const struct report *report, struct buffer *out);
void report_svg(const struct report *report, struct buffer *out);

/* A column, see columns.def. */
struct column {
    const char *name;
    const char *heading;
    int decimals;
    double (*value)(const struct outcome *outcome);
};

/* Column `index`; NULL behind the last. */
const struct column *report_column(size_t index);

#endif
