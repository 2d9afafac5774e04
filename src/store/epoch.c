/* A counter of epochs, and a record for each thread that ever entered, which
 * says what the counter was when the thread entered last. The counter moves
 * on only when nobody is inside who has not seen its present value. So when
 * it is two beyond what it was when something was retired, all who were
 * inside then have left:
 *
 *     counter   5          6          7
 *     retired   x          .          released
 *     reader A  [5.....]                          must leave before 6 -> 7
 *     reader B     [5...........]                 the same
 *     reader C             [6............]        came too late to reach x
 *
 * Why C cannot reach x: the counter is moved, and read by epochs_retire(),
 * under the lock; so whoever sees 6 (acquire) also sees all that was done
 * before a retirement at 5. A thread that has read 5 but not yet told so is
 * overlooked and 7 may come; then its fence in enter() comes after the one in
 * has_everybody_seen(), before which x was out of reach, and so it does not
 * find x either. It holds the counter up until it leaves; that is all.
 *
 * Since the counter only grows, what is retired stands in one queue in the
 * order of its epochs. */
#include "store/epoch.h"

#include "base/check.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>

/* What one thread at a time shows the others, with nothing of anybody else's
 * in the same line of the cache. Belongs to its epochs; when its thread ends,
 * another may have it. */
struct record {
    char before[64];
    _Atomic uint64_t seen; /* OFFLINE, or the epoch at the last enter */
    unsigned depth;        /* of nested enters; the thread's own */
    _Atomic bool is_taken;
    uint64_t epochs_id;
    struct record *next;
    char after[64];
};

enum { OFFLINE = 0, FIRST_EPOCH = 1, EPOCHS_TO_RELEASE = 2 };

struct epochs {
    _Atomic uint64_t current; /* written under the lock */
    uint64_t id;              /* no other epochs ever have the same */
    pthread_key_t key;        /* to the thread's record */
    _Atomic(struct record *) records;
    void *arg;
    pthread_mutex_t lock; /* of `retired` */
    struct list retired;
    _Atomic size_t retired_count;
    _Atomic bool is_releasing;
};

/* The record that this thread used last; that of other epochs is found by
 * their key. Compared by id, as the address may have a second life. */
static _Thread_local struct {
    uint64_t epochs_id; /* 0 is nobody's */
    struct record *record;
} last_used;

static _Atomic uint64_t last_id;

/* Runs when a thread ends. */
static void give_record_up(void *arg)
{
    struct record *record = arg;
    CHECK(record->depth == 0);
    if (last_used.epochs_id == record->epochs_id) {
        last_used.epochs_id = 0;
    }
    atomic_store_explicit(&record->is_taken, false, memory_order_release);
}

struct epochs *epochs_create(void *arg)
{
    struct epochs *epochs = memory_alloc_zero(sizeof *epochs);
    if (!epochs) {
        return NULL;
    }
    if (pthread_key_create(&epochs->key, give_record_up) != 0) {
        memory_free(epochs);
        return NULL;
    }
    CHECK(pthread_mutex_init(&epochs->lock, NULL) == 0);
    list_init(&epochs->retired);
    epochs->current = FIRST_EPOCH;
    epochs->id = atomic_fetch_add(&last_id, 1) + 1;
    epochs->arg = arg;
    return epochs;
}

static void release_all(struct epochs *epochs, struct list *due)
{
    struct list *link;
    while ((link = list_pop(due)) != NULL) {
        struct retired *retired = LIST_ENTRY(link, struct retired, link);
        retired->release(retired, epochs->arg);
        atomic_fetch_sub_explicit(&epochs->retired_count, 1,
                                  memory_order_relaxed);
    }
}

void epochs_free(struct epochs **epochs)
{
    if (!*epochs) {
        return;
    }
    release_all(*epochs, &(*epochs)->retired);
    CHECK(pthread_key_delete((*epochs)->key) == 0);
    struct record *record = (*epochs)->records;
    while (record) {
        struct record *next = record->next;
        CHECK(record->seen == OFFLINE);
        memory_free(record);
        record = next;
    }
    pthread_mutex_destroy(&(*epochs)->lock);
    memory_free(*epochs);
    *epochs = NULL;
}

/* A record whose thread has ended; NULL when there is none. */
static struct record *take_record(struct epochs *epochs)
{
    struct record *record = atomic_load(&epochs->records);
    for (; record; record = record->next) {
        bool is_taken = false;
        if (atomic_compare_exchange_strong(&record->is_taken, &is_taken,
                                           true)) {
            return record;
        }
    }
    return NULL;
}

static struct record *add_record(struct epochs *epochs)
{
    struct record *record = memory_alloc_zero(sizeof *record);
    if (!record) {
        return NULL;
    }
    record->seen = OFFLINE;
    record->is_taken = true;
    record->epochs_id = epochs->id;
    record->next = atomic_load(&epochs->records);
    while (!atomic_compare_exchange_weak(&epochs->records, &record->next,
                                         record)) {
    }
    return record;
}

