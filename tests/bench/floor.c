/* A libuv server that does nothing: for every so many bytes that it reads it
 * writes the bytes of a file, without looking at what it read. What it costs
 * is what the kernel and the loop cost; no server on libuv can be cheaper.
 *
 *     bench_floor REQUEST_BYTES ANSWER_FILE
 *
 * Prints the port that it listens on, and serves until it is ended. */
#include "base/check.h"
#include "base/memory.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

enum { ROOM_LEN = 64 * 1024, ANSWERS_LEN = 1024 * 1024 };

static size_t request_len;
static size_t answer_len;
static char room[ROOM_LEN];
static char answers[ANSWERS_LEN];

struct client {
    uv_tcp_t tcp;
    size_t rest; /* bytes read of a request that is not whole */
};

static void on_closed(uv_handle_t *handle)
{
    memory_free(handle->data);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(room, sizeof room);
}

static void on_written(uv_write_t *write, int error)
{
    (void)error;
    memory_free(write);
}

static void send_answers(struct client *client, size_t count)
{
    CHECK(count * answer_len <= sizeof answers);
    uv_buf_t out = uv_buf_init(answers, (unsigned)(count * answer_len));
    int sent = uv_try_write((uv_stream_t *)&client->tcp, &out, 1);
    size_t done = sent > 0 ? (size_t)sent : 0;
    if (done < out.len) {
        out = uv_buf_init(answers + done, (unsigned)(out.len - done));
        uv_write(memory_alloc_or_die(sizeof(uv_write_t)),
                 (uv_stream_t *)&client->tcp, &out, 1, on_written);
    }
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    (void)buf;
    struct client *client = stream->data;
    if (len < 0) {
        uv_close((uv_handle_t *)stream, on_closed);
        return;
    }
    client->rest += (size_t)len;
    size_t count = client->rest / request_len;
    client->rest -= count * request_len;
    if (count) {
        send_answers(client, count);
    }
}

static void on_connection(uv_stream_t *listener, int error)
{
    CHECK(error == 0);
    struct client *client = memory_alloc_or_die(sizeof *client);
    uv_tcp_init(listener->loop, &client->tcp);
    client->tcp.data = client;
    CHECK(uv_accept(listener, (uv_stream_t *)&client->tcp) == 0);
    uv_tcp_nodelay(&client->tcp, 1);
    uv_read_start((uv_stream_t *)&client->tcp, on_alloc, on_read);
}

/* Fills `answers` with the content of the file, over and over. */
static void read_answer(const char *path)
{
    FILE *file = fopen(path, "rb");
    CHECK(file);
    answer_len = fread(answers, 1, sizeof answers, file);
    fclose(file);
    CHECK(answer_len > 0);
    for (size_t i = answer_len; i < sizeof answers; i++) {
        answers[i] = answers[i - answer_len];
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: bench_floor REQUEST_BYTES ANSWER_FILE\n");
        return EXIT_FAILURE;
    }
    request_len = strtoul(argv[1], NULL, 10);
    CHECK(request_len > 0);
    read_answer(argv[2]);
    uv_tcp_t listener;
    struct sockaddr_in address;
    int address_len = sizeof address;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(uv_default_loop(), &listener);
    CHECK(uv_tcp_bind(&listener, (struct sockaddr *)&address, 0) == 0);
    CHECK(uv_listen((uv_stream_t *)&listener, 1024, on_connection) == 0);
    uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &address_len);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
