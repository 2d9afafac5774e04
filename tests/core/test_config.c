#include "core/config.h"

#include "base/text.h"
#include "core/config_help.h"
#include "core/setting.h"
#include "support/starve.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

enum { ITEMS_MAX = 16, TEXT_LEN_MAX = 2048 };

/* What the next load finds, and what came of it. The file's pairs are handed
 * out by read_pairs() below. */
struct world {
    const char *argv[ITEMS_MAX];
    const char *environment[ITEMS_MAX];
    struct config_pair pairs[ITEMS_MAX];
    size_t pair_count;
    bool has_file;
    struct config config;
    enum config_outcome outcome;
    struct buffer text;
};

static const struct world *world_now;
static const char *path_asked;

static enum status read_pairs(const char *path, config_pair_fn each, void *arg,
                              struct buffer *reason)
{
    (void)reason;
    path_asked = path;
    if (!world_now->has_file) {
        return STATUS_NOT_FOUND;
    }
    enum status status = STATUS_OK;
    for (size_t i = 0; !status && i < world_now->pair_count; i++) {
        status = each(arg, &world_now->pairs[i]);
    }
    return status;
}

static void say(struct world *world, const char *key, const char *value,
                bool is_string)
{
    world->has_file = true;
    world->pairs[world->pair_count++] = (struct config_pair){
        slice_of_string(key), slice_of_string(value), is_string};
}

static struct config_sources sources_of(struct world *world)
{
    int argc = 0;
    world->argv[0] = "cacheserver";
    while (world->argv[argc]) {
        argc++;
    }
    return (struct config_sources){
        .argc = argc,
        .argv = (char *const *)(const void *)world->argv,
        .environment = (char *const *)(const void *)world->environment,
        .read_file = read_pairs,
        .machine = {.processors = 6, .memory = 1000 * 1024 * 1024},
    };
}

static enum config_outcome load(struct world *world)
{
    struct config_sources sources = sources_of(world);
    world_now = world;
    path_asked = NULL;
    buffer_clear(&world->text);
    world->outcome = config_load(&sources, &world->config, &world->text);
    return world->outcome;
}

static enum config_outcome reload(struct world *world)
{
    struct config_sources sources = sources_of(world);
    world_now = world;
    buffer_clear(&world->text);
    world->outcome = config_reload(&sources, &world->config, &world->text);
    return world->outcome;
}

static bool has(struct slice whole, const char *part)
{
    return *part == '\0' ||
           (whole.len && memmem(whole.data, whole.len, part, strlen(part)));
}

/* Whether the text holds `part`; if not, prints both. */
static bool expect_said(const struct world *world, const char *part)
{
    struct slice said = buffer_peek(&world->text);
    if (!has(said, part)) {
        EXPECT_TEXT(said, part);
        return false;
    }
    return EXPECT(true);
}

/* Whether the load failed with one line from the program. */
static void expect_one_line(const struct world *world)
{
    struct slice said = buffer_peek(&world->text);
    EXPECT_INT(world->outcome, CONFIG_FAILED);
    EXPECT(slice_starts_with(said, SLICE_LITERAL("cacheserver: ")));
    REQUIRE(said.len > 0);
    EXPECT(memchr(said.data, '\n', said.len) == said.data + said.len - 1);
}

static void expect_refused(struct world *world, const char *part)
{
    load(world);
    expect_one_line(world);
    expect_said(world, part);
    buffer_fini(&world->text);
}

/* How the value of `setting` prints. */
static const char *value_of(const struct setting *setting,
                            const struct config *config)
{
    static char text[TEXT_LEN_MAX];
    struct buffer value = {0};
    setting_print_value(setting, config, &value);
    struct slice bytes = buffer_peek(&value);
    snprintf(text, sizeof text, "%.*s", (int)bytes.len, bytes.data);
    buffer_fini(&value);
    return text;
}

/* A value for `setting` that is allowed and not the default, as
 * setting_print_value() spells it. */
static const char *other_value(const struct setting *setting)
{
    switch (setting->type) {
    case SETTING_TEXT:
        return "/tmp/other";
    case SETTING_PREFIX:
        return "/other/path";
    case SETTING_HOSTS:
        return "0.0.0.0,::1";
    case SETTING_NUMBER:
    case SETTING_AUTO:
    case SETTING_SIZE:
    case SETTING_MEMORY:
    case SETTING_SECONDS:
    case SETTING_LEVEL:
        break;
    }
    return strcmp(setting->initial, setting->max) == 0 ? setting->min
                                                       : setting->max;
}