static struct record *find_first_record(struct epochs *epochs)
{
    struct record *record = take_record(epochs);
    if (!record) {
        record = add_record(epochs);
    }
    if (record && pthread_setspecific(epochs->key, record) != 0) {
        atomic_store(&record->is_taken, false);
        return NULL;
    }
    return record;
}

/* This thread's record, NULL when it has none yet. */
static inline struct record *find_record(struct epochs *epochs)
{
    if (last_used.epochs_id == epochs->id) {
        return last_used.record;
    }
    struct record *record = pthread_getspecific(epochs->key);
    if (record) {
        last_used.epochs_id = epochs->id;
        last_used.record = record;
    }
    return record;
}

static void go_in(struct epochs *epochs, struct record *record)
{
    /* Release: whoever sees this and not that the thread was offline before
     * knows all the same that it no longer looks at what it had then. */
    atomic_store_explicit(
        &record->seen,
        atomic_load_explicit(&epochs->current, memory_order_acquire),
        memory_order_release);
    /* Nothing is looked at before this is told. Pairs with the fence in
     * has_everybody_seen(). */
    atomic_thread_fence(memory_order_seq_cst);
}

static void go_out(struct record *record)
{
    /* Pairs with the acquire in has_everybody_seen(). */
    atomic_store_explicit(&record->seen, OFFLINE, memory_order_release);
}

bool epochs_enter(struct epochs *epochs)
{
    struct record *record = find_record(epochs);
    if (!record) {
        record = find_first_record(epochs);
        if (!record) {
            return false;
        }
    }
    if (record->depth++ == 0) {
        go_in(epochs, record);
    }
    return true;
}

void epochs_leave(struct epochs *epochs)
{
    struct record *record = find_record(epochs);
    CHECK(record && record->depth > 0);
    if (--record->depth == 0) {
        go_out(record);
    }
}

unsigned epochs_pause(struct epochs *epochs)
{
    struct record *record = find_record(epochs);
    unsigned depth = record ? record->depth : 0;
    if (depth > 0) {
        record->depth = 0;
        go_out(record);
    }
    return depth;
}

void epochs_resume(struct epochs *epochs, unsigned depth)
{
    if (depth > 0) {
        struct record *record = find_record(epochs);
        CHECK(record->depth == 0);
        record->depth = depth;
        go_in(epochs, record);
    }
}

void epochs_retire(struct epochs *epochs, struct retired *retired,
                   retired_release_fn release)
{
    retired->release = release;
    atomic_fetch_add_explicit(&epochs->retired_count, 1, memory_order_relaxed);
    pthread_mutex_lock(&epochs->lock);
    retired->epoch =
        atomic_load_explicit(&epochs->current, memory_order_relaxed);
    list_append(&epochs->retired, &retired->link);
    pthread_mutex_unlock(&epochs->lock);
}

/* Whether all who are inside entered in the present epoch. */
static bool has_everybody_seen(struct epochs *epochs)
{
    uint64_t current =
        atomic_load_explicit(&epochs->current, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    struct record *record =
        atomic_load_explicit(&epochs->records, memory_order_acquire);
    for (; record; record = record->next) {
        uint64_t seen =
            atomic_load_explicit(&record->seen, memory_order_acquire);
        if (seen != OFFLINE && seen != current) {
            return false;
        }
    }
    return true;
}

static bool is_due(const struct epochs *epochs, const struct list *link)
{
    const struct retired *retired =
        LIST_ENTRY(link, const struct retired, link);
    return link != &epochs->retired &&
           retired->epoch + EPOCHS_TO_RELEASE <=
               atomic_load_explicit(&epochs->current, memory_order_relaxed);
}

/* Moves up to `count` of what is due to `due`; whether more is due. */
static bool take_due(struct epochs *epochs, size_t count, struct list *due)
{
    struct list *link = epochs->retired.next;
    for (; count > 0 && is_due(epochs, link); count--) {
        list_append(due, list_pop(&epochs->retired));
        link = epochs->retired.next;
    }
    return is_due(epochs, link);
}

bool epochs_release(struct epochs *epochs, size_t count)
{
    struct record *record = find_record(epochs);
    CHECK(!record || record->depth == 0);
    CHECK(!atomic_exchange(&epochs->is_releasing, true));
    struct list due;
    list_init(&due);
    bool may_advance = has_everybody_seen(epochs);
    pthread_mutex_lock(&epochs->lock);
    if (may_advance) {
        /* Pairs with the acquire in epochs_enter(). */
        atomic_fetch_add_explicit(&epochs->current, 1, memory_order_release);
    }
    bool has_more = take_due(epochs, count, &due);
    pthread_mutex_unlock(&epochs->lock);
    release_all(epochs, &due);
    atomic_store(&epochs->is_releasing, false);
    return has_more;
}

bool epochs_have_retired(struct epochs *epochs)
{
    return atomic_load_explicit(&epochs->retired_count, memory_order_relaxed) >
           0;
}
