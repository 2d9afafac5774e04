/* Numbers as people write them in settings: whole ones, sizes with K, M, G
 * or T (of 1024), seconds with fractions. No locale. Any thread. */
#ifndef CACHESERVER_BASE_UNITS_H
#define CACHESERVER_BASE_UNITS_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* The longest text that these print, with its terminator. */
enum { UNITS_TEXT_MAX = 32 };

/* Each answers whether all of `text` is such a number. */
bool units_parse_number(struct slice text, uint64_t *number);
bool units_parse_size(struct slice text, uint64_t *bytes);
bool units_parse_seconds(struct slice text, uint64_t *ms); /* rounded up */

/* The shortest spelling that is exact; a terminator follows. */
void units_print_size(uint64_t bytes, char text[UNITS_TEXT_MAX]);
void units_print_seconds(uint64_t ms, char text[UNITS_TEXT_MAX]);

#endif
