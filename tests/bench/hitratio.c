/* The misses of a trace in a cache of a given size.
 *
 *     bench_hitratio plan SHARE LEAST REQUESTS            < TRACE
 *     bench_hitratio store COPIES PART MEMORY             < TRACE
 *     bench_hitratio PROTOCOL COPIES PART PORT PID        < TRACE
 *
 * `plan` tells how a cell of SHARE (1: all) of the footprint is made of
 * copies, so that it has LEAST bytes at least, and how many requests of each
 * copy are replayed, so that there are not many more than REQUESTS (0: any).
 * The others replay, in a store of MEMORY bytes in this process, or through a
 * server. Each prints an object of JSON. */
#include "tests/bench/replay.h"

#include "base/check.h"
#include "clients/bench/protocol.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* The linker's name for it. NOLINTBEGIN(bugprone-reserved-identifier) */
ssize_t __wrap_getrandom(void *out, size_t len, unsigned flags);

/* In the stead of the system's, so that a replay comes to the same each time:
 * bytes that look random. */
ssize_t __wrap_getrandom(void *out, size_t len, unsigned flags)
{
    static uint64_t state = 1;
    (void)flags;
    for (size_t i = 0; i < len; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        ((unsigned char *)out)[i] = (unsigned char)(state >> 56);
    }
    return (ssize_t)len;
}
/* NOLINTEND(bugprone-reserved-identifier) */

static void show(const struct trace_tour *tour)
{
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%5.1f %%\033[K",
                100.0 * (double)tour->at / (double)tour->part);
    }
}

static void print_plan(const struct trace *trace, char **words)
{
    double share = strtod(words[0], NULL);
    double least = strtod(words[1], NULL);
    uint64_t requests = strtoull(words[2], NULL, 10);
    double cell = share * (double)trace->footprint;
    uint64_t copies = cell < least ? (uint64_t)ceil(least / cell) : 1;
    uint64_t part = trace->count;
    if (requests && requests / copies < part) {
        part = requests / copies + 1;
    }
    printf("{\"requests\": %zu, \"keys\": %" PRIu32 ", \"footprint\": %" PRIu64
           ", \"has_ttls\": %s, \"copies\": %" PRIu64 ", \"part\": %" PRIu64
           ", \"memory\": %.0f}\n",
           trace->count, trace->keys, trace->footprint,
           trace->has_ttls ? "true" : "false", copies, part,
           cell * (double)copies);
}

static void print_result(const struct replay_result *result)
{
    printf("{\"gets\": %" PRIu64 ", \"misses\": %" PRIu64
           ", \"refused\": %" PRIu64 ", \"entries\": %" PRIu64
           ", \"memory\": %" PRIu64 "}\n",
           result->gets, result->misses, result->refused, result->entries,
           result->memory);
}

static void replay(const struct trace *trace, int count, char **words)
{
    struct replay_result result = {0};
    struct trace_tour tour = {
        .trace = trace,
        .copies = (uint32_t)strtoul(words[1], NULL, 10),
        .part = strtoull(words[2], NULL, 10),
    };
    CHECK(tour.copies > 0 && tour.part > 0 && tour.part <= trace->count);
    if (strcmp(words[0], "store") == 0) {
        replay_in_store(&tour, strtoull(words[3], NULL, 10), show, &result);
    } else {
        CHECK(count == 5);
        struct replay_server server = {
            .protocol = protocol_find(slice_of_string(words[0])),
            .port = (unsigned)strtoul(words[3], NULL, 10),
            .pid = atoi(words[4]),
        };
        CHECK(server.protocol);
        replay_through_server(&tour, &server, show, &result);
    }
    print_result(&result);
}

int main(int argc, char **argv)
{
    struct trace trace;
    size_t line;
    if (argc < 5) {
        fprintf(stderr, "usage: bench_hitratio plan SHARE LEAST REQUESTS\n"
                        "       bench_hitratio store COPIES PART MEMORY\n"
                        "       bench_hitratio PROTOCOL COPIES PART PORT PID\n"
                        "each with a trace on standard input\n");
        return EXIT_FAILURE;
    }
    if (!trace_read(&trace, stdin, &line) || trace.count == 0) {
        fprintf(stderr, "bench_hitratio: line %zu is no request\n", line);
        return EXIT_FAILURE;
    }
    if (strcmp(argv[1], "plan") == 0) {
        print_plan(&trace, argv + 2);
    } else {
        replay(&trace, argc - 1, argv + 1);
    }
    trace_fini(&trace);
    return EXIT_SUCCESS;
}
