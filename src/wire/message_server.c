/* The server's way in, from the outside inwards:
 *
 *   envelope_read()    id and operation, by hand, so that whatever is wrong
 *                      further in can be answered
 *   guard_check()      the whole request, before anything is allocated
 *   unpack_message()   the operation's own message, by protobuf-c, into the
 *                      scratch memory
 *   read_*()           its fields into the request
 *
 * protobuf-c ends a `string` at its first NUL and does not look at its
 * encoding, so strings are taken from the bytes themselves.
 *
 * To add an operation, add a read_*() to the table. */
#include "wire/message.h"

#include "base/check.h"
#include "base/utf8.h"
#include "core/limits.h"
#include "core/request.h"
#include "core/response.h"
#include "wire/envelope.h"
#include "wire/field.h"
#include "wire/guard.h"
#include "wire/unpack.h"

#include "cache.pb-c.h"

/* Short names for what protoc-c calls by its full path. */
#define MESSAGE(Name) Cacheserver__V1__##Name
#define CASE(NAME)    CACHESERVER__V1__##NAME

/* The numbers of string fields, as in proto/cache.proto. */
enum { FIELD_BANK = 1, FIELD_LIST_PREFIX = 3 };

static struct slice slice_of_binary(ProtobufCBinaryData bytes)
{
    return slice_of(bytes.data, bytes.len);
}

static bool refuse(struct response *response, const char *what)
{
    response_fail(response, STATUS_INVALID_ARGUMENT, "%s", what);
    return false;
}

/* The first byte marks keys that are numbers in JSON; those are not to be
 * had from here. */
static bool read_key(ProtobufCBinaryData bytes, struct request *request,
                     struct response *response)
{
    request->key = slice_of_binary(bytes);
    if (bytes.len && bytes.data[0] == 0xff) {
        return refuse(response, "key must not begin with the byte 0xFF");
    }
    return true;
}

static bool read_put(const ProtobufCMessage *unpacked, struct request *request,
                     struct response *response)
{
    const MESSAGE(PutRequest) *put = (const void *)unpacked;
    if ((unsigned)put->kind >= VALUE_KIND_COUNT) {
        return refuse(response, "kind is not one of ValueKind");
    }
    request->kind = (enum value_kind)put->kind;
    request->value = slice_of_binary(put->value);
    if (put->lifetime_case == CASE(PUT_REQUEST__LIFETIME_LIFETIME_MS)) {
        request->lifetime = lifetime_of_ms(put->lifetime_ms);
    }
    return read_key(put->key, request, response);
}

static bool read_get(const ProtobufCMessage *unpacked, struct request *request,
                     struct response *response)
{
    const MESSAGE(GetRequest) *get = (const void *)unpacked;
    if (get->touch) {
        request->is_touch = true;
        request->lifetime.rule = LIFETIME_SAME;
    }
    return read_key(get->key, request, response);
}

static bool read_remove(const ProtobufCMessage *unpacked,
                        struct request *request, struct response *response)
{
    const MESSAGE(RemoveRequest) *remove = (const void *)unpacked;
    return read_key(remove->key, request, response);
}

static bool read_change(const MESSAGE(TouchRequest) * touch,
                        struct lifetime *lifetime, struct response *response)
{
    switch ((int)touch->change_case) {
    case CASE(TOUCH_REQUEST__CHANGE_LIFETIME_MS):
        *lifetime = lifetime_of_ms(touch->lifetime_ms);
        return touch->lifetime_ms > 0 ||
               refuse(response, "lifetime_ms must not be 0: say persist");
    case CASE(TOUCH_REQUEST__CHANGE_PERSIST):
        lifetime->rule = LIFETIME_FOREVER;
        return touch->persist ||
               refuse(response, "persist must be true when it is there");
    case CASE(TOUCH_REQUEST__CHANGE_EXPIRE_NOW):
        lifetime->rule = LIFETIME_OVER;
        return touch->expire_now ||
               refuse(response, "expire_now must be true when it is there");
    case CASE(TOUCH_REQUEST__CHANGE__NOT_SET):
    default:
        lifetime->rule = LIFETIME_SAME;
        return true;
    }
}

static bool read_touch(const ProtobufCMessage *unpacked,
                       struct request *request, struct response *response)
{
    const MESSAGE(TouchRequest) *touch = (const void *)unpacked;
    return read_change(touch, &request->lifetime, response) &&
           read_key(touch->key, request, response);
}

static bool read_incr(const ProtobufCMessage *unpacked, struct request *request,
                      struct response *response)
{
    const MESSAGE(IncrRequest) *incr = (const void *)unpacked;
    switch ((int)incr->delta_case) {
    case CASE(INCR_REQUEST__DELTA_REAL):
        request->delta.real = incr->real;
        break;
    case CASE(INCR_REQUEST__DELTA_INTEGER):
        request->delta.is_integer = true;
        request->delta.integer = incr->integer;
        break;
    case CASE(INCR_REQUEST__DELTA__NOT_SET):
    default:
        return refuse(response, "delta must be there, real or integer");
    }
    return read_key(incr->key, request, response);
}

