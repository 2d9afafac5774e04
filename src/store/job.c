/* Who stays is told by hits since the item came, or since it was last looked
 * at here. What an item is worth is hits for the room that it takes; ranking
 * all of them by that would take an order. So an item some times as long as
 * the mean one just needs one hit more, or two; and one that is shorter than
 * half of it needs none to leave the small queue, and is lent hits for the
 * main one, up to three for an eighth. Together with a ghost that counts
 * bytes that is 0.6, 14 and 18 % fewer misses on a trace of disk blocks at
 * three sizes, and 11, 26 and 20 % on one of a web server; those without
 * sizes do not feel it. Short items that nobody asks for again take little
 * among long ones; where there are none, no more than half of a segment is
 * lent hits.
 *
 * One hit is enough for the others, where the paper has two. On eight traces
 * at three sizes two have 1 % more misses in the mean, 1.8 % fewer at best and
 * 8.5 % more at worst; choosing for each bank as it runs, by two miniature
 * caches, has 0.1 % fewer than one, and could not have had 0.2 % fewer. That
 * is not worth its code and its memory.
 *
 * Only what leaves the small queue is remembered. What leaves the main one
 * has had its time: its fingerprints would push out those of keys that were
 * hardly given any. */
#include "store/job.h"

#include "base/check.h"
#include "store/bank.h"
#include "store/commons.h"
#include "store/lifetime.h"
#include "store/wreck.h"

enum {
    LATE_MS = 250,
    LATE_LEN = 64 * 1024,
    MUCH_WORTH = 64,
    LONG = 4, /* times the mean */
    VERY_LONG = 16,
    SHORT = 2 /* parts of it */
};

/* What a job is called for. */
struct demand {
    enum job_cause cause;
    bool is_hasty;         /* hits do not count */
    size_t evictions_left; /* not more entries than so many */
};

/* One item that a job has come to, with its bank, which is locked. */
struct visit {
    struct space *space;
    struct bank *bank;
    struct bank_item found;
    uint64_t life;
    struct demand *demand;
    bool is_needed; /* by its bank's reserve, so it is not evicted ... */
    bool is_stuck;  /* ... but there is no room to move it to */
};

/* With the bytes of a large value. */
static uint64_t len_of(const struct item *item)
{
    return item->is_large ? item->value_len : item->len;
}

static void evict_item(struct visit *visit)
{
    if (visit->demand->cause == JOB_FOR_ALL &&
        bank_needs(visit->bank, &visit->found)) {
        enum space_queue queue = visit->space->job.segment->queue;
        uint32_t heat = item_heat(visit->found.at);
        visit->is_needed = true;
        visit->is_stuck = !bank_move(visit->bank, &visit->found, queue, heat);
        return;
    }
    bank_evict(visit->bank, &visit->found);
    visit->demand->evictions_left--;
    if (visit->space->job.segment->queue == SPACE_SMALL) {
        space_remember(visit->space, visit->found.hash,
                       len_of(&visit->found.item));
    }
}

/* What an item's length is, and that of the mean one of its bank. */
struct lengths {
    uint64_t own;
    uint64_t mean;
};

static struct lengths lengths_of(const struct visit *visit)
{
    return (struct lengths){len_of(&visit->found.item),
                            bank_mean_charge(visit->bank)};
}

/* The hits that an item needs to stay in the main queue. */
static uint32_t hits_needed(const struct lengths *lengths)
{
    return lengths->own <= LONG * lengths->mean        ? 1
           : lengths->own <= VERY_LONG * lengths->mean ? 2
                                                       : 3;
}

/* The hits that one is lent which comes there. Those of a segment in which
 * all are short would only be moved: half of it is the most. */
static uint32_t hits_lent(const struct visit *visit,
                          const struct lengths *lengths)
{
    const struct space_job *job = &visit->space->job;
    if (job->lent > job->end / 2) {
        return 0;
    }
    uint32_t hits = 0;
    for (uint64_t own = lengths->own * SHORT;
         own < lengths->mean && hits < ITEM_HEAT_MAX; own *= SHORT) {
        hits++;
    }
    return hits;
}

/* A small item that was asked for often enough, or is lent the hits, goes to
 * the main queue; a main one to its end, a little cooler. */
