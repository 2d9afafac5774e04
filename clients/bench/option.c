#include "clients/bench/option.h"

#include "base/check.h"
#include "base/text.h"
#include "base/units.h"
#include "clients/bench/flights.h"

#include <math.h>
#include <stdlib.h>

#define GROUP(text) {NULL, NULL, OPTION_HEADING, 0, NULL, NULL, NULL, text},
#define OPTION(flag, argument, type, field, initial, min, max, text)           \
    {flag,    argument, OPTION_##type, offsetof(struct options, field),        \
     initial, min,      max,           text},
static const struct option rows[] = {
#include "clients/bench/options.def"
};
#undef OPTION
#undef GROUP

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

const struct option *option_row(size_t index)
{
    return index < ROW_COUNT ? &rows[index] : NULL;
}

const struct option *option_find(struct slice flag)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].type != OPTION_HEADING &&
            slice_equal(flag, slice_of_string(rows[i].flag))) {
            return &rows[i];
        }
    }
    return NULL;
}

/* A whole number, and maybe K, M or G. */
static bool parse_count(struct slice text, uint64_t *number)
{
    const char *units = "KMG";
    uint64_t scale = 1;
    const char *unit =
        text.len ? memchr(units, text.data[text.len - 1], strlen(units)) : NULL;
    if (unit) {
        text.len--;
        for (const char *at = units; at <= unit; at++) {
            scale *= 1000;
        }
    }
    if (!units_parse_number(text, number) || *number > UINT64_MAX / scale) {
        return false;
    }
    *number *= scale;
    return true;
}

/* A whole number as the type has it. */
static bool parse_whole(enum option_type type, const char *text,
                        uint64_t *number)
{
    struct slice slice = slice_of_string(text);
    switch ((int)type) {
    case OPTION_NUMBER:
        return units_parse_number(slice, number);
    case OPTION_COUNT:
        return parse_count(slice, number);
    case OPTION_SECONDS:
        return units_parse_seconds(slice, number);
    default:
        return false;
    }
}

static bool parse_real(const char *text, double *number)
{
    char *end;
    *number = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*number);
}

static bool is_real_within(const struct option *option, double number)
{
    double min;
    double max;
    CHECK(parse_real(option->min, &min) && parse_real(option->max, &max));
    return number >= min && number <= max;
}

static bool is_whole_within(const struct option *option, uint64_t number)
{
    uint64_t min;
    uint64_t max;
    CHECK(parse_whole(option->type, option->min, &min) &&
          parse_whole(option->type, option->max, &max));
    return number >= min && number <= max;
}

static bool parse_depths(struct slice text, struct depths *depths)
{
    depths->count = 0;
    while (depths->count < OPTIONS_DEPTHS_MAX) {
        const char *comma = text.len ? memchr(text.data, ',', text.len) : NULL;
        struct slice part = text;
        part.len = comma ? (size_t)(comma - text.data) : text.len;
        uint64_t depth;
        if (!units_parse_number(part, &depth) || depth == 0 ||
            depth > FLIGHTS_DEPTH_MAX) {
            return false;
        }
        depths->values[depths->count++] = (size_t)depth;
        if (!comma) {
            return true;
        }
        text = slice_after(text, part.len + 1);
    }
    return false;
}

bool option_set(const struct option *option, struct options *options,
                const char *text)
{
    void *member = (char *)options + option->offset;
    switch (option->type) {
    case OPTION_HEADING:
        break;
    case OPTION_TEXT:
        *(const char **)member = text;
        return true;
    case OPTION_NUMBER:
    case OPTION_COUNT:
    case OPTION_SECONDS:
        return parse_whole(option->type, text, member) &&
               is_whole_within(option, *(uint64_t *)member);
    case OPTION_REAL:
        return parse_real(text, member) &&
               is_real_within(option, *(double *)member);
    case OPTION_SIZES:
        options->value_size = text;
        return sizes_parse(member, slice_of_string(text));
    case OPTION_DEPTHS:
        return parse_depths(slice_of_string(text), member);
    case OPTION_PROTOCOL:
        options->protocol = protocol_find(slice_of_string(text));
        return options->protocol;
    case OPTION_SWITCH:
        *(bool *)member = true;
        return true;
    }
    UNREACHABLE("no option, or a type without a case");
}

void option_print_rule(const struct option *option, struct buffer *out)
{
    switch (option->type) {
    case OPTION_NUMBER:
        text_append(out, "a whole number from %s to %s", option->min,
                    option->max);
        break;
    case OPTION_COUNT:
        text_append(out, "a whole number from %s to %s, maybe with K, M or G",
                    option->min, option->max);
        break;
    case OPTION_REAL:
        text_append(out, "a number from %s to %s", option->min, option->max);
        break;
    case OPTION_SECONDS:
        text_append(out, "%s to %s seconds", option->min, option->max);
        break;
    case OPTION_SIZES:
        text_append(out,
                    "a size, a range like 8-1024, or a list of at most "
                    "%d sizes and weights like 32:80,1K:20",
                    SIZES_COUNT_MAX);
        break;
    case OPTION_DEPTHS:
        text_append(out,
                    "at most %d whole numbers from %s to %s, commas between",
                    OPTIONS_DEPTHS_MAX, option->min, option->max);
        break;
    case OPTION_PROTOCOL:
        text_append(out, "protobuf, json, memcached, meta, redis or floor");
        break;
    case OPTION_HEADING:
    case OPTION_TEXT:
    case OPTION_SWITCH:
        break;
    }
}
