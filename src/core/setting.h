/* The rows of core/config.def and the spelling of their values: what may be
 * written for a setting, and how it is printed. Any thread. */
#ifndef CACHESERVER_CORE_SETTING_H
#define CACHESERVER_CORE_SETTING_H

#include "base/buffer.h"
#include "base/slice.h"
#include "core/config.h"

#include <stdbool.h>
#include <stddef.h>

struct machine;

/* Up to SETTING_HOSTS texts, from SETTING_NUMBER on numbers. */
enum setting_type {
    SETTING_TEXT,    /* without control characters */
    SETTING_PREFIX,  /* nothing, or a path like /a/b */
    SETTING_HOSTS,   /* IP addresses and names, with commas between */
    SETTING_NUMBER,  /* a whole one */
    SETTING_AUTO,    /* a whole number, or `auto`: the processors */
    SETTING_SIZE,    /* bytes, or a number and K, M, G or T */
    SETTING_MEMORY,  /* a size, or N% of the memory */
    SETTING_SECONDS, /* with fractions; kept in milliseconds */
    SETTING_LEVEL    /* a whole number, or true and false: 1 and 0 */
};

/* A row; texts are static. `initial`, `min` and `max` are spelled as the
 * type is. */
struct setting {
    const char *key;
    const char *other;
    const char *flag;
    const char *argument;
    enum setting_type type;
    size_t offset; /* of the member of struct config, and its size */
    size_t size;
    const char *initial;
    const char *min;
    const char *max;
    bool is_reloadable;
    const char *text;
};

/* How a value was written: on a command line, or in JSON as a string or
 * without quotes. Numbers are not taken from strings, nor texts from
 * numbers. */
enum setting_form { SETTING_PLAIN, SETTING_STRING, SETTING_BARE };

struct setting_value {
    struct slice text;
    enum setting_form form;
};

/* The row of `key`; static. */
const struct setting *setting_get(enum config_key key);

/* The setting that has `name` as its key or its other spelling, or as its
 * flag; CONFIG_KEY_COUNT when none has. `spelling` is then the table's
 * copy of the name, which is static. */
enum config_key setting_find_key(struct slice name, const char **spelling);
enum config_key setting_find_flag(struct slice name, const char **spelling);

/* Whether the member is a text; if not, it is a number. */
bool setting_is_text(const struct setting *setting);

/* Sets the member of `config`; false, and nothing changed, when `value` is
 * of the wrong type or out of bounds. */
bool setting_parse(const struct setting *setting, const struct machine *machine,
                   const struct setting_value *value, struct config *config);

/* Whether the member is the same in both. */
bool setting_is_equal(const struct setting *setting, const struct config *a,
                      const struct config *b);

void setting_copy(const struct setting *setting, struct config *to,
                  const struct config *from);

/* Appends the value, spelled so that setting_parse() takes it again; `none`
 * for an empty text. */
void setting_print_value(const struct setting *setting,
                         const struct config *config, struct buffer *out);

/* Appends what a value has to be, as the end of `it must be`. */
void setting_print_rule(const struct setting *setting, struct buffer *out);

/* Appends the bounds, in a few characters. */
void setting_print_bounds(const struct setting *setting, struct buffer *out);

#endif
