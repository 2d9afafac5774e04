#include "first_store/entry.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"

enum {
    BLOCK_OVERHEAD = 8, /* what malloc adds to a block */
    BLOCK_STEP = 16,    /* what it rounds up to */
    CELLS_CHARGE = 16   /* a bucket in the table and a cell in the heap */
};

static size_t block_len(size_t key_len, size_t value_len)
{
    return sizeof(struct entry) + key_len + value_len;
}

static char *append(char *room, struct slice bytes)
{
    if (bytes.len) {
        memcpy(room, bytes.data, bytes.len);
    }
    return room + bytes.len;
}

struct entry *entry_create(uint64_t hash, struct slice key, struct slice value,
                           enum value_kind kind)
{
    struct entry *entry = memory_alloc(block_len(key.len, value.len));
    if (!entry) {
        return NULL;
    }
    *entry = (struct entry){
        .node = {.hash = hash, .key = {entry->bytes, key.len}},
        .timer = {.due = NEVER},
        .value_len = value.len,
        .kind = kind,
    };
    append(append(entry->bytes, key), value);
    return entry;
}

void entry_free(struct entry **entry)
{
    if (*entry) {
        CHECK(!timer_is_set(&(*entry)->timer));
        memory_free(*entry);
        *entry = NULL;
    }
}

void entry_free_list(struct table_node *nodes)
{
    while (nodes) {
        struct entry *entry = entry_of_node(nodes);
        nodes = nodes->next;
        memory_free(entry);
    }
}

void entry_set_lifetime(struct entry *entry, uint64_t lifetime_ms)
{
    CHECK(!timer_is_set(&entry->timer));
    entry->lifetime_ms = lifetime_ms;
    entry->timer.due = lifetime_ms ? clock_now_ms() + lifetime_ms : NEVER;
}

uint64_t entry_lifetime_ms(struct lifetime lifetime)
{
    if (lifetime.rule == LIFETIME_FOREVER) {
        return 0;
    }
    CHECK(lifetime.rule == LIFETIME_NEW);
    CHECK(lifetime.ms > 0);
    return lifetime.ms < LIFETIME_MS_MAX ? lifetime.ms : 0;
}

bool entry_is_over(const struct entry *entry)
{
    return entry->timer.due != NEVER && entry->timer.due <= clock_now_ms();
}

uint64_t entry_charge(const struct entry *entry)
{
    uint64_t len = block_len(entry->node.key.len, entry->value_len);
    uint64_t rounded =
        (len + BLOCK_OVERHEAD + BLOCK_STEP - 1) / BLOCK_STEP * BLOCK_STEP;
    return rounded + CELLS_CHARGE;
}
