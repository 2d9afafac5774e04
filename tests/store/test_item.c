#include "store/item.h"

#include "base/memory.h"
#include "core/limits.h"
#include "store/lifetime.h"
#include "support/test.h"

#include <string.h>

enum { ROOM = 64 + KEY_LEN_MAX + ITEM_INSIDE_MAX, BANK_ID = 0x12345678 };

static const uint64_t some_life = UINT64_C(0xabcdef0123456789);

/* Memory for one item, and what it is made of. */
struct scene {
    char *at;
    char *key;
    char *value;
};

static struct scene open_scene(void)
{
    struct scene scene = {
        .at = memory_alloc_or_die(ROOM),
        .key = memory_alloc_or_die(KEY_LEN_MAX),
        .value = memory_alloc_or_die(ITEM_INSIDE_MAX + 1),
    };
    memset(scene.at, 0xee, ROOM);
    memset(scene.key, 'k', KEY_LEN_MAX);
    memset(scene.value, 'v', ITEM_INSIDE_MAX + 1);
    return scene;
}

static void close_scene(struct scene *scene)
{
    memory_free(scene->at);
    memory_free(scene->key);
    memory_free(scene->value);
}

static struct item lay_out(uint32_t key_len, uint32_t value_len, bool has_life,
                           bool has_bank)
{
    struct item item = {
        .kind = VALUE_TEXT,
        .has_life = has_life,
        .has_bank = has_bank,
        .key_len = key_len,
        .value_len = value_len,
    };
    item_lay_out(&item);
    return item;
}

static void write(const struct scene *scene, const struct item *item)
{
    item_write_head(scene->at, item, BANK_ID);
    item_write_rest(scene->at, item, some_life,
                    slice_of(scene->key, item->key_len), scene->value);
}

static void expect_same_layout(const struct item *got, const struct item *must)
{
    EXPECT_INT(got->kind, must->kind);
    EXPECT_INT(got->has_life, must->has_life);
    EXPECT_INT(got->has_bank, must->has_bank);
    EXPECT_INT(got->is_wide, must->is_wide);
    EXPECT_INT(got->is_large, must->is_large);
    EXPECT_INT(got->key_len, must->key_len);
    EXPECT_INT(got->value_len, must->value_len);
    EXPECT_INT(got->key_at, must->key_at);
    EXPECT_INT(got->value_at, must->value_at);
    EXPECT_INT(got->len, must->len);
}

/* Writes `item` and reads all of it back. */
static void go_round(const struct scene *scene, const struct item *item)
{
    struct item seen;
    char behind = scene->at[item->len];
    write(scene, item);
    REQUIRE(item_read(scene->at, &seen));
    expect_same_layout(&seen, item);
    EXPECT(item_has_key(scene->at, &seen, slice_of(scene->key, item->key_len)));
    EXPECT(!item_has_key(scene->at, &seen,
                         slice_of(scene->key, item->key_len + 1)));
    EXPECT(item_life(scene->at, &seen) ==
           (item->has_life ? some_life : LIFE_FOREVER));
    if (item->has_bank) {
        EXPECT_INT(item_bank_id(scene->at, &seen), BANK_ID);
    }
    if (item->is_large) {
        EXPECT(item_large(scene->at, &seen) == scene->value);
    } else {
        EXPECT_SLICE(slice_of(scene->at + seen.value_at, seen.value_len),
                     slice_of(scene->value, item->value_len));
    }
    EXPECT_INT(item_heat(scene->at), 0);
    EXPECT_INT(scene->at[item->len], behind);
}

