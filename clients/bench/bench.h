/* The bench itself: which phases there are, and what was used meanwhile. */
#ifndef CACHESERVER_CLIENTS_BENCH_BENCH_H
#define CACHESERVER_CLIENTS_BENCH_BENCH_H

#include "clients/bench/options.h"
#include "clients/bench/report.h"

#include <stdbool.h>

enum { BENCH_WHY_MAX = 700 };

/* Runs what `options` ask for; what came of it is in `report`, which is all
 * zero before and borrows `options`. False when it broke off, and `why` says
 * how; phases that were over are in `report`. */
bool bench_run(const struct options *options, struct report *report,
               char why[BENCH_WHY_MAX]);

#endif
