/* To add an operation: a row in `operations`, and in json_decode() what it
 * needs beyond bank, key, value and lifetime.
 *
 * What an operation needs is read in the order in which the original checks
 * it: what is missing, the delta or the lifetime and value, bank, key. */
#include "compat/json_decode.h"

#include "base/check.h"
#include "base/json_scan.h"
#include "compat/base64.h"
#include "compat/json_source.h"
#include "core/call.h"
#include "core/number.h"

enum need {
    NEED_BANK = 1,
    NEED_KEY = 2,
    NEED_VALUE = 4,
    NEED_KEYS = 8,
    NEED_ITEMS = 16,
    NEED_TO = 32,
    NEED_OTHER = 64
};

struct operation {
    struct slice name;
    enum op op;
    unsigned needs;      /* enum need */
    bool is_touch;       /* restarts the lifetime too */
    const char *missing; /* the text when something needed is not there */
};

#define NAME(text)                                                             \
    {                                                                          \
        text, sizeof(text) - 1                                                 \
    }

const struct slice json_names[JSON_NAME_COUNT] = {
    [JSON_NAME_OP] = NAME("op"),
    [JSON_NAME_BANK] = NAME("bank"),
    [JSON_NAME_KEY] = NAME("key"),
    [JSON_NAME_VALUE] = NAME("value"),
    [JSON_NAME_LIFETIME] = NAME("lifetime"),
    [JSON_NAME_NEW_LIFETIME] = NAME("new_lifetime"),
    [JSON_NAME_ENCODING] = NAME("encoding"),
    [JSON_NAME_IF_ABSENT] = NAME("if_absent"),
    [JSON_NAME_IF_PRESENT] = NAME("if_present"),
    [JSON_NAME_IF_VERSION] = NAME("if_version"),
    [JSON_NAME_IF_VALUE] = NAME("if_value"),
    [JSON_NAME_RETURN_PREVIOUS] = NAME("return_previous"),
    [JSON_NAME_RETURN_VERSION] = NAME("return_version"),
    [JSON_NAME_RETURN_LIFETIME] = NAME("return_lifetime"),
    [JSON_NAME_INITIAL] = NAME("initial"),
    [JSON_NAME_MINIMUM] = NAME("minimum"),
    [JSON_NAME_SATURATE] = NAME("saturate"),
    [JSON_NAME_EXACT] = NAME("exact"),
    [JSON_NAME_KEYS] = NAME("keys"),
    [JSON_NAME_ITEMS] = NAME("items"),
    [JSON_NAME_PREFIX] = NAME("prefix"),
    [JSON_NAME_CURSOR] = NAME("cursor"),
    [JSON_NAME_LIMIT] = NAME("limit"),
    [JSON_NAME_COUNTS] = NAME("counts"),
    [JSON_NAME_MAX_SIZE] = NAME("max_size"),
    [JSON_NAME_TO] = NAME("to"),
    [JSON_NAME_OTHER] = NAME("other"),
#define LIMIT(name, ...) [JSON_LIMIT_##name] = NAME(#name),
#include "core/bank_limits.def"
#undef LIMIT
};

#define ENTRY    (NEED_BANK | NEED_KEY)
#define NO_ENTRY "bank and key are required"
#define NO_VALUE "bank, key and value are required"
#define NO_BANK  "bank are required"
#define NO_KEYS  "bank and keys are required"

