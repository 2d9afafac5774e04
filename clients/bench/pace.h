/* When requests at a fixed rate are to be sent: at even distances, dealt out
 * to the connections of all threads in turn. A request keeps its time however
 * late it is sent, so that what a stalled server makes others wait is
 * measured too. One thread. */
#ifndef CACHESERVER_CLIENTS_BENCH_PACE_H
#define CACHESERVER_CLIENTS_BENCH_PACE_H

#include "clients/bench/source.h"

#include <stdint.h>

/* `turn` counts the requests of this thread, whose connections take turns. */
struct pace {
    double interval_ns; /* between requests of all threads; 0: no fixed rate */
    uint64_t start_ns;
    struct share share;
    uint64_t turn; /* next to come due */
};

static inline void pace_init(struct pace *pace, const struct phase *phase,
                             struct share share)
{
    *pace = (struct pace){
        .interval_ns = phase->rate > 0 ? 1e9 / phase->rate : 0,
        .start_ns = phase->start_ns,
        .share = share,
    };
}

static inline bool pace_is_fixed(const struct pace *pace)
{
    return pace->interval_ns > 0;
}

/* When the request of `turn` is to be sent. */
static inline uint64_t pace_due_ns(const struct pace *pace, uint64_t turn)
{
    double place = (double)(turn * pace->share.threads + pace->share.index);
    return pace->start_ns + (uint64_t)(place * pace->interval_ns);
}

#endif
