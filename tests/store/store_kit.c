#include "store/store_kit.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"

#include <stdio.h>

struct store *kit_open_limited(uint64_t memory_max, uint64_t banks_max)
{
    const struct store_options options = {.memory_max = memory_max,
                                          .banks_max = banks_max};
    kit_set_time(0);
    struct store *store = store_create(&options);
    CHECK(store);
    return store;
}

struct store *kit_open(void)
{
    return kit_open_limited(0, 0);
}

void kit_close(struct store *store)
{
    store_free(&store);
    clock_set_fake(0);
}

void kit_set_time(uint64_t after_ms)
{
    clock_set_fake(KIT_START_MS + after_ms);
}

/* What is retired is due some calls later, and each call may find more. */
void kit_work(struct store *store)
{
    enum { TIMES = 8 };
    for (int i = 0; i < TIMES; i++) {
        while (store_work(store)) {
        }
    }
}

static enum status put(struct store *store, const char *bank, const char *key,
                       const struct store_value *value)
{
    return store_put(store, slice_of_string(bank), slice_of_string(key), value);
}

enum status kit_put(struct store *store, const char *bank, const char *key,
                    const char *value)
{
    const struct store_value stored = {
        .bytes = slice_of_string(value),
        .kind = VALUE_TEXT,
    };
    return put(store, bank, key, &stored);
}

enum status kit_put_for(struct store *store, const char *bank, const char *key,
                        const char *value, uint64_t ms)
{
    const struct store_value stored = {
        .bytes = slice_of_string(value),
        .kind = VALUE_TEXT,
        .lifetime = {LIFETIME_NEW, ms},
    };
    return put(store, bank, key, &stored);
}

enum status kit_put_large(struct store *store, const char *bank,
                          const char *key, size_t len)
{
    char *bytes = memory_alloc_or_die(len);
    const struct store_value stored = {.bytes = slice_of(bytes, len)};
    enum status status = put(store, bank, key, &stored);
    memory_free(bytes);
    return status;
}

enum status kit_put_bytes(struct store *store, const char *bank, uint64_t key,
                          size_t len)
{
    static const char bytes[KIT_BYTES_MAX];
    char name[24];
    snprintf(name, sizeof name, "key %llu", (unsigned long long)key);
    const struct store_value value = {.bytes = slice_of(bytes, len)};
    return store_put(store, slice_of_string(bank), slice_of_string(name),
                     &value);
}

void kit_expect(struct store *store, const char *bank, const char *key,
                const char *value)
{
    struct buffer bytes = {0};
    enum value_kind kind = VALUE_BYTES;
    enum status status = store_get(store, slice_of_string(bank),
                                   slice_of_string(key), NULL, &bytes, &kind);
    EXPECT_INT(status, value ? STATUS_OK : STATUS_NOT_FOUND);
    EXPECT_TEXT(buffer_peek(&bytes), value ? value : "");
    buffer_fini(&bytes);
}

enum status kit_touch(struct store *store, const char *bank, const char *key,
                      enum lifetime_rule rule, uint64_t ms)
{
    return store_touch(store, slice_of_string(bank), slice_of_string(key),
                       (struct lifetime){rule, ms});
}

enum status kit_remove(struct store *store, const char *bank, const char *key)
{
    return store_remove(store, slice_of_string(bank), slice_of_string(key));
}

enum status kit_incr(struct store *store, const char *bank, const char *key,
                     int64_t delta)
{
    const struct increment increment = {
        .delta = {.is_integer = true, .integer = delta}};
    struct number sum;
    return store_incr(store, slice_of_string(bank), slice_of_string(key),
                      &increment, &sum);
}

struct bank_stats kit_stats(struct store *store, const char *bank)
{
    struct bank_stats stats = {0};
    EXPECT_INT(store_bank_stats(store, slice_of_string(bank), &stats),
               STATUS_OK);
    return stats;
}

enum status kit_configure(struct store *store, const char *bank,
                          const struct bank_change *change)
{
    struct bank_limits limits;
    return store_bank_configure(store, slice_of_string(bank), change, &limits);
}

enum status kit_put_if(struct store *store, const char *bank, const char *key,
                       const char *value, struct store_visit *visit)
{
    const struct store_value stored = {
        .bytes = slice_of_string(value),
        .kind = VALUE_TEXT,
    };
    return store_put_if(store, slice_of_string(bank), slice_of_string(key),
                        &stored, visit);
}

enum status kit_read(struct store *store, const char *bank, const char *key,
                     struct store_visit *visit)
{
    return store_read(store, slice_of_string(bank), slice_of_string(key), NULL,
                      visit);
}

enum status kit_remove_if(struct store *store, const char *bank,
                          const char *key, struct store_visit *visit)
{
    return store_remove_if(store, slice_of_string(bank), slice_of_string(key),
                           visit);
}

uint64_t kit_version(struct store *store, const char *bank, const char *key)
{
    struct store_visit visit = {.wants_version = true};
    return kit_read(store, bank, key, &visit) ? 0 : visit.version;
}

enum status kit_append(struct store *store, const char *bank, const char *key,
                       const char *piece)
{
    const struct store_piece added = {.bytes = slice_of_string(piece),
                                      .size_max = UINT32_MAX};
    uint64_t size;
    return store_append(store, slice_of_string(bank), slice_of_string(key),
                        &added, &size);
}

static enum status list(struct store *store, const char *bank,
                        const struct store_page *page,
                        struct response *response)
{
    return bank ? store_bank_keys(store, slice_of_string(bank), page, response)
                : store_bank_list(store, page, response);
}

enum status kit_page(struct store *store, const char *bank, uint32_t limit,
                     struct slice cursor, struct response *response)
{
    const struct store_page page = {.cursor = cursor, .limit = limit};
    response_clear(response);
    return list(store, bank, &page, response);
}

static void show_items(const struct response *response,
                       const struct kit_visitor *visitor)
{
    struct slice items = buffer_peek(&response->body);
    struct slice item;
    while (response_next_item(&items, &item)) {
        visitor->visit(visitor->arg, item);
    }
}

size_t kit_list(struct store *store, const char *bank, const char *prefix,
                uint32_t limit, const struct kit_visitor *visitor)
{
    size_t count = 0;
    struct response response = {0};
    struct store_page page = {
        .prefix = slice_of_string(prefix),
        .limit = limit,
    };
    do {
        response_clear(&response);
        if (!EXPECT_INT(list(store, bank, &page, &response), STATUS_OK)) {
            break;
        }
        EXPECT(response.count <= limit);
        count += response.count;
        if (visitor) {
            show_items(&response, visitor);
        }
        page.cursor = slice_of(response.cursor, response.cursor_len);
    } while (response.cursor_len > 0);
    response_fini(&response);
    return count;
}
