/* The sockets are polled and accepted from here rather than through libuv's
 * listening handles: when file descriptors run out, libuv 1.44 may spin
 * within its accept loop for as long as another thread opens files, and
 * everything else on that loop stands still. Here an accept that finds no
 * resources pauses the listener for LISTENER_PAUSE_MS; who connects meanwhile
 * waits in the backlog. */
#include "server/listener.h"

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    LISTENER_PAUSE_MS = 100,
    ACCEPTS_A_TURN_MAX = 64,
    KEEPALIVE_IDLE_S = 60,
    UNIX_SOCKET_MODE = 0660
};

static void on_poll(uv_poll_t *poll, int error, int events);

static void start_polling(struct listener *listener)
{
    uv_poll_start(&listener->poll, UV_READABLE, on_poll);
}

static void on_pause_over(uv_timer_t *pause)
{
    struct listener *listener = pause->data;
    start_polling(listener);
}

static void pause_accepting(struct listener *listener, int error)
{
    log_event(LOG_WARNING, "%s: cannot accept connections now: %s",
              listener->name, strerror(error));
    uv_poll_stop(&listener->poll);
    uv_timer_start(&listener->pause, on_pause_over, LISTENER_PAUSE_MS, 0);
}

/* Whether the listener has nothing more to accept after `error`. */
static bool is_over(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

/* Whether `error` is the system's lack of something; any other one is the
 * fault of the connection that was to be accepted. */
static bool is_lack(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS ||
           error == ENOMEM;
}

static void on_poll(uv_poll_t *poll, int error, int events)
{
    struct listener *listener = poll->data;
    (void)error;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN_MAX; i++) {
        int fd =
            accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            listener->on_accept(listener->arg, fd, listener->kind);
        } else if (is_lack(errno)) {
            pause_accepting(listener, errno);
            return;
        } else if (is_over(errno)) {
            return;
        }
    }
}

static void name_tcp(struct listener *listener)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    char host[64] = "?";
    char port[8] = "?";
    getsockname(listener->fd, (struct sockaddr *)&address, &len);
    getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port,
                sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    const char *format = address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s";
    snprintf(listener->name, sizeof listener->name, format, host, port);
}

/* *Takes* the listening `fd`. */
static enum status add(struct list *listeners, int fd, enum stream_kind kind,
                       const struct listener_options *options)
{
    struct listener *listener = memory_alloc_zero(sizeof *listener);
    if (!listener) {
        close(fd);
        return STATUS_NOMEM;
    }
    listener->fd = fd;
    listener->kind = kind;
    listener->on_accept = options->on_accept;
    listener->arg = options->arg;
    listener->handles_open = 2;
    uv_poll_init(loop_uv(options->loop), &listener->poll, fd);
    uv_timer_init(loop_uv(options->loop), &listener->pause);
    listener->poll.data = listener;
    listener->pause.data = listener;
    list_append(listeners, &listener->link);
    start_polling(listener);
    return STATUS_OK;
}

static struct listener *last_of(struct list *listeners)
{
    return LIST_ENTRY(listeners->prev, struct listener, link);
}

/* Linux gives accepted sockets these options of the listening one. */
static void set_tcp_options(int fd, int family)
{
    int yes = 1;
    int idle_s = KEEPALIVE_IDLE_S;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    if (family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    }
}

/* A socket that listens on `address`; -1 with errno set. */
static int listen_on(const struct addrinfo *address, unsigned backlog)
{
    int fd = socket(address->ai_family,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    set_tcp_options(fd, address->ai_family);
    if (bind(fd, address->ai_addr, address->ai_addrlen) ||
        listen(fd, (int)backlog)) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* Whether this machine has no such family of addresses at all, which a name
 * that stands for several may leave out. */
static bool is_unsupported(int error)
{
    return error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

static enum status open_each(struct list *opened, struct addrinfo *addresses,
                             const struct listener_options *options)
{
    int error = EADDRNOTAVAIL;
    for (struct addrinfo *a = addresses; a; a = a->ai_next) {
        int fd = listen_on(a, options->backlog);
        if (fd < 0 && (!is_unsupported(errno) || !addresses->ai_next)) {
            return STATUS_UNAVAILABLE;
        }
        if (fd < 0) {
            error = errno;
            continue;
        }
        if (add(opened, fd, STREAM_TCP, options)) {
            errno = ENOMEM;
            return STATUS_NOMEM;
        }
        name_tcp(last_of(opened));
    }
    errno = error;
    return list_is_empty(opened) ? STATUS_UNAVAILABLE : STATUS_OK;
}

enum status listener_open_tcp(struct list *listeners, const char *host,
                              unsigned port,
                              const struct listener_options *options,
                              char why[LISTENER_NAME_MAX])
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *addresses;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    int error = getaddrinfo(host, service, &hints, &addresses);
    if (error) {
        snprintf(why, LISTENER_NAME_MAX, "cannot listen on %.64s: %s", host,
                 gai_strerror(error));
        return STATUS_INVALID_ARGUMENT;
    }
    struct list opened;
    list_init(&opened);
    enum status status = open_each(&opened, addresses, options);
    if (status) {
        snprintf(why, LISTENER_NAME_MAX, "cannot listen on %.64s port %u: %s",
                 host, port, strerror(errno));
        listener_close_all(&opened);
    }
    list_move_all(listeners, &opened);
    freeaddrinfo(addresses);
    return status;
}

/* Removes the socket file at `address` when nobody listens there. Does not
 * wait for who listens with a full backlog. */
static void remove_stale(const struct sockaddr_un *address)
{
    struct stat found;
    if (lstat(address->sun_path, &found) || !S_ISSOCK(found.st_mode)) {
        return;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) &&
        errno == ECONNREFUSED) {
        unlink(address->sun_path);
    }
    close(fd);
}

static int listen_on_path(const struct sockaddr_un *address, unsigned backlog)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (bind(fd, (const struct sockaddr *)address, sizeof *address) ||
        chmod(address->sun_path, UNIX_SOCKET_MODE) ||
        listen(fd, (int)backlog)) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

enum status listener_open_unix(struct list *listeners, const char *path,
                               const struct listener_options *options,
                               char why[LISTENER_NAME_MAX])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        snprintf(why, LISTENER_NAME_MAX,
                 "SERVER_SOCKET has %zu bytes, at most %zu are allowed",
                 strlen(path), sizeof address.sun_path - 1);
        return STATUS_INVALID_ARGUMENT;
    }
    memcpy(address.sun_path, path, strlen(path));
    remove_stale(&address);
    int fd = listen_on_path(&address, options->backlog);
    if (fd < 0 || add(listeners, fd, STREAM_UNIX, options)) {
        snprintf(why, LISTENER_NAME_MAX, "cannot listen on %.108s: %s", path,
                 strerror(errno));
        return STATUS_UNAVAILABLE;
    }
    struct listener *listener = last_of(listeners);
    snprintf(listener->name, sizeof listener->name, "%s", path);
    snprintf(listener->path, sizeof listener->path, "%s", path);
    return STATUS_OK;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    if (--listener->handles_open == 0) {
        memory_free(listener);
    }
}

void listener_close_all(struct list *listeners)
{
    for (struct list *link; (link = list_pop(listeners));) {
        struct listener *listener = LIST_ENTRY(link, struct listener, link);
        uv_close((uv_handle_t *)&listener->poll, on_handle_closed);
        uv_close((uv_handle_t *)&listener->pause, on_handle_closed);
        close(listener->fd);
        if (listener->path[0]) {
            unlink(listener->path);
        }
    }
}
