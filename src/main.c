/* Start, wait, stop: builds the parts from the configuration, in the order
 * in which they need each other, and takes them down in reverse. */
#include "base/log.h"
#include "base/machine.h"
#include "base/text.h"
#include "compat/face_json.h"
#include "compat/json_config.h"
#include "core/config.h"
#include "engine/bank_file.h"
#include "engine/engine_embedded.h"
#include "loop/background.h"
#include "loop/loop.h"
#include "loop/signals.h"
#include "server/server.h"
#include "store/store.h"
#include "wire/face_wire.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

/* Blocks from this size on are the system's own and go back to it when they
 * are freed; a fixed threshold keeps glibc from raising it by itself. */
enum { MALLOC_MAP_THRESHOLD = 256 * 1024 };

/* File descriptors that are not for connections: those of each worker's loop,
 * and listeners, files, the main loop. */
enum { FDS_A_WORKER = 4, FDS_RESERVED = 64 };

struct program {
    struct config_sources sources;
    struct config config;
    struct loop *loop;
    struct store *store;
    struct background *background;
    struct bank_file *bank_file;
    struct background *file_background; /* apart: it waits for the disk */
    struct server *server;
    struct signals signals;
};

/* What cannot be written to a socket, or to a file that may grow no further, is
 * an error of that call. */
