/* A bank loses its index and the segments of its own space at once. What
 * remains to be done is done with the wreck, in pieces:
 *
 *   1. Its items are looked at, if it has large values, whose memory is given
 *      back, or guests: items in segments that several banks share. These
 *      count as live there until they are forgotten one by one. Meanwhile a
 *      job may come to such a segment to empty it; it asks the bank's wrecks
 *      about what the bank does not have. So this is done under the bank's
 *      lock, and whoever comes first takes the item out of the wreck's index.
 *   2. The segments go, which nobody looks into.
 *   3. The index goes, some regions at a time.
 *
 * Before all that its keys are noted as departed, as many as there is room
 * for, unless somebody waits for the memory.
 *
 * A bank is needed until its wrecks are searched, and counts them. */
#include "store/wreck.h"

#include "base/check.h"
#include "base/memory.h"
#include "store/bank.h"
#include "store/commons.h"
#include "store/departures.h"
#include "store/large.h"

enum { SEGMENTS_A_PIECE = 4, BUCKETS_A_PIECE = 16, REGIONS_A_PIECE = 64 };

struct wreck {
    struct retired retired; /* first */
    struct list link;
    struct wreck_list *list;
    struct commons *commons;
    struct bank *bank;
    struct list bank_link; /* of its wrecks, while there are guests */
    struct index index;    /* under the bank's lock while there are guests */
    struct list segments;
    struct index_tour keys_tour; /* over keys to be noted */
    size_t keys_left;            /* so many */
    uint64_t bank_hash;          /* what their departures are noted under */
    struct index_tour tour;      /* over guests and large values */
    uint64_t guests;             /* under the bank's lock */
    uint64_t large_bytes;        /* the same */
    bool is_searched;            /* there are neither any more */
    uint64_t index_leaving;      /* of its bytes, those that count so */
};

void wreck_list_init(struct wreck_list *list)
{
    pthread_mutex_init(&list->lock, NULL);
    list_init(&list->wrecks);
}

void wreck_list_fini(struct wreck_list *list)
{
    CHECK(list_is_empty(&list->wrecks));
    pthread_mutex_destroy(&list->lock);
}

static void release_wreck(struct retired *retired, void *arg)
{
    (void)arg;
    struct wreck *wreck = (struct wreck *)(void *)retired;
    pthread_mutex_lock(&wreck->list->lock);
    list_append(&wreck->list->wrecks, &wreck->link);
    pthread_mutex_unlock(&wreck->list->lock);
}

static void leave(struct commons *commons, uint64_t bytes)
{
    atomic_fetch_add_explicit(&commons->leaving, bytes, memory_order_relaxed);
}

static void arrive(struct commons *commons, uint64_t bytes)
{
    atomic_fetch_sub_explicit(&commons->leaving, bytes, memory_order_relaxed);
}

static uint64_t guests_of(const struct bank *bank)
{
    return atomic_load_explicit(&bank->guests, memory_order_relaxed);
}

/* With the locks held: what the bank has becomes the wreck's. */
static void strip(struct bank *bank, struct wreck *wreck)
{
    if (bank->space->owner) {
        space_detach(bank->space, &wreck->segments);
        bank->space->gathering = (struct index_tour){0};
    }
    wreck->guests = guests_of(bank);
    wreck->large_bytes = bank->large_bytes;
    wreck->is_searched = wreck->guests == 0 && wreck->large_bytes == 0;
    if (!wreck->is_searched && bank->wreck_count < UINT16_MAX) {
        bank->wreck_count++; /* At its maximum it stays, and so the bank. */
    }
    wreck->keys_left = departures_capacity(&bank->index.commons->departures);
    wreck->bank_hash = bank_departure_hash(bank, 0);
    if (wreck->guests > 0) {
        list_append(&bank->wrecks, &wreck->bank_link);
    }
    index_take(&wreck->index, &bank->index);
    wreck->index_leaving = index_used(&wreck->index);
    leave(bank->index.commons, wreck->index_leaving + bank->large_bytes);
    space_count_large(bank->space, 0, bank->large_bytes);
    bank->large_bytes = 0;
    bank->incarnation++;
    atomic_store_explicit(&bank->entries, 0, memory_order_relaxed);
    bank_note_empty(bank);
    atomic_store_explicit(&bank->guests, 0, memory_order_relaxed);
    atomic_store_explicit(&bank->live, 0, memory_order_relaxed);
}

