#include "store/table.h"

#include "support/starve.h"
#include "support/test.h"

/* A table over nodes of its own, with hashes of the test's choosing. */
enum { NODES_MAX = 20000 };

struct numbered {
    struct table_node node;
    uint32_t number;
    uint32_t times_met;
};

static struct numbered nodes[NODES_MAX];
static struct table table;

static void open_table(unsigned prefix_bits)
{
    memset(nodes, 0, sizeof nodes);
    table_init(&table, prefix_bits);
}

static void close_table(void)
{
    while (table.count > 0) {
        table_drain(&table, 1000);
    }
    table_fini(&table);
}

static void prepare(size_t i, uint64_t hash)
{
    nodes[i].number = (uint32_t)i;
    nodes[i].node.hash = hash;
    nodes[i].node.key = slice_of(&nodes[i].number, sizeof nodes[i].number);
}

static void insert(size_t i, uint64_t hash)
{
    prepare(i, hash);
    EXPECT_INT(table_reserve(&table), STATUS_OK);
    table_insert(&table, &nodes[i].node);
}

static bool is_found(size_t i)
{
    return table_find(&table, nodes[i].node.hash, nodes[i].node.key) ==
           &nodes[i].node;
}

static uint64_t spread(uint64_t i)
{
    return test_random(&i);
}

static void table_finds_what_is_in_it(void)
{
    open_table(0);
    for (size_t i = 0; i < NODES_MAX; i++) {
        insert(i, spread(i));
    }
    bool all_found = true;
    for (size_t i = 0; i < NODES_MAX; i++) {
        all_found = all_found && is_found(i);
    }
    EXPECT(all_found);
    uint32_t other = NODES_MAX;
    EXPECT(!table_find(&table, spread(other), slice_of(&other, sizeof other)));
    EXPECT(!table_find(&table, spread(1), slice_of(&other, sizeof other)));
    close_table();
}

static void table_does_not_find_what_was_removed(void)
{
    open_table(0);
    for (size_t i = 0; i < 1000; i++) {
        insert(i, spread(i));
    }
    for (size_t i = 0; i < 1000; i += 2) {
        table_remove(&table, &nodes[i].node);
    }
    bool is_right = true;
    for (size_t i = 0; i < 1000; i++) {
        is_right = is_right && is_found(i) == (i % 2 == 1);
    }
    EXPECT(is_right);
    EXPECT_INT(table.count, 500);
    close_table();
}

static void empty_table_finds_nothing(void)
{
    open_table(4);
    prepare(0, 5);
    EXPECT(!is_found(0));
    close_table();
}

static void table_tells_keys_of_one_hash_apart(void)
{
    open_table(0);
    for (size_t i = 0; i < 10; i++) {
        insert(i, 77);
    }
    table_remove(&table, &nodes[5].node);
    for (size_t i = 0; i < 10; i++) {
        EXPECT_INT(is_found(i), i != 5);
    }
    close_table();
}

static void node_takes_the_place_of_another(void)
{
    open_table(0);
    for (size_t i = 0; i < 100; i++) {
        insert(i, spread(i));
    }
    prepare(100, nodes[50].node.hash);
    nodes[100].number = 50;
    table_replace(&table, &nodes[50].node, &nodes[100].node);
    EXPECT(!is_found(50));
    EXPECT(is_found(100));
    EXPECT_INT(table.count, 100);
    close_table();
}

static void table_has_as_many_buckets_as_nodes(void)
{
    open_table(0);
    for (size_t i = 0; i < NODES_MAX; i++) {
        insert(i, spread(i));
        if (!EXPECT_INT(table.buckets.count, i + 1)) {
            break;
        }
    }
    close_table();
}

