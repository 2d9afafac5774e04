/* One thread with one libuv loop. What lives on a loop is touched by its
 * thread only; the way in from outside is a mailbox (loop/mailbox.h). */
#ifndef CACHESERVER_LOOP_LOOP_H
#define CACHESERVER_LOOP_LOOP_H

#include "base/status.h"

#include <stdbool.h>
#include <uv.h>

struct loop;

/* *Gives* a loop that no thread runs yet; NULL when the system refuses. */
struct loop *loop_create(void);

/* *Takes* the loop. It must not run, and all its handles must be closed. */
void loop_free(struct loop **loop);

/* What the loop's handles are opened on. Before loop_start() any thread,
 * afterwards the loop's own. */
struct uv_loop_s *loop_uv(struct loop *loop);

/* Starts the thread, which runs until the loop has no active handle left.
 * STATUS_UNAVAILABLE when the system gives no thread. */
enum status loop_start(struct loop *loop);

/* Runs the loop on the caller's thread, in place of one of its own, until it
 * has no active handle left. */
void loop_run(struct loop *loop);

/* Waits until the thread has ended, if one was started. */
void loop_join(struct loop *loop);

/* Whether the caller is the loop's thread, or may act for it because none
 * was started. Any thread. */
bool loop_is_current(const struct loop *loop);

#endif
