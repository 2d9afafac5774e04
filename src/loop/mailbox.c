/* The receiver moves the whole list out under the lock and opens the mails
 * without it, so that a mail may be posted from within another. */
#include "loop/mailbox.h"

#include "base/check.h"
#include "loop/loop.h"

static void open_all(struct mailbox *mailbox)
{
    struct list mails;
    list_init(&mails);
    pthread_mutex_lock(&mailbox->lock);
    list_move_all(&mails, &mailbox->mails);
    pthread_mutex_unlock(&mailbox->lock);
    for (struct list *link; (link = list_pop(&mails));) {
        struct mail *mail = LIST_ENTRY(link, struct mail, link);
        mail->open(mail, mailbox->owner);
    }
}

static void on_wake(uv_async_t *wake)
{
    open_all(wake->data);
}

enum status mailbox_open(struct mailbox *mailbox, struct loop *loop,
                         void *owner)
{
    mailbox->owner = owner;
    list_init(&mailbox->mails);
    if (pthread_mutex_init(&mailbox->lock, NULL)) {
        return STATUS_UNAVAILABLE;
    }
    if (uv_async_init(loop_uv(loop), &mailbox->wake, on_wake)) {
        pthread_mutex_destroy(&mailbox->lock);
        return STATUS_UNAVAILABLE;
    }
    mailbox->wake.data = mailbox;
    return STATUS_OK;
}

static void on_wake_closed(uv_handle_t *wake)
{
    struct mailbox *mailbox = wake->data;
    CHECK(list_is_empty(&mailbox->mails));
    pthread_mutex_destroy(&mailbox->lock);
    mailbox->on_closed(mailbox->owner);
}

void mailbox_close(struct mailbox *mailbox, void (*on_closed)(void *owner))
{
    open_all(mailbox);
    mailbox->on_closed = on_closed;
    uv_close((uv_handle_t *)&mailbox->wake, on_wake_closed);
}

void mailbox_post(struct mailbox *mailbox, struct mail *mail)
{
    CHECK(mail->open);
    pthread_mutex_lock(&mailbox->lock);
    bool was_empty = list_is_empty(&mailbox->mails);
    list_append(&mailbox->mails, &mail->link);
    if (was_empty) {
        uv_async_send(&mailbox->wake);
    }
    pthread_mutex_unlock(&mailbox->lock);
}
