#include "store/commons.h"

#include "base/clock.h"
#include "store/arena.h"

uint64_t commons_now(const struct commons *commons)
{
    return clock_now_ms() - commons->start_ms + 1;
}

uint64_t commons_used(const struct commons *commons)
{
    uint64_t used =
        arena_used(commons->arena) +
        atomic_load_explicit(&commons->other, memory_order_relaxed);
    uint64_t leaving =
        atomic_load_explicit(&commons->leaving, memory_order_relaxed);
    return used > leaving ? used - leaving : 0;
}