static const struct operation operations[] = {
    {NAME("get"), OP_GET, ENTRY, false, NO_ENTRY},
    {NAME("put"), OP_PUT, ENTRY | NEED_VALUE, false, NO_VALUE},
    {NAME("delete"), OP_REMOVE, ENTRY, false, NO_ENTRY},
    {NAME("touch"), OP_TOUCH, ENTRY, true, NO_ENTRY},
    {NAME("getouch"), OP_GET, ENTRY, true, NO_ENTRY},
    {NAME("incr"), OP_INCR, ENTRY | NEED_VALUE, false,
     "bank, key, value are required"},
    {NAME("bank.list"), OP_BANK_LIST, 0, false, ""},
    {NAME("bank.keys"), OP_BANK_KEYS, NEED_BANK, false, NO_BANK},
    {NAME("bank.reset"), OP_BANK_RESET, NEED_BANK, false, NO_BANK},
    {NAME("bank.stats"), OP_BANK_STATS, NEED_BANK, false, NO_BANK},
    {NAME("bank.configure"), OP_BANK_CONFIGURE, NEED_BANK, false, NO_BANK},
    {NAME("bank.entries"), OP_BANK_ENTRIES, NEED_BANK, false, NO_BANK},
    {NAME("bank.drop"), OP_BANK_DROP, NEED_BANK, false, NO_BANK},
    {NAME("bank.rename"), OP_BANK_RENAME, NEED_BANK | NEED_TO, false,
     "bank and to are required"},
    {NAME("bank.swap"), OP_BANK_SWAP, NEED_BANK | NEED_OTHER, false,
     "bank and other are required"},
    {NAME("meta"), OP_META, ENTRY, false, NO_ENTRY},
    {NAME("append"), OP_APPEND, ENTRY | NEED_VALUE, false, NO_VALUE},
    {NAME("prepend"), OP_PREPEND, ENTRY | NEED_VALUE, false, NO_VALUE},
    {NAME("remove_by_prefix"), OP_REMOVE_BY_PREFIX, NEED_BANK, false, NO_BANK},
    {NAME("get_many"), OP_GET_MANY, NEED_BANK | NEED_KEYS, false, NO_KEYS},
    {NAME("put_many"), OP_PUT_MANY, NEED_BANK | NEED_ITEMS, false,
     "bank and items are required"},
    {NAME("remove_many"), OP_REMOVE_MANY, NEED_BANK | NEED_KEYS, false,
     NO_KEYS},
    {NAME("touch_many"), OP_TOUCH_MANY, NEED_BANK | NEED_KEYS, true, NO_KEYS},
};

static const struct operation *find_operation(const struct source *source)
{
    const struct json_member *member = source_find(source, JSON_NAME_OP);
    if (source->scan->type != JSON_OBJECT || member->type == JSON_ABSENT) {
        source_refuse(source,
                      "Operation required. Field op in json is required");
        return NULL;
    }
    if (member->type == JSON_STRING) {
        struct slice name = source_take_text(source, member);
        for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
            if (slice_equal(operations[i].name, name)) {
                return &operations[i];
            }
        }
    }
    source_refuse(source, "Invalid operation");
    return NULL;
}

static bool check_needs(const struct source *source,
                        const struct operation *operation)
{
    static const enum json_name names[] = {
        JSON_NAME_BANK,  JSON_NAME_KEY, JSON_NAME_VALUE, JSON_NAME_KEYS,
        JSON_NAME_ITEMS, JSON_NAME_TO,  JSON_NAME_OTHER};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (operation->needs >> i & 1 && !source_has(source, names[i])) {
            return source_refuse(source, operation->missing);
        }
    }
    return true;
}

/* A number that must be whole if `is_exact`. */
static bool read_number(const struct source *source, enum json_name name,
                        bool is_exact, struct number *number)
{
    const struct json_member *member = source_find(source, name);
    if (is_exact) {
        number->is_integer = true;
        return (member->type == JSON_INTEGER &&
                number_parse_integer(source_json(source, member),
                                     &number->integer)) ||
               source_refuse_member(source, name, "an integer of 64 bits");
    }
    return source_number(source, member, &number->real) ||
           source_refuse_member(source, name, "an integer or a float");
}

static bool read_bound(const struct source *source, enum json_name name,
                       bool is_exact, struct number *number, bool *is_there)
{
    *is_there = source_has(source, name);
    return !*is_there || read_number(source, name, is_exact, number);
}

