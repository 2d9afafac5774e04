#include "store/space.h"

#include "base/check.h"
#include "store/commons.h"
#include "store/item.h"
#include "store/lifetime.h"
#include "support/test.h"

enum {
    ITEM_LEN = 100,
    ITEMS_OF_A_SEGMENT = 40, /* of 4 KiB */
    BLOCK = 4096,
    ARENA_LEN = 32 * 1024 * 1024
};

/* A space, with what it needs of a store. */
struct scene {
    struct commons commons;
    struct space *space;
};

static void open_scene(struct scene *scene)
{
    *scene = (struct scene){0};
    struct commons *commons = &scene->commons;
    commons->arena = arena_create(ARENA_LEN, sizeof(struct segment));
    commons->epochs = epochs_create(commons);
    CHECK(commons->arena && commons->epochs);
    commons->base = arena_base(commons->arena);
    scene->space = space_create(commons, NULL);
    CHECK(scene->space);
}

static size_t give_all_back(struct scene *scene)
{
    struct list segments;
    size_t count = 0;
    list_init(&segments);
    space_detach(scene->space, &segments);
    for (struct list *link; (link = list_pop(&segments)); count++) {
        space_return(&scene->commons, LIST_ENTRY(link, struct segment, link));
    }
    return count;
}

static void close_scene(struct scene *scene)
{
    give_all_back(scene);
    space_free(&scene->space);
    epochs_free(&scene->commons.epochs);
    arena_free(&scene->commons.arena);
}

static struct item some_item(void)
{
    struct item item = {.key_len = 16, .value_len = ITEM_LEN - 20};
    item_lay_out(&item);
    CHECK(item.len == ITEM_LEN);
    return item;
}

static uint64_t reserve(struct scene *scene, enum space_queue queue)
{
    const struct item item = some_item();
    uint64_t place = 0;
    EXPECT_INT(space_reserve(scene->space, queue, &item, 0, &place), STATUS_OK);
    return place;
}

static uint64_t add(struct scene *scene, enum space_queue queue)
{
    uint64_t place = reserve(scene, queue);
    space_publish(&scene->commons, place, LIFE_FOREVER);
    return place;
}

/* Fills `count` segments; the first item of each is at `places`. */
static void fill(struct scene *scene, enum space_queue queue, size_t count,
                 uint64_t *places)
{
    for (size_t i = 0; i < count * ITEMS_OF_A_SEGMENT; i++) {
        uint64_t place = add(scene, queue);
        if (i % ITEMS_OF_A_SEGMENT == 0) {
            places[i / ITEMS_OF_A_SEGMENT] = place;
        }
    }
}

static struct segment *segment_at(struct scene *scene, uint64_t place)
{
    return segment_of(&scene->commons, place);
}

static void expect_taken(struct scene *scene, uint64_t place)
{
    struct segment *segment = space_take_oldest(scene->space);
    EXPECT(segment == segment_at(scene, place));
    if (segment) {
        space_retire(segment);
    }
}

static void items_lie_one_behind_the_other(void)
{
    struct scene scene;
    open_scene(&scene);
    uint64_t first = add(&scene, SPACE_SMALL);
    for (uint64_t i = 1; i < ITEMS_OF_A_SEGMENT; i++) {
        EXPECT_INT(add(&scene, SPACE_SMALL), first + i * ITEM_LEN / ARENA_UNIT);
    }
    EXPECT_INT(space_used(scene.space), BLOCK);
    EXPECT_INT(space_filled(segment_at(&scene, first)),
               ITEMS_OF_A_SEGMENT * ITEM_LEN);
    EXPECT(segment_at(&scene, add(&scene, SPACE_SMALL)) !=
           segment_at(&scene, first));
    EXPECT_INT(space_used(scene.space), 2 * BLOCK);
    close_scene(&scene);
}

