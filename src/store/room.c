/* A put that finds no room evicts a little and looks again. What it evicts is
 * free only when all readers have left it; so what waits for them is not
 * counted, unless it has become much: then the put waits, too. */
#include "store/room.h"

#include "store/commons.h"
#include "store/epoch.h"
#include "store/job.h"
#include "store/spaces.h"
#include "store/wreck.h"

#include <sched.h>

enum {
    AHEAD_STEP = 256,    /* items that room_evict_ahead() goes through */
    RELEASE_STEP = 64,   /* retired blocks at once */
    RELEASE_FEW = 2,     /* and while a put waits */
    FREE_SHARE = 64,     /* one part in so many is kept free ... */
    BORROW_SHARE = 32,   /* blocks that readers may hold up: that part
                            of the limit ... */
    BORROW_MIN = 4 << 20 /* ... and so many bytes */
};

#define FREE_MAX ((uint64_t)64 << 20) /* ... but at most this */

void room_init(struct room *room, struct commons *commons,
               struct spaces *spaces, struct wreck_list *wrecks)
{
    *room =
        (struct room){.commons = commons, .spaces = spaces, .wrecks = wrecks};
    pthread_mutex_init(&room->release_lock, NULL);
}

void room_fini(struct room *room)
{
    pthread_mutex_destroy(&room->release_lock);
}

/* Up to `count` of what readers have left and, as `work` does, a piece of what
 * resets have. */
static bool release(struct room *room, size_t count,
                    bool (*work)(struct wreck_list *list))
{
    if (pthread_mutex_trylock(&room->release_lock)) {
        return false;
    }
    bool has_more = epochs_release(room->commons->epochs, count);
    has_more = work(room->wrecks) || has_more;
    pthread_mutex_unlock(&room->release_lock);
    return has_more;
}

bool room_release(struct room *room)
{
    return release(room, RELEASE_STEP, wreck_list_work);
}

static uint64_t leaving_of(const struct commons *commons)
{
    return atomic_load_explicit(&commons->leaving, memory_order_relaxed);
}

static bool is_over(const struct commons *commons, uint64_t needed)
{
    return commons->memory_max &&
           commons_used(commons) + needed > commons->memory_max;
}

/* What waits for readers to leave is soon free, but may not become much. */
static bool is_owed_much(const struct commons *commons, uint64_t needed)
{
    uint64_t leaving = leaving_of(commons);
    uint64_t borrowed_max = commons->memory_max / BORROW_SHARE + BORROW_MIN;
    return leaving > borrowed_max &&
           is_over(commons, needed + leaving - borrowed_max);
}

/* Evicts a little, unless that is no help because enough is on its way out;
 * false when there is nothing left to evict nor to wait for. */
static bool evict_some(struct room *room, uint64_t needed, unsigned tries)
{
    struct commons *commons = room->commons;
    if (!is_over(commons, needed)) {
        sched_yield();
        return true;
    }
    if (!epochs_enter(commons->epochs)) {
        return false;
    }
    struct space *space = spaces_greediest(room->spaces);
    bool has_evicted =
        space && job_evict_for_put(space, tries, JOB_FOR_ALL) == JOB_DONE;
    epochs_leave(commons->epochs);
    if (!has_evicted) {
        sched_yield();
    }
    return space || leaving_of(commons) > 0;
}

static bool has_room(const struct commons *commons, uint64_t needed)
{
    return !is_over(commons, needed) && !is_owed_much(commons, needed);
}

/* Evicts a little at a time until `needed` bytes are free; false when there
 * is nothing left to evict, or what is there is needed. What others are about
 * to free counts as free after a while: a put does not fail because a thread
 * that is at it does not get on. */
static bool evict_for(struct room *room, uint64_t needed)
{
    const struct commons *commons = room->commons;
    for (unsigned tries = 0; tries < JOB_TRIES && !has_room(commons, needed);
         tries++) {
        release(room, RELEASE_FEW, wreck_list_hurry);
        if (!evict_some(room, needed, tries)) {
            return !is_over(commons, needed);
        }
    }
    return true;
}

bool room_is_short(const struct room *room, uint64_t needed)
{
    return room->commons->memory_max && !has_room(room->commons, needed);
}

/* A session that waited for memory inside the epochs would hold up what it
 * waits for. */
bool room_make(struct room *room, uint64_t needed)
{
    struct commons *commons = room->commons;
    if (needed > commons->memory_max) {
        return false;
    }
    unsigned depth = epochs_pause(commons->epochs);
    bool has_made = evict_for(room, needed);
    epochs_resume(commons->epochs, depth);
    return has_made;
}

static uint64_t free_wanted(const struct commons *commons)
{
    uint64_t share = commons->memory_max / FREE_SHARE;
    return share < FREE_MAX ? share : FREE_MAX;
}

bool room_is_low(const struct room *room)
{
    return is_over(room->commons, free_wanted(room->commons));
}

bool room_evict_ahead(struct room *room)
{
    if (!room_is_low(room)) {
        return false;
    }
    struct space *space = spaces_greediest(room->spaces);
    return space && job_evict(space, AHEAD_STEP, JOB_FOR_ALL) == JOB_DONE;
}
