/* Requests go out in batches, in one write, the puts of what the batch before
 * missed ahead of its gets; then all their answers are awaited. No key is
 * twice in a batch, so that its get sees what came before. Writing and reading
 * take turns as the socket lets them, or both ends might wait for the other to
 * read.
 *
 * For each key it is known when what was put is over; a heap has the same in
 * the order of time, so that it can be removed then. */
#include "tests/bench/replay.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "clients/bench/protocol.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BATCH_MAX = 256,
    BATCH_BYTES = 256 * 1024, /* of values; one may be larger */
    FIRST_ID = 128,
    LIFETIME_MS = 20 * 24 * 3600 * 1000, /* that servers are told */
    READ_LEN = 256 * 1024,
    SHOW_AFTER = 256 /* batches */
};

/* A request that waits for its answer, or a put that is to be sent. */
struct errand {
    const struct trace_request *request;
    uint64_t key;
};

/* Seconds and keys, soonest first. */
struct heap {
    uint64_t *ends;
    size_t count;
    size_t capacity;
};

struct replay {
    const struct trace_tour *tour;
    const struct replay_server *server;
    struct replay_result *result;
    int socket;
    struct stencil stencils[2]; /* without a lifetime and with one */
    struct buffer out;
    struct buffer in;
    struct errand puts[BATCH_MAX]; /* of what the last batch missed */
    size_t put_count;
    struct errand sent[2 * BATCH_MAX];
    size_t sent_count;
    size_t removals; /* answers to removals that come before those */
    size_t batch_bytes;
    uint32_t *last_batch; /* by key: in which it was */
    uint32_t batch;
    uint32_t *ends_s; /* by key, if there are lifetimes; 0: none */
    struct heap heap;
    uint32_t now_s;
};

static void heap_push(struct heap *heap, uint64_t end)
{
    if (heap->count == heap->capacity) {
        heap->capacity = heap->capacity ? 2 * heap->capacity : 1024;
        heap->ends =
            memory_resize(heap->ends, heap->capacity * sizeof *heap->ends);
        CHECK(heap->ends);
    }
    size_t i = heap->count++;
    while (i > 0 && heap->ends[(i - 1) / 2] > end) {
        heap->ends[i] = heap->ends[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap->ends[i] = end;
}

static uint64_t heap_pop(struct heap *heap)
{
    uint64_t first = heap->ends[0];
    uint64_t last = heap->ends[--heap->count];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < heap->count; i = child) {
        if (child + 1 < heap->count &&
            heap->ends[child + 1] < heap->ends[child]) {
            child++;
        }
        if (heap->ends[child] >= last) {
            break;
        }
        heap->ends[i] = heap->ends[child];
    }
    heap->ends[i] = last;
    return first;
}

static void open_socket(struct replay *replay)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)replay->server->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int on = 1;
    replay->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(replay->socket >= 0);
    CHECK(connect(replay->socket, (struct sockaddr *)&address,
                  sizeof address) == 0);
    setsockopt(replay->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    CHECK(fcntl(replay->socket, F_SETFL, O_NONBLOCK) == 0);
}

static char *reserve(struct buffer *buffer, size_t len)
{
    char *at = buffer_reserve(buffer, len);
    CHECK(at);
    return at;
}

static void write_get(struct replay *replay, const struct errand *errand)
{
    struct blank blank;
    char *at = reserve(&replay->out, PROTOCOL_REQUEST_MAX);
    replay->server->protocol->put_get(
        &replay->stencils[0], FIRST_ID + replay->sent_count, at, &blank);
    trace_put_key(at + blank.key_at, errand->key);
    buffer_commit(&replay->out, blank.len);
    replay->sent[replay->sent_count++] = *errand;
}

static void write_put(struct replay *replay, const struct errand *errand)
{
    size_t len = errand->request->value_len;
    uint32_t ttl_s = errand->request->ttl_s;
    struct blank blank;
    char *at = reserve(&replay->out, PROTOCOL_REQUEST_MAX + len);
    replay->server->protocol->put_set(&replay->stencils[ttl_s > 0],
                                      FIRST_ID + replay->sent_count, len, at,
                                      &blank);
    trace_put_key(at + blank.key_at, errand->key);
    replay_put_value(at + blank.value_at, at + blank.key_at, len);
    buffer_commit(&replay->out, blank.len);
    replay->sent[replay->sent_count++] = *errand;
    if (replay->ends_s) {
        uint32_t end_s = ttl_s ? replay->now_s + ttl_s : 0;
        replay->ends_s[errand->key] = end_s;
        if (end_s) {
            heap_push(&replay->heap, (uint64_t)end_s << 32 | errand->key);
        }
    }
}