/* Values that are out of bounds: too much in `many`, too little answered,
 * NULL when nothing is too little. */
static const char *bad_values(const struct setting *setting,
                              char many[TEXT_LEN_MAX])
{
    if (setting->type == SETTING_HOSTS) {
        snprintf(many, TEXT_LEN_MAX, "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a");
        return "";
    }
    if (setting_is_text(setting)) {
        size_t max = (size_t)atoi(setting->max);
        memset(many, 'a', max + 1);
        many[0] = '/';
        many[max + 1] = '\0';
        return NULL;
    }
    snprintf(many, TEXT_LEN_MAX, "1%s", setting->max);
    return strcmp(setting->min, "0") == 0 ? NULL : "0";
}

static bool is_bare(const struct setting *setting)
{
    return !setting_is_text(setting) && setting->type != SETTING_SIZE &&
           setting->type != SETTING_MEMORY;
}

/* Calls `check` for every setting. */
static void for_each(void (*check)(const struct setting *setting,
                                   enum config_key key))
{
    for (enum config_key key = 0; key < CONFIG_KEY_COUNT; key++) {
        check(setting_get(key), key);
    }
}

static void check_default(const struct setting *setting, enum config_key key)
{
    struct world world = {.outcome = CONFIG_FAILED};
    EXPECT_INT(load(&world), CONFIG_READY);
    EXPECT_INT(world.config.origins[key], CONFIG_DEFAULT);
    bool is_computed =
        setting->type == SETTING_AUTO || setting->type == SETTING_MEMORY;
    if (!is_computed) {
        const char *initial = *setting->initial ? setting->initial : "none";
        EXPECT_TEXT(slice_of_string(value_of(setting, &world.config)), initial);
    }
    buffer_fini(&world.text);
}

static void without_any_source_all_defaults_hold(void)
{
    for_each(check_default);
}

static void what_depends_on_the_machine_is_computed(void)
{
    struct world world = {.has_file = false};
    EXPECT_INT(load(&world), CONFIG_READY);
    EXPECT_INT(world.config.workers, 6);
    EXPECT_INT(world.config.memory_limit, 750 * 1024 * 1024);
    buffer_fini(&world.text);
}

static void more_processors_than_allowed_are_no_mistake(void)
{
    struct world world = {.has_file = false};
    struct config_sources sources = sources_of(&world);
    sources.machine.processors = 1000;
    world_now = &world;
    EXPECT_INT(config_load(&sources, &world.config, &world.text), CONFIG_READY);
    EXPECT_INT(world.config.workers, 256);
    buffer_fini(&world.text);
}

static void expect_set(struct world *world, const struct setting *setting,
                       enum config_key key, enum config_origin origin)
{
    if (load(world) != CONFIG_READY) {
        EXPECT_TEXT(buffer_peek(&world->text), "accepted");
    }
    EXPECT_INT(world->config.origins[key], origin);
    EXPECT_TEXT(slice_of_string(value_of(setting, &world->config)),
                other_value(setting));
    buffer_fini(&world->text);
}

static void check_flag(const struct setting *setting, enum config_key key)
{
    char flag[128];
    struct world apart = {.argv = {"", flag, other_value(setting)}};
    snprintf(flag, sizeof flag, "--%s", setting->flag);
    expect_set(&apart, setting, key, CONFIG_FLAG);
    struct world joined = {.argv = {"", flag}};
    snprintf(flag, sizeof flag, "--%s=%s", setting->flag, other_value(setting));
    expect_set(&joined, setting, key, CONFIG_FLAG);
}

static void every_setting_has_a_flag(void)
{
    for_each(check_flag);
}

static void check_variable(const struct setting *setting, enum config_key key)
{
    char variable[128];
    struct world world = {.environment = {"PATH=/bin", variable}};
    snprintf(variable, sizeof variable, "CACHESERVER_%s=%s", setting->key,
             other_value(setting));
    expect_set(&world, setting, key, CONFIG_ENVIRONMENT);
    if (*setting->other) {
        snprintf(variable, sizeof variable, "CACHESERVER_%s=%s", setting->other,
                 other_value(setting));
        expect_set(&world, setting, key, CONFIG_ENVIRONMENT);
    }
}

static void every_setting_has_a_variable(void)
{
    for_each(check_variable);
}

