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

static bool same_change(const struct bank_change *got,
                        const struct bank_change *must)
{
    bool held = EXPECT_INT(got->has_reserved, must->has_reserved);
    held = EXPECT_INT(got->has_maximum, must->has_maximum) && held;
    held = EXPECT_INT(got->has_weight, must->has_weight) && held;
    held = EXPECT(got->limits.reserved == must->limits.reserved) && held;
    held = EXPECT(got->limits.maximum == must->limits.maximum) && held;
    return EXPECT(got->limits.weight == must->limits.weight) && held;
}

bool same_request(const struct request *got, const struct request *must,
                  const char *what)
{
    bool held = EXPECT_INT(got->op, must->op);
    held = EXPECT(got->id == must->id) && held;
    held = EXPECT_SLICE(got->bank, must->bank) && held;
    held = EXPECT_SLICE(got->key, must->key) && held;
    held = EXPECT_SLICE(got->value, must->value) && held;
    held = EXPECT_INT(got->kind, must->kind) && held;
    held = EXPECT_INT(got->lifetime.rule, must->lifetime.rule) && held;
    held = EXPECT_INT(got->lifetime.ms, must->lifetime.ms) && held;
    held = EXPECT_INT(got->is_touch, must->is_touch) && held;
    held = same_number(&got->increment.delta, &must->increment.delta) && held;
    held = EXPECT_SLICE(got->prefix, must->prefix) && held;
    held = EXPECT_SLICE(got->cursor, must->cursor) && held;
    held = EXPECT_INT(got->limit, must->limit) && held;
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
