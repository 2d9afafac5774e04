#include "support/rig.h"

#include "base/check.h"
#include "base/memory.h"
#include "compat/face_json.h"
#include "engine/engine.h"
#include "engine/engine_embedded.h"
#include "loop/loop.h"
#include "server/listener.h"
#include "server/server.h"
#include "store/store.h"
#include "support/late_engine.h"
#include "wire/face_wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { DELIVER_EVERY_MS = 1, DELIVER_COUNT = 7, DRAIN_MS = 3000 };

/* A late engine with the timer that delivers its answers. */
struct timed_engine {
    struct engine engine;
    struct engine *late;
    uv_timer_t timer;
};

static struct timed_engine *timed_of(struct engine *engine)
{
    return (struct timed_engine *)engine;
}

static void on_deliver(uv_timer_t *timer)
{
    struct timed_engine *timed = timer->data;
    late_engine_deliver(timed->late, DELIVER_COUNT);
}

static enum submit timed_submit(struct engine *engine, struct call *call)
{
    struct engine *late = timed_of(engine)->late;
    return late->ops->submit(late, call);
}

static void timed_cancel(struct engine *engine, struct call *call)
{
    struct engine *late = timed_of(engine)->late;
    late->ops->cancel(late, call);
}

static void on_timer_closed(uv_handle_t *timer)
{
    memory_free(timer->data);
}

static void timed_close(struct engine **engine)
{
    struct timed_engine *timed = timed_of(*engine);
    timed->late->ops->close(&timed->late);
    uv_close((uv_handle_t *)&timed->timer, on_timer_closed);
    *engine = NULL;
}

static const struct engine_ops timed_ops = {
    .name = "late, by a timer",
    .may_pend = true,
    .submit = timed_submit,
    .cancel = timed_cancel,
    .close = timed_close,
};

static struct engine *open_engine(void *arg, struct loop *loop)
{
    struct rig *rig = arg;
    if (!rig->options.is_late) {
        return engine_embedded_open(rig->store, NULL);
    }
    struct timed_engine *timed = memory_alloc_or_die(sizeof *timed);
    timed->engine.ops = &timed_ops;
    timed->late = late_engine_open(rig->store, rig->options.seed);
    uv_timer_init(loop_uv(loop), &timed->timer);
    timed->timer.data = timed;
    uv_timer_start(&timed->timer, on_deliver, DELIVER_EVERY_MS,
                   DELIVER_EVERY_MS);
    return &timed->engine;
}

static struct limits limits_of(const struct rig_options *options)
{
    struct limits limits = options->limits;
    limits.frame_len_max =
        limits.frame_len_max ? limits.frame_len_max : 1024 * 1024;
    limits.list_len_max = limits.list_len_max ? limits.list_len_max : 100;
    limits.inflight_max = limits.inflight_max ? limits.inflight_max : 1024;
    limits.output_len_max =
        limits.output_len_max ? limits.output_len_max : 1024 * 1024;
    limits.partial_ms = limits.partial_ms ? limits.partial_ms : 30000;
    limits.write_ms = limits.write_ms ? limits.write_ms : 30000;
    return limits;
}

/* A port that was free a moment ago: it is bound again with the same option
 * that lets it be reused. */
static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

static struct server *start_server(struct rig *rig)
{
    struct server_options options = {
        .loop = rig->loop,
        .hosts = "127.0.0.1",
        .port = (unsigned)rig->port,
        .workers = rig->options.workers ? rig->options.workers : 1,
        .backlog = 128,
        .connections_max = 1000,
        .lane = {.faces = {&face_wire, &face_json},
                 .engine = {open_engine, rig},
                 .limits = limits_of(&rig->options)},
    };
    char why[SERVER_WHY_MAX];
    return server_start(&options, why);
}

void rig_start(struct rig *rig, const struct rig_options *options)
{
    struct store_options store_options = {0};
    signal(SIGPIPE, SIG_IGN); /* As main() does. */
    *rig = (struct rig){.options = *options};
    rig->loop = loop_create();
    rig->store = store_create(&store_options);
    CHECK(rig->loop && rig->store);
    CHECK(mailbox_open(&rig->mailbox, rig->loop, rig) == STATUS_OK);
    for (int tries = 0; !rig->server && tries < 100; tries++) {
        rig->port = free_port();
        rig->server = start_server(rig);
    }
    CHECK(rig->server);
    CHECK(loop_start(rig->loop) == STATUS_OK);
}

static void on_mailbox_closed(void *owner)
{
    (void)owner;
}

static void open_stop(struct mail *mail, void *owner)
{
    (void)mail;
    struct rig *rig = owner;
    server_stop(rig->server, DRAIN_MS);
    mailbox_close(&rig->mailbox, on_mailbox_closed);
}

void rig_stop(struct rig *rig)
{
    rig->stop.open = open_stop;
    mailbox_post(&rig->mailbox, &rig->stop);
    loop_join(rig->loop);
    server_free(&rig->server);
    store_free(&rig->store);
    loop_free(&rig->loop);
}

int rig_connect(const struct rig *rig)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)rig->port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

void rig_send(int fd, struct slice bytes)
{
    while (bytes.len) {
        ssize_t sent = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL);
        CHECK(sent > 0);
        bytes = slice_after(bytes, (size_t)sent);
    }
}

size_t rig_read(int fd, char *room, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t got = recv(fd, room + done, len - done, 0);
        if (got <= 0) {
            break;
        }
        done += (size_t)got;
    }
    return done;
}