static void check_pair(const struct setting *setting, enum config_key key)
{
    struct world world = {.has_file = true};
    say(&world, setting->key, other_value(setting), !is_bare(setting));
    expect_set(&world, setting, key, CONFIG_FILE);
    if (*setting->other) {
        struct world old = {.has_file = true};
        say(&old, setting->other, other_value(setting), !is_bare(setting));
        expect_set(&old, setting, key, CONFIG_FILE);
    }
}

static void every_setting_may_be_in_the_file(void)
{
    for_each(check_pair);
}

/* Whether the refusal of `value` names what is wrong. */
static void expect_bounds_named(const struct world *world,
                                const struct setting *setting,
                                const char *value, const char *source)
{
    struct buffer rule = {0};
    struct buffer shown = {0};
    setting_print_rule(setting, &rule);
    text_append(&rule, "%c", '\0');
    text_append_shown(&shown, slice_of_string(value));
    text_append(&shown, "%c", '\0');
    expect_one_line(world);
    expect_said(world, source);
    expect_said(world, setting->key);
    expect_said(world, setting->min);
    expect_said(world, setting->max);
    expect_said(world, buffer_peek(&rule).data);
    expect_said(world, buffer_peek(&shown).data);
    buffer_fini(&rule);
    buffer_fini(&shown);
}

static void expect_value_refused(const struct setting *setting,
                                 const char *value)
{
    char entry[TEXT_LEN_MAX + 64];
    struct world flag = {.argv = {"", entry}};
    snprintf(entry, sizeof entry, "--%s=%s", setting->flag, value);
    load(&flag);
    expect_bounds_named(&flag, setting, value, "command line");
    buffer_fini(&flag.text);

    struct world variable = {.environment = {entry}};
    snprintf(entry, sizeof entry, "CACHESERVER_%s=%s", setting->key, value);
    load(&variable);
    expect_bounds_named(&variable, setting, value, "environment");
    buffer_fini(&variable.text);

    struct world file = {.has_file = true};
    say(&file, setting->key, value, !is_bare(setting));
    load(&file);
    expect_bounds_named(&file, setting, value, "config.json");
    buffer_fini(&file.text);
}

static void check_bounds(const struct setting *setting, enum config_key key)
{
    (void)key;
    char many[TEXT_LEN_MAX];
    const char *few = bad_values(setting, many);
    expect_value_refused(setting, many);
    if (few) {
        expect_value_refused(setting, few);
    }
}

static void a_value_out_of_bounds_is_refused_by_name(void)
{
    for_each(check_bounds);
}

static void check_ends(const struct setting *setting, enum config_key key)
{
    (void)key;
    static const struct machine machine;
    struct config config = {0};
    struct setting_value min = {slice_of_string(setting->min), SETTING_PLAIN};
    struct setting_value max = {slice_of_string(setting->max), SETTING_PLAIN};
    bool is_text = setting_is_text(setting);
    EXPECT(is_text || setting_parse(setting, &machine, &min, &config));
    EXPECT(is_text || setting_parse(setting, &machine, &max, &config));
    EXPECT(!is_text || setting->type == SETTING_HOSTS ||
           (size_t)atoi(setting->max) < setting->size);
}

static void the_bounds_themselves_are_allowed(void)
{
    for_each(check_ends);
}

static void check_wrong_form(const struct setting *setting, enum config_key key)
{
    (void)key;
    struct world world = {.has_file = true};
    bool is_text = setting_is_text(setting);
    bool takes_both =
        setting->type == SETTING_SIZE || setting->type == SETTING_MEMORY;
    say(&world, setting->key, takes_both ? "true" : other_value(setting),
        !is_text);
    load(&world);
    expect_one_line(&world);
    expect_said(&world, setting->key);
    expect_said(&world, is_text ? "must be a string" : "is the string");
    buffer_fini(&world.text);
}

static void numbers_in_quotes_and_texts_without_are_refused(void)
{
    for_each(check_wrong_form);
}

static void a_flag_wins_over_the_environment_and_that_over_the_file(void)
{
    struct world world = {
        .argv = {"", "--port", "1"},
        .environment = {"CACHESERVER_SERVER_PORT=2", "CACHESERVER_WORKERS=2"}};
    say(&world, "SERVER_PORT", "3", false);
    say(&world, "WORKERS", "3", false);
    say(&world, "BACKLOG", "3", false);
    EXPECT_INT(load(&world), CONFIG_READY);
    EXPECT_INT(world.config.server_port, 1);
    EXPECT_INT(world.config.workers, 2);
    EXPECT_INT(world.config.backlog, 3);
    buffer_fini(&world.text);
}