static void item_that_is_reserved_can_be_walked_over(void)
{
    struct scene scene;
    struct item item;
    open_scene(&scene);
    uint64_t place = reserve(&scene, SPACE_SMALL);
    EXPECT(item_read(arena_at(scene.commons.base, place), &item));
    EXPECT_INT(item.len, ITEM_LEN);
    EXPECT_INT(space_filled(segment_at(&scene, place)), ITEM_LEN);
    space_publish(&scene.commons, place, LIFE_FOREVER);
    close_scene(&scene);
}

static void queues_fill_segments_of_their_own(void)
{
    struct scene scene;
    open_scene(&scene);
    struct segment *small = segment_at(&scene, add(&scene, SPACE_SMALL));
    struct segment *main = segment_at(&scene, add(&scene, SPACE_MAIN));
    EXPECT(small != main);
    EXPECT_INT(small->queue, SPACE_SMALL);
    EXPECT_INT(main->queue, SPACE_MAIN);
    close_scene(&scene);
}

static size_t block_len_for(struct scene *scene, uint32_t value_len)
{
    struct item item = {.key_len = 1, .value_len = value_len};
    uint64_t place = 0;
    item_lay_out(&item);
    EXPECT_INT(space_reserve(scene->space, SPACE_MAIN, &item, 0, &place),
               STATUS_OK);
    space_publish(&scene->commons, place, LIFE_FOREVER);
    return arena_block_len(segment_at(scene, place)->class);
}

static void large_items_go_to_large_segments(void)
{
    struct scene scene;
    open_scene(&scene);
    EXPECT_INT(block_len_for(&scene, 4000), 4096);
    EXPECT_INT(block_len_for(&scene, 4100), 65536);
    EXPECT_INT(block_len_for(&scene, 65000), 65536);
    EXPECT_INT(block_len_for(&scene, 66000), 1048576);
    close_scene(&scene);
}

static void items_are_a_small_part_of_their_segment_in_a_large_space(void)
{
    struct scene scene;
    open_scene(&scene);
    while (space_used(scene.space) < 9 * 1048576) {
        EXPECT_INT(block_len_for(&scene, ITEM_INSIDE_MAX), 1048576);
    }
    EXPECT_INT(block_len_for(&scene, 1000), 4096);
    EXPECT_INT(block_len_for(&scene, 1100), 65536);
    EXPECT_INT(block_len_for(&scene, 16000), 65536);
    EXPECT_INT(block_len_for(&scene, 17000), 1048576);
    close_scene(&scene);
}

/* Steps are large where segments are few: the queues have no tenths then. */
static void segments_stay_many_as_the_space_grows(void)
{
    enum { LEN = 24 * 1024 * 1024, FEWEST = 200 };
    struct scene scene;
    open_scene(&scene);
    while (space_used(scene.space) < LEN) {
        uint64_t place = add(&scene, SPACE_MAIN);
        uint64_t block = arena_block_len(segment_at(&scene, place)->class);
        if (block > BLOCK &&
            !EXPECT(space_used(scene.space) / block >= FEWEST)) {
            break;
        }
    }
    close_scene(&scene);
}

static void oldest_is_taken_first(void)
{
    struct scene scene;
    uint64_t places[4];
    open_scene(&scene);
    fill(&scene, SPACE_SMALL, 4, places);
    for (int i = 0; i < 4; i++) {
        expect_taken(&scene, places[i]);
    }
    EXPECT(space_take_oldest(scene.space) == NULL);
    EXPECT_INT(space_used(scene.space), 0);
    close_scene(&scene);
}

static void small_queue_keeps_a_tenth_and_main_the_rest(void)
{
    struct scene scene;
    uint64_t small[2];
    uint64_t main[18];
    open_scene(&scene);
    fill(&scene, SPACE_SMALL, 2, small);
    fill(&scene, SPACE_MAIN, 18, main);
    expect_taken(&scene, main[0]); /* 2 of 20 are no more than a tenth. */
    expect_taken(&scene, small[0]);
    expect_taken(&scene, main[1]);
    close_scene(&scene);
}

