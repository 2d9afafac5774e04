/* Requests at a fixed rate are sent when a timer of the kernel says so, which
 * is exact to some microseconds, where the loop's own know milliseconds only.
 * It is set to when the next request comes due; then all that are due by now
 * are dealt out to their connections. */
#include "clients/bench/worker.h"

#include "base/check.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { WATCH_MS = 250, NS_IN_S = 1000000000 };

static struct worker *worker_of(struct station *station)
{
    return (struct worker *)(void *)((char *)station -
                                     offsetof(struct worker, station));
}

static void on_failed(struct station *station, const char *why)
{
    struct worker *worker = worker_of(station);
    if (!worker->is_failed && !worker->is_stopping) {
        worker->is_failed = true;
        worker->is_running = false;
        worker->options.on_failed(worker->options.arg, why);
    }
}

static void on_connected(struct station *station)
{
    struct worker *worker = worker_of(station);
    if (++worker->connected == worker->options.connections) {
        worker->options.on_ready(worker->options.arg);
    }
}

/* --- a phase -------------------------------------------------------------- */

/* When no more requests come, at a fixed rate or otherwise. */
static bool is_source_over(const struct station *station, uint64_t now_ns)
{
    const struct pace *pace = &station->pace;
    uint64_t at_ns =
        pace_is_fixed(pace) ? pace_due_ns(pace, pace->turn) : now_ns;
    return source_is_over(&station->source, at_ns);
}

static void end_if_done(struct worker *worker, uint64_t now_ns)
{
    const struct station *station = &worker->station;
    if (!worker->is_running || station->in_flight > 0 || station->owed > 0 ||
        !is_source_over(station, now_ns)) {
        return;
    }
    worker->is_running = false;
    worker->end_ns = now_ns;
    worker->options.on_ready(worker->options.arg);
}

static void on_answers(struct station *station, uint64_t now_ns)
{
    struct worker *worker = worker_of(station);
    atomic_store_explicit(&worker->answered, station->answers,
                          memory_order_relaxed);
    end_if_done(worker, now_ns);
}

/* Sets the alarm to when the next request comes due. */
static void set_alarm(struct worker *worker)
{
    const struct pace *pace = &worker->station.pace;
    uint64_t due_ns = pace_due_ns(pace, pace->turn);
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(due_ns / NS_IN_S),
                     .tv_nsec = (long)(due_ns % NS_IN_S)},
    };
    CHECK(timerfd_settime(worker->alarm_fd, TFD_TIMER_ABSTIME, &when, NULL) ==
          0);
}

/* Hands the requests that are due to their connections, which send them. */
static void send_due(struct worker *worker, uint64_t now_ns)
{
    struct station *station = &worker->station;
    struct pace *pace = &station->pace;
    uint64_t first = pace->turn;
    for (;; pace->turn++) {
        uint64_t due_ns = pace_due_ns(pace, pace->turn);
        if (due_ns > now_ns || !source_claim(&station->source, due_ns)) {
            break;
        }
        histogram_record(&worker->record->late_ns, now_ns - due_ns);
        worker->connections[pace->turn % station->connections].owed++;
        station->owed++;
    }
    uint64_t count = pace->turn - first;
    for (uint64_t i = 0; i < count && i < station->connections; i++) {
        uint64_t index = (first + i) % station->connections;
        connection_send(&worker->connections[index]);
    }
}

static void on_alarm(uv_poll_t *alarm, int status, int events)
{
    (void)status;
    (void)events;
    struct worker *worker = alarm->data;
    uint64_t times;
    ssize_t len = read(worker->alarm_fd, &times, sizeof times);
    if (len < 0 || !worker->is_running) {
        return;
    }
    uint64_t now_ns = uv_hrtime();
    send_due(worker, now_ns);
    if (!is_source_over(&worker->station, now_ns)) {
        set_alarm(worker);
    }
    end_if_done(worker, now_ns);
}

static void start_phase(struct worker *worker)
{
    struct station *station = &worker->station;
    memset(worker->record, 0, sizeof *worker->record);
    station->answers = 0;
    worker->watched = 0;
    worker->watched_ms = uv_now(&worker->loop);
    atomic_store(&worker->answered, 0);
    station->depth = worker->phase.depth;
    source_init(&station->source, worker->options.workload, &worker->phase,
                worker->options.share);
    pace_init(&station->pace, &worker->phase, worker->options.share);
    worker->is_running = true;
    for (size_t i = 0; i < station->connections; i++) {
        connection_prepare(&worker->connections[i], i);
    }
    if (pace_is_fixed(&station->pace)) {
        set_alarm(worker);
        return;
    }
    for (size_t i = 0; i < station->connections && worker->is_running; i++) {
        connection_send(&worker->connections[i]);
    }
    end_if_done(worker, uv_hrtime());
}

