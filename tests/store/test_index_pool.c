#include "store/index_pool.h"

#include "base/check.h"
#include "store/arena.h"
#include "support/starve.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_LEN = 256 * 1024 * 1024, HEAD = 48, LINE = 64 };

/* Pieces by their owners, each full of its owner's number. */
struct scene {
    struct arena *arena;
    struct index_pool *pool;
    struct index_piece **pieces;
    uint32_t count;
    size_t moved;
};

static void open_scene(struct scene *scene, uint32_t count)
{
    *scene = (struct scene){.count = count};
    scene->arena = arena_create(ARENA_LEN, sizeof(struct index_block));
    CHECK(scene->arena);
    scene->pool = index_pool_create(scene->arena);
    scene->pieces = calloc(count, sizeof(void *));
    CHECK(scene->pool && scene->pieces);
}

static size_t room_of(const struct index_piece *piece)
{
    return piece->len - sizeof *piece;
}

static bool take(struct scene *scene, uint32_t owner, size_t len)
{
    struct index_piece *piece = index_pool_take(scene->pool, len, owner);
    if (piece) {
        memset(piece + 1, (int)owner, room_of(piece));
        scene->pieces[owner] = piece;
    }
    return piece;
}

static void give(struct scene *scene, uint32_t owner)
{
    if (scene->pieces[owner]) {
        index_pool_return(scene->pool, scene->pieces[owner]);
        scene->pieces[owner] = NULL;
    }
}

static bool is_whole(const struct scene *scene, uint32_t owner)
{
    const struct index_piece *piece = scene->pieces[owner];
    const char *bytes = (const char *)(piece + 1);
    for (size_t i = 0; i < room_of(piece); i++) {
        if (bytes[i] != (char)owner) {
            return false;
        }
    }
    return piece->owner == owner;
}

static size_t count_whole(const struct scene *scene)
{
    size_t count = 0;
    for (uint32_t i = 0; i < scene->count; i++) {
        count += scene->pieces[i] && is_whole(scene, i);
    }
    return count;
}

static size_t bytes_asked_for(const struct scene *scene)
{
    size_t len = 0;
    for (uint32_t i = 0; i < scene->count; i++) {
        len += scene->pieces[i] ? scene->pieces[i]->len : 0;
    }
    return len;
}

static bool move(void *arg, uint32_t owner, struct index_piece *piece)
{
    struct scene *scene = arg;
    struct index_piece *old = scene->pieces[owner];
    if (old != piece) {
        return true;
    }
    if (!take(scene, owner, old->len)) {
        return false;
    }
    memcpy(scene->pieces[owner] + 1, old + 1, room_of(old));
    index_pool_return(scene->pool, old);
    scene->moved++;
    return true;
}

static void work(struct scene *scene)
{
    while (index_pool_work(scene->pool, 10, move, scene)) {
    }
}

static void close_scene(struct scene *scene)
{
    for (uint32_t i = 0; i < scene->count; i++) {
        give(scene, i);
    }
    work(scene);
    index_pool_free(&scene->pool);
    arena_free(&scene->arena);
    free(scene->pieces);
}

static void pieces_have_their_bytes_to_themselves(void)
{
    struct scene scene;
    open_scene(&scene, 3000);
    for (uint32_t i = 0; i < scene.count; i++) {
        size_t lines = LINE * (size_t)(1 + i % 129);
        REQUIRE(take(&scene, i, i % 2 ? lines : HEAD + lines % 256));
    }
    EXPECT_INT(count_whole(&scene), scene.count);
    close_scene(&scene);
}

static void what_follows_the_head_of_a_piece_with_lines_is_a_line(void)
{
    struct scene scene;
    open_scene(&scene, 200);
    for (uint32_t i = 0; i < scene.count; i++) {
        REQUIRE(take(&scene, i, LINE * (size_t)(5 + i % 124)));
        EXPECT_INT(((uintptr_t)scene.pieces[i] + HEAD) % LINE, 0);
    }
    close_scene(&scene);
}

/* As indexes grow: all from one size to the next, in any order. */
static void memory_is_little_more_than_what_is_asked_for(void)
{
    enum { COUNT = 2000, FROM = 32, TO = 128 };
    struct scene scene;
    open_scene(&scene, COUNT);
    uint64_t random = test_seed();
    size_t before = arena_used(scene.arena);
    double worst = 0;
    for (size_t lines = FROM; lines <= TO; lines += lines / 8) {
        for (uint32_t i = 0; i < COUNT; i++) {
            uint32_t owner = (uint32_t)(test_random(&random) % COUNT);
            give(&scene, owner);
            REQUIRE(take(&scene, owner, LINE * lines));
            index_pool_work(scene.pool, 20, move, &scene);
            size_t asked = bytes_asked_for(&scene);
            size_t used = arena_used(scene.arena) - arena_idle(scene.arena);
            double part = (double)(used - before) / (double)asked;
            worst = part > worst && i > COUNT / 2 ? part : worst;
        }
    }
    EXPECT(scene.moved > COUNT);
    printf("index pool: %.2f of what is asked for at worst\n", worst);
    EXPECT(worst > 1 && worst < 1.25);
    size_t there = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        there += scene.pieces[i] != NULL;
    }
    EXPECT_INT(count_whole(&scene), there);
    close_scene(&scene);
}

static void pool_without_pieces_holds_no_blocks(void)
{
    struct scene scene;
    open_scene(&scene, 1000);
    size_t before = arena_used(scene.arena);
    for (uint32_t i = 0; i < scene.count; i++) {
        REQUIRE(take(&scene, i, i % 2 ? 128 * LINE : HEAD + LINE));
    }
    EXPECT(arena_used(scene.arena) > before + bytes_asked_for(&scene));
    for (uint32_t i = 0; i < scene.count; i++) {
        give(&scene, i);
    }
    EXPECT_INT(arena_used(scene.arena) - arena_idle(scene.arena), before);
    EXPECT(!index_pool_work(scene.pool, 1, move, &scene));
    close_scene(&scene);
}

static void attempt_to_move(void *arg)
{
    struct scene *scene = arg;
    for (uint32_t i = 0; i < scene->count; i++) {
        give(scene, i);
        if (!take(scene, i, 100 * LINE)) {
            EXPECT(starve_has_struck());
            REQUIRE(take(scene, i, 100 * LINE));
        }
    }
    for (uint32_t i = 0; i < scene->count; i += 2) {
        give(scene, i);
    }
    for (int i = 0; i < 3; i++) {
        work(scene);
    }
    EXPECT_INT(count_whole(scene), scene->count / 2);
    size_t used = arena_used(scene->arena) - arena_idle(scene->arena);
    EXPECT(used < bytes_asked_for(scene) * 5 / 4);
}

static void what_finds_no_memory_is_moved_later(void)
{
    struct scene scene;
    open_scene(&scene, 300);
    EXPECT(starve(attempt_to_move, &scene) > 300);
    close_scene(&scene);
}

static const struct test_case cases[] = {
    TEST(pieces_have_their_bytes_to_themselves),
    TEST(what_follows_the_head_of_a_piece_with_lines_is_a_line),
    TEST(memory_is_little_more_than_what_is_asked_for),
    TEST(pool_without_pieces_holds_no_blocks),
    TEST(what_finds_no_memory_is_moved_later),
};

SUITE(store_index_pool, cases);
