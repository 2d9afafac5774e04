/* Random operations on the store and on the model, which must agree on each:
 * on the answer, and now and then on everything that is there. */
#include "store/store.h"

#include "base/clock.h"
#include "core/number.h"
#include "store/store_kit.h"
#include "support/store_model.h"
#include "support/test.h"

#include <stdio.h>

enum {
    OPERATIONS = 200 * 1000,
    OPERATIONS_LONG = 10 * 1000 * 1000,
    BANKS = 4,
    KEYS = 60,
    PAGE_MAX = 120,
    VALUE_LEN_MAX = 600,
    LIFETIME_USUAL_MAX = 5000,
    LAG_MS = 1000 /* how late work may come to what is over */
};

struct pair {
    struct store *store;
    struct store_model *model;
    uint64_t random;
    uint64_t after_ms; /* of the fake clock */
    bool is_same;      /* they have agreed so far */
};

static uint64_t draw(struct pair *pair, uint64_t count)
{
    return test_random(&pair->random) % count;
}

static void agree(struct pair *pair, bool is_same, const char *operation)
{
    if (!is_same && pair->is_same) {
        fprintf(stderr, "store and model differ: %s\n", operation);
    }
    pair->is_same = pair->is_same && is_same;
}

static struct slice draw_bank(struct pair *pair)
{
    static const char *const names[BANKS] = {"", "bank", "Bank 2", "\xc3\xa9"};
    return slice_of_string(names[draw(pair, BANKS)]);
}

/* Keys of several lengths, empty and beginning alike. */
static struct slice draw_key(struct pair *pair, char room[64])
{
    uint64_t number = draw(pair, KEYS);
    if (number == 0) {
        return slice_of(room, 0);
    }
    int len = snprintf(room, 64, "%s%d", number % 3 ? "k" : "another key ",
                       (int)number);
    return slice_of(room, (size_t)len);
}

static struct slice draw_value(struct pair *pair, char *room)
{
    static const char *const numbers[] = {
        "0",     "1",     "-5",  "2.5",  "9223372036854775807",
        " 1_0 ", "1e400", "nan", "true", "[1]",
        "",      "0x10"};
    if (draw(pair, 2)) {
        return slice_of_string(
            numbers[draw(pair, sizeof numbers / sizeof numbers[0])]);
    }
    size_t len = (size_t)draw(pair, VALUE_LEN_MAX);
    memset(room, (int)draw(pair, 256), len);
    return slice_of(room, len);
}

static struct lifetime draw_lifetime(struct pair *pair)
{
    switch (draw(pair, 6)) {
    case 0:
        return (struct lifetime){LIFETIME_NEW, 1 + draw(pair, 300)};
    case 1:
        return (struct lifetime){LIFETIME_NEW,
                                 1 + draw(pair, LIFETIME_USUAL_MAX)};
    case 2:
        return (struct lifetime){LIFETIME_NEW, LIFETIME_MS_MAX - draw(pair, 2)};
    case 3:
        return (struct lifetime){
            draw(pair, 4) ? LIFETIME_FOREVER : LIFETIME_OVER, 0};
    default:
        return (struct lifetime){LIFETIME_FOREVER, 0};
    }
}

static struct lifetime draw_touch(struct pair *pair)
{
    return draw(pair, 2) ? (struct lifetime){LIFETIME_SAME, 0}
                         : draw_lifetime(pair);
}

static void compare_put(struct pair *pair)
{
    char key_room[64];
    char value_room[VALUE_LEN_MAX];
    struct slice bank = draw_bank(pair);
    struct slice key = draw_key(pair, key_room);
    const struct store_value value = {
        .bytes = draw_value(pair, value_room),
        .kind = (enum value_kind)draw(pair, VALUE_KIND_COUNT),
        .lifetime = draw_lifetime(pair),
    };
    agree(pair,
          store_put(pair->store, bank, key, &value) ==
              store_model_put(pair->model, bank, key, &value),
          "put");
}

static void compare_get(struct pair *pair)
{
    char key_room[64];
    struct slice bank = draw_bank(pair);
    struct slice key = draw_key(pair, key_room);
    const struct lifetime touch = draw_touch(pair);
    bool is_touch = draw(pair, 3) == 0;
    struct buffer bytes = {0};
    struct slice must = slice_of("", 0);
    enum value_kind kind = VALUE_BYTES;
    enum value_kind must_kind = VALUE_BYTES;
    enum status status = store_get(pair->store, bank, key,
                                   is_touch ? &touch : NULL, &bytes, &kind);
    enum status must_status =
        store_model_get(pair->model, bank, key, &must, &must_kind);
    agree(pair,
          status == must_status && kind == must_kind &&
              slice_equal(buffer_peek(&bytes), must),
          is_touch ? "get with touch" : "get");
    if (is_touch) {
        store_model_touch(pair->model, bank, key, touch);
    }
    buffer_fini(&bytes);
}

static void compare_touch(struct pair *pair)
{
    char key_room[64];
    struct slice bank = draw_bank(pair);
    struct slice key = draw_key(pair, key_room);
    const struct lifetime touch = draw_touch(pair);
    agree(pair,
          store_touch(pair->store, bank, key, touch) ==
              store_model_touch(pair->model, bank, key, touch),
          "touch");
}

static void compare_remove(struct pair *pair)
{
    char key_room[64];
    struct slice bank = draw_bank(pair);
    struct slice key = draw_key(pair, key_room);
    const struct lifetime over = {.rule = LIFETIME_OVER};
    agree(pair,
          store_remove(pair->store, bank, key) ==
              store_model_touch(pair->model, bank, key, over),
          "remove");
}

