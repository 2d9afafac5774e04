#include "base/list.h"

#include "support/test.h"

struct item {
    int number;
    struct list link;
};

static int pop_number(struct list *head)
{
    struct list *link = list_pop(head);
    return link ? LIST_ENTRY(link, struct item, link)->number : 0;
}

static void list_gives_back_in_order(void)
{
    struct list head;
    struct item a = {.number = 1};
    struct item b = {.number = 2};
    list_init(&head);
    list_append(&head, &a.link);
    list_append(&head, &b.link);
    EXPECT(list_is_linked(&a.link));
    EXPECT_INT(pop_number(&head), 1);
    EXPECT(!list_is_linked(&a.link));
    EXPECT_INT(pop_number(&head), 2);
    EXPECT_INT(pop_number(&head), 0);
    EXPECT(list_is_empty(&head));
}

static void list_remove_outside_any_list_is_nothing(void)
{
    struct item a = {.number = 1};
    list_init(&a.link);
    list_remove(&a.link);
    EXPECT(!list_is_linked(&a.link));
}

static void list_moves_all_behind_what_is_there(void)
{
    struct list from, to;
    struct item items[4];
    list_init(&from);
    list_init(&to);
    for (int i = 0; i < 4; i++) {
        items[i].number = i + 1;
        list_append(i < 2 ? &to : &from, &items[i].link);
    }
    list_move_all(&to, &from);
    EXPECT(list_is_empty(&from));
    for (int i = 0; i < 4; i++) {
        EXPECT_INT(pop_number(&to), i + 1);
    }
    list_move_all(&to, &from);
    EXPECT(list_is_empty(&to));
}

static const struct test_case cases[] = {
    TEST(list_gives_back_in_order),
    TEST(list_remove_outside_any_list_is_nothing),
    TEST(list_moves_all_behind_what_is_there),
};

SUITE(base_list, cases);