static bool keep(struct visit *visit)
{
    const struct lengths lengths = lengths_of(visit);
    struct space_job *job = &visit->space->job;
    bool is_small = job->segment->queue == SPACE_SMALL;
    uint32_t heat = item_heat(visit->found.at);
    uint32_t needed = hits_needed(&lengths);
    uint32_t lent = is_small ? hits_lent(visit, &lengths) : 0;
    if (heat < needed) {
        if (lent == 0) {
            return false;
        }
        job->lent += visit->found.item.len;
    }
    return bank_move(visit->bank, &visit->found, SPACE_MAIN,
                     is_small ? lent : heat - needed);
}

static void evict_or_keep(struct visit *visit)
{
    if (visit->demand->is_hasty || !keep(visit)) {
        evict_item(visit);
    }
}

static void compact_item(struct visit *visit)
{
    enum space_queue queue = visit->space->job.segment->queue;
    uint32_t heat = item_heat(visit->found.at);
    /* Without room it stays, and the segment with it. */
    (void)bank_move(visit->bank, &visit->found, queue, heat);
}

/* Counts how long the item still lasts, for when to look again. */
static void note_rest(struct visit *visit)
{
    struct space_job *job = &visit->space->job;
    uint64_t end = life_end(visit->life);
    if (end != LIFE_FOREVER) {
        uint64_t rest = end > job->began_ms ? end - job->began_ms : 1;
        job->bins[63 - __builtin_clzll(rest)] += visit->found.item.len;
    }
}

static void visit_item(struct visit *visit)
{
    visit->life = item_life(visit->found.at, &visit->found.item);
    if (life_is_over(visit->life, visit->space->job.began_ms)) {
        bank_expire(visit->bank, &visit->found,
                    commons_now(visit->space->commons));
        return;
    }
    switch (visit->space->job.kind) {
    case SPACE_EVICT:
        evict_or_keep(visit);
        break;
    case SPACE_COMPACT:
        compact_item(visit);
        break;
    case SPACE_EXPIRE:
        note_rest(visit);
        break;
    case SPACE_IDLE:
        UNREACHABLE("an idle space has no visitors");
    }
}

static struct bank *bank_of_item(const struct space *space, char *at,
                                 const struct item *item)
{
    struct commons *commons = space->commons;
    return space->owner
               ? space->owner
               : commons->find_bank(commons->banks, item_bank_id(at, item));
}

/* The next item of the job's segment. Answers how many small items' worth it
 * was: a large value's memory may be all that is wanted, and where one is
 * needed the next one is, too. 0 when it could not be dealt with. */
static size_t step(struct space *space, struct demand *demand)
{
    struct space_job *job = &space->job;
    struct visit visit = {.space = space, .demand = demand};
    uint64_t place = job->segment->place + job->at / ARENA_UNIT;
    char *at = arena_at(space->commons->base, place);
    struct item item;
    if (!item_read(at, &item)) {
        UNREACHABLE("a segment is items from its start to its end");
    }
    job->at += item.len;
    visit.bank = bank_of_item(space, at, &item);
    if (!visit.bank) {
        return 1;
    }
    pthread_mutex_lock(&visit.bank->lock);
    if (bank_has_item(visit.bank, place, &visit.found)) {
        visit_item(&visit);
    } else {
        wreck_forget_item(visit.bank, &visit.found);
    }
    pthread_mutex_unlock(&visit.bank->lock);
    if (visit.is_stuck) {
        job->at -= item.len;
        return 0;
    }
    return item.is_large || visit.is_needed ? MUCH_WORTH
                                            : bank_move_worth(item.len);
}

/* When to look again: when a sixteenth of the segment's bytes will be over,
 * and before the first that is over has been so for a second for each 64 KiB
 * that a look goes through. Rounded down to a power of two from now, so that
 * looks come closer and closer and none comes late. */
