#include "core/request.h"

#include "base/json_scan.h"
#include "base/status.h"
#include "base/utf8.h"
#include "core/limits.h"
#include "core/response.h"

#include <stddef.h>
#include <string.h>

void request_init(struct request *request)
{
    *request = (struct request){.op = OP_NONE};
}

void request_reset(struct request *request)
{
    if (request->is_brief) {
        memset(request, 0, offsetof(struct request, delta));
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

static bool check_bank(const struct request *request, struct response *response)
{
    if (request->bank.len > BANK_LEN_MAX) {
        response_fail(response, STATUS_INVALID_ARGUMENT,
                      "bank has %zu bytes, at most %d are allowed",
                      request->bank.len, BANK_LEN_MAX);
        return false;
    }
    if (utf8_is_plain(request->bank)) {
        return true;
    }
    if (request->bank.len &&
        memchr(request->bank.data, '\0', request->bank.len)) {
        return refuse(response, "bank", "must not contain NUL");
    }
    if (!utf8_is_valid(request->bank)) {
        return refuse(response, "bank", "must be valid UTF-8");
    }
    return true;
}

static bool check_key(const struct request *request, struct response *response)
{
    if (request->key.len > KEY_LEN_MAX) {
        response_fail(response, STATUS_INVALID_ARGUMENT,
                      "key has %zu bytes, at most %d are allowed",
                      request->key.len, KEY_LEN_MAX);
        return false;
    }
    return true;
}

static bool check_value(const struct request *request,
                        const struct limits *limits, struct response *response)
{
    if (request->value.len > limits_value_len_max(limits)) {
        response_fail(response, STATUS_INVALID_ARGUMENT,
                      "value has %zu bytes, at most %zu are allowed",
                      request->value.len, limits_value_len_max(limits));
        return false;
    }
    if (request->is_value_checked) {
        return true;
    }
    if (request->kind == VALUE_TEXT && !utf8_is_valid(request->value)) {
        return refuse(response, "value", "of kind TEXT must be valid UTF-8");
    }
    if (request->kind == VALUE_JSON &&
        !json_is_valid(request->value, JSON_DEPTH_MAX - 1)) {
        return refuse(response, "value", "of kind JSON must be one JSON value");
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
    return true;
}

static bool check_change(const struct request *request,
                         struct response *response)
{
    const struct bank_change *change = &request->change;
    const struct bank_limits *limits = &change->limits;
    bool has_maximum = change->has_maximum && limits->maximum > 0;
    if (has_maximum && limits->maximum < BANK_MAXIMUM_MIN) {
        response_fail(response, STATUS_INVALID_ARGUMENT,
                      "maximum is %llu bytes, at least %d are needed",
                      (unsigned long long)limits->maximum, BANK_MAXIMUM_MIN);
        return false;
    }
    if (change->has_weight &&
        (limits->weight < 1 || limits->weight > BANK_WEIGHT_MAX)) {
        response_fail(response, STATUS_INVALID_ARGUMENT,
                      "weight must be from 1 to %d", BANK_WEIGHT_MAX);
        return false;
    }
    return true;
}

bool request_check(struct request *request, const struct limits *limits,
                   struct response *response)
{
    unsigned flags = op_info(request->op)->flags;
    return (!(flags & OP_BANK) || check_bank(request, response)) &&
           (!(flags & OP_KEY) || check_key(request, response)) &&
           (!(flags & OP_VALUE) || check_value(request, limits, response)) &&
           (!(flags & OP_LIST) || check_list(request, limits, response)) &&
           (request->op != OP_BANK_CONFIGURE ||
            check_change(request, response));
}
