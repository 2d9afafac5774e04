#include "core/request.h"

#include "base/json_scan.h"
#include "base/status.h"
#include "base/utf8.h"
#include "core/limits.h"
#include "core/response.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

void request_init(struct request *request)
{
    *request = (struct request){.op = OP_NONE};
}

void request_reset(struct request *request)
{
    if (request->is_brief) {
        memset(request, 0, offsetof(struct request, increment));
    } else {
        request_init(request);
    }
}

static bool refuse(struct response *response, const char *field,
                   const char *what)
{
    response_fail(response, STATUS_INVALID_ARGUMENT, "%s %s", field, what);
    return false;
}

/* A bank's name in the field `field`. */
static bool check_name(struct slice name, const char *field,
                       struct response *response)
{
    if (name.len > BANK_LEN_MAX) {
        response_fail(response, STATUS_INVALID_ARGUMENT,
                      "%s has %zu bytes, at most %d are allowed", field,
                      name.len, BANK_LEN_MAX);
        return false;
    }
    if (utf8_is_plain(name)) {
        return true;
    }
    if (name.len && memchr(name.data, '\0', name.len)) {
        return refuse(response, field, "must not contain NUL");
    }
    if (!utf8_is_valid(name)) {
        return refuse(response, field, "must be valid UTF-8");
    }
    return true;
}

static bool check_other(const struct request *request,
                        struct response *response)
{
    const char *field = request->op == OP_BANK_RENAME ? "to" : "other";
    return check_name(request->other, field, response);
}

static bool check_key(struct slice key, struct response *response)
{
    if (key.len > KEY_LEN_MAX) {
        response_fail(response, STATUS_INVALID_ARGUMENT,
                      "key has %zu bytes, at most %d are allowed", key.len,
                      KEY_LEN_MAX);
        return false;
    }
    return true;
}

static bool check_value_len(struct slice value, const struct limits *limits,
                            struct response *response)
{
    if (value.len > limits_value_len_max(limits)) {
        response_fail(response, STATUS_INVALID_ARGUMENT,
                      "value has %zu bytes, at most %zu are allowed", value.len,
                      limits_value_len_max(limits));
        return false;
    }
    return true;
}

static bool check_kind(struct slice value, enum value_kind kind,
                       struct response *response)
{
    if (kind == VALUE_TEXT && !utf8_is_valid(value)) {
        return refuse(response, "value", "of kind TEXT must be valid UTF-8");
    }
    if (kind == VALUE_JSON && !json_is_valid(value, JSON_DEPTH_MAX - 1)) {
        return refuse(response, "value", "of kind JSON must be one JSON value");
    }
    return true;
}

static bool check_value(const struct request *request,
                        const struct limits *limits, struct response *response)
{
    return check_value_len(request->value, limits, response) &&
           (request->is_value_checked ||
            check_kind(request->value, request->kind, response));
}

/* The first that is wrong says so for all. */
static bool check_items(struct request *request, const struct limits *limits,
                        struct response *response)
{
    if (request->item_count > limits->batch_max) {
        response_fail(response, STATUS_INVALID_ARGUMENT,
                      "%s: there are %zu, at most %u are allowed",
                      request->op == OP_PUT_MANY ? "items" : "keys",
                      request->item_count, (unsigned)limits->batch_max);
        return false;
    }
    request->answer_len_max = limits_value_len_max(limits);
    for (size_t i = 0; i < request->item_count; i++) {
        const struct batch_item *item = &request->items[i];
        if (!check_key(item->key, response) ||
            !check_value_len(item->value, limits, response) ||
            (!item->is_value_checked &&
             !check_kind(item->value, item->kind, response))) {
            return false;
        }
    }
    return true;
}

static bool check_list(struct request *request, const struct limits *limits,
                       struct response *response)
{
    if (request->prefix.len > KEY_LEN_MAX) {
        return refuse(response, "prefix", "is longer than any key");
    }
    if (request->cursor.len > CURSOR_LEN_MAX) {
        return refuse(response, "cursor", "was not given out by this server");
    }
    if (request->limit == 0 || request->limit > limits->list_len_max) {
        request->limit = limits->list_len_max;
    }
    request->answer_len_max = limits_value_len_max(limits);
    return true;
}

