/* Reading goes character by character, in one pass and without memory,
 * however long the text is: the digits that can matter are collected and
 * strtod() rounds them. The program never leaves the C locale. */
#include "core/number.h"

#include "base/json_string.h"
#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DIGITS_MAX = 780,    /* that decide between two doubles, and some */
    INTEGER_DIGITS = 19, /* of the longest integer of 64 bits */
    SCALE_MAX = 100000   /* beyond all doubles */
};

/* A text and the character that comes next: ASCII, a Unicode space as ' ', a
 * Unicode digit as that digit, or one of these. */
enum { NEXT_END = -1, NEXT_OTHER = -2 };

struct reader {
    struct slice rest; /* behind `next` */
    bool is_json;      /* the inside of a JSON string */
    int next;
};

/* A number as it was written: `text` times ten to the `scale`, where `text`
 * is a point and `count` digits of which the first is not 0. */
struct decimal {
    bool is_integer; /* neither point nor exponent */
    bool has_more;   /* digits than are kept, not all 0 */
    int64_t scale;
    size_t count;
    char text[DIGITS_MAX + 32];
};

/* A number that was read; `integer` is it exactly when `is_integer`. */
struct reading {
    double real;
    int64_t integer;
    bool is_integer;
    bool is_written_as_integer;
};

static bool is_space(uint32_t point)
{
    return point == ' ' || (point >= '\t' && point <= '\r') || point == 0x85 ||
           point == 0xa0 || point == 0x1680 ||
           (point >= 0x2000 && point <= 0x200a) || point == 0x2028 ||
           point == 0x2029 || point == 0x202f || point == 0x205f ||
           point == 0x3000;
}

/* The zero of each row of ten decimal digits in Unicode 14. */
static const uint32_t unicode_zeros[] = {
    0x660,   0x6f0,   0x7c0,   0x966,   0x9e6,   0xa66,   0xae6,   0xb66,
    0xbe6,   0xc66,   0xce6,   0xd66,   0xde6,   0xe50,   0xed0,   0xf20,
    0x1040,  0x1090,  0x17e0,  0x1810,  0x1946,  0x19d0,  0x1a80,  0x1a90,
    0x1b50,  0x1bb0,  0x1c40,  0x1c50,  0xa620,  0xa8d0,  0xa900,  0xa9d0,
    0xa9f0,  0xaa50,  0xabf0,  0xff10,  0x104a0, 0x10d30, 0x11066, 0x110f0,
    0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730,
    0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50,
    0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950,
    0x1fbf0,
};

static int unicode_digit(uint32_t point)
{
    for (size_t i = 0; i < sizeof unicode_zeros / sizeof *unicode_zeros; i++) {
        uint32_t digit = point - unicode_zeros[i];
        if (digit < 10) {
            return '0' + (int)digit;
        }
    }
    return NEXT_OTHER;
}

static bool take_point(struct reader *reader, uint32_t *point)
{
    if (reader->is_json) {
        *point = json_string_next(&reader->rest);
        return true;
    }
    size_t len = utf8_decode(reader->rest, point);
    reader->rest = slice_after(reader->rest, len);
    return len > 0;
}

static void advance(struct reader *reader)
{
    uint32_t point;
    if (reader->rest.len == 0) {
        reader->next = NEXT_END;
    } else if (!take_point(reader, &point)) {
        reader->next = NEXT_OTHER;
    } else if (is_space(point)) {
        reader->next = ' ';
    } else {
        reader->next = point < 0x80 ? (int)point : unicode_digit(point);
    }
}

static void skip_spaces(struct reader *reader)
{
    while (reader->next == ' ') {
        advance(reader);
    }
}

static bool next_is_digit(const struct reader *reader)
{
    return reader->next >= '0' && reader->next <= '9';
}

/* Takes a sign off; whether it is a minus. */
static bool read_sign(struct reader *reader)
{
    bool is_minus = reader->next == '-';
    if (is_minus || reader->next == '+') {
        advance(reader);
    }
    return is_minus;
}

/* Takes the digit off and, if a digit follows it, an underscore. False for
 * an underscore without one. */
static bool pass_digit(struct reader *reader)
{
    advance(reader);
    if (reader->next != '_') {
        return true;
    }
    advance(reader);
    return next_is_digit(reader);
}

static void add_digit(struct decimal *decimal, int digit, bool is_fraction)
{
    bool is_leading = decimal->count == 0 && digit == '0';
    if (is_fraction) {
        decimal->scale -= is_leading;
    } else {
        decimal->scale += !is_leading;
    }
    if (is_leading) {
        return;
    }
    if (decimal->count == DIGITS_MAX) {
        decimal->has_more = decimal->has_more || digit != '0';
        return;
    }
    decimal->text[1 + decimal->count++] = (char)digit;
}