/* The delta as the original has it: text will do. */
static bool read_delta(const struct source *source, bool is_exact)
{
    const struct json_member *member = source_find(source, JSON_NAME_VALUE);
    struct number *delta = &source->call->request.increment.delta;
    if (is_exact) {
        return read_number(source, JSON_NAME_VALUE, true, delta);
    }
    bool is_number =
        member->type == JSON_STRING
            ? number_parse_text(source_take_text(source, member), &delta->real)
            : source_number(source, member, &delta->real);
    return is_number ||
           source_refuse(source, "The value must be an integer or a float");
}

static bool read_incr(const struct source *source)
{
    struct increment *increment = &source->call->request.increment;
    bool is_exact = false;
    return source_read_switch(source, JSON_NAME_EXACT, &is_exact) &&
           read_delta(source, is_exact) &&
           read_bound(source, JSON_NAME_INITIAL, is_exact, &increment->initial,
                      &increment->has_initial) &&
           read_bound(source, JSON_NAME_MINIMUM, is_exact, &increment->minimum,
                      &increment->has_minimum) &&
           read_bound(source, JSON_LIMIT_maximum, is_exact, &increment->maximum,
                      &increment->has_maximum) &&
           source_read_switch(source, JSON_NAME_SATURATE,
                              &increment->saturates) &&
           (!increment->has_initial ||
            source_read_lifetime(source, JSON_NAME_LIFETIME, LIFETIME_DEFAULT,
                                 &increment->lifetime));
}

/* A condition that is a switch: it sets `rule` if it is on. */
static bool read_simple_condition(const struct source *source,
                                  enum json_name name, enum condition_rule rule)
{
    bool is_on = false;
    if (!source_read_switch(source, name, &is_on)) {
        return false;
    }
    if (is_on) {
        source->call->request.condition.rule = rule;
    }
    return true;
}

static bool read_if_version(const struct source *source)
{
    struct condition *condition = &source->call->request.condition;
    bool is_there;
    if (!source_read_whole(source, JSON_NAME_IF_VERSION, &condition->version,
                           &is_there)) {
        return false;
    }
    condition->rule = is_there ? CONDITION_VERSION : condition->rule;
    return true;
}

static bool read_if_value(const struct source *source)
{
    struct condition *condition = &source->call->request.condition;
    enum value_kind kind;
    if (!source_has(source, JSON_NAME_IF_VALUE)) {
        return true;
    }
    condition->rule = CONDITION_VALUE;
    return source_read_value(source, JSON_NAME_IF_VALUE, &condition->value,
                             &kind);
}

/* At most one. */
static bool read_condition(const struct source *source)
{
    static const enum json_name names[] = {
        JSON_NAME_IF_ABSENT, JSON_NAME_IF_PRESENT, JSON_NAME_IF_VERSION,
        JSON_NAME_IF_VALUE};
    unsigned count = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        count += source_has(source, names[i]) &&
                 source_find(source, names[i])->type != JSON_FALSE;
    }
    if (count > 1) {
        return source_refuse(source, "if_absent, if_present, if_version and "
                                     "if_value exclude each other");
    }
    return read_simple_condition(source, JSON_NAME_IF_ABSENT,
                                 CONDITION_ABSENT) &&
           read_simple_condition(source, JSON_NAME_IF_PRESENT,
                                 CONDITION_PRESENT) &&
           read_if_version(source) && read_if_value(source);
}

/* What an answer is to tell beside the usual. */
static bool read_wishes(const struct source *source)
{
    struct request *request = &source->call->request;
    return source_read_switch(source, JSON_NAME_RETURN_PREVIOUS,
                              &request->wants_previous) &&
           source_read_switch(source, JSON_NAME_RETURN_VERSION,
                              &request->wants_version) &&
           source_read_switch(source, JSON_NAME_RETURN_LIFETIME,
                              &request->wants_lifetime);
}

