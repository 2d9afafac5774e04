/* The rows of options.def, and the spelling of their values. Any thread. */
#ifndef CACHESERVER_CLIENTS_BENCH_OPTION_H
#define CACHESERVER_CLIENTS_BENCH_OPTION_H

#include "base/buffer.h"
#include "base/slice.h"
#include "clients/bench/options.h"

#include <stdbool.h>
#include <stddef.h>

enum option_type {
    OPTION_HEADING, /* no option */
    OPTION_TEXT,
    OPTION_NUMBER,   /* a whole one */
    OPTION_COUNT,    /* a whole one, maybe with K, M or G of 1000 */
    OPTION_REAL,     /* a double */
    OPTION_SECONDS,  /* with fractions, kept in milliseconds */
    OPTION_SIZES,    /* of values; how they were written is kept as well */
    OPTION_DEPTHS,   /* numbers with commas between */
    OPTION_PROTOCOL, /* a name */
    OPTION_SWITCH    /* has no value */
};

/* Texts are static. `offset` is that of the member of struct options. */
struct option {
    const char *flag;
    const char *argument;
    enum option_type type;
    size_t offset;
    const char *initial;
    const char *min;
    const char *max;
    const char *text;
};

/* Row `index`; NULL behind the last. */
const struct option *option_row(size_t index);

/* The option called `flag`; NULL when there is none. */
const struct option *option_find(struct slice flag);

/* Sets the option's member from `text`, which must outlive `options`; false
 * when it is not allowed. */
bool option_set(const struct option *option, struct options *options,
                const char *text);

/* Appends what a value has to be, as the end of `it must be`. */
void option_print_rule(const struct option *option, struct buffer *out);

#endif
