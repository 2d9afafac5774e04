/* How long operations on a bank took, of those that were timed: a histogram an
 * operation, eight steps a doubling, made when it is first needed. Any thread,
 * no lock; each figure is exact when nothing runs. */
#ifndef CACHESERVER_STORE_LATENCY_H
#define CACHESERVER_STORE_LATENCY_H

#include "core/op.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct latency_bins;
struct op_latency;

/* Zeroes are one without anything. */
struct latency {
    struct latency_bins *_Atomic bins[OP_COUNT];
};

/* Counts a call of `op` that took `ns`; how many bytes of memory that has
 * taken. Without memory it is not counted. */
size_t latency_note(struct latency *latency, enum op op, uint64_t ns);

/* What is known of `op`; false when nothing is. */
bool latency_tell(const struct latency *latency, enum op op,
                  struct op_latency *told);

/* Releases the memory; answers how much it was. */
size_t latency_fini(struct latency *latency);

#endif
