/* Pseudo-random numbers that a seed decides: xoshiro256** (Blackman and Vigna,
 * "Scrambled linear pseudorandom number generators", 2021), started with
 * splitmix64. Fast and even; of no use against anyone who guesses. */
#ifndef CACHESERVER_CLIENTS_BENCH_RANDOM_H
#define CACHESERVER_CLIENTS_BENCH_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state[4];
};

/* How far the numbers lie apart that splitmix64 mixes one after another. */
#define RANDOM_MIX_STEP UINT64_C(0x9e3779b97f4a7c15)

/* Mixes the bits of `x`; no two numbers come to the same. */
static inline uint64_t random_mix(uint64_t x)
{
    x += RANDOM_MIX_STEP;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

/* Begins row `stream` of the rows that `seed` decides. */
static inline void random_init(struct random *random, uint64_t seed,
                               uint64_t stream)
{
    uint64_t x = random_mix(seed) ^ stream;
    for (int i = 0; i < 4; i++) {
        x = random_mix(x);
        random->state[i] = x;
    }
}

static inline uint64_t random_rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

/* The next 64 bits. */
static inline uint64_t random_next(struct random *random)
{
    uint64_t *s = random->state;
    uint64_t result = random_rotate(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = random_rotate(s[3], 45);
    return result;
}

/* A number from 0, which may come, to 1, which may not. */
static inline double random_real(struct random *random)
{
    return (double)(random_next(random) >> 11) * 0x1p-53;
}

__extension__ typedef unsigned __int128 random_product;

/* Scales 64 random bits to 0 .. `count` - 1; even to one part in
 * 2^64 / `count`. */
static inline uint64_t random_scale(uint64_t bits, uint64_t count)
{
    return (uint64_t)(((random_product)bits * count) >> 64);
}

#endif
