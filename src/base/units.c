#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>

static const char size_units[] = "KMGT";

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads digits off the start of `text`; false when there are none, or more
 * than 64 bits hold. */
static bool take_digits(struct slice *text, uint64_t *number)
{
    size_t count = 0;
    *number = 0;
    while (count < text->len && is_digit(text->data[count])) {
        uint64_t digit = (uint64_t)(text->data[count++] - '0');
        if (*number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        *number = *number * 10 + digit;
    }
    *text = slice_after(*text, count);
    return count > 0;
}

bool units_parse_number(struct slice text, uint64_t *number)
{
    return take_digits(&text, number) && text.len == 0;
}

/* By how many bits the unit `c` shifts; 0 when it is none. */
static unsigned shift_of(char c)
{
    char unit = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    const char *found = memchr(size_units, unit, sizeof size_units - 1);
    return found ? 10 * (unsigned)(found - size_units + 1) : 0;
}

bool units_parse_size(struct slice text, uint64_t *bytes)
{
    if (!take_digits(&text, bytes) || text.len > 1) {
        return false;
    }
    if (text.len == 0) {
        return true;
    }
    unsigned shift = shift_of(text.data[0]);
    if (shift == 0 || *bytes > UINT64_MAX >> shift) {
        return false;
    }
    *bytes <<= shift;
    return true;
}

/* The milliseconds in `digits`, which follow a decimal point. */
static bool parse_fraction(struct slice digits, uint64_t *ms)
{
    uint64_t scale = 100;
    bool has_rest = false;
    *ms = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (!is_digit(digits.data[i])) {
            return false;
        }
        uint64_t digit = (uint64_t)(digits.data[i] - '0');
        *ms += digit * scale;
        has_rest = has_rest || (scale == 0 && digit > 0);
        scale /= 10;
    }
    *ms += has_rest;
    return digits.len > 0;
}

bool units_parse_seconds(struct slice text, uint64_t *ms)
{
    uint64_t seconds;
    uint64_t fraction = 0;
    if (!take_digits(&text, &seconds) || seconds > UINT64_MAX / 2000) {
        return false;
    }
    if (text.len > 0 && (text.data[0] != '.' ||
                         !parse_fraction(slice_after(text, 1), &fraction))) {
        return false;
    }
    *ms = seconds * 1000 + fraction;
    return true;
}

void units_print_size(uint64_t bytes, char text[UNITS_TEXT_MAX])
{
    size_t unit = 0;
    while (bytes > 0 && bytes % 1024 == 0 && size_units[unit]) {
        bytes /= 1024;
        unit++;
    }
    const char *name = unit ? &size_units[unit - 1] : "";
    snprintf(text, UNITS_TEXT_MAX, "%" PRIu64 "%.1s", bytes, name);
}

void units_print_seconds(uint64_t ms, char text[UNITS_TEXT_MAX])
{
    int len = snprintf(text, UNITS_TEXT_MAX, "%" PRIu64 ".%03" PRIu64,
                       ms / 1000, ms % 1000);
    while (text[len - 1] == '0') {
        text[--len] = '\0';
    }
    if (text[len - 1] == '.') {
        text[len - 1] = '\0';
    }
}
