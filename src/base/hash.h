/* A keyed hash that nobody without the key can aim at one bucket:
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF",
 * 2012), with the key drawn from the system at start. Any thread. */
#ifndef CACHESERVER_BASE_HASH_H
#define CACHESERVER_BASE_HASH_H

#include "base/slice.h"

#include <stdint.h>

struct hash_key {
    uint64_t k0;
    uint64_t k1;
};

/* A key from the system's random source; ends the program without one. */
struct hash_key hash_key_random(void);

/* The hash of `bytes` under `key`. */
uint64_t hash_bytes(const struct hash_key *key, struct slice bytes);

#endif
