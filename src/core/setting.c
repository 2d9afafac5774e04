/* Bounds and defaults are kept as they are written and read by the same
 * parsers as what users write, so that the table, the help and the checks
 * cannot disagree. */
#include "core/setting.h"

#include "base/check.h"
#include "base/machine.h"
#include "base/text.h"
#include "base/units.h"
#include "core/hosts.h"

#include <inttypes.h>
#include <stdio.h>

enum { RESTART = false, RELOAD = true };

static const struct slice automatic = {"auto", 4};

static const struct setting settings[CONFIG_KEY_COUNT] = {
#define SETTING(KEY, other, flag, ARGUMENT, TYPE, field, initial, min, max,    \
                reload, text)                                                  \
    {#KEY,                                                                     \
     other,                                                                    \
     flag,                                                                     \
     ARGUMENT,                                                                 \
     SETTING_##TYPE,                                                           \
     offsetof(struct config, field),                                           \
     sizeof(((struct config *)NULL)->field),                                   \
     initial,                                                                  \
     min,                                                                      \
     max,                                                                      \
     reload,                                                                   \
     text},
#include "core/config.def"
#undef SETTING
};

const struct setting *setting_get(enum config_key key)
{
    CHECK(key < CONFIG_KEY_COUNT);
    return &settings[key];
}

/* Whether `name` is `spelling`, which is then told; nothing is called "". */
static bool is_spelled(struct slice name, const char *text,
                       const char **spelling)
{
    if (name.len == 0 || !slice_equal(name, slice_of_string(text))) {
        return false;
    }
    *spelling = text;
    return true;
}

enum config_key setting_find_key(struct slice name, const char **spelling)
{
    enum config_key key = 0;
    while (key < CONFIG_KEY_COUNT &&
           !is_spelled(name, settings[key].key, spelling) &&
           !is_spelled(name, settings[key].other, spelling)) {
        key++;
    }
    return key;
}

enum config_key setting_find_flag(struct slice name, const char **spelling)
{
    enum config_key key = 0;
    while (key < CONFIG_KEY_COUNT &&
           !is_spelled(name, settings[key].flag, spelling)) {
        key++;
    }
    return key;
}

bool setting_is_text(const struct setting *setting)
{
    return setting->type <= SETTING_HOSTS;
}

static char *text_of(const struct setting *setting, struct config *config)
{
    CHECK(setting_is_text(setting));
    return (char *)config + setting->offset;
}

static const char *text_in(const struct setting *setting,
                           const struct config *config)
{
    CHECK(setting_is_text(setting));
    return (const char *)config + setting->offset;
}

static uint64_t *number_of(const struct setting *setting, struct config *config)
{
    CHECK(!setting_is_text(setting) && setting->size == sizeof(uint64_t));
    return (uint64_t *)(void *)((char *)config + setting->offset);
}

static uint64_t number_in(const struct setting *setting,
                          const struct config *config)
{
    CHECK(!setting_is_text(setting) && setting->size == sizeof(uint64_t));
    return *(const uint64_t *)(const void *)((const char *)config +
                                             setting->offset);
}

static bool parse_memory(struct slice text, const struct machine *machine,
                         uint64_t *number)
{
    if (text.len == 0 || text.data[text.len - 1] != '%') {
        return units_parse_size(text, number);
    }
    uint64_t percent;
    text.len--;
    if (!units_parse_number(text, &percent) || percent < 1 || percent > 100) {
        return false;
    }
    *number = machine->memory / 100 * percent;
    return true;
}

static bool parse_auto(struct slice text, const struct machine *machine,
                       uint64_t *number)
{
    if (!slice_equal(text, automatic)) {
        return units_parse_number(text, number);
    }
    *number = machine->processors;
    return true;
}

