/* The command line is looked over first, for it may ask for a text or name
 * the file. Then the sources are applied from the weakest to the strongest,
 * each overwriting what the ones before it set; a mistake anywhere refuses
 * all, even where a stronger source would have covered it. */
#include "core/config.h"

#include "base/text.h"
#include "core/config_help.h"
#include "core/setting.h"

static const char default_path[] = "config.json";
static const char environment_prefix[] = "CACHESERVER_";

/* A configuration in the making. */
struct loader {
    const struct config_sources *sources;
    struct config config;
    struct buffer *text;
    const char *path; /* --config, or NULL */
    const char *path_read;
    bool is_check;

    enum config_origin origin; /* of what is being applied */
    const char *source;        /* how messages call it */
    const char *prefix;        /* what stands before a name there */
    /* How the source has called each setting; NULL: it has not. */
    const char *names[CONFIG_KEY_COUNT];
};

/* A value that some source gives to a setting. */
struct given {
    enum config_key key;
    const char *name; /* one of the setting's, without the prefix */
    struct setting_value value;
};

static void enter_source(struct loader *loader, enum config_origin origin,
                         const char *source, const char *prefix)
{
    loader->origin = origin;
    loader->source = source;
    loader->prefix = prefix;
    memset(loader->names, 0, sizeof loader->names);
}

/* Starts the one line that says what is wrong. */
static void blame(struct loader *loader)
{
    text_append(loader->text, "cacheserver: ");
    text_append_shown(loader->text, slice_of_string(loader->source));
    text_append(loader->text, ": ");
}

/* Says what is wrong: `what`, and how it is, if that is more. Answers
 * false. */
static bool refuse(struct loader *loader, struct slice what, const char *how)
{
    blame(loader);
    text_append_shown(loader->text, what);
    text_append(loader->text, "%s\n", how);
    return false;
}

/* Starts the line about `given`: its name as it is called there, its key if
 * that is another, its value. */
static void blame_value(struct loader *loader, const struct given *given)
{
    static const char *const quotes[] = {
        [SETTING_PLAIN] = "\"", [SETTING_STRING] = "\"", [SETTING_BARE] = ""};
    bool is_string = given->value.form == SETTING_STRING;
    const char *quote = quotes[given->value.form];
    blame(loader);
    text_append(loader->text, "%s%s", loader->prefix, given->name);
    if (loader->origin == CONFIG_FLAG) {
        text_append(loader->text, " (%s)", setting_get(given->key)->key);
    }
    text_append(loader->text, is_string ? " is the string %s" : " is %s",
                quote);
    text_append_shown(loader->text, given->value.text);
    text_append(loader->text, "%s", quote);
}

static bool refuse_value(struct loader *loader, const struct given *given)
{
    blame_value(loader, given);
    bool is_text = setting_is_text(setting_get(given->key));
    bool needs_quotes = given->value.form == SETTING_BARE && is_text;
    text_append(loader->text, ", must be %s", needs_quotes ? "a string: " : "");
    setting_print_rule(setting_get(given->key), loader->text);
    text_append(loader->text, "\n");
    return false;
}

/* `given` contradicts what its own source said before. */
static bool refuse_contradiction(struct loader *loader,
                                 const struct given *given)
{
    blame_value(loader, given);
    text_append(loader->text, ", but as %s%s it is ", loader->prefix,
                loader->names[given->key]);
    setting_print_value(setting_get(given->key), &loader->config, loader->text);
    text_append(loader->text, "; they are one setting\n");
    return false;
}

static bool apply(struct loader *loader, const struct given *given)
{
    const struct setting *setting = setting_get(given->key);
    struct config parsed = {0};
    if (!setting_parse(setting, &loader->sources->machine, &given->value,
                       &parsed)) {
        return refuse_value(loader, given);
    }
    if (loader->names[given->key] &&
        !setting_is_equal(setting, &parsed, &loader->config)) {
        return refuse_contradiction(loader, given);
    }
    setting_copy(setting, &loader->config, &parsed);
    loader->config.origins[given->key] = loader->origin;
    loader->names[given->key] = given->name;
    return true;
}

static bool apply_defaults(struct loader *loader)
{
    enter_source(loader, CONFIG_DEFAULT, "default", "");
    bool is_good = true;
    for (enum config_key key = 0; is_good && key < CONFIG_KEY_COUNT; key++) {
        const struct setting *setting = setting_get(key);
        struct given given = {
            .key = key,
            .name = setting->key,
            .value = {slice_of_string(setting->initial), SETTING_PLAIN}};
        is_good = apply(loader, &given);
    }
    return is_good;
}

