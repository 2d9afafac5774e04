/* A thread for work that is long or regular and that no loop may do itself:
 * it calls a function in short pieces, one after the other while there is
 * something to do and ten times a second otherwise. It takes a quarter of a
 * processor's time at first, half of it after a second, and all of it after
 * three or when that is asked for; other threads go before it. */
#ifndef CACHESERVER_LOOP_BACKGROUND_H
#define CACHESERVER_LOOP_BACKGROUND_H

struct background;

enum { BACKGROUND_INTERVAL_MS = 100 };

/* When the next piece is to be done. */
enum background_rest {
    BACKGROUND_INTERVAL, /* nothing waits */
    BACKGROUND_SOON,     /* more waits */
    BACKGROUND_AT_ONCE   /* others will have to do it themselves */
};

/* Does a piece. */
typedef enum background_rest (*background_work_fn)(void *arg);

/* *Gives* a running thread that calls `work`; NULL when the system gives
 * none. */
struct background *background_start(background_work_fn work, void *arg);

/* *Takes* it: waits for the piece in hand, then ends the thread. */
void background_stop(struct background **background);

#endif
