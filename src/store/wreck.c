/* A bank with a space of its own loses its index and all its segments at
 * once: nothing in them is looked at, but for large values. A bank that
 * shares a space takes its items, which are few, out of the count of the
 * segments that they lie in; their bytes are won back with those, maybe
 * before the wreck's turn comes, so their large values go at once.
 *
 * Its keys are noted as departed as far as there is room for notes: those of
 * the few at once, those of a wreck before its segments go, unless somebody
 * waits for these. */
#include "store/wreck.h"

#include "base/check.h"
#include "base/memory.h"
#include "store/bank.h"
#include "store/commons.h"
#include "store/departures.h"
#include "store/large.h"

enum { SEGMENTS_A_PIECE = 4 };

struct wreck {
    struct retired retired; /* first */
    struct list link;
    struct wreck_list *list;
    struct commons *commons;
    struct index index;
    struct list segments;
    uint64_t position; /* of the walk over large values */
    bool has_large;
    uint64_t keys_position; /* of the walk over keys to be noted */
    size_t keys_left;       /* so many, about */
    uint64_t bank_hash;     /* what their departures are noted under */
    uint64_t charged;
};

void wreck_list_init(struct wreck_list *list)
{
    pthread_mutex_init(&list->lock, NULL);
    list_init(&list->wrecks);
}

void wreck_list_fini(struct wreck_list *list)
{
    while (wreck_list_work(list)) {
    }
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

static void note_departure(struct commons *commons, uint64_t bank_hash,
                           struct slice key)
{
    uint64_t hash = hash_bytes(&commons->keys_secret, key) ^ bank_hash;
    departures_note(&commons->departures, hash, DEPARTURE_RESET);
}

/* An item of a bank that shares its space. */
static void forget_item(void *arg, uint64_t place)
{
    struct bank *bank = arg;
    struct commons *commons = bank->commons;
    struct item item;
    char *at = arena_at(commons->base, place);
    if (!item_read(at, &item)) {
        UNREACHABLE("the index points at items");
    }
    note_departure(commons, bank_departure_hash(bank, 0),
                   slice_of(at + item.key_at, item.key_len));
    if (item.is_large) {
        large_retire(commons, item_large(at, &item));
    }
    space_forget(commons, place, item.len);
}

static void forget_items(struct bank *bank)
{
    uint64_t position = 0;
    do {
        position = index_walk_region(&bank->index, position, forget_item, bank);
    } while (position);
}

static void leave(struct commons *commons, uint64_t bytes)
{
    atomic_fetch_add_explicit(&commons->leaving, bytes, memory_order_relaxed);
}

/* With the locks held: what the bank has becomes the wreck's. */
static void strip(struct bank *bank, struct wreck *wreck)
{
    if (bank->space->owner) {
        space_detach(bank->space, &wreck->segments);
        wreck->has_large = bank->large_bytes > 0;
        leave(bank->commons, bank->large_bytes);
        wreck->keys_left = departures_capacity(&bank->commons->departures);
        wreck->bank_hash = bank_departure_hash(bank, 0);
    } else {
        forget_items(bank);
    }
    wreck->charged = bank->index_charged;
    index_take(&wreck->index, &bank->index);
    leave(bank->commons, bank->index_charged);
    bank->index_charged = 0;
    space_count_large(bank->space, 0, bank->large_bytes);
    bank->large_bytes = 0;
    bank->incarnation++;
    atomic_store_explicit(&bank->entries, 0, memory_order_relaxed);
    bank_note_empty(bank);
    atomic_store_explicit(&bank->live, 0, memory_order_relaxed);
    bank_settle(bank);
}

enum status wreck_bank(struct bank *bank, struct wreck_list *list)
{
    struct wreck *wreck = memory_alloc_zero(sizeof *wreck);
    if (!wreck) {
        return STATUS_NOMEM;
    }
    wreck->list = list;
    wreck->commons = bank->commons;
    list_init(&wreck->segments);
    list_init(&wreck->link);
    struct space *space = bank_lock_with_space(bank);
    strip(bank, wreck);
    pthread_mutex_unlock(&bank->lock);
    pthread_mutex_unlock(&space->job_lock);
    epochs_retire(bank->commons->epochs, &wreck->retired, release_wreck);
    return STATUS_OK;
}

static void free_large(void *arg, uint64_t place)
{
    struct commons *commons = arg;
    char *at = arena_at(commons->base, place);
    struct item item;
    if (item_read(at, &item) && item.is_large) {
        large_release(commons, item_large(at, &item));
    }
}

/* No reader is left, so segments go at once. */
static void return_segments(struct wreck *wreck)
{
    for (int i = 0; i < SEGMENTS_A_PIECE; i++) {
        struct list *link = list_pop(&wreck->segments);
        if (!link) {
            return;
        }
        struct segment *segment = LIST_ENTRY(link, struct segment, link);
        space_return(segment);
    }
}

static void free_wreck(struct wreck *wreck)
{
    index_fini(&wreck->index);
    atomic_fetch_sub_explicit(&wreck->commons->leaving, wreck->charged,
                              memory_order_relaxed);
    atomic_fetch_sub_explicit(&wreck->commons->other, wreck->charged,
                              memory_order_relaxed);
    pthread_mutex_lock(&wreck->list->lock);
    list_remove(&wreck->link);
    pthread_mutex_unlock(&wreck->list->lock);
    memory_free(wreck);
}

static bool is_stripped(const struct wreck *wreck)
{
    return !wreck->has_large && list_is_empty(&wreck->segments);
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

static void note_key(void *arg, uint64_t place)
{
    struct wreck *wreck = arg;
    char *at = arena_at(wreck->commons->base, place);
    struct item item;
    if (item_read(at, &item)) {
        note_departure(wreck->commons, wreck->bank_hash,
                       slice_of(at + item.key_at, item.key_len));
        wreck->keys_left -= wreck->keys_left > 0;
    }
}

static void note_further(struct wreck *wreck)
{
    wreck->keys_position =
        index_walk_region(&wreck->index, wreck->keys_position, note_key, wreck);
    if (wreck->keys_position == 0) {
        wreck->keys_left = 0;
    }
}

static void strip_further(struct wreck *wreck)
{
    wreck->keys_left = 0;
    if (wreck->has_large) {
        wreck->position = index_walk_region(&wreck->index, wreck->position,
                                            free_large, wreck->commons);
        wreck->has_large = wreck->position != 0;
    } else {
        return_segments(wreck);
    }
}

bool wreck_list_work(struct wreck_list *list)
{
    struct wreck *wreck = find_wreck(list, true);
    if (!wreck) {
        return false;
    }
    if (wreck->keys_left > 0) {
        note_further(wreck);
    } else if (is_stripped(wreck)) {
        free_wreck(wreck);
    } else {
        strip_further(wreck);
    }
    return true;
}

bool wreck_list_hurry(struct wreck_list *list)
{
    struct wreck *wreck = find_wreck(list, false);
    if (wreck) {
        strip_further(wreck);
    }
    return wreck;
}