/* Cannot be said with cachebench's protocols; where it is not known how,
 * nothing is removed. */
static void write_removal(struct replay *replay, uint64_t key)
{
    char text[TRACE_KEY_LEN + 1] = {0};
    char line[64] = "";
    const char *name = replay->server->protocol->name;
    int len = 0;
    trace_put_key(text, key);
    if (strcmp(name, "redis") == 0) {
        len = snprintf(line, sizeof line, "*2\r\n$3\r\nDEL\r\n$16\r\n%s\r\n",
                       text);
        replay->removals++;
    } else if (strcmp(name, "meta") == 0) {
        len = snprintf(line, sizeof line, "delete %s noreply\r\n", text);
    }
    memcpy(reserve(&replay->out, sizeof line), line, (size_t)len);
    buffer_commit(&replay->out, (size_t)len);
}

/* Redis' answer to DEL: a number. */
static bool skip_removal(struct replay *replay)
{
    struct slice bytes = buffer_peek(&replay->in);
    const char *end = bytes.len ? memchr(bytes.data, '\n', bytes.len) : NULL;
    if (end) {
        CHECK(bytes.data[0] == ':');
        buffer_consume(&replay->in, (size_t)(end + 1 - bytes.data));
        replay->removals--;
    }
    return end != NULL;
}

static bool is_over(const struct replay *replay, uint64_t key)
{
    return replay->ends_s && replay->ends_s[key] &&
           replay->ends_s[key] <= replay->now_s;
}

static void count_answer(struct replay *replay, const struct answer *answer,
                         const struct errand *errand)
{
    char key[TRACE_KEY_LEN];
    bool is_hit = answer->kind == ANSWER_VALUE;
    if (answer->kind == ANSWER_STORED || answer->kind == ANSWER_ERROR) {
        replay->result->refused += answer->kind == ANSWER_ERROR;
        return;
    }
    replay->result->gets++;
    if (is_hit) {
        trace_put_key(key, errand->key);
        CHECK(replay_is_value(answer->text.data, answer->text.len, key));
    }
    if (!is_hit || is_over(replay, errand->key)) {
        replay->result->misses++;
        replay->puts[replay->put_count++] = *errand;
    }
}

/* Reads the answers that are there whole; how many. */
static size_t read_answers(struct replay *replay, size_t done)
{
    const struct protocol *protocol = replay->server->protocol;
    struct answer answer;
    while (replay->removals > 0 && skip_removal(replay)) {
    }
    while (replay->removals == 0 && done < replay->sent_count) {
        enum decode decode = protocol->read(&replay->stencils[0],
                                            buffer_peek(&replay->in), &answer);
        if (decode == DECODE_MORE) {
            break;
        }
        CHECK(decode == DECODE_READY);
        size_t at = protocol->has_ids ? answer.id - FIRST_ID : done;
        CHECK(at < replay->sent_count);
        count_answer(replay, &answer, &replay->sent[at]);
        buffer_consume(&replay->in, answer.len);
        done++;
    }
    return done;
}

static bool would_block(ssize_t len)
{
    return len < 0 && (errno == EAGAIN || errno == EINTR);
}

static void send_some(struct replay *replay)
{
    struct slice bytes = buffer_peek(&replay->out);
    ssize_t len = send(replay->socket, bytes.data, bytes.len, MSG_NOSIGNAL);
    CHECK(len > 0 || would_block(len));
    buffer_consume(&replay->out, len > 0 ? (size_t)len : 0);
}

static void receive_some(struct replay *replay)
{
    char *at = reserve(&replay->in, READ_LEN);
    ssize_t len = recv(replay->socket, at, READ_LEN, 0);
    CHECK(len > 0 || would_block(len));
    buffer_commit(&replay->in, len > 0 ? (size_t)len : 0);
}

