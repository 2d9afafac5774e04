/* When memory that readers may still look at can be used again. Readers take
 * no lock: they say when they begin to look and when they have stopped.
 * Whoever takes something out of reach retires it; it is released two epochs
 * later, when nobody who could have seen it still looks. (Fraser, "Practical
 * lock-freedom", 2004, section 5.2.3.)
 *
 * A thread that looks for long holds all releases up: a worker enters for a
 * turn of its loop and leaves before it waits. */
#ifndef CACHESERVER_STORE_EPOCH_H
#define CACHESERVER_STORE_EPOCH_H

#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct epochs;
struct retired;

/* *Takes* what `retired` is part of. Runs on the thread that calls
 * epochs_release(), without any lock. */
typedef void (*retired_release_fn)(struct retired *retired, void *arg);

/* Part of whatever is retired. */
struct retired {
    struct list link;
    uint64_t epoch;
    retired_release_fn release;
};

/* *Gives* epochs whose releases get `arg`; NULL without memory. */
struct epochs *epochs_create(void *arg);

/* *Takes* them; releases all that is retired. No thread may be inside, nor
 * be just ending that ever was. */
void epochs_free(struct epochs **epochs);

/* Any thread. Between the two what is reached through the structures that
 * these epochs guard stays where it is. May be nested; cheap when nested. A
 * thread's first enter may allocate; false without memory, and then it is
 * not inside. Must not end inside. */
bool epochs_enter(struct epochs *epochs);
void epochs_leave(struct epochs *epochs);

/* For a thread that must wait for a release and may be inside: leaves, however
 * often it has entered, and enters as often again. What it has found before
 * the one may be gone after the other. */
unsigned epochs_pause(struct epochs *epochs);
void epochs_resume(struct epochs *epochs, unsigned depth);

/* Any thread: *takes* what `retired` is part of, which no reader can reach
 * any more who enters from now on. */
void epochs_retire(struct epochs *epochs, struct retired *retired,
                   retired_release_fn release);

/* Any one thread at a time, not inside: moves the epoch on if everybody has
 * seen it, and releases up to `count` of what is due, oldest first. With
 * nobody inside, the second call after something was retired finds it due.
 * Answers whether more is due now. */
bool epochs_release(struct epochs *epochs, size_t count);

/* Whether anything is retired and not released; for tests and for those who
 * wait for memory. Any thread. */
bool epochs_have_retired(struct epochs *epochs);

#endif
