/* An intrusive doubly linked list with a head in the owner. A link sits in
 * the object that it links; the list owns nothing. */
#ifndef CACHESERVER_BASE_LIST_H
#define CACHESERVER_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* A head, or a link in an object. A link outside any list points at
 * itself once list_init() has seen it. */
struct list {
    struct list *next;
    struct list *prev;
};

/* The object of `type` whose member `member` is the link at `link`. */
#define LIST_ENTRY(link, type, member)                                         \
    ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* Walks `head`; `link` may be removed only through list_pop() loops. A name
 * that is declared cannot stand in parentheses. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define LIST_FOREACH(link, head)                                               \
    for (struct list *link = (head)->next; link != (head); link = link->next)
/* NOLINTEND(bugprone-macro-parentheses) */

static inline void list_init(struct list *list)
{
    list->next = list;
    list->prev = list;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

/* Whether `link` is in some list. */
static inline bool list_is_linked(const struct list *link)
{
    return link->next != link;
}

static inline void list_append(struct list *head, struct list *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

/* Takes `link` out of its list, if it is in one. */
static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* Takes the first link out of `head`; NULL when there is none. */
static inline struct list *list_pop(struct list *head)
{
    struct list *link = head->next;
    if (link == head) {
        return NULL;
    }
    list_remove(link);
    return link;
}

/* Moves all of `from` to the end of `to`; `from` is empty afterwards. */
static inline void list_move_all(struct list *to, struct list *from)
{
    if (list_is_empty(from)) {
        return;
    }
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#endif
