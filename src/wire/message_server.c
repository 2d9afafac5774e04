/* The server's way in, from the outside inwards:
 *
 *   envelope_read()  id, deadline and operation, so that whatever is wrong
 *                    further in can be answered
 *   guard_check()    the whole request: what passes has fields of the right
 *                    types only, and a bounded number of them
 *   take_*()         one field of the operation's own message into the request;
 *                    of a field that comes twice the last counts
 *   finish_*()       what can be said only when all fields are there
 *
 * By hand, where protobuf-c would copy every value, end a `string` at its
 * first NUL, and want arrays built. tests/wire/test_message_ops.c holds it to
 * protobuf-c, field by field.
 *
 * To add an operation, add its functions to the table. */
#include "wire/message.h"

#include "base/check.h"
#include "base/utf8.h"
#include "core/limits.h"
#include "core/request.h"
#include "core/response.h"
#include "wire/envelope.h"
#include "wire/field.h"
#include "wire/guard.h"

#include "cache.pb-c.h"

#include <string.h>

/* The numbers of fields, as in proto/cache.proto. */
enum { BANK = 1, KEY = 2 };
enum {
    PUT_VALUE = 3,
    PUT_LIFETIME = 4,
    PUT_KIND = 5,
    PUT_IF_ABSENT = 6,
    PUT_IF_PRESENT = 7,
    PUT_IF_VERSION = 8,
    PUT_IF_VALUE = 9,
    PUT_PREVIOUS = 10,
    PUT_VERSION = 11
};
enum { GET_TOUCH = 3, GET_VERSION = 6, GET_LIFETIME = 7 };
enum { REMOVE_IF_VERSION = 3, REMOVE_IF_VALUE = 4, REMOVE_PREVIOUS = 5 };
enum { CHANGE_LIFETIME = 4, CHANGE_PERSIST = 5, CHANGE_EXPIRE_NOW = 6 };
enum {
    INCR_REAL = 3,
    INCR_INTEGER = 4,
    INCR_INITIAL = 5,
    INCR_LIFETIME = 6,
    INCR_MINIMUM = 7,
    INCR_MAXIMUM = 8,
    INCR_SATURATE = 9
};
enum { NUMBER_REAL = 1, NUMBER_INTEGER = 2 };
enum { MANY_ITEMS = 3, GET_MANY_VERSION = 4 };
enum { META_VERSION = 3 };
enum { PIECE_VALUE = 3, PIECE_SIZE_MAX = 4 };
enum { LIST_PREFIX = 3, LIST_CURSOR = 4, LIST_LIMIT = 5, LIST_COUNTS = 6 };
enum { OTHER_NAME = 3 };

/* The first byte marks keys that are numbers in JSON; those are not to be had
 * from here. */
enum { KEY_MARK = 0xff };

/* A request in the making: what is not good before all of it is known. */
struct reading {
    struct request *request;
    struct response *response;
    struct buffer *scratch;
    struct slice message;
    struct field change;    /* the last of those about lifetimes; number 0: */
    struct field condition; /* none, likewise */
    uint32_t kind;
    bool has_delta;
    bool is_too_many; /* items */
    bool is_starved;  /* there was no memory for them */
    unsigned numbers; /* a bit for each Number that came, even empty */
    size_t items_taken;
};

static bool refuse(const struct reading *reading, const char *what)
{
    response_fail(reading->response, STATUS_INVALID_ARGUMENT, "%s", what);
    return false;
}

static void take_put(struct reading *reading, const struct field *field)
{
    struct request *request = reading->request;
    switch (field->number) {
    case PUT_VALUE:
        request->value = field->bytes;
        break;
    case PUT_LIFETIME:
        request->lifetime = lifetime_of_ms(field->value);
        break;
    case PUT_KIND:
        reading->kind = (uint32_t)field->value;
        break;
    case PUT_IF_ABSENT:
    case PUT_IF_PRESENT:
    case PUT_IF_VERSION:
    case PUT_IF_VALUE:
        reading->condition = *field;
        break;
    case PUT_PREVIOUS:
        request->wants_previous = field->value;
        break;
    case PUT_VERSION:
        request->wants_version = field->value;
        break;
    default:
        break;
    }
}