static bool parse_level(struct slice text, uint64_t *number)
{
    bool is_true = slice_equal(text, SLICE_LITERAL("true"));
    if (!is_true && !slice_equal(text, SLICE_LITERAL("false"))) {
        return units_parse_number(text, number);
    }
    *number = is_true;
    return true;
}

/* Reads `text` as a number of the type of `setting`, whatever its size. */
static bool read_number(const struct setting *setting,
                        const struct machine *machine, struct slice text,
                        uint64_t *number)
{
    switch (setting->type) {
    case SETTING_NUMBER:
        return units_parse_number(text, number);
    case SETTING_AUTO:
        return parse_auto(text, machine, number);
    case SETTING_SIZE:
        return units_parse_size(text, number);
    case SETTING_MEMORY:
        return parse_memory(text, machine, number);
    case SETTING_SECONDS:
        return units_parse_seconds(text, number);
    case SETTING_LEVEL:
        return parse_level(text, number);
    case SETTING_TEXT:
    case SETTING_PREFIX:
    case SETTING_HOSTS:
        break;
    }
    UNREACHABLE("texts are not read as numbers");
}

/* A bound of `setting`: a number in its spelling, or a text's length. */
static uint64_t bound_of(const struct setting *setting, const char *bound)
{
    static const struct machine none;
    uint64_t number;
    struct slice text = slice_of_string(bound);
    bool is_number = setting_is_text(setting)
                         ? units_parse_number(text, &number)
                         : read_number(setting, &none, text, &number);
    CHECK(is_number);
    return number;
}

static bool is_between(const struct setting *setting, uint64_t number)
{
    return number >= bound_of(setting, setting->min) &&
           number <= bound_of(setting, setting->max);
}

/* Quotes belong to texts, and to the numbers that are more than digits. */
static bool is_form_allowed(const struct setting *setting,
                            const struct setting_value *value)
{
    if (value->form == SETTING_PLAIN) {
        return true;
    }
    bool is_string = value->form == SETTING_STRING;
    switch (setting->type) {
    case SETTING_TEXT:
    case SETTING_PREFIX:
    case SETTING_HOSTS:
        return is_string;
    case SETTING_NUMBER:
    case SETTING_SECONDS:
    case SETTING_LEVEL:
        return !is_string;
    case SETTING_AUTO:
        return is_string == slice_equal(value->text, automatic);
    case SETTING_SIZE:
    case SETTING_MEMORY:
        return true;
    }
    UNREACHABLE("all types are above");
}

static bool parse_into_number(const struct setting *setting,
                              const struct machine *machine, struct slice text,
                              struct config *config)
{
    uint64_t number;
    if (!read_number(setting, machine, text, &number)) {
        return false;
    }
    /* A machine beyond the bounds is no mistake of the user. */
    uint64_t max = bound_of(setting, setting->max);
    bool is_auto =
        setting->type == SETTING_AUTO && slice_equal(text, automatic);
    number = is_auto && number > max ? max : number;
    if (!is_between(setting, number)) {
        return false;
    }
    *number_of(setting, config) = number;
    return true;
}

static bool is_printable(struct slice text)
{
    bool is_printable = true;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        is_printable = is_printable && c >= 0x20 && c != 0x7f;
    }
    return is_printable;
}

/* Every segment of a prefix starts with a slash and goes on with at least
 * one character that needs no escape in a URL. */
static bool is_prefix(struct slice text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    bool needs_slash = true;
    bool needs_plain = false;
    for (size_t i = 0; i < text.len; i++) {
        bool is_slash = text.data[i] == '/';
        bool is_plain = memchr(plain, text.data[i], sizeof plain - 1);
        if (is_slash ? needs_plain : !is_plain || needs_slash) {
            return false;
        }
        needs_plain = is_slash;
        needs_slash = false;
    }
    return !needs_plain;
}

/* Room for every text that a member of struct config holds. */
enum { TEXT_SIZE_MAX = 1024 };

