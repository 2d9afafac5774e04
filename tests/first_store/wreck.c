#include "first_store/wreck.h"

#include "base/check.h"
#include "base/memory.h"
#include "first_store/entry.h"
#include "first_store/ledger.h"

/* What is given back at a time. The timers' cells go faster than the
 * entries, so that their end is never waited for. */
enum { NODES_STEP = 64, TIMERS_STEP = 4 * NODES_STEP };

void wreck_list_init(struct wreck_list *list)
{
    CHECK(pthread_mutex_init(&list->lock, NULL) == 0);
    list_init(&list->wrecks);
}

void wreck_list_fini(struct wreck_list *list)
{
    while (!list_is_empty(&list->wrecks)) {
        struct list *link = list_pop(&list->wrecks);
        struct wreck *wreck = LIST_ENTRY(link, struct wreck, link);
        for (unsigned i = 0; i < wreck->parts_left; i++) {
            struct wreck_part *part = &wreck->parts[i];
            entry_free_list(table_drain(&part->table, SIZE_MAX));
            cells_fini(&part->expiry.heap);
        }
        memory_free(wreck);
    }
    pthread_mutex_destroy(&list->lock);
}

struct wreck *wreck_create(void)
{
    struct wreck *wreck = memory_alloc_zero(sizeof *wreck);
    if (wreck) {
        list_init(&wreck->link);
        wreck->parts_left = SHARD_COUNT;
    }
    return wreck;
}

void wreck_list_add(struct wreck_list *list, struct wreck *wreck)
{
    pthread_mutex_lock(&list->lock);
    list_append(&list->wrecks, &wreck->link);
    pthread_mutex_unlock(&list->lock);
}

static uint64_t charge_of_list(struct table_node *nodes)
{
    uint64_t sum = 0;
    for (; nodes; nodes = nodes->next) {
        sum += entry_charge(entry_of_node(nodes));
    }
    return sum;
}

/* Takes a piece off `wreck`; a wreck with no parts left is nothing more. */
static struct table_node *take_piece(struct wreck *wreck)
{
    struct wreck_part *part = &wreck->parts[wreck->parts_left - 1];
    cells_drop(&part->expiry.heap, TIMERS_STEP);
    struct table_node *nodes = table_drain(&part->table, NODES_STEP);
    if (part->expiry.heap.count == 0 && part->table.buckets.count == 0) {
        CHECK(part->table.count == 0);
        wreck->parts_left--;
    }
    return nodes;
}

/* The refund comes under the lock, so that whoever finds no wrecks finds
 * their memory refunded. */
bool wreck_list_work(struct wreck_list *list, struct ledger *ledger)
{
    struct table_node *nodes = NULL;
    struct wreck *emptied = NULL;
    pthread_mutex_lock(&list->lock);
    bool has_wrecks = !list_is_empty(&list->wrecks);
    if (has_wrecks) {
        struct wreck *wreck = LIST_ENTRY(list->wrecks.next, struct wreck, link);
        nodes = take_piece(wreck);
        ledger_refund(ledger, charge_of_list(nodes));
        if (wreck->parts_left == 0) {
            list_remove(&wreck->link);
            emptied = wreck;
        }
    }
    pthread_mutex_unlock(&list->lock);
    entry_free_list(nodes);
    memory_free(emptied);
    return has_wrecks;
}
