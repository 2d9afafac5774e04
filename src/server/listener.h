/* The sockets that clients connect to. They live on the main thread's loop,
 * accept, and hand what they accept to someone else. */
#ifndef CACHESERVER_SERVER_LISTENER_H
#define CACHESERVER_SERVER_LISTENER_H

#include "base/list.h"
#include "base/status.h"
#include "server/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct loop;

enum { LISTENER_NAME_MAX = 160 };

/* *Takes* the accepted socket `fd`. */
typedef void (*listener_accept_fn)(void *arg, int fd, enum stream_kind kind);

struct listener {
    struct list link; /* in the owner's list of listeners */
    uv_poll_t poll;
    uv_timer_t pause; /* after an accept that found no resources */
    int fd;
    enum stream_kind kind;
    char name[LISTENER_NAME_MAX]; /* the address, as it is printed */
    char path[LISTENER_NAME_MAX]; /* of a unix socket, to be removed */
    listener_accept_fn on_accept;
    void *arg;
    unsigned handles_open;
};

/* What the listeners have in common. */
struct listener_options {
    struct loop *loop;
    unsigned backlog;
    listener_accept_fn on_accept;
    void *arg;
};

/* Listens on every address that `host` (a name or an address) stands for and
 * adds the listeners to `listeners`. Port 0 is any free one. On failure `why`
 * holds a line for people and nothing was added. */
enum status listener_open_tcp(struct list *listeners, const char *host,
                              unsigned port,
                              const struct listener_options *options,
                              char why[LISTENER_NAME_MAX]);

/* Listens on the unix socket `path`, in place of one that nobody serves. */
enum status listener_open_unix(struct list *listeners, const char *path,
                               const struct listener_options *options,
                               char why[LISTENER_NAME_MAX]);

/* Closes them all; their memory goes when the loop has run. */
void listener_close_all(struct list *listeners);

#endif
