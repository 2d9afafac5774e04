/* To look at all spaces for each little that is evicted would hold a worker
 * for as long as there are many banks. So each call looks at some, in turn,
 * and at the winner of the call before. */
#include "store/spaces.h"

#include "core/bank_stats.h"
#include "store/bank.h"
#include "store/space.h"

#include <stdbool.h>
#include <stdint.h>

enum { EXCESS_UNIT = 1024 }; /* of an excess, so that weights divide finely */

void spaces_init(struct spaces *spaces, struct space *shared)
{
    spaces->shared = shared;
    spaces->greediest = NULL;
    spaces->tidied = shared;
    list_init(&spaces->owned);
    spaces->search = &spaces->owned;
    pthread_mutex_init(&spaces->lock, NULL);
}

static struct space *space_of(struct list *link)
{
    return LIST_ENTRY(link, struct space, link);
}

void spaces_fini(struct spaces *spaces)
{
    for (struct list *link; (link = list_pop(&spaces->owned));) {
        struct space *space = space_of(link);
        space_free(&space);
    }
    pthread_mutex_destroy(&spaces->lock);
}

void spaces_add(struct spaces *spaces, struct space *space)
{
    pthread_mutex_lock(&spaces->lock);
    list_append(&spaces->owned, &space->link);
    pthread_mutex_unlock(&spaces->lock);
}

void spaces_remove(struct spaces *spaces, struct space *space)
{
    if (spaces->search == &space->link) {
        spaces->search = space->link.prev;
    }
    if (spaces->greediest == space) {
        spaces->greediest = NULL;
    }
    if (spaces->tidied == space) {
        struct list *next = space->link.next;
        spaces->tidied =
            next == &spaces->owned ? spaces->shared : space_of(next);
    }
    list_remove(&space->link);
}

struct space *spaces_next(struct spaces *spaces, struct space *space)
{
    pthread_mutex_lock(&spaces->lock);
    struct list *next =
        space == spaces->shared ? spaces->owned.next : space->link.next;
    pthread_mutex_unlock(&spaces->lock);
    return next == &spaces->owned ? NULL : space_of(next);
}

/* What a space takes beyond its reserve, for its weight; nothing of it may be
 * taken if its bank refuses. The banks that share one are as one without
 * limits. */
static uint64_t excess_of(const struct space *space)
{
    struct bank_limits limits = bank_limits_initial();
    uint64_t bytes = space_weight(space);
    if (space->owner) {
        bank_limits(space->owner, &limits);
        if (limits.when_full == BANK_REFUSE) {
            return 0;
        }
        uint64_t beyond = bank_beyond_reserve(space->owner);
        if (limits.reserved && beyond <= bank_mean_charge(space->owner)) {
            return 0; /* No more than an item: it needs them all. */
        }
        bytes =
            bytes > limits.reserved + beyond ? bytes - limits.reserved : beyond;
    }
    return bytes * EXCESS_UNIT / limits.weight;
}

/* The better of two for giving way. */
struct choice {
    struct space *space;
    uint64_t excess;
};

static void consider(struct choice *choice, struct space *space)
{
    uint64_t excess = excess_of(space);
    if (excess > choice->excess) {
        *choice = (struct choice){space, excess};
    }
}

/* With the lock held. Goes on until something was found, once round at most. */
static void search(struct spaces *spaces, struct choice *choice)
{
    const struct list *start = spaces->search;
    bool is_round = false;
    for (int i = 0; !is_round && (i < SPACES_SEARCHED || !choice->space); i++) {
        spaces->search = spaces->search->next;
        if (spaces->search != &spaces->owned) {
            consider(choice, space_of(spaces->search));
        }
        is_round = spaces->search == start;
    }
}

struct space *spaces_greediest(struct spaces *spaces)
{
    struct choice choice = {0};
    pthread_mutex_lock(&spaces->lock);
    if (spaces->greediest) {
        consider(&choice, spaces->greediest);
    }
    search(spaces, &choice);
    spaces->greediest = choice.space;
    consider(&choice, spaces->shared);
    pthread_mutex_unlock(&spaces->lock);
    return choice.space;
}