static void table_shrinks_with_its_nodes_to_nothing(void)
{
    open_table(0);
    for (size_t i = 0; i < NODES_MAX; i++) {
        insert(i, spread(i));
    }
    bool is_bounded = true;
    bool is_found_still = true;
    for (size_t i = 0; i < NODES_MAX; i++) {
        table_remove(&table, &nodes[i].node);
        is_bounded = is_bounded && table.buckets.count <= 4 * table.count;
        is_found_still =
            is_found_still && (i + 1 == NODES_MAX || is_found(NODES_MAX - 1));
    }
    EXPECT(is_bounded);
    EXPECT(is_found_still);
    EXPECT_INT(table.buckets.count, 0);
    close_table();
}

/* Walks on for at most `steps` steps; counts what it meets. */
static void walk_some(struct table_walk *walk, size_t steps)
{
    walk->steps = steps;
    while (!walk->is_end && walk->steps > 0) {
        struct table_node *node = table_seek(&table, walk);
        if (!node) {
            continue;
        }
        for (; node && node->hash == walk->position; node = node->next) {
            uint32_t number;
            memcpy(&number, node->key.data, sizeof number);
            nodes[number].times_met++;
        }
        walk->is_end = walk->position == UINT64_MAX;
        walk->position++;
    }
}

static void expect_met_once(size_t from, size_t to)
{
    bool is_once = true;
    for (size_t i = from; i < to; i++) {
        is_once = is_once && nodes[i].times_met == 1;
    }
    EXPECT(is_once);
}

static void walk_meets_each_node_once(void)
{
    open_table(0);
    for (size_t i = 0; i < 3000; i++) {
        insert(i, spread(i));
    }
    struct table_walk walk = {0};
    walk_some(&walk, SIZE_MAX);
    EXPECT(walk.is_end);
    expect_met_once(0, 3000);
    close_table();
}

static void walk_goes_in_the_order_of_the_hashes(void)
{
    open_table(0);
    for (size_t i = 0; i < 3000; i++) {
        insert(i, spread(i));
    }
    struct table_walk walk = {.steps = SIZE_MAX};
    uint64_t least = 0;
    bool is_ascending = true;
    for (struct table_node *node; (node = table_seek(&table, &walk));) {
        is_ascending = is_ascending && node->hash >= least;
        least = node->hash + 1;
        walk.position = least;
    }
    EXPECT(is_ascending);
    close_table();
}

static void walk_meets_what_stays_once_while_the_table_grows(void)
{
    open_table(0);
    for (size_t i = 0; i < 500; i++) {
        insert(i, spread(i));
    }
    struct table_walk walk = {0};
    for (size_t i = 500; i < NODES_MAX && !walk.is_end; i += 30) {
        walk_some(&walk, 20);
        for (size_t k = i; k < i + 30; k++) {
            insert(k, spread(k));
        }
    }
    walk_some(&walk, SIZE_MAX);
    expect_met_once(0, 500);
    bool is_once_at_most = true;
    for (size_t i = 500; i < NODES_MAX; i++) {
        is_once_at_most = is_once_at_most && nodes[i].times_met <= 1;
    }
    EXPECT(is_once_at_most);
    close_table();
}

static void walk_meets_what_stays_once_while_the_table_shrinks(void)
{
    open_table(0);
    for (size_t i = 0; i < NODES_MAX; i++) {
        insert(i, spread(i));
    }
    struct table_walk walk = {0};
    for (size_t i = 500; i < NODES_MAX; i += 50) {
        if (!walk.is_end) {
            walk_some(&walk, 20);
        }
        for (size_t k = i; k < i + 50; k++) {
            table_remove(&table, &nodes[k].node);
        }
    }
    walk_some(&walk, SIZE_MAX);
    expect_met_once(0, 500);
    close_table();
}

static void walk_of_one_table_ends_at_its_last_hash(void)
{
    open_table(4);
    insert(0, UINT64_C(0x7000000000000000));
    insert(1, UINT64_C(0x7fffffffffffffff));
    struct table_walk walk = {.position = UINT64_C(7) << 60, .steps = 100};
    EXPECT(table_seek(&table, &walk) == &nodes[0].node);
    walk.position++;
    EXPECT(table_seek(&table, &walk) == &nodes[1].node);
    walk.position++;
    EXPECT_INT(walk.position >> 60, 8);
    EXPECT(!walk.is_end);
    close_table();
}

