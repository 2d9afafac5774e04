/* Random operations on the store and on the one that came first, which must
 * agree on each. Larger than what test_store_model.c can do: many keys, long
 * ones, values of all sizes, banks that grow and are emptied. */
#include "store/store.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"
#include "core/number.h"
#include "core/response.h"
#include "store/store_kit.h"
#include "support/first_store.h"
#include "support/test.h"

#include <stdio.h>

enum {
    OPERATIONS = 200 * 1000,
    OPERATIONS_LONG = 10 * 1000 * 1000,
    BANKS = 6,
    KEYS_MAX = 4000,
    KEY_ROOM = 2100,
    VALUE_LEN_MAX = 600 * 1000,
    LIFETIME_USUAL_MAX = 20 * 1000,
    LAG_MS = 16 * 1000 /* how late work may come to what is over */
};

/* One operation for both. */
struct operation {
    char bank_room[16];
    struct slice bank;
    char key_room[KEY_ROOM];
    struct slice key;
};

struct twins {
    struct store *store;
    struct store *first;
    uint64_t random;
    uint64_t after_ms; /* of the fake clock */
    char *value;       /* room for one */
    struct operation operation;
    struct buffer bytes[2]; /* what gets gave */
    bool is_same;           /* they have agreed so far */
};

static uint64_t draw(struct twins *twins, uint64_t count)
{
    return test_random(&twins->random) % count;
}

static void agree(struct twins *twins, bool is_same, const char *operation)
{
    if (!is_same && twins->is_same) {
        fprintf(stderr, "store and first store differ: %s of '%.*s' '%.*s'\n",
                operation, (int)twins->operation.bank.len,
                twins->operation.bank.data, (int)twins->operation.key.len,
                twins->operation.key.data);
    }
    twins->is_same = twins->is_same && is_same;
}

/* The later banks have the more keys. Some keys are long. */
static void draw_names(struct twins *twins)
{
    struct operation *operation = &twins->operation;
    uint64_t bank = draw(twins, BANKS);
    uint64_t number =
        draw(twins, 2 + ((uint64_t)KEYS_MAX >> 2 * (BANKS - 1 - bank)));
    int len = snprintf(operation->bank_room, sizeof operation->bank_room,
                       "bank %d", (int)bank);
    operation->bank = slice_of(operation->bank_room, (size_t)len);
    len = snprintf(operation->key_room, sizeof operation->key_room, "%d",
                   (int)number);
    size_t more = number % 50 == 0 ? number % 2000 : number % 20;
    memset(operation->key_room + len, 'k', more);
    operation->key = slice_of(operation->key_room, (size_t)len + more);
}

static struct slice draw_value(struct twins *twins)
{
    static const size_t len_maxes[] = {8,   8,   40,   40,   100,   300,
                                       600, 600, 5000, 5000, 20000, 70000};
    uint64_t which = draw(twins, 12 * 8);
    size_t len_max = which == 0 && draw(twins, 4) == 0 ? VALUE_LEN_MAX
                                                       : len_maxes[which / 8];
    size_t len = draw(twins, len_max);
    uint64_t seed = draw(twins, UINT64_MAX);
    memset(twins->value, (int)(seed & 0xff), len);
    memcpy(twins->value, &seed, len < sizeof seed ? len : sizeof seed);
    return slice_of(twins->value, len);
}

static struct slice draw_number(struct twins *twins)
{
    int len = snprintf(twins->value, 32, "%d", (int)draw(twins, 100000));
    return slice_of(twins->value, (size_t)len);
}

static struct lifetime draw_lifetime(struct twins *twins)
{
    switch (draw(twins, 8)) {
    case 0:
        return (struct lifetime){LIFETIME_NEW, 1 + draw(twins, 300)};
    case 1:
    case 2:
        return (struct lifetime){LIFETIME_NEW,
                                 1 + draw(twins, LIFETIME_USUAL_MAX)};
    case 3:
        return (struct lifetime){
            draw(twins, 4) ? LIFETIME_FOREVER : LIFETIME_OVER, 0};
    default:
        return (struct lifetime){LIFETIME_FOREVER, 0};
    }
}

static struct lifetime draw_touch(struct twins *twins)
{
    return draw(twins, 2) ? (struct lifetime){LIFETIME_SAME, 0}
                          : draw_lifetime(twins);
}

static void compare_put(struct twins *twins)
{
    const struct operation *to = &twins->operation;
    enum value_kind kind = (enum value_kind)draw(twins, VALUE_KIND_COUNT);
    const struct store_value value = {
        .bytes = kind == VALUE_JSON ? draw_number(twins) : draw_value(twins),
        .kind = kind,
        .lifetime = draw_lifetime(twins),
    };
    agree(twins,
          store_put(twins->store, to->bank, to->key, &value) ==
              first_store_put(twins->first, to->bank, to->key, &value),
          "put");
}

static void compare_get(struct twins *twins)
{
    const struct operation *to = &twins->operation;
    const struct lifetime lifetime = draw_touch(twins);
    const struct lifetime *touch = draw(twins, 3) ? NULL : &lifetime;
    enum value_kind kinds[2] = {VALUE_BYTES, VALUE_BYTES};
    buffer_clear(&twins->bytes[0]);
    buffer_clear(&twins->bytes[1]);
    enum status status = store_get(twins->store, to->bank, to->key, touch,
                                   &twins->bytes[0], &kinds[0]);
    enum status must = first_store_get(twins->first, to->bank, to->key, touch,
                                       &twins->bytes[1], &kinds[1]);
    agree(twins,
          status == must && kinds[0] == kinds[1] &&
              slice_equal(buffer_peek(&twins->bytes[0]),
                          buffer_peek(&twins->bytes[1])),
          touch ? "get with touch" : "get");
}