static bool read_put(const struct source *source)
{
    struct request *request = &source->call->request;
    request->is_value_checked = true;
    return source_read_lifetime(source, JSON_NAME_LIFETIME, LIFETIME_DEFAULT,
                                &request->lifetime) &&
           source_read_value(source, JSON_NAME_VALUE, &request->value,
                             &request->kind) &&
           read_condition(source) && read_wishes(source);
}

static bool read_remove(const struct source *source)
{
    if (source_has(source, JSON_NAME_IF_ABSENT) ||
        source_has(source, JSON_NAME_IF_PRESENT)) {
        return source_refuse(source, "if_absent and if_present are for put");
    }
    return read_condition(source) && read_wishes(source);
}

static bool read_piece(const struct source *source)
{
    struct request *request = &source->call->request;
    bool is_there;
    request->is_value_checked = true;
    return source_read_value(source, JSON_NAME_VALUE, &request->value,
                             &request->kind) &&
           source_read_whole(source, JSON_NAME_MAX_SIZE, &request->size_max,
                             &is_there);
}

static bool read_when_full(const struct source *source, enum json_name name,
                           uint64_t *value)
{
    struct slice word = {0};
    const char *what = "\"evict\" or \"refuse\"";
    if (source_find(source, name)->type == JSON_STRING) {
        word = source_take_text(source, source_find(source, name));
    }
    *value =
        slice_equal(word, SLICE_LITERAL("refuse")) ? BANK_REFUSE : BANK_EVICT;
    return *value == BANK_REFUSE || slice_equal(word, SLICE_LITERAL("evict")) ||
           source_refuse_member(source, name, what);
}

/* One limit of a bank, in its form. */
static bool read_limit(const struct source *source, enum json_name name,
                       enum bank_limit_form form, uint64_t *value,
                       bool *is_there)
{
    bool is_on = false;
    *is_there = source_has(source, name);
    if (!*is_there) {
        return true;
    }
    switch (form) {
    case LIMIT_SWITCH:
        if (!source_read_switch(source, name, &is_on)) {
            return false;
        }
        *value = is_on;
        return true;
    case LIMIT_WHEN_FULL:
        return read_when_full(source, name, value);
    case LIMIT_NUMBER:
        break;
    }
    return source_read_whole(source, name, value, is_there);
}

