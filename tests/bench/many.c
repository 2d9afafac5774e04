/* Gets of many keys at once, from CacheServer (get_many), Redis (MGET) or
 * memcached (get with many keys): 16-byte keys, 32-byte values, Zipf 0.99. One
 * thread, some connections with one request each in flight. A hit counts only
 * when its bytes are right: a value is its key, twice.
 *
 *   bench_many PROTOCOL PORT PID KEYS BATCH CONNECTIONS SECONDS
 *
 * prints one line of JSON. */
#include "base/buffer.h"
#include "base/check.h"
#include "clients/bench/process.h"
#include "clients/bench/random.h"
#include "clients/bench/zipf.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { KEY_LEN = 16, VALUE_LEN = 2 * KEY_LEN, LOAD_STEP = 500 };

static const struct slice bank = {"bench", 5};

struct many {
    const struct many_protocol *protocol;
    uint64_t keys;
    size_t batch;
    size_t connections;
    int *socks;
    struct buffer out;
    struct buffer in;
    struct random random;
    struct zipf zipf;
    uint64_t *asked; /* batch numbers a connection */
    uint64_t requests;
    uint64_t hits;
};

/* How a protocol writes requests and reads answers. */
struct many_protocol {
    const char *name;
    void (*put_get)(struct buffer *out, const uint64_t *keys, size_t count);
    void (*put_load)(struct buffer *out, uint64_t from, size_t count);
    /* Takes the answer to a get off the front of `in` and counts the values
     * that are right; false when it is not whole yet. */
    bool (*take_get)(struct buffer *in, const uint64_t *keys, size_t count,
                     uint64_t *hits);
    bool (*take_load)(struct buffer *in, size_t count);
};

static void make_key(uint64_t number, char key[KEY_LEN + 1])
{
    snprintf(key, KEY_LEN + 1, "%016" PRIx64, random_mix(number));
}

static void add(struct buffer *out, const char *bytes, size_t len)
{
    CHECK(!buffer_append(out, slice_of(bytes, len)));
}

static void add_text(struct buffer *out, const char *text)
{
    add(out, text, strlen(text));
}

static bool is_value(const char *bytes, uint64_t number)
{
    char key[KEY_LEN + 1];
    make_key(number, key);
    return !memcmp(bytes, key, KEY_LEN) &&
           !memcmp(bytes + KEY_LEN, key, KEY_LEN);
}

/* --- CacheServer ---------------------------------------------------------- */

enum {
    ITEM_LEN = 2 + KEY_LEN + 2 + VALUE_LEN, /* of put_many */
    TAG_GET_MANY = 0x3a,
    TAG_PUT_MANY = 0x42,
    TAG_BANK = 0x0a,
    TAG_ITEM = 0x1a,
    TAG_ITEM_KEY = 0x12,
    TAG_ITEM_VALUE = 0x1a
};

