/* Keys are numbers, and a place says which key lies there: twice the key, or
 * one more, so that there are two places for each. */
#include "store/index.h"

#include "base/check.h"
#include "store/arena.h"
#include "store/commons.h"
#include "store/index_internal.h"
#include "support/resident.h"
#include "support/starve.h"
#include "support/test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ARENA_LEN = 512 * 1024 * 1024 };

struct world {
    struct commons commons;
    struct index index;
    uint64_t (*hash)(uint64_t key);
};

static uint64_t mix(uint64_t key)
{
    uint64_t x = key + 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t mix_with_one_tag(uint64_t key)
{
    return (mix(key) & ~(uint64_t)0xfff) | 0x123;
}

static uint64_t mix_with_no_tag(uint64_t key)
{
    return mix(key) & ~(uint64_t)0xfff;
}

static uint64_t same_for_all(uint64_t key)
{
    (void)key;
    return 0x123456789abcdef0u;
}

static void hash_places(const struct commons *commons, const uint64_t *places,
                        uint64_t *hashes, size_t count)
{
    const struct world *world =
        (const struct world *)(const void *)commons; /* its first member */
    for (size_t i = 0; i < count; i++) {
        hashes[i] = world->hash(places[i] / 2);
    }
}

static void world_init(struct world *world, uint64_t (*hash)(uint64_t key))
{
    struct commons *commons = &world->commons;
    *commons = (struct commons){0};
    commons->arena = arena_create(ARENA_LEN, sizeof(struct index_block));
    CHECK(commons->arena);
    commons->epochs = epochs_create(commons);
    commons->pool = index_pool_create(commons->arena);
    CHECK(commons->epochs && commons->pool);
    world->hash = hash;
    commons->hashes_of = hash_places;
    index_init(&world->index, commons, 1);
}

static void world_fini(struct world *world)
{
    index_fini(&world->index);
    EXPECT_INT(atomic_load(&world->index.used), 0);
    epochs_free(&world->commons.epochs);
    index_pool_free(&world->commons.pool);
    EXPECT_INT(atomic_load(&world->commons.other), 0);
    arena_free(&world->commons.arena);
}

static void release_retired(struct world *world)
{
    while (epochs_release(world->commons.epochs, 1000)) {
    }
}

static enum status add(struct world *world, uint64_t key)
{
    return index_add(&world->index, world->hash(key), key * 2);
}

static void take_out(struct world *world, uint64_t key)
{
    index_remove(&world->index, world->hash(key), key * 2);
}

/* As a reader looks: the place, 0 for none. */
static uint64_t look_up(const struct world *world, uint64_t key)
{
    struct index_reader reader;
    uint64_t hash = world->hash(key);
    index_start(&reader, &world->index, hash);
    while (index_next(&reader)) {
        if (reader.place / 2 != key) {
            continue;
        }
        if (index_is_valid(&reader)) {
            return reader.place;
        }
        index_start(&reader, &world->index, hash);
    }
    return 0;
}

static size_t count_found(const struct world *world, uint64_t begin,
                          uint64_t end)
{
    size_t found = 0;
    for (uint64_t key = begin; key < end; key++) {
        found += look_up(world, key) == key * 2 &&
                 index_has(&world->index, world->hash(key), key * 2);
    }
    return found;
}

static double bytes_an_item(const struct world *world)
{
    return (double)atomic_load(&world->index.used) / (double)world->index.count;
}

static void empty_index_holds_no_memory_and_finds_nothing(void)
{
    struct world world;
    world_init(&world, mix);
    uint64_t places[INDEX_FOUND_MAX];
    EXPECT_INT(atomic_load(&world.index.used), 0);
    EXPECT_INT(look_up(&world, 1), 0);
    EXPECT_INT(index_find(&world.index, mix(1), places), 0);
    EXPECT(!index_has(&world.index, mix(1), 2));
    EXPECT_INT(index_walk_region(&world.index, 0, NULL, NULL), 0);
    world_fini(&world);
}

static void index_of_one_takes_160_bytes_at_most_and_gives_them_back(void)
{
    struct world world;
    world_init(&world, mix);
    REQUIRE(add(&world, 1) == STATUS_OK);
    EXPECT_INT(look_up(&world, 1), 2);
    EXPECT(atomic_load(&world.index.used) <= 160);
    take_out(&world, 1);
    EXPECT_INT(look_up(&world, 1), 0);
    EXPECT_INT(atomic_load(&world.index.used), 0);
    EXPECT_INT(world.index.count, 0);
    world_fini(&world);
}

static void place_keeps_all_its_bits(void)
{
    struct world world;
    world_init(&world, mix);
    uint64_t place = ((uint64_t)1 << 36) - 2;
    REQUIRE(add(&world, place / 2) == STATUS_OK);
    EXPECT_INT(look_up(&world, place / 2), place);
    index_replace(&world.index, mix(place / 2), place, place + 1);
    EXPECT_INT(look_up(&world, place / 2), place + 1);
    world_fini(&world);
}

/* One random operation on a key, where `model` holds the places. */
static void do_one(struct world *world, uint64_t *model, uint64_t key,
                   bool is_growing)
{
    uint64_t hash = world->hash(key);
    if (model[key] == 0) {
        EXPECT_INT(add(world, key), STATUS_OK);
        model[key] = key * 2;
    } else if (is_growing) {
        index_replace(&world->index, hash, model[key], model[key] ^ 1);
        model[key] ^= 1;
    } else {
        index_remove(&world->index, hash, model[key]);
        model[key] = 0;
    }
}

static bool is_as_model(const struct world *world, const uint64_t *model,
                        uint64_t key)
{
    uint64_t place = model[key];
    if (look_up(world, key) != place) {
        return false;
    }
    return place == 0 ||
           (index_has(&world->index, world->hash(key), place) &&
            !index_has(&world->index, world->hash(key), place ^ 1));
}

static void compare_with_model(uint64_t (*hash)(uint64_t key), uint64_t keys,
                               int steps)
{
    struct world world;
    world_init(&world, hash);
    uint64_t *model = calloc(keys + 1, sizeof *model);
    uint64_t random = test_seed();
    bool is_same = true;
    for (int i = 0; i < steps; i++) {
        /* It grows, shrinks and is full in turn. */
        uint64_t dice = test_random(&random);
        bool is_growing = (dice >> 40) % 10 < (i / (steps / 8) % 2 ? 2 : 9);
        uint64_t key = 1 + dice % keys;
        if (!is_growing && model[key] == 0) {
            continue;
        }
        do_one(&world, model, key, is_growing);
        is_same = is_same && is_as_model(&world, model, key);
        is_same = is_same &&
                  is_as_model(&world, model, 1 + test_random(&random) % keys);
        if (i % 1000 == 0) {
            release_retired(&world);
        }
    }
    size_t count = 0;
    for (uint64_t key = 1; key <= keys; key++) {
        is_same = is_same && is_as_model(&world, model, key);
        count += model[key] != 0;
    }
    EXPECT(is_same);
    EXPECT_INT(world.index.count, count);
    free(model);
    world_fini(&world);
}

static void index_is_as_a_plain_map_with_many_keys(void)
{
    compare_with_model(mix, 200000, test_is_long() ? 6000000 : 1000000);
}

static void index_is_as_a_plain_map_with_few_keys(void)
{
    for (uint64_t keys = 1; keys < 60; keys++) {
        compare_with_model(mix, keys, 4000);
    }
}

static void index_is_as_a_plain_map_when_all_tags_are_equal(void)
{
    compare_with_model(mix_with_one_tag, 20000, 200000);
    compare_with_model(mix_with_no_tag, 20000, 200000);
}

static void hash_that_too_many_share_is_refused_and_nothing_is_lost(void)
{
    struct world world;
    world_init(&world, same_for_all);
    uint64_t added = 0;
    while (added < 100 && add(&world, added + 1) == STATUS_OK) {
        added++;
    }
    EXPECT(added >= INDEX_SLOTS && added <= INDEX_FOUND_MAX);
    EXPECT_INT(count_found(&world, 1, added + 1), added);
    uint64_t places[INDEX_FOUND_MAX];
    EXPECT_INT(index_find(&world.index, same_for_all(1), places), added);
    EXPECT_INT(world.index.count, added);
    world_fini(&world);
}

struct density {
    double sum;
    double worst;
    size_t samples;
};

static void note_density(struct density *density, const struct world *world)
{
    double bytes = bytes_an_item(world);
    density->sum += bytes;
    density->worst = bytes > density->worst ? bytes : density->worst;
    density->samples++;
}

static bool is_round(uint64_t count)
{
    while (count >= 10 && count % 10 == 0) {
        count /= 10;
    }
    return count < 10 && (count == 1 || count == 3);
}

static void grow_to(struct world *world, uint64_t count,
                    struct density *density)
{
    enum { LARGE = 100000 };
    bool is_added = true;
    for (uint64_t key = 1; key <= count; key++) {
        is_added = is_added && add(world, key) == STATUS_OK;
        if (is_round(key)) {
            printf("index: %8zu items, %6.2f bytes each\n", world->index.count,
                   bytes_an_item(world));
        }
        if (key >= LARGE && key % 1000 == 0) {
            note_density(density, world);
        }
        if (key % 1000 == 0) {
            release_retired(world);
        }
    }
    EXPECT(is_added);
}

static void memory_follows_the_items_up_and_down(void)
{
    struct world world;
    world_init(&world, mix);
    const uint64_t count = test_is_long() ? 3000000 : 300000;
    struct density density = {0};
    grow_to(&world, count, &density);
    double mean = density.sum / (double)density.samples;
    printf("index: above 100000 items %.2f bytes each, %.2f at worst\n", mean,
           density.worst);
    EXPECT(density.worst <= 8.2);
    EXPECT(mean <= 7.6);
    EXPECT_INT(count_found(&world, 1, count + 1), count);
    for (uint64_t key = 1; key <= count; key++) {
        take_out(&world, key);
        if (key % 1000 == 0) {
            release_retired(&world);
        }
        if (key % (count / 10) == 0 && key < count) {
            EXPECT(bytes_an_item(&world) < 24);
        }
    }
    EXPECT_INT(world.index.count, 0);
    EXPECT_INT(count_found(&world, 1, count + 1), 0);
    printf("index: emptied again, %zu bytes\n", atomic_load(&world.index.used));
    EXPECT(atomic_load(&world.index.used) < count / 4);
    world_fini(&world);
}

struct tour {
    unsigned char *times; /* that a key was met */
    uint64_t keys;
};

static void on_met(void *arg, uint64_t place)
{
    struct tour *tour = arg;
    if (place / 2 < tour->keys) {
        tour->times[place / 2]++;
    }
}

/* Adds or takes out the last key, as long as it is from `begin` to `end`. */
static void change_one(struct world *world, uint64_t *key, uint64_t begin,
                       uint64_t end, bool is_growing)
{
    if (is_growing && *key < end) {
        EXPECT_INT(add(world, (*key)++), STATUS_OK);
    } else if (!is_growing && *key > begin) {
        take_out(world, --*key);
    }
}

/* Those below `begin` are there all the time; others come or go after each
 * region. */
static void walk_while_it_changes(uint64_t begin, uint64_t end, bool is_growing)
{
    struct world world;
    world_init(&world, mix);
    uint64_t key = is_growing ? begin : end;
    for (uint64_t i = 1; i < key; i++) {
        REQUIRE(add(&world, i) == STATUS_OK);
    }
    struct tour tour = {calloc(begin, 1), begin};
    uint64_t position = 0;
    size_t steps = 0;
    do {
        position = index_walk_region(&world.index, position, on_met, &tour);
        for (int i = 0; i < 700; i++) {
            change_one(&world, &key, begin, end, is_growing);
        }
        steps++;
    } while (position != 0);
    size_t once = 0;
    for (uint64_t i = 1; i < begin; i++) {
        once += tour.times[i] == 1;
    }
    EXPECT_INT(once, begin - 1);
    EXPECT(steps >= 10);
    free(tour.times);
    world_fini(&world);
}

static void walk_meets_each_key_once_while_the_index_grows(void)
{
    walk_while_it_changes(20000, 100000, true);
}

static void walk_meets_each_key_once_while_the_index_shrinks(void)
{
    walk_while_it_changes(20000, 100000, false);
}

static void walk_by_buckets_meets_each_key_and_begins_anew(void)
{
    enum { COUNT = 5000 };
    struct world world;
    world_init(&world, mix);
    for (uint64_t i = 1; i < COUNT; i++) {
        REQUIRE(add(&world, i) == STATUS_OK);
    }
    for (int round = 0; round < 2; round++) {
        struct tour met = {calloc(COUNT, 1), COUNT};
        struct index_tour tour = {0};
        while (index_walk_bucket(&world.index, &tour, on_met, &met)) {
        }
        size_t once = 0;
        for (uint64_t i = 1; i < COUNT; i++) {
            once += met.times[i] == 1;
        }
        EXPECT_INT(once, COUNT - 1);
        EXPECT(tour.position == 0 && tour.bucket == 0);
        free(met.times);
    }
    world_fini(&world);
}

static bool move_region(void *arg, uint32_t owner, struct index_piece *piece)
{
    struct world *world = arg;
    EXPECT_INT(owner, world->index.owner);
    return index_move_region(&world->index, piece);
}

/* Moves regions together, as long as there is one worth it. */
static void move_regions(struct world *world)
{
    while (index_pool_work(world->commons.pool, 10, move_region, world)) {
        release_retired(world);
    }
}

static void index_whose_regions_are_moved_holds_what_it_held(void)
{
    enum { COUNT = IS_SANITIZED ? 120000 : 400000, LEFT = COUNT / 8 };
    struct world world;
    world_init(&world, mix);
    const struct arena *arena = world.commons.arena;
    for (uint64_t i = 1; i <= COUNT; i++) {
        REQUIRE(add(&world, i) == STATUS_OK);
    }
    for (uint64_t i = LEFT + 1; i <= COUNT; i++) {
        take_out(&world, i);
        if (i % 1000 == 0) {
            release_retired(&world);
        }
    }
    size_t before = arena_used(arena) - arena_idle(arena);
    move_regions(&world);
    move_regions(&world);
    size_t after = arena_used(arena) - arena_idle(arena);
    EXPECT(after < before);
    EXPECT(after < index_used(&world.index) * 5 / 4 + 128 * 1024);
    EXPECT_INT(count_found(&world, 1, COUNT + 1), LEFT);
    for (uint64_t i = 1; i <= LEFT; i++) {
        take_out(&world, i);
    }
    EXPECT_INT(world.index.count, 0);
    world_fini(&world);
}

static void index_is_given_back_in_pieces(void)
{
    enum { COUNT = 50000, REGIONS = 3 };
    struct world world;
    world_init(&world, mix);
    for (uint64_t i = 1; i < COUNT; i++) {
        REQUIRE(add(&world, i) == STATUS_OK);
    }
    int pieces = 1;
    size_t used = atomic_load(&world.index.used);
    while (!index_give_back(&world.index, REGIONS)) {
        EXPECT(atomic_load(&world.index.used) < used);
        used = atomic_load(&world.index.used);
        pieces++;
    }
    EXPECT(pieces > COUNT / INDEX_ITEMS_MAX / REGIONS);
    EXPECT_INT(count_found(&world, 1, COUNT), 0);
    REQUIRE(add(&world, 1) == STATUS_OK);
    EXPECT_INT(look_up(&world, 1), 2);
    world_fini(&world);
}

static void attempt_to_fill(void *arg)
{
    enum { COUNT = 6000 };
    struct world *world = arg;
    index_init(&world->index, &world->commons, 1);
    uint64_t key = 1;
    while (key <= COUNT) {
        enum status status = add(world, key);
        EXPECT(status == STATUS_OK || starve_has_struck());
        if (status != STATUS_OK) {
            EXPECT_INT(world->index.count, key - 1);
            EXPECT_INT(count_found(world, 1, COUNT + 1), key - 1);
        }
        key += status == STATUS_OK;
    }
    EXPECT_INT(count_found(world, 1, COUNT + 1), COUNT);
    for (key = 1; key <= COUNT; key++) {
        take_out(world, key);
    }
    EXPECT_INT(world->index.count, 0);
    index_fini(&world->index);
    EXPECT_INT(atomic_load(&world->index.used), 0);
    release_retired(world);
}

static void index_without_memory_stays_as_it_was(void)
{
    struct world world;
    world_init(&world, mix);
    EXPECT(starve(attempt_to_fill, &world) > 60);
    world_fini(&world);
}

/* A key from `from` on that `index` of a few buckets puts first where
 * `bucket` is. */
static uint64_t key_of_bucket(const struct world *world, uint64_t from,
                              const struct index_bucket *bucket)
{
    for (;; from++) {
        struct index_reader reader;
        index_start(&reader, &world->index, world->hash(from));
        if (reader.bucket == bucket) {
            return from;
        }
    }
}

static void item_that_moves_behind_a_reader_is_found(void)
{
    struct world world;
    world_init(&world, mix);
    uint64_t next = 1;
    while (world.index.count < 35) {
        REQUIRE(add(&world, next++) == STATUS_OK);
    }
    while (index_word_count(index_word(&world.index, 0)) < 5) {
        REQUIRE(add(&world, next++) == STATUS_OK);
    }
    /* Fill a bucket until a key that belongs there finds no room. */
    const struct index_bucket *bucket =
        index_word_buckets(index_word(&world.index, 0));
    uint64_t in_first[INDEX_SLOTS + 1];
    size_t count = 0;
    while (index_matches(bucket, 0)) {
        next = key_of_bucket(&world, next, bucket);
        in_first[count++] = next;
        REQUIRE(add(&world, next++) == STATUS_OK);
    }
    REQUIRE(count > 0);
    uint64_t moved = key_of_bucket(&world, next, bucket);
    REQUIRE(add(&world, moved) == STATUS_OK);
    take_out(&world, in_first[0]);

    struct index_reader reader;
    index_start(&reader, &world.index, mix(moved));
    REQUIRE(reader.bucket == bucket && reader.matches == 0);
    take_out(&world, moved);
    REQUIRE(add(&world, moved) == STATUS_OK);
    EXPECT(index_next(&reader));
    EXPECT_INT(reader.place, moved * 2);
    EXPECT(reader.bucket == bucket);
    world_fini(&world);
}

static void what_a_reader_holds_is_not_valid_once_the_region_is_replaced(void)
{
    struct world world;
    world_init(&world, mix);
    for (uint64_t key = 1; key <= INDEX_SLOTS; key++) {
        REQUIRE(add(&world, key) == STATUS_OK);
    }
    struct index_reader found;
    struct index_reader started;
    index_start(&found, &world.index, mix(1));
    index_start(&started, &world.index, mix(1));
    EXPECT(index_next(&found));
    EXPECT(index_is_valid(&found));
    REQUIRE(index_region_grow(&world.index, 0) == STATUS_OK);
    EXPECT(!index_is_valid(&found));
    EXPECT(index_next(&started));
    EXPECT_INT(started.place, 2);
    EXPECT(index_is_valid(&started));
    world_fini(&world);
}

static void reader_who_is_late_finds_what_came_with_new_regions(void)
{
    struct world world;
    world_init(&world, mix);
    REQUIRE(add(&world, 1) == STATUS_OK);
    struct index_reader missing;
    index_start(&missing, &world.index, mix(100));
    for (uint64_t key = 2; key <= 5000; key++) {
        REQUIRE(add(&world, key) == STATUS_OK);
    }
    EXPECT(index_next(&missing));
    EXPECT_INT(missing.place, 200);
    EXPECT(index_is_valid(&missing));
    world_fini(&world);
}

static void item_that_is_written_in_place_is_not_valid(void)
{
    struct world world;
    world_init(&world, mix);
    REQUIRE(add(&world, 1) == STATUS_OK);
    struct index_reader reader;
    index_start(&reader, &world.index, mix(1));
    EXPECT(index_next(&reader));
    struct index_bucket *bucket = index_begin_write(&world.index, mix(1), 2);
    EXPECT(!index_is_valid(&reader));
    struct index_reader late;
    index_start(&late, &world.index, mix(1));
    EXPECT_INT(late.matches, 0);
    index_end_write(bucket);
    EXPECT(!index_is_valid(&reader));
    EXPECT(index_next(&late));
    EXPECT_INT(late.place, 2);
    EXPECT(index_is_valid(&late));
    EXPECT_INT(look_up(&world, 1), 2);
    world_fini(&world);
}

/* Keys up to STABLE are always there, and written in place: the two halves
 * of one are equal whenever nobody writes. Those above come and go, in order:
 * all below `gone` have been there and are not any more. */
enum { STABLE = 5000, READERS = 2 };

struct crowd {
    struct world world;
    _Atomic uint32_t halves[STABLE + 1][2];
    _Atomic uint64_t gone;
    _Atomic bool is_over;
    _Atomic uint64_t wrong;
    _Atomic uint64_t looked;
};

/* Whether the stable `key` is found, whole. */
static bool is_found_whole(struct crowd *crowd, uint64_t key)
{
    struct index_reader reader;
    uint64_t hash = mix(key);
    index_start(&reader, &crowd->world.index, hash);
    while (index_next(&reader)) {
        if (reader.place / 2 != key) {
            continue;
        }
        uint32_t first =
            atomic_load_explicit(&crowd->halves[key][0], memory_order_relaxed);
        uint32_t second =
            atomic_load_explicit(&crowd->halves[key][1], memory_order_relaxed);
        if (index_is_valid(&reader)) {
            return first == second;
        }
        index_start(&reader, &crowd->world.index, hash);
    }
    return false;
}

static void *read_all_the_time(void *arg)
{
    struct crowd *crowd = arg;
    uint64_t random = 1 + (uint64_t)(uintptr_t)&random;
    uint64_t looked = 0;
    uint64_t wrong = 0;
    while (!atomic_load(&crowd->is_over)) {
        if (!epochs_enter(crowd->world.commons.epochs)) {
            break;
        }
        for (int i = 0; i < 100; i++, looked++) {
            uint64_t dice = test_random(&random);
            wrong += !is_found_whole(crowd, 1 + dice % STABLE);
            uint64_t gone = atomic_load(&crowd->gone);
            uint64_t back = (dice >> 32) % 1000;
            wrong += gone > back + STABLE + 1 &&
                     look_up(&crowd->world, gone - 1 - back) != 0;
        }
        epochs_leave(crowd->world.commons.epochs);
    }
    atomic_fetch_add(&crowd->wrong, wrong);
    atomic_fetch_add(&crowd->looked, looked);
    return NULL;
}

static void write_in_place(struct crowd *crowd, uint64_t key, uint64_t place,
                           uint32_t value)
{
    struct index_bucket *bucket =
        index_begin_write(&crowd->world.index, mix(key), place);
    atomic_store_explicit(&crowd->halves[key][0], value, memory_order_relaxed);
    atomic_store_explicit(&crowd->halves[key][1], value, memory_order_relaxed);
    index_end_write(bucket);
}

/* Lets the number of keys swing between STABLE and some five times that. */
static void write_all_the_time(struct crowd *crowd, uint32_t steps)
{
    struct index *index = &crowd->world.index;
    unsigned char odd[STABLE + 1] = {0};
    uint64_t random = test_seed();
    uint64_t next = STABLE + 1;
    uint64_t gone = STABLE + 1;
    bool is_growing = true;
    for (uint32_t i = 0; i < steps; i++) {
        uint64_t dice = test_random(&random);
        uint64_t key = 1 + dice % STABLE;
        write_in_place(crowd, key, key * 2 + odd[key], i);
        key = 1 + (dice >> 32) % STABLE;
        index_replace(index, mix(key), key * 2 + odd[key], key * 2 + !odd[key]);
        odd[key] = !odd[key];
        for (int n = 0; n < (is_growing ? 4 : 1); n++) {
            EXPECT_INT(add(&crowd->world, next++), STATUS_OK);
        }
        for (int n = 0; n < (is_growing ? 1 : 4) && gone < next; n++) {
            take_out(&crowd->world, gone);
            atomic_store(&crowd->gone, ++gone);
        }
        is_growing = next - gone < 4 * STABLE && (is_growing || next == gone);
        if (i % 64 == 0) {
            epochs_release(crowd->world.commons.epochs, 100);
            index_pool_work(crowd->world.commons.pool, 4, move_region,
                            &crowd->world);
        }
    }
}

static void readers_find_what_stays_and_not_what_has_gone(void)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);
    world_init(&crowd->world, mix);
    for (uint64_t key = 1; key <= STABLE; key++) {
        REQUIRE(add(&crowd->world, key) == STATUS_OK);
    }
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++) {
        pthread_create(&threads[i], NULL, read_all_the_time, crowd);
    }
    write_all_the_time(crowd, test_is_long() ? 2000000 : 100000);
    atomic_store(&crowd->is_over, true);
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
    }
    EXPECT_INT(atomic_load(&crowd->wrong), 0);
    EXPECT(atomic_load(&crowd->looked) > 0);
    printf("index: %llu lookups beside the writer\n",
           (unsigned long long)atomic_load(&crowd->looked));
    world_fini(&crowd->world);
    free(crowd);
}

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

