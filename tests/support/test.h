/* How tests are written: cases are sentences, gathered into a suite a file.
 *
 *     static void buffer_grows_when_full(void) { ... EXPECT_INT(a, 3); }
 *     static const struct test_case cases[] = {
 *         TEST(buffer_grows_when_full),
 *     };
 *     SUITE(base_buffer, cases);
 *
 * and a line in tests/suites.def. The EXPECT macros print both sides and let
 * the case go on; REQUIRE ends it. CUnit counts and reports. */
#ifndef CACHESERVER_TESTS_SUPPORT_TEST_H
#define CACHESERVER_TESTS_SUPPORT_TEST_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct test_case {
    const char *name;
    void (*run)(void);
};

struct test_suite {
    const char *name;
    const struct test_case *cases;
    size_t count;
};

#define TEST(function)                                                         \
    {                                                                          \
#function, function                                                    \
    }

#define SUITE(suite, suite_cases)                                              \
    const struct test_suite suite##_suite = {                                  \
        #suite, suite_cases, sizeof(suite_cases) / sizeof((suite_cases)[0])}

/* Each answers whether it held. `got` comes first, then what it must be. */
bool expect_true(bool held, const char *what, const char *file, int line);
bool expect_int(int64_t got, int64_t must, const char *what, const char *file,
                int line);
bool expect_slice(struct slice got, struct slice must, const char *what,
                  const char *file, int line);

#define EXPECT(x) expect_true((x), #x, __FILE__, __LINE__)
#define EXPECT_INT(got, must)                                                  \
    expect_int((int64_t)(got), (int64_t)(must), #got, __FILE__, __LINE__)
#define EXPECT_SLICE(got, must)                                                \
    expect_slice((got), (must), #got, __FILE__, __LINE__)
#define EXPECT_TEXT(got, must)                                                 \
    expect_slice((got), slice_of_string(must), #got, __FILE__, __LINE__)

/* Ends the case unless `x`. */
#define REQUIRE(x)                                                             \
    do {                                                                       \
        if (!EXPECT(x)) {                                                      \
            return;                                                            \
        }                                                                      \
    } while (0)

/* Whether the long forms were asked for (`./dev test --long`). */
bool test_is_long(void);

/* The seed of this run's random tests: from TEST_SEED, else from the clock;
 * printed when it is first asked for. */
uint64_t test_seed(void);

/* The next of a row of pseudo-random numbers that `state` holds. */
uint64_t test_random(uint64_t *state);

#endif
