/* The client's end leaves everything to protobuf-c, both ways, which makes it
 * the proof of what the server's end does by hand.
 *
 * To add an operation, add a write_*() and a take_*() to the tables. */
#include "wire/message.h"

#include "core/limits.h"
#include "core/request.h"
#include "core/response.h"
#include "wire/envelope.h"
#include "wire/frame.h"
#include "wire/guard.h"
#include "wire/unpack.h"

#include "cache.pb-c.h"

#include <inttypes.h>
#include <stdio.h>

/* Short names for what protoc-c calls by its full path. */
#define MESSAGE(Name) Cacheserver__V1__##Name
#define CASE(NAME)    CACHESERVER__V1__##NAME

/* A request while it is put together: the envelope, room for whichever
 * message goes into it, and the strings, which protobuf-c wants terminated. */
struct outgoing {
    MESSAGE(Request) envelope;
    union {
        MESSAGE(PutRequest) put;
        MESSAGE(GetRequest) get;
        MESSAGE(RemoveRequest) remove;
        MESSAGE(TouchRequest) touch;
        MESSAGE(IncrRequest) incr;
        MESSAGE(BankListRequest) bank_list;
        MESSAGE(BankKeysRequest) bank_keys;
        MESSAGE(BankResetRequest) bank_reset;
        MESSAGE(BankStatsRequest) bank_stats;
        MESSAGE(BankConfigureRequest) bank_configure;
        MESSAGE(HelloRequest) hello;
        MESSAGE(PingRequest) ping;
    } op;
    char bank[BANK_LEN_MAX + 1];
    char prefix[BANK_LEN_MAX + 1];
};

static ProtobufCBinaryData binary_of(struct slice bytes)
{
    union {
        const char *borrowed;
        uint8_t *data; /* protobuf-c's type; packing only reads */
    } pointer = {bytes.data};
    return (ProtobufCBinaryData){bytes.len, pointer.data};
}

static void write_put(const struct request *request, struct outgoing *out)
{
    MESSAGE(PutRequest) *put = &out->op.put;
    cacheserver__v1__put_request__init(put);
    put->bank = out->bank;
    put->key = binary_of(request->key);
    put->value = binary_of(request->value);
    put->kind = (MESSAGE(ValueKind))request->kind;
    if (request->lifetime.rule == LIFETIME_NEW) {
        put->lifetime_case = CASE(PUT_REQUEST__LIFETIME_LIFETIME_MS);
        put->lifetime_ms = request->lifetime.ms;
    } else if (request->lifetime.rule == LIFETIME_FOREVER) {
        put->lifetime_case = CASE(PUT_REQUEST__LIFETIME_LIFETIME_MS);
    }
    out->envelope.put = put;
}

static void write_get(const struct request *request, struct outgoing *out)
{
    MESSAGE(GetRequest) *get = &out->op.get;
    cacheserver__v1__get_request__init(get);
    get->bank = out->bank;
    get->key = binary_of(request->key);
    get->touch = request->is_touch;
    out->envelope.get = get;
}

static void write_remove(const struct request *request, struct outgoing *out)
{
    MESSAGE(RemoveRequest) *remove = &out->op.remove;
    cacheserver__v1__remove_request__init(remove);
    remove->bank = out->bank;
    remove->key = binary_of(request->key);
    out->envelope.remove = remove;
}

static void write_change(struct lifetime lifetime,
                         MESSAGE(TouchRequest) * touch)
{
    switch (lifetime.rule) {
    case LIFETIME_FOREVER:
        touch->change_case = CASE(TOUCH_REQUEST__CHANGE_PERSIST);
        touch->persist = true;
        break;
    case LIFETIME_NEW:
        touch->change_case = CASE(TOUCH_REQUEST__CHANGE_LIFETIME_MS);
        touch->lifetime_ms = lifetime.ms;
        break;
    case LIFETIME_OVER:
        touch->change_case = CASE(TOUCH_REQUEST__CHANGE_EXPIRE_NOW);
        touch->expire_now = true;
        break;
    case LIFETIME_DEFAULT:
    case LIFETIME_SAME:
        break;
    }
}

static void write_touch(const struct request *request, struct outgoing *out)
{
    MESSAGE(TouchRequest) *touch = &out->op.touch;
    cacheserver__v1__touch_request__init(touch);
    touch->bank = out->bank;
    touch->key = binary_of(request->key);
    write_change(request->lifetime, touch);
    out->envelope.touch = touch;
}