static void segment_that_is_written_to_is_not_taken(void)
{
    struct scene scene;
    uint64_t places[2];
    open_scene(&scene);
    uint64_t pinned = reserve(&scene, SPACE_MAIN);
    for (int i = 1; i < ITEMS_OF_A_SEGMENT; i++) {
        add(&scene, SPACE_MAIN);
    }
    fill(&scene, SPACE_MAIN, 2, places);
    expect_taken(&scene, places[0]);
    space_publish(&scene.commons, pinned, LIFE_FOREVER);
    expect_taken(&scene, pinned);
    close_scene(&scene);
}

static void segment_that_was_retired_is_free_when_readers_have_left(void)
{
    struct scene scene;
    uint64_t place = 0;
    open_scene(&scene);
    EXPECT(epochs_enter(scene.commons.epochs));
    fill(&scene, SPACE_MAIN, 1, &place);
    expect_taken(&scene, place);
    EXPECT_INT(space_used(scene.space), 0);
    EXPECT_INT(scene.commons.leaving, BLOCK);
    EXPECT(epochs_have_retired(scene.commons.epochs));
    epochs_leave(scene.commons.epochs);
    epochs_release(scene.commons.epochs, 1);
    epochs_release(scene.commons.epochs, 1);
    EXPECT_INT(scene.commons.leaving, 0);
    EXPECT_INT(segment_at(&scene, add(&scene, SPACE_MAIN))->place, place);
    close_scene(&scene);
}

static struct segment *find_work(struct scene *scene, uint64_t now_ms,
                                 enum space_job_kind *kind)
{
    bool is_through;
    struct segment *segment =
        space_find_work(scene->space, now_ms, kind, &is_through);
    EXPECT(segment || is_through);
    return segment;
}

static void forget(struct scene *scene, uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        space_forget(&scene->commons, first + i * ITEM_LEN / ARENA_UNIT,
                     ITEM_LEN);
    }
}

static void segment_of_which_much_is_dead_is_work(void)
{
    struct scene scene;
    uint64_t places[3];
    enum space_job_kind kind;
    open_scene(&scene);
    fill(&scene, SPACE_MAIN, 3, places);
    EXPECT(find_work(&scene, 0, &kind) == NULL);
    forget(&scene, places[1], ITEMS_OF_A_SEGMENT / 4);
    EXPECT(find_work(&scene, 0, &kind) == NULL);
    forget(&scene, places[1], ITEMS_OF_A_SEGMENT / 10);
    struct segment *segment = find_work(&scene, 0, &kind);
    EXPECT(segment == segment_at(&scene, places[1]));
    EXPECT_INT(kind, SPACE_COMPACT);
    space_retire(segment);
    EXPECT(find_work(&scene, 0, &kind) == NULL);
    expect_taken(&scene, places[0]);
    expect_taken(&scene, places[2]);
    close_scene(&scene);
}

static void segment_that_became_sparse_while_open_is_work(void)
{
    struct scene scene;
    enum space_job_kind kind;
    open_scene(&scene);
    uint64_t first = add(&scene, SPACE_MAIN);
    for (int i = 1; i < ITEMS_OF_A_SEGMENT; i++) {
        forget(&scene, add(&scene, SPACE_MAIN), 1);
    }
    EXPECT(find_work(&scene, 0, &kind) == segment_at(&scene, first));
    EXPECT_INT(kind, SPACE_COMPACT);
    space_retire(segment_at(&scene, first));
    EXPECT(add(&scene, SPACE_MAIN) / 1024 != first / 1024);
    close_scene(&scene);
}

