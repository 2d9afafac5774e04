#include "wire/same.h"

#include "support/test.h"

#include <stdio.h>

/* Doubles are equal when their bits are, so that NaN and -0 count. */
static bool same_number(const struct number *got, const struct number *must)
{
    bool held = EXPECT_INT(got->is_integer, must->is_integer);
    held = EXPECT_INT(got->integer, must->integer) && held;
    return EXPECT_SLICE(slice_of(&got->real, sizeof got->real),
                        slice_of(&must->real, sizeof must->real)) &&
           held;
}

static bool tell(bool held, const char *what)
{
    if (!held) {
        fprintf(stderr, "  in %s\n", what);
    }
    return held;
}

static bool same_lifetime(const struct lifetime *got,
                          const struct lifetime *must)
{
    bool held = EXPECT_INT(got->rule, must->rule);
    return EXPECT(got->ms == must->ms) && held;
}

static bool same_change(const struct bank_change *got,
                        const struct bank_change *must)
{
    bool held = true;
#define LIMIT(name, ...)                                                       \
    held = EXPECT_INT(got->has_##name, must->has_##name) && held;              \
    held = EXPECT(got->limits.name == must->limits.name) && held;
#include "core/bank_limits.def"
#undef LIMIT
    return held;
}

static bool same_increment(const struct increment *got,
                           const struct increment *must)
{
    bool held = same_number(&got->delta, &must->delta);
    held = EXPECT_INT(got->has_initial, must->has_initial) && held;
    held = EXPECT_INT(got->has_minimum, must->has_minimum) && held;
    held = EXPECT_INT(got->has_maximum, must->has_maximum) && held;
    held = same_number(&got->initial, &must->initial) && held;
    held = same_number(&got->minimum, &must->minimum) && held;
    held = same_number(&got->maximum, &must->maximum) && held;
    held = EXPECT_INT(got->saturates, must->saturates) && held;
    return same_lifetime(&got->lifetime, &must->lifetime) && held;
}

static bool same_condition(const struct condition *got,
                           const struct condition *must)
{
    bool held = EXPECT_INT(got->rule, must->rule);
    held = EXPECT(got->version == must->version) && held;
    return EXPECT_SLICE(got->value, must->value) && held;
}

static bool same_items(const struct request *got, const struct request *must)
{
    bool held = EXPECT_INT(got->item_count, must->item_count);
    for (size_t i = 0; held && i < got->item_count; i++) {
        const struct batch_item *item = &got->items[i];
        const struct batch_item *other = &must->items[i];
        held = EXPECT_SLICE(item->key, other->key);
        held = EXPECT_SLICE(item->value, other->value) && held;
        held = same_lifetime(&item->lifetime, &other->lifetime) && held;
        held = EXPECT_INT(item->kind, other->kind) && held;
    }
    return held;
}

static bool same_wishes(const struct request *got, const struct request *must)
{
    bool held = EXPECT_INT(got->is_touch, must->is_touch);
    held = EXPECT_INT(got->wants_previous, must->wants_previous) && held;
    held = EXPECT_INT(got->wants_version, must->wants_version) && held;
    held = EXPECT_INT(got->wants_lifetime, must->wants_lifetime) && held;
    held = EXPECT_INT(got->wants_counts, must->wants_counts) && held;
    held = EXPECT_INT(got->limit, must->limit) && held;
    return EXPECT(got->size_max == must->size_max) && held;
}

bool same_request(const struct request *got, const struct request *must,
                  const char *what)
{
    bool held = EXPECT_INT(got->op, must->op);
    held = EXPECT(got->id == must->id) && held;
    held = EXPECT_INT(got->deadline_ms, must->deadline_ms) && held;
    held = EXPECT_SLICE(got->bank, must->bank) && held;
    held = EXPECT_SLICE(got->key, must->key) && held;
    held = EXPECT_SLICE(got->value, must->value) && held;
    held = EXPECT_INT(got->kind, must->kind) && held;
    held = EXPECT_SLICE(got->prefix, must->prefix) && held;
    held = EXPECT_SLICE(got->cursor, must->cursor) && held;
    held = EXPECT_SLICE(got->other, must->other) && held;
    held = same_lifetime(&got->lifetime, &must->lifetime) && held;
    held = same_wishes(got, must) && held;
    held = same_increment(&got->increment, &must->increment) && held;
    held = same_condition(&got->condition, &must->condition) && held;
    held = same_items(got, must) && held;
    held = same_change(&got->change, &must->change) && held;
    return tell(held, what);
}

bool same_response(const struct response *got, const struct response *must,
                   const char *what)
{
    bool held = EXPECT_INT(got->status, must->status);
    held = EXPECT_TEXT(slice_of_string(got->message), must->message) && held;
    held =
        EXPECT_SLICE(buffer_peek(&got->body), buffer_peek(&must->body)) && held;
    held = EXPECT_INT(got->kind, must->kind) && held;
    held = same_number(&got->number, &must->number) && held;
    held = EXPECT_INT(got->count, must->count) && held;
    held = EXPECT_SLICE(slice_of(got->cursor, got->cursor_len),
                        slice_of(must->cursor, must->cursor_len)) &&
           held;
    held =
        EXPECT(!memcmp(&got->stats, &must->stats, sizeof got->stats)) && held;
    held = EXPECT(!memcmp(&got->limits, &must->limits, sizeof got->limits)) &&
           held;
    return tell(held, what);
}
