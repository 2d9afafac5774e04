/* The spaces of a store: the one that small banks share, and those with an
 * owner. Knows which of them is to give way when memory is short. Any
 * thread. */
#ifndef CACHESERVER_STORE_SPACES_H
#define CACHESERVER_STORE_SPACES_H

#include "base/list.h"

#include <pthread.h>

struct space;

struct spaces {
    struct space *shared;
    pthread_mutex_t lock; /* of what follows */
    struct list owned;
    struct list *search;     /* where the search goes on */
    struct space *greediest; /* that it has met, if that is still there */
    struct space *tidied;    /* the next for the thread that does the store's
                                work */
};

/* `shared` is borrowed. */
void spaces_init(struct spaces *spaces, struct space *shared);

/* Frees those with an owner, which are empty. */
void spaces_fini(struct spaces *spaces);

/* *Takes* `space`, which has an owner. */
void spaces_add(struct spaces *spaces, struct space *space);

/* *Gives* back one that was added. With the lock held. */
void spaces_remove(struct spaces *spaces, struct space *space);

/* The space after `space`, the shared one being the first; NULL after the
 * last. For the thread that alone takes any out. */
struct space *spaces_next(struct spaces *spaces, struct space *space);

/* The space that takes most beyond its reserve, for its weight; NULL when none
 * holds anything that may be taken. Where more than SPACES_SEARCHED have an
 * owner it is the first of those looked at in this call and the winner of the
 * last: the first of all is found as calls go on. Inside the epochs. */
struct space *spaces_greediest(struct spaces *spaces);

enum { SPACES_SEARCHED = 16 };

#endif
