/* What the server was told to do: the settings of core/config.def, from the
 * command line, the environment, a file, and the defaults, in this order of
 * strength. Nothing here prints or exits; texts go into buffers. Main
 * thread; a struct config that nobody changes may be read by any. */
#ifndef CACHESERVER_CORE_CONFIG_H
#define CACHESERVER_CORE_CONFIG_H

#include "base/buffer.h"
#include "base/machine.h"
#include "base/slice.h"
#include "base/status.h"
#include "core/limits.h"

#include <stdbool.h>
#include <stdint.h>

/* A number for each setting; dense, so that tables can be indexed by it. */
enum config_key {
#define SETTING(KEY, ...) CONFIG_KEY_##KEY,
#include "core/config.def"
#undef SETTING
    CONFIG_KEY_COUNT
};

/* Where a setting came from; the later wins. */
enum config_origin {
    CONFIG_DEFAULT,
    CONFIG_FILE,
    CONFIG_ENVIRONMENT,
    CONFIG_FLAG
};

/* The settings in effect; core/config.def says what each is. Copies freely. */
struct config {
    char server_ip[1024]; /* hosts with commas between, nothing else */
    uint64_t server_port;
    char server_socket[108];
    uint64_t http_port;
    char http_hosts[1024];
    char api_path[128];
    char api_cors[1024];
    uint64_t workers;
    uint64_t backlog;
    uint64_t memory_limit;
    uint64_t max_banks;
    uint64_t bank_idle_ms;
    char banks_file[1024];
    uint64_t max_connections;
    uint64_t max_frame;
    uint64_t max_list;
    uint64_t max_batch;
    uint64_t max_inflight;
    uint64_t max_output;
    uint64_t partial_timeout_ms;
    uint64_t write_timeout_ms;
    uint64_t idle_timeout_ms;
    uint64_t drain_timeout_ms;
    uint64_t verbose;
    enum config_origin origins[CONFIG_KEY_COUNT];
};

/* One line of a configuration file: a string, or a number, true, false or
 * null as it is spelled there. */
struct config_pair {
    struct slice key;
    struct slice value;
    bool is_string;
};

/* Takes a pair, *borrowed* for the call. What is not STATUS_OK ends the
 * reading and is its result. */
typedef enum status (*config_pair_fn)(void *arg,
                                      const struct config_pair *pair);

/* Reads the file `path` and hands its pairs to `each`, in order.
 * STATUS_NOT_FOUND when there is no such file; STATUS_INVALID_ARGUMENT when
 * it cannot be read or is malformed, with the reason in `reason`;
 * STATUS_NOMEM. */
typedef enum status (*config_read_fn)(const char *path, config_pair_fn each,
                                      void *arg, struct buffer *reason);

/* Where settings are looked for; all *borrowed*. */
struct config_sources {
    int argc;
    char *const *argv;        /* the first is the program's name */
    char *const *environment; /* ends with NULL, as environ does */
    config_read_fn read_file;
    struct machine machine; /* what `auto` and N% refer to */
};

enum config_outcome {
    CONFIG_READY, /* serve */
    CONFIG_SAID,  /* the user asked for a text: print it and end, status 0 */
    CONFIG_FAILED /* the text is one line about what is wrong: status 1 */
};

/* Fills `config`. For SAID and FAILED `text` gets what to print. The file is
 * config.json if it is there, or the one that --config names. */
enum config_outcome config_load(const struct config_sources *sources,
                                struct config *config, struct buffer *text);

/* Reads `sources` again and changes in `config` what SIGHUP may change;
 * `text` gets a line for each setting that has changed, or that would after
 * a restart. FAILED: nothing has changed, and `text` says why. */
enum config_outcome config_reload(const struct config_sources *sources,
                                  struct config *config, struct buffer *text);

/* The part of `config` that connections keep to. */
void config_limits(const struct config *config, struct limits *limits);

#endif
