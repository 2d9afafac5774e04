/* One entry as it lies in a segment, in units of four bytes:
 *
 *   head     heat 8 | kind 2 | has_life | is_wide | has_bank
 *            | key length 7 | value length 12
 *   wide     if is_wide: is_large 1, key length 31; value length 32
 *   bank     if has_bank: the number of its bank, in segments that several
 *            banks share
 *   version  if the kind is ITEM_KIND_ELSEWHERE: the kind 2, version 62
 *   life     if has_life: two units (store/lifetime.h)
 *   key, value, filled up to a whole unit; the address of the value, if
 *   is_large: it has memory of its own
 *
 * The heat counts hits up to three. It has a byte of its own, written by
 * readers: a late one cannot undo anything else. All else is written under
 * the bank's lock. Readers read while it is, and hold nothing good before the
 * index has said so; so everything is read and written atomically by units,
 * which costs nothing, except bytes of keys and values: see item_copy_*(). */
#ifndef CACHESERVER_STORE_ITEM_H
#define CACHESERVER_STORE_ITEM_H

#include "base/slice.h"
#include "core/limits.h"
#include "core/value.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ITEM_UNIT = 4,
    ITEM_HEAT_MAX = 3,
    ITEM_NARROW_KEY_MAX = 127,
    ITEM_NARROW_VALUE_MAX = 4095,
    ITEM_INSIDE_MAX = 256 * 1024 /* bytes of a value in a segment */
};

/* The head, and the bit beside a wide item's length of key. */
enum {
    ITEM_KIND_SHIFT = 8,
    ITEM_KIND_ELSEWHERE = 3,
    ITEM_KIND_BITS = 2,
    ITEM_LIFE_BIT = 1 << 10,
    ITEM_WIDE_BIT = 1 << 11,
    ITEM_BANK_BIT = 1 << 12,
    ITEM_KEY_SHIFT = 13,
    ITEM_VALUE_SHIFT = 20
};
#define ITEM_LARGE_BIT (UINT32_C(1) << 31)

_Static_assert((int)VALUE_KIND_COUNT <= (int)ITEM_KIND_ELSEWHERE,
               "a kind is left to say that it lies with the version");

/* What an item is or is to be, and where its parts are. One whose `version`
 * is 0 has none. */
struct item {
    uint64_t version;
    enum value_kind kind;
    bool has_life;
    bool is_wide;
    bool has_bank;
    bool is_large;
    uint32_t key_len;
    uint32_t value_len;
    uint32_t bank_at; /* bytes from the head on */
    uint32_t version_at;
    uint32_t life_at;
    uint32_t key_at;
    uint32_t value_at;
    uint32_t len; /* of it all, a whole number of units */
};

/* Fills in the rest from version, has_life, has_bank and the lengths. */
static inline void item_lay_out(struct item *item)
{
    item->is_large = item->value_len > ITEM_INSIDE_MAX;
    item->is_wide = item->key_len > ITEM_NARROW_KEY_MAX ||
                    item->value_len > ITEM_NARROW_VALUE_MAX;
    item->bank_at = item->is_wide ? 3 * ITEM_UNIT : ITEM_UNIT;
    item->version_at = item->bank_at + (item->has_bank ? ITEM_UNIT : 0);
    item->life_at = item->version_at + (item->version ? 2 * ITEM_UNIT : 0);
    item->key_at = item->life_at + (item->has_life ? 2 * ITEM_UNIT : 0);
    item->value_at = item->key_at + item->key_len;
    uint32_t inside = item->is_large ? sizeof(void *) : item->value_len;
    item->len =
        (item->value_at + inside + ITEM_UNIT - 1) / ITEM_UNIT * ITEM_UNIT;
}

static inline _Atomic uint32_t *item_unit(char *at)
{
    return (_Atomic uint32_t *)(void *)at;
}

static inline uint32_t item_load(char *at)
{
    return atomic_load_explicit(item_unit(at), memory_order_relaxed);
}

static inline void item_store(char *at, uint32_t unit)
{
    atomic_store_explicit(item_unit(at), unit, memory_order_relaxed);
}

/* Reads the version and the kind of one that is laid out and has a version. */
void item_read_version(char *at, struct item *item);

/* Reads what is at `at`. False when it cannot be an item, which readers may
 * meet where an item was. Here, since every get is in need of some of it. */
static inline bool item_read(char *at, struct item *item)
{
    uint32_t head = item_load(at);
    uint32_t kind = head >> ITEM_KIND_SHIFT & ITEM_KIND_ELSEWHERE;
    item->version = kind == ITEM_KIND_ELSEWHERE;
    item->has_life = head & ITEM_LIFE_BIT;
    item->has_bank = head & ITEM_BANK_BIT;
    item->key_len = head >> ITEM_KEY_SHIFT & ITEM_NARROW_KEY_MAX;
    item->value_len = head >> ITEM_VALUE_SHIFT;
    if (head & ITEM_WIDE_BIT) {
        item->key_len = item_load(at + ITEM_UNIT) & ~ITEM_LARGE_BIT;
        item->value_len = item_load(at + 2 * ITEM_UNIT);
    }
    if (item->key_len > KEY_LEN_MAX) {
        return false;
    }
    item_lay_out(item);
    item->kind = (enum value_kind)kind;
    if (item->version) {
        item_read_version(at, item);
    }
    return item->is_wide == !!(head & ITEM_WIDE_BIT);
}

/* Writes the head and the lengths of `item`, with the number of its bank and
 * its version if it has them: what those need who walk over it. */
void item_write_head(char *at, const struct item *item, uint32_t bank_id);

/* Writes the rest. `value` is the address of a large value's bytes, or the
 * bytes. */
void item_write_rest(char *at, const struct item *item, uint64_t life,
                     struct slice key, const char *value);

/* Changes the value of an item whose length stays; the key is there. */
void item_write_value(char *at, const struct item *item, uint64_t life,
                      const char *value);

/* Its life; LIFE_FOREVER when it has none. */
uint64_t item_life(char *at, const struct item *item);
void item_set_life(char *at, const struct item *item, uint64_t life);

/* The number of its bank, which it has. */
uint32_t item_bank_id(char *at, const struct item *item);

/* The address of a large value. */
char *item_large(char *at, const struct item *item);

bool item_has_key(char *at, const struct item *item, struct slice key);

/* Copies `len` bytes out of an item or from one to another, where a writer
 * may be writing. */
void item_copy_out(char *to, char *from, size_t len);
void item_copy_in(char *to, const char *from, size_t len);

static inline uint32_t item_heat(char *at)
{
    return atomic_load_explicit((_Atomic uint8_t *)(void *)at,
                                memory_order_relaxed);
}

static inline void item_set_heat(char *at, uint32_t heat)
{
    atomic_store_explicit((_Atomic uint8_t *)(void *)at, (uint8_t)heat,
                          memory_order_relaxed);
}

/* A hit: the heat rises, unless it is at its maximum. */
static inline void item_warm(char *at)
{
    uint32_t heat = item_heat(at);
    if (heat < ITEM_HEAT_MAX) {
        item_set_heat(at, heat + 1);
    }
}

#endif
