#include "first_store/bank.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "core/number.h"
#include "first_store/entry.h"
#include "first_store/ledger.h"
#include "store/listing.h"
#include "first_store/wreck.h"

struct bank *bank_create(uint64_t hash, struct slice name,
                         const struct commons *commons)
{
    struct bank *bank = memory_alloc_zero(sizeof *bank + name.len);
    if (!bank) {
        return NULL;
    }
    if (name.len) {
        memcpy(bank->name, name.data, name.len);
    }
    bank->node.hash = hash;
    bank->node.key = slice_of(bank->name, name.len);
    bank->commons = commons;
    for (size_t i = 0; i < SHARD_COUNT; i++) {
        shard_init(&bank->shards[i], commons);
    }
    return bank;
}

void bank_free(struct bank **bank)
{
    if (*bank) {
        for (size_t i = 0; i < SHARD_COUNT; i++) {
            shard_fini(&(*bank)->shards[i]);
        }
        memory_free(*bank);
        *bank = NULL;
    }
}

uint64_t bank_charge(const struct bank *bank)
{
    return sizeof *bank + bank->node.key.len;
}

static struct shard *lock_shard_of(struct bank *bank, uint64_t hash)
{
    struct shard *shard = &bank->shards[hash >> (64 - SHARD_BITS)];
    shard_lock(shard);
    return shard;
}

enum status bank_put(struct bank *bank, struct entry *entry)
{
    struct entry *replaced = NULL;
    struct shard *shard = lock_shard_of(bank, entry->node.hash);
    enum status status = shard_store(shard, entry, false, &replaced);
    shard_unlock(shard);
    entry_free(&replaced);
    return status;
}

/* Applies `lifetime` to `entry`, which may then be the caller's to free, in
 * `taken`. */
static enum status apply_touch(struct shard *shard, struct entry *entry,
                               struct lifetime lifetime, struct entry **taken)
{
    if (lifetime.rule == LIFETIME_OVER) {
        *taken = shard_take(shard, entry);
        return STATUS_OK;
    }
    return shard_touch(shard, entry, lifetime);
}

/* Where a get puts what it finds. */
struct reading {
    const struct lifetime *touch;
    struct buffer *bytes;
    enum value_kind *kind;
    struct entry *taken; /* by the touch, for the caller to free */
};

/* `bytes` has room for the value. */
static enum status read_entry(struct shard *shard, struct entry *entry,
                              struct reading *reading)
{
    enum status status = STATUS_OK;
    if (reading->touch) {
        status = apply_touch(shard, entry, *reading->touch, &reading->taken);
    }
    if (!status) {
        status = buffer_append(reading->bytes, entry_value(entry));
        CHECK(status == STATUS_OK);
        *reading->kind = entry->kind;
    }
    return status;
}

/* Room for a value of any length cannot be allocated under the lock. So the
 * first try may only find out how much is needed; whenever the value has
 * grown meanwhile there is another. */
enum status bank_get(struct bank *bank, const struct hashed_key *key,
                     const struct lifetime *touch, struct buffer *bytes,
                     enum value_kind *kind)
{
    struct reading reading = {.touch = touch, .bytes = bytes, .kind = kind};
    enum status status = STATUS_NOT_FOUND;
    size_t needed = 1;
    bool has_room = false;
    while (!has_room) {
        if (!buffer_reserve(bytes, needed)) {
            return STATUS_NOMEM;
        }
        struct shard *shard = lock_shard_of(bank, key->hash);
        struct entry *entry = shard_find(shard, key->hash, key->bytes);
        needed = entry ? entry->value_len : 0;
        has_room = needed <= bytes->capacity - bytes->end;
        if (entry && has_room) {
            status = read_entry(shard, entry, &reading);
        }
        shard_unlock(shard);
    }
    entry_free(&reading.taken);
    return status;
}