enum { LOOKUPS = 1 << 22, GROUP = 32 };

/* Nanoseconds a lookup of the keys behind `from`, at random. */
static double time_lookups(const struct world *world, uint64_t from,
                           bool is_fetched_ahead)
{
    uint64_t random = 1;
    uint64_t keys[GROUP];
    size_t found = 0;
    double began = now_ns();
    for (size_t i = 0; i < LOOKUPS; i += GROUP) {
        for (size_t n = 0; n < GROUP; n++) {
            keys[n] = from + 1 + test_random(&random) % LOOKUPS;
            if (is_fetched_ahead) {
                index_prefetch(&world->index, mix(keys[n]));
            }
        }
        for (size_t n = 0; n < GROUP; n++) {
            found += look_up(world, keys[n]) != 0;
        }
    }
    EXPECT_INT(found, from ? 0 : LOOKUPS);
    return (now_ns() - began) / LOOKUPS;
}

static void lookups_are_timed(void)
{
    if (!test_is_long()) {
        return;
    }
    struct world world;
    world_init(&world, mix);
    double began = now_ns();
    double longest = 0;
    for (uint64_t key = 1; key <= LOOKUPS; key++) {
        double before = now_ns();
        REQUIRE(add(&world, key) == STATUS_OK);
        double took = now_ns() - before;
        longest = took > longest ? took : longest;
        if (key % 1000 == 0) {
            release_retired(&world);
        }
    }
    printf("index: 4 M items, ns: add %.0f (longest %.0f)\n",
           (now_ns() - began) / LOOKUPS, longest);
    printf("index: lookup %.1f, fetched ahead %.1f; ",
           time_lookups(&world, 0, false), time_lookups(&world, 0, true));
    printf("miss %.1f, fetched ahead %.1f\n",
           time_lookups(&world, LOOKUPS, false),
           time_lookups(&world, LOOKUPS, true));
    world_fini(&world);
}

