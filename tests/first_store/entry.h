/* A key with its value and lifetime, in one block of memory. Guarded by the
 * lock of the shard that it is in. */
#ifndef CACHESERVER_TESTS_FIRST_STORE_ENTRY_H
#define CACHESERVER_TESTS_FIRST_STORE_ENTRY_H

#include "base/slice.h"
#include "core/value.h"
#include "first_store/expiry.h"
#include "store/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Owned by the shard whose table it is in. `timer.due` is NEVER without a
 * lifetime. */
struct entry {
    struct table_node node;
    struct timer timer;
    uint64_t lifetime_ms; /* what touch restarts; 0 is none */
    size_t value_len;
    enum value_kind kind;
    char bytes[]; /* the key, then the value */
};

/* *Gives* an entry for ever with *copies* of `key`, whose hash is `hash`, and
 * of `value`; NULL without memory. */
struct entry *entry_create(uint64_t hash, struct slice key, struct slice value,
                           enum value_kind kind);

/* *Takes* the entry, which is in no table and has no timer set. */
void entry_free(struct entry **entry);

/* *Takes* the entries whose nodes are linked by `next` from `nodes` on. */
void entry_free_list(struct table_node *nodes);

/* Gives a new entry a lifetime that begins now; 0 is none. */
void entry_set_lifetime(struct entry *entry, uint64_t lifetime_ms);

/* The milliseconds that `lifetime`, which is FOREVER or NEW, is; 0: none. */
uint64_t entry_lifetime_ms(struct lifetime lifetime);

/* Whether its lifetime is over. */
bool entry_is_over(const struct entry *entry);

/* What it is charged: about what it takes. */
uint64_t entry_charge(const struct entry *entry);

static inline struct slice entry_value(const struct entry *entry)
{
    return slice_of(entry->bytes + entry->node.key.len, entry->value_len);
}

static inline struct entry *entry_of_node(struct table_node *node)
{
    return (struct entry *)(void *)((char *)node -
                                    offsetof(struct entry, node));
}

static inline struct entry *entry_of_timer(struct timer *timer)
{
    return (struct entry *)(void *)((char *)timer -
                                    offsetof(struct entry, timer));
}

#endif