static void a_mistake_counts_even_where_a_flag_would_win(void)
{
    struct world world = {.argv = {"", "--port", "1"}};
    say(&world, "SERVER_PORT", "70000", false);
    expect_refused(&world, "SERVER_PORT is 70000");
}

static void both_spellings_may_agree(void)
{
    struct world world = {.environment = {"CACHESERVER_WORKERS=5",
                                          "CACHESERVER_CACHE_WORKERS=5"}};
    say(&world, "SERVER_PORT", "7", false);
    say(&world, "CACHE_SERVER_PORT", "7", false);
    say(&world, "VERBOSE", "1", false);
    say(&world, "CACHE_VERBOSE", "true", false);
    EXPECT_INT(load(&world), CONFIG_READY);
    EXPECT_INT(world.config.server_port, 7);
    EXPECT_INT(world.config.workers, 5);
    EXPECT_INT(world.config.verbose, 1);
    buffer_fini(&world.text);
}

static void two_spellings_that_disagree_are_refused(void)
{
    struct world file = {.has_file = true};
    say(&file, "SERVER_PORT", "7", false);
    say(&file, "CACHE_SERVER_PORT", "8", false);
    expect_refused(&file, "CACHE_SERVER_PORT is 8, but as SERVER_PORT it is 7");
    struct world variables = {.environment = {"CACHESERVER_CACHE_WORKERS=5",
                                              "CACHESERVER_WORKERS=6"}};
    expect_refused(&variables, "but as CACHESERVER_CACHE_WORKERS it is 5");
    struct world flags = {.argv = {"", "--port", "1", "--port=2"}};
    expect_refused(&flags, "--port (SERVER_PORT) is \"2\"");
}

static void sources_may_disagree(void)
{
    struct world world = {.environment = {"CACHESERVER_CACHE_WORKERS=5"}};
    say(&world, "WORKERS", "6", false);
    EXPECT_INT(load(&world), CONFIG_READY);
    EXPECT_INT(world.config.workers, 5);
    buffer_fini(&world.text);
}

static void a_key_twice_in_the_file_is_refused(void)
{
    struct world world = {.has_file = true};
    say(&world, "WORKERS", "6", false);
    say(&world, "WORKERS", "6", false);
    expect_refused(&world, "config.json: WORKERS is there twice");
}

static void what_is_no_setting_is_refused(void)
{
    struct world file = {.has_file = true};
    say(&file, "WORKER", "6", false);
    expect_refused(&file, "config.json: WORKER is no setting");
    struct world empty = {.has_file = true};
    say(&empty, "", "6", false);
    expect_refused(&empty, "config.json:  is no setting");
    struct world variable = {.environment = {"CACHESERVER_WORKER=6"}};
    expect_refused(&variable, "CACHESERVER_WORKER is no setting");
    struct world flag = {.argv = {"", "--worker=6"}};
    expect_refused(&flag, "--worker is no flag");
    struct world word = {.argv = {"", "--workers", "6", "start"}};
    expect_refused(&word, "start is no flag");
    struct world single = {.argv = {"", "-v"}};
    expect_refused(&single, "-v is no flag");
}

static void a_flag_without_its_value_is_refused(void)
{
    struct world last = {.argv = {"", "--port"}};
    expect_refused(&last, "--port needs a value");
    struct world middle = {.argv = {"", "--config", "--port", "1"}};
    expect_refused(&middle, "--config needs a value");
    struct world too_much = {.argv = {"", "--check-config=yes"}};
    expect_refused(&too_much, "--check-config takes no value");
}

static void messages_stay_on_one_line(void)
{
    struct world world = {.argv = {"", "--port", "1\n2"}};
    expect_refused(&world, "is \"1?2\"");
    struct world key = {.has_file = true};
    say(&key, "A\nB", "6", false);
    expect_refused(&key, "A?B is no setting");
}