static bool read_exponent(struct reader *reader, struct decimal *decimal)
{
    int64_t exponent = 0;
    bool is_minus = read_sign(reader);
    if (!next_is_digit(reader)) {
        return false;
    }
    while (next_is_digit(reader)) {
        if (exponent < INT64_MAX / 100) {
            exponent = exponent * 10 + (reader->next - '0');
        }
        if (!pass_digit(reader)) {
            return false;
        }
    }
    decimal->scale += is_minus ? -exponent : exponent;
    return true;
}

static bool read_decimal(struct reader *reader, struct decimal *decimal)
{
    bool has_digit = false;
    bool is_fraction = false;
    decimal->is_integer = true;
    while (next_is_digit(reader) || (reader->next == '.' && !is_fraction)) {
        if (reader->next == '.') {
            is_fraction = true;
            decimal->is_integer = false;
            advance(reader);
            continue;
        }
        has_digit = true;
        add_digit(decimal, reader->next, is_fraction);
        if (!pass_digit(reader)) {
            return false;
        }
    }
    if (has_digit && (reader->next == 'e' || reader->next == 'E')) {
        decimal->is_integer = false;
        advance(reader);
        return read_exponent(reader, decimal);
    }
    return has_digit;
}

static double decimal_real(struct decimal *decimal)
{
    if (decimal->count == 0) {
        return 0;
    }
    int64_t scale = decimal->scale;
    scale = scale > SCALE_MAX ? SCALE_MAX : scale;
    scale = scale < -SCALE_MAX ? -SCALE_MAX : scale;
    char *end = decimal->text + 1 + decimal->count;
    decimal->text[0] = '.';
    snprintf(end, 24, "%se%d", decimal->has_more ? "1" : "", (int)scale);
    return strtod(decimal->text, NULL);
}

/* The integer that was written, without its sign; false when it was none,
 * or one of more digits than can fit. */
static bool decimal_integer(const struct decimal *decimal, uint64_t *integer)
{
    *integer = 0;
    if (!decimal->is_integer || decimal->count > INTEGER_DIGITS) {
        return false;
    }
    for (size_t i = 0; i < decimal->count; i++) {
        *integer = *integer * 10 + (uint64_t)(decimal->text[1 + i] - '0');
    }
    return true;
}

/* Whether the rest of `word`, in any case, comes next; takes it off. */
static bool read_word(struct reader *reader, const char *word)
{
    while (*word && (reader->next | 0x20) == *word) {
        advance(reader);
        word++;
    }
    return *word == '\0';
}

static bool read_named(struct reader *reader, double *real)
{
    if ((reader->next | 0x20) == 'n') {
        *real = (double)NAN;
        return read_word(reader, "nan");
    }
    *real = (double)INFINITY;
    return read_word(reader, "inf") &&
           (reader->next < 'A' || read_word(reader, "inity"));
}

static bool read_digits(struct reader *reader, bool is_minus,
                        struct reading *reading)
{
    struct decimal decimal;
    decimal.has_more = false;
    decimal.scale = 0;
    decimal.count = 0;
    if (!read_decimal(reader, &decimal)) {
        return false;
    }
    uint64_t integer;
    bool is_short = decimal_integer(&decimal, &integer);
    reading->real = is_short ? (double)integer : decimal_real(&decimal);
    reading->is_written_as_integer = decimal.is_integer;
    reading->is_integer = is_short && integer <= (uint64_t)INT64_MAX + is_minus;
    if (reading->is_integer) {
        reading->integer = (int64_t)(is_minus ? 0 - integer : integer);
    }
    return true;
}

/* Reads all of what float() takes. */
static bool read_number(struct reader *reader, struct reading *reading)
{
    advance(reader);
    skip_spaces(reader);
    bool is_minus = read_sign(reader);
    *reading = (struct reading){0};
    bool is_number = reader->next >= 'A'
                         ? read_named(reader, &reading->real)
                         : read_digits(reader, is_minus, reading);
    reading->real = is_minus ? -reading->real : reading->real;
    skip_spaces(reader);
    return is_number && reader->next == NEXT_END;
}

static bool read_text(struct slice text, struct reading *reading)
{
    struct reader reader = {.rest = text};
    return read_number(&reader, reading);
}

static bool is_json_space(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
}

static struct slice trim(struct slice json)
{
    while (json.len && is_json_space(json.data[0])) {
        json = slice_after(json, 1);
    }
    while (json.len && is_json_space(json.data[json.len - 1])) {
        json.len--;
    }
    return json;
}

