/* A load with a fixed number of requests in flight on each connection.
 *
 *     bench_load PORT REQUEST ANSWER CONNECTIONS DEPTH COUNT
 *
 * REQUEST and ANSWER are files with the bytes of one request and of its
 * answer. Sends COUNT requests in all, holds every answer against ANSWER, and
 * prints `requests seconds`. Ends with status 1 at the first wrong byte. */
#include "base/check.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { ROOM_LEN = 256 * 1024, FILE_MAX = 64 * 1024 };

struct bytes {
    char *data;
    size_t len;
};

struct connection {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    bool is_writing;
    size_t to_send; /* requests that may be sent and are not */
    size_t at;      /* bytes of the next answer that have come */
};

static struct bytes request; /* DEPTH copies, one after another */
static struct bytes answer;
static size_t request_one_len;
static size_t depth;
static uint64_t unsent; /* requests not handed to any connection */
static uint64_t unanswered;
static char room[ROOM_LEN];

static struct bytes read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    struct bytes bytes = {memory_alloc_or_die(FILE_MAX), 0};
    bytes.len = fread(bytes.data, 1, FILE_MAX, file);
    fclose(file);
    CHECK(bytes.len > 0);
    return bytes;
}

static void repeat_request(const struct bytes *one)
{
    request_one_len = one->len;
    request.len = one->len * depth;
    request.data = memory_alloc_or_die(request.len);
    for (size_t i = 0; i < depth; i++) {
        memcpy(request.data + i * one->len, one->data, one->len);
    }
}

static void send_next(struct connection *connection);

static void on_written(uv_write_t *write, int error)
{
    struct connection *connection = write->data;
    CHECK(error == 0 || error == UV_ECANCELED);
    connection->is_writing = false;
    if (!error) {
        send_next(connection);
    }
}

static void send_next(struct connection *connection)
{
    size_t count = connection->to_send;
    if (connection->is_writing || count == 0 || unsent == 0) {
        return;
    }
    count = count < unsent ? count : (size_t)unsent;
    unsent -= count;
    connection->to_send -= count;
    uv_buf_t out =
        uv_buf_init(request.data, (unsigned)(count * request_one_len));
    uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
    int sent = uv_try_write(stream, &out, 1);
    size_t done = sent > 0 ? (size_t)sent : 0;
    if (done < out.len) {
        connection->is_writing = true;
        connection->write.data = connection;
        uv_buf_t rest =
            uv_buf_init(out.base + done, (unsigned)(out.len - done));
        CHECK(uv_write(&connection->write, stream, &rest, 1, on_written) == 0);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(room, sizeof room);
}

/* Holds `len` bytes against the answer; answers how many were ended. */
static size_t count_answers(struct connection *connection, const char *data,
                            size_t len)
{
    size_t count = 0;
    while (len > 0) {
        size_t part = answer.len - connection->at;
        part = part < len ? part : len;
        if (memcmp(data, answer.data + connection->at, part) != 0) {
            fprintf(stderr, "a wrong answer: %.*s\n", (int)len, data);
            exit(EXIT_FAILURE);
        }
        data += part;
        len -= part;
        connection->at += part;
        if (connection->at == answer.len) {
            connection->at = 0;
            count++;
        }
    }
    return count;
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct connection *connection = stream->data;
    if (len < 0) {
        fprintf(stderr, "the connection ended: %s\n", uv_strerror((int)len));
        exit(EXIT_FAILURE);
    }
    size_t count = count_answers(connection, buf->base, (size_t)len);
    CHECK(count <= unanswered);
    unanswered -= count;
    connection->to_send += count;
    if (unanswered == 0) {
        uv_stop(stream->loop);
        return;
    }
    send_next(connection);
}

static void on_connect(uv_connect_t *connect, int error)
{
    if (error) {
        fprintf(stderr, "cannot connect: %s\n", uv_strerror(error));
        exit(EXIT_FAILURE);
    }
    struct connection *connection = connect->data;
    uv_tcp_nodelay(&connection->tcp, 1);
    uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read);
    connection->to_send = depth;
    send_next(connection);
}

static void open_connection(uv_loop_t *loop, struct connection *connection,
                            int port)
{
    struct sockaddr_in address;
    uv_ip4_addr("127.0.0.1", port, &address);
    uv_tcp_init(loop, &connection->tcp);
    connection->tcp.data = connection;
    connection->connect.data = connection;
    CHECK(uv_tcp_connect(&connection->connect, &connection->tcp,
                         (struct sockaddr *)&address, on_connect) == 0);
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: bench_load PORT REQUEST ANSWER CONNECTIONS "
                        "DEPTH COUNT\n");
        return EXIT_FAILURE;
    }
    struct bytes one = read_file(argv[2]);
    answer = read_file(argv[3]);
    size_t count = strtoul(argv[4], NULL, 10);
    depth = strtoul(argv[5], NULL, 10);
    unsent = strtoull(argv[6], NULL, 10);
    unanswered = unsent;
    CHECK(count > 0 && depth > 0 && unsent > 0);
    repeat_request(&one);
    uv_loop_t *loop = uv_default_loop();
    struct connection *connections =
        memory_alloc_or_die(count * sizeof *connections);
    uint64_t start = uv_hrtime();
    for (size_t i = 0; i < count; i++) {
        open_connection(loop, &connections[i], atoi(argv[1]));
    }
    uv_run(loop, UV_RUN_DEFAULT);
    printf("%s %.6f\n", argv[6], (double)(uv_hrtime() - start) / 1e9);
    return EXIT_SUCCESS;
}