/* Sends the batch and awaits its answers. */
static void exchange(struct replay *replay)
{
    struct pollfd ready = {.fd = replay->socket};
    size_t done = 0;
    while (buffer_len(&replay->out) > 0 || replay->removals > 0 ||
           done < replay->sent_count) {
        ready.events = buffer_len(&replay->out) > 0 ? POLLIN | POLLOUT : POLLIN;
        CHECK(poll(&ready, 1, -1) > 0 || errno == EINTR);
        if (ready.revents & POLLOUT) {
            send_some(replay);
        }
        if (ready.revents & POLLIN) {
            receive_some(replay);
            done = read_answers(replay, done);
        }
        CHECK(!(ready.revents & (POLLERR | POLLNVAL)));
    }
    replay->sent_count = 0;
    replay->batch_bytes = 0;
    replay->batch++;
}

static void write_puts(struct replay *replay)
{
    for (size_t i = 0; i < replay->put_count; i++) {
        write_put(replay, &replay->puts[i]);
    }
    replay->put_count = 0;
}

static bool has_room(const struct replay *replay,
                     const struct trace_request *request, uint64_t key)
{
    return replay->sent_count < BATCH_MAX &&
           replay->last_batch[key] != replay->batch &&
           (replay->batch_bytes == 0 ||
            replay->batch_bytes + request->value_len <= BATCH_BYTES);
}

/* Ends the batch, so that all so far is done. */
static void finish(struct replay *replay)
{
    exchange(replay);
    write_puts(replay);
}

/* Removes what is over by now. */
static void set_time(struct replay *replay, uint32_t now_s)
{
    struct heap *heap = &replay->heap;
    if (now_s <= replay->now_s) {
        return;
    }
    if (heap->count && heap->ends[0] >> 32 <= now_s) {
        finish(replay);
        exchange(replay);
    }
    replay->now_s = now_s;
    while (heap->count && heap->ends[0] >> 32 <= now_s) {
        uint64_t end = heap_pop(heap);
        uint64_t key = (uint32_t)end;
        if (replay->ends_s[key] == end >> 32) {
            write_removal(replay, key);
        }
    }
}

static void carry_out(struct replay *replay, const struct errand *errand)
{
    if (!has_room(replay, errand->request, errand->key)) {
        finish(replay);
    }
    replay->last_batch[errand->key] = replay->batch;
    replay->batch_bytes += errand->request->value_len;
    switch (errand->request->op) {
    case TRACE_GET:
        write_get(replay, errand);
        break;
    case TRACE_SET:
        write_put(replay, errand);
        break;
    case TRACE_DEL:
        write_removal(replay, errand->key);
        break;
    }
}

static void prepare(struct replay *replay)
{
    const struct trace_tour *tour = replay->tour;
    size_t keys = (size_t)tour->copies * tour->trace->keys;
    CHECK(keys <= UINT32_MAX);
    replay->last_batch = memory_alloc_or_die(keys * sizeof(uint32_t));
    if (tour->trace->has_ttls) {
        replay->ends_s = memory_alloc_or_die(keys * sizeof(uint32_t));
    }
    for (int i = 0; i < 2; i++) {
        const struct stencil_options options = {
            .bank = "trace",
            .key_len = TRACE_KEY_LEN,
            .lifetime_ms = i ? LIFETIME_MS : 0,
        };
        replay->server->protocol->prepare(&replay->stencils[i], &options);
    }
    replay->batch = 1;
    open_socket(replay);
}

static void run(struct replay *replay, struct trace_tour *tour,
                replay_progress_fn *show)
{
    struct errand errand;
    while ((errand.request = trace_next(tour, &errand.key))) {
        set_time(replay, errand.request->at_s);
        carry_out(replay, &errand);
        if (replay->batch % SHOW_AFTER == 0) {
            show(tour);
        }
    }
    finish(replay);
    exchange(replay);
}

void replay_through_server(struct trace_tour *tour,
                           const struct replay_server *server,
                           replay_progress_fn *show,
                           struct replay_result *result)
{
    struct replay *replay = memory_alloc_or_die(sizeof *replay);
    replay->tour = tour;
    replay->server = server;
    replay->result = result;
    uint64_t before = replay_resident(server->pid);
    prepare(replay);
    run(replay, tour, show);
    uint64_t after = replay_resident(server->pid);
    result->memory = after > before ? after - before : 0;
    close(replay->socket);
    buffer_fini(&replay->out);
    buffer_fini(&replay->in);
    memory_free(replay->heap.ends);
    memory_free(replay->last_batch);
    memory_free(replay->ends_s);
    memory_free(replay);
}