/* With the locks held: whether the bank has nothing that a reset could take. */
static bool is_bare(const struct bank *bank)
{
    const struct space *space = bank->space;
    return atomic_load_explicit(&bank->entries, memory_order_relaxed) == 0 &&
           (!space->owner || space_weight(space) == 0);
}

enum status wreck_bank(struct bank *bank, struct wreck_list *list)
{
    struct wreck *wreck = memory_alloc_zero(sizeof *wreck);
    if (!wreck) {
        return STATUS_NOMEM;
    }
    wreck->list = list;
    wreck->commons = bank->index.commons;
    wreck->bank = bank;
    list_init(&wreck->bank_link);
    list_init(&wreck->segments);
    list_init(&wreck->link);
    struct space *space = bank_lock_with_space(bank);
    bool has_any = !is_bare(bank);
    if (has_any) {
        strip(bank, wreck);
    } else {
        bank->incarnation++;
    }
    pthread_mutex_unlock(&bank->lock);
    pthread_mutex_unlock(&space->job_lock);
    if (has_any) {
        epochs_retire(bank->index.commons->epochs, &wreck->retired,
                      release_wreck);
    } else {
        memory_free(wreck);
    }
    return STATUS_OK;
}

/* With the bank's lock held: `found`, a guest or a large value that the
 * wreck's index has, is there no more. */
static void forget_item(struct wreck *wreck, const struct bank_item *found)
{
    index_remove(&wreck->index, found->hash, found->place);
    if (found->item.is_large) {
        uint64_t charge = large_charge(found->item.value_len);
        wreck->large_bytes -= charge;
        arrive(wreck->commons, charge);
        large_retire(wreck->commons, item_large(found->at, &found->item));
    }
    if (found->item.has_bank) {
        space_forget(wreck->commons, found->place, found->item.len);
        wreck->guests--;
        if (wreck->guests == 0) {
            list_remove(&wreck->bank_link);
        }
    }
}

void wreck_forget_item(struct bank *bank, const struct bank_item *found)
{
    LIST_FOREACH (link, &bank->wrecks) {
        struct wreck *wreck = LIST_ENTRY(link, struct wreck, bank_link);
        if (index_has(&wreck->index, found->hash, found->place)) {
            forget_item(wreck, found);
            return;
        }
    }
}

/* With the bank's lock held. A guest's segment stays until a job has looked
 * at all that is in it, and this wreck's are there: so all places hold what
 * they held. */
static void search_bucket(struct wreck *wreck)
{
    struct index_places bucket = {0};
    index_walk_bucket(&wreck->index, &wreck->tour, index_collect_place,
                      &bucket);
    for (size_t i = 0; i < bucket.count; i++) {
        struct bank_item found;
        bank_read_item(wreck->bank, bucket.places[i], &found);
        if (found.item.has_bank || found.item.is_large) {
            forget_item(wreck, &found);
        }
    }
}

static void count_searched(struct bank *bank)
{
    if (bank->wreck_count < UINT16_MAX) {
        bank->wreck_count--;
    }
}

static void search(struct wreck *wreck)
{
    pthread_mutex_lock(&wreck->bank->lock);
    for (int i = 0; i < BUCKETS_A_PIECE && !wreck->is_searched; i++) {
        wreck->is_searched = wreck->guests == 0 && wreck->large_bytes == 0;
        if (!wreck->is_searched) {
            search_bucket(wreck);
        } else {
            count_searched(wreck->bank);
        }
    }
    pthread_mutex_unlock(&wreck->bank->lock);
}