static void item_of_any_shape_is_read_as_it_was_written(void)
{
    static const uint32_t key_lens[] = {
        0, 1, 3, ITEM_NARROW_KEY_MAX, ITEM_NARROW_KEY_MAX + 1, KEY_LEN_MAX - 1};
    static const uint32_t value_lens[] = {0,
                                          1,
                                          4,
                                          ITEM_NARROW_VALUE_MAX,
                                          ITEM_NARROW_VALUE_MAX + 1,
                                          ITEM_INSIDE_MAX,
                                          ITEM_INSIDE_MAX + 1};
    struct scene scene = open_scene();
    for (size_t k = 0; k < sizeof key_lens / sizeof key_lens[0]; k++) {
        for (size_t v = 0; v < sizeof value_lens / sizeof value_lens[0]; v++) {
            for (int flags = 0; flags < 4; flags++) {
                struct item item =
                    lay_out(key_lens[k], value_lens[v], flags & 1, flags & 2);
                go_round(&scene, &item);
            }
        }
    }
    close_scene(&scene);
}

static void kinds_are_kept(void)
{
    struct scene scene = open_scene();
    for (int kind = 0; kind < VALUE_KIND_COUNT; kind++) {
        struct item item = lay_out(5, 5, false, false);
        struct item seen;
        item.kind = (enum value_kind)kind;
        write(&scene, &item);
        EXPECT(item_read(scene.at, &seen));
        EXPECT_INT(seen.kind, kind);
    }
    close_scene(&scene);
}

static void small_item_takes_no_more_than_it_must(void)
{
    EXPECT_INT(lay_out(16, 32, false, false).len, 4 + 16 + 32);
    EXPECT_INT(lay_out(16, 32, true, false).len, 4 + 8 + 16 + 32);
    EXPECT_INT(lay_out(16, 32, true, true).len, 4 + 4 + 8 + 16 + 32);
    EXPECT_INT(lay_out(16, 33, false, false).len, 4 + 16 + 36);
    EXPECT_INT(lay_out(0, 0, false, false).len, 4);
}

static void heat_rises_to_its_maximum_and_changes_nothing_else(void)
{
    struct scene scene = open_scene();
    struct item item = lay_out(7, 100, true, true);
    struct item seen;
    write(&scene, &item);
    for (int i = 1; i < 10; i++) {
        item_warm(scene.at);
        EXPECT_INT(item_heat(scene.at), i < ITEM_HEAT_MAX ? i : ITEM_HEAT_MAX);
    }
    EXPECT(item_read(scene.at, &seen));
    expect_same_layout(&seen, &item);
    close_scene(&scene);
}

static void life_and_value_are_changed_in_place(void)
{
    struct scene scene = open_scene();
    struct item item = lay_out(3, 6, true, false);
    write(&scene, &item);
    item_set_life(scene.at, &item, some_life + 1);
    EXPECT(item_life(scene.at, &item) == some_life + 1);
    item_write_value(scene.at, &item, some_life + 2, "change");
    EXPECT(item_life(scene.at, &item) == some_life + 2);
    EXPECT_SLICE(slice_of(scene.at + item.value_at, 6),
                 slice_of_string("change"));
    EXPECT(item_has_key(scene.at, &item, slice_of_string("kkk")));
    close_scene(&scene);
}

static void what_cannot_be_an_item_is_not_one(void)
{
    struct scene scene = open_scene();
    struct item item = lay_out(ITEM_NARROW_KEY_MAX + 1, 8, false, false);
    struct item seen;
    write(&scene, &item);
    item_store(scene.at + ITEM_UNIT, KEY_LEN_MAX + 1);
    EXPECT(!item_read(scene.at, &seen));
    item_store(scene.at + ITEM_UNIT, ITEM_NARROW_KEY_MAX);
    EXPECT(!item_read(scene.at, &seen));
    close_scene(&scene);
}

static const struct test_case cases[] = {
    TEST(item_of_any_shape_is_read_as_it_was_written),
    TEST(kinds_are_kept),
    TEST(small_item_takes_no_more_than_it_must),
    TEST(heat_rises_to_its_maximum_and_changes_nothing_else),
    TEST(life_and_value_are_changed_in_place),
    TEST(what_cannot_be_an_item_is_not_one),
};

SUITE(store_item, cases);