static void add_varint(struct buffer *out, size_t value)
{
    do {
        char byte = (char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        add(out, &byte, 1);
        value >>= 7;
    } while (value);
}

static size_t varint_len(size_t value)
{
    return value < 1 << 7 ? 1 : value < 1 << 14 ? 2 : value < 1 << 21 ? 3 : 4;
}

/* A frame of one operation that names the bank and then has `len` bytes. */
static void begin_frame(struct buffer *out, int tag, size_t len)
{
    size_t op_len = 2 + bank.len + len;
    uint32_t frame_len = htonl((uint32_t)(1 + varint_len(op_len) + op_len));
    char byte = (char)tag;
    add(out, (const char *)&frame_len, sizeof frame_len);
    add(out, &byte, 1);
    add_varint(out, op_len);
    const char head[] = {TAG_BANK, (char)bank.len};
    add(out, head, sizeof head);
    add(out, bank.data, bank.len);
}

static void wire_get(struct buffer *out, const uint64_t *keys, size_t count)
{
    begin_frame(out, TAG_GET_MANY, count * (2 + KEY_LEN));
    for (size_t i = 0; i < count; i++) {
        char item[2 + KEY_LEN + 1] = {TAG_ITEM, KEY_LEN};
        make_key(keys[i], item + 2);
        add(out, item, 2 + KEY_LEN);
    }
}

static void wire_load(struct buffer *out, uint64_t from, size_t count)
{
    begin_frame(out, TAG_PUT_MANY, count * (2 + ITEM_LEN));
    for (size_t i = 0; i < count; i++) {
        char key[KEY_LEN + 1];
        make_key(from + i, key);
        const char head[] = {TAG_ITEM, ITEM_LEN, TAG_ITEM_KEY, KEY_LEN};
        const char middle[] = {TAG_ITEM_VALUE, VALUE_LEN};
        add(out, head, sizeof head);
        add(out, key, KEY_LEN);
        add(out, middle, sizeof middle);
        add(out, key, KEY_LEN);
        add(out, key, KEY_LEN);
    }
}

/* The length of a whole frame that `in` begins with; 0 while it is not. */
static size_t frame_len(const struct buffer *in)
{
    struct slice bytes = buffer_peek(in);
    uint32_t len;
    if (bytes.len < sizeof len) {
        return 0;
    }
    memcpy(&len, bytes.data, sizeof len);
    size_t whole = sizeof len + ntohl(len);
    return whole <= bytes.len ? whole : 0;
}

static size_t read_varint(const char **at)
{
    size_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        unsigned char byte = (unsigned char)*(*at)++;
        value |= (size_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
}

/* Each result is its value, all of the same length, or something shorter. */
static bool wire_take(struct buffer *in, const uint64_t *keys, size_t count,
                      uint64_t *hits)
{
    size_t len = frame_len(in);
    if (len == 0) {
        return false;
    }
    const char *at = buffer_first(in) + 4;
    const char *end = buffer_first(in) + len;
    CHECK((unsigned char)*at++ == TAG_GET_MANY);
    (void)read_varint(&at);
    size_t i = 0;
    for (; at < end && i < count; i++) {
        at++; /* the tag of a result */
        size_t result_len = read_varint(&at);
        *hits += result_len == 2 + VALUE_LEN && is_value(at + 2, keys[i]);
        at += result_len;
    }
    CHECK(at == end && i == count);
    buffer_consume(in, len);
    return true;
}

static bool wire_take_load(struct buffer *in, size_t count)
{
    (void)count;
    size_t len = frame_len(in);
    buffer_consume(in, len);
    return len > 0;
}

/* Takes `len` bytes of `in`, when they are there. */
static bool take_bytes(struct buffer *in, size_t len)
{
    bool is_there = buffer_len(in) >= len;
    if (is_there) {
        buffer_consume(in, len);
    }
    return is_there;
}

/* --- Redis ---------------------------------------------------------------- */

static void redis_get(struct buffer *out, const uint64_t *keys, size_t count)
{
    char head[64];
    snprintf(head, sizeof head, "*%zu\r\n$4\r\nMGET\r\n", count + 1);
    add_text(out, head);
    for (size_t i = 0; i < count; i++) {
        char key[KEY_LEN + 1];
        make_key(keys[i], key);
        add_text(out, "$16\r\n");
        add(out, key, KEY_LEN);
        add_text(out, "\r\n");
    }
}

static void redis_load(struct buffer *out, uint64_t from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char key[KEY_LEN + 1];
        make_key(from + i, key);
        add_text(out, "*3\r\n$3\r\nSET\r\n$16\r\n");
        add(out, key, KEY_LEN);
        add_text(out, "\r\n$32\r\n");
        add(out, key, KEY_LEN);
        add(out, key, KEY_LEN);
        add_text(out, "\r\n");
    }
}

/* The end of the line at `at`; NULL when it is not there yet. */
static const char *line_end(const char *at, const char *end)
{
    const char *found = memchr(at, '\n', (size_t)(end - at));
    return found ? found + 1 : NULL;
}

static bool redis_take(struct buffer *in, const uint64_t *keys, size_t count,
                       uint64_t *hits)
{
    const char *start = buffer_first(in);
    const char *end = start + buffer_len(in);
    const char *at = start < end ? line_end(start, end) : NULL;
    uint64_t right = 0;
    for (size_t i = 0; at && i < count; i++) {
        const char *value = at < end ? line_end(at, end) : NULL;
        if (!value) {
            return false;
        }
        bool is_there = !memcmp(at, "$32", 3);
        at = is_there ? value + VALUE_LEN + 2 : value;
        if (at > end) {
            return false;
        }
        right += is_there && is_value(value, keys[i]);
    }
    if (!at) {
        return false;
    }
    *hits += right;
    buffer_consume(in, (size_t)(at - start));
    return true;
}

static bool redis_take_load(struct buffer *in, size_t count)
{
    return take_bytes(in, count * strlen("+OK\r\n"));
}

/* --- memcached ------------------------------------------------------------ */

static void memcached_get(struct buffer *out, const uint64_t *keys,
                          size_t count)
{
    add_text(out, "get");
    for (size_t i = 0; i < count; i++) {
        char key[KEY_LEN + 1];
        make_key(keys[i], key);
        add_text(out, " ");
        add(out, key, KEY_LEN);
    }
    add_text(out, "\r\n");
}

static void memcached_load(struct buffer *out, uint64_t from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char key[KEY_LEN + 1];
        make_key(from + i, key);
        add_text(out, "set ");
        add(out, key, KEY_LEN);
        add_text(out, " 0 0 32\r\n");
        add(out, key, KEY_LEN);
        add(out, key, KEY_LEN);
        add_text(out, "\r\n");
    }
}

