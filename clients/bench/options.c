#include "clients/bench/options.h"

#include "base/check.h"
#include "base/text.h"
#include "clients/bench/option.h"
#include "clients/bench/workload.h"

/* Which flags were there, of those whose absence means something. */
struct given {
    bool seconds;
    bool requests;
};

/* Splits `--flag=value`; `value` is NULL when there is no `=`. */
static struct slice split_argument(const char *argument, const char **value)
{
    if (strncmp(argument, "--", 2) != 0) {
        *value = NULL;
        return (struct slice){0};
    }
    const char *flag = argument + 2;
    const char *equals = strchr(flag, '=');
    *value = equals ? equals + 1 : NULL;
    return equals ? slice_of(flag, (size_t)(equals - flag))
                  : slice_of_string(flag);
}

/* Sees to it that `*value`, which may be the next argument, is there if and
 * only if the option has one; otherwise it is empty. */
static bool find_value(const struct option *option, const char **value,
                       char **argv, int *at, struct buffer *why)
{
    bool is_switch = option->type == OPTION_SWITCH;
    if (is_switch && *value) {
        text_append(why, "--%s takes no value", option->flag);
        return false;
    }
    if (!is_switch && !*value && !argv[*at]) {
        text_append(why, "--%s needs a value", option->flag);
        return false;
    }
    if (!*value) {
        *value = is_switch ? "" : argv[(*at)++];
    }
    return true;
}

/* Follows the argument at `*at`, and moves on to the next. */
static bool take_argument(struct options *options, char **argv, int *at,
                          struct given *given, struct buffer *why)
{
    const char *value;
    const char *argument = argv[(*at)++];
    const struct option *option = option_find(split_argument(argument, &value));
    if (!option) {
        text_append(why, "there is no flag ");
        text_append_shown(why, slice_of_string(argument));
        text_append(why, "; --help lists what there is");
        return false;
    }
    if (!find_value(option, &value, argv, at, why)) {
        return false;
    }
    given->seconds |= !strcmp(option->flag, "seconds");
    given->requests |= !strcmp(option->flag, "requests");
    if (!option_set(option, options, value)) {
        text_append(why, "--%s ", option->flag);
        text_append_shown(why, slice_of_string(value));
        text_append(why, ": it must be ");
        option_print_rule(option, why);
        return false;
    }
    return true;
}

/* Whether `text` can stand unescaped in every protocol, or would if it had
 * no blanks. */
static bool is_plain(const char *text, bool may_have_blanks)
{
    for (; *text; text++) {
        bool is_blank = *text == ' ';
        if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\' ||
            (is_blank && !may_have_blanks)) {
            return false;
        }
    }
    return true;
}

static bool check_key(const struct options *options, struct buffer *why)
{
    size_t digits = workload_digits(options->keys);
    size_t prefix_len = strlen(options->key_prefix);
    if (prefix_len + digits > options->key_len) {
        text_append(why,
                    "--key-length %llu is too short for the prefix \"%s\" and "
                    "%zu digits",
                    (unsigned long long)options->key_len, options->key_prefix,
                    digits);
        return false;
    }
    return true;
}

static bool is_standard_output(const char *path)
{
    return !strcmp(path, "-");
}

static bool check_texts(const struct options *options, struct buffer *why)
{
    if (is_plain(options->key_prefix, false) &&
        is_plain(options->bank, false) && is_plain(options->label, true) &&
        strlen(options->bank) <= PROTOCOL_BANK_MAX) {
        return true;
    }
    text_append(why,
                "--key-prefix, --bank and --label must be ASCII without \" and "
                "\\, the first two without blanks, a bank at most %d bytes",
                PROTOCOL_BANK_MAX);
    return false;
}

/* What one flag asks of another. */
static bool check_together(const struct options *options, struct buffer *why)
{
    const char *fault = NULL;
    int on_output = is_standard_output(options->json) +
                    is_standard_output(options->csv) +
                    is_standard_output(options->plot);
    if (options->connections < options->threads) {
        fault = "--threads must not be more than --connections";
    } else if (options->is_memory && options->server_pid == 0) {
        fault = "--memory needs --server-pid";
    } else if (options->is_loaded + options->is_load_only + options->is_memory >
               1) {
        fault = "of --no-load, --load-only and --memory only one can be given";
    } else if (options->duration_ms == 0 && options->requests == 0) {
        fault = "--seconds and --requests must not both be 0";
    } else if (on_output > 1) {
        fault = "of --json, --csv and --plot only one can go to the standard "
                "output";
    } else if (options->protocol == &protocol_floor &&
               options->floor_request_len <= options->key_len) {
        fault = "--floor-request must be longer than --key-length";
    }
    if (fault) {
        text_append(why, "%s", fault);
    }
    return !fault;
}

static void set_defaults(struct options *options)
{
    const struct option *option;
    *options = (struct options){0};
    for (size_t i = 0; (option = option_row(i)); i++) {
        if (option->type != OPTION_HEADING && option->type != OPTION_SWITCH) {
            CHECK(option_set(option, options, option->initial));
        }
    }
}

/* What one flag, or its absence, says about another. */
static void conclude(struct options *options, const struct given *given)
{
    if (given->requests && !given->seconds) {
        options->duration_ms = 0;
    }
    if (!*options->label) {
        options->label = options->protocol->name;
    }
    if (options->port == 0) {
        options->port = options->protocol->port;
    }
}

bool options_parse(struct options *options, int argc, char **argv,
                   struct buffer *why)
{
    struct given given = {0};
    set_defaults(options);
    for (int at = 1; at < argc;) {
        if (!take_argument(options, argv, &at, &given, why)) {
            return false;
        }
    }
    conclude(options, &given);
    return options->wants_help || options->wants_version ||
           (check_texts(options, why) && check_key(options, why) &&
            check_together(options, why));
}

size_t options_depth_max(const struct options *options)
{
    size_t most = (size_t)options->load_depth;
    for (size_t i = 0; i < options->depths.count; i++) {
        size_t depth = options->depths.values[i];
        most = depth > most ? depth : most;
    }
    return most;
}
