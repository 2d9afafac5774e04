#include "core/config_help.h"

#include "base/text.h"
#include "core/setting.h"

#ifndef CACHESERVER_VERSION
#error "the build says which version this is"
#endif

void config_help_version(struct buffer *out)
{
    text_append(out, "cacheserver " CACHESERVER_VERSION "\n");
}

static const char usage_head[] =
    "\n"
    "A cache server: banks of entries, over JSON and protobuf on one port.\n"
    "\n"
    "Usage: cacheserver [--FLAG VALUE | --FLAG=VALUE]...\n"
    "\n"
    "  --config FILE     read FILE; without it config.json, if it is there\n"
    "  --check-config    print the settings in effect and end\n"
    "  --help            print this and end\n"
    "  --version         print the version and end\n"
    "\n"
    "Every setting is a flag, a key in the file, and a variable of the\n"
    "environment: CACHESERVER_ and the key. A flag wins over the environment,\n"
    "that over the file, that over the default. SIGHUP has all read again and\n"
    "changes the settings with a star.\n"
    "\n"
    "Sizes are bytes, or a number and K, M, G or T (of 1024). Times are\n"
    "seconds. The default none is an empty text.\n"
    "\n"
    "  flag                       key              bounds           default\n"
    "\n";

static const char *or_none(const char *text)
{
    return *text ? text : "none";
}

static void append_row(const struct setting *setting, struct buffer *out)
{
    struct buffer flag = {0};
    struct buffer bounds = {0};
    text_append(&flag, "--%s %s", setting->flag, setting->argument);
    setting_print_bounds(setting, &bounds);
    struct slice left = buffer_peek(&flag);
    struct slice right = buffer_peek(&bounds);
    text_append(out, "  %-26.*s %-15s%c %-16.*s %s\n", (int)left.len, left.data,
                setting->key, setting->is_reloadable ? '*' : ' ',
                (int)right.len, right.data, or_none(setting->initial));
    text_append(out, "      %s", setting->text);
    if (*setting->other) {
        text_append(out, " (or %s)", setting->other);
    }
    text_append(out, "\n");
    buffer_fini(&flag);
    buffer_fini(&bounds);
}

void config_help_usage(struct buffer *out)
{
    config_help_version(out);
    text_append(out, "%s", usage_head);
    for (enum config_key key = 0; key < CONFIG_KEY_COUNT; key++) {
        append_row(setting_get(key), out);
    }
}

/* Says that a value is the default, and how that is written when it is
 * written in another way. */
static void append_default(const struct setting *setting,
                           const struct config *config, struct buffer *out)
{
    struct buffer value = {0};
    setting_print_value(setting, config, &value);
    struct slice initial = slice_of_string(or_none(setting->initial));
    bool is_same = slice_equal(initial, buffer_peek(&value));
    text_append(out, "default");
    if (!is_same) {
        text_append(out, " (%s)", setting->initial);
    }
    buffer_fini(&value);
}

/* Where a value came from. */
static void append_origin(enum config_key key, const struct config *config,
                          const char *path, struct buffer *out)
{
    const struct setting *setting = setting_get(key);
    switch (config->origins[key]) {
    case CONFIG_DEFAULT:
        append_default(setting, config, out);
        break;
    case CONFIG_FILE:
        text_append_shown(out, slice_of_string(path ? path : "file"));
        break;
    case CONFIG_ENVIRONMENT:
        text_append(out, "environment");
        break;
    case CONFIG_FLAG:
        text_append(out, "--%s", setting->flag);
        break;
    }
}

void config_help_effect(const struct config *config, const char *path,
                        struct buffer *out)
{
    for (enum config_key key = 0; key < CONFIG_KEY_COUNT; key++) {
        const struct setting *setting = setting_get(key);
        struct buffer value = {0};
        setting_print_value(setting, config, &value);
        struct slice shown = buffer_peek(&value);
        text_append(out, "  %-16s %-26.*s ", setting->key, (int)shown.len,
                    shown.data);
        append_origin(key, config, path, out);
        text_append(out, "\n");
        buffer_fini(&value);
    }
}

void config_help_readme(enum config_key key, struct buffer *out)
{
    const struct setting *setting = setting_get(key);
    text_append(out, "| `%s`", setting->key);
    if (*setting->other) {
        text_append(out, " (`%s`)", setting->other);
    }
    text_append(out, " | `--%s` | %s | ", setting->flag,
                or_none(setting->initial));
    setting_print_bounds(setting, out);
    text_append(out, " | %s | %s |", setting->is_reloadable ? "yes" : "no",
                setting->text);
}
