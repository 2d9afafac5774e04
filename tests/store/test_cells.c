#include "store/cells.h"

#include "support/starve.h"
#include "support/test.h"

static void cells_keep_what_is_put_in_while_the_row_grows(void)
{
    enum { COUNT = 5000 };
    static char things[COUNT];
    struct cells cells = {0};
    for (size_t i = 0; i < COUNT; i++) {
        EXPECT_INT(cells_push(&cells), STATUS_OK);
        char **cell = cells_at(&cells, i);
        EXPECT(*cell == NULL);
        *cell = &things[i];
    }
    bool is_same = true;
    for (size_t i = 0; i < COUNT; i++) {
        is_same = is_same && *(char **)cells_at(&cells, i) == &things[i];
    }
    EXPECT(is_same);
    cells_fini(&cells);
}

static void cell_stays_where_it_is(void)
{
    struct cells cells = {0};
    REQUIRE(cells_push(&cells) == STATUS_OK);
    void *first = cells_at(&cells, 0);
    for (int i = 0; i < 10000; i++) {
        cells_push(&cells);
    }
    EXPECT(cells_at(&cells, 0) == first);
    cells_fini(&cells);
}

static void cell_that_was_dropped_comes_back_empty(void)
{
    static char thing;
    struct cells cells = {0};
    cells_push(&cells);
    cells_push(&cells);
    *(char **)cells_at(&cells, 1) = &thing;
    cells_drop(&cells, 1);
    EXPECT_INT(cells.count, 1);
    cells_push(&cells);
    EXPECT(*(char **)cells_at(&cells, 1) == NULL);
    cells_fini(&cells);
}

static void row_without_cells_holds_no_memory(void)
{
    struct cells cells = {0};
    for (int i = 0; i < 100; i++) {
        cells_push(&cells);
    }
    cells_drop(&cells, 1000);
    EXPECT_INT(cells.count, 0);
    EXPECT(cells.pieces == NULL);
}

static void attempt_push(void *arg)
{
    (void)arg;
    struct cells cells = {0};
    size_t pushed = 0;
    for (int i = 0; i < 5 * CELLS_OF_A_PIECE; i++) {
        enum status status = cells_push(&cells);
        EXPECT(status == STATUS_OK || starve_has_struck());
        pushed += status == STATUS_OK;
        EXPECT_INT(cells.count, pushed);
    }
    cells_fini(&cells);
}

static void row_without_memory_stays_as_it_was(void)
{
    EXPECT(starve(attempt_push, NULL) > 6);
}

static const struct test_case cases[] = {
    TEST(cells_keep_what_is_put_in_while_the_row_grows),
    TEST(cell_stays_where_it_is),
    TEST(cell_that_was_dropped_comes_back_empty),
    TEST(row_without_cells_holds_no_memory),
    TEST(row_without_memory_stays_as_it_was),
};

SUITE(store_cells, cases);
