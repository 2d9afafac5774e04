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

/* Who wants the room: what a bank's reserve needs is not evicted for all. And
 * whether it was looked for so long that hits do not count any more. */
enum {
    JOB_FOR_ALL = 0,
    JOB_FOR_OWNER = 1,
    JOB_IN_HASTE = 2 /* beside one of them */
};

/* Steps with nothing won after which a put is in haste: it has gone through
 * more than two of the largest segments then. */
enum { JOB_PATIENCE = 512 };

/* Goes on with the job of `space`, or begins to evict, for some `items`,
 * unless another thread does. No lock may be held. */
enum job_progress job_evict(struct space *space, size_t items, unsigned cause);

/* Goes on with the job of `space`, or looks for one, for some `items`. False
 * when nothing is worth doing now. */
bool job_tidy(struct space *space, size_t items);

#endif
