/* A segment is filled from its start, item after item. It is sealed when the
 * next item does not fit; then it only loses items, and is emptied whole: by
 * eviction from the head of its queue, or by compaction once much of it is
 * dead. A small space fills small segments, so that a queue always has many
 * and the parts that are moved are small against the whole. */
#include "store/space.h"

#include "base/check.h"
#include "base/memory.h"
#include "store/commons.h"
#include "store/item.h"
#include "store/lifetime.h"

enum {
    SMALL_SHARE = 10,      /* one part in so many is the small queue's */
    SPARSE_PERCENT = 30,   /* dead, and a segment is worth compacting */
    SEGMENTS_WANTED = 200, /* in a space at least, where its size allows */
    INSIDE_SHARE = 4,      /* an item takes one part in so many at most */
    NEXT_SHARE = 8,        /* and so many segments of the next class a space
                              has at least, or it makes do with these */
    GHOST_LEN_UNIT = 4096, /* a length counts so much in the mean of all, */
    GHOST_LEN_TIMES = 16,  /* and as so many times the mean at most */
    WALK_STEP = 256        /* segments looked at for expired items at once */
};

struct segment *segment_of(const struct commons *commons, uint64_t place)
{
    return arena_descriptor(commons->arena, place);
}

struct space *space_create(struct commons *commons, struct bank *owner)
{
    struct space *space = memory_alloc_zero(sizeof *space);
    if (!space) {
        return NULL;
    }
    space->commons = commons;
    space->owner = owner;
    space->check_at_ms = LIFE_FOREVER;
    space->walk_check_ms = LIFE_FOREVER;
    list_init(&space->link);
    pthread_mutex_init(&space->job_lock, NULL);
    pthread_mutex_init(&space->lock, NULL);
    for (int i = 0; i < SPACE_QUEUE_COUNT; i++) {
        list_init(&space->queues[i]);
    }
    atomic_fetch_add(&commons->other, sizeof *space);
    return space;
}

void space_free(struct space **space)
{
    struct space *freed = *space;
    if (!freed) {
        return;
    }
    CHECK(space_used(freed) == 0);
    size_t latency_len = latency_fini(&freed->latency);
    atomic_fetch_sub(&freed->commons->other,
                     sizeof *freed + freed->ghost_charged + latency_len);
    ghost_fini(&freed->ghost);
    pthread_mutex_destroy(&freed->lock);
    pthread_mutex_destroy(&freed->job_lock);
    memory_free(freed);
    *space = NULL;
}

uint64_t space_used(const struct space *space)
{
    return atomic_load_explicit(&space->bytes[SPACE_SMALL],
                                memory_order_relaxed) +
           atomic_load_explicit(&space->bytes[SPACE_MAIN],
                                memory_order_relaxed);
}

uint64_t space_weight(const struct space *space)
{
    return space_used(space) +
           atomic_load_explicit(&space->large_bytes, memory_order_relaxed);
}

void space_count_large(struct space *space, uint64_t more, uint64_t less)
{
    atomic_fetch_add_explicit(&space->large_bytes, more - less,
                              memory_order_relaxed);
}

/* Whether an item of `len` bytes may go to a segment of `class`: it is a small
 * part of one, or one of the next class were much of the space. */
static bool is_fit(uint64_t used, size_t len, enum arena_class class)
{
    bool is_small_space = used / NEXT_SHARE < arena_block_len(class + 1);
    return len <= arena_block_len(class) / (is_small_space ? 1 : INSIDE_SHARE);
}

/* The largest class that leaves the space its number of segments, or the next
 * that `len` bytes may go to. */
static enum arena_class class_for(const struct space *space, size_t len)
{
    uint64_t used = space_used(space);
    uint64_t most = used / SEGMENTS_WANTED;
    enum arena_class class = ARENA_4K;
    while (class < ARENA_1M &&
           (arena_block_len(class + 1) <= most || !is_fit(used, len, class))) {
        class += 1;
    }
    return class;
}