static bool read_bank_list(const ProtobufCMessage *unpacked,
                           struct request *request, struct response *response)
{
    const MESSAGE(BankListRequest) *list = (const void *)unpacked;
    request->cursor = slice_of_binary(list->cursor);
    request->limit = list->limit;
    return utf8_is_valid(request->prefix) ||
           refuse(response, "prefix must be valid UTF-8");
}

static bool read_bank_keys(const ProtobufCMessage *unpacked,
                           struct request *request, struct response *response)
{
    const MESSAGE(BankKeysRequest) *keys = (const void *)unpacked;
    (void)response;
    request->prefix = slice_of_binary(keys->prefix);
    request->cursor = slice_of_binary(keys->cursor);
    request->limit = keys->limit;
    return true;
}

/* Each limit is the only member of its oneof. */
static bool read_bank_configure(const ProtobufCMessage *unpacked,
                                struct request *request,
                                struct response *response)
{
    const MESSAGE(BankConfigureRequest) *configure = (const void *)unpacked;
    (void)response;
    request->change = (struct bank_change){
        .limits = {configure->reserved, configure->maximum, configure->weight},
        .has_reserved = configure->reserve_case != 0,
        .has_maximum = configure->most_case != 0,
        .has_weight = configure->share_case != 0,
    };
    return true;
}

static bool read_nothing(const ProtobufCMessage *unpacked,
                         struct request *request, struct response *response)
{
    (void)unpacked;
    (void)request;
    (void)response;
    return true;
}

/* Each takes the fields of its message, except strings, which are there
 * already; false with the response filled when they are no request. */
static bool (*const readers[OP_COUNT])(const ProtobufCMessage *unpacked,
                                       struct request *request,
                                       struct response *response) = {
    [OP_PUT] = read_put,
    [OP_GET] = read_get,
    [OP_REMOVE] = read_remove,
    [OP_TOUCH] = read_touch,
    [OP_INCR] = read_incr,
    [OP_BANK_LIST] = read_bank_list,
    [OP_BANK_KEYS] = read_bank_keys,
    [OP_BANK_RESET] = read_nothing,
    [OP_BANK_STATS] = read_nothing,
    [OP_BANK_CONFIGURE] = read_bank_configure,
    [OP_HELLO] = read_nothing,
    [OP_PING] = read_nothing,
};

static void read_strings(enum op op, struct slice message,
                         struct request *request)
{
    if (op_info(op)->flags & OP_BANK) {
        request->bank = field_find(message, FIELD_BANK);
    }
    if (op == OP_BANK_LIST) {
        request->prefix = field_find(message, FIELD_LIST_PREFIX);
    }
}

static const ProtobufCMessageDescriptor *shape_of(uint32_t number)
{
    return protobuf_c_message_descriptor_get_field(
               &cacheserver__v1__request__descriptor, number)
        ->descriptor;
}

/* Decodes the operation in `envelope`; `fields` are those of the whole. */
static bool read_op(const struct envelope *envelope, size_t fields,
                    struct buffer *scratch, struct request *request,
                    struct response *response)
{
    enum op op = op_of_number(envelope->number);
    CHECK(op != OP_NONE);
    const ProtobufCMessage *unpacked;
    enum status status =
        unpack_message(envelope->message, shape_of(envelope->number), fields,
                       scratch, &unpacked);
    if (status) {
        response_fail(response, status, "the request does not unpack: %s",
                      status_text(status));
        return false;
    }
    read_strings(op, envelope->message, request);
    if (!readers[op](unpacked, request, response)) {
        return false;
    }
    request->op = op;
    return true;
}

static bool read_body(const struct envelope *envelope, struct slice body,
                      struct buffer *scratch, struct request *request,
                      struct response *response)
{
    static const struct guard_bounds bounds = {
        .fields_max = MESSAGE_FIELDS_MAX,
        .elements_max = REQUEST_ELEMENTS_MAX,
    };
    size_t fields;
    const char *fault = guard_check(body, &cacheserver__v1__request__descriptor,
                                    &bounds, &fields);
    if (fault) {
        response_fail(response, STATUS_INVALID_ARGUMENT,
                      "the request does not parse: %s", fault);
        return false;
    }
    if (envelope->number) {
        return read_op(envelope, fields, scratch, request, response);
    }
    if (envelope->unknown) {
        response_fail(response, STATUS_UNIMPLEMENTED,
                      "this server has no op with number %u",
                      (unsigned)envelope->unknown);
        return false;
    }
    return refuse(response, "the request has no op");
}

enum message message_decode_request(struct slice body, struct buffer *scratch,
                                    struct request *request,
                                    struct response *response)
{
    struct envelope envelope;
    enum envelope_state state = envelope_read(body, &envelope);
    if (state == ENVELOPE_BAD) {
        return MESSAGE_BAD;
    }
    request->id = envelope.id;
    if (state == ENVELOPE_BROKEN) {
        response_fail(response, STATUS_INVALID_ARGUMENT,
                      "the request does not parse: %s", envelope.fault);
        return MESSAGE_REFUSED;
    }
    return read_body(&envelope, body, scratch, request, response)
               ? MESSAGE_READY
               : MESSAGE_REFUSED;
}
