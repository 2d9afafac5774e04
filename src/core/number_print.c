/* Takes the first of 15, 16 and 17 digits that reads back the same. 15
 * without their trailing zeros are as short as can be for a normal number;
 * subnormal ones, which hold fewer, are tried from 1 digit on. Below a power
 * of two the neighbour is nearer than above it, so that the decimal nearest
 * to it may belong to that neighbour while the one above it does not. */
#include "core/number.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DIGITS_MAX = 17, /* that tell every double from its neighbours */
    FIXED_EXPONENT_MIN = -4,
    FIXED_EXPONENT_MAX = 15,
    POSITIVE_MAX = NUMBER_TEXT_MAX - 1 /* without a sign */
};

/* Below this an integer's digits are its shortest form. */
#define PLAIN_INTEGER_MAX 1e15

/* The digits of a number, without its sign, and its exponent. */
struct printed {
    char digits[DIGITS_MAX + 1];
    int count;
    int exponent;
};

/* Prints `count` digits, and tells whether they read back as `number`. */
static bool print_digits(double number, int count, struct printed *printed)
{
    char text[NUMBER_TEXT_MAX];
    snprintf(text, sizeof text, "%.*e", count - 1, number);
    printed->digits[0] = text[0];
    memcpy(printed->digits + 1, text + 2, (size_t)count - 1);
    printed->count = count;
    printed->exponent = atoi(strchr(text, 'e') + 1);
    return strtod(text, NULL) == number;
}

static double printed_value(const struct printed *printed)
{
    char text[NUMBER_TEXT_MAX];
    snprintf(text, sizeof text, "%.*se%d", printed->count, printed->digits,
             printed->exponent - printed->count + 1);
    return strtod(text, NULL);
}

/* Goes to the next decimal above, and tells whether that is `number`. No
 * power of two is printed as nothing but nines. */
static bool print_above(double number, struct printed *printed)
{
    int last = printed->count - 1;
    while (last > 0 && printed->digits[last] == '9') {
        printed->digits[last--] = '0';
    }
    printed->digits[last]++;
    return printed_value(printed) == number;
}

static bool is_power_of_two(double number)
{
    int exponent;
    return frexp(number, &exponent) == 0.5;
}

/* The shortest digits of `number`, which is positive and finite. */
static struct printed shortest(double number)
{
    struct printed printed;
    int count = number < DBL_MIN ? 1 : DBL_DIG;
    while (!print_digits(number, count, &printed)) {
        if (count == DBL_DIG + 1 && is_power_of_two(number) &&
            print_above(number, &printed)) {
            break;
        }
        count++;
    }
    while (printed.count > 1 && printed.digits[printed.count - 1] == '0') {
        printed.count--;
    }
    return printed;
}

static size_t print_scientific(const struct printed *printed, char *text)
{
    char point[] = {printed->count > 1 ? '.' : '\0', '\0'};
    return (size_t)snprintf(
        text, POSITIVE_MAX, "%c%s%.*se%c%02d", printed->digits[0], point,
        printed->count - 1, printed->digits + 1,
        printed->exponent < 0 ? '-' : '+', abs(printed->exponent));
}

static size_t print_fixed(const struct printed *printed, char *text)
{
    if (printed->exponent < 0) {
        return (size_t)snprintf(text, POSITIVE_MAX, "0.%.*s%.*s",
                                -printed->exponent - 1, "000", printed->count,
                                printed->digits);
    }
    int before = printed->exponent + 1;
    int zeros = before > printed->count ? before - printed->count : 0;
    int taken = before - zeros;
    bool has_fraction = printed->count > taken;
    return (size_t)snprintf(text, POSITIVE_MAX, "%.*s%.*s.%.*s", taken,
                            printed->digits, zeros, "000000000000000",
                            has_fraction ? printed->count - taken : 1,
                            has_fraction ? printed->digits + taken : "0");
}

static size_t print_positive(double number, char *text)
{
    if (number < PLAIN_INTEGER_MAX && number == floor(number)) {
        return (size_t)snprintf(text, POSITIVE_MAX, "%.1f", number);
    }
    if (isinf(number)) {
        return (size_t)snprintf(text, POSITIVE_MAX, "Infinity");
    }
    struct printed printed = shortest(number);
    bool is_fixed = printed.exponent >= FIXED_EXPONENT_MIN &&
                    printed.exponent <= FIXED_EXPONENT_MAX;
    return is_fixed ? print_fixed(&printed, text)
                    : print_scientific(&printed, text);
}

size_t number_print(double number, char text[NUMBER_TEXT_MAX])
{
    if (isnan(number)) {
        return (size_t)snprintf(text, NUMBER_TEXT_MAX, "NaN");
    }
    size_t sign = signbit(number) != 0;
    text[0] = '-';
    return sign + print_positive(fabs(number), text + sign);
}

size_t number_print_json(const struct number *number,
                         char text[NUMBER_TEXT_MAX])
{
    if (number->is_integer) {
        return (size_t)snprintf(text, NUMBER_TEXT_MAX, "%" PRId64,
                                number->integer);
    }
    return number_print(number->real, text);
}