static uint64_t next_look(const struct space_job *job)
{
    uint64_t late_ms = LATE_MS * (uint64_t)job->end / LATE_LEN;
    uint64_t first_ms = 0;
    uint32_t due = 0;
    for (int bin = 0; bin < SPACE_END_BINS; bin++) {
        uint64_t rest_ms = UINT64_C(1) << bin;
        if (job->bins[bin] && !first_ms) {
            first_ms = rest_ms;
        }
        due += job->bins[bin];
        if (first_ms && (due > job->end / 16 || rest_ms > first_ms + late_ms)) {
            return job->began_ms + (rest_ms < first_ms + late_ms
                                        ? rest_ms
                                        : first_ms + late_ms);
        }
    }
    return LIFE_FOREVER;
}

static void end_job(struct space *space)
{
    struct space_job *job = &space->job;
    if (job->kind == SPACE_EXPIRE) {
        uint64_t at_ms = next_look(job);
        if (at_ms != LIFE_FOREVER) {
            space_note_end(job->segment, at_ms);
        }
    } else if (job->kind == SPACE_EVICT || !space_put_back(job->segment)) {
        space_retire(job->segment);
    }
    job->kind = SPACE_IDLE;
}

static void begin_job(struct space *space, enum space_job_kind kind,
                      struct segment *segment)
{
    space->job = (struct space_job){
        .kind = kind,
        .segment = segment,
        .end = space_filled(segment),
        .began_ms = commons_now(space->commons),
    };
}

/* With the job lock held; false when it cannot go on. */
static bool go_on(struct space *space, size_t items, struct demand *demand)
{
    struct space_job *job = &space->job;
    size_t worth = 1;
    while (worth > 0 && items > 0 && demand->evictions_left > 0 &&
           job->at < job->end) {
        worth = step(space, demand);
        items -= worth < items ? worth : items;
    }
    if (job->at >= job->end) {
        end_job(space);
    }
    return worth > 0;
}

static enum job_progress evict(struct space *space, size_t items,
                               enum job_cause cause, bool is_hasty)
{
    bool is_own = cause == JOB_FOR_OWNER && space->owner;
    struct demand demand = {
        .cause = cause,
        .is_hasty = is_hasty,
        .evictions_left = is_own ? bank_evict_step(space->owner) : SIZE_MAX,
    };
    if (pthread_mutex_trylock(&space->job_lock)) {
        return JOB_BUSY;
    }
    if (space->job.kind == SPACE_IDLE) {
        struct segment *segment = space_take_oldest(space);
        if (segment) {
            begin_job(space, SPACE_EVICT, segment);
        }
    }
    space->job.is_owners = is_own;
    bool has_gone_on =
        space->job.kind != SPACE_IDLE && go_on(space, items, &demand);
    pthread_mutex_unlock(&space->job_lock);
    return has_gone_on ? JOB_DONE : JOB_NOTHING;
}

enum job_progress job_evict(struct space *space, size_t items,
                            enum job_cause cause)
{
    return evict(space, items, cause, false);
}

enum job_progress job_evict_for_put(struct space *space, unsigned tries,
                                    enum job_cause cause)
{
    return evict(space, JOB_STEP, cause, tries >= JOB_PATIENCE);
}

/* With the job lock held. What evicts for the owner's limits would, if it were
 * brought to its end, leave a small bank with little. */
static void give_up_eviction(struct space *space)
{
    struct space_job *job = &space->job;
    if (job->kind != SPACE_EVICT || !job->is_owners ||
        bank_is_over(space->owner)) {
        return;
    }
    if (!space_put_back_oldest(job->segment)) {
        space_retire(job->segment);
    }
    job->kind = SPACE_IDLE;
}

bool job_tidy(struct space *space, size_t items)
{
    bool is_through = true;
    struct demand demand = {.cause = JOB_FOR_ALL};
    pthread_mutex_lock(&space->job_lock);
    give_up_eviction(space);
    demand.evictions_left =
        space->job.is_owners ? bank_evict_step(space->owner) : SIZE_MAX;
    if (space->job.kind == SPACE_IDLE) {
        enum space_job_kind kind;
        struct segment *segment = space_find_work(
            space, commons_now(space->commons), &kind, &is_through);
        if (segment) {
            begin_job(space, kind, segment);
        }
    }
    bool has_gone_on =
        space->job.kind != SPACE_IDLE && go_on(space, items, &demand);
    pthread_mutex_unlock(&space->job_lock);
    return has_gone_on || !is_through;
}