static void verbose_alone_is_one(void)
{
    struct world world = {.argv = {"", "--verbose", "--port", "1"}};
    EXPECT_INT(load(&world), CONFIG_READY);
    EXPECT_INT(world.config.verbose, 1);
    buffer_fini(&world.text);
    struct world last = {.argv = {"", "--verbose"}};
    EXPECT_INT(load(&last), CONFIG_READY);
    EXPECT_INT(last.config.verbose, 1);
    last.argv[2] = "2";
    EXPECT_INT(load(&last), CONFIG_READY);
    EXPECT_INT(last.config.verbose, 2);
    last.argv[2] = "false";
    EXPECT_INT(load(&last), CONFIG_READY);
    EXPECT_INT(last.config.verbose, 0);
    buffer_fini(&last.text);
}

static void workers_may_be_auto_again(void)
{
    struct world world = {.argv = {"", "--workers", "auto"}};
    say(&world, "WORKERS", "auto", true);
    EXPECT_INT(load(&world), CONFIG_READY);
    EXPECT_INT(world.config.workers, 6);
    buffer_fini(&world.text);
}

static void memory_may_be_a_share(void)
{
    struct world world = {.argv = {"", "--memory-limit", "50%"}};
    EXPECT_INT(load(&world), CONFIG_READY);
    EXPECT_INT(world.config.memory_limit, 500 * 1024 * 1024);
    buffer_fini(&world.text);
    static const char *const bad[] = {"0%", "101%", "%", "5.5%", "-1%", "5%%"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct world refused = {.argv = {"", "--memory-limit", bad[i]}};
        expect_refused(&refused, "MEMORY_LIMIT");
    }
}

