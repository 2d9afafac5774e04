/* A bin is for nanoseconds whose highest four bits are the same. */
#include "store/latency.h"

#include "base/memory.h"
#include "core/bank_stats.h"

enum {
    STEP_BITS = 3,
    STEPS = 1 << STEP_BITS,
    DOUBLINGS = 36, /* a minute and more is the last */
    BINS = STEPS * DOUBLINGS
};

struct latency_bins {
    _Atomic uint64_t max_ns;
    _Atomic uint32_t counts[BINS];
};

static unsigned bin_of(uint64_t ns)
{
    unsigned log2 = 63 - (unsigned)__builtin_clzll(ns | STEPS);
    unsigned doubling = log2 - STEP_BITS;
    unsigned step = (unsigned)(ns >> doubling) & (STEPS - 1);
    unsigned bin = doubling * STEPS + step;
    return bin < BINS ? bin : BINS - 1;
}

/* The greatest that is in `bin`. */
static uint64_t end_of(unsigned bin)
{
    unsigned doubling = bin / STEPS;
    uint64_t step = STEPS + bin % STEPS;
    return ((step + 1) << doubling) - 1;
}

static void raise_max(struct latency_bins *bins, uint64_t ns)
{
    uint64_t max = atomic_load_explicit(&bins->max_ns, memory_order_relaxed);
    while (ns > max && !atomic_compare_exchange_weak_explicit(
                           &bins->max_ns, &max, ns, memory_order_relaxed,
                           memory_order_relaxed)) {
    }
}

/* The bins of `op`, made if need be; NULL without memory. */
static struct latency_bins *open_bins(struct latency *latency, enum op op,
                                      size_t *taken)
{
    struct latency_bins *bins =
        atomic_load_explicit(&latency->bins[op], memory_order_acquire);
    if (bins) {
        return bins;
    }
    struct latency_bins *fresh = memory_alloc_zero(sizeof *fresh);
    if (!fresh) {
        return NULL;
    }
    if (atomic_compare_exchange_strong_explicit(&latency->bins[op], &bins,
                                                fresh, memory_order_acq_rel,
                                                memory_order_acquire)) {
        *taken = sizeof *fresh;
        return fresh;
    }
    memory_free(fresh);
    return bins;
}

size_t latency_note(struct latency *latency, enum op op, uint64_t ns)
{
    size_t taken = 0;
    struct latency_bins *bins = open_bins(latency, op, &taken);
    if (bins) {
        atomic_fetch_add_explicit(&bins->counts[bin_of(ns)], 1,
                                  memory_order_relaxed);
        raise_max(bins, ns);
    }
    return taken;
}

/* The time that `part` of a thousand of `count` calls stayed within. */
static uint64_t percentile(const struct latency_bins *bins, uint64_t count,
                           uint64_t part)
{
    uint64_t rank = (count * part + 999) / 1000;
    uint64_t sum = 0;
    for (unsigned bin = 0; bin < BINS; bin++) {
        sum += atomic_load_explicit(&bins->counts[bin], memory_order_relaxed);
        if (sum >= rank) {
            return end_of(bin);
        }
    }
    return end_of(BINS - 1);
}

bool latency_tell(const struct latency *latency, enum op op,
                  struct op_latency *told)
{
    const struct latency_bins *bins =
        atomic_load_explicit(&latency->bins[op], memory_order_acquire);
    if (!bins) {
        return false;
    }
    uint64_t count = 0;
    for (unsigned bin = 0; bin < BINS; bin++) {
        count += atomic_load_explicit(&bins->counts[bin], memory_order_relaxed);
    }
    *told = (struct op_latency){
        .op = op,
        .samples = count,
        .p50_ns = percentile(bins, count, 500),
        .p99_ns = percentile(bins, count, 990),
        .max_ns = atomic_load_explicit(&bins->max_ns, memory_order_relaxed),
    };
    return true;
}

size_t latency_fini(struct latency *latency)
{
    size_t freed = 0;
    for (int op = 0; op < OP_COUNT; op++) {
        struct latency_bins *bins = atomic_load(&latency->bins[op]);
        freed += bins ? sizeof *bins : 0;
        memory_free(bins);
    }
    return freed;
}