static const struct test_case cases[] = {
    TEST(empty_index_holds_no_memory_and_finds_nothing),
    TEST(index_of_one_takes_160_bytes_at_most_and_gives_them_back),
    TEST(place_keeps_all_its_bits),
    TEST(index_is_as_a_plain_map_with_many_keys),
    TEST(index_is_as_a_plain_map_with_few_keys),
    TEST(index_is_as_a_plain_map_when_all_tags_are_equal),
    TEST(hash_that_too_many_share_is_refused_and_nothing_is_lost),
    TEST(memory_follows_the_items_up_and_down),
    TEST(walk_meets_each_key_once_while_the_index_grows),
    TEST(walk_meets_each_key_once_while_the_index_shrinks),
    TEST(walk_by_buckets_meets_each_key_and_begins_anew),
    TEST(index_whose_regions_are_moved_holds_what_it_held),
    TEST(index_is_given_back_in_pieces),
    TEST(index_without_memory_stays_as_it_was),
    TEST(item_that_moves_behind_a_reader_is_found),
    TEST(what_a_reader_holds_is_not_valid_once_the_region_is_replaced),
    TEST(reader_who_is_late_finds_what_came_with_new_regions),
    TEST(item_that_is_written_in_place_is_not_valid),
    TEST(readers_find_what_stays_and_not_what_has_gone),
    TEST(lookups_are_timed),
};

SUITE(store_index, cases);