enum status bank_touch(struct bank *bank, const struct hashed_key *key,
                       struct lifetime lifetime)
{
    enum status status = STATUS_NOT_FOUND;
    struct entry *taken = NULL;
    struct shard *shard = lock_shard_of(bank, key->hash);
    struct entry *entry = shard_find(shard, key->hash, key->bytes);
    if (entry) {
        status = apply_touch(shard, entry, lifetime, &taken);
    }
    shard_unlock(shard);
    entry_free(&taken);
    return status;
}

enum status bank_remove(struct bank *bank, const struct hashed_key *key)
{
    return bank_touch(bank, key, (struct lifetime){.rule = LIFETIME_OVER});
}

/* Puts `sum` in the place of what `entry` holds, for as long as that had. */
static enum status store_sum(struct shard *shard, const struct entry *entry,
                             const struct number *sum, struct entry **replaced)
{
    char text[NUMBER_TEXT_MAX];
    size_t len = number_print_json(sum, text);
    struct entry *fresh = entry_create(entry->node.hash, entry->node.key,
                                       slice_of(text, len), VALUE_JSON);
    if (!fresh) {
        return STATUS_NOMEM;
    }
    fresh->lifetime_ms = entry->lifetime_ms;
    fresh->timer.due = entry->timer.due;
    enum status status = shard_store(shard, fresh, true, replaced);
    if (status) {
        entry_free(&fresh);
    }
    return status;
}

enum status bank_incr(struct bank *bank, const struct hashed_key *key,
                      const struct number *delta, struct number *sum)
{
    enum status status = STATUS_NOT_FOUND;
    struct entry *replaced = NULL;
    struct shard *shard = lock_shard_of(bank, key->hash);
    struct entry *entry = shard_find(shard, key->hash, key->bytes);
    if (entry) {
        status = number_add(entry->kind, entry_value(entry), delta, sum);
    }
    if (!status) {
        status = store_sum(shard, entry, sum, &replaced);
    }
    shard_unlock(shard);
    entry_free(&replaced);
    return status;
}

void bank_reset(struct bank *bank, struct wreck *wreck)
{
    uint64_t entries = 0;
    for (size_t i = 0; i < SHARD_COUNT; i++) {
        shard_lock(&bank->shards[i]);
    }
    bank->incarnation++;
    for (size_t i = 0; i < SHARD_COUNT; i++) {
        struct shard *shard = &bank->shards[i];
        entries += shard->table.count;
        wreck->parts[i].table = shard->table;
        wreck->parts[i].expiry = shard->expiry;
        table_init(&shard->table, SHARD_BITS);
        shard->expiry = (struct expiry){0};
    }
    ledger_remove_entries(bank->commons->ledger, entries);
    for (size_t i = 0; i < SHARD_COUNT; i++) {
        shard_unlock(&bank->shards[i]);
    }
}

static bool is_alive(struct table_node *node)
{
    return !entry_is_over(entry_of_node(node));
}

/* A page whose bank is reset under it ends where it was then, with a cursor
 * that is out of date: it lists nothing from after the reset. */
enum status bank_keys(struct bank *bank, struct listing *listing,
                      struct cursor *cursor)
{
    bool is_start = cursor->position == 0;
    bool is_current = true;
    enum status status = STATUS_OK;
    while (!status && is_current && !listing_is_over(listing)) {
        status = listing_reserve(listing);
        if (status) {
            return status;
        }
        struct shard *shard = lock_shard_of(bank, listing->walk.position);
        if (is_start) {
            cursor->incarnation = bank->incarnation;
            is_start = false;
        }
        is_current = bank->incarnation == cursor->incarnation;
        if (is_current) {
            status = listing_step(listing, &shard->table, is_alive);
        } else if (listing->walk.position == cursor->position) {
            status = STATUS_ABORTED;
        }
        shard_unlock(shard);
    }
    cursor->position = listing->walk.position;
    return status;
}