/* Much of the block is dead. */
static bool is_sparse(const struct segment *segment, uint64_t live)
{
    return live * 100 <
           arena_block_len(segment->class) * (100 - SPARSE_PERCENT);
}

static uint64_t live_of(struct segment *segment)
{
    return atomic_load_explicit(&segment->live, memory_order_relaxed);
}

/* Pairs with begin_walk(): a walk that takes it back sees what was lost. */
static void note_sparse(struct space *space)
{
    atomic_store_explicit(&space->has_sparse, true, memory_order_release);
}

/* What was lost while the segment was open has not been noted for good. */
static void seal(struct space *space, struct segment *segment)
{
    segment->state = SEGMENT_SEALED;
    space->open[segment->queue][segment->class] = NULL;
    if (is_sparse(segment, live_of(segment))) {
        note_sparse(space);
    }
}

static struct segment *open_segment(struct space *space, enum space_queue queue,
                                    enum arena_class class)
{
    uint64_t place = arena_take_block(space->commons->arena, class);
    if (!place) {
        return NULL;
    }
    struct segment *segment = segment_of(space->commons, place);
    segment->space = space;
    segment->place = place;
    segment->check_at_ms = LIFE_FOREVER;
    segment->used = 0;
    segment->class = (uint8_t) class;
    segment->queue = (uint8_t)queue;
    segment->state = SEGMENT_OPEN;
    segment->is_begun = false;
    atomic_store_explicit(&segment->live, 0, memory_order_relaxed);
    atomic_store_explicit(&segment->pins, 0, memory_order_relaxed);
    list_init(&segment->link);
    list_append(&space->queues[queue], &segment->link);
    atomic_fetch_add_explicit(&space->bytes[queue], arena_block_len(class),
                              memory_order_relaxed);
    space->open[queue][class] = segment;
    return segment;
}

/* An open segment of `queue` and `class` with room for `len` bytes. */
static struct segment *segment_of_class(struct space *space,
                                        enum space_queue queue,
                                        enum arena_class class, size_t len)
{
    struct segment *segment = space->open[queue][class];
    if (segment && arena_block_len(class) - segment->used < len) {
        seal(space, segment);
        segment = NULL;
    }
    return segment ? segment : open_segment(space, queue, class);
}

/* An open segment of `queue` with room for `len` bytes; the lock is held. Where
 * the arena has no block of the best length left, a shorter one will do. */
static struct segment *segment_with_room(struct space *space,
                                         enum space_queue queue, size_t len)
{
    enum arena_class class = class_for(space, len);
    struct segment *segment = segment_of_class(space, queue, class, len);
    while (!segment && class > ARENA_4K && arena_block_len(class - 1) >= len) {
        class -= 1;
        segment = segment_of_class(space, queue, class, len);
    }
    return segment;
}

