/* The signals that the program answers, as events of a loop. */
#ifndef CACHESERVER_LOOP_SIGNALS_H
#define CACHESERVER_LOOP_SIGNALS_H

#include "base/status.h"

#include <uv.h>

struct loop;

enum { SIGNALS_COUNT = 3 };

/* `number` is SIGINT, SIGTERM or SIGHUP. Loop thread. */
typedef void (*signals_fn)(void *arg, int number);

/* Lives in its owner. */
struct signals {
    uv_signal_t handles[SIGNALS_COUNT];
    signals_fn on_signal;
    void *arg;
};

/* Listens for SIGINT, SIGTERM and SIGHUP on `loop`. STATUS_UNAVAILABLE when
 * the system refuses. */
enum status signals_open(struct signals *signals, struct loop *loop,
                         signals_fn on_signal, void *arg);

/* Stops listening; the memory is free when the loop has run. May be said
 * again. */
void signals_close(struct signals *signals);

#endif
