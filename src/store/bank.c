/* The bank as a whole; its items are in bank_item.c, what is done to one entry
 * in bank_entry.c, to read without the lock in bank_get.c. */
#include "store/bank_internal.h"

#include "base/check.h"
#include "base/memory.h"
#include "core/bank_stats.h"
#include "store/commons.h"

enum {
    GRADUATE_AT = 256 * 1024,
    EVICT_SHARE = 64 /* of the entries that it may have, at once */
};

static uint64_t hash_item(const struct commons *commons, uint64_t place)
{
    char *at = arena_at(commons->base, place);
    struct item item;
    if (!item_read(at, &item)) {
        UNREACHABLE("the index points at items");
    }
    return hash_bytes(&commons->keys_secret,
                      slice_of(at + item.key_at, item.key_len));
}

/* How many items ahead of the one that is hashed are fetched. */
enum { FETCH_AHEAD = 8 };

void bank_hash_items(const struct commons *commons, const uint64_t *places,
                     uint64_t *hashes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t ahead = i + FETCH_AHEAD < count ? i + FETCH_AHEAD : count - 1;
        __builtin_prefetch(arena_at(commons->base, places[ahead]));
        hashes[i] = hash_item(commons, places[i]);
    }
}

void bank_note_empty(struct bank *bank)
{
    atomic_store_explicit(&bank->empty_since_s,
                          (uint32_t)(commons_now(bank->index.commons) / 1000),
                          memory_order_relaxed);
}

static size_t bank_len(size_t name_len)
{
    size_t len = offsetof(struct bank, name) + name_len;
    return len > sizeof(struct bank) ? len : sizeof(struct bank);
}

struct bank *bank_create(uint64_t hash, struct slice name, uint32_t id,
                         struct space *space)
{
    struct bank *bank = memory_alloc_zero(bank_len(name.len));
    if (!bank) {
        return NULL;
    }
    struct commons *commons = space->commons;
    index_init(&bank->index, commons, id);
    if (name.len) {
        memcpy(bank->name, name.data, name.len);
    }
    bank->node.hash = hash;
    bank->node.key = slice_of(bank->name, name.len);
    atomic_init(&bank->space, space);
    bank->id = id;
    bank_note_empty(bank);
    list_init(&bank->wrecks);
    pthread_mutex_init(&bank->lock, NULL);
    atomic_fetch_add_explicit(&commons->other, sizeof *bank + name.len,
                              memory_order_relaxed);
    return bank;
}

static void free_name(struct bank *bank)
{
    if (bank->node.key.data != bank->name) {
        memory_free((char *)bank->node.key.data);
    }
}

void bank_set_name(struct bank *bank, const struct hashed_key *to)
{
    atomic_fetch_add_explicit(&bank->index.commons->other,
                              to->bytes.len - bank->node.key.len,
                              memory_order_relaxed);
    free_name(bank);
    bank->node.hash = to->hash;
    bank->node.key = to->bytes;
    pthread_mutex_lock(&bank->lock);
    atomic_store_explicit(&bank->named_at, to->generation,
                          memory_order_release);
    pthread_mutex_unlock(&bank->lock);
}

void bank_free(struct bank **bank)
{
    struct bank *freed = *bank;
    if (freed) {
        CHECK(list_is_empty(&freed->wrecks));
        index_fini(&freed->index);
        size_t lines = counters_fini(&freed->counters);
        atomic_fetch_sub_explicit(&freed->index.commons->other,
                                  sizeof *freed + freed->node.key.len + lines,
                                  memory_order_relaxed);
        free_name(freed);
        pthread_mutex_destroy(&freed->lock);
        memory_free(atomic_load(&freed->terms));
        memory_free(freed);
        *bank = NULL;
    }
}

void bank_limits(const struct bank *bank, struct bank_limits *limits)
{
    const struct bank_terms *terms = bank_terms(bank);
    *limits = bank_limits_initial();
    if (terms) {
#define LIMIT(name, ...)                                                       \
    limits->name = atomic_load_explicit(&terms->name, memory_order_relaxed);
#include "core/bank_limits.def"
#undef LIMIT
    }
}

bool bank_is_over(const struct bank *bank)
{
    struct bank_limits limits;
    bank_limits(bank, &limits);
    uint64_t entries =
        atomic_load_explicit(&bank->entries, memory_order_relaxed);
    return limits.when_full != BANK_REFUSE &&
           ((limits.maximum && bank_live(bank) > limits.maximum) ||
            (limits.maximum_entries && entries > limits.maximum_entries));
}

size_t bank_evict_step(const struct bank *bank)
{
    struct bank_limits limits;
    bank_limits(bank, &limits);
    uint64_t entries =
        atomic_load_explicit(&bank->entries, memory_order_relaxed);
    uint64_t step = entries > limits.maximum_entries
                        ? entries - limits.maximum_entries
                        : limits.maximum_entries / EVICT_SHARE + 1;
    return limits.maximum_entries ? (size_t)step : SIZE_MAX;
}

uint64_t bank_beyond_reserve(const struct bank *bank)
{
    struct bank_limits limits;
    bank_limits(bank, &limits);
    uint64_t live = bank_live(bank);
    return live > limits.reserved ? live - limits.reserved : 0;
}

uint64_t bank_mean_charge(const struct bank *bank)
{
    uint64_t entries =
        atomic_load_explicit(&bank->entries, memory_order_relaxed);
    return entries ? bank_live(bank) / entries : 0;
}