/* Copies `text` to `copy`, hosts in their clean form, and answers what the
 * bounds of the setting speak of: how long it is, or how many hosts. */
static bool read_text(const struct setting *setting, struct slice text,
                      char copy[TEXT_SIZE_MAX], size_t *count)
{
    if (setting->type == SETTING_HOSTS) {
        return hosts_clean(text, copy, count);
    }
    if (text.len) {
        memcpy(copy, text.data, text.len);
    }
    copy[text.len] = '\0';
    *count = text.len;
    return setting->type != SETTING_PREFIX || is_prefix(text);
}

static bool parse_into_text(const struct setting *setting, struct slice text,
                            struct config *config)
{
    char copy[TEXT_SIZE_MAX] = {0};
    size_t count;
    CHECK(setting->size <= sizeof copy);
    if (text.len >= setting->size || !is_printable(text) ||
        !read_text(setting, text, copy, &count) ||
        !is_between(setting, count)) {
        return false;
    }
    memcpy(text_of(setting, config), copy, setting->size);
    return true;
}

bool setting_parse(const struct setting *setting, const struct machine *machine,
                   const struct setting_value *value, struct config *config)
{
    if (!is_form_allowed(setting, value)) {
        return false;
    }
    return setting_is_text(setting)
               ? parse_into_text(setting, value->text, config)
               : parse_into_number(setting, machine, value->text, config);
}

bool setting_is_equal(const struct setting *setting, const struct config *a,
                      const struct config *b)
{
    return !memcmp((const char *)a + setting->offset,
                   (const char *)b + setting->offset, setting->size);
}

void setting_copy(const struct setting *setting, struct config *to,
                  const struct config *from)
{
    memcpy((char *)to + setting->offset, (const char *)from + setting->offset,
           setting->size);
}

void setting_print_value(const struct setting *setting,
                         const struct config *config, struct buffer *out)
{
    if (setting_is_text(setting)) {
        const char *text = text_in(setting, config);
        text_append(out, "%s", *text ? text : "none");
        return;
    }
    char text[UNITS_TEXT_MAX];
    uint64_t number = number_in(setting, config);
    if (setting->type == SETTING_SECONDS) {
        units_print_seconds(number, text);
    } else if (setting->type == SETTING_SIZE ||
               setting->type == SETTING_MEMORY) {
        units_print_size(number, text);
    } else {
        snprintf(text, sizeof text, "%" PRIu64, number);
    }
    text_append(out, "%s", text);
}

/* How a type's bounds are worded: at length with `before` and `after`, in
 * short with `unit` alone. */
struct wording {
    const char *before;
    const char *after;
    const char *unit;
};

static const struct wording wordings[] = {
    [SETTING_TEXT] = {"", " bytes, without control characters", " bytes"},
    [SETTING_PREFIX] = {"", " bytes, empty or a path like /api", " bytes"},
    [SETTING_HOSTS] = {"", " IP addresses or names, commas between", " hosts"},
    [SETTING_NUMBER] = {"a whole number from ", "", ""},
    [SETTING_AUTO] = {"a whole number from ", ", or auto", ", auto"},
    [SETTING_SIZE] = {"a size from ", " (bytes, or with K, M, G or T)", ""},
    [SETTING_MEMORY] = {"a size from ",
                        " (bytes, or with K, M, G or T), or 1% to 100%",
                        ", or N%"},
    [SETTING_SECONDS] = {"seconds from ", "", " s"},
    [SETTING_LEVEL] = {"a whole number from ", ", or true or false", ""},
};

void setting_print_rule(const struct setting *setting, struct buffer *out)
{
    const struct wording *wording = &wordings[setting->type];
    text_append(out, "%s%s to %s%s", wording->before, setting->min,
                setting->max, wording->after);
}

void setting_print_bounds(const struct setting *setting, struct buffer *out)
{
    text_append(out, "%s to %s%s", setting->min, setting->max,
                wordings[setting->type].unit);
}