static void note_key(void *arg, uint64_t place)
{
    struct wreck *wreck = arg;
    struct commons *commons = wreck->commons;
    char *at = arena_at(commons->base, place);
    struct item item;
    if (item_read(at, &item)) {
        struct slice key = slice_of(at + item.key_at, item.key_len);
        uint64_t hash = hash_bytes(&commons->keys_secret, key);
        departures_note(&commons->departures, hash ^ wreck->bank_hash,
                        DEPARTURE_RESET);
        wreck->keys_left -= wreck->keys_left > 0;
    }
}

static void note_buckets(struct wreck *wreck)
{
    for (int i = 0; i < BUCKETS_A_PIECE && wreck->keys_left > 0; i++) {
        if (!index_walk_bucket(&wreck->index, &wreck->keys_tour, note_key,
                               wreck)) {
            wreck->keys_left = 0;
        }
    }
}

/* Until it is searched, others may take items out of its index. */
static void note_keys(struct wreck *wreck)
{
    if (wreck->is_searched) {
        note_buckets(wreck);
        return;
    }
    pthread_mutex_lock(&wreck->bank->lock);
    note_buckets(wreck);
    pthread_mutex_unlock(&wreck->bank->lock);
}

/* No reader is left, so segments go at once. */
static void return_segments(struct wreck *wreck, int count)
{
    for (int i = 0; i < count; i++) {
        struct list *link = list_pop(&wreck->segments);
        if (!link) {
            return;
        }
        struct segment *segment = LIST_ENTRY(link, struct segment, link);
        space_return(wreck->commons, segment);
    }
}

/* Whether all of the index is gone. */
static bool give_index_back(struct wreck *wreck)
{
    bool is_gone = index_give_back(&wreck->index, REGIONS_A_PIECE);
    uint64_t left = index_used(&wreck->index);
    arrive(wreck->commons, wreck->index_leaving - left);
    wreck->index_leaving = left;
    return is_gone;
}

static void free_wreck(struct wreck *wreck)
{
    pthread_mutex_lock(&wreck->list->lock);
    list_remove(&wreck->link);
    pthread_mutex_unlock(&wreck->list->lock);
    memory_free(wreck);
}

static bool is_stripped(const struct wreck *wreck)
{
    return wreck->is_searched && list_is_empty(&wreck->segments);
}

/* The first wreck, or the first that is not stripped; NULL without one. */
static struct wreck *find_wreck(struct wreck_list *list, bool may_be_stripped)
{
    struct wreck *found = NULL;
    pthread_mutex_lock(&list->lock);
    LIST_FOREACH (link, &list->wrecks) {
        struct wreck *wreck = LIST_ENTRY(link, struct wreck, link);
        if (may_be_stripped || !is_stripped(wreck)) {
            found = wreck;
            break;
        }
    }
    pthread_mutex_unlock(&list->lock);
    return found;
}

static void strip_further(struct wreck *wreck, int segments)
{
    wreck->keys_left = 0;
    if (wreck->is_searched) {
        return_segments(wreck, segments);
    } else {
        search(wreck);
    }
}

bool wreck_list_work(struct wreck_list *list)
{
    struct wreck *wreck = find_wreck(list, true);
    if (!wreck) {
        return false;
    }
    if (wreck->keys_left > 0) {
        note_keys(wreck);
    } else if (!is_stripped(wreck)) {
        strip_further(wreck, SEGMENTS_A_PIECE);
    } else if (give_index_back(wreck)) {
        free_wreck(wreck);
    }
    return true;
}

bool wreck_list_hurry(struct wreck_list *list)
{
    struct wreck *wreck = find_wreck(list, false);
    if (wreck) {
        strip_further(wreck, 1);
    }
    return wreck;
}