/* Reads a JSON number, true or false. */
static bool read_json(struct slice json, struct reading *reading)
{
    bool is_true = slice_equal(json, SLICE_LITERAL("true"));
    if (is_true || slice_equal(json, SLICE_LITERAL("false"))) {
        *reading = (struct reading){is_true, is_true, true, true};
        return true;
    }
    if (!read_text(json, reading)) {
        return false;
    }
    if (reading->is_written_as_integer && reading->real == 0) {
        reading->real = 0; /* integers have no negative zero */
    }
    return !(reading->is_written_as_integer && isinf(reading->real));
}

bool number_parse_text(struct slice text, double *number)
{
    struct reading reading;
    bool is_number = read_text(text, &reading);
    *number = is_number ? reading.real : 0;
    return is_number;
}

bool number_parse_json(struct slice json, double *number)
{
    struct reading reading;
    bool is_number = read_json(trim(json), &reading);
    *number = is_number ? reading.real : 0;
    return is_number;
}

bool number_parse_integer(struct slice text, int64_t *number)
{
    bool is_minus = text.len && text.data[0] == '-';
    struct slice digits = slice_after(text, is_minus);
    int64_t sum = 0;
    for (size_t i = 0; i < digits.len; i++) {
        int digit = digits.data[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, is_minus ? -digit : digit, &sum)) {
            return false;
        }
    }
    *number = sum;
    return digits.len > 0;
}

/* Reads what an entry holds. Short requests may ask for it again and again,
 * so its length is bounded; the original had no longer requests. */
static bool read_value(enum value_kind kind, struct slice bytes,
                       struct reading *reading)
{
    if (bytes.len > NUMBER_VALUE_MAX) {
        return false;
    }
    if (kind != VALUE_JSON) {
        return read_text(bytes, reading);
    }
    struct slice json = trim(bytes);
    if (json.len < 2 || json.data[0] != '"') {
        return read_json(json, reading);
    }
    struct reader reader = {.rest = {json.data + 1, json.len - 2},
                            .is_json = true};
    return read_number(&reader, reading);
}

/* Finds the integer in a double that is exactly one. */
static enum status make_integer(struct reading *reading)
{
    const double limit = 9223372036854775808.0;
    if (reading->is_integer) {
        return STATUS_OK;
    }
    if (reading->is_written_as_integer) {
        return STATUS_OUT_OF_RANGE;
    }
    if (!isfinite(reading->real) || reading->real != floor(reading->real)) {
        return STATUS_FAILED_PRECONDITION;
    }
    if (reading->real < -limit || reading->real >= limit) {
        return STATUS_OUT_OF_RANGE;
    }
    reading->integer = (int64_t)reading->real;
    return STATUS_OK;
}

static enum status add_integer(struct reading *value, int64_t delta,
                               struct number *sum)
{
    enum status status = make_integer(value);
    if (status) {
        return status;
    }
    *sum = (struct number){.is_integer = true};
    bool is_over = __builtin_add_overflow(value->integer, delta, &sum->integer);
    return is_over ? STATUS_OUT_OF_RANGE : STATUS_OK;
}

enum status number_add(enum value_kind kind, struct slice bytes,
                       const struct number *delta, struct number *sum)
{
    struct reading value;
    if (!read_value(kind, bytes, &value)) {
        return STATUS_FAILED_PRECONDITION;
    }
    if (delta->is_integer) {
        return add_integer(&value, delta->integer, sum);
    }
    *sum = (struct number){.real = value.real + delta->real};
    return STATUS_OK;
}

static bool is_less(const struct number *a, const struct number *b)
{
    return a->is_integer ? a->integer < b->integer : a->real < b->real;
}

/* The end of 64 bits that a sum lies beyond whose value, or which itself, they
 * do not hold; then both have the same sign. */
static struct number end_beyond(enum value_kind kind, struct slice bytes)
{
    struct reading value;
    bool is_up = read_value(kind, bytes, &value) && value.real > 0;
    return (struct number){.is_integer = true,
                           .integer = is_up ? INT64_MAX : INT64_MIN};
}

enum status number_increment(enum value_kind kind, struct slice bytes,
                             const struct increment *increment,
                             struct number *sum)
{
    enum status status = number_add(kind, bytes, &increment->delta, sum);
    if (status == STATUS_OUT_OF_RANGE && increment->saturates) {
        *sum = end_beyond(kind, bytes);
        status = STATUS_OK;
    }
    if (status) {
        return status;
    }
    bool is_above = increment->has_maximum && is_less(&increment->maximum, sum);
    bool is_below = increment->has_minimum && is_less(sum, &increment->minimum);
    if (!is_above && !is_below) {
        return STATUS_OK;
    }
    *sum = is_above ? increment->maximum : increment->minimum;
    return increment->saturates ? STATUS_OK : STATUS_OUT_OF_RANGE;
}