static bool read_change(const struct source *source)
{
    struct bank_change *change = &source->call->request.change;
    bool is_well = true;
#define LIMIT(name, request, response, form, ...)                              \
    is_well =                                                                  \
        is_well && read_limit(source, JSON_LIMIT_##name, form,                 \
                              &change->limits.name, &change->has_##name);
#include "core/bank_limits.def"
#undef LIMIT
    return is_well;
}

/* A cursor is base64 of the bytes that the page before answered. */
static bool read_cursor(const struct source *source)
{
    const struct json_member *member = source_find(source, JSON_NAME_CURSOR);
    struct slice *cursor = &source->call->request.cursor;
    if (member->type == JSON_ABSENT) {
        return true;
    }
    if (member->type == JSON_STRING) {
        *cursor = source_take_text(source, member);
        if (base64_decode(source->text + member->at + 1, &cursor->len)) {
            return true;
        }
    }
    return source_refuse(source, "The cursor must be a string of base64");
}

/* Lists are whole, as the original's, unless a page is asked for. */
static bool read_list(const struct source *source)
{
    struct request *request = &source->call->request;
    uint64_t limit = 0;
    bool is_there;
    request->is_page = source_has(source, JSON_NAME_CURSOR) ||
                       source_has(source, JSON_NAME_LIMIT);
    if (!source_read_text(source, JSON_NAME_PREFIX, &request->prefix)) {
        return false;
    }
    if (request->op == OP_REMOVE_BY_PREFIX) {
        return true; /* It goes on to the end. */
    }
    if (!read_cursor(source) ||
        !source_read_whole(source, JSON_NAME_LIMIT, &limit, &is_there)) {
        return false;
    }
    request->limit = limit < UINT32_MAX ? (uint32_t)limit : 0;
    return request->op != OP_BANK_LIST ||
           source_read_switch(source, JSON_NAME_COUNTS, &request->wants_counts);
}

/* What the operation has beyond bank and key. */
static bool read_arguments(const struct source *source,
                           const struct operation *operation)
{
    struct request *request = &source->call->request;
    switch ((unsigned)request->op) {
    case OP_INCR:
        return read_incr(source);
    case OP_PUT:
        return read_put(source);
    case OP_REMOVE:
        return read_remove(source);
    case OP_APPEND:
    case OP_PREPEND:
        return read_piece(source);
    case OP_BANK_CONFIGURE:
        return read_change(source);
    case OP_PUT_MANY:
        return batch_read_items(source);
    case OP_BANK_LIST:
    case OP_BANK_KEYS:
    case OP_BANK_ENTRIES:
    case OP_REMOVE_BY_PREFIX:
        return read_list(source);
    default:
        break;
    }
    if (operation->is_touch) {
        request->is_touch = request->op == OP_GET;
        if (!source_read_lifetime(source, JSON_NAME_NEW_LIFETIME, LIFETIME_SAME,
                                  &request->lifetime)) {
            return false;
        }
    }
    return read_wishes(source) &&
           (!(operation->needs & NEED_KEYS) || batch_read_keys(source));
}

static bool read_bank(const struct source *source, enum json_name name,
                      struct slice *bank)
{
    const struct json_member *member = source_find(source, name);
    if (member->type == JSON_ARRAY || member->type == JSON_OBJECT) {
        response_fail(&source->call->response, STATUS_INVALID_ARGUMENT,
                      "The %s must not be an array or an object",
                      json_names[name].data);
        return false;
    }
    *bank = member->type == JSON_STRING ? source_take_text(source, member)
                                        : source_json(source, member);
    return true;
}

/* An array or object as key: nothing is ever found under one. */
static bool refuse_key(const struct source *source,
                       const struct json_member *member)
{
    struct call *call = source->call;
    if (call->request.op == OP_PUT) {
        return source_refuse(source,
                             "The key must not be an array or an object");
    }
    if (member->len > KEY_LEN_MAX) {
        response_fail(&call->response, STATUS_INVALID_ARGUMENT,
                      "key has %zu bytes, at most %d are allowed", member->len,
                      KEY_LEN_MAX);
        return false;
    }
    call->request.note = source_json(source, member);
    response_fail(&call->response, STATUS_NOT_FOUND, "%s", "");
    return false;
}

static bool read_key(const struct source *source)
{
    const struct json_member *member = source_find(source, JSON_NAME_KEY);
    struct request *request = &source->call->request;
    if (member->type == JSON_ARRAY || member->type == JSON_OBJECT) {
        return refuse_key(source, member);
    }
    buffer_clear(&source->call->scratch);
    if (member->type != JSON_STRING) {
        request->note = source_json(source, member);
    }
    return source_read_key(source, member, &request->key);
}

static bool read_names(const struct source *source, unsigned needs)
{
    struct request *request = &source->call->request;
    return (!(needs & NEED_BANK) ||
            read_bank(source, JSON_NAME_BANK, &request->bank)) &&
           (!(needs & NEED_TO) ||
            read_bank(source, JSON_NAME_TO, &request->other)) &&
           (!(needs & NEED_OTHER) ||
            read_bank(source, JSON_NAME_OTHER, &request->other)) &&
           (!(needs & NEED_KEY) || read_key(source));
}

enum decode json_decode(const struct json_scan *scan, char *text,
                        struct call *call)
{
    const struct source source = {scan, text, call};
    request_init(&call->request);
    const struct operation *operation = find_operation(&source);
    if (!operation) {
        return DECODE_ANSWERED;
    }
    call->request.op = operation->op;
    bool is_request = check_needs(&source, operation) &&
                      read_arguments(&source, operation) &&
                      read_names(&source, operation->needs);
    return is_request ? DECODE_READY : DECODE_ANSWERED;
}
