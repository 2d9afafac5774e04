/* A writer finds the item under the bank's lock and changes it in place where
 * its length stays; else it appends a new item to a segment, fills it, and
 * then lets the index point there. An item is in use exactly if the index
 * points at it; nothing else says so. */
#include "store/bank.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "core/bank_stats.h"
#include "core/number.h"
#include "store/store.h"
#include "store/commons.h"
#include "store/large.h"
#include "store/lifetime.h"

enum {
    SLOT_CHARGE = 8, /* an entry's part of the index and the ghost */
    GRADUATE_AT = 256 * 1024,
    READ_TRIES = 16 /* without the lock */
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

static void hash_items(const struct commons *commons, const uint64_t *places,
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
                          (uint32_t)(commons_now(bank->commons) / 1000),
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
    index_init(&bank->index, commons, id, hash_items);
    bank->commons = commons;
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

void bank_free(struct bank **bank)
{
    struct bank *freed = *bank;
    if (freed) {
        CHECK(list_is_empty(&freed->wrecks));
        index_fini(&freed->index);
        size_t lines = counters_fini(&freed->counters);
        atomic_fetch_sub_explicit(&freed->commons->other,
                                  sizeof *freed + freed->node.key.len + lines,
                                  memory_order_relaxed);
        pthread_mutex_destroy(&freed->lock);
        memory_free(atomic_load(&freed->terms));
        memory_free(freed);
        *bank = NULL;
    }
}

static bool find_item(struct bank *bank, const struct hashed_key *key,
                      struct bank_item *found)
{
    uint64_t places[INDEX_FOUND_MAX];
    size_t count = index_find(&bank->index, key->hash, places);
    for (size_t i = 0; i < count; i++) {
        char *at = arena_at(bank->commons->base, places[i]);
        if (item_read(at, &found->item) &&
            item_has_key(at, &found->item, key->bytes)) {
            found->at = at;
            found->place = places[i];
            found->hash = key->hash;
            return true;
        }
    }
    return false;
}

void bank_item_at(const struct bank *bank, uint64_t place,
                  struct bank_item *found)
{
    found->at = arena_at(bank->commons->base, place);
    found->place = place;
    if (!item_read(found->at, &found->item)) {
        UNREACHABLE("an item is at the place of one");
    }
}

void bank_read_item(const struct bank *bank, uint64_t place,
                    struct bank_item *found)
{
    bank_item_at(bank, place, found);
    found->hash = hash_bytes(
        &bank->commons->keys_secret,
        slice_of(found->at + found->item.key_at, found->item.key_len));
}

bool bank_has_item(struct bank *bank, uint64_t place, struct bank_item *found)
{
    bank_read_item(bank, place, found);
    return index_has(&bank->index, found->hash, place);
}

static uint64_t large_of(const struct item *item)
{
    return item && item->is_large ? large_charge(item->value_len) : 0;
}

static uint32_t guests_in(const struct item *item)
{
    return item && item->has_bank;
}

/* What the bank is charged with for `item`; NULL is none. */
static uint64_t charge_of(const struct item *item)
{
    return item ? item->len + SLOT_CHARGE + large_of(item) : 0;
}

/* Adds, in one step, what `fresh` takes and `gone` does no longer; either may
 * be NULL. */
static void account(struct bank *bank, const struct item *fresh,
                    const struct item *gone)
{
    if (fresh && !gone) {
        atomic_fetch_add_explicit(&bank->entries, 1, memory_order_relaxed);
    } else if (gone && !fresh &&
               atomic_fetch_sub_explicit(&bank->entries, 1,
                                         memory_order_relaxed) == 1) {
        bank_note_empty(bank);
    }
    atomic_fetch_add_explicit(&bank->live, charge_of(fresh) - charge_of(gone),
                              memory_order_relaxed);
    if (guests_in(fresh) != guests_in(gone)) {
        atomic_fetch_add_explicit(&bank->guests,
                                  guests_in(fresh) - guests_in(gone),
                                  memory_order_relaxed);
    }
    if (large_of(fresh) || large_of(gone)) {
        atomic_fetch_add_explicit(&bank->large_bytes,
                                  large_of(fresh) - large_of(gone),
                                  memory_order_relaxed);
        space_count_large(bank->space, large_of(fresh), large_of(gone));
    }
}

static void drop_large(struct bank *bank, const struct bank_item *found)
{
    if (found->item.is_large) {
        large_retire(bank->commons, item_large(found->at, &found->item));
    }
}

void bank_unlink(struct bank *bank, const struct bank_item *found)
{
    index_remove(&bank->index, found->hash, found->place);
    drop_large(bank, found);
    account(bank, NULL, &found->item);
    space_forget(bank->commons, found->place, found->item.len);
}

static void note_departure(struct bank *bank, uint64_t hash, enum departure how)
{
    departures_note(&bank->commons->departures, bank_departure_hash(bank, hash),
                    how);
}

/* A lifetime that ended at `end` was found to be over at `now`. */
static void count_expiration(struct bank *bank, uint64_t end, uint64_t now)
{
    counters_tally(&bank->counters, TALLY_EXPIRATIONS, 1);
    counters_tally_lag(&bank->counters, now > end ? now - end : 0);
}

void bank_expire(struct bank *bank, const struct bank_item *found, uint64_t now)
{
    count_expiration(bank, life_end(item_life(found->at, &found->item)), now);
    note_departure(bank, found->hash, DEPARTURE_EXPIRED);
    bank_unlink(bank, found);
}

void bank_evict(struct bank *bank, const struct bank_item *found)
{
    counters_tally(&bank->counters, TALLY_EVICTIONS, 1);
    note_departure(bank, found->hash, DEPARTURE_EVICTED);
    bank_unlink(bank, found);
}

/* An item that is to be written. */
struct draft {
    struct item item;
    uint64_t life;
    uint32_t heat;
    enum space_queue queue;
    struct slice key;
    const char *value; /* the bytes, or a large value's address */
};

static void lay_out(const struct bank *bank, struct draft *draft)
{
    draft->item.has_life = draft->life != LIFE_FOREVER;
    draft->item.has_bank = !bank->space->owner;
    draft->item.key_len = (uint32_t)draft->key.len;
    item_lay_out(&draft->item);
}

/* Writes `draft` to a segment, unseen by anybody. */
static enum status append(struct bank *bank, const struct draft *draft,
                          uint64_t *place)
{
    enum status status =
        space_reserve(bank->space, draft->queue, &draft->item, bank->id, place);
    if (!status) {
        char *at = arena_at(bank->commons->base, *place);
        item_write_rest(at, &draft->item, draft->life, draft->key,
                        draft->value);
        item_set_heat(at, draft->heat);
    }
    return status;
}

static enum status add_item(struct bank *bank, uint64_t hash,
                            const struct draft *draft)
{
    uint64_t place;
    enum status status = append(bank, draft, &place);
    if (status) {
        return status;
    }
    status = index_add(&bank->index, hash, place);
    if (status) {
        space_forget(bank->commons, place, draft->item.len);
        space_publish(bank->commons, place, LIFE_FOREVER);
        return status;
    }
    account(bank, &draft->item, NULL);
    space_publish(bank->commons, place, life_end(draft->life));
    return STATUS_OK;
}

/* Puts `draft` in the place of `found`, whose large value stays. */
static enum status replace_item(struct bank *bank,
                                const struct bank_item *found,
                                const struct draft *draft)
{
    uint64_t place;
    enum status status = append(bank, draft, &place);
    if (!status) {
        index_replace(&bank->index, found->hash, found->place, place);
        account(bank, &draft->item, &found->item);
        space_publish(bank->commons, place, life_end(draft->life));
        space_forget(bank->commons, found->place, found->item.len);
    }
    return status;
}

static bool fits_in_place(const struct item *old, const struct item *fresh)
{
    return old->len == fresh->len && old->has_life == fresh->has_life &&
           old->is_wide == fresh->is_wide && old->has_bank == fresh->has_bank &&
           !old->is_large && !fresh->is_large;
}

static void overwrite(struct bank *bank, const struct bank_item *found,
                      const struct draft *draft)
{
    uint32_t heat = item_heat(found->at);
    struct index_bucket *bucket =
        index_begin_write(&bank->index, found->hash, found->place);
    item_write_head(found->at, &draft->item, bank->id);
    item_set_heat(found->at, heat);
    item_write_value(found->at, &draft->item, draft->life, draft->value);
    index_end_write(bucket);
    if (life_end(draft->life) != LIFE_FOREVER) {
        space_note_end(segment_of(bank->commons, found->place),
                       life_end(draft->life));
    }
}

static uint64_t live_of(const struct bank *bank)
{
    return atomic_load_explicit(&bank->live, memory_order_relaxed);
}

void bank_limits(const struct bank *bank, struct bank_limits *limits)
{
    struct bank_terms *terms =
        atomic_load_explicit(&bank->terms, memory_order_acquire);
    *limits = (struct bank_limits){.weight = BANK_WEIGHT_DEFAULT};
    if (terms) {
        limits->reserved =
            atomic_load_explicit(&terms->reserved, memory_order_relaxed);
        limits->maximum =
            atomic_load_explicit(&terms->maximum, memory_order_relaxed);
        limits->weight =
            atomic_load_explicit(&terms->weight, memory_order_relaxed);
    }
}

bool bank_is_over(const struct bank *bank)
{
    struct bank_limits limits;
    bank_limits(bank, &limits);
    return limits.maximum && live_of(bank) > limits.maximum;
}

uint64_t bank_beyond_reserve(const struct bank *bank)
{
    struct bank_limits limits;
    bank_limits(bank, &limits);
    uint64_t live = live_of(bank);
    return live > limits.reserved ? live - limits.reserved : 0;
}

uint64_t bank_mean_charge(const struct bank *bank)
{
    uint64_t entries =
        atomic_load_explicit(&bank->entries, memory_order_relaxed);
    return entries ? live_of(bank) / entries : 0;
}

bool bank_needs(const struct bank *bank, const struct bank_item *found)
{
    struct bank_limits limits;
    bank_limits(bank, &limits);
    return limits.reserved &&
           bank_beyond_reserve(bank) < charge_of(&found->item);
}

/* Whether the bank's maximum lets `fresh` in for `gone`, which may be NULL. */
static enum status check_maximum(const struct bank *bank,
                                 const struct item *fresh,
                                 const struct item *gone)
{
    struct bank_limits limits;
    uint64_t charge = charge_of(fresh);
    bank_limits(bank, &limits);
    if (!limits.maximum || charge <= charge_of(gone)) {
        return STATUS_OK;
    }
    if (charge > limits.maximum) {
        return STATUS_RESOURCE_EXHAUSTED;
    }
    return live_of(bank) - charge_of(gone) + charge > limits.maximum
               ? STATUS_UNAVAILABLE
               : STATUS_OK;
}

/* Gives the entry `found` what `draft` says, which keeps its place in the
 * order of eviction. */
static enum status rewrite(struct bank *bank, const struct bank_item *found,
                           struct draft *draft)
{
    item_warm(found->at);
    draft->heat = item_heat(found->at);
    draft->queue = segment_of(bank->commons, found->place)->queue;
    lay_out(bank, draft);
    if (fits_in_place(&found->item, &draft->item)) {
        overwrite(bank, found, draft);
        return STATUS_OK;
    }
    enum status status = check_maximum(bank, &draft->item, &found->item);
    return status ? status : replace_item(bank, found, draft);
}

/* Puts `draft` where `found` is; one that is over counts as that. */
static enum status put_over(struct bank *bank, const struct bank_item *found,
                            struct draft *draft)
{
    uint64_t life = item_life(found->at, &found->item);
    enum status status = rewrite(bank, found, draft);
    if (status) {
        return status;
    }
    drop_large(bank, found);
    uint64_t now = found->item.has_life ? commons_now(bank->commons) : 0;
    if (life_is_over(life, now)) {
        count_expiration(bank, life_end(life), now);
    } else {
        counters_tally(&bank->counters, TALLY_OVERWRITES, 1);
    }
    return STATUS_OK;
}

enum status bank_put(struct bank *bank, const struct hashed_key *key,
                     struct bank_value *value)
{
    struct draft draft = {
        .item = {.kind = value->kind, .value_len = (uint32_t)value->bytes.len},
        .life = value->life,
        .key = key->bytes,
        .value = value->large ? value->large : value->bytes.data,
    };
    struct bank_item found;
    enum status status;
    pthread_mutex_lock(&bank->lock);
    if (bank->is_dropped) {
        status = STATUS_ABORTED;
    } else if (find_item(bank, key, &found)) {
        status = put_over(bank, &found, &draft);
    } else {
        lay_out(bank, &draft);
        status = check_maximum(bank, &draft.item, NULL);
        if (!status) {
            draft.queue = space_queue_of(bank->space, key->hash);
            status = add_item(bank, key->hash, &draft);
        }
    }
    pthread_mutex_unlock(&bank->lock);
    if (!status) {
        value->large = NULL;
    }
    return status;
}

/* The value of `found`; valid while the lock is held. */
static struct slice value_of(const struct bank_item *found)
{
    const char *bytes = found->item.is_large
                            ? item_large(found->at, &found->item)
                            : found->at + found->item.value_at;
    return slice_of(bytes, found->item.value_len);
}

/* With the lock held: the entry of `key`, if it is there and not over. */
static bool find_alive(struct bank *bank, const struct hashed_key *key,
                       uint64_t now, struct bank_item *found)
{
    if (!find_item(bank, key, found)) {
        return false;
    }
    if (!life_is_over(item_life(found->at, &found->item), now)) {
        return true;
    }
    bank_expire(bank, found, now);
    return false;
}

static void set_life(struct bank *bank, const struct bank_item *found,
                     uint64_t life)
{
    struct index_bucket *bucket =
        index_begin_write(&bank->index, found->hash, found->place);
    item_set_life(found->at, &found->item, life);
    index_end_write(bucket);
    if (life_end(life) != LIFE_FOREVER) {
        space_note_end(segment_of(bank->commons, found->place), life_end(life));
    }
}

/* The entry gets room for a lifetime, which it has not. */
static enum status add_life(struct bank *bank, const struct bank_item *found,
                            uint64_t life)
{
    struct draft draft = {
        .item = {.kind = found->item.kind, .value_len = found->item.value_len},
        .life = life,
        .key = slice_of(found->at + found->item.key_at, found->item.key_len),
        .value = value_of(found).data,
    };
    return rewrite(bank, found, &draft);
}

static enum status touch_item(struct bank *bank, const struct bank_item *found,
                              struct lifetime lifetime, uint64_t now)
{
    uint64_t life = item_life(found->at, &found->item);
    if (lifetime.rule == LIFETIME_OVER) {
        note_departure(bank, found->hash, DEPARTURE_REMOVED);
        bank_unlink(bank, found);
        return STATUS_OK;
    }
    if (lifetime.rule == LIFETIME_SAME) {
        if (life_end(life) == LIFE_FOREVER) {
            return STATUS_OK;
        }
        lifetime = (struct lifetime){LIFETIME_NEW, life_ms(life)};
    }
    life = life_of(lifetime, now);
    if (found->item.has_life) {
        set_life(bank, found, life);
        return STATUS_OK;
    }
    return life == LIFE_FOREVER ? STATUS_OK : add_life(bank, found, life);
}

enum status bank_touch(struct bank *bank, const struct hashed_key *key,
                       struct lifetime lifetime)
{
    struct bank_item found;
    uint64_t now = commons_now(bank->commons);
    enum status status = STATUS_NOT_FOUND;
    pthread_mutex_lock(&bank->lock);
    if (find_alive(bank, key, now, &found)) {
        status = touch_item(bank, &found, lifetime, now);
    }
    pthread_mutex_unlock(&bank->lock);
    return status;
}

enum status bank_remove(struct bank *bank, const struct hashed_key *key)
{
    return bank_touch(bank, key, (struct lifetime){LIFETIME_OVER, 0});
}

bool bank_move_region(struct bank *bank, const struct index_piece *piece)
{
    pthread_mutex_lock(&bank->lock);
    bool is_moved = index_move_region(&bank->index, piece);
    pthread_mutex_unlock(&bank->lock);
    return is_moved;
}

static void count_get(struct bank *bank, enum counter what)
{
    counters_count(&bank->counters, what, &bank->commons->other);
}

static void count_miss(struct bank *bank, const struct hashed_key *key)
{
    static const enum counter counters[] = {
        [DEPARTURE_EXPIRED] = COUNTER_EXPIRED,
        [DEPARTURE_EVICTED] = COUNTER_EVICTED,
        [DEPARTURE_REMOVED] = COUNTER_REMOVED,
        [DEPARTURE_RESET] = COUNTER_RESET,
        [DEPARTURE_NONE] = COUNTER_NEVER_SEEN,
    };
    enum departure how = departures_find(&bank->commons->departures,
                                         bank_departure_hash(bank, key->hash));
    count_get(bank, counters[how]);
}

static bool has_room(const struct buffer *bytes, size_t len)
{
    return len <= bytes->capacity - bytes->end;
}

/* Room cannot be allocated under the lock; so the first try may only find out
 * how much is needed, and whenever the value has grown there is another. */
enum status bank_get_and_touch(struct bank *bank, const struct hashed_key *key,
                               const struct lifetime *touch,
                               struct buffer *bytes, enum value_kind *kind)
{
    struct bank_item found;
    uint64_t now = commons_now(bank->commons);
    enum status status = STATUS_OK;
    size_t needed = 0;
    size_t len_before = buffer_len(bytes);
    bool is_done = false;
    while (!is_done) {
        if (!buffer_reserve(bytes, needed)) {
            return STATUS_NOMEM;
        }
        pthread_mutex_lock(&bank->lock);
        bool is_there = find_alive(bank, key, now, &found);
        needed = is_there ? found.item.value_len : 0;
        is_done = has_room(bytes, needed);
        status = is_there ? STATUS_OK : STATUS_NOT_FOUND;
        if (is_there && is_done) {
            *kind = found.item.kind;
            item_warm(found.at);
            (void)buffer_append(bytes, value_of(&found));
            status = touch ? touch_item(bank, &found, *touch, now) : status;
        }
        pthread_mutex_unlock(&bank->lock);
    }
    if (status) {
        buffer_truncate(bytes, len_before);
    }
    if (status == STATUS_NOT_FOUND) {
        count_miss(bank, key);
    } else if (!status) {
        count_get(bank, COUNTER_HIT);
    }
    return status;
}

enum status bank_incr(struct bank *bank, const struct hashed_key *key,
                      const struct number *delta, struct number *sum)
{
    struct bank_item found;
    uint64_t now = commons_now(bank->commons);
    enum status status = STATUS_NOT_FOUND;
    pthread_mutex_lock(&bank->lock);
    if (find_alive(bank, key, now, &found)) {
        status = number_add(found.item.kind, value_of(&found), delta, sum);
        char text[NUMBER_TEXT_MAX];
        size_t len = status ? 0 : number_print_json(sum, text);
        struct draft draft = {
            .item = {.kind = VALUE_JSON, .value_len = (uint32_t)len},
            .life = item_life(found.at, &found.item),
            .key = key->bytes,
            .value = text,
        };
        status = status ? status : rewrite(bank, &found, &draft);
        if (!status) {
            drop_large(bank, &found);
        }
    }
    pthread_mutex_unlock(&bank->lock);
    return status;
}

/* What a reader makes of one place. */
enum look { LOOK_OTHER, LOOK_HIT, LOOK_OVER, LOOK_AGAIN, LOOK_NOMEM };

/* Appends the value to `bytes` as it seems to be; whether it was so, the
 * reader knows afterwards. A length is believed only when it is proven. */
static enum look copy_value(const struct index_reader *reader,
                            const struct bank_item *seen, struct buffer *bytes)
{
    const struct item *item = &seen->item;
    if (item->is_wide && !index_is_valid(reader)) {
        return LOOK_AGAIN;
    }
    char *room = buffer_reserve(bytes, item->value_len);
    if (!room) {
        return LOOK_NOMEM;
    }
    char *from = seen->at + item->value_at;
    if (item->is_large) {
        from = item_large(seen->at, item);
        if (!index_is_valid(reader)) {
            return LOOK_AGAIN;
        }
    }
    item_copy_out(room, from, item->value_len);
    return LOOK_HIT;
}

static enum look look_at(const struct bank *bank,
                         const struct index_reader *reader,
                         const struct hashed_key *key, struct bank_item *seen,
                         struct buffer *bytes)
{
    seen->at = arena_at(bank->commons->base, reader->place);
    if (!item_read(seen->at, &seen->item) ||
        !item_has_key(seen->at, &seen->item, key->bytes)) {
        return LOOK_OTHER;
    }
    uint64_t life = item_life(seen->at, &seen->item);
    enum look look =
        seen->item.has_life && life_is_over(life, commons_now(bank->commons))
            ? LOOK_OVER
            : copy_value(reader, seen, bytes);
    if (look == LOOK_NOMEM) {
        return look;
    }
    return index_is_valid(reader) ? look : LOOK_AGAIN;
}

enum status bank_get(struct bank *bank, const struct hashed_key *key,
                     struct buffer *bytes, enum value_kind *kind)
{
    struct index_reader reader;
    struct bank_item seen;
    unsigned tries = 0;
    index_start(&reader, &bank->index, key->hash);
    while (tries < READ_TRIES && index_next(&reader)) {
        switch (look_at(bank, &reader, key, &seen, bytes)) {
        case LOOK_OTHER:
            break;
        case LOOK_AGAIN:
            tries++;
            index_start(&reader, &bank->index, key->hash);
            break;
        case LOOK_HIT:
            item_warm(seen.at);
            count_get(bank, COUNTER_HIT);
            buffer_commit(bytes, seen.item.value_len);
            *kind = seen.item.kind;
            return STATUS_OK;
        case LOOK_OVER:
            count_get(bank, COUNTER_EXPIRED);
            return STATUS_NOT_FOUND;
        case LOOK_NOMEM:
            return STATUS_NOMEM;
        }
    }
    if (tries == READ_TRIES) {
        return bank_get_and_touch(bank, key, NULL, bytes, kind);
    }
    count_miss(bank, key);
    return STATUS_NOT_FOUND;
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
    stats->reserved = limits.reserved;
    stats->maximum = limits.maximum;
    stats->weight = limits.weight;
}

bool bank_move(struct bank *bank, const struct bank_item *found,
               enum space_queue queue, uint32_t heat)
{
    struct draft draft = {
        .item = {.kind = found->item.kind, .value_len = found->item.value_len},
        .life = item_life(found->at, &found->item),
        .heat = heat,
        .queue = queue,
        .key = slice_of(found->at + found->item.key_at, found->item.key_len),
        .value = value_of(found).data,
    };
    lay_out(bank, &draft);
    return replace_item(bank, found, &draft) == STATUS_OK;
}

/* What binds only this bank cannot be kept among others. */
static bool has_limits(const struct bank *bank)
{
    struct bank_limits limits;
    bank_limits(bank, &limits);
    return limits.reserved || limits.maximum ||
           limits.weight != BANK_WEIGHT_DEFAULT;
}

bool bank_wants_space(struct bank *bank)
{
    struct space *space = atomic_load(&bank->space);
    if (space->owner) {
        return false;
    }
    uint64_t live = live_of(bank);
    uint64_t large =
        atomic_load_explicit(&bank->large_bytes, memory_order_relaxed);
    return live >= GRADUATE_AT + large || has_limits(bank);
}

/* With the lock held. */
static void take_space(struct bank *bank, struct space **fresh)
{
    if (bank_wants_space(bank)) {
        space_count_large(bank->space, 0, bank->large_bytes);
        space_count_large(*fresh, bank->large_bytes, 0);
        atomic_store(&bank->space, *fresh);
        *fresh = NULL;
    }
}

void bank_graduate(struct bank *bank, struct space **fresh)
{
    pthread_mutex_lock(&bank->lock);
    take_space(bank, fresh);
    pthread_mutex_unlock(&bank->lock);
}

enum status bank_set_limits(struct bank *bank, const struct bank_limits *limits,
                            struct bank_terms **terms, struct space **fresh)
{
    pthread_mutex_lock(&bank->lock);
    if (bank->is_dropped) {
        pthread_mutex_unlock(&bank->lock);
        return STATUS_ABORTED;
    }
    struct bank_terms *mine = atomic_load(&bank->terms);
    if (!mine) {
        mine = *terms;
        *terms = NULL;
    }
    atomic_store_explicit(&mine->reserved, limits->reserved,
                          memory_order_relaxed);
    atomic_store_explicit(&mine->maximum, limits->maximum,
                          memory_order_relaxed);
    atomic_store_explicit(&mine->weight, limits->weight, memory_order_relaxed);
    /* Pairs with bank_limits(). */
    atomic_store_explicit(&bank->terms, mine, memory_order_release);
    take_space(bank, fresh);
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
        if (!item_read(arena_at(bank->commons->base, place), &found.item) ||
            !found.item.has_bank || !bank_has_item(bank, place, &found)) {
            continue;
        }
        if (!bank_move(bank, &found, segment_of(bank->commons, place)->queue,
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
