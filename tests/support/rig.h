/* A server in the test's own process, on a free port of 127.0.0.1, and
 * blocking clients for it. Its engine answers late and out of order when
 * that is asked for. */
#ifndef CACHESERVER_TESTS_SUPPORT_RIG_H
#define CACHESERVER_TESTS_SUPPORT_RIG_H

#include "base/slice.h"
#include "core/limits.h"
#include "loop/mailbox.h"

#include <stdbool.h>
#include <stdint.h>

struct rig_options {
    bool is_late;         /* the engine answers late */
    uint64_t seed;        /* of its order */
    unsigned workers;     /* 0 is one */
    struct limits limits; /* zero fields are as configured by default */
};

/* Lives in the test. */
struct rig {
    struct loop *loop;
    struct mailbox mailbox;
    struct mail stop;
    struct store *store;
    struct server *server;
    struct rig_options options;
    int port;
};

/* Starts the server; ends the program when that fails. */
void rig_start(struct rig *rig, const struct rig_options *options);

/* Ends it as a signal would, and frees everything. */
void rig_stop(struct rig *rig);

/* A connected blocking socket that gives up after 20 s. */
int rig_connect(const struct rig *rig);

/* Sends all of `bytes`. */
void rig_send(int fd, struct slice bytes);

/* Reads until `room` is full or the peer ends; answers how many bytes. */
size_t rig_read(int fd, char *room, size_t len);

#endif
