/* The protocols that a load can speak. Requests are encoded once, into a
 * stencil, and copied from there with their key and value left blank; answers
 * are read where they lie. To add a protocol: a file protocol_<name>.c that
 * fills a `struct protocol`, and a line in protocol.c. Any thread; a stencil
 * is only read once it is made. */
#ifndef CACHESERVER_CLIENTS_BENCH_PROTOCOL_H
#define CACHESERVER_CLIENTS_BENCH_PROTOCOL_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROTOCOL_BANK_MAX = 64,
    PROTOCOL_PIECE_MAX = 1024,

    /* A request has at most so many bytes beside its value. */
    PROTOCOL_REQUEST_MAX = 2 * PROTOCOL_PIECE_MAX,

    /* Where there are ids they are below this. */
    PROTOCOL_IDS = 16384
};

/* Bytes of requests that are always the same, save the key at `key_at`. */
struct piece {
    size_t len;
    size_t key_at;
    char bytes[PROTOCOL_PIECE_MAX];
};

/* What the requests of a run have in common. */
struct stencil {
    struct piece get;
    struct piece set;    /* up to the value, or its length */
    struct piece middle; /* what stands between the length and the value */
    struct piece end;    /* what follows the value */
    size_t answer_len;   /* floor only: of every answer */
};

/* What stencils are made of. */
struct stencil_options {
    const char *bank; /* printable ASCII without " and \, for those that have
                         banks; PROTOCOL_BANK_MAX bytes at most */
    size_t key_len;
    uint64_t lifetime_ms; /* 0: for ever */
    size_t request_len;   /* floor only */
    size_t answer_len;
};

/* A request that was written: its length, and where its key and its value
 * are to be put. */
struct blank {
    size_t len;
    size_t key_at;
    size_t value_at;
};

enum answer_kind {
    ANSWER_VALUE,  /* to a get; `text` is the value */
    ANSWER_MISS,   /* to a get */
    ANSWER_STORED, /* to a set */
    ANSWER_ERROR,  /* to either; `text` says why */
    ANSWER_ANY     /* from a server that does nothing */
};

/* An answer. `text` borrows from the bytes that were read. */
struct answer {
    enum answer_kind kind;
    uint64_t id; /* where there are ids */
    size_t len;  /* of the whole answer */
    struct slice text;
};

enum decode {
    DECODE_READY, /* an answer */
    DECODE_MORE,  /* the start of one, or nothing */
    DECODE_BAD    /* something else */
};

struct protocol {
    const char *name;
    const char *what; /* in a few words, for --help */
    unsigned port;    /* where servers listen unless told otherwise */
    bool has_ids;     /* answers may overtake each other */

    /* Fills `stencil`, which is all zero. */
    void (*prepare)(struct stencil *stencil,
                    const struct stencil_options *options);

    /* Each writes a request to `out`, which has room for PROTOCOL_REQUEST_MAX
     * bytes and the value, and tells in `blank` what is still to be put in.
     * `id` is 1 .. PROTOCOL_IDS - 1. */
    void (*put_get)(const struct stencil *stencil, uint64_t id, char *out,
                    struct blank *blank);
    void (*put_set)(const struct stencil *stencil, uint64_t id,
                    size_t value_len, char *out, struct blank *blank);

    /* Reads the answer that `bytes` begin with; on READY it is in `answer`. */
    enum decode (*read)(const struct stencil *stencil, struct slice bytes,
                        struct answer *answer);
};

extern const struct protocol protocol_wire;
extern const struct protocol protocol_json;
extern const struct protocol protocol_memcached;
extern const struct protocol protocol_meta;
extern const struct protocol protocol_redis;
extern const struct protocol protocol_floor;

/* All of them, ended by NULL. */
extern const struct protocol *const protocols[];

/* The protocol called `name`; NULL when there is none. */
const struct protocol *protocol_find(struct slice name);

/* For those who write protocols. Each appends to `piece`, which has room: text
 * as printf prints it, or room for a key. */
void piece_add(struct piece *piece, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void piece_add_key(struct piece *piece, size_t key_len);

/* For those who write protocols: put_get without an id, and put_set without
 * one where the value's length stands before it in decimal digits. */
void protocol_put_get(const struct stencil *stencil, uint64_t id, char *out,
                      struct blank *blank);
void protocol_put_set(const struct stencil *stencil, uint64_t id,
                      size_t value_len, char *out, struct blank *blank);

/* For those who write protocols. Reads digits from `text` up to a CR LF: READY,
 * and `number` and how many bytes it all took; BAD for anything else and beyond
 * INT32_MAX. */
enum decode protocol_read_number(struct slice text, uint64_t *number,
                                 size_t *len);

/* For those who write protocols. Reads up to a CR LF; the line in `line` is
 * without it. */
enum decode protocol_read_line(struct slice text, struct slice *line);

#endif