/* Sums are compared as text, since NaN is not equal to itself. */
static void compare_incr(struct pair *pair)
{
    char key_room[64];
    char text[NUMBER_TEXT_MAX] = "";
    char must_text[NUMBER_TEXT_MAX] = "";
    struct slice bank = draw_bank(pair);
    struct slice key = draw_key(pair, key_room);
    struct number delta = {.is_integer = draw(pair, 2)};
    delta.integer = (int64_t)draw(pair, 1000) - 500;
    delta.real = (double)delta.integer / 8;
    const struct increment increment = {.delta = delta};
    struct number sum;
    struct number must_sum;
    enum status status = store_incr(pair->store, bank, key, &increment, &sum);
    enum status must =
        store_model_incr(pair->model, bank, key, &delta, &must_sum);
    if (status == STATUS_OK && must == STATUS_OK) {
        number_print_json(&sum, text);
        number_print_json(&must_sum, must_text);
    }
    agree(pair, status == must && !strcmp(text, must_text), "incr");
}

static void compare_reset(struct pair *pair)
{
    struct slice bank = draw_bank(pair);
    agree(pair, store_bank_reset(pair->store, bank) == STATUS_OK, "reset");
    store_model_bank_reset(pair->model, bank);
}

/* Of the keys listed each is to be there and to come once: then, if they
 * are as many as in the model, they are the same. */
struct listed {
    struct pair *pair;
    struct slice bank;
    bool is_listed[KEYS];
};

/* The number that draw_key() made `key` of. */
static size_t number_of(struct slice key)
{
    size_t number = 0;
    for (size_t i = 0; i < key.len; i++) {
        bool is_digit = key.data[i] >= '0' && key.data[i] <= '9';
        number = is_digit ? number * 10 + (size_t)(key.data[i] - '0') : 0;
    }
    return number % KEYS;
}

static void check_listed(void *arg, struct slice name)
{
    struct listed *listed = arg;
    struct slice bytes;
    enum value_kind kind;
    agree(listed->pair,
          store_model_get(listed->pair->model, listed->bank, name, &bytes,
                          &kind) == STATUS_OK,
          "keys: one is not there");
    bool *is_listed = &listed->is_listed[number_of(name)];
    agree(listed->pair, !*is_listed, "keys: one comes twice");
    *is_listed = true;
}

static void compare_keys(struct pair *pair)
{
    static const char *const prefixes[] = {"", "", "k", "k1", "another", "x"};
    static const char *const banks[BANKS] = {"", "bank", "Bank 2", "\xc3\xa9"};
    const char *prefix =
        prefixes[draw(pair, sizeof prefixes / sizeof prefixes[0])];
    const char *bank = banks[draw(pair, BANKS)];
    struct listed listed = {.pair = pair, .bank = slice_of_string(bank)};
    const struct kit_visitor visitor = {check_listed, &listed};
    uint32_t limit = 1 + (uint32_t)draw(pair, PAGE_MAX);
    size_t count = kit_list(pair->store, bank, prefix, limit, &visitor);
    agree(pair,
          count == store_model_count_keys(pair->model, listed.bank,
                                          slice_of_string(prefix)),
          "keys: not as many");
}

/* What is over may still be counted for a while, but not when all that ends
 * has ended long ago. */
static void compare_usage(struct pair *pair)
{
    bool is_calm = draw(pair, 4) == 0;
    if (is_calm) {
        pair->after_ms += LIFETIME_USUAL_MAX + LAG_MS;
        kit_set_time(pair->after_ms);
    }
    kit_work(pair->store);
    struct store_usage usage = store_usage(pair->store);
    size_t must = store_model_count_entries(pair->model);
    agree(pair, is_calm ? usage.entries == must : usage.entries >= must,
          "entries");
    agree(pair,
          usage.banks == store_model_count_banks(pair->model) &&
              usage.banks == kit_list(pair->store, NULL, "", 3, NULL),
          "banks");
}

static void let_time_pass(struct pair *pair)
{
    pair->after_ms += draw(pair, 40);
    kit_set_time(pair->after_ms);
    if (draw(pair, 2)) {
        store_work(pair->store);
    }
}

static void compare_one(struct pair *pair)
{
    uint64_t choice = draw(pair, 1000);
    if (choice < 350) {
        compare_put(pair);
    } else if (choice < 650) {
        compare_get(pair);
    } else if (choice < 750) {
        compare_touch(pair);
    } else if (choice < 830) {
        compare_remove(pair);
    } else if (choice < 930) {
        compare_incr(pair);
    } else if (choice < 980) {
        let_time_pass(pair);
    } else if (choice < 990) {
        compare_keys(pair);
    } else if (choice < 997) {
        compare_usage(pair);
    } else {
        compare_reset(pair);
    }
}

static void store_does_what_the_model_does(void)
{
    int count = test_is_long() ? OPERATIONS_LONG : OPERATIONS;
    struct pair pair = {
        .store = kit_open(),
        .model = store_model_create(),
        .random = test_seed(),
        .is_same = true,
    };
    int done = 0;
    while (done < count && pair.is_same) {
        compare_one(&pair);
        done++;
    }
    EXPECT_INT(done, count);
    EXPECT(pair.is_same);
    store_model_free(&pair.model);
    kit_close(pair.store);
}

static const struct test_case cases[] = {
    TEST(store_does_what_the_model_does),
};

SUITE(store_model, cases);