static void prepare_process(void)
{
    mallopt(M_MMAP_THRESHOLD, MALLOC_MAP_THRESHOLD);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

static void print(struct buffer *text, FILE *where)
{
    struct slice bytes = buffer_peek(text);
    fwrite(bytes.data, 1, bytes.len, where);
    fflush(where);
    buffer_fini(text);
}

static struct engine *open_engine(void *arg, struct loop *loop)
{
    const struct program *program = arg;
    (void)loop;
    return engine_embedded_open(program->store, program->bank_file);
}

static enum background_rest work_on_store(void *store)
{
    bool has_more = store_work(store);
    return !has_more               ? BACKGROUND_INTERVAL
           : store_is_short(store) ? BACKGROUND_AT_ONCE
                                   : BACKGROUND_SOON;
}

static enum background_rest work_on_file(void *file)
{
    bank_file_work(file);
    return BACKGROUND_INTERVAL;
}

/* As many connections as are configured and as file descriptors allow. */
static uint32_t connections_max(const struct config *config)
{
    uint64_t fds = machine_raise_fd_limit();
    uint64_t taken = FDS_A_WORKER * config->workers;
    uint64_t left = fds > taken ? fds - taken : 0;
    uint64_t allowed = left > 2 * FDS_RESERVED ? left - FDS_RESERVED : left / 2;
    if (config->max_connections <= allowed) {
        return (uint32_t)config->max_connections;
    }
    if (config->origins[CONFIG_KEY_MAX_CONNECTIONS] != CONFIG_DEFAULT) {
        log_event(LOG_WARNING,
                  "MAX_CONNECTIONS is lowered to %u: the system lets the "
                  "program open no more than %llu files",
                  (unsigned)allowed, (unsigned long long)fds);
    }
    return (uint32_t)allowed;
}

static bool start_store(struct program *program)
{
    struct store_options options = {
        .memory_max = program->config.memory_limit,
        .banks_max = program->config.max_banks,
        .bank_idle_ms = program->config.bank_idle_ms,
    };
    if (options.memory_max > STORE_MEMORY_MAX) {
        log_event(LOG_WARNING,
                  "MEMORY_LIMIT counts as %llu GiB: a store "
                  "takes no more",
                  (unsigned long long)STORE_MEMORY_MAX >> 30);
    }
    program->store = store_create(&options);
    if (!program->store) {
        return false;
    }
    program->background = background_start(work_on_store, program->store);
    return program->background;
}

/* Configures the banks as the file says, if there is to be one. */
static bool start_bank_file(struct program *program)
{
    const char *path = program->config.banks_file;
    if (!*path) {
        return true;
    }
    struct buffer why = {0};
    program->bank_file = bank_file_open(path, program->store, &why);
    if (program->bank_file) {
        program->file_background =
            background_start(work_on_file, program->bank_file);
    }
    if (program->bank_file && !program->file_background) {
        text_append(&why, "cannot start: the system refuses a thread");
    }
    if (!program->file_background) {
        struct slice said = buffer_peek(&why);
        fprintf(stderr, "cacheserver: %.*s\n", (int)said.len, said.data);
    }
    buffer_fini(&why);
    return program->file_background;
}

static bool start_server(struct program *program)
{
    const struct config *config = &program->config;
    struct server_options options = {
        .loop = program->loop,
        .hosts = config->server_ip,
        .port = (unsigned)config->server_port,
        .socket_path = config->server_socket[0] ? config->server_socket : NULL,
        .workers = (unsigned)config->workers,
        .backlog = (unsigned)config->backlog,
        .connections_max = connections_max(config),
        .lane = {.faces = {&face_wire, &face_json},
                 .engine = {open_engine, program}},
    };
    config_limits(config, &options.lane.limits);
    char why[SERVER_WHY_MAX];
    program->server = server_start(&options, why);
    if (!program->server) {
        fprintf(stderr, "cacheserver: %s\n", why);
    }
    return program->server;
}

static void reload(struct program *program)
{
    struct buffer text = {0};
    enum config_outcome outcome =
        config_reload(&program->sources, &program->config, &text);
    print(&text, stderr);
    if (outcome != CONFIG_READY) {
        return;
    }
    log_set_verbose((int)program->config.verbose);
    store_set_bank_idle(program->store, program->config.bank_idle_ms);
    struct limits limits;
    config_limits(&program->config, &limits);
    server_set_limits(program->server, &limits,
                      connections_max(&program->config));
}

static void on_signal(void *arg, int number)
{
    struct program *program = arg;
    if (number == SIGHUP) {
        reload(program);
        return;
    }
    log_event(LOG_INFO, "stopping on SIG%s", sigabbrev_np(number));
    signals_close(&program->signals);
    /* Whoever ends a session sends SIGHUP besides; a second SIGTERM or SIGINT
     * ends the program at once. */
    signal(SIGHUP, SIG_IGN);
    server_stop(program->server, program->config.drain_timeout_ms);
}

/* Serves until a signal ends it; false when it could not start. */
static bool serve(struct program *program)
{
    program->loop = loop_create();
    if (!program->loop || !start_store(program)) {
        fprintf(stderr, "cacheserver: cannot start: the system refuses "
                        "memory, a loop or a thread\n");
        return false;
    }
    if (!start_bank_file(program)) {
        return false;
    }
    if (signals_open(&program->signals, program->loop, on_signal, program) ||
        !start_server(program)) {
        signals_close(&program->signals);
        loop_run(program->loop);
        return false;
    }
    server_announce(program->server);
    loop_run(program->loop);
    printf("Server - Exit\n");
    return true;
}

static void fini(struct program *program)
{
    server_free(&program->server);
    background_stop(&program->file_background);
    bank_file_close(&program->bank_file);
    background_stop(&program->background);
    store_free(&program->store);
    loop_free(&program->loop);
}

int main(int argc, char **argv)
{
    prepare_process();
    struct program program = {
        .sources = {.argc = argc,
                    .argv = argv,
                    .environment = environ,
                    .read_file = json_config_read},
    };
    machine_look(&program.sources.machine);
    struct buffer text = {0};
    enum config_outcome outcome =
        config_load(&program.sources, &program.config, &text);
    print(&text, outcome == CONFIG_FAILED ? stderr : stdout);
    if (outcome != CONFIG_READY) {
        return outcome == CONFIG_SAID ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    log_set_verbose((int)program.config.verbose);
    bool has_served = serve(&program);
    fini(&program);
    return has_served ? EXIT_SUCCESS : EXIT_FAILURE;
}