static void prefixes_are_clean_paths(void)
{
    static const char *const good[] = {"", "/a", "/a/b", "/a-b_c.~1"};
    static const char *const bad[] = {"/",     "a",    "/a/",  "//a",
                                      "/a//b", "/a b", "/a?b", "/a%20"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct world world = {.argv = {"", "--api-path", good[i]}};
        EXPECT_INT(load(&world), CONFIG_READY);
        EXPECT_TEXT(slice_of_string(world.config.api_path), good[i]);
        buffer_fini(&world.text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct world world = {.argv = {"", "--api-path", bad[i]}};
        expect_refused(&world, "API_PATH");
    }
}

static void texts_hold_no_control_characters(void)
{
    struct world world = {.argv = {"", "--api-cors", "*\r\nX: y"}};
    expect_refused(&world, "without control characters");
}

static void the_file_is_config_json_unless_named(void)
{
    struct world world = {.has_file = false};
    EXPECT_INT(load(&world), CONFIG_READY);
    EXPECT_TEXT(slice_of_string(path_asked), "config.json");
    buffer_fini(&world.text);
    struct world named = {.argv = {"", "--config", "other.json"}};
    say(&named, "WORKERS", "3", false);
    EXPECT_INT(load(&named), CONFIG_READY);
    EXPECT_TEXT(slice_of_string(path_asked), "other.json");
    EXPECT_INT(named.config.workers, 3);
    buffer_fini(&named.text);
}

static void a_named_file_must_be_there(void)
{
    struct world world = {.argv = {"", "--config=other.json"}};
    expect_refused(&world, "cacheserver: other.json: not found\n");
}

static enum status read_badly(const char *path, config_pair_fn each, void *arg,
                              struct buffer *reason)
{
    (void)path;
    (void)each;
    (void)arg;
    text_append(reason, "line 3: no");
    return STATUS_INVALID_ARGUMENT;
}

static void a_bad_file_is_refused_with_its_reason(void)
{
    struct world world = {.has_file = true};
    struct config_sources sources = sources_of(&world);
    sources.read_file = read_badly;
    EXPECT_INT(config_load(&sources, &world.config, &world.text),
               CONFIG_FAILED);
    EXPECT_TEXT(buffer_peek(&world.text),
                "cacheserver: config.json: line 3: no\n");
    buffer_fini(&world.text);
}

static void check_help_row(const struct setting *setting, enum config_key key)
{
    (void)key;
    struct world world = {.argv = {"", "--help"}};
    char flag[128];
    EXPECT_INT(load(&world), CONFIG_SAID);
    snprintf(flag, sizeof flag, "--%s %s", setting->flag, setting->argument);
    expect_said(&world, flag);
    expect_said(&world, setting->key);
    expect_said(&world, setting->other);
    expect_said(&world, setting->text);
    expect_said(&world, setting->initial);
    expect_said(&world, setting->min);
    expect_said(&world, setting->max);
    buffer_fini(&world.text);
}

static void help_tells_every_setting(void)
{
    for_each(check_help_row);
}

static void help_fits_ninety_columns(void)
{
    struct world world = {.argv = {"", "-h", "--nonsense"}};
    EXPECT_INT(load(&world), CONFIG_SAID);
    struct slice rest = buffer_peek(&world.text);
    while (rest.len) {
        const char *end = memchr(rest.data, '\n', rest.len);
        REQUIRE(end);
        EXPECT(end - rest.data <= 90);
        rest = slice_after(rest, (size_t)(end - rest.data) + 1);
    }
    buffer_fini(&world.text);
}

static void the_version_is_a_line(void)
{
    struct world world = {.argv = {"", "--version"}};
    EXPECT_INT(load(&world), CONFIG_SAID);
    EXPECT_TEXT(buffer_peek(&world.text),
                "cacheserver " CACHESERVER_VERSION "\n");
    buffer_fini(&world.text);
}

static void a_check_tells_what_is_in_effect_and_why(void)
{
    struct world world = {.argv = {"", "--check-config", "--port", "1"},
                          .environment = {"CACHESERVER_WORKERS=2"}};
    say(&world, "BACKLOG", "3", false);
    EXPECT_INT(load(&world), CONFIG_SAID);
    EXPECT(slice_starts_with(buffer_peek(&world.text),
                             SLICE_LITERAL("configuration ok\n")));
    expect_said(&world, "\n  SERVER_PORT      1        ");
    expect_said(&world, " --port\n");
    expect_said(&world, "\n  WORKERS          2        ");
    expect_said(&world, " environment\n");
    expect_said(&world, "\n  BACKLOG          3        ");
    expect_said(&world, " config.json\n");
    expect_said(&world, "\n  MEMORY_LIMIT     750M ");
    expect_said(&world, " default (75%)\n");
    buffer_fini(&world.text);
}

static void a_check_of_a_bad_configuration_fails(void)
{
    struct world world = {.argv = {"", "--check-config", "--port", "-1"}};
    expect_refused(&world, "is \"-1\"");
}

static void check_reload(const struct setting *setting, enum config_key key)
{
    struct world world = {.has_file = true};
    EXPECT_INT(load(&world), CONFIG_READY);
    char before[TEXT_LEN_MAX];
    snprintf(before, sizeof before, "%s", value_of(setting, &world.config));
    say(&world, setting->key, other_value(setting), !is_bare(setting));
    EXPECT_INT(reload(&world), CONFIG_READY);
    expect_said(&world, setting->key);
    expect_said(&world, before);
    expect_said(&world, other_value(setting));
    expect_said(&world, setting->is_reloadable ? "changes" : "restart");
    EXPECT_TEXT(slice_of_string(value_of(setting, &world.config)),
                setting->is_reloadable ? other_value(setting) : before);
    EXPECT_INT(world.config.origins[key],
               setting->is_reloadable ? CONFIG_FILE : CONFIG_DEFAULT);
    buffer_fini(&world.text);
}

static void a_reload_changes_what_it_may_and_tells_the_rest(void)
{
    for_each(check_reload);
}

static void a_reload_without_news_says_nothing(void)
{
    struct world world = {.has_file = true};
    say(&world, "BACKLOG", "3", false);
    EXPECT_INT(load(&world), CONFIG_READY);
    EXPECT_INT(reload(&world), CONFIG_READY);
    EXPECT_INT(buffer_len(&world.text), 0);
    buffer_fini(&world.text);
}

static void a_bad_reload_changes_nothing(void)
{
    struct world world = {.has_file = true};
    EXPECT_INT(load(&world), CONFIG_READY);
    struct config before = world.config;
    say(&world, "VERBOSE", "2", false);
    say(&world, "MAX_LIST", "0", false);
    EXPECT_INT(reload(&world), CONFIG_FAILED);
    expect_one_line(&world);
    expect_said(&world, "MAX_LIST is 0");
    for (enum config_key key = 0; key < CONFIG_KEY_COUNT; key++) {
        EXPECT(setting_is_equal(setting_get(key), &before, &world.config));
        EXPECT_INT(world.config.origins[key], before.origins[key]);
    }
    buffer_fini(&world.text);
}

static void limits_are_taken_from_the_settings(void)
{
    struct world world = {.argv = {"", "--max-frame=1M", "--max-list=2",
                                   "--max-inflight=3", "--max-output=64K",
                                   "--partial-timeout=1.5", "--write-timeout=2",
                                   "--idle-timeout=3"}};
    struct limits limits;
    EXPECT_INT(load(&world), CONFIG_READY);
    config_limits(&world.config, &limits);
    EXPECT_INT(limits.frame_len_max, 1024 * 1024);
    EXPECT_INT(limits.list_len_max, 2);
    EXPECT_INT(limits.inflight_max, 3);
    EXPECT_INT(limits.output_len_max, 64 * 1024);
    EXPECT_INT(limits.partial_ms, 1500);
    EXPECT_INT(limits.write_ms, 2000);
    EXPECT_INT(limits.idle_ms, 3000);
    buffer_fini(&world.text);
}

/* The text of README.md, *given*. */
static void read_readme(struct buffer *text)
{
    FILE *file = fopen(SOURCE_DIR "/README.md", "r");
    REQUIRE(file);
    char piece[4096];
    size_t len;
    while ((len = fread(piece, 1, sizeof piece, file)) > 0) {
        buffer_append(text, slice_of(piece, len));
    }
    fclose(file);
}

static struct buffer readme;

static void check_readme_row(const struct setting *setting, enum config_key key)
{
    (void)setting;
    struct buffer row = {0};
    config_help_readme(key, &row);
    text_append(&row, "\n%c", '\0');
    if (!has(buffer_peek(&readme), buffer_peek(&row).data)) {
        EXPECT_TEXT(buffer_peek(&row), "a row of README.md");
    }
    buffer_fini(&row);
}

static void the_readme_tells_every_setting(void)
{
    read_readme(&readme);
    for_each(check_readme_row);
    buffer_fini(&readme);
}

static void attempt_load(void *arg)
{
    struct world *world = arg;
    enum config_outcome must = world->argv[1] ? CONFIG_SAID : CONFIG_READY;
    EXPECT_INT(load(world), must);
    EXPECT_INT(world->config.backlog, 3);
    buffer_fini(&world->text);
}

static void without_memory_only_words_are_missing(void)
{
    struct world plain = {.has_file = true};
    say(&plain, "BACKLOG", "3", false);
    EXPECT(starve(attempt_load, &plain) >= 1);
    struct world check = {.argv = {"", "--check-config"}};
    say(&check, "BACKLOG", "3", false);
    EXPECT(starve(attempt_load, &check) >= 2);
}

static const struct test_case cases[] = {
    TEST(without_any_source_all_defaults_hold),
    TEST(what_depends_on_the_machine_is_computed),
    TEST(more_processors_than_allowed_are_no_mistake),
    TEST(every_setting_has_a_flag),
    TEST(every_setting_has_a_variable),
    TEST(every_setting_may_be_in_the_file),
    TEST(a_value_out_of_bounds_is_refused_by_name),
    TEST(the_bounds_themselves_are_allowed),
    TEST(numbers_in_quotes_and_texts_without_are_refused),
    TEST(a_flag_wins_over_the_environment_and_that_over_the_file),
    TEST(a_mistake_counts_even_where_a_flag_would_win),
    TEST(both_spellings_may_agree),
    TEST(two_spellings_that_disagree_are_refused),
    TEST(sources_may_disagree),
    TEST(a_key_twice_in_the_file_is_refused),
    TEST(what_is_no_setting_is_refused),
    TEST(a_flag_without_its_value_is_refused),
    TEST(messages_stay_on_one_line),
    TEST(verbose_alone_is_one),
    TEST(workers_may_be_auto_again),
    TEST(memory_may_be_a_share),
    TEST(prefixes_are_clean_paths),
    TEST(texts_hold_no_control_characters),
    TEST(the_file_is_config_json_unless_named),
    TEST(a_named_file_must_be_there),
    TEST(a_bad_file_is_refused_with_its_reason),
    TEST(help_tells_every_setting),
    TEST(help_fits_ninety_columns),
    TEST(the_version_is_a_line),
    TEST(a_check_tells_what_is_in_effect_and_why),
    TEST(a_check_of_a_bad_configuration_fails),
    TEST(a_reload_changes_what_it_may_and_tells_the_rest),
    TEST(a_reload_without_news_says_nothing),
    TEST(a_bad_reload_changes_nothing),
    TEST(limits_are_taken_from_the_settings),
    TEST(the_readme_tells_every_setting),
    TEST(without_memory_only_words_are_missing),
};

SUITE(core_config, cases);