static void write_incr(const struct request *request, struct outgoing *out)
{
    MESSAGE(IncrRequest) *incr = &out->op.incr;
    cacheserver__v1__incr_request__init(incr);
    incr->bank = out->bank;
    incr->key = binary_of(request->key);
    const struct number *delta = &request->increment.delta;
    if (delta->is_integer) {
        incr->delta_case = CASE(INCR_REQUEST__DELTA_INTEGER);
        incr->integer = delta->integer;
    } else {
        incr->delta_case = CASE(INCR_REQUEST__DELTA_REAL);
        incr->real = delta->real;
    }
    out->envelope.incr = incr;
}

static void write_bank_list(const struct request *request, struct outgoing *out)
{
    MESSAGE(BankListRequest) *list = &out->op.bank_list;
    cacheserver__v1__bank_list_request__init(list);
    list->prefix = out->prefix;
    list->cursor = binary_of(request->cursor);
    list->limit = request->limit;
    out->envelope.bank_list = list;
}

static void write_bank_keys(const struct request *request, struct outgoing *out)
{
    MESSAGE(BankKeysRequest) *keys = &out->op.bank_keys;
    cacheserver__v1__bank_keys_request__init(keys);
    keys->bank = out->bank;
    keys->prefix = binary_of(request->prefix);
    keys->cursor = binary_of(request->cursor);
    keys->limit = request->limit;
    out->envelope.bank_keys = keys;
}

static void write_bank_reset(const struct request *request,
                             struct outgoing *out)
{
    (void)request;
    cacheserver__v1__bank_reset_request__init(&out->op.bank_reset);
    out->op.bank_reset.bank = out->bank;
    out->envelope.bank_reset = &out->op.bank_reset;
}

static void write_bank_stats(const struct request *request,
                             struct outgoing *out)
{
    (void)request;
    cacheserver__v1__bank_stats_request__init(&out->op.bank_stats);
    out->op.bank_stats.bank = out->bank;
    out->envelope.bank_stats = &out->op.bank_stats;
}

static void write_bank_configure(const struct request *request,
                                 struct outgoing *out)
{
    const struct bank_change *change = &request->change;
    MESSAGE(BankConfigureRequest) *configure = &out->op.bank_configure;
    cacheserver__v1__bank_configure_request__init(configure);
    configure->bank = out->bank;
    if (change->has_reserved) {
        configure->reserve_case =
            CASE(BANK_CONFIGURE_REQUEST__RESERVE_RESERVED);
        configure->reserved = change->limits.reserved;
    }
    if (change->has_maximum) {
        configure->most_case = CASE(BANK_CONFIGURE_REQUEST__MOST_MAXIMUM);
        configure->maximum = change->limits.maximum;
    }
    if (change->has_weight) {
        configure->share_case = CASE(BANK_CONFIGURE_REQUEST__SHARE_WEIGHT);
        configure->weight = (uint32_t)change->limits.weight;
    }
    out->envelope.bank_configure = configure;
}

static void write_hello(const struct request *request, struct outgoing *out)
{
    (void)request;
    cacheserver__v1__hello_request__init(&out->op.hello);
    out->envelope.hello = &out->op.hello;
}

static void write_ping(const struct request *request, struct outgoing *out)
{
    (void)request;
    cacheserver__v1__ping_request__init(&out->op.ping);
    out->envelope.ping = &out->op.ping;
}

static void (*const writers[OP_COUNT])(const struct request *request,
                                       struct outgoing *out) = {
    [OP_PUT] = write_put,
    [OP_GET] = write_get,
    [OP_REMOVE] = write_remove,
    [OP_TOUCH] = write_touch,
    [OP_INCR] = write_incr,
    [OP_BANK_LIST] = write_bank_list,
    [OP_BANK_KEYS] = write_bank_keys,
    [OP_BANK_RESET] = write_bank_reset,
    [OP_BANK_STATS] = write_bank_stats,
    [OP_BANK_CONFIGURE] = write_bank_configure,
    [OP_HELLO] = write_hello,
    [OP_PING] = write_ping,
};

