/* An item is in use exactly if the index points at it; nothing else says so.
 * What is written anew is appended to a segment, filled, and then the index is
 * made to point there. */
#include "store/bank_internal.h"

#include "base/check.h"
#include "core/bank_stats.h"
#include "store/commons.h"
#include "store/large.h"
#include "store/lifetime.h"

enum { SLOT_CHARGE = 8 /* an entry's part of the index and the ghost */ };

bool bank_find_item(struct bank *bank, const struct hashed_key *key,
                    struct bank_item *found)
{
    uint64_t places[INDEX_FOUND_MAX];
    size_t count = index_find(&bank->index, key->hash, places);
    for (size_t i = 0; i < count; i++) {
        char *at = arena_at(bank->index.commons->base, places[i]);
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
    found->at = arena_at(bank->index.commons->base, place);
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
        &bank->index.commons->keys_secret,
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

uint64_t bank_charge_of(const struct item *item)
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
    atomic_fetch_add_explicit(&bank->live,
                              bank_charge_of(fresh) - bank_charge_of(gone),
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

void bank_drop_large(struct bank *bank, const struct bank_item *found)
{
    if (found->item.is_large) {
        large_retire(bank->index.commons, item_large(found->at, &found->item));
    }
}

void bank_unlink(struct bank *bank, const struct bank_item *found)
{
    index_remove(&bank->index, found->hash, found->place);
    bank_drop_large(bank, found);
    account(bank, NULL, &found->item);
    space_forget(bank->index.commons, found->place, found->item.len);
}

void bank_note_departure(struct bank *bank, uint64_t hash, enum departure how)
{
    departures_note(&bank->index.commons->departures,
                    bank_departure_hash(bank, hash), how);
}

void bank_count_expiration(struct bank *bank, uint64_t end, uint64_t now)
{
    counters_tally(&bank->counters, TALLY_EXPIRATIONS, 1);
    counters_tally_lag(&bank->counters, now > end ? now - end : 0);
}

void bank_expire(struct bank *bank, const struct bank_item *found, uint64_t now)
{
    bank_count_expiration(bank, life_end(item_life(found->at, &found->item)),
                          now);
    bank_note_departure(bank, found->hash, DEPARTURE_EXPIRED);
    bank_unlink(bank, found);
}

void bank_evict(struct bank *bank, const struct bank_item *found)
{
    counters_tally(&bank->counters, TALLY_EVICTIONS, 1);
    bank_note_departure(bank, found->hash, DEPARTURE_EVICTED);
    bank_unlink(bank, found);
}

void bank_lay_out(const struct bank *bank, struct draft *draft)
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
        char *at = arena_at(bank->index.commons->base, *place);
        item_write_rest(at, &draft->item, draft->life, draft->key,
                        draft->value);
        item_set_heat(at, draft->heat);
    }
    return status;
}

enum status bank_add_item(struct bank *bank, uint64_t hash,
                          const struct draft *draft)
{
    uint64_t place;
    enum status status = append(bank, draft, &place);
    if (status) {
        return status;
    }
    status = index_add(&bank->index, hash, place);
    if (status) {
        space_forget(bank->index.commons, place, draft->item.len);
        space_publish(bank->index.commons, place, LIFE_FOREVER);
        return status;
    }
    account(bank, &draft->item, NULL);
    space_publish(bank->index.commons, place, life_end(draft->life));
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
        space_publish(bank->index.commons, place, life_end(draft->life));
        space_forget(bank->index.commons, found->place, found->item.len);
    }
    return status;
}

static bool fits_in_place(const struct item *old, const struct item *fresh)
{
    return old->len == fresh->len && old->has_life == fresh->has_life &&
           old->is_wide == fresh->is_wide && old->has_bank == fresh->has_bank &&
           !old->version == !fresh->version && !old->is_large &&
           !fresh->is_large;
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
        space_note_end(segment_of(bank->index.commons, found->place),
                       life_end(draft->life));
    }
}