/* Misses are left out, so the keys say which value this is. */
static bool memcached_take(struct buffer *in, const uint64_t *keys,
                           size_t count, uint64_t *hits)
{
    enum { HEAD_LEN = 6 };
    const char *start = buffer_first(in);
    const char *end = start + buffer_len(in);
    const char *at = start;
    uint64_t right = 0;
    (void)keys;
    for (size_t i = 0; i <= count; i++) {
        const char *value = at < end ? line_end(at, end) : NULL;
        if (!value) {
            return false;
        }
        if (!memcmp(at, "END", 3)) {
            *hits += right;
            buffer_consume(in, (size_t)(value - start));
            return true;
        }
        if (value + VALUE_LEN + 2 > end) {
            return false;
        }
        right += !memcmp(at + HEAD_LEN, value, KEY_LEN) &&
                 !memcmp(value, value + KEY_LEN, KEY_LEN);
        at = value + VALUE_LEN + 2;
    }
    return false;
}

static bool memcached_take_load(struct buffer *in, size_t count)
{
    return take_bytes(in, count * strlen("STORED\r\n"));
}

static const struct many_protocol protocols[] = {
    {.name = "protobuf",
     .put_get = wire_get,
     .put_load = wire_load,
     .take_get = wire_take,
     .take_load = wire_take_load},
    {.name = "redis",
     .put_get = redis_get,
     .put_load = redis_load,
     .take_get = redis_take,
     .take_load = redis_take_load},
    {.name = "memcached",
     .put_get = memcached_get,
     .put_load = memcached_load,
     .take_get = memcached_take,
     .take_load = memcached_take_load},
};

/* --- the run -------------------------------------------------------------- */

static int open_socket(const char *port)
{
    const int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
    };
    int sock = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(sock >= 0);
    CHECK(!setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    CHECK(!connect(sock, (struct sockaddr *)&address, sizeof address));
    return sock;
}

static void send_all(int sock, struct buffer *out)
{
    while (buffer_len(out)) {
        struct slice bytes = buffer_peek(out);
        ssize_t sent = send(sock, bytes.data, bytes.len, MSG_NOSIGNAL);
        CHECK(sent > 0);
        buffer_consume(out, (size_t)sent);
    }
}

