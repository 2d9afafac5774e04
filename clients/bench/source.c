#include "clients/bench/source.h"

/* The share of `count` things that are dealt out one by one. */
static uint64_t share_of(uint64_t count, struct share share)
{
    return count / share.threads + (share.index < count % share.threads);
}

void source_init(struct source *source, const struct workload *workload,
                 const struct phase *phase, struct share share)
{
    uint64_t count =
        phase->kind == PHASE_MIX ? phase->requests : workload->keys;
    *source = (struct source){
        .workload = workload,
        .kind = phase->kind,
        .key = share.index,
        .step = share.threads,
        .left = count ? share_of(count, share) : UINT64_MAX,
        .end_ns = UINT64_MAX,
    };
    if (phase->kind == PHASE_MIX && phase->duration_ns) {
        source->end_ns = phase->start_ns + phase->duration_ns;
    }
    random_init(&source->random, workload->seed,
                phase->number * share.threads + share.index);
}
