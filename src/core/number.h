/* Numbers as the original CacheServer reads and prints them, which is how
 * Python's float() and repr() do. Any thread; no locale. */
#ifndef CACHESERVER_CORE_NUMBER_H
#define CACHESERVER_CORE_NUMBER_H

#include "base/slice.h"
#include "base/status.h"
#include "core/value.h"

#include <stdbool.h>

enum {
    NUMBER_TEXT_MAX = 32,   /* of number_print(), with its terminator */
    NUMBER_VALUE_MAX = 4096 /* bytes of a stored value that can be a number */
};

/* `text` as float() takes it: white space around (Unicode's too), a sign,
 * `5.` and `.5`, an exponent, underscores between digits, Unicode decimal
 * digits, inf, infinity and nan in any case. False when it is none. */
bool number_parse_text(struct slice text, double *number);

/* A JSON number, true, false, NaN, Infinity or -Infinity. False for any
 * other JSON, and for an integer too large for a double. */
bool number_parse_json(struct slice json, double *number);

/* `text`, when it is an optional minus and digits that fit into 64 bits. */
bool number_parse_integer(struct slice text, int64_t *number);

/* Prints `number` in the shortest form that reads back the same, in
 * Python's spelling (`2.0`, `1e-05`, `1e+16`, `NaN`, `-Infinity`), and
 * answers its length; a terminator follows. */
size_t number_print(double number, char text[NUMBER_TEXT_MAX]);

/* The sum of a stored value (`kind`, `bytes`) and `delta`, in `sum`. A
 * string of kind JSON counts as its text. STATUS_FAILED_PRECONDITION when
 * the value is not a number (of the kind that `delta` needs) or longer than
 * NUMBER_VALUE_MAX, STATUS_OUT_OF_RANGE when 64 bits do not hold the sum. */
enum status number_add(enum value_kind kind, struct slice bytes,
                       const struct number *delta, struct number *sum);

/* What is added to an entry, and within which bounds; all numbers are of the
 * form of `delta`. */
struct increment {
    struct number delta;
    struct number initial; /* what an entry that is not there counts as */
    struct number minimum;
    struct number maximum;
    struct lifetime lifetime; /* of an entry that was not there */
    bool has_initial;
    bool has_minimum;
    bool has_maximum;
    bool saturates; /* a sum out of bounds becomes the nearest in them */
};

/* The sum as number_add() has it, within the bounds: beyond them
 * STATUS_OUT_OF_RANGE, unless it saturates. */
enum status number_increment(enum value_kind kind, struct slice bytes,
                             const struct increment *increment,
                             struct number *sum);

/* Prints `number`, either way, as JSON text; answers its length. */
size_t number_print_json(const struct number *number,
                         char text[NUMBER_TEXT_MAX]);

#endif
