/* Pages of keys of a bank, where keys share a hash. Under the key of these
 * tests, which is no secret, two keys of 4096 bytes do: they differ in the
 * last eight, which were searched for. */
#include "store/bank.h"

#include "base/check.h"
#include "core/limits.h"
#include "core/response.h"
#include "store/commons.h"
#include "store/index_pool.h"
#include "store/lifetime.h"
#include "store/store.h"
#include "support/test.h"

#include <string.h>

enum { ARENA_LEN = 16 * 1024 * 1024, TWINS = 2, OTHERS = 40 };

static const uint64_t twin_ends[TWINS] = {0x66c4023a0dad99c2u,
                                          0x9cdf55bbf088a146u};

/* A bank with the twins and others, and how often each was listed. */
struct scene {
    struct commons commons;
    struct space *space;
    struct bank *bank;
    char keys[TWINS + OTHERS][KEY_LEN_MAX];
    int times[TWINS + OTHERS];
    int pages;
    bool has_page_beyond_limit;
};

static struct hashed_key key_of(const struct scene *scene, int number)
{
    struct slice bytes = slice_of(scene->keys[number], KEY_LEN_MAX);
    uint64_t hash = hash_bytes(&scene->commons.keys_secret, bytes);
    return (struct hashed_key){.hash = hash, .bytes = bytes};
}

static void put(struct scene *scene, int number, uint64_t end)
{
    char *key = scene->keys[number];
    memset(key, 'k', KEY_LEN_MAX);
    memcpy(key + KEY_LEN_MAX - sizeof end, &end, sizeof end);
    struct hashed_key hashed = key_of(scene, number);
    struct bank_value value = {.bytes = SLICE_LITERAL("v"),
                               .lifetime = {LIFETIME_FOREVER, 0}};
    EXPECT_INT(bank_put(scene->bank, &hashed, &value), STATUS_OK);
}

static void open_scene(struct scene *scene)
{
    *scene = (struct scene){
        .commons = {.keys_secret = {1, 2}, .hashes_of = bank_hash_items}};
    struct commons *commons = &scene->commons;
    commons->arena = arena_create(ARENA_LEN, sizeof(struct segment));
    CHECK(commons->arena);
    commons->base = arena_base(commons->arena);
    commons->epochs = epochs_create(commons);
    commons->pool = index_pool_create(commons->arena);
    scene->space = space_create(commons, NULL);
    scene->bank = bank_create(7, SLICE_LITERAL("b"), 0, scene->space);
    CHECK(commons->epochs && commons->pool && scene->space && scene->bank);
    CHECK(departures_init(&commons->departures, commons) == STATUS_OK);
    for (int i = 0; i < TWINS; i++) {
        put(scene, i, twin_ends[i]);
    }
    for (int i = 0; i < OTHERS; i++) {
        put(scene, TWINS + i, (uint64_t)i);
    }
}

static void close_scene(struct scene *scene)
{
    struct list segments;
    list_init(&segments);
    space_detach(scene->space, &segments);
    for (struct list *link; (link = list_pop(&segments));) {
        space_return(&scene->commons, LIST_ENTRY(link, struct segment, link));
    }
    space_free(&scene->space);
    bank_free(&scene->bank);
    epochs_free(&scene->commons.epochs);
    index_pool_free(&scene->commons.pool);
    departures_fini(&scene->commons.departures, &scene->commons);
    arena_free(&scene->commons.arena);
}

static void count_page(struct scene *scene, const struct response *response)
{
    struct slice items = buffer_peek(&response->body);
    struct slice item;
    while (response_next_item(&items, &item)) {
        for (int i = 0; i < TWINS + OTHERS; i++) {
            scene->times[i] +=
                slice_equal(item, slice_of(scene->keys[i], KEY_LEN_MAX));
        }
    }
}

/* Lists all, `limit` a page. */
static void list_all(struct scene *scene, uint32_t limit)
{
    struct response response = {0};
    struct cursor cursor = {0};
    struct listing listing;
    const struct store_page page = {.limit = limit};
    do {
        response_clear(&response);
        listing_start(&listing, &page, cursor.position, &response);
        REQUIRE(!bank_keys(scene->bank, &listing, &cursor));
        scene->has_page_beyond_limit |= response.count > limit;
        scene->pages++;
        count_page(scene, &response);
    } while (!listing.walk.is_end && scene->pages < 1000);
    response_fini(&response);
}

static void expect_once(const struct scene *scene)
{
    for (int i = 0; i < TWINS + OTHERS; i++) {
        EXPECT_INT(scene->times[i], 1);
    }
}

static void twins_share_a_hash(void)
{
    struct scene scene;
    open_scene(&scene);
    EXPECT(key_of(&scene, 0).hash == key_of(&scene, 1).hash);
    EXPECT(!slice_equal(key_of(&scene, 0).bytes, key_of(&scene, 1).bytes));
    close_scene(&scene);
}

static void keys_of_one_hash_are_listed_once_at_the_end_of_a_page(void)
{
    struct scene scene;
    open_scene(&scene);
    list_all(&scene, 1);
    expect_once(&scene);
    EXPECT(scene.has_page_beyond_limit);
    close_scene(&scene);
}

/* Of whatever number stands before them, some leave room for one of the two
 * only. */
static void keys_of_one_hash_are_listed_once_where_room_ends(void)
{
    for (int left_out = 0; left_out < OTHERS; left_out++) {
        struct scene scene;
        open_scene(&scene);
        for (int i = 0; i < left_out; i++) {
            struct hashed_key key = key_of(&scene, TWINS + i);
            const struct lifetime over = {LIFETIME_OVER, 0};
            struct store_visit visit = {0};
            EXPECT_INT(bank_read(scene.bank, &key, &over, &visit), STATUS_OK);
            scene.times[TWINS + i] = 1;
        }
        list_all(&scene, 1000);
        expect_once(&scene);
        close_scene(&scene);
    }
}

static const struct test_case cases[] = {
    TEST(twins_share_a_hash),
    TEST(keys_of_one_hash_are_listed_once_at_the_end_of_a_page),
    TEST(keys_of_one_hash_are_listed_once_where_room_ends),
};

SUITE(store_bank_keys, cases);
