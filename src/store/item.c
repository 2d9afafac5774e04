/* The heat is the first byte of the head, on machines that put the lowest
 * bits first. Writers of the head keep the heat that is there. */
#include "store/item.h"

#include "store/lifetime.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the heat is the head's first byte");

#if defined(__SANITIZE_THREAD__)
#define ITEM_COPIES_ATOMICALLY 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ITEM_COPIES_ATOMICALLY 1
#endif
#endif

static uint64_t load_two(char *at)
{
    return item_load(at) | (uint64_t)item_load(at + ITEM_UNIT) << 32;
}

static void store_two(char *at, uint64_t units)
{
    item_store(at, (uint32_t)units);
    item_store(at + ITEM_UNIT, (uint32_t)(units >> 32));
}

void item_read_version(char *at, struct item *item)
{
    uint64_t both = load_two(at + item->version_at);
    item->version = both >> ITEM_KIND_BITS;
    item->kind = (enum value_kind)(both & ITEM_KIND_ELSEWHERE);
}

void item_write_head(char *at, const struct item *item, uint32_t bank_id)
{
    uint32_t kind =
        item->version ? (uint32_t)ITEM_KIND_ELSEWHERE : (uint32_t)item->kind;
    uint32_t head = kind << ITEM_KIND_SHIFT;
    head |= item->has_life ? ITEM_LIFE_BIT : 0;
    head |= item->has_bank ? ITEM_BANK_BIT : 0;
    if (item->is_wide) {
        head |= ITEM_WIDE_BIT;
        item_store(at + ITEM_UNIT,
                   item->key_len | (item->is_large ? ITEM_LARGE_BIT : 0));
        item_store(at + 2 * ITEM_UNIT, item->value_len);
    } else {
        head |= item->key_len << ITEM_KEY_SHIFT | item->value_len
                                                      << ITEM_VALUE_SHIFT;
    }
    item_store(at, head);
    if (item->has_bank) {
        item_store(at + item->bank_at, bank_id);
    }
    if (item->version) {
        store_two(at + item->version_at,
                  item->version << ITEM_KIND_BITS | (uint64_t)item->kind);
    }
}

#ifdef ITEM_COPIES_ATOMICALLY

static _Atomic uint8_t *byte_at(char *at)
{
    return (_Atomic uint8_t *)(void *)at;
}

void item_copy_out(char *to, char *from, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        to[i] =
            (char)atomic_load_explicit(byte_at(from + i), memory_order_relaxed);
    }
}

void item_copy_in(char *to, const char *from, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        atomic_store_explicit(byte_at(to + i), (uint8_t)from[i],
                              memory_order_relaxed);
    }
}

bool item_has_key(char *at, const struct item *item, struct slice key)
{
    bool is_same = item->key_len == key.len;
    for (size_t i = 0; is_same && i < key.len; i++) {
        is_same =
            atomic_load_explicit(byte_at(at + item->key_at + i),
                                 memory_order_relaxed) == (uint8_t)key.data[i];
    }
    return is_same;
}

#else

/* By the letter of the language a copy that races with a writer is
 * undefined. It is done all the same, as every sequence lock over more than
 * a word must: compilers copy the bytes that are there at some moment, and
 * what is torn is thrown away. The build for the thread sanitizer copies
 * byte by byte, atomically. */
void item_copy_out(char *to, char *from, size_t len)
{
    memcpy(to, from, len);
}

void item_copy_in(char *to, const char *from, size_t len)
{
    memcpy(to, from, len);
}

bool item_has_key(char *at, const struct item *item, struct slice key)
{
    return slice_equal(slice_of(at + item->key_at, item->key_len), key);
}

#endif

void item_set_life(char *at, const struct item *item, uint64_t life)
{
    if (item->has_life) {
        store_two(at + item->life_at, life);
    }
}

uint64_t item_life(char *at, const struct item *item)
{
    return item->has_life ? load_two(at + item->life_at) : LIFE_FOREVER;
}

uint32_t item_bank_id(char *at, const struct item *item)
{
    return item_load(at + item->bank_at);
}

char *item_large(char *at, const struct item *item)
{
    char bytes[sizeof(char *)];
    char *address;
    item_copy_out(bytes, at + item->value_at, sizeof bytes);
    memcpy(&address, bytes, sizeof address);
    return address;
}

void item_write_value(char *at, const struct item *item, uint64_t life,
                      const char *value)
{
    item_set_life(at, item, life);
    if (item->is_large) {
        item_copy_in(at + item->value_at, (const char *)&value, sizeof value);
    } else if (item->value_len) {
        item_copy_in(at + item->value_at, value, item->value_len);
    }
}

void item_write_rest(char *at, const struct item *item, uint64_t life,
                     struct slice key, const char *value)
{
    if (key.len) {
        item_copy_in(at + item->key_at, key.data, key.len);
    }
    item_write_value(at, item, life, value);
}
