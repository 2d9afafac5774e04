/*
 * store ---- table of banks ---- bank ---- 16 shards ---- table of entries
 *   |                                         |     \---- expiry, by time
 *   +------- agenda: when a shard is due -----+
 *   +------- wrecks: what resets left
 *   +------- ledger: bytes and entries, added up
 *
 * Lock order, outermost first:
 *
 *   1. store.lock, shared or exclusive: the table of banks. Given up before
 *      the work in a bank, except that a new bank gets its first entry
 *      under it, so that a put that fails leaves no bank behind.
 *   2. shard.lock: one, or all of a bank in ascending order (reset).
 *   3. agenda.lock, or wreck_list.lock.
 *
 * Under none of them is anything allocated that could be large, and none is
 * held for more than some 64 entries' worth of work. Large blocks are freed
 * outside. A bank lives until the store does, so a pointer to one, or to a
 * shard, stays good without a lock.
 *
 * A put that finds the memory limit reached does what store_work() has
 * waiting until there is room, so that it is never refused for the sake of
 * entries that do not exist any more.
 */
#include "store/store.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "core/number.h"
#include "core/response.h"
#include "first_store/agenda.h"
#include "first_store/bank.h"
#include "first_store/entry.h"
#include "first_store/ledger.h"
#include "store/listing.h"
#include "first_store/wreck.h"

#include <malloc.h>
#include <pthread.h>

enum {
    EXPIRE_STEP = 64, /* entries removed under one hold of a lock */
    WORK_STEPS = 64,  /* such steps in one store_work() */
    TRIM_BYTES = 16 * 1024 * 1024
};

/* The secrets are keys of hashes: of names and keys, and of the cursors of
 * either list. */
struct store {
    uint64_t banks_max;
    struct hash_key names_secret;
    struct hash_key keys_cursors_secret;
    struct hash_key banks_cursors_secret;
    pthread_rwlock_t lock;
    struct table banks;
    struct ledger ledger;
    struct agenda agenda;
    struct commons commons; /* these two */
    struct wreck_list wrecks;
    uint64_t bytes_high; /* store_work()'s: most since it trimmed */
};

/* Writers go first, or a crowd of readers could keep a new bank waiting. */
static void init_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t attributes;
    CHECK(pthread_rwlockattr_init(&attributes) == 0);
    CHECK(pthread_rwlockattr_setkind_np(
              &attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0);
    CHECK(pthread_rwlock_init(lock, &attributes) == 0);
    pthread_rwlockattr_destroy(&attributes);
}

/* By default the C library sets small blocks aside as they are freed, to join
 * millions of them with their neighbours later, all at once and with its heap
 * locked: a third of a second after two million entries were reset. */
static void join_free_blocks_at_once(void)
{
    mallopt(M_MXFAST, 0);
}

struct store *store_create(const struct store_options *options)
{
    struct store *store = memory_alloc_zero(sizeof *store);
    if (!store) {
        return NULL;
    }
    join_free_blocks_at_once();
    store->banks_max = options->banks_max;
    store->names_secret = hash_key_random();
    store->keys_cursors_secret = hash_key_random();
    store->banks_cursors_secret = hash_key_random();
    init_lock(&store->lock);
    table_init(&store->banks, 0);
    ledger_init(&store->ledger, options->memory_max);
    agenda_init(&store->agenda);
    store->commons = (struct commons){&store->ledger, &store->agenda};
    wreck_list_init(&store->wrecks);
    return store;
}

static void free_banks(struct table *banks)
{
    struct table_node *node = table_drain(banks, SIZE_MAX);
    while (node) {
        struct bank *bank = bank_of_node(node);
        node = node->next;
        bank_free(&bank);
    }
    table_fini(banks);
}

void store_free(struct store **store)
{
    if (!*store) {
        return;
    }
    free_banks(&(*store)->banks);
    wreck_list_fini(&(*store)->wrecks);
    agenda_fini(&(*store)->agenda);
    pthread_rwlock_destroy(&(*store)->lock);
    memory_free(*store);
    *store = NULL;
}

/* A name or a key with its hash. */
static struct hashed_key hash_key_of(const struct store *store,
                                     struct slice bytes)
{
    return (struct hashed_key){hash_bytes(&store->names_secret, bytes), bytes};
}

/* The bank of that name, with the lock held either way; NULL without one. */
static struct bank *find_locked(struct store *store,
                                const struct hashed_key *name)
{
    struct table_node *node =
        table_find(&store->banks, name->hash, name->bytes);
    return node ? bank_of_node(node) : NULL;
}

