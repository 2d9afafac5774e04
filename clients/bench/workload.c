/* A value is a head of eight letters, which spell 48 bits of a hash of its
 * key, and a body cut from a pool of random letters at one of 4,096 places,
 * which other bits of the hash choose. So a value is written and compared by
 * memcpy and memcmp, values of different keys differ, and the pool of short
 * values stays in the nearest cache. Every letter stands for itself in JSON.
 *
 * Hot ranks are neighbours, hot keys must not be: a server that keeps entries
 * in the order of their puts would get them all in one place. Ranks become
 * keys by a permutation: steps that can be undone (multiply by an odd number,
 * xor with the own upper half) on as many bits as the count of keys has; what
 * lands beyond the count goes round again. */
#include "clients/bench/workload.h"

#include "base/check.h"
#include "base/memory.h"

#include <string.h>

enum { HEAD_LEN = 8 };

static const char letters[65] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static const char digit_pairs[201] =
    "0001020304050607080910111213141516171819202122232425262728293031323334"
    "3536373839404142434445464748495051525354555657585960616263646566676869"
    "707172737475767778798081828384858687888990919293949596979899";

size_t workload_digits(uint64_t keys)
{
    size_t digits = 1;
    for (uint64_t rest = (keys - 1) / 10; rest > 0; rest /= 10) {
        digits++;
    }
    return digits;
}

/* The part of a key that all share: the prefix, and zeroes. */
static void init_key(struct workload *workload,
                     const struct workload_options *options)
{
    size_t prefix_len = strlen(options->prefix);
    size_t digits = workload_digits(options->keys);
    CHECK(options->key_len <= WORKLOAD_KEY_MAX);
    CHECK(prefix_len + digits <= options->key_len);
    workload->key_len = options->key_len;
    memset(workload->key, '0', options->key_len);
    memcpy(workload->key, options->prefix, prefix_len);
}

static void init_scatter(struct workload *workload)
{
    unsigned bits = 1;
    while (workload->keys > (uint64_t)1 << bits) {
        bits++;
    }
    workload->scatter_mask = ((uint64_t)1 << bits) - 1;
    workload->scatter_shift = (bits + 1) / 2;
}

static void init_pool(struct workload *workload)
{
    size_t len = WORKLOAD_BODIES + workload->sizes.max;
    struct random random;
    random_init(&random, workload->seed, UINT64_MAX);
    workload->pool = memory_alloc_or_die(len);
    for (size_t i = 0; i < len; i++) {
        workload->pool[i] = letters[random_next(&random) >> 58];
    }
}

void workload_init(struct workload *workload,
                   const struct workload_options *options)
{
    CHECK(options->keys > 0 && options->keys <= WORKLOAD_KEYS_MAX);
    CHECK(options->gets >= 0 && options->gets <= 100);
    *workload = (struct workload){
        .sizes = options->sizes,
        .keys = options->keys,
        .seed = random_mix(options->seed),
        .gets = (uint64_t)(options->gets / 100 * 0x1p32),
    };
    zipf_init(&workload->zipf, options->keys, options->exponent);
    init_key(workload, options);
    init_scatter(workload);
    init_pool(workload);
}

void workload_fini(struct workload *workload)
{
    memory_free(workload->pool);
    workload->pool = NULL;
}

struct operation workload_next(const struct workload *workload,
                               struct random *random)
{
    uint64_t rank = zipf_next(&workload->zipf, random);
    return (struct operation){
        .key = workload_scatter(workload, rank),
        .is_get = random_next(random) >> 32 < workload->gets,
    };
}

uint64_t workload_scatter(const struct workload *workload, uint64_t rank)
{
    uint64_t mask = workload->scatter_mask;
    uint64_t x = rank;
    do {
        x = ((x ^ workload->seed) * 0xd1342543de82ef95U) & mask;
        x ^= x >> workload->scatter_shift;
        x = (x * 0xaf251af3b0f025b5U) & mask;
        x ^= x >> workload->scatter_shift;
    } while (x >= workload->keys);
    return x;
}

void workload_put_key(const struct workload *workload, uint64_t key, char *out)
{
    memcpy(out, workload->key, workload->key_len);
    char *at = out + workload->key_len;
    while (key >= 10) {
        at -= 2;
        memcpy(at, digit_pairs + key % 100 * 2, 2);
        key /= 100;
    }
    if (key > 0) {
        at[-1] = (char)('0' + key);
    }
}

static uint64_t hash_of(const struct workload *workload, uint64_t key)
{
    return random_mix(workload->seed ^ key);
}

size_t workload_value_len(const struct workload *workload, uint64_t key)
{
    if (workload->sizes.min == workload->sizes.max) {
        return workload->sizes.min;
    }
    return sizes_pick(&workload->sizes, random_mix(hash_of(workload, key)));
}

static void put_head(uint64_t hash, char head[HEAD_LEN])
{
    for (unsigned i = 0; i < HEAD_LEN; i++) {
        head[i] = letters[hash >> (6 * i) & 63];
    }
}

static const char *body_of(const struct workload *workload, uint64_t hash)
{
    return workload->pool + (hash >> 48) % WORKLOAD_BODIES;
}

void workload_put_value(const struct workload *workload, uint64_t key,
                        char *out)
{
    uint64_t hash = hash_of(workload, key);
    size_t len = workload_value_len(workload, key);
    char head[HEAD_LEN];
    put_head(hash, head);
    if (len <= HEAD_LEN) {
        memcpy(out, head, len);
        return;
    }
    memcpy(out, head, HEAD_LEN);
    memcpy(out + HEAD_LEN, body_of(workload, hash), len - HEAD_LEN);
}

bool workload_is_value(const struct workload *workload, uint64_t key,
                       struct slice bytes)
{
    if (bytes.len != workload_value_len(workload, key)) {
        return false;
    }
    uint64_t hash = hash_of(workload, key);
    char head[HEAD_LEN];
    put_head(hash, head);
    if (bytes.len <= HEAD_LEN) {
        return bytes.len == 0 || !memcmp(bytes.data, head, bytes.len);
    }
    return !memcmp(bytes.data, head, HEAD_LEN) &&
           !memcmp(bytes.data + HEAD_LEN, body_of(workload, hash),
                   bytes.len - HEAD_LEN);
}