enum status space_reserve(struct space *space, enum space_queue queue,
                          const struct item *item, uint32_t bank_id,
                          uint64_t *place)
{
    pthread_mutex_lock(&space->lock);
    struct segment *segment = segment_with_room(space, queue, item->len);
    if (segment) {
        *place = segment->place + segment->used / ARENA_UNIT;
        item_write_head(arena_at(space->commons->base, *place), item, bank_id);
        segment->used += item->len;
        atomic_fetch_add_explicit(&segment->live, item->len,
                                  memory_order_relaxed);
        atomic_fetch_add_explicit(&segment->pins, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&space->lock);
    return segment ? STATUS_OK : STATUS_NOMEM;
}

uint32_t space_filled(struct segment *segment)
{
    pthread_mutex_lock(&segment->space->lock);
    uint32_t filled = segment->used;
    pthread_mutex_unlock(&segment->space->lock);
    return filled;
}

/* With the lock held: some segment is to be looked at by then. */
static void note_check(struct space *space, uint64_t at_ms)
{
    if (at_ms < space->check_at_ms) {
        space->check_at_ms = at_ms;
    }
    if (at_ms < space->walk_check_ms) {
        space->walk_check_ms = at_ms;
    }
}

void space_note_end(struct segment *segment, uint64_t end_ms)
{
    struct space *space = segment->space;
    pthread_mutex_lock(&space->lock);
    if (end_ms < segment->check_at_ms) {
        segment->check_at_ms = end_ms;
    }
    note_check(space, end_ms);
    pthread_mutex_unlock(&space->lock);
}

void space_publish(struct commons *commons, uint64_t place, uint64_t end_ms)
{
    struct segment *segment = segment_of(commons, place);
    if (end_ms != LIFE_FOREVER) {
        space_note_end(segment, end_ms);
    }
    /* Pairs with is_pinned(): who sees no pin sees the item. */
    atomic_fetch_sub_explicit(&segment->pins, 1, memory_order_release);
}

static bool is_pinned(struct segment *segment)
{
    return atomic_load_explicit(&segment->pins, memory_order_acquire) > 0;
}

void space_forget(struct commons *commons, uint64_t place, uint32_t len)
{
    struct segment *segment = segment_of(commons, place);
    uint64_t before =
        atomic_fetch_sub_explicit(&segment->live, len, memory_order_relaxed);
    uint64_t live = before - len;
    bool is_halved = __builtin_clzll(live | 1) != __builtin_clzll(before | 1);
    if (live == 0 || is_halved ||
        (is_sparse(segment, live) && !is_sparse(segment, before))) {
        note_sparse(segment->space);
    }
}

enum space_queue space_queue_of(struct space *space, uint64_t hash)
{
    pthread_mutex_lock(&space->lock);
    bool is_ghost = ghost_take(&space->ghost, hash);
    pthread_mutex_unlock(&space->lock);
    return is_ghost ? SPACE_MAIN : SPACE_SMALL;
}

void space_remember(struct space *space, uint64_t hash, uint64_t len)
{
    pthread_mutex_lock(&space->lock);
    ghost_add(&space->ghost, hash);
    uint64_t mean = space->remembered_len / GHOST_LEN_UNIT;
    uint64_t most = GHOST_LEN_TIMES * mean;
    uint64_t counted = mean && len > most ? most : len;
    space->remembered_len += mean ? counted - mean : len * GHOST_LEN_UNIT;
    pthread_mutex_unlock(&space->lock);
}

/* With the lock held. What leaves is longer than what stays where sizes vary:
 * as many of it as there are entries would be several times what the space
 * holds, and a key that comes back after that long is worth nothing. */
static uint64_t ghosts_wanted(const struct space *space, uint64_t entries)
{
    uint64_t len = space->remembered_len / GHOST_LEN_UNIT;
    uint64_t fit = len ? space_weight(space) / len : entries;
    uint64_t most = fit < entries ? fit : entries;
    return most - most / 10;
}

/* Without memory the ghost stays as it is, and forgets earlier. */
void space_size_ghost(struct space *space, size_t entries)
{
    pthread_mutex_lock(&space->lock);
    (void)ghost_resize(&space->ghost, ghosts_wanted(space, entries));
    size_t used = ghost_used(&space->ghost);
    atomic_fetch_add(&space->commons->other, used - space->ghost_charged);
    space->ghost_charged = used;
    pthread_mutex_unlock(&space->lock);
}

static struct segment *segment_of_link(struct list *link)
{
    return LIST_ENTRY(link, struct segment, link);
}

/* The first segment of `queue` or, if that is empty, of the next. */
static struct segment *first_from(struct space *space, unsigned queue)
{
    while (queue < SPACE_QUEUE_COUNT && list_is_empty(&space->queues[queue])) {
        queue++;
    }
    return queue < SPACE_QUEUE_COUNT
               ? segment_of_link(space->queues[queue].next)
               : NULL;
}

static struct segment *next_of(struct space *space, struct segment *segment)
{
    struct list *next = segment->link.next;
    return next == &space->queues[segment->queue]
               ? first_from(space, segment->queue + 1U)
               : segment_of_link(next);
}

static void remove_from_queue(struct space *space, struct segment *segment)
{
    if (space->walk == segment) {
        space->walk = next_of(space, segment);
    }
    list_remove(&segment->link);
    segment->state = SEGMENT_LEAVING;
}

static struct segment *first_sealed(struct list *queue)
{
    LIST_FOREACH (link, queue) {
        struct segment *segment = segment_of_link(link);
        if (segment->state == SEGMENT_SEALED && !is_pinned(segment)) {
            return segment;
        }
    }
    return NULL;
}

/* For a queue whose segments are all open. */
static void seal_oldest(struct space *space, enum space_queue queue)
{
    LIST_FOREACH (link, &space->queues[queue]) {
        struct segment *segment = segment_of_link(link);
        if (segment->state == SEGMENT_OPEN && !is_pinned(segment)) {
            seal(space, segment);
            return;
        }
    }
}

static struct segment *oldest_of(struct space *space, enum space_queue queue)
{
    struct segment *segment = first_sealed(&space->queues[queue]);
    if (!segment) {
        seal_oldest(space, queue);
        segment = first_sealed(&space->queues[queue]);
    }
    return segment;
}

struct segment *space_take_oldest(struct space *space)
{
    pthread_mutex_lock(&space->lock);
    uint64_t small =
        atomic_load_explicit(&space->bytes[SPACE_SMALL], memory_order_relaxed);
    bool is_small_over = small * SMALL_SHARE > space_used(space);
    enum space_queue first = is_small_over ? SPACE_SMALL : SPACE_MAIN;
    struct segment *segment = oldest_of(space, first);
    if (!segment) {
        segment =
            oldest_of(space, first == SPACE_SMALL ? SPACE_MAIN : SPACE_SMALL);
    }
    if (segment) {
        remove_from_queue(space, segment);
    }
    pthread_mutex_unlock(&space->lock);
    return segment;
}

/* Whether an open segment is better sealed: much of it is dead, or it is too
 * large for what the space has become and holds little that is alive. */
static bool is_open_in_vain(const struct space *space,
                            const struct segment *segment, uint64_t live)
{
    uint64_t dead = segment->used - live;
    size_t len = arena_block_len(segment->class);
    return live == 0 || dead * 100 > len * SPARSE_PERCENT ||
           (dead > live && segment->class > (uint8_t)class_for(space, 0));
}

/* Whether a sealed segment is: much of it is dead, or it was sealed with
 * little in it. That an item as long as half a block leaves the other half
 * unused is no reason: it would do so again wherever it was moved. */
static bool is_sealed_in_vain(const struct segment *segment, uint64_t live)
{
    uint64_t dead = segment->used - live;
    size_t limit = arena_block_len(segment->class) * SPARSE_PERCENT;
    return dead * 100 > limit || live * 100 < limit;
}

static bool is_worth_compacting(const struct space *space,
                                struct segment *segment)
{
    uint64_t live = live_of(segment);
    if (segment->is_begun) {
        return live == 0;
    }
    return segment->state == SEGMENT_SEALED
               ? is_sealed_in_vain(segment, live)
               : is_open_in_vain(space, segment, live);
}

/* What is to be done with `segment`, which the walk has come to. */
static enum space_job_kind look_at(struct space *space, struct segment *segment,
                                   uint64_t now_ms)
{
    if (is_pinned(segment)) {
        note_sparse(space);
    } else if (is_worth_compacting(space, segment)) {
        if (segment->state == SEGMENT_OPEN) {
            seal(space, segment);
        }
        remove_from_queue(space, segment);
        return SPACE_COMPACT;
    } else if (segment->check_at_ms <= now_ms) {
        segment->check_at_ms = LIFE_FOREVER;
        return SPACE_EXPIRE;
    }
    if (segment->check_at_ms < space->walk_check_ms) {
        space->walk_check_ms = segment->check_at_ms;
    }
    return SPACE_IDLE;
}

/* Whether there may be work; begins a walk if none is under way. */
static bool begin_walk(struct space *space, uint64_t now_ms)
{
    if (space->walk) {
        return true;
    }
    if (space->check_at_ms > now_ms &&
        !atomic_exchange_explicit(&space->has_sparse, false,
                                  memory_order_acquire)) {
        return false;
    }
    space->walk_check_ms = LIFE_FOREVER;
    space->walk = first_from(space, 0);
    return space->walk;
}

struct segment *space_find_work(struct space *space, uint64_t now_ms,
                                enum space_job_kind *kind, bool *is_through)
{
    struct segment *segment = NULL;
    *kind = SPACE_IDLE;
    pthread_mutex_lock(&space->lock);
    bool has_begun = begin_walk(space, now_ms);
    for (int i = 0; i < WALK_STEP && *kind == SPACE_IDLE && space->walk; i++) {
        segment = space->walk;
        space->walk = next_of(space, segment);
        *kind = look_at(space, segment, now_ms);
    }
    *is_through = !space->walk;
    if (has_begun && !space->walk) {
        space->check_at_ms = space->walk_check_ms;
    }
    pthread_mutex_unlock(&space->lock);
    return *kind == SPACE_IDLE ? NULL : segment;
}

static void release_segment(struct retired *retired, void *arg)
{
    struct commons *commons = arg;
    struct segment *segment =
        (struct segment *)(void *)((char *)retired -
                                   offsetof(struct segment, retired));
    atomic_fetch_sub_explicit(&commons->leaving,
                              arena_block_len(segment->class),
                              memory_order_relaxed);
    arena_return_block(commons->arena, segment->place);
}

/* The space no longer counts it. */
static void leave_space(struct segment *segment)
{
    atomic_fetch_sub_explicit(&segment->space->bytes[segment->queue],
                              arena_block_len(segment->class),
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&segment->space->commons->leaving,
                              arena_block_len(segment->class),
                              memory_order_relaxed);
    segment->state = SEGMENT_LEAVING;
}

static bool put_back(struct segment *segment, bool is_oldest)
{
    struct space *space = segment->space;
    if (live_of(segment) == 0) {
        return false;
    }
    pthread_mutex_lock(&space->lock);
    struct list *queue = &space->queues[segment->queue];
    segment->state = SEGMENT_SEALED;
    segment->is_begun = is_oldest;
    list_append(is_oldest ? queue->next : queue, &segment->link);
    note_check(space, segment->check_at_ms);
    pthread_mutex_unlock(&space->lock);
    return true;
}

bool space_put_back(struct segment *segment)
{
    return put_back(segment, false);
}

bool space_put_back_oldest(struct segment *segment)
{
    return put_back(segment, true);
}

void space_retire(struct segment *segment)
{
    CHECK(!list_is_linked(&segment->link));
    CHECK(!is_pinned(segment));
    leave_space(segment);
    epochs_retire(segment->space->commons->epochs, &segment->retired,
                  release_segment);
}

void space_return(struct commons *commons, struct segment *segment)
{
    release_segment(&segment->retired, commons);
}

void space_detach(struct space *space, struct list *all)
{
    pthread_mutex_lock(&space->lock);
    if (space->job.kind == SPACE_EVICT || space->job.kind == SPACE_COMPACT) {
        list_append(all, &space->job.segment->link);
    }
    space->job.kind = SPACE_IDLE;
    for (int queue = 0; queue < SPACE_QUEUE_COUNT; queue++) {
        list_move_all(all, &space->queues[queue]);
        for (int i = 0; i < ARENA_CLASS_COUNT; i++) {
            space->open[queue][i] = NULL;
        }
    }
    for (int queue = 0; queue < SPACE_QUEUE_COUNT; queue++) {
        atomic_fetch_add_explicit(&space->commons->leaving,
                                  atomic_exchange(&space->bytes[queue], 0),
                                  memory_order_relaxed);
    }
    space->walk = NULL;
    space->check_at_ms = LIFE_FOREVER;
    pthread_mutex_unlock(&space->lock);
}
