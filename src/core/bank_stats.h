/* What a bank may take, and what is told of it. */
#ifndef CACHESERVER_CORE_BANK_STATS_H
#define CACHESERVER_CORE_BANK_STATS_H

#include "core/op.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    BANK_MAXIMUM_MIN = 64 * 1024,
    BANK_STATS_LIMITS = 14, /* the first such number in bank_stats.def */
    BANK_WEIGHT_DEFAULT = 100,
    BANK_WEIGHT_MAX = 1000000,
    BANK_JITTER_MAX = 90,      /* percent of a lifetime */
    BANK_RESERVES_PERCENT = 70 /* of the memory limit, all together */
};

/* What a bank does when a put finds it, or the memory, full. */
enum bank_when_full {
    BANK_EVICT, /* others of the bank leave, or of the greediest one */
    BANK_REFUSE /* the put is refused; nothing of the bank is ever evicted */
};

/* How a limit is written in JSON. */
enum bank_limit_form { LIMIT_NUMBER, LIMIT_SWITCH, LIMIT_WHEN_FULL };

/* What a bank is set to; proto/cache.proto says what each means. Bytes are
 * those that `bytes` of struct bank_stats counts. */
struct bank_limits {
#define LIMIT(name, ...) uint64_t name;
#include "core/bank_limits.def"
#undef LIMIT
};

/* What is to be changed of the limits: those that are marked. */
struct bank_change {
    struct bank_limits limits;
#define LIMIT(name, ...) bool has_##name;
#include "core/bank_limits.def"
#undef LIMIT
};

/* How long one operation on a bank took in the store, of those calls that were
 * timed. */
struct op_latency {
    enum op op;
    uint64_t samples;
    uint64_t p50_ns; /* to an eighth */
    uint64_t p99_ns;
    uint64_t max_ns;
};

/* What a bank is that nobody has configured. */
static inline struct bank_limits bank_limits_initial(void)
{
    return (struct bank_limits){
#define LIMIT(name, request, response, form, initial, ...) .name = (initial),
#include "core/bank_limits.def"
#undef LIMIT
    };
}

/* Of gets, of what became of entries since the bank came into being, and of
 * what there is now; proto/cache.proto says what each is. */
struct bank_stats {
#define STAT(name, number) uint64_t name;
#include "core/bank_stats.def"
#undef STAT
};

#endif
