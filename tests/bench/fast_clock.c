/* To be loaded before a server (LD_PRELOAD): lets its time run FAST_CLOCK
 * times as fast. A replay brings hours of requests in seconds; Redis, which
 * knows the age of an entry in whole seconds, and memcached, which looks
 * after its lists as seconds pass, would tell old from new much worse than
 * they do in life. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

enum { CLOCKS = 16 };

#define NS_PER_S INT64_C(1000000000)

typedef int clock_gettime_fn(clockid_t clock, struct timespec *now);

static clock_gettime_fn *real_clock_gettime;
static int64_t starts_ns[CLOCKS];
static int64_t factor;

static int64_t real_ns(clockid_t clock)
{
    struct timespec now = {0};
    real_clock_gettime(clock, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

__attribute__((constructor)) static void start(void)
{
    const char *text = getenv("FAST_CLOCK");
    /* The way that POSIX has for a function out of dlsym(). */
    *(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    for (clockid_t clock = 0; clock < CLOCKS; clock++) {
        starts_ns[clock] = real_ns(clock);
    }
    factor = text ? strtol(text, NULL, 10) : 1;
}

/* Before the constructor of this library others may ask already. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (!factor) {
        start();
    }
    if (clock < 0 || clock >= CLOCKS) {
        return real_clock_gettime(clock, now);
    }
    int64_t ns =
        starts_ns[clock] + (real_ns(clock) - starts_ns[clock]) * factor;
    now->tv_sec = ns / NS_PER_S;
    now->tv_nsec = ns % NS_PER_S;
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (out) {
        *out = precise.tv_sec;
    }
    return precise.tv_sec;
}