static struct bank *find_bank(struct store *store,
                              const struct hashed_key *name)
{
    pthread_rwlock_rdlock(&store->lock);
    struct bank *bank = find_locked(store, name);
    pthread_rwlock_unlock(&store->lock);
    return bank;
}

/* A put on its way. */
struct put {
    struct hashed_key bank;
    struct hashed_key key;
    struct entry *entry; /* NULL: the key is to have none */
    bool is_short_of_memory;
};

static enum status put_into(struct bank *bank, struct put *put)
{
    if (!put->entry) {
        bank_remove(bank, &put->key);
        return STATUS_OK;
    }
    enum status status = bank_put(bank, put->entry);
    put->is_short_of_memory = status == STATUS_RESOURCE_EXHAUSTED;
    if (!status) {
        put->entry = NULL;
    }
    return status;
}

static enum status charge_and_put_into(struct store *store, struct bank *bank,
                                       struct put *put)
{
    if (!ledger_charge(&store->ledger, bank_charge(bank))) {
        put->is_short_of_memory = true;
        return STATUS_RESOURCE_EXHAUSTED;
    }
    enum status status = put_into(bank, put);
    if (status) {
        ledger_refund(&store->ledger, bank_charge(bank));
    }
    return status;
}

/* With the lock held exclusively. */
static enum status put_into_new(struct store *store, struct put *put)
{
    if (store->banks_max && store->banks.count >= store->banks_max) {
        return STATUS_RESOURCE_EXHAUSTED;
    }
    enum status status = table_reserve(&store->banks);
    if (status) {
        return status;
    }
    struct bank *bank =
        bank_create(put->bank.hash, put->bank.bytes, &store->commons);
    if (!bank) {
        return STATUS_NOMEM;
    }
    status = charge_and_put_into(store, bank, put);
    if (status) {
        bank_free(&bank);
        return status;
    }
    table_insert(&store->banks, &bank->node);
    return STATUS_OK;
}

static enum status try_put(struct store *store, struct put *put)
{
    put->is_short_of_memory = false;
    struct bank *bank = find_bank(store, &put->bank);
    if (bank) {
        return put_into(bank, put);
    }
    pthread_rwlock_wrlock(&store->lock);
    bank = find_locked(store, &put->bank);
    enum status status = bank ? put_into(bank, put) : put_into_new(store, put);
    pthread_rwlock_unlock(&store->lock);
    return status;
}

/* Removes some entries of the shard whose alarm is due first; false when
 * none is due. */
static bool expire_step(struct store *store)
{
    uint64_t now_ms = clock_now_ms();
    struct timer *alarm = agenda_first_due(&store->agenda, now_ms);
    if (!alarm) {
        return false;
    }
    struct shard *shard = shard_of_alarm(alarm);
    shard_lock(shard);
    struct table_node *taken = shard_expire(shard, now_ms, EXPIRE_STEP);
    shard_unlock(shard);
    entry_free_list(taken);
    return true;
}

static bool work_step(struct store *store)
{
    bool has_expired = expire_step(store);
    bool has_cleared = wreck_list_work(&store->wrecks, &store->ledger);
    return has_expired || has_cleared;
}

enum status store_put(struct store *store, struct slice bank, struct slice key,
                      const struct store_value *value)
{
    CHECK(value->lifetime.rule != LIFETIME_SAME);
    struct put put = {
        .bank = hash_key_of(store, bank),
        .key = hash_key_of(store, key),
    };
    if (value->lifetime.rule != LIFETIME_OVER) {
        put.entry = entry_create(put.key.hash, key, value->bytes, value->kind);
        if (!put.entry) {
            return STATUS_NOMEM;
        }
        entry_set_lifetime(put.entry, entry_lifetime_ms(value->lifetime));
    }
    enum status status = STATUS_OK;
    do {
        status = try_put(store, &put);
    } while (status && put.is_short_of_memory && work_step(store));
    entry_free(&put.entry);
    return status;
}

enum status store_get(struct store *store, struct slice bank, struct slice key,
                      const struct lifetime *touch, struct buffer *bytes,
                      enum value_kind *kind)
{
    const struct hashed_key name = hash_key_of(store, bank);
    const struct hashed_key hashed = hash_key_of(store, key);
    struct bank *found = find_bank(store, &name);
    return found ? bank_get(found, &hashed, touch, bytes, kind)
                 : STATUS_NOT_FOUND;
}

