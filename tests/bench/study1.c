/* The original's first study: so many puts into the store in process, then as
 * many gets, one thread, with the time that each of several repetitions took.
 *
 *     bench_study1 OPERATIONS REPETITIONS
 *
 * Prints two lines, `put` and `get`, each with a number of seconds for every
 * repetition. Each get is held against what was put. */
#include "base/check.h"
#include "base/memory.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TEXT_MAX = 32, REPETITIONS_MAX = 1000 };

/* Keys and values, made before the time runs. */
struct entry {
    char key[TEXT_MAX];
    char value[TEXT_MAX];
};

struct study {
    struct store *store;
    struct entry *entries;
    size_t count;
    double put_s[REPETITIONS_MAX];
    double get_s[REPETITIONS_MAX];
};

static const struct slice bank = {"study", 5};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double put_all(const struct study *study)
{
    double start = now_s();
    for (size_t i = 0; i < study->count; i++) {
        const struct entry *entry = &study->entries[i];
        struct store_value value = {.bytes = slice_of_string(entry->value)};
        CHECK(store_put(study->store, bank, slice_of_string(entry->key),
                        &value) == STATUS_OK);
    }
    return now_s() - start;
}

static double get_all(const struct study *study)
{
    struct buffer bytes = {0};
    double start = now_s();
    for (size_t i = 0; i < study->count; i++) {
        const struct entry *entry = &study->entries[i];
        enum value_kind kind;
        buffer_clear(&bytes);
        CHECK(store_get(study->store, bank, slice_of_string(entry->key), NULL,
                        &bytes, &kind) == STATUS_OK);
        CHECK(slice_equal(buffer_peek(&bytes), slice_of_string(entry->value)));
    }
    double took_s = now_s() - start;
    buffer_fini(&bytes);
    return took_s;
}

static void print_row(const char *name, const double *seconds, size_t count)
{
    printf("%s", name);
    for (size_t i = 0; i < count; i++) {
        printf(" %.6f", seconds[i]);
    }
    printf("\n");
}

static void run(struct study *study, size_t repetitions)
{
    for (size_t i = 0; i < repetitions; i++) {
        const struct store_options options = {0};
        study->store = store_create(&options);
        CHECK(study->store);
        study->put_s[i] = put_all(study);
        study->get_s[i] = get_all(study);
        store_free(&study->store);
    }
    print_row("put", study->put_s, repetitions);
    print_row("get", study->get_s, repetitions);
}

int main(int argc, char **argv)
{
    static struct study study;
    if (argc != 3) {
        fprintf(stderr, "usage: bench_study1 OPERATIONS REPETITIONS\n");
        return EXIT_FAILURE;
    }
    study.count = strtoul(argv[1], NULL, 10);
    size_t repetitions = strtoul(argv[2], NULL, 10);
    CHECK(study.count > 0 && repetitions > 0 && repetitions <= REPETITIONS_MAX);
    study.entries = memory_alloc_or_die(study.count * sizeof *study.entries);
    for (size_t i = 0; i < study.count; i++) {
        snprintf(study.entries[i].key, TEXT_MAX, "key%zu", i);
        snprintf(study.entries[i].value, TEXT_MAX, "value %zu", i);
    }
    run(&study, repetitions);
    memory_free(study.entries);
    return EXIT_SUCCESS;
}