static void segment_is_work_when_an_item_ends(void)
{
    struct scene scene;
    uint64_t places[2];
    enum space_job_kind kind;
    open_scene(&scene);
    fill(&scene, SPACE_MAIN, 2, places);
    uint64_t mortal = reserve(&scene, SPACE_MAIN);
    space_publish(&scene.commons, mortal, 1000);
    space_note_end(segment_at(&scene, places[0]), 2000);
    EXPECT(find_work(&scene, 999, &kind) == NULL);
    EXPECT(find_work(&scene, 1000, &kind) == segment_at(&scene, mortal));
    EXPECT_INT(kind, SPACE_EXPIRE);
    EXPECT(find_work(&scene, 1999, &kind) == NULL);
    EXPECT(find_work(&scene, 2000, &kind) == segment_at(&scene, places[0]));
    EXPECT_INT(kind, SPACE_EXPIRE);
    EXPECT(find_work(&scene, 3000, &kind) == NULL);
    close_scene(&scene);
}

static void detached_space_is_empty_and_can_be_filled_again(void)
{
    struct scene scene;
    uint64_t places[3];
    open_scene(&scene);
    fill(&scene, SPACE_MAIN, 3, places);
    fill(&scene, SPACE_SMALL, 2, places);
    EXPECT_INT(give_all_back(&scene), 5);
    EXPECT_INT(space_used(scene.space), 0);
    EXPECT_INT(scene.commons.leaving, 0);
    EXPECT(space_take_oldest(scene.space) == NULL);
    fill(&scene, SPACE_MAIN, 2, places);
    expect_taken(&scene, places[0]);
    close_scene(&scene);
}

static void key_that_was_evicted_goes_to_the_main_queue_once(void)
{
    struct scene scene;
    open_scene(&scene);
    space_size_ghost(scene.space, 1000);
    EXPECT_INT(space_queue_of(scene.space, 0x123456789abcdef0), SPACE_SMALL);
    space_remember(scene.space, 0x123456789abcdef0, 100);
    EXPECT_INT(space_queue_of(scene.space, 0x123456789abcdef0), SPACE_MAIN);
    EXPECT_INT(space_queue_of(scene.space, 0x123456789abcdef0), SPACE_SMALL);
    close_scene(&scene);
}

static void space_says_so_when_the_arena_is_full(void)
{
    struct scene scene;
    open_scene(&scene);
    struct item item = {.key_len = 1, .value_len = ITEM_INSIDE_MAX};
    item_lay_out(&item);
    enum status status = STATUS_OK;
    uint64_t place = 0;
    int count = 0;
    while (!status && count < 1000) {
        status = space_reserve(scene.space, SPACE_MAIN, &item, 0, &place);
        if (!status) {
            space_publish(&scene.commons, place, LIFE_FOREVER);
        }
        count++;
    }
    EXPECT_INT(status, STATUS_NOMEM);
    EXPECT(count > 3 * (ARENA_LEN >> 20) - 3);
    close_scene(&scene);
}

static const struct test_case cases[] = {
    TEST(items_lie_one_behind_the_other),
    TEST(item_that_is_reserved_can_be_walked_over),
    TEST(queues_fill_segments_of_their_own),
    TEST(large_items_go_to_large_segments),
    TEST(items_are_a_small_part_of_their_segment_in_a_large_space),
    TEST(segments_stay_many_as_the_space_grows),
    TEST(oldest_is_taken_first),
    TEST(small_queue_keeps_a_tenth_and_main_the_rest),
    TEST(segment_that_is_written_to_is_not_taken),
    TEST(segment_that_was_retired_is_free_when_readers_have_left),
    TEST(segment_of_which_much_is_dead_is_work),
    TEST(segment_that_became_sparse_while_open_is_work),
    TEST(segment_is_work_when_an_item_ends),
    TEST(detached_space_is_empty_and_can_be_filled_again),
    TEST(key_that_was_evicted_goes_to_the_main_queue_once),
    TEST(space_says_so_when_the_arena_is_full),
};

SUITE(store_space, cases);