static bool finish_kind(const struct reading *reading, enum value_kind *kind)
{
    *kind = (enum value_kind)reading->kind;
    return reading->kind < VALUE_KIND_COUNT ||
           refuse(reading, "kind is not one of ValueKind");
}

static bool finish_put(struct reading *reading)
{
    struct condition *condition = &reading->request->condition;
    const struct field *field = &reading->condition;
    switch (field->number) {
    case PUT_IF_ABSENT:
        condition->rule = CONDITION_ABSENT;
        if (!field->value) {
            return refuse(reading, "if_absent must be true when it is there");
        }
        break;
    case PUT_IF_PRESENT:
        condition->rule = CONDITION_PRESENT;
        if (!field->value) {
            return refuse(reading, "if_present must be true when it is there");
        }
        break;
    case PUT_IF_VERSION:
        condition->rule = CONDITION_VERSION;
        condition->version = field->value;
        break;
    case PUT_IF_VALUE:
        condition->rule = CONDITION_VALUE;
        condition->value = field->bytes;
        break;
    default:
        break;
    }
    return finish_kind(reading, &reading->request->kind);
}

static void take_get(struct reading *reading, const struct field *field)
{
    struct request *request = reading->request;
    switch (field->number) {
    case GET_TOUCH:
        request->is_touch = field->value;
        break;
    case CHANGE_LIFETIME:
    case CHANGE_PERSIST:
        reading->change = *field;
        break;
    case GET_VERSION:
        request->wants_version = field->value;
        break;
    case GET_LIFETIME:
        request->wants_lifetime = field->value;
        break;
    default:
        break;
    }
}

/* The lifetime that the change asks for; without one the entry's own. */
static bool finish_change(struct reading *reading)
{
    const struct field *change = &reading->change;
    struct lifetime *lifetime = &reading->request->lifetime;
    switch (change->number) {
    case CHANGE_LIFETIME:
        *lifetime = lifetime_of_ms(change->value);
        return change->value > 0 ||
               refuse(reading, "lifetime_ms must not be 0: say persist");
    case CHANGE_PERSIST:
        lifetime->rule = LIFETIME_FOREVER;
        return change->value ||
               refuse(reading, "persist must be true when it is there");
    case CHANGE_EXPIRE_NOW:
        lifetime->rule = LIFETIME_OVER;
        return change->value ||
               refuse(reading, "expire_now must be true when it is there");
    default:
        lifetime->rule = LIFETIME_SAME;
        return true;
    }
}

static bool finish_get(struct reading *reading)
{
    struct request *request = reading->request;
    bool has_change = reading->change.number != 0;
    if (request->is_touch && has_change) {
        return refuse(reading, "touch excludes lifetime_ms and persist");
    }
    request->is_touch = request->is_touch || has_change;
    return !request->is_touch || finish_change(reading);
}

static void take_remove(struct reading *reading, const struct field *field)
{
    switch (field->number) {
    case REMOVE_IF_VERSION:
    case REMOVE_IF_VALUE:
        reading->condition = *field;
        break;
    case REMOVE_PREVIOUS:
        reading->request->wants_previous = field->value;
        break;
    default:
        break;
    }
}

static bool finish_remove(struct reading *reading)
{
    const struct field *field = &reading->condition;
    if (field->number == REMOVE_IF_VERSION) {
        reading->request->condition = (struct condition){
            .rule = CONDITION_VERSION, .version = field->value};
    } else if (field->number == REMOVE_IF_VALUE) {
        reading->request->condition =
            (struct condition){.rule = CONDITION_VALUE, .value = field->bytes};
    }
    return true;
}

static void take_touch(struct reading *reading, const struct field *field)
{
    if (field->number >= CHANGE_LIFETIME &&
        field->number <= CHANGE_EXPIRE_NOW) {
        reading->change = *field;
    }
}

static struct number real_of(const struct field *field)
{
    struct number number = {0};
    memcpy(&number.real, &field->value, sizeof number.real);
    return number;
}

static struct number integer_of(const struct field *field)
{
    return (struct number){.is_integer = true,
                           .integer = field_unzigzag(field->value)};
}