static bool terminate(struct slice bytes, char text[BANK_LEN_MAX + 1])
{
    if (bytes.len > BANK_LEN_MAX ||
        (bytes.len && memchr(bytes.data, '\0', bytes.len))) {
        return false;
    }
    if (bytes.len) {
        memcpy(text, bytes.data, bytes.len);
    }
    text[bytes.len] = '\0';
    return true;
}

static enum status pack_frame(const ProtobufCMessage *message,
                              struct buffer *out)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    if (len > FRAME_LEN_MAX) {
        return STATUS_INVALID_ARGUMENT;
    }
    char *room = buffer_reserve(out, FRAME_HEADER_LEN + len);
    if (!room) {
        return STATUS_NOMEM;
    }
    frame_put_header(room, len);
    protobuf_c_message_pack(message, (uint8_t *)room + FRAME_HEADER_LEN);
    buffer_commit(out, FRAME_HEADER_LEN + len);
    return STATUS_OK;
}

enum status message_encode_request(const struct request *request,
                                   struct buffer *out)
{
    struct outgoing outgoing;
    bool has_name_prefix = request->op == OP_BANK_LIST;
    struct slice prefix = has_name_prefix ? request->prefix : slice_of("", 0);
    if (request->op == OP_NONE) {
        return STATUS_INVALID_ARGUMENT;
    }
    if (!writers[request->op]) {
        return STATUS_UNIMPLEMENTED;
    }
    if (!terminate(request->bank, outgoing.bank) ||
        !terminate(prefix, outgoing.prefix)) {
        return STATUS_INVALID_ARGUMENT;
    }
    cacheserver__v1__request__init(&outgoing.envelope);
    outgoing.envelope.id = request->id;
    outgoing.envelope.op_case =
        (MESSAGE(Request__OpCase))op_info(request->op)->number;
    writers[request->op](request, &outgoing);
    return pack_frame(&outgoing.envelope.base, out);
}

static enum status take_nothing(const ProtobufCMessage *unpacked,
                                struct response *response)
{
    (void)unpacked;
    (void)response;
    return STATUS_OK;
}

static enum status take_get(const ProtobufCMessage *unpacked,
                            struct response *response)
{
    const MESSAGE(GetResponse) *get = (const void *)unpacked;
    response->kind = (unsigned)get->kind < VALUE_KIND_COUNT
                         ? (enum value_kind)get->kind
                         : VALUE_BYTES;
    return buffer_append(&response->body,
                         slice_of(get->value.data, get->value.len));
}

static enum status take_incr(const ProtobufCMessage *unpacked,
                             struct response *response)
{
    const MESSAGE(IncrResponse) *incr = (const void *)unpacked;
    switch ((int)incr->sum_case) {
    case CASE(INCR_RESPONSE__SUM_REAL):
        response->number = (struct number){.real = incr->real};
        return STATUS_OK;
    case CASE(INCR_RESPONSE__SUM_INTEGER):
        response->number.is_integer = true;
        response->number.integer = incr->integer;
        return STATUS_OK;
    case CASE(INCR_RESPONSE__SUM__NOT_SET):
    default:
        return STATUS_INVALID_ARGUMENT;
    }
}

static enum status take_cursor(ProtobufCBinaryData cursor,
                               struct response *response)
{
    if (cursor.len > CURSOR_LEN_MAX) {
        return STATUS_INVALID_ARGUMENT;
    }
    if (cursor.len) {
        memcpy(response->cursor, cursor.data, cursor.len);
    }
    response->cursor_len = cursor.len;
    return STATUS_OK;
}

static enum status take_bank_list(const ProtobufCMessage *unpacked,
                                  struct response *response)
{
    const MESSAGE(BankListResponse) *list = (const void *)unpacked;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < list->n_banks && !status; i++) {
        status = response_add_item(response, slice_of_string(list->banks[i]));
    }
    return status ? status : take_cursor(list->cursor, response);
}

static enum status take_bank_keys(const ProtobufCMessage *unpacked,
                                  struct response *response)
{
    const MESSAGE(BankKeysResponse) *list = (const void *)unpacked;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < list->n_keys && !status; i++) {
        struct slice key = slice_of(list->keys[i].data, list->keys[i].len);
        status = response_add_item(response, key);
    }
    return status ? status : take_cursor(list->cursor, response);
}

static enum status take_bank_stats(const ProtobufCMessage *unpacked,
                                   struct response *response)
{
    const MESSAGE(BankStatsResponse) *stats = (const void *)unpacked;
#define STAT(name, number) response->stats.name = (uint64_t)stats->name;
#include "core/bank_stats.def"
#undef STAT
    return STATUS_OK;
}