/* Fails when answers are owed and none came for `timeout_ms`. */
static void on_watch(uv_timer_t *watch)
{
    struct worker *worker = watch->data;
    const struct station *station = &worker->station;
    uint64_t now_ms = uv_now(&worker->loop);
    if (!worker->is_running || station->in_flight == 0 ||
        station->answers != worker->watched) {
        worker->watched = station->answers;
        worker->watched_ms = now_ms;
        return;
    }
    if (now_ms - worker->watched_ms >= worker->options.timeout_ms) {
        char why[100];
        snprintf(why, sizeof why,
                 "no answer for %.1f s with %llu requests in flight",
                 (double)(now_ms - worker->watched_ms) / 1000,
                 (unsigned long long)station->in_flight);
        on_failed(&worker->station, why);
    }
}

/* --- the thread ----------------------------------------------------------- */

static void close_all(struct worker *worker)
{
    uv_close((uv_handle_t *)&worker->wake, NULL);
    uv_close((uv_handle_t *)&worker->watch, NULL);
    uv_close((uv_handle_t *)&worker->alarm, NULL);
    for (size_t i = 0; i < worker->station.connections; i++) {
        connection_close(&worker->connections[i]);
    }
}

static void on_wake(uv_async_t *wake)
{
    struct worker *worker = wake->data;
    if (worker->is_stopping) {
        close_all(worker);
    } else if (!worker->is_failed) {
        start_phase(worker);
    }
}

static void open_all(struct worker *worker)
{
    worker->alarm_fd =
        timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    CHECK(worker->alarm_fd >= 0);
    CHECK(uv_poll_init(&worker->loop, &worker->alarm, worker->alarm_fd) == 0);
    worker->alarm.data = worker;
    uv_poll_start(&worker->alarm, UV_READABLE, on_alarm);
    uv_timer_init(&worker->loop, &worker->watch);
    worker->watch.data = worker;
    uv_timer_start(&worker->watch, on_watch, WATCH_MS, WATCH_MS);
    for (size_t i = 0; i < worker->station.connections; i++) {
        connection_open(&worker->connections[i], &worker->station,
                        &worker->loop, worker->options.target,
                        worker->options.depth_max);
    }
}

static void run_thread(void *arg)
{
    struct worker *worker = arg;
    open_all(worker);
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    close(worker->alarm_fd);
    CHECK(uv_loop_close(&worker->loop) == 0);
}

static void init_station(struct worker *worker)
{
    const struct worker_options *options = &worker->options;
    size_t out_len =
        STATION_OUT_LEN + PROTOCOL_REQUEST_MAX + options->workload->sizes.max;
    worker->station = (struct station){
        .workload = options->workload,
        .protocol = options->protocol,
        .stencil = options->stencil,
        .record = worker->record,
        .connections = options->connections,
        .is_refilling = options->is_refilling,
        .room = memory_alloc_or_die(STATION_ROOM_LEN),
        .out = memory_alloc_or_die(out_len),
        .on_connected = on_connected,
        .on_answers = on_answers,
        .on_failed = on_failed,
    };
}

void worker_start(struct worker *worker, const struct worker_options *options)
{
    *worker = (struct worker){.options = *options};
    worker->record = memory_alloc_or_die(sizeof *worker->record);
    worker->connections =
        memory_alloc_or_die(options->connections * sizeof *worker->connections);
    init_station(worker);
    CHECK(uv_loop_init(&worker->loop) == 0);
    CHECK(uv_async_init(&worker->loop, &worker->wake, on_wake) == 0);
    worker->wake.data = worker;
    CHECK(uv_thread_create(&worker->thread, run_thread, worker) == 0);
}

void worker_run(struct worker *worker, const struct phase *phase)
{
    worker->phase = *phase;
    uv_async_send(&worker->wake);
}

void worker_stop(struct worker *worker)
{
    worker->is_stopping = true;
    uv_async_send(&worker->wake);
    uv_thread_join(&worker->thread);
    memory_free(worker->station.room);
    memory_free(worker->station.out);
    memory_free(worker->connections);
    memory_free(worker->record);
}