static void compare_touch(struct twins *twins)
{
    const struct operation *to = &twins->operation;
    const struct lifetime touch = draw_touch(twins);
    agree(twins,
          store_touch(twins->store, to->bank, to->key, touch) ==
              first_store_touch(twins->first, to->bank, to->key, touch),
          "touch");
}

static void compare_remove(struct twins *twins)
{
    const struct operation *to = &twins->operation;
    agree(twins,
          store_remove(twins->store, to->bank, to->key) ==
              first_store_remove(twins->first, to->bank, to->key),
          "remove");
}

static void compare_incr(struct twins *twins)
{
    const struct operation *to = &twins->operation;
    const struct increment delta = {
        .delta = {.is_integer = true,
                  .integer = (int64_t)draw(twins, UINT32_MAX) - INT32_MAX}};
    struct number sum = {0};
    struct number must_sum = {0};
    enum status status =
        store_incr(twins->store, to->bank, to->key, &delta, &sum);
    enum status must =
        first_store_incr(twins->first, to->bank, to->key, &delta, &must_sum);
    agree(twins, status == must, "incr");
    agree(twins, status || sum.integer == must_sum.integer, "sum");
}

static void compare_reset(struct twins *twins)
{
    const struct operation *to = &twins->operation;
    agree(twins,
          store_bank_reset(twins->store, to->bank) ==
              first_store_bank_reset(twins->first, to->bank),
          "reset");
}

typedef enum status keys_fn(struct store *store, struct slice bank,
                            const struct store_page *page,
                            struct response *response);

/* A sum over all keys of a bank that does not depend on their order. */
struct digest {
    uint64_t sum;
    uint64_t count;
};

static struct digest digest_keys(struct store *store, struct slice bank,
                                 uint32_t limit, keys_fn *keys)
{
    const struct hash_key secret = {1, 2};
    struct digest digest = {0};
    struct response response = {0};
    struct store_page page = {.limit = limit};
    do {
        response_clear(&response);
        EXPECT_INT(keys(store, bank, &page, &response), STATUS_OK);
        struct slice items = buffer_peek(&response.body);
        for (struct slice item; response_next_item(&items, &item);) {
            digest.sum += hash_bytes(&secret, item);
            digest.count++;
        }
        page.cursor = slice_of(response.cursor, response.cursor_len);
    } while (response.cursor_len > 0);
    response_fini(&response);
    return digest;
}

static void compare_keys(struct twins *twins)
{
    struct slice bank = twins->operation.bank;
    uint32_t limit = 1 + (uint32_t)draw(twins, 2000);
    struct digest digest =
        digest_keys(twins->store, bank, limit, store_bank_keys);
    struct digest must =
        digest_keys(twins->first, bank, limit, first_store_bank_keys);
    agree(twins, digest.count == must.count, "keys: not as many");
    agree(twins, digest.sum == must.sum, "keys: others");
}

static void compare_usage(struct twins *twins)
{
    twins->after_ms += LIFETIME_USUAL_MAX + LAG_MS;
    kit_set_time(twins->after_ms);
    kit_work(twins->store);
    while (first_store_work(twins->first)) {
    }
    struct store_usage usage = store_usage(twins->store);
    struct store_usage must = first_store_usage(twins->first);
    agree(twins, usage.banks == must.banks, "banks");
    agree(twins, usage.entries == must.entries, "entries");
}

static void let_time_pass(struct twins *twins)
{
    twins->after_ms += draw(twins, 20);
    kit_set_time(twins->after_ms);
    if (draw(twins, 2)) {
        store_work(twins->store);
    }
}

static void compare_one(struct twins *twins)
{
    uint64_t choice = draw(twins, 10000);
    draw_names(twins);
    if (choice < 4500) {
        compare_put(twins);
    } else if (choice < 7500) {
        compare_get(twins);
    } else if (choice < 8200) {
        compare_touch(twins);
    } else if (choice < 8800) {
        compare_remove(twins);
    } else if (choice < 9500) {
        compare_incr(twins);
    } else if (choice < 9990) {
        let_time_pass(twins);
    } else if (choice < 9996) {
        compare_keys(twins);
    } else if (choice < 9999) {
        compare_reset(twins);
    } else {
        compare_usage(twins);
    }
}

static void store_does_what_the_first_store_did(void)
{
    const struct store_options options = {0};
    int count = test_is_long() ? OPERATIONS_LONG : OPERATIONS;
    struct twins twins = {
        .store = kit_open(),
        .first = first_store_create(&options),
        .random = test_seed(),
        .value = memory_alloc_or_die(VALUE_LEN_MAX),
        .is_same = true,
    };
    CHECK(twins.first);
    int done = 0;
    while (done < count && twins.is_same) {
        compare_one(&twins);
        done++;
    }
    EXPECT_INT(done, count);
    EXPECT(twins.is_same);
    buffer_fini(&twins.bytes[0]);
    buffer_fini(&twins.bytes[1]);
    memory_free(twins.value);
    first_store_free(&twins.first);
    kit_close(twins.store);
}

static const struct test_case cases[] = {
    TEST(store_does_what_the_first_store_did),
};

SUITE(store_first, cases);
