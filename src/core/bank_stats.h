/* What a bank may take, and what is told of it. */
#ifndef CACHESERVER_CORE_BANK_STATS_H
#define CACHESERVER_CORE_BANK_STATS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    BANK_MAXIMUM_MIN = 64 * 1024,
    BANK_WEIGHT_DEFAULT = 100,
    BANK_WEIGHT_MAX = 1000000,
    BANK_RESERVES_PERCENT = 70 /* of the memory limit, all together */
};

/* Bytes as `bytes` of struct bank_stats counts them. */
struct bank_limits {
    uint64_t reserved; /* what is not taken for other banks; 0: nothing */
    uint64_t maximum;  /* 0: any */
    uint64_t weight;   /* its share of what is not reserved */
};

/* What is to be changed of the limits: those that are marked. */
struct bank_change {
    struct bank_limits limits;
    bool has_reserved;
    bool has_maximum;
    bool has_weight;
};

/* Of gets, of what became of entries since the bank came into being, and of
 * what there is now; proto/cache.proto says what each is. */
struct bank_stats {
#define STAT(name, number) uint64_t name;
#include "core/bank_stats.def"
#undef STAT
};

#endif
