#include "store/commons.h"

#include "base/clock.h"
#include "store/arena.h"

enum { IDLE_SHARE = 16, VERSION_COUNT_BITS = 21 };

uint64_t commons_now(const struct commons *commons)
{
    return clock_now_ms() - commons->start_ms + 1;
}

/* The second in which the store began, and a count: a number that a double
 * holds exactly, for those who only have doubles. */
void commons_begin_versions(struct commons *commons)
{
    atomic_init(&commons->version, clock_unix_s() << VERSION_COUNT_BITS);
}

uint64_t commons_next_version(struct commons *commons)
{
    return atomic_fetch_add_explicit(&commons->version, 1,
                                     memory_order_relaxed) +
           1;
}

/* Free blocks are soon taken again, but not for every size: of those that
 * lie between taken ones so much is charged as would go beyond the limit by
 * a sixteenth. */
static uint64_t idle_of(const struct commons *commons)
{
    uint64_t idle = arena_idle(commons->arena);
    uint64_t idle_max = ARENA_KEPT_MAX + commons->memory_max / IDLE_SHARE;
    return !commons->memory_max || idle < idle_max ? idle : idle_max;
}

uint64_t commons_used(const struct commons *commons)
{
    uint64_t used = arena_used(commons->arena) +
                    atomic_load_explicit(&commons->other, memory_order_relaxed);
    uint64_t free =
        idle_of(commons) +
        atomic_load_explicit(&commons->leaving, memory_order_relaxed);
    return used > free ? used - free : 0;
}
