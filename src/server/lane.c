/* Connections that have work left get their next turn from an idle handle,
 * which is active only while there are any: the loop then polls without
 * waiting, so that the turns and fresh input come by turns.
 *
 * What connections send is read in one round of the loop, then decoded and
 * carried out in batches, then answered. So a worker with many connections
 * that each ask for one thing waits for memory as seldom as one with a
 * connection that asks for many, and the processor meets the system's code
 * and ours by turns as seldom as can be. */
#include "server/lane.h"

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "core/call.h"
#include "loop/loop.h"
#include "server/conn.h"

#include <unistd.h>

struct adoption {
    struct mail mail;
    int fd;
    enum stream_kind kind;
};

struct new_limits {
    struct mail mail;
    struct limits limits;
};

struct stop {
    struct mail mail;
    uint64_t drain_ms;
};

static void close_handles(struct lane *lane);

static void on_turns(uv_idle_t *turns)
{
    struct lane *lane = turns->data;
    struct list ready;
    list_init(&ready);
    list_move_all(&ready, &lane->ready);
    for (struct list *link; (link = list_pop(&ready));) {
        conn_turn(link);
    }
    if (list_is_empty(&lane->ready)) {
        uv_idle_stop(&lane->turns);
    }
}

void lane_schedule(struct lane *lane, struct list *link)
{
    CHECK(loop_is_current(lane->loop));
    if (!list_is_linked(link)) {
        list_append(&lane->ready, link);
        uv_idle_start(&lane->turns, on_turns);
    }
}

struct buffer lane_take_out(struct lane *lane)
{
    if (lane->outs_kept == 0) {
        return (struct buffer){0};
    }
    struct buffer out = lane->outs[--lane->outs_kept];
    lane->outs_len -= out.capacity;
    return out;
}

void lane_return_out(struct lane *lane, struct buffer *out)
{
    buffer_clear(out);
    if (lane->outs_kept < LANE_OUTS_KEPT_MAX &&
        lane->outs_len + out->capacity <= LANE_OUTS_LEN_MAX) {
        lane->outs_len += out->capacity;
        lane->outs[lane->outs_kept++] = *out;
        *out = (struct buffer){0};
    }
    buffer_fini(out);
}

void lane_run_batch(struct lane *lane)
{
    batch_run(&lane->batch, lane->engine);
}

/* Carries out all that was read; nothing borrows from the room any more. A
 * connection may close meanwhile, and is then in neither list. */
static void serve_read(struct lane *lane)
{
    for (struct list *link; (link = list_pop(&lane->fresh));) {
        list_append(&lane->turned, link);
        conn_serve(link);
    }
    lane_run_batch(lane);
    lane->read_used = 0;
}

char *lane_room(struct lane *lane, size_t *len)
{
    *len = LANE_READ_LEN;
    return lane->read_room + lane->read_used;
}

char *lane_keep_room(struct lane *lane, size_t len)
{
    char *kept = lane->read_room + lane->read_used;
    CHECK(len <= LANE_ROOM_LEN - lane->read_used);
    lane->read_used += len;
    return kept;
}

void lane_serve_later(struct lane *lane, struct list *link)
{
    list_remove(link);
    list_append(&lane->fresh, link);
    if (LANE_ROOM_LEN - lane->read_used < LANE_READ_LEN) {
        serve_read(lane);
    }
}

static void on_loop_end(uv_check_t *loop_end)
{
    struct lane *lane = loop_end->data;
    serve_read(lane);
    for (struct list *link; (link = list_pop(&lane->turned));) {
        conn_end_turn(link);
    }
}

struct call *lane_take_call(struct lane *lane)
{
    struct list *link = list_pop(&lane->calls);
    if (link) {
        lane->calls_kept--;
        return LIST_ENTRY(link, struct call, link);
    }
    struct call *call = memory_alloc(sizeof *call);
    if (call) {
        call_init(call);
    }
    return call;
}

static void free_call(struct call *call)
{
    call_fini(call);
    memory_free(call);
}

void lane_return_call(struct lane *lane, struct call *call)
{
    if (lane->calls_kept >= LANE_CALLS_KEPT_MAX) {
        free_call(call);
        return;
    }
    call_reset(call);
    lane->calls_kept++;
    /* The one used last is used next, while it is in the cache. */
    list_append(lane->calls.next, &call->link);
}

static void on_all_gone(uv_timer_t *drain)
{
    close_handles(drain->data);
}

/* The last connection may go because the engine gives its last call back,
 * and then the engine cannot be closed yet. */
void lane_on_conn_closed(struct lane *lane)
{
    atomic_fetch_sub_explicit(&lane->load, 1, memory_order_relaxed);
    if (lane->is_stopping && list_is_empty(&lane->conns)) {
        uv_timer_start(&lane->drain, on_all_gone, 0, 0);
    }
}

static void open_adoption(struct mail *mail, void *owner)
{
    struct adoption *adoption = (struct adoption *)(void *)mail;
    struct lane *lane = owner;
    conn_open(lane, adoption->fd, adoption->kind);
    memory_free(adoption);
}