/* A Number, which may come in pieces as any message may; some may be empty. */
static void take_number(struct reading *reading, const struct field *message,
                        struct number *number, bool *is_set)
{
    struct field_reader reader = {.rest = message->bytes};
    struct field field;
    reading->numbers |= 1U << message->number;
    while (field_next(&reader, &field)) {
        if (field.number == NUMBER_REAL) {
            *number = real_of(&field);
            *is_set = true;
        } else if (field.number == NUMBER_INTEGER) {
            *number = integer_of(&field);
            *is_set = true;
        }
    }
}

static void take_incr(struct reading *reading, const struct field *field)
{
    struct increment *increment = &reading->request->increment;
    switch (field->number) {
    case INCR_REAL:
        increment->delta = real_of(field);
        reading->has_delta = true;
        break;
    case INCR_INTEGER:
        increment->delta = integer_of(field);
        reading->has_delta = true;
        break;
    case INCR_INITIAL:
        take_number(reading, field, &increment->initial,
                    &increment->has_initial);
        break;
    case INCR_LIFETIME:
        increment->lifetime = lifetime_of_ms(field->value);
        break;
    case INCR_MINIMUM:
        take_number(reading, field, &increment->minimum,
                    &increment->has_minimum);
        break;
    case INCR_MAXIMUM:
        take_number(reading, field, &increment->maximum,
                    &increment->has_maximum);
        break;
    case INCR_SATURATE:
        increment->saturates = field->value;
        break;
    default:
        break;
    }
}

static bool finish_incr(struct reading *reading)
{
    const struct increment *increment = &reading->request->increment;
    unsigned set = (unsigned)increment->has_initial << INCR_INITIAL |
                   (unsigned)increment->has_minimum << INCR_MINIMUM |
                   (unsigned)increment->has_maximum << INCR_MAXIMUM;
    if (!reading->has_delta) {
        return refuse(reading, "delta must be there, real or integer");
    }
    return reading->numbers == set ||
           refuse(reading, "initial, minimum and maximum must be real or "
                           "integer when they are there");
}

/* How often the field of items is there. */
static size_t count_items(struct slice message)
{
    struct field_reader reader = {.rest = message};
    struct field field;
    size_t count = 0;
    while (field_next(&reader, &field)) {
        count += field.number == MANY_ITEMS;
    }
    return count;
}

/* Room for all items, when the first is met. */
static struct batch_item *next_item(struct reading *reading)
{
    struct request *request = reading->request;
    struct batch_item *items = (void *)buffer_first(reading->scratch);
    if (reading->items_taken == 0 && !reading->is_starved) {
        size_t count = count_items(reading->message);
        buffer_clear(reading->scratch);
        reading->is_too_many = count > BATCH_LEN_MAX;
        items = reading->is_too_many
                    ? NULL
                    : (void *)buffer_reserve(reading->scratch,
                                             count * sizeof *items);
        reading->is_starved = !items;
        request->item_count = items ? count : 0;
        request->items = items;
    }
    if (reading->is_starved) {
        return NULL;
    }
    struct batch_item *item = &items[reading->items_taken++];
    *item = (struct batch_item){.kind = VALUE_BYTES};
    return item;
}

static void take_keys(struct reading *reading, const struct field *field)
{
    struct batch_item *item =
        field->number == MANY_ITEMS ? next_item(reading) : NULL;
    if (item) {
        item->key = field->bytes;
    }
}

static void take_get_many(struct reading *reading, const struct field *field)
{
    if (field->number == GET_MANY_VERSION) {
        reading->request->wants_version = field->value;
    }
    take_keys(reading, field);
}

static void take_touch_many(struct reading *reading, const struct field *field)
{
    if (field->number == CHANGE_LIFETIME || field->number == CHANGE_PERSIST) {
        reading->change = *field;
    }
    take_keys(reading, field);
}

static void take_put_item_field(struct batch_item *item,
                                const struct field *field)
{
    switch (field->number) {
    case KEY:
        item->key = field->bytes;
        break;
    case PUT_VALUE:
        item->value = field->bytes;
        break;
    case PUT_LIFETIME:
        item->lifetime = lifetime_of_ms(field->value);
        break;
    case PUT_KIND:
        item->kind = (enum value_kind)(uint32_t)field->value;
        break;
    default:
        break;
    }
}