bool bank_needs(const struct bank *bank, const struct bank_item *found)
{
    struct bank_limits limits;
    bank_limits(bank, &limits);
    return limits.when_full == BANK_REFUSE ||
           (limits.reserved &&
            bank_beyond_reserve(bank) < bank_charge_of(&found->item));
}

/* A bank that refuses is full when it is; another evicts and tries again. */
static enum status check_terms(const struct bank *bank,
                               const struct bank_limits *limits,
                               const struct item *fresh,
                               const struct item *gone)
{
    uint64_t charge = bank_charge_of(fresh);
    if (limits->maximum && charge > limits->maximum) {
        return STATUS_RESOURCE_EXHAUSTED;
    }
    uint64_t live = bank_live(bank) - bank_charge_of(gone) + charge;
    uint64_t entries =
        atomic_load_explicit(&bank->entries, memory_order_relaxed) + !gone;
    bool is_full =
        (limits->maximum && live > limits->maximum) ||
        (limits->maximum_entries && !gone && entries > limits->maximum_entries);
    if (!is_full) {
        return STATUS_OK;
    }
    return limits->when_full == BANK_REFUSE ? STATUS_RESOURCE_EXHAUSTED
                                            : STATUS_UNAVAILABLE;
}

enum status bank_check_room(const struct bank *bank, const struct item *fresh,
                            const struct item *gone)
{
    if (!bank_terms(bank) ||
        (gone && bank_charge_of(fresh) <= bank_charge_of(gone))) {
        return STATUS_OK;
    }
    struct bank_limits limits;
    bank_limits(bank, &limits);
    return check_terms(bank, &limits, fresh, gone);
}

enum status bank_rewrite(struct bank *bank, const struct bank_item *found,
                         struct draft *draft)
{
    item_warm(found->at);
    draft->heat = item_heat(found->at);
    draft->queue = segment_of(bank->index.commons, found->place)->queue;
    bank_lay_out(bank, draft);
    if (fits_in_place(&found->item, &draft->item)) {
        overwrite(bank, found, draft);
        return STATUS_OK;
    }
    enum status status = bank_check_room(bank, &draft->item, &found->item);
    return status ? status : replace_item(bank, found, draft);
}

struct slice bank_value_of(const struct bank_item *found)
{
    const char *bytes = found->item.is_large
                            ? item_large(found->at, &found->item)
                            : found->at + found->item.value_at;
    return slice_of(bytes, found->item.value_len);
}

bool bank_find_alive(struct bank *bank, const struct hashed_key *key,
                     uint64_t now, struct bank_item *found)
{
    if (!bank_find_item(bank, key, found)) {
        return false;
    }
    if (!life_is_over(item_life(found->at, &found->item), now)) {
        return true;
    }
    bank_expire(bank, found, now);
    return false;
}

void bank_set_life(struct bank *bank, const struct bank_item *found,
                   uint64_t life)
{
    struct index_bucket *bucket =
        index_begin_write(&bank->index, found->hash, found->place);
    item_set_life(found->at, &found->item, life);
    index_end_write(bucket);
    if (life_end(life) != LIFE_FOREVER) {
        space_note_end(segment_of(bank->index.commons, found->place),
                       life_end(life));
    }
}

bool bank_move(struct bank *bank, const struct bank_item *found,
               enum space_queue queue, uint32_t heat)
{
    struct draft draft = {
        .item = {.version = found->item.version,
                 .kind = found->item.kind,
                 .value_len = found->item.value_len},
        .life = item_life(found->at, &found->item),
        .heat = heat,
        .queue = queue,
        .key = slice_of(found->at + found->item.key_at, found->item.key_len),
        .value = bank_value_of(found).data,
    };
    bank_lay_out(bank, &draft);
    return replace_item(bank, found, &draft) == STATUS_OK;
}
