/* What the cases of bench_store share: a store with its background thread,
 * numbered entries, and memory of this process. */
#ifndef CACHESERVER_TESTS_BENCH_STORE_RIG_H
#define CACHESERVER_TESTS_BENCH_STORE_RIG_H

#include "meter.h"

#include "base/buffer.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { RIG_MIB = 1024 * 1024, RIG_VALUE_MAX = 1024 * 1024 };

/* A store, and a thread that works in it as the server's does. */
struct rig {
    struct store *store;
    pthread_t thread;
    _Atomic bool is_over;
    struct meter work; /* calls of store_work(); to be read when closed */
    struct buffer got;
};

void rig_open(struct rig *rig, uint64_t memory_max);
void rig_close(struct rig *rig);

/* The name of bank `number`, and the key of 16 bytes of entry `number`. */
struct slice rig_bank(char room[16], uint64_t number);
struct slice rig_key(char room[17], uint64_t number);

/* Stores `len` bytes under key `number`; ends the program on failure. */
void rig_put(struct rig *rig, struct slice bank, uint64_t number, size_t len);

/* Whether the key is there. */
bool rig_get(struct rig *rig, struct slice bank, uint64_t number);

/* The next of a row of pseudo-random numbers, below `count`. */
uint64_t rig_draw(uint64_t *state, uint64_t count);

void rig_sleep_ms(unsigned ms);

/* Bytes of this process that are in memory. */
uint64_t rig_resident(void);

/* Prints whether `got` is at most `most`, and answers it. */
bool rig_judge(const char *what, double got, double most);

#endif