static void take_put_many(struct reading *reading, const struct field *field)
{
    struct batch_item *item =
        field->number == MANY_ITEMS ? next_item(reading) : NULL;
    struct field_reader reader = {.rest = field->bytes};
    struct field inner;
    while (item && field_next(&reader, &inner)) {
        take_put_item_field(item, &inner);
    }
}

static bool finish_keys(struct reading *reading)
{
    const struct request *request = reading->request;
    if (reading->is_too_many) {
        response_fail(reading->response, STATUS_INVALID_ARGUMENT,
                      "there are more than %d keys or items", BATCH_LEN_MAX);
        return false;
    }
    if (reading->is_starved) {
        response_fail(reading->response, STATUS_NOMEM, "%s",
                      status_text(STATUS_NOMEM));
        return false;
    }
    for (size_t i = 0; i < request->item_count; i++) {
        struct slice key = request->items[i].key;
        if (key.len && (unsigned char)key.data[0] == KEY_MARK) {
            return refuse(reading, "key must not begin with the byte 0xFF");
        }
    }
    return true;
}

static bool finish_put_many(struct reading *reading)
{
    const struct request *request = reading->request;
    for (size_t i = 0; i < request->item_count; i++) {
        if ((unsigned)request->items[i].kind >= VALUE_KIND_COUNT) {
            return refuse(reading, "kind is not one of ValueKind");
        }
    }
    return finish_keys(reading);
}

static bool finish_touch_many(struct reading *reading)
{
    return finish_change(reading) && finish_keys(reading);
}

static void take_meta(struct reading *reading, const struct field *field)
{
    if (field->number == META_VERSION) {
        reading->request->wants_version = field->value;
    }
}

static void take_piece(struct reading *reading, const struct field *field)
{
    if (field->number == PIECE_VALUE) {
        reading->request->value = field->bytes;
    } else if (field->number == PIECE_SIZE_MAX) {
        reading->request->size_max = field->value;
    }
}

static void take_walk(struct reading *reading, const struct field *field)
{
    if (field->number == LIST_PREFIX) {
        reading->request->prefix = field->bytes;
    } else if (field->number == LIST_CURSOR) {
        reading->request->cursor = field->bytes;
    }
}

static void take_list(struct reading *reading, const struct field *field)
{
    if (field->number == LIST_LIMIT) {
        reading->request->limit = (uint32_t)field->value;
    }
    take_walk(reading, field);
}

static void take_bank_list(struct reading *reading, const struct field *field)
{
    if (field->number == LIST_COUNTS) {
        reading->request->wants_counts = field->value;
    }
    take_list(reading, field);
}

static bool finish_bank_list(struct reading *reading)
{
    return utf8_is_valid(reading->request->prefix) ||
           refuse(reading, "prefix must be valid UTF-8");
}

static void take_other(struct reading *reading, const struct field *field)
{
    if (field->number == OTHER_NAME) {
        reading->request->other = field->bytes;
    }
}

/* A number as wide as its field, whose size in bytes is given. */
static uint64_t limit_of(const struct field *field, enum bank_limit_form form,
                         size_t size)
{
    if (form == LIMIT_SWITCH) {
        return field->value != 0;
    }
    return size == sizeof(uint32_t) ? (uint32_t)field->value : field->value;
}

static void take_limit(struct reading *reading, const struct field *field)
{
    struct bank_change *change = &reading->request->change;
    const Cacheserver__V1__BankConfigureRequest *shape = NULL;
    switch (field->number) {
#define LIMIT(name, number, response, form, ...)                               \
    case number:                                                               \
        change->has_##name = true;                                             \
        change->limits.name = limit_of(field, form, sizeof shape->name);       \
        break;
#include "core/bank_limits.def"
#undef LIMIT
    default:
        break;
    }
}

static void take_nothing(struct reading *reading, const struct field *field)
{
    (void)reading;
    (void)field;
}

/* `take` gets each field but bank and key; `finish`, if it is there, answers
 * false with the response filled when they are no request. */
