/* What the files of a bank share: items that are found, written and taken out.
 * All with the bank's lock held. */
#ifndef CACHESERVER_STORE_BANK_INTERNAL_H
#define CACHESERVER_STORE_BANK_INTERNAL_H

#include "store/bank.h"

/* An item that is to be written; `item` needs its kind, version and length of
 * value, bank_lay_out() fills in the rest. */
struct draft {
    struct item item;
    uint64_t life;
    uint32_t heat;
    enum space_queue queue;
    struct slice key;
    const char *value; /* the bytes, or a large value's address */
};

/* The item of `key`, be its lifetime over or not. */
bool bank_find_item(struct bank *bank, const struct hashed_key *key,
                    struct bank_item *found);

/* The entry of `key`, if it is there and not over; one that is over goes. */
bool bank_find_alive(struct bank *bank, const struct hashed_key *key,
                     uint64_t now, struct bank_item *found);

/* The value of `found`; valid while the lock is held. */
struct slice bank_value_of(const struct bank_item *found);

/* What there is to tell of `found`. */
void bank_tell(const struct bank_item *found, uint64_t now,
               struct entry_facts *facts);

/* What the bank is charged with for `item`; NULL is none. */
uint64_t bank_charge_of(const struct item *item);

void bank_lay_out(const struct bank *bank, struct draft *draft);

/* Whether the bank's limits let `fresh` in for `gone`, which may be NULL. */
enum status bank_check_room(const struct bank *bank, const struct item *fresh,
                            const struct item *gone);

/* Adds an entry that is not there; `draft` is laid out and has a queue. */
enum status bank_add_item(struct bank *bank, uint64_t hash,
                          const struct draft *draft);

/* Gives the entry `found` what `draft` says; it keeps its place in the order
 * of eviction. Its large value stays, the caller's to drop. */
enum status bank_rewrite(struct bank *bank, const struct bank_item *found,
                         struct draft *draft);

/* Gives `found`, which has room for a lifetime, the one in `life`. */
void bank_set_life(struct bank *bank, const struct bank_item *found,
                   uint64_t life);

void bank_drop_large(struct bank *bank, const struct bank_item *found);

void bank_note_departure(struct bank *bank, uint64_t hash, enum departure how);

/* A lifetime that ended at `end` was found to be over at `now`. */
void bank_count_expiration(struct bank *bank, uint64_t end, uint64_t now);

/* Any thread: bytes accounted. */
static inline uint64_t bank_live(const struct bank *bank)
{
    return atomic_load_explicit(&bank->live, memory_order_relaxed);
}

/* Any thread: the limits, if it was configured. */
static inline const struct bank_terms *bank_terms(const struct bank *bank)
{
    return atomic_load_explicit(&bank->terms, memory_order_acquire);
}

#endif