bool bank_move_region(struct bank *bank, const struct index_piece *piece)
{
    pthread_mutex_lock(&bank->lock);
    bool is_moved = index_move_region(&bank->index, piece);
    pthread_mutex_unlock(&bank->lock);
    return is_moved;
}

void bank_stats(const struct bank *bank, struct bank_stats *stats)
{
    const struct counters *counters = &bank->counters;
    *stats = (struct bank_stats){
        .entries = atomic_load_explicit(&bank->entries, memory_order_relaxed),
        .bytes = atomic_load_explicit(&bank->live, memory_order_relaxed),
        .hits = counters_sum(counters, COUNTER_HIT),
        .misses_never_seen = counters_sum(counters, COUNTER_NEVER_SEEN),
        .misses_expired = counters_sum(counters, COUNTER_EXPIRED),
        .misses_evicted = counters_sum(counters, COUNTER_EVICTED),
        .misses_removed = counters_sum(counters, COUNTER_REMOVED),
        .misses_reset = counters_sum(counters, COUNTER_RESET),
        .evictions = counters_tallied(counters, TALLY_EVICTIONS),
        .expirations = counters_tallied(counters, TALLY_EXPIRATIONS),
        .overwrites = counters_tallied(counters, TALLY_OVERWRITES),
        .expiry_lag_total_ms = counters_tallied(counters, TALLY_LAG_MS),
        .expiry_lag_max_ms = counters_lag_max_ms(counters),
    };
    struct bank_limits limits;
    bank_limits(bank, &limits);
#define LIMIT(name, ...) stats->name = limits.name;
#include "core/bank_limits.def"
#undef LIMIT
}

bool bank_wants_space(struct bank *bank)
{
    struct space *space = atomic_load(&bank->space);
    if (space->owner) {
        return false;
    }
    uint64_t live = bank_live(bank);
    uint64_t large =
        atomic_load_explicit(&bank->large_bytes, memory_order_relaxed);
    return live >= GRADUATE_AT + large;
}

/* With the lock held. */
static void take_space(struct bank *bank, struct space **fresh)
{
    space_count_large(bank->space, 0, bank->large_bytes);
    space_count_large(*fresh, bank->large_bytes, 0);
    atomic_store(&bank->space, *fresh);
    *fresh = NULL;
}

void bank_graduate(struct bank *bank, struct space **fresh)
{
    pthread_mutex_lock(&bank->lock);
    if (bank_wants_space(bank)) {
        take_space(bank, fresh);
    }
    pthread_mutex_unlock(&bank->lock);
}

enum status bank_set_limits(struct bank *bank, const struct bank_limits *limits,
                            struct bank_terms **terms, struct space **fresh)
{
    pthread_mutex_lock(&bank->lock);
    if (bank->is_dropped) {
        pthread_mutex_unlock(&bank->lock);
        return STATUS_CANCELLED;
    }
    struct bank_terms *mine = atomic_load(&bank->terms);
    if (!mine) {
        mine = *terms;
        *terms = NULL;
    }
#define LIMIT(name, ...)                                                       \
    atomic_store_explicit(&mine->name, limits->name, memory_order_relaxed);
#include "core/bank_limits.def"
#undef LIMIT
    /* Pairs with bank_terms(). */
    atomic_store_explicit(&bank->terms, mine, memory_order_release);
    if (!bank->space->owner) {
        take_space(bank, fresh);
    }
    pthread_mutex_unlock(&bank->lock);
    return STATUS_OK;
}

/* Moves those of the next bucket; answers how many items' worth it was, 0
 * when there is no room. */
static size_t gather_bucket(struct bank *bank)
{
    struct index_places bucket = {0};
    size_t worth = 1;
    index_walk_bucket(&bank->index, &atomic_load(&bank->space)->gathering,
                      index_collect_place, &bucket);
    for (size_t i = 0; i < bucket.count; i++) {
        struct bank_item found;
        uint64_t place = bucket.places[i];
        if (!item_read(arena_at(bank->index.commons->base, place),
                       &found.item) ||
            !found.item.has_bank || !bank_has_item(bank, place, &found)) {
            continue;
        }
        if (!bank_move(bank, &found,
                       segment_of(bank->index.commons, place)->queue,
                       item_heat(found.at))) {
            return 0;
        }
        worth += bank_move_worth(found.item.len);
    }
    return worth;
}

/* A tour through the index may miss some; then there is another. */
bool bank_gather(struct bank *bank, size_t items)
{
    bool has_moved = false;
    if (!atomic_load_explicit(&bank->guests, memory_order_relaxed) ||
        !atomic_load(&bank->space)->owner) {
        return false;
    }
    pthread_mutex_lock(&bank->lock);
    while (items > 0 &&
           atomic_load_explicit(&bank->guests, memory_order_relaxed)) {
        size_t worth = gather_bucket(bank);
        if (worth == 0) {
            break;
        }
        has_moved = true;
        items -= worth < items ? worth : items;
    }
    pthread_mutex_unlock(&bank->lock);
    return has_moved;
}

/* The space may change before its lock is had; then the other one is. */
struct space *bank_lock_with_space(struct bank *bank)
{
    for (;;) {
        struct space *space = atomic_load(&bank->space);
        pthread_mutex_lock(&space->job_lock);
        pthread_mutex_lock(&bank->lock);
        if (space == atomic_load(&bank->space)) {
            return space;
        }
        pthread_mutex_unlock(&bank->lock);
        pthread_mutex_unlock(&space->job_lock);
    }
}
