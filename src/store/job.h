/* Going through a segment's items, some at a time: evicting those that
 * nobody asks for, compacting what has become sparse, taking out what is
 * over. Any thread; one job at a time for a space. */
#ifndef CACHESERVER_STORE_JOB_H
#define CACHESERVER_STORE_JOB_H

#include <stdbool.h>
#include <stddef.h>

struct space;

enum job_progress {
    JOB_DONE,   /* it went on */
    JOB_BUSY,   /* another thread is at it */
    JOB_NOTHING /* there is nothing to evict, or that may be */
};

/* Who wants the room. What a bank's reserve needs is not evicted for all. */
enum job_cause { JOB_FOR_ALL, JOB_FOR_OWNER };

enum {
    JOB_STEP = 64,     /* items that a put goes through at once, and ... */
    JOB_PATIENCE = 512 /* ... so many times, which is more than two of the
                          largest segments, before hits do not count any more */
};

/* Goes on with the job of `space`, or begins to evict, for some `items`,
 * unless another thread does. No lock may be held. */
enum job_progress job_evict(struct space *space, size_t items,
                            enum job_cause cause);

/* The same for a put that has no room, and has called this `tries` times. */
enum job_progress job_evict_for_put(struct space *space, unsigned tries,
                                    enum job_cause cause);

/* How often a put calls it before it gives up. */
enum { JOB_TRIES = 4096 };

/* Goes on with the job of `space`, or looks for one, for some `items`. False
 * when nothing is worth doing now. */
bool job_tidy(struct space *space, size_t items);

#endif
