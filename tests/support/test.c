#include "support/test.h"

#include <CUnit/CUnit.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* CUnit keeps what it is given, so texts of failures must stay; they live
 * until the program ends, which the first few failures bring near. */
enum { FAILURE_TEXT_MAX = 400 };

bool expect_true(bool held, const char *what, const char *file, int line)
{
    CU_assertImplementation(held, (unsigned)line, what, file, "", CU_FALSE);
    if (!held) {
        fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    }
    return held;
}

bool expect_int(int64_t got, int64_t must, const char *what, const char *file,
                int line)
{
    if (got != must) {
        fprintf(stderr, "%s:%d: %s is %" PRId64 ", must be %" PRId64 "\n", file,
                line, what, got, must);
    }
    return expect_true(got == must, what, file, line);
}

static void print_slice(const char *name, struct slice bytes)
{
    fprintf(stderr, "  %s (%zu bytes): ", name, bytes.len);
    for (size_t i = 0; i < bytes.len && i < FAILURE_TEXT_MAX; i++) {
        unsigned char c = (unsigned char)bytes.data[i];
        fprintf(stderr, c >= 0x20 && c < 0x7f ? "%c" : "\\x%02x", c);
    }
    fprintf(stderr, "\n");
}

bool expect_slice(struct slice got, struct slice must, const char *what,
                  const char *file, int line)
{
    bool held = slice_equal(got, must);
    if (!held) {
        print_slice("got ", got);
        print_slice("must", must);
    }
    return expect_true(held, what, file, line);
}

bool test_is_long(void)
{
    return getenv("TEST_LONG") != NULL;
}

uint64_t test_seed(void)
{
    static uint64_t seed;
    if (seed == 0) {
        const char *given = getenv("TEST_SEED");
        seed = given ? strtoull(given, NULL, 0)
                     : (uint64_t)time(NULL) * 2654435761u + 1;
        fprintf(stderr, "TEST_SEED=%" PRIu64 "\n", seed);
    }
    return seed;
}

/* SplitMix64 (Steele, Lea and Flood, 2014). */
uint64_t test_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
