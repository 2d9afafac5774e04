#include "loop/mailbox.h"

#include "loop/loop.h"
#include "support/test.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { POSTERS = 4, MAILS_EACH = 5000 };

struct letter {
    struct mail mail;
    int poster;
    int number;
};

struct box {
    struct loop *loop;
    struct mailbox mailbox;
    int last[POSTERS]; /* number of the last letter of each poster */
    int opened;
    bool is_in_order;
    bool is_on_loop;
};

static void on_closed(void *owner)
{
    (void)owner;
}

static void open_letter(struct mail *mail, void *owner)
{
    struct letter *letter = (struct letter *)(void *)mail;
    struct box *box = owner;
    box->is_on_loop = box->is_on_loop && loop_is_current(box->loop);
    box->is_in_order =
        box->is_in_order && letter->number == box->last[letter->poster] + 1;
    box->last[letter->poster] = letter->number;
    box->opened++;
    free(letter);
    if (box->opened == POSTERS * MAILS_EACH) {
        mailbox_close(&box->mailbox, on_closed);
    }
}

struct poster {
    struct box *box;
    int number;
    pthread_t thread;
};

static void *post_all(void *arg)
{
    struct poster *poster = arg;
    for (int i = 1; i <= MAILS_EACH; i++) {
        struct letter *letter = malloc(sizeof *letter);
        *letter = (struct letter){{.open = open_letter}, poster->number, i};
        mailbox_post(&poster->box->mailbox, &letter->mail);
    }
    return NULL;
}

static void mails_of_many_threads_are_opened_once_in_order_on_the_loop(void)
{
    struct box box = {.is_in_order = true, .is_on_loop = true};
    box.loop = loop_create();
    REQUIRE(box.loop != NULL);
    REQUIRE(mailbox_open(&box.mailbox, box.loop, &box) == STATUS_OK);
    REQUIRE(loop_start(box.loop) == STATUS_OK);
    struct poster posters[POSTERS];
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.box = &box, .number = i};
        pthread_create(&posters[i].thread, NULL, post_all, &posters[i]);
    }
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(posters[i].thread, NULL);
    }
    loop_join(box.loop);
    EXPECT_INT(box.opened, POSTERS * MAILS_EACH);
    EXPECT(box.is_in_order);
    EXPECT(box.is_on_loop);
    loop_free(&box.loop);
}

static void the_test_is_not_on_the_loop_that_runs(void)
{
    struct box box = {0};
    box.loop = loop_create();
    REQUIRE(mailbox_open(&box.mailbox, box.loop, &box) == STATUS_OK);
    EXPECT(loop_is_current(box.loop));
    REQUIRE(loop_start(box.loop) == STATUS_OK);
    EXPECT(!loop_is_current(box.loop));
    box.opened = POSTERS * MAILS_EACH - 1;
    struct letter *letter = malloc(sizeof *letter);
    *letter = (struct letter){{.open = open_letter}, 0, 1};
    mailbox_post(&box.mailbox, &letter->mail);
    loop_join(box.loop);
    loop_free(&box.loop);
    EXPECT(box.loop == NULL);
}

static const struct test_case cases[] = {
    TEST(mails_of_many_threads_are_opened_once_in_order_on_the_loop),
    TEST(the_test_is_not_on_the_loop_that_runs),
};

SUITE(loop_mailbox, cases);
