/* What a reset leaves behind: an index and segments that nobody can reach any
 * more once readers have left, and whose memory is given back in pieces. */
#ifndef CACHESERVER_STORE_WRECK_H
#define CACHESERVER_STORE_WRECK_H

#include "base/list.h"
#include "base/status.h"
#include "store/epoch.h"
#include "store/index.h"

#include <pthread.h>
#include <stdbool.h>

struct bank;
struct bank_item;
struct commons;

/* Wrecks whose readers have left. Any thread. */
struct wreck_list {
    pthread_mutex_t lock;
    struct list wrecks;
};

void wreck_list_init(struct wreck_list *list);

/* Of a list without wrecks. */
void wreck_list_fini(struct wreck_list *list);

/* Empties `bank` in one step, however much it holds, and leaves the rest to
 * wreck_list_work(). STATUS_NOMEM, and nothing changed. */
enum status wreck_bank(struct bank *bank, struct wreck_list *list);

/* With the lock of `bank` held: a job has come to an item that the bank has
 * not. If a wreck of the bank has it, it is forgotten there too. */
void wreck_forget_item(struct bank *bank, const struct bank_item *found);

/* Gives a piece back; answers whether there was one. One thread at a time,
 * as the next. */
bool wreck_list_work(struct wreck_list *list);

/* The same for those who cannot wait: leaves indexes alone. */
bool wreck_list_hurry(struct wreck_list *list);

#endif