static bool apply_pair(struct loader *loader, const struct config_pair *pair)
{
    struct given given = {.value = {pair->value, pair->is_string
                                                     ? SETTING_STRING
                                                     : SETTING_BARE}};
    given.key = setting_find_key(pair->key, &given.name);
    if (given.key == CONFIG_KEY_COUNT) {
        return refuse(loader, pair->key, " is no setting; --help lists them");
    }
    if (loader->names[given.key] == given.name) {
        return refuse(loader, pair->key, " is there twice");
    }
    return apply(loader, &given);
}

static enum status on_pair(void *arg, const struct config_pair *pair)
{
    return apply_pair(arg, pair) ? STATUS_OK : STATUS_INVALID_ARGUMENT;
}

/* The default file need not be there; one that was asked for must. */
static bool apply_file(struct loader *loader)
{
    const char *path = loader->path ? loader->path : default_path;
    enter_source(loader, CONFIG_FILE, path, "");
    struct buffer reason = {0};
    size_t said = buffer_len(loader->text);
    enum status status =
        loader->sources->read_file(path, on_pair, loader, &reason);
    loader->path_read = status == STATUS_NOT_FOUND ? NULL : path;
    bool is_good =
        status == STATUS_OK || (status == STATUS_NOT_FOUND && !loader->path);
    if (!is_good && buffer_len(loader->text) == said) {
        struct slice why = buffer_peek(&reason);
        bool has_why = status == STATUS_INVALID_ARGUMENT && why.len;
        refuse(loader, has_why ? why : slice_of_string(status_text(status)),
               "");
    }
    buffer_fini(&reason);
    return is_good;
}

/* Applies `entry`, NAME=VALUE, if it is meant for this program. */
static bool apply_variable(struct loader *loader, const char *entry)
{
    size_t prefix_len = sizeof environment_prefix - 1;
    const char *equals = strchr(entry, '=');
    if (!equals || strncmp(entry, environment_prefix, prefix_len) != 0) {
        return true;
    }
    struct slice name = slice_of(entry, (size_t)(equals - entry));
    struct given given = {
        .value = {slice_of_string(equals + 1), SETTING_PLAIN}};
    given.key = setting_find_key(slice_after(name, prefix_len), &given.name);
    if (given.key == CONFIG_KEY_COUNT) {
        return refuse(loader, name, " is no setting; --help lists them");
    }
    return apply(loader, &given);
}

static bool apply_environment(struct loader *loader)
{
    enter_source(loader, CONFIG_ENVIRONMENT, "environment", environment_prefix);
    bool is_good = true;
    char *const *entry = loader->sources->environment;
    while (is_good && *entry) {
        is_good = apply_variable(loader, *entry++);
    }
    return is_good;
}

/* A walk over the flags of a command line. */
struct walk {
    const struct config_sources *sources;
    int next; /* argument */
    struct slice name;
    const char *value; /* NULL: none was given */
};

static bool is_flag(const char *argument)
{
    return argument[0] == '-' && argument[1] == '-';
}

static bool is_switch(struct slice name)
{
    return slice_equal(name, SLICE_LITERAL("check-config")) ||
           slice_equal(name, SLICE_LITERAL("help")) ||
           slice_equal(name, SLICE_LITERAL("version"));
}

/* Steps to the next flag, whose value is behind its `=` or is the argument
 * that follows. False at the end, and at what is no flag. */
static bool walk_step(struct walk *walk)
{
    const struct config_sources *sources = walk->sources;
    if (walk->next >= sources->argc || !is_flag(sources->argv[walk->next])) {
        return false;
    }
    const char *name = sources->argv[walk->next++] + 2;
    walk->name = slice_of(name, strcspn(name, "="));
    walk->value = name[walk->name.len] ? name + walk->name.len + 1 : NULL;
    bool has_follower =
        walk->next < sources->argc && !is_flag(sources->argv[walk->next]);
    if (!walk->value && has_follower && !is_switch(walk->name)) {
        walk->value = sources->argv[walk->next++];
    }
    return true;
}

/* Whether the user asked for `flag` anywhere, however wrong the rest is. */
static bool is_asked(const struct config_sources *sources, const char *flag)
{
    bool is_asked = false;
    for (int i = 1; i < sources->argc; i++) {
        is_asked = is_asked || !strcmp(sources->argv[i], flag);
    }
    return is_asked;
}

/* Refuses the flag at hand, with its dashes. */
static bool refuse_flag(struct loader *loader, const struct walk *walk,
                        const char *how)
{
    struct slice name = walk->name;
    return refuse(loader, slice_of(name.data - 2, name.len + 2), how);
}