static void read_more(int sock, struct buffer *in)
{
    enum { ROOM = 64 * 1024 };
    char *room = buffer_reserve(in, ROOM);
    CHECK(room);
    ssize_t got = recv(sock, room, ROOM, 0);
    CHECK(got > 0);
    buffer_commit(in, (size_t)got);
}

static void load(struct many *many)
{
    for (uint64_t from = 0; from < many->keys; from += LOAD_STEP) {
        uint64_t left = many->keys - from;
        size_t count = left < LOAD_STEP ? (size_t)left : LOAD_STEP;
        many->protocol->put_load(&many->out, from, count);
        send_all(many->socks[0], &many->out);
        while (!many->protocol->take_load(&many->in, count)) {
            read_more(many->socks[0], &many->in);
        }
    }
}

/* One request on each connection, and its answer. */
static void turn(struct many *many)
{
    for (size_t i = 0; i < many->connections; i++) {
        uint64_t *asked = many->asked + i * many->batch;
        for (size_t k = 0; k < many->batch; k++) {
            asked[k] = zipf_next(&many->zipf, &many->random);
        }
        many->protocol->put_get(&many->out, asked, many->batch);
        send_all(many->socks[i], &many->out);
    }
    for (size_t i = 0; i < many->connections; i++) {
        const uint64_t *asked = many->asked + i * many->batch;
        while (!many->protocol->take_get(&many->in, asked, many->batch,
                                         &many->hits)) {
            read_more(many->socks[i], &many->in);
        }
        CHECK(buffer_len(&many->in) == 0);
        many->requests++;
    }
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void run_for(struct many *many, double seconds)
{
    double end = now_s() + seconds;
    many->requests = 0;
    many->hits = 0;
    while (now_s() < end) {
        turn(many);
    }
}

static void measure(struct many *many, pid_t pid, double seconds)
{
    struct process_usage before, after;
    run_for(many, seconds / 4);
    CHECK(process_look(pid, &before));
    run_for(many, seconds);
    CHECK(process_look(pid, &after));
    double cpu_us = (after.cpu_s - before.cpu_s) * 1e6;
    printf("{\"requests\": %" PRIu64 ", \"cpu_us\": %.4f, \"hit_percent\": "
           "%.3f}\n",
           many->requests, cpu_us / (double)many->requests,
           100.0 * (double)many->hits / (double)(many->requests * many->batch));
}

static const struct many_protocol *find_protocol(const char *name)
{
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        if (!strcmp(protocols[i].name, name)) {
            return &protocols[i];
        }
    }
    fprintf(stderr, "bench_many: there is no protocol %s\n", name);
    exit(2);
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        fprintf(stderr, "bench_many PROTOCOL PORT PID KEYS BATCH CONNECTIONS "
                        "SECONDS\n");
        return 2;
    }
    struct many many = {
        .protocol = find_protocol(argv[1]),
        .keys = strtoull(argv[4], NULL, 10),
        .batch = strtoull(argv[5], NULL, 10),
        .connections = strtoull(argv[6], NULL, 10),
    };
    many.socks = calloc(many.connections, sizeof *many.socks);
    many.asked = calloc(many.connections * many.batch, sizeof *many.asked);
    CHECK(many.socks && many.asked);
    for (size_t i = 0; i < many.connections; i++) {
        many.socks[i] = open_socket(argv[2]);
    }
    random_init(&many.random, 1, 1);
    zipf_init(&many.zipf, many.keys, 0.99);
    load(&many);
    measure(&many, (pid_t)strtol(argv[3], NULL, 10), strtod(argv[7], NULL));
    for (size_t i = 0; i < many.connections; i++) {
        close(many.socks[i]);
    }
    buffer_fini(&many.out);
    buffer_fini(&many.in);
    free(many.socks);
    free(many.asked);
    return 0;
}
