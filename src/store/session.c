/* The banks that were met lately stand in a small table, each where a cheap
 * mix of its name's length and ends says; a newcomer takes the place. Names
 * that fall on the same place cost those who send them a proper lookup. */
#include "store/session.h"

#include "base/memory.h"
#include "store/arena.h"
#include "store/bank.h"
#include "store/commons.h"
#include "store/store_internal.h"

enum {
    KNOWN_BITS = 8,
    KNOWN_BANKS = 1 << KNOWN_BITS,
    KNOWN_NAME_MAX = 55 /* longer ones are looked up each time */
};

/* An item of the usual size lies in two lines of the cache more often than
 * in one; this far from its head the second begins. */
enum { FETCH_SECOND_AT = 48 };

/* A bank and the name that it was found under, which it may have no more when
 * the generation has changed. */
struct known {
    struct bank *bank;
    uint8_t len;
    char name[KNOWN_NAME_MAX];
};

struct session {
    struct store *store;
    struct commons *commons;
    uint64_t generation; /* of the banks that are known */
    struct known known[KNOWN_BANKS];
};

static uint64_t generation_of(const struct session *session)
{
    return atomic_load(&session->commons->generation);
}

struct session *session_create(struct store *store)
{
    struct session *session = memory_alloc_zero(sizeof *session);
    if (session) {
        session->store = store;
        session->commons = store_commons(store);
    }
    return session;
}

void session_free(struct session **session)
{
    memory_free(*session);
    *session = NULL;
}

bool session_enter(struct session *session)
{
    return epochs_enter(session->commons->epochs);
}

void session_leave(struct session *session)
{
    epochs_leave(session->commons->epochs);
}

/* Up to eight bytes from the ends of `name`, mixed. */
static uint64_t ends_of(struct slice name)
{
    uint64_t mixed = 0;
    if (name.len >= 8) {
        return slice_load_8(name.data) ^ slice_load_8(name.data + name.len - 8)
                                             << 1;
    }
    if (name.len >= 4) {
        return slice_load_4(name.data) |
               (uint64_t)slice_load_4(name.data + name.len - 4) << 32;
    }
    for (size_t i = 0; i < name.len; i++) {
        mixed = mixed << 8 | (unsigned char)name.data[i];
    }
    return mixed;
}

static struct known *known_place(struct session *session, struct slice name)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = (ends_of(name) ^ name.len) * odd;
    return &session->known[mixed >> (64 - KNOWN_BITS)];
}

/* When a bank was dropped, any may be one that is gone. */
static void forget_when_old(struct session *session)
{
    uint64_t generation = generation_of(session);
    if (session->generation != generation) {
        memset(session->known, 0, sizeof session->known);
        session->generation = generation;
    }
}

static struct bank *find_bank(struct session *session, struct slice name)
{
    forget_when_old(session);
    struct known *known = known_place(session, name);
    if (known->bank && slice_equal(slice_of(known->name, known->len), name)) {
        return known->bank;
    }
    struct bank *bank = store_find_bank(session->store, name);
    if (bank && name.len <= KNOWN_NAME_MAX) {
        known->bank = bank;
        known->len = (uint8_t)name.len;
        memcpy(known->name, name.len ? name.data : "", name.len);
    }
    return bank;
}

void session_aim(struct session *session, struct slice bank, struct slice key,
                 struct aim *aim)
{
    struct bank *found = find_bank(session, bank);
    *aim = (struct aim){
        .bank = bank,
        .key = key,
        .found = found,
        .generation = session->generation,
        .hash = hash_bytes(&session->commons->keys_secret, key),
    };
    if (aim->found) {
        aim->bucket = index_prefetch(&aim->found->index, aim->hash);
    }
}

void session_aim_beside(struct session *session, const struct aim *first,
                        struct slice key, struct aim *aim)
{
    *aim = *first;
    aim->key = key;
    aim->hash = hash_bytes(&session->commons->keys_secret, key);
    if (aim->found) {
        aim->bucket = index_prefetch(&aim->found->index, aim->hash);
    }
}

void session_fetch(struct session *session, const struct aim *aim)
{
    uint64_t place = aim->bucket ? index_guess(aim->bucket, aim->hash) : 0;
    if (place) {
        char *at = arena_at(session->commons->base, place);
        __builtin_prefetch(at);
        __builtin_prefetch(at + FETCH_SECOND_AT);
    }
}

/* A bank that was not there may have come since; one that was may have gone,
 * even freed, if a put had to wait for memory. */
static struct bank *known_now(struct session *session, const struct aim *aim)
{
    bool is_current = aim->generation == generation_of(session);
    return aim->found && is_current ? aim->found
                                    : find_bank(session, aim->bank);
}

/* To be called before its bank is found. */
static struct hashed_key key_of(const struct session *session,
                                const struct aim *aim)
{
    return (struct hashed_key){aim->hash, aim->key, generation_of(session)};
}

enum status session_get(struct session *session, const struct aim *aim,
                        struct buffer *bytes, enum value_kind *kind)
{
    enum status status;
    do {
        const struct hashed_key key = key_of(session, aim);
        struct bank *bank = known_now(session, aim);
        status = bank ? bank_get(bank, &key, bytes, kind) : STATUS_NOT_FOUND;
    } while (status == STATUS_CANCELLED);
    return status;
}

enum status session_put(struct session *session, const struct aim *aim,
                        const struct store_value *value)
{
    const struct hashed_key key = key_of(session, aim);
    return store_put_into(session->store, known_now(session, aim), aim->bank,
                          &key, value);
}
