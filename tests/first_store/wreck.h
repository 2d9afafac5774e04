/* What a reset leaves behind: tables whose entries nobody can reach any more
 * and whose memory is given back piece by piece. Any thread. */
#ifndef CACHESERVER_TESTS_FIRST_STORE_WRECK_H
#define CACHESERVER_TESTS_FIRST_STORE_WRECK_H

#include "base/list.h"
#include "first_store/expiry.h"
#include "first_store/shard.h"
#include "store/table.h"

#include <pthread.h>
#include <stdbool.h>

struct ledger;

struct wreck_part {
    struct table table;
    struct expiry expiry; /* its timers are those of the entries */
};

/* Owns the entries in its parts. */
struct wreck {
    struct list link;
    unsigned parts_left; /* those beyond are empty */
    struct wreck_part parts[SHARD_COUNT];
};

/* The wrecks that wait. Its lock is the last to be taken. */
struct wreck_list {
    pthread_mutex_t lock;
    struct list wrecks;
};

void wreck_list_init(struct wreck_list *list);

/* Releases everything. */
void wreck_list_fini(struct wreck_list *list);

/* *Gives* a wreck that nothing is in yet; NULL without memory. */
struct wreck *wreck_create(void);

/* *Takes* `wreck`. */
void wreck_list_add(struct wreck_list *list, struct wreck *wreck);

/* Gives back a bounded piece and refunds it; false when nothing waits. */
bool wreck_list_work(struct wreck_list *list, struct ledger *ledger);

#endif
