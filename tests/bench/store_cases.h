/* The cases of bench_store, each of which prints what it measures and
 * answers whether that is what the store promises. */
#ifndef CACHESERVER_TESTS_BENCH_STORE_CASES_H
#define CACHESERVER_TESTS_BENCH_STORE_CASES_H

#include <stdbool.h>

/* How long any call takes at 4 M and 10 M entries, and while banks grow,
 * shrink, are evicted from and reset. */
bool bench_holds(bool is_short);

/* A bank of 10 M entries that is reset, and what store_work() does then. */
bool bench_reset(bool is_short);

/* 1 M entries that are over at the same time. */
bool bench_expiry(bool is_short);

/* Values of 8 bytes to 64 KiB and back, ten times, under a limit. */
bool bench_churn(bool is_short);

/* Keys that collide under hashes without a secret. */
bool bench_collisions(bool is_short);

/* Gets by two threads beside gets by two threads on stores of their own. */
bool bench_scaling(bool is_short);

#endif