static enum status take_bank_limits(const ProtobufCMessage *unpacked,
                                    struct response *response)
{
    const MESSAGE(BankConfigureResponse) *limits = (const void *)unpacked;
#define LIMIT(name, ...) response->limits.name = (uint64_t)limits->name;
#include "core/bank_limits.def"
#undef LIMIT
    return STATUS_OK;
}

static enum status add_pair(struct response *response, const char *name,
                            const char *value)
{
    enum status status = response_add_item(response, slice_of_string(name));
    return status ? status
                  : response_add_item(response, slice_of_string(value));
}

/* The names of limits are short; one that is not would come out cut. */
static enum status add_limit(struct response *response,
                             const MESSAGE(Limit) * limit)
{
    char name[128];
    char value[24];
    snprintf(name, sizeof name, "limit:%s", limit->name);
    snprintf(value, sizeof value, "%" PRIu64, limit->value);
    return add_pair(response, name, value);
}

static enum status take_hello(const ProtobufCMessage *unpacked,
                              struct response *response)
{
    const MESSAGE(HelloResponse) *hello = (const void *)unpacked;
    enum status status = add_pair(response, "version", hello->version);
    for (size_t i = 0; i < hello->n_features && !status; i++) {
        status = add_pair(response, "feature", hello->features[i]);
    }
    for (size_t i = 0; i < hello->n_limits && !status; i++) {
        status = add_limit(response, hello->limits[i]);
    }
    return status;
}

static enum status (*const takers[OP_COUNT])(const ProtobufCMessage *unpacked,
                                             struct response *response) = {
    [OP_PUT] = take_nothing,
    [OP_GET] = take_get,
    [OP_REMOVE] = take_nothing,
    [OP_TOUCH] = take_nothing,
    [OP_INCR] = take_incr,
    [OP_BANK_LIST] = take_bank_list,
    [OP_BANK_KEYS] = take_bank_keys,
    [OP_BANK_RESET] = take_nothing,
    [OP_BANK_STATS] = take_bank_stats,
    [OP_BANK_CONFIGURE] = take_bank_limits,
    [OP_HELLO] = take_hello,
    [OP_PING] = take_nothing,
};

/* Codes that two statuses share mean the first of them. */
static enum status status_of_code(int code)
{
    for (enum status status = STATUS_OK + 1; status < STATUS_COUNT; status++) {
        if (status_code(status) == code) {
            return status;
        }
    }
    return STATUS_UNKNOWN;
}

static enum status take_error(const ProtobufCMessage *unpacked,
                              struct response *response)
{
    const MESSAGE(Error) *error = (const void *)unpacked;
    response_fail(response, status_of_code((int)error->code), "%s",
                  error->message);
    return STATUS_OK;
}

static enum status take_message(const struct envelope *envelope, size_t fields,
                                struct buffer *scratch,
                                struct response *response)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(
            &cacheserver__v1__response__descriptor, envelope->number);
    const ProtobufCMessage *unpacked;
    enum status status = unpack_message(envelope->message, field->descriptor,
                                        fields, scratch, &unpacked);
    if (status) {
        return status;
    }
    return envelope->number == ENVELOPE_ERROR
               ? take_error(unpacked, response)
               : takers[op_of_number(envelope->number)](unpacked, response);
}

enum status message_decode_response(struct slice body, struct buffer *scratch,
                                    struct message_head *head,
                                    struct response *response)
{
    static const struct guard_bounds bounds = {
        .fields_max = MESSAGE_FIELDS_MAX,
        .elements_max = RESPONSE_ELEMENTS_MAX,
    };
    struct envelope envelope;
    size_t fields;
    enum envelope_state state = envelope_read(body, &envelope);
    *head = (struct message_head){.id = envelope.id};
    response_clear(response);
    if (state != ENVELOPE_READY || envelope.number == 0 ||
        guard_check(body, &cacheserver__v1__response__descriptor, &bounds,
                    &fields)) {
        return STATUS_INVALID_ARGUMENT;
    }
    head->op = op_of_number(envelope.number);
    if (head->op && !takers[head->op]) {
        return STATUS_UNIMPLEMENTED;
    }
    return take_message(&envelope, fields, scratch, response);
}