void lane_adopt(struct lane *lane, int fd, enum stream_kind kind)
{
    struct adoption *adoption = memory_alloc(sizeof *adoption);
    if (!adoption) {
        log_event(LOG_WARNING, "a connection was refused: out of memory");
        close(fd);
        return;
    }
    *adoption = (struct adoption){{.open = open_adoption}, fd, kind};
    atomic_fetch_add_explicit(&lane->load, 1, memory_order_relaxed);
    mailbox_post(&lane->mailbox, &adoption->mail);
}

static void open_new_limits(struct mail *mail, void *owner)
{
    struct new_limits *fresh = (struct new_limits *)(void *)mail;
    struct lane *lane = owner;
    lane->limits = fresh->limits;
    memory_free(fresh);
}

void lane_set_limits(struct lane *lane, const struct limits *limits)
{
    struct new_limits *fresh = memory_alloc(sizeof *fresh);
    if (!fresh) {
        log_event(LOG_ERROR, "the limits were not changed: out of memory");
        return;
    }
    *fresh = (struct new_limits){{.open = open_new_limits}, *limits};
    mailbox_post(&lane->mailbox, &fresh->mail);
}

static void on_drain_over(uv_timer_t *drain)
{
    struct lane *lane = drain->data;
    for (struct list *link = lane->conns.next, *next; link != &lane->conns;
         link = next) {
        next = link->next;
        conn_close(link);
    }
}

static void open_stop(struct mail *mail, void *owner)
{
    struct stop *stop = (struct stop *)(void *)mail;
    struct lane *lane = owner;
    lane->is_stopping = true;
    uv_timer_start(&lane->drain, on_drain_over, stop->drain_ms, 0);
    memory_free(stop);
    if (list_is_empty(&lane->conns)) {
        close_handles(lane);
        return;
    }
    for (struct list *link = lane->conns.next, *next; link != &lane->conns;
         link = next) {
        next = link->next;
        conn_end(link);
    }
}

void lane_stop(struct lane *lane, uint64_t drain_ms)
{
    struct stop *stop = memory_alloc_or_die(sizeof *stop);
    *stop = (struct stop){{.open = open_stop}, drain_ms};
    mailbox_post(&lane->mailbox, &stop->mail);
}

static void on_mailbox_closed(void *owner)
{
    struct lane *lane = owner;
    CHECK(list_is_empty(&lane->conns));
}

static void close_handles(struct lane *lane)
{
    if (uv_is_closing((uv_handle_t *)&lane->turns)) {
        return;
    }
    CHECK(lane->batch.count == 0);
    lane->engine->ops->close(&lane->engine);
    uv_close((uv_handle_t *)&lane->turns, NULL);
    uv_close((uv_handle_t *)&lane->loop_end, NULL);
    uv_close((uv_handle_t *)&lane->drain, NULL);
    mailbox_close(&lane->mailbox, on_mailbox_closed);
}

/* Everything that may be refused; what was opened is closed again. */
static enum status open_parts(struct lane *lane)
{
    lane->read_room = memory_alloc(LANE_ROOM_LEN);
    lane->loop = loop_create();
    if (!lane->read_room || !lane->loop) {
        goto free_loop;
    }
    const struct engine_factory *factory = &lane->options->engine;
    lane->engine = factory->open(factory->arg, lane->loop);
    if (!lane->engine) {
        goto free_loop;
    }
    if (mailbox_open(&lane->mailbox, lane->loop, lane)) {
        goto close_engine;
    }
    return STATUS_OK;

close_engine:
    lane->engine->ops->close(&lane->engine);
free_loop:
    loop_free(&lane->loop);
    memory_free(lane->read_room);
    return STATUS_UNAVAILABLE;
}

struct lane *lane_create(const struct lane_options *options)
{
    struct lane *lane = memory_alloc_zero(sizeof *lane);
    if (!lane) {
        log_event(LOG_ERROR, "a worker cannot start: out of memory");
        return NULL;
    }
    lane->options = options;
    lane->limits = options->limits;
    list_init(&lane->conns);
    list_init(&lane->ready);
    list_init(&lane->fresh);
    list_init(&lane->turned);
    list_init(&lane->calls);
    if (open_parts(lane)) {
        log_event(LOG_ERROR, "a worker cannot start: the system gives it "
                             "no loop, engine or memory");
        memory_free(lane);
        return NULL;
    }
    uv_idle_init(loop_uv(lane->loop), &lane->turns);
    uv_timer_init(loop_uv(lane->loop), &lane->drain);
    uv_check_init(loop_uv(lane->loop), &lane->loop_end);
    lane->turns.data = lane;
    lane->loop_end.data = lane;
    uv_check_start(&lane->loop_end, on_loop_end);
    lane->drain.data = lane;
    return lane;
}

void lane_free(struct lane **lane)
{
    struct lane *freed = *lane;
    if (!freed) {
        return;
    }
    for (struct list *link; (link = list_pop(&freed->calls));) {
        free_call(LIST_ENTRY(link, struct call, link));
    }
    while (freed->outs_kept > 0) {
        buffer_fini(&freed->outs[--freed->outs_kept]);
    }
    loop_free(&freed->loop);
    memory_free(freed->read_room);
    memory_free(freed);
    *lane = NULL;
}
