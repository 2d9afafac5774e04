/* What is asked for: which keys, how often, with what values. Keys are
 * numbers 0 .. count - 1 with a spelling of a fixed length; a key's value, and
 * its length, follow from the key and the seed, so that whoever reads it can
 * tell whether it is right. Any thread; a `struct workload` is only read once
 * it is made. */
#ifndef CACHESERVER_CLIENTS_BENCH_WORKLOAD_H
#define CACHESERVER_CLIENTS_BENCH_WORKLOAD_H

#include "base/slice.h"
#include "clients/bench/random.h"
#include "clients/bench/sizes.h"
#include "clients/bench/zipf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WORKLOAD_KEY_MAX = 250, /* memcached's limit */
    WORKLOAD_KEYS_MAX = 1 << 30,
    WORKLOAD_BODIES = 4096 /* a power of two */
};

struct workload_options {
    uint64_t keys;  /* 1 .. WORKLOAD_KEYS_MAX */
    size_t key_len; /* has room for `prefix` and the largest key's digits */
    const char *prefix;
    struct sizes sizes;
    double exponent; /* of Zipf's law; 0: all keys alike */
    double gets;     /* per cent */
    uint64_t seed;
};

/* Filled by workload_init(). Owns `pool`. */
struct workload {
    struct zipf zipf;
    struct sizes sizes;
    uint64_t keys;
    uint64_t seed;
    uint64_t gets;         /* a draw below this is a get */
    uint64_t scatter_mask; /* how ranks become keys, see workload_scatter() */
    unsigned scatter_shift;
    size_t key_len;
    char key[WORKLOAD_KEY_MAX]; /* the spelling of key 0 */
    char *pool;                 /* what values are cut from */
};

/* An operation of the mix. */
struct operation {
    uint64_t key;
    bool is_get;
};

/* Makes `workload`; no memory ends the program. */
void workload_init(struct workload *workload,
                   const struct workload_options *options);

void workload_fini(struct workload *workload);

/* How many digits the largest of `keys` keys has. */
size_t workload_digits(uint64_t keys);

/* Draws the next operation. */
struct operation workload_next(const struct workload *workload,
                               struct random *random);

/* The key of a rank; each key has one rank. */
uint64_t workload_scatter(const struct workload *workload, uint64_t rank);

/* Writes the spelling of `key`, `key_len` bytes. */
void workload_put_key(const struct workload *workload, uint64_t key, char *out);

/* The length of the value of `key`, and its bytes: letters, digits, - and _.
 */
size_t workload_value_len(const struct workload *workload, uint64_t key);
void workload_put_value(const struct workload *workload, uint64_t key,
                        char *out);

/* Whether `bytes` are the value of `key`. */
bool workload_is_value(const struct workload *workload, uint64_t key,
                       struct slice bytes);

#endif
