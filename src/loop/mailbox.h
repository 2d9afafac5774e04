/* Messages into a loop from any thread. A mail is embedded in whatever it
 * carries; from the moment it is posted it belongs to the receiver. */
#ifndef CACHESERVER_LOOP_MAILBOX_H
#define CACHESERVER_LOOP_MAILBOX_H

#include "base/list.h"
#include "base/status.h"

#include <pthread.h>
#include <uv.h>

struct loop;
struct mail;

/* *Takes* `mail`. Loop thread; `owner` is the mailbox's. */
typedef void (*mail_open_fn)(struct mail *mail, void *owner);

struct mail {
    struct list link;
    mail_open_fn open;
};

/* Lives in its owner, who lives on the loop. */
struct mailbox {
    pthread_mutex_t lock; /* guards `mails`; a leaf lock */
    struct list mails;
    uv_async_t wake;
    void *owner;
    void (*on_closed)(void *owner);
};

/* Opens a mailbox on `loop` before it starts. STATUS_UNAVAILABLE when the
 * system refuses; then there is nothing to close. */
enum status mailbox_open(struct mailbox *mailbox, struct loop *loop,
                         void *owner);

/* Loop thread: opens what was posted so far, then closes; `on_closed` runs
 * later and the memory is the owner's again. Nobody may post any more. */
void mailbox_close(struct mailbox *mailbox, void (*on_closed)(void *owner));

/* Any thread: *takes* `mail`, whose `open` is set; it is opened on the loop,
 * after all that was posted before it. */
void mailbox_post(struct mailbox *mailbox, struct mail *mail);

#endif
