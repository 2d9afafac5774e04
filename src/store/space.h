/* Where items lie: segments in two queues, small and main, from which the
 * items that nobody asks for leave (S3-FIFO: Yang et al., "FIFO queues are
 * all you need for cache eviction", SOSP 2023, with segments in the stead of
 * single items). A bank of some size has a space of its own; the small ones
 * share one.
 *
 *     new ------> [open] small ... ------ asked for again? --> main
 *                                    \--- else: out, remembered as a ghost
 *     ghost ----> [open] main  ... ------ asked for again? --> main's end
 *                                    \--- else: out
 *
 * Lock order: a space's job lock, a bank's lock, a space's lock. */
#ifndef CACHESERVER_STORE_SPACE_H
#define CACHESERVER_STORE_SPACE_H

#include "base/list.h"
#include "base/status.h"
#include "store/latency.h"
#include "store/arena.h"
#include "store/epoch.h"
#include "store/ghost.h"
#include "store/index.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bank;
struct commons;
struct item;

enum space_queue { SPACE_SMALL, SPACE_MAIN, SPACE_QUEUE_COUNT };

enum segment_state { SEGMENT_OPEN, SEGMENT_SEALED, SEGMENT_LEAVING };

/* The arena's descriptor of a block. `live` may be changed by anyone who
 * holds the lock of the bank whose item it is; the rest is the space's lock's.
 * `pins` are writers who have reserved room and not published their item. */
struct segment {
    struct list link; /* in the queue */
    struct space *space;
    struct retired retired;
    uint64_t place;        /* the first */
    uint64_t check_at_ms;  /* when its items' lifetimes are worth a look */
    uint32_t used;         /* bytes filled from its start */
    _Atomic uint32_t live; /* bytes of them that are items in use */
    _Atomic uint32_t pins;
    uint8_t class;
    uint8_t queue;
    uint8_t state;
    bool is_begun; /* eviction has: what is left in it goes next */
};

enum space_job_kind { SPACE_IDLE, SPACE_EVICT, SPACE_COMPACT, SPACE_EXPIRE };

enum { SPACE_END_BINS = 41 };

/* A segment that is gone through, some items at a time: to empty it, or to
 * take out what is over. One at a time for a space. */
struct space_job {
    enum space_job_kind kind;
    struct segment *segment;
    uint32_t at;    /* bytes of it that are done with */
    uint32_t end;   /* where it ends */
    uint32_t lent;  /* evict: bytes of items that stay without a hit */
    bool is_owners; /* evict: for the owner's limits */
    uint64_t began_ms;
    uint32_t bins[SPACE_END_BINS]; /* expire: bytes by how long they last,
                                      in powers of two of milliseconds */
};

struct space {
    struct commons *commons;
    struct bank *owner;          /* NULL: several banks' */
    struct list link;            /* in the store's list of spaces */
    struct index_tour gathering; /* the owner's lock's, see bank_gather() */

    pthread_mutex_t job_lock;
    struct space_job job;

    pthread_mutex_t lock;                  /* of all below */
    struct list queues[SPACE_QUEUE_COUNT]; /* segments, oldest first */
    struct segment *open[SPACE_QUEUE_COUNT][ARENA_CLASS_COUNT];
    _Atomic uint64_t bytes[SPACE_QUEUE_COUNT]; /* of blocks */
    _Atomic uint64_t large_bytes;              /* of values beside them */
    struct ghost ghost;
    size_t ghost_charged;
    uint64_t remembered_len; /* the mean of late, in GHOST_LEN_UNIT-ths */
    struct segment *walk;    /* where the search for work goes on */
    uint64_t check_at_ms;    /* no segment is worth a look before */
    uint64_t walk_check_ms;  /* the least of those that the walk has passed */
    _Atomic bool has_sparse; /* some segment may have become worth it */
    struct latency latency;  /* of operations on the owner */
};

/* *Gives* an empty space; NULL without memory. */
struct space *space_create(struct commons *commons, struct bank *owner);

/* *Takes* a space whose segments are all gone. */
void space_free(struct space **space);

/* Reserves room for `item` in `queue`, writes its head, and pins the segment.
 * With the bank's lock held. STATUS_NOMEM when the arena has no block. */
enum status space_reserve(struct space *space, enum space_queue queue,
                          const struct item *item, uint32_t bank_id,
                          uint64_t *place);

/* The item at `place`, which ends at `end_ms`, is in the index, or it never
 * will be and was forgotten. */
void space_publish(struct commons *commons, uint64_t place, uint64_t end_ms);

/* The item of `len` bytes at `place` is not in the index any more. */
void space_forget(struct commons *commons, uint64_t place, uint32_t len);

/* Which queue a new key with `hash` goes to; forgets it as a ghost. */
enum space_queue space_queue_of(struct space *space, uint64_t hash);

/* A key was evicted whose item had `len` bytes. */
void space_remember(struct space *space, uint64_t hash, uint64_t len);

/* Makes the ghost fit for a bank or banks of `entries`: for nine tenths of as
 * many, or of as many as would fill the space if they were as long as those
 * that are remembered, if that is fewer. */
void space_size_ghost(struct space *space, size_t entries);

/* The bytes of its blocks. Any thread. */
uint64_t space_used(const struct space *space);

/* With those of large values: what eviction can win. Any thread. */
uint64_t space_weight(const struct space *space);

/* Large values have come or gone. With their bank's lock held. */
void space_count_large(struct space *space, uint64_t more, uint64_t less);

/* With the job lock held. Takes the segment that eviction comes to next out
 * of its queue; NULL without one. */
struct segment *space_take_oldest(struct space *space);

/* With the job lock held. Looks at some segments for one that is worth
 * compacting, which it takes out of its queue, or whose items' lifetimes are
 * worth a look, which stays; says which. NULL when it found none, and whether
 * `is_through` all of them. */
struct segment *space_find_work(struct space *space, uint64_t now_ms,
                                enum space_job_kind *kind, bool *is_through);

/* The bytes that are filled from its start. */
uint32_t space_filled(struct segment *segment);

/* An item of `segment` ends at `end_ms`. */
void space_note_end(struct segment *segment, uint64_t end_ms);

/* *Takes* `segment`, which is in no queue, back as the newest of its own if
 * items of it are still there; answers whether it did. */
bool space_put_back(struct segment *segment);

/* The same as the oldest of its queue, whose eviction is not needed now. */
bool space_put_back_oldest(struct segment *segment);

/* *Takes* `segment`, which is in no queue and whose items are all gone; its
 * block is free when no reader can be in it. */
void space_retire(struct segment *segment);

/* *Takes* `segment`, which was detached, and which no reader can be in. */
void space_return(struct commons *commons, struct segment *segment);

/* Moves all segments to `all`, by their links; the space is empty and has no
 * job; their bytes are leaving. With the job lock and the owner's lock held. */
void space_detach(struct space *space, struct list *all);

/* The segment that `place` lies in. Any thread. */
struct segment *segment_of(const struct commons *commons, uint64_t place);

#endif