enum status store_remove(struct store *store, struct slice bank,
                         struct slice key)
{
    const struct hashed_key name = hash_key_of(store, bank);
    const struct hashed_key hashed = hash_key_of(store, key);
    struct bank *found = find_bank(store, &name);
    return found ? bank_remove(found, &hashed) : STATUS_NOT_FOUND;
}

enum status store_touch(struct store *store, struct slice bank,
                        struct slice key, struct lifetime lifetime)
{
    const struct hashed_key name = hash_key_of(store, bank);
    const struct hashed_key hashed = hash_key_of(store, key);
    struct bank *found = find_bank(store, &name);
    return found ? bank_touch(found, &hashed, lifetime) : STATUS_NOT_FOUND;
}

enum status store_incr(struct store *store, struct slice bank, struct slice key,
                       const struct increment *increment, struct number *sum)
{
    const struct hashed_key name = hash_key_of(store, bank);
    const struct hashed_key hashed = hash_key_of(store, key);
    struct bank *found = find_bank(store, &name);
    return found ? bank_incr(found, &hashed, &increment->delta, sum)
                 : STATUS_NOT_FOUND;
}

enum status store_bank_reset(struct store *store, struct slice bank)
{
    const struct hashed_key name = hash_key_of(store, bank);
    struct bank *found = find_bank(store, &name);
    if (!found) {
        return STATUS_OK;
    }
    struct wreck *wreck = wreck_create();
    if (!wreck) {
        return STATUS_NOMEM;
    }
    bank_reset(found, wreck);
    wreck_list_add(&store->wrecks, wreck);
    return STATUS_OK;
}

enum status store_bank_keys(struct store *store, struct slice bank,
                            const struct store_page *page,
                            struct response *response)
{
    const struct hashed_key name = hash_key_of(store, bank);
    struct cursor cursor;
    enum status status = cursor_decode(&cursor, &store->keys_cursors_secret,
                                       name.hash, page->cursor);
    struct bank *found = find_bank(store, &name);
    response->cursor_len = 0;
    if (status || !found) {
        return status;
    }
    struct listing listing;
    listing_start(&listing, page, cursor.position, response);
    status = bank_keys(found, &listing, &cursor);
    if (!status && !listing.walk.is_end) {
        cursor_encode(&cursor, &store->keys_cursors_secret, response);
    }
    return status;
}

enum status store_bank_list(struct store *store, const struct store_page *page,
                            struct response *response)
{
    struct cursor cursor;
    enum status status =
        cursor_decode(&cursor, &store->banks_cursors_secret, 0, page->cursor);
    response->cursor_len = 0;
    if (status) {
        return status;
    }
    struct listing listing;
    listing_start(&listing, page, cursor.position, response);
    while (!status && !listing_is_over(&listing)) {
        status = listing_reserve(&listing);
        if (!status) {
            pthread_rwlock_rdlock(&store->lock);
            status = listing_step(&listing, &store->banks, NULL);
            pthread_rwlock_unlock(&store->lock);
        }
    }
    if (!status && !listing.walk.is_end) {
        cursor.position = listing.walk.position;
        cursor_encode(&cursor, &store->banks_cursors_secret, response);
    }
    return status;
}

/* The C library keeps what is freed for the next allocation and hands back
 * to the system only what lies at the end of its heap, which after a reset
 * or a mass expiry is next to nothing. So when everything is done and much
 * less is held than there was at most since the last time, it is told to
 * look through the whole heap; not oftener, since that takes a while. */
static void trim_when_much_was_freed(struct store *store)
{
    uint64_t bytes = ledger_bytes(&store->ledger);
    if (bytes < store->bytes_high && store->bytes_high - bytes >= TRIM_BYTES) {
        malloc_trim(0);
        store->bytes_high = bytes;
    }
}

bool store_work(struct store *store)
{
    uint64_t bytes = ledger_bytes(&store->ledger);
    if (bytes > store->bytes_high) {
        store->bytes_high = bytes;
    }
    for (int i = 0; i < WORK_STEPS; i++) {
        if (!work_step(store)) {
            trim_when_much_was_freed(store);
            return false;
        }
    }
    return true;
}

struct store_usage store_usage(struct store *store)
{
    pthread_rwlock_rdlock(&store->lock);
    uint64_t banks = store->banks.count;
    pthread_rwlock_unlock(&store->lock);
    return (struct store_usage){
        .banks = banks,
        .entries = ledger_entries(&store->ledger),
        .bytes = ledger_bytes(&store->ledger),
    };
}
