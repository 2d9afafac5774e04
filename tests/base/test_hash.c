#include "base/hash.h"

#include "support/test.h"

/* Of the bytes 0, 1, 2 ... under a key of zeroes, as CPython's SipHash-1-3
 * gives them with PYTHONHASHSEED=0. */
static void hash_is_siphash_1_3(void)
{
    static const struct {
        size_t len;
        uint64_t hash;
    } golden[] = {
        {1, 0x68a914128e01e473u},  {7, 0x2f098ab0c751325au},
        {8, 0xead411e67ebe2eeau},  {9, 0x75927f9d95124362u},
        {15, 0xf30eb725bb91c9eau}, {16, 0x8972188433a5c5b7u},
        {63, 0x385d3e39e5f37359u},
    };
    char bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)i;
    }
    struct hash_key key = {0, 0};
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        uint64_t hash = hash_bytes(&key, slice_of(bytes, golden[i].len));
        EXPECT_INT(hash, golden[i].hash);
    }
}

static void hash_depends_on_the_key(void)
{
    struct hash_key a = hash_key_random();
    struct hash_key b = hash_key_random();
    EXPECT(a.k0 != b.k0 || a.k1 != b.k1);
    struct slice bytes = SLICE_LITERAL("the same bytes");
    EXPECT(hash_bytes(&a, bytes) != hash_bytes(&b, bytes));
    EXPECT(hash_bytes(&a, bytes) == hash_bytes(&a, bytes));
}

static const struct test_case cases[] = {
    TEST(hash_is_siphash_1_3),
    TEST(hash_depends_on_the_key),
};

SUITE(base_hash, cases);
