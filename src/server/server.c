#include "server/server.h"

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "loop/loop.h"
#include "server/listener.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct server {
    struct lane_options lane_options;
    struct list listeners;
    struct lane **lanes;
    unsigned lane_count;
    uint32_t connections_max;
    bool is_full; /* said so already */
};

static uint32_t count_connections(const struct server *server)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < server->lane_count; i++) {
        count +=
            atomic_load_explicit(&server->lanes[i]->load, memory_order_relaxed);
    }
    return count;
}

static struct lane *least_loaded(const struct server *server)
{
    struct lane *best = server->lanes[0];
    for (unsigned i = 1; i < server->lane_count; i++) {
        struct lane *lane = server->lanes[i];
        if (atomic_load_explicit(&lane->load, memory_order_relaxed) <
            atomic_load_explicit(&best->load, memory_order_relaxed)) {
            best = lane;
        }
    }
    return best;
}

/* Says that the server is full when it becomes so, not for each client. */
static void refuse(struct server *server, int fd)
{
    if (!server->is_full) {
        log_event(LOG_WARNING,
                  "there are %u connections, as many as "
                  "MAX_CONNECTIONS allows: more are refused",
                  (unsigned)server->connections_max);
    }
    server->is_full = true;
    close(fd);
}

static void on_accept(void *arg, int fd, enum stream_kind kind)
{
    struct server *server = arg;
    if (count_connections(server) >= server->connections_max) {
        refuse(server, fd);
        return;
    }
    server->is_full = false;
    lane_adopt(least_loaded(server), fd, kind);
}

/* Opens a listener for each of the comma-separated `hosts`. */
static enum status listen_on_hosts(struct server *server, const char *hosts,
                                   unsigned port,
                                   const struct listener_options *options,
                                   char why[LISTENER_NAME_MAX])
{
    enum status status = STATUS_OK;
    while (*hosts && !status) {
        size_t len = strcspn(hosts, ",");
        char host[128];
        snprintf(host, sizeof host, "%.*s", (int)len, hosts);
        status =
            listener_open_tcp(&server->listeners, host, port, options, why);
        hosts += len + (hosts[len] == ',');
    }
    return status;
}

static enum status open_listeners(struct server *server,
                                  const struct server_options *options,
                                  char why[SERVER_WHY_MAX])
{
    struct listener_options shared = {
        .loop = options->loop,
        .backlog = options->backlog,
        .on_accept = on_accept,
        .arg = server,
    };
    char reason[LISTENER_NAME_MAX] = "";
    enum status status =
        listen_on_hosts(server, options->hosts, options->port, &shared, reason);
    if (!status && options->socket_path) {
        status = listener_open_unix(&server->listeners, options->socket_path,
                                    &shared, reason);
    }
    snprintf(why, SERVER_WHY_MAX, "%s", reason);
    return status;
}

static void free_lanes(struct server *server)
{
    for (unsigned i = 0; i < server->lane_count; i++) {
        lane_free(&server->lanes[i]);
    }
    memory_free(server->lanes);
}

static void stop_lanes(struct server *server, unsigned count, uint64_t drain_ms)
{
    for (unsigned i = 0; i < count; i++) {
        lane_stop(server->lanes[i], drain_ms);
    }
    for (unsigned i = 0; i < count; i++) {
        loop_join(server->lanes[i]->loop);
    }
}

static enum status start_lanes(struct server *server, unsigned count)
{
    server->lanes = memory_alloc_or_die(count * sizeof(struct lane *));
    for (unsigned i = 0; i < count; i++) {
        struct lane *lane = lane_create(&server->lane_options);
        if (!lane || loop_start(lane->loop)) {
            stop_lanes(server, server->lane_count, 0);
            return STATUS_UNAVAILABLE;
        }
        server->lanes[server->lane_count++] = lane;
    }
    return STATUS_OK;
}

struct server *server_start(const struct server_options *options,
                            char why[SERVER_WHY_MAX])
{
    CHECK(options->workers > 0);
    struct server *server = memory_alloc_or_die(sizeof *server);
    server->lane_options = options->lane;
    server->connections_max = options->connections_max;
    list_init(&server->listeners);
    if (start_lanes(server, options->workers)) {
        snprintf(why, SERVER_WHY_MAX, "cannot start %u workers",
                 options->workers);
        goto free_server;
    }
    if (open_listeners(server, options, why)) {
        listener_close_all(&server->listeners);
        stop_lanes(server, server->lane_count, 0);
        goto free_server;
    }
    return server;

free_server:
    free_lanes(server);
    memory_free(server);
    return NULL;
}

void server_announce(const struct server *server)
{
    for (unsigned i = 0; i < server->lane_count; i++) {
        printf("Worker %u : Ready\nWorker %u : Started\n", i, i);
    }
    printf("Server : Ready\n");
    LIST_FOREACH (link, &server->listeners) {
        printf("Server : Listening on %s\n",
               LIST_ENTRY(link, struct listener, link)->name);
    }
    printf("Server : Started\n");
    fflush(stdout);
}

void server_set_limits(struct server *server, const struct limits *limits,
                       uint32_t connections_max)
{
    server->connections_max = connections_max;
    for (unsigned i = 0; i < server->lane_count; i++) {
        lane_set_limits(server->lanes[i], limits);
    }
}

void server_stop(struct server *server, uint64_t drain_ms)
{
    listener_close_all(&server->listeners);
    stop_lanes(server, server->lane_count, drain_ms);
}

void server_free(struct server **server)
{
    if (!*server) {
        return;
    }
    CHECK(list_is_empty(&(*server)->listeners));
    free_lanes(*server);
    memory_free(*server);
    *server = NULL;
}