static const struct {
    void (*take)(struct reading *reading, const struct field *field);
    bool (*finish)(struct reading *reading);
} readers[OP_COUNT] = {
    [OP_PUT] = {take_put, finish_put},
    [OP_GET] = {take_get, finish_get},
    [OP_REMOVE] = {take_remove, finish_remove},
    [OP_TOUCH] = {take_touch, finish_change},
    [OP_INCR] = {take_incr, finish_incr},
    [OP_GET_MANY] = {take_get_many, finish_keys},
    [OP_PUT_MANY] = {take_put_many, finish_put_many},
    [OP_REMOVE_MANY] = {take_keys, finish_keys},
    [OP_TOUCH_MANY] = {take_touch_many, finish_touch_many},
    [OP_META] = {take_meta, NULL},
    [OP_APPEND] = {take_piece, NULL},
    [OP_PREPEND] = {take_piece, NULL},
    [OP_BANK_LIST] = {take_bank_list, finish_bank_list},
    [OP_BANK_KEYS] = {take_list, NULL},
    [OP_BANK_ENTRIES] = {take_list, NULL},
    [OP_REMOVE_BY_PREFIX] = {take_walk, NULL},
    [OP_BANK_RESET] = {take_nothing, NULL},
    [OP_BANK_STATS] = {take_nothing, NULL},
    [OP_BANK_CONFIGURE] = {take_limit, NULL},
    [OP_BANK_DROP] = {take_nothing, NULL},
    [OP_BANK_RENAME] = {take_other, NULL},
    [OP_BANK_SWAP] = {take_other, NULL},
    [OP_HELLO] = {take_nothing, NULL},
    [OP_PING] = {take_nothing, NULL},
};

static void take_field(struct reading *reading, enum op op,
                       const struct field *field)
{
    unsigned flags = op_info(op)->flags;
    if (flags & OP_BANK && field->number == BANK) {
        reading->request->bank = field->bytes;
    } else if (flags & OP_KEY && field->number == KEY) {
        reading->request->key = field->bytes;
    } else {
        readers[op].take(reading, field);
    }
}

static bool finish_key(struct reading *reading)
{
    struct slice key = reading->request->key;
    return key.len == 0 || (unsigned char)key.data[0] != KEY_MARK ||
           refuse(reading, "key must not begin with the byte 0xFF");
}

/* Decodes the operation in `envelope`. */
static bool read_op(const struct envelope *envelope, struct reading *reading)
{
    enum op op = op_of_number(envelope->number);
    CHECK(op != OP_NONE);
    struct field_reader reader = {.rest = envelope->message};
    struct field field;
    reading->message = envelope->message;
    while (field_next(&reader, &field)) {
        take_field(reading, op, &field);
    }
    bool is_request = finish_key(reading) &&
                      (!readers[op].finish || readers[op].finish(reading));
    reading->request->op = is_request ? op : OP_NONE;
    return is_request;
}

static bool read_body(const struct envelope *envelope, struct slice body,
                      struct reading *reading)
{
    static const struct guard_bounds bounds = {
        .fields_max = MESSAGE_FIELDS_MAX,
        .elements_max = REQUEST_ELEMENTS_MAX,
    };
    size_t fields;
    const char *fault = guard_check(body, &cacheserver__v1__request__descriptor,
                                    &bounds, &fields);
    if (fault) {
        response_fail(reading->response, STATUS_INVALID_ARGUMENT,
                      "the request does not parse: %s", fault);
        return false;
    }
    if (envelope->number) {
        return read_op(envelope, reading);
    }
    if (envelope->unknown) {
        response_fail(reading->response, STATUS_UNIMPLEMENTED,
                      "this server has no op with number %u",
                      (unsigned)envelope->unknown);
        return false;
    }
    return refuse(reading, "the request has no op");
}

enum message message_decode_request(struct slice body, struct buffer *scratch,
                                    struct request *request,
                                    struct response *response)
{
    struct reading reading = {
        .request = request, .response = response, .scratch = scratch};
    struct envelope envelope;
    enum envelope_state state = envelope_read(body, &envelope);
    if (state == ENVELOPE_BAD) {
        return MESSAGE_BAD;
    }
    request->id = envelope.id;
    request->deadline_ms = envelope.deadline_ms;
    if (state == ENVELOPE_BROKEN) {
        response_fail(response, STATUS_INVALID_ARGUMENT,
                      "the request does not parse: %s", envelope.fault);
        return MESSAGE_REFUSED;
    }
    return read_body(&envelope, body, &reading) ? MESSAGE_READY
                                                : MESSAGE_REFUSED;
}