/* One limit of a bank that is to be set to `value`; 0 is none where that is
 * what it is at first. */
struct wanted_limit {
    const char *name;
    bool is_wanted;
    uint64_t value;
    uint64_t initial;
    uint64_t least;
    uint64_t most;
};

static bool check_limit(const struct wanted_limit *wanted,
                        struct response *response)
{
    bool is_none = wanted->value == 0 && wanted->initial == 0;
    if (!wanted->is_wanted || is_none ||
        (wanted->value >= wanted->least && wanted->value <= wanted->most)) {
        return true;
    }
    response_fail(response, STATUS_INVALID_ARGUMENT,
                  wanted->value < wanted->least
                      ? "%s is %" PRIu64 ", at least %" PRIu64 " is needed"
                      : "%s is %" PRIu64 ", at most %" PRIu64 " is allowed",
                  wanted->name, wanted->value,
                  wanted->value < wanted->least ? wanted->least : wanted->most);
    return false;
}

static bool check_change(const struct request *request,
                         struct response *response)
{
    const struct bank_change *change = &request->change;
    const struct wanted_limit all[] = {
#define LIMIT(name, request, response, form, initial, least, most)             \
    {#name, change->has_##name, change->limits.name, initial, least, most},
#include "core/bank_limits.def"
#undef LIMIT
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!check_limit(&all[i], response)) {
            return false;
        }
    }
    return true;
}

static bool has_form(const struct number *number, bool is_there,
                     const struct number *delta)
{
    return !is_there || number->is_integer == delta->is_integer;
}

static bool check_increment(const struct request *request,
                            struct response *response)
{
    const struct increment *increment = &request->increment;
    const struct number *delta = &increment->delta;
    const struct number *least = &increment->minimum;
    const struct number *most = &increment->maximum;
    if (!has_form(&increment->initial, increment->has_initial, delta)) {
        return refuse(response, "initial", "must be of the form of the delta");
    }
    if (!has_form(least, increment->has_minimum, delta)) {
        return refuse(response, "minimum", "must be of the form of the delta");
    }
    if (!has_form(most, increment->has_maximum, delta)) {
        return refuse(response, "maximum", "must be of the form of the delta");
    }
    bool is_crossed = delta->is_integer ? least->integer > most->integer
                                        : least->real > most->real;
    if (increment->has_minimum && increment->has_maximum && is_crossed) {
        return refuse(response, "minimum", "must not be more than maximum");
    }
    return true;
}

static bool check_condition(const struct request *request,
                            struct response *response)
{
    const struct condition *condition = &request->condition;
    return condition->rule != CONDITION_VERSION || condition->version > 0 ||
           refuse(response, "if_version", "must not be 0");
}

/* What only few operations have. */
static bool check_rare(struct request *request, const struct limits *limits,
                       unsigned flags, struct response *response)
{
    uint64_t size_max = limits_value_len_max(limits);
    if (request->size_max == 0 || request->size_max > size_max) {
        request->size_max = size_max;
    }
    return (!(flags & OP_LIST) || check_list(request, limits, response)) &&
           (!(flags & OP_BATCH) || check_items(request, limits, response)) &&
           (!(flags & OP_OTHER) || check_other(request, response)) &&
           (request->op != OP_BANK_CONFIGURE ||
            check_change(request, response)) &&
           (request->op != OP_INCR || check_increment(request, response)) &&
           check_condition(request, response);
}

bool request_check(struct request *request, const struct limits *limits,
                   struct response *response)
{
    unsigned flags = op_info(request->op)->flags;
    return (!(flags & OP_BANK) ||
            check_name(request->bank, "bank", response)) &&
           (!(flags & OP_KEY) || check_key(request->key, response)) &&
           (!(flags & OP_VALUE) || check_value(request, limits, response)) &&
           (request->is_brief || check_rare(request, limits, flags, response));
}
