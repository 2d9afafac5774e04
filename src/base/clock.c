#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

/* Read by every thread, set by tests; no other memory hangs on it. */
static _Atomic uint64_t fake_now_ms;

uint64_t clock_now_ms(void)
{
    uint64_t fake = atomic_load_explicit(&fake_now_ms, memory_order_relaxed);
    if (fake) {
        return fake;
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + 1;
}

void clock_set_fake(uint64_t now_ms)
{
    atomic_store_explicit(&fake_now_ms, now_ms, memory_order_relaxed);
}

uint64_t clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t clock_now_us(void)
{
    return clock_now_ns() / 1000;
}

uint64_t clock_unix_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec;
}
