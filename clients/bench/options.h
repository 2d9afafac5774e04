/* The command line of cachebench. The rows of options.def are all there is. */
#ifndef CACHESERVER_CLIENTS_BENCH_OPTIONS_H
#define CACHESERVER_CLIENTS_BENCH_OPTIONS_H

#include "base/buffer.h"
#include "clients/bench/protocol.h"
#include "clients/bench/sizes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OPTIONS_DEPTHS_MAX = 16 };

struct depths {
    size_t count;
    size_t values[OPTIONS_DEPTHS_MAX];
};

/* Texts borrow from the command line, or are static. */
struct options {
    const struct protocol *protocol;
    const char *host;
    uint64_t port;
    const char *socket;
    uint64_t server_pid;
    uint64_t timeout_ms;

    uint64_t keys;
    uint64_t key_len;
    const char *key_prefix;
    struct sizes sizes;
    const char *value_size; /* as it was written */
    double gets;
    double zipf;
    uint64_t lifetime_ms;
    const char *bank;
    bool is_refilling;
    uint64_t seed;
    uint64_t floor_request_len;
    uint64_t floor_answer_len;

    uint64_t connections;
    uint64_t threads;
    struct depths depths;
    uint64_t rate;
    uint64_t duration_ms;
    uint64_t requests;
    uint64_t warmup_ms;
    uint64_t load_depth;
    bool is_loaded;
    bool is_load_only;
    bool is_memory;

    const char *label;
    const char *json;
    const char *csv;
    const char *plot;
    bool is_quiet;
    bool wants_help;
    bool wants_version;
};

/* Reads the command line; false, and `why` is one line without its end, when
 * it cannot be followed. */
bool options_parse(struct options *options, int argc, char **argv,
                   struct buffer *why);

/* Append what --help and --version print. */
void options_print_help(struct buffer *out);
void options_print_version(struct buffer *out);

/* The largest depth of any phase. */
size_t options_depth_max(const struct options *options);

#endif
