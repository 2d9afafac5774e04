/* Runs the suites of tests/suites.def with CUnit, all or those named, and
 * ends with one line `N passed, N failed`. */
#include "support/test.h"

#include <CUnit/Basic.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUITE_LINE(name) extern const struct test_suite name##_suite;
#include "suites.def"
#undef SUITE_LINE

static const struct test_suite *const suites[] = {
#define SUITE_LINE(name) &name##_suite,
#include "suites.def"
#undef SUITE_LINE
};

enum { SUITE_COUNT = sizeof suites / sizeof suites[0] };

static void add_suite(const struct test_suite *suite)
{
    CU_pSuite added = CU_add_suite(suite->name, NULL, NULL);
    for (size_t i = 0; added && i < suite->count; i++) {
        CU_add_test(added, suite->cases[i].name, suite->cases[i].run);
    }
}

static bool is_wanted(const char *name, int argc, char **argv)
{
    bool is_wanted = argc == 1;
    for (int i = 1; i < argc; i++) {
        is_wanted = is_wanted || !strncmp(name, argv[i], strlen(argv[i]));
    }
    return is_wanted;
}

static int list_suites(void)
{
    for (size_t i = 0; i < SUITE_COUNT; i++) {
        puts(suites[i]->name);
    }
    return 0;
}

static unsigned report(void)
{
    unsigned failed = CU_get_number_of_tests_failed();
    unsigned run = CU_get_number_of_tests_run();
    CU_cleanup_registry();
    /* What CUnit says of failures does not end its line. */
    printf("%s%u passed, %u failed\n", failed ? "\n" : "", run - failed,
           failed);
    return failed || run == 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--list")) {
        return list_suites();
    }
    signal(SIGPIPE, SIG_IGN); /* As the server does. */
    if (CU_initialize_registry() != CUE_SUCCESS) {
        fprintf(stderr, "cannot start CUnit\n");
        return 1;
    }
    for (size_t i = 0; i < SUITE_COUNT; i++) {
        if (is_wanted(suites[i]->name, argc, argv)) {
            add_suite(suites[i]);
        }
    }
    CU_basic_set_mode(CU_BRM_SILENT);
    CU_basic_run_tests();
    CU_basic_show_failures(CU_get_failure_list());
    return report() ? EXIT_FAILURE : EXIT_SUCCESS;
}