static void walk_of_an_empty_table_passes_it_in_a_step(void)
{
    open_table(4);
    struct table_walk walk = {.position = UINT64_C(7) << 60 | 5, .steps = 100};
    EXPECT(!table_seek(&table, &walk));
    EXPECT(walk.position == UINT64_C(8) << 60);
    EXPECT_INT(walk.steps, 99);
    walk.position = UINT64_C(15) << 60;
    EXPECT(!table_seek(&table, &walk));
    EXPECT(walk.is_end);
    close_table();
}

static void walk_meets_the_greatest_hash_and_ends(void)
{
    open_table(0);
    insert(0, UINT64_MAX);
    insert(1, 0);
    struct table_walk walk = {0};
    walk_some(&walk, SIZE_MAX);
    EXPECT(walk.is_end);
    expect_met_once(0, 2);
    close_table();
}

static void walk_takes_no_more_steps_than_it_has(void)
{
    open_table(0);
    for (size_t i = 0; i < 1000; i++) {
        insert(i, i << 40); /* All in the first bucket of many. */
    }
    struct table_walk walk = {.position = UINT64_C(1) << 60, .steps = 3};
    EXPECT(!table_seek(&table, &walk));
    EXPECT_INT(walk.steps, 0);
    EXPECT(walk.position > UINT64_C(1) << 60);
    EXPECT(!walk.is_end);
    close_table();
}

static void table_is_drained_in_pieces(void)
{
    open_table(0);
    for (size_t i = 0; i < 1000; i++) {
        insert(i, spread(i));
    }
    size_t drained = 0;
    while (table.buckets.count > 0) {
        size_t before = drained;
        struct table_node *node = table_drain(&table, 10);
        for (; node; node = node->next) {
            drained++;
        }
        EXPECT(drained - before <= 10);
        EXPECT_INT(table.count, 1000 - drained);
    }
    EXPECT_INT(drained, 1000);
    close_table();
}

static void attempt_growth(void *arg)
{
    (void)arg;
    open_table(0);
    for (size_t i = 0; i < 300; i++) {
        prepare(i, spread(i));
        enum status status = table_reserve(&table);
        EXPECT(status == STATUS_OK || (i == 0 && starve_has_struck()));
        if (status) {
            status = table_reserve(&table);
        }
        EXPECT_INT(status, STATUS_OK);
        table_insert(&table, &nodes[i].node);
    }
    EXPECT_INT(table.buckets.count, 300);
    bool all_found = true;
    for (size_t i = 0; i < 300; i++) {
        all_found = all_found && is_found(i);
    }
    EXPECT(all_found);
    close_table();
}

static void growth_without_memory_is_made_up_for_later(void)
{
    EXPECT(starve(attempt_growth, NULL) > 10);
}

static const struct test_case cases[] = {
    TEST(table_finds_what_is_in_it),
    TEST(table_does_not_find_what_was_removed),
    TEST(empty_table_finds_nothing),
    TEST(table_tells_keys_of_one_hash_apart),
    TEST(node_takes_the_place_of_another),
    TEST(table_has_as_many_buckets_as_nodes),
    TEST(table_shrinks_with_its_nodes_to_nothing),
    TEST(walk_meets_each_node_once),
    TEST(walk_goes_in_the_order_of_the_hashes),
    TEST(walk_meets_what_stays_once_while_the_table_grows),
    TEST(walk_meets_what_stays_once_while_the_table_shrinks),
    TEST(walk_of_one_table_ends_at_its_last_hash),
    TEST(walk_of_an_empty_table_passes_it_in_a_step),
    TEST(walk_meets_the_greatest_hash_and_ends),
    TEST(walk_takes_no_more_steps_than_it_has),
    TEST(table_is_drained_in_pieces),
    TEST(growth_without_memory_is_made_up_for_later),
};

SUITE(store_table, cases);
