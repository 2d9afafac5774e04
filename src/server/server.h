/* The whole server: listening sockets on the caller's loop, a lane for each
 * worker, the way from start to an orderly end. */
#ifndef CACHESERVER_SERVER_SERVER_H
#define CACHESERVER_SERVER_SERVER_H

#include "base/status.h"
#include "server/lane.h"

#include <stdint.h>

struct loop;
struct server;

enum { SERVER_WHY_MAX = 256 };

struct server_options {
    struct loop *loop;       /* the main thread's; borrowed, not started */
    const char *hosts;       /* names or addresses, separated by commas */
    unsigned port;           /* 0: any free one */
    const char *socket_path; /* NULL: no unix socket */
    unsigned workers;
    unsigned backlog;
    uint32_t connections_max;
    struct lane_options lane;
};

/* Main thread, all of them. */

/* *Gives* a server that listens and whose workers run; NULL with a line for
 * people in `why`. `options` is copied but for what it points at. */
struct server *server_start(const struct server_options *options,
                            char why[SERVER_WHY_MAX]);

/* Prints the lines that say it is ready, as the original's documentation has
 * them, and where it listens. */
void server_announce(const struct server *server);

/* Changes what may change while it runs. */
void server_set_limits(struct server *server, const struct limits *limits,
                       uint32_t connections_max);

/* Stops listening, gives the workers `drain_ms` to answer what they owe, and
 * waits for them. */
void server_stop(struct server *server, uint64_t drain_ms);

/* *Takes* the server, which was stopped; its loop must have run since. */
void server_free(struct server **server);

#endif