/* Takes in what is no setting, and what is none at all. */
static bool note_flag(struct loader *loader, const struct walk *walk)
{
    const char *spelling;
    if (is_switch(walk->name)) {
        loader->is_check = true;
        return !walk->value || refuse_flag(loader, walk, " takes no value");
    }
    bool is_path = slice_equal(walk->name, SLICE_LITERAL("config"));
    enum config_key key = setting_find_flag(walk->name, &spelling);
    if (!is_path && key == CONFIG_KEY_COUNT) {
        return refuse_flag(loader, walk, " is no flag; --help lists them");
    }
    bool is_optional = !is_path && setting_get(key)->type == SETTING_LEVEL;
    if (!walk->value && !is_optional) {
        return refuse_flag(loader, walk, " needs a value");
    }
    loader->path = is_path ? walk->value : loader->path;
    return true;
}

/* The first walk: what is asked for besides settings. */
static bool note_flags(struct loader *loader)
{
    enter_source(loader, CONFIG_FLAG, "command line", "--");
    struct walk walk = {.sources = loader->sources, .next = 1};
    bool is_good = true;
    while (is_good && walk_step(&walk)) {
        is_good = note_flag(loader, &walk);
    }
    if (is_good && walk.next < loader->sources->argc) {
        const char *argument = loader->sources->argv[walk.next];
        return refuse(loader, slice_of_string(argument),
                      " is no flag; --help lists them");
    }
    return is_good;
}

/* The second walk: the settings. */
static bool apply_flags(struct loader *loader)
{
    enter_source(loader, CONFIG_FLAG, "command line", "--");
    struct walk walk = {.sources = loader->sources, .next = 1};
    bool is_good = true;
    while (is_good && walk_step(&walk)) {
        const char *value = walk.value ? walk.value : "1";
        struct given given = {.value = {slice_of_string(value), SETTING_PLAIN}};
        given.key = setting_find_flag(walk.name, &given.name);
        is_good = given.key == CONFIG_KEY_COUNT || apply(loader, &given);
    }
    return is_good;
}

static bool load(struct loader *loader)
{
    return note_flags(loader) && apply_defaults(loader) && apply_file(loader) &&
           apply_environment(loader) && apply_flags(loader);
}

enum config_outcome config_load(const struct config_sources *sources,
                                struct config *config, struct buffer *text)
{
    if (is_asked(sources, "--help") || is_asked(sources, "-h")) {
        config_help_usage(text);
        return CONFIG_SAID;
    }
    if (is_asked(sources, "--version")) {
        config_help_version(text);
        return CONFIG_SAID;
    }
    struct loader loader = {.sources = sources, .text = text};
    if (!load(&loader)) {
        return CONFIG_FAILED;
    }
    *config = loader.config;
    if (loader.is_check) {
        text_append(text, "configuration ok\n");
        config_help_effect(config, loader.path_read, text);
        return CONFIG_SAID;
    }
    return CONFIG_READY;
}

/* Takes over one setting, or says that it takes a restart. */
static void reload_one(enum config_key key, const struct config *fresh,
                       struct config *config, struct buffer *text)
{
    const struct setting *setting = setting_get(key);
    if (setting_is_equal(setting, fresh, config)) {
        config->origins[key] = fresh->origins[key];
        return;
    }
    text_append(text, "%s ", setting->key);
    text_append(text, setting->is_reloadable ? "changes from " : "stays ");
    setting_print_value(setting, config, text);
    text_append(text, setting->is_reloadable
                          ? " to "
                          : " until a restart, which will make it ");
    setting_print_value(setting, fresh, text);
    text_append(text, "\n");
    if (setting->is_reloadable) {
        setting_copy(setting, config, fresh);
        config->origins[key] = fresh->origins[key];
    }
}

enum config_outcome config_reload(const struct config_sources *sources,
                                  struct config *config, struct buffer *text)
{
    struct loader loader = {.sources = sources, .text = text};
    if (!load(&loader)) {
        return CONFIG_FAILED;
    }
    for (enum config_key key = 0; key < CONFIG_KEY_COUNT; key++) {
        reload_one(key, &loader.config, config, text);
    }
    return CONFIG_READY;
}

void config_limits(const struct config *config, struct limits *limits)
{
    *limits = (struct limits){
        .frame_len_max = (size_t)config->max_frame,
        .list_len_max = (uint32_t)config->max_list,
        .batch_max = (uint32_t)config->max_batch,
        .inflight_max = (uint32_t)config->max_inflight,
        .output_len_max = (size_t)config->max_output,
        .partial_ms = config->partial_timeout_ms,
        .write_ms = config->write_timeout_ms,
        .idle_ms = config->idle_timeout_ms,
    };
}
