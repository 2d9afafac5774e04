/* Time since the machine started, which never jumps: what lifetimes and
 * timers are measured with. Tests put the time where they want it. */
#ifndef CACHESERVER_BASE_CLOCK_H
#define CACHESERVER_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds on the monotonic clock, never 0. Any thread. */
uint64_t clock_now_ms(void);

/* Nanoseconds and microseconds on the same clock, for how long something takes:
 * never the fake time. */
uint64_t clock_now_ns(void);
uint64_t clock_now_us(void);

/* Seconds since 1970, as the system has them; they may go back. */
uint64_t clock_unix_s(void);

/* For tests: from now on the time is `now_ms` (not 0) and stands still;
 * 0 lets the real clock run again. Any thread. */
void clock_set_fake(uint64_t now_ms);

#endif
