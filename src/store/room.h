/* Memory for what is to be put: what may be taken within the limit, and who
 * gives way when there is not enough. Any thread, unless said otherwise. */
#ifndef CACHESERVER_STORE_ROOM_H
#define CACHESERVER_STORE_ROOM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct commons;
struct spaces;
struct wreck_list;

/* All but the lock is borrowed. */
struct room {
    struct commons *commons;
    struct spaces *spaces;
    struct wreck_list *wrecks;
    pthread_mutex_t release_lock;
};

void room_init(struct room *room, struct commons *commons,
               struct spaces *spaces, struct wreck_list *wrecks);
void room_fini(struct room *room);

/* Whether `needed` bytes are to be had only by room_make(). */
bool room_is_short(const struct room *room, uint64_t needed);

/* Makes room for `needed` bytes, a little at a time; false when there is
 * nothing left to evict. Leaves the epochs, however often entered, and enters
 * them again: what was found before may be gone. */
bool room_make(struct room *room, uint64_t needed);

/* Frees a piece of what readers have left and of what resets have, as one
 * thread at a time does for all; answers whether there is more. */
bool room_release(struct room *room);

/* Whether less is free than is to be kept so. */
bool room_is_low(const struct room *room);

/* Keeps some memory free, so that puts need not evict themselves: evicts a
 * piece if that is needed, and answers whether it did. Inside the epochs. */
bool room_evict_ahead(struct room *room);

#endif
