#include "clients/bench/bench.h"

#include "base/machine.h"
#include "base/memory.h"
#include "clients/bench/driver.h"
#include "clients/bench/progress.h"
#include "clients/bench/workload.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* All that a run needs; lives as long as the run. */
struct bench {
    const struct options *options;
    struct report *report;
    char *why;
    struct workload workload;
    struct stencil stencil;
    struct target target;
    struct driver *driver;
    struct driver_result *result;
    struct progress progress;
};

/* --- getting ready -------------------------------------------------------- */

static bool find_address(const struct options *options, struct target *target,
                         char why[BENCH_WHY_MAX])
{
    char port[16];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    snprintf(port, sizeof port, "%u", (unsigned)options->port);
    int error = getaddrinfo(options->host, port, &hints, &found);
    if (error) {
        snprintf(why, BENCH_WHY_MAX, "--host %s: %s", options->host,
                 gai_strerror(error));
        return false;
    }
    memcpy(&target->address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    snprintf(target->name, sizeof target->name, "%s:%s", options->host, port);
    return true;
}

static bool find_target(struct bench *bench)
{
    const struct options *options = bench->options;
    struct target *target = &bench->target;
    if (*options->socket) {
        target->socket = options->socket;
        snprintf(target->name, sizeof target->name, "%s", options->socket);
        return true;
    }
    return find_address(options, target, bench->why);
}

static void prepare_workload(struct bench *bench)
{
    const struct options *options = bench->options;
    struct workload_options workload = {
        .keys = options->keys,
        .key_len = (size_t)options->key_len,
        .prefix = options->key_prefix,
        .sizes = options->sizes,
        .exponent = options->zipf,
        .gets = options->gets,
        .seed = options->seed,
    };
    struct stencil_options stencil = {
        .bank = options->bank,
        .key_len = (size_t)options->key_len,
        .lifetime_ms = options->lifetime_ms,
        .request_len = (size_t)options->floor_request_len,
        .answer_len = (size_t)options->floor_answer_len,
    };
    workload_init(&bench->workload, &workload);
    options->protocol->prepare(&bench->stencil, &stencil);
}

static bool open_driver(struct bench *bench)
{
    const struct options *options = bench->options;
    struct driver_options driver = {
        .workload = &bench->workload,
        .protocol = options->protocol,
        .stencil = &bench->stencil,
        .target = &bench->target,
        .connections = (size_t)options->connections,
        .threads = (unsigned)options->threads,
        .depth_max = options_depth_max(options),
        .is_refilling = options->is_refilling,
        .timeout_ms = options->timeout_ms,
    };
    char why[DRIVER_WHY_MAX];
    bench->driver = driver_open(&driver, why);
    if (!bench->driver) {
        snprintf(bench->why, BENCH_WHY_MAX, "%s: %s", bench->target.name, why);
    }
    return bench->driver;
}

/* --- phases --------------------------------------------------------------- */

/* What process `pid` has used; false, and `why` says so, when it cannot be
 * looked at. */
static bool look(struct bench *bench, pid_t pid, struct process_usage *usage)
{
    if (!process_look(pid, usage)) {
        snprintf(bench->why, BENCH_WHY_MAX,
                 "there is no process %ld to look at", (long)pid);
        return false;
    }
    return true;
}

static bool look_at_server(struct bench *bench, struct process_usage *usage)
{
    *usage = (struct process_usage){0};
    pid_t pid = (pid_t)bench->options->server_pid;
    return pid == 0 || look(bench, pid, usage);
}

static void subtract(struct process_usage *after,
                     const struct process_usage *before)
{
    after->cpu_s -= before->cpu_s;
    after->user_s -= before->user_s;
    after->system_s -= before->system_s;
}

/* Runs a phase and puts what was used meanwhile into `outcome`. */
static bool run_phase(struct bench *bench, const char *name,
                      const struct phase *phase, struct outcome *outcome)
{
    struct driver_watcher watcher = {progress_show, &bench->progress};
    struct process_usage server;
    struct process_usage client;
    if (!look_at_server(bench, &server) || !look(bench, getpid(), &client)) {
        return false;
    }
    progress_start(&bench->progress, name, phase);
    bool is_done =
        driver_run(bench->driver, phase,
                   bench->progress.is_shown ? &watcher : NULL, bench->result);
    progress_end(&bench->progress);
    if (!is_done) {
        snprintf(bench->why, BENCH_WHY_MAX, "%s: %s", bench->target.name,
                 driver_why(bench->driver));
        return false;
    }
    if (!look_at_server(bench, &outcome->server) ||
        !look(bench, getpid(), &outcome->client)) {
        return false;
    }
    subtract(&outcome->server, &server);
    subtract(&outcome->client, &client);
    return true;
}

/* Runs a phase that is reported. */
static bool run_reported(struct bench *bench, const char *name,
                         const struct phase *phase)
{
    struct report *report = bench->report;
    struct outcome *outcome = memory_alloc_or_die(sizeof *outcome);
    if (!run_phase(bench, name, phase, outcome)) {
        memory_free(outcome);
        return false;
    }
    const struct driver_result *result = bench->result;
    outcome->phase = name;
    outcome->depth = phase->depth;
    outcome->rate = phase->rate;
    outcome->seconds = result->seconds;
    outcome->has_server = bench->options->server_pid > 0;
    memcpy(&outcome->record, &result->record, sizeof outcome->record);
    histogram_add(&outcome->all_ns, &result->record.get_ns);
    histogram_add(&outcome->all_ns, &result->record.set_ns);
    report->outcomes[report->count++] = outcome;
    return true;
}

static bool run_over_keys(struct bench *bench, const char *name,
                          enum phase_kind kind)
{
    struct phase phase = {
        .kind = kind,
        .depth = (size_t)bench->options->load_depth,
        .requests = bench->options->keys,
    };
    return run_reported(bench, name, &phase);
}

/* Sets all, gets all, and looks at the memory before and after. */
static bool run_memory(struct bench *bench)
{
    struct report *report = bench->report;
    struct process_usage before;
    struct process_usage after;
    if (!look_at_server(bench, &before) ||
        !run_over_keys(bench, "load", PHASE_LOAD) ||
        !run_over_keys(bench, "check", PHASE_CHECK) ||
        !look_at_server(bench, &after)) {
        return false;
    }
    report->has_memory = true;
    report->rss_before = before.rss;
    report->rss_after = after.rss;
    report->entries = report->outcomes[report->count - 1]->record.hits;
    return true;
}

static bool run_at_depth(struct bench *bench, size_t depth)
{
    const struct options *options = bench->options;
    struct phase phase = {
        .kind = PHASE_MIX,
        .depth = depth,
        .rate = (double)options->rate,
        .duration_ns = options->warmup_ms * 1000000,
    };
    struct outcome *unused = memory_alloc_or_die(sizeof *unused);
    bool is_warm =
        options->warmup_ms == 0 || run_phase(bench, "warm-up", &phase, unused);
    memory_free(unused);
    phase.duration_ns = options->duration_ms * 1000000;
    phase.requests = options->requests;
    return is_warm && run_reported(bench, "run", &phase);
}

static bool run_phases(struct bench *bench)
{
    const struct options *options = bench->options;
    if (options->is_memory) {
        return run_memory(bench);
    }
    if (!options->is_loaded && !run_over_keys(bench, "load", PHASE_LOAD)) {
        return false;
    }
    for (size_t i = 0; i < options->depths.count; i++) {
        if (!options->is_load_only &&
            !run_at_depth(bench, options->depths.values[i])) {
            return false;
        }
    }
    return true;
}

static bool run(struct bench *bench)
{
    struct report *report = bench->report;
    if (!find_target(bench)) {
        return false;
    }
    snprintf(report->server, sizeof report->server, "%s", bench->target.name);
    prepare_workload(bench);
    bool is_done = open_driver(bench) && run_phases(bench);
    if (bench->driver) {
        driver_close(&bench->driver);
    }
    workload_fini(&bench->workload);
    return is_done;
}

bool bench_run(const struct options *options, struct report *report,
               char why[BENCH_WHY_MAX])
{
    struct bench *bench = memory_alloc_or_die(sizeof *bench);
    bench->options = options;
    bench->report = report;
    bench->why = why;
    bench->result = memory_alloc_or_die(sizeof *bench->result);
    report->options = options;
    progress_init(&bench->progress, options->is_quiet);
    machine_raise_fd_limit();
    bool is_done = run(bench);
    memory_free(bench->result);
    memory_free(bench);
    return is_done;
}
