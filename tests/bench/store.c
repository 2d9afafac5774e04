/* What the store promises about time and memory, in process.
 *
 *     bench_store [--short] [CASE...]
 *
 * Runs all cases, or those named; the short form takes some seconds a case.
 * Ends with 1 if one has not kept its promise. */
#include "store_cases.h"

#include "base/check.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench_case {
    const char *name;
    bool (*run)(bool is_short);
};

static const struct bench_case cases[] = {
    {"holds", bench_holds},           {"reset", bench_reset},
    {"expiry", bench_expiry},         {"churn", bench_churn},
    {"collisions", bench_collisions}, {"scaling", bench_scaling},
};

/* What the server tells the C library, too. */
enum { MAP_THRESHOLD = 256 * 1024 };

enum { CASE_COUNT = sizeof cases / sizeof cases[0] };

static bool run_case(const struct bench_case *chosen, bool is_short)
{
    printf("\n== %s\n", chosen->name);
    fflush(stdout);
    return chosen->run(is_short);
}

static const struct bench_case *find_case(const char *name)
{
    for (int i = 0; i < CASE_COUNT; i++) {
        if (!strcmp(cases[i].name, name)) {
            return &cases[i];
        }
    }
    fprintf(stderr, "bench_store: no case \"%s\"\n", name);
    exit(2);
}

int main(int argc, char **argv)
{
    bool is_well = true;
    mallopt(M_MMAP_THRESHOLD, MAP_THRESHOLD);
    bool is_short = argc > 1 && !strcmp(argv[1], "--short");
    int first = is_short ? 2 : 1;
    for (int i = first; i < argc; i++) {
        is_well &= run_case(find_case(argv[i]), is_short);
    }
    for (int i = 0; i < CASE_COUNT && first >= argc; i++) {
        is_well &= run_case(&cases[i], is_short);
    }
    return is_well ? EXIT_SUCCESS : EXIT_FAILURE;
}
