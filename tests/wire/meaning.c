/* Every operation's message is put into a struct request after what
 * proto/cache.proto says of its fields, without a look at how the server's
 * codec does that. */
#include "wire/meaning.h"

#include "base/utf8.h"
#include "support/test.h"
#include "wire/field.h"
#include "wire/message.h"
#include "wire/same.h"

#include <stdlib.h>

/* Short names for what protoc-c calls by its full path. */
#define MESSAGE(Name) Cacheserver__V1__##Name
#define CASE(NAME)    CACHESERVER__V1__##NAME

static struct slice slice_of_binary(ProtobufCBinaryData bytes)
{
    return slice_of(bytes.data, bytes.len);
}

/* Of several reasons the first counts. */
static void refuse_if(struct meaning *meaning, bool is_wrong, const char *why)
{
    if (is_wrong && !meaning->refusal) {
        meaning->refusal = why;
    }
}

static struct slice key_of(struct meaning *meaning, ProtobufCBinaryData bytes)
{
    refuse_if(meaning, bytes.len && bytes.data[0] == 0xff,
              "key must not begin with the byte 0xFF");
    return slice_of_binary(bytes);
}

static enum value_kind kind_of(struct meaning *meaning, MESSAGE(ValueKind) kind)
{
    refuse_if(meaning,
              !protobuf_c_enum_descriptor_get_value(
                  &cacheserver__v1__value_kind__descriptor, (int)kind),
              "kind is not one of ValueKind");
    return (enum value_kind)kind;
}

/* A change of a lifetime; its members have the same numbers wherever it
 * stands. Absent: again what it was. */
static struct lifetime changed(struct meaning *meaning, unsigned number,
                               uint64_t value)
{
    switch (number) {
    case CASE(TOUCH_REQUEST__CHANGE_LIFETIME_MS):
        refuse_if(meaning, !value, "lifetime_ms must not be 0: say persist");
        return lifetime_of_ms(value);
    case CASE(TOUCH_REQUEST__CHANGE_PERSIST):
        refuse_if(meaning, !value, "persist must be true when it is there");
        return (struct lifetime){.rule = LIFETIME_FOREVER};
    case CASE(TOUCH_REQUEST__CHANGE_EXPIRE_NOW):
        refuse_if(meaning, !value, "expire_now must be true when it is there");
        return (struct lifetime){.rule = LIFETIME_OVER};
    default:
        return (struct lifetime){.rule = LIFETIME_SAME};
    }
}

static void mean_put_condition(const MESSAGE(PutRequest) * put,
                               struct meaning *meaning)
{
    struct condition *condition = &meaning->request.condition;
    switch ((int)put->condition_case) {
    case CASE(PUT_REQUEST__CONDITION_IF_ABSENT):
        condition->rule = CONDITION_ABSENT;
        refuse_if(meaning, !put->if_absent,
                  "if_absent must be true when it is there");
        break;
    case CASE(PUT_REQUEST__CONDITION_IF_PRESENT):
        condition->rule = CONDITION_PRESENT;
        refuse_if(meaning, !put->if_present,
                  "if_present must be true when it is there");
        break;
    case CASE(PUT_REQUEST__CONDITION_IF_VERSION):
        condition->rule = CONDITION_VERSION;
        condition->version = put->if_version;
        break;
    case CASE(PUT_REQUEST__CONDITION_IF_VALUE):
        condition->rule = CONDITION_VALUE;
        condition->value = slice_of_binary(put->if_value);
        break;
    default:
        break;
    }
}

static void mean_put(struct meaning *meaning)
{
    const MESSAGE(PutRequest) *put = meaning->message->put;
    struct request *request = &meaning->request;
    request->bank = slice_of_string(put->bank);
    request->key = key_of(meaning, put->key);
    request->value = slice_of_binary(put->value);
    if (put->lifetime_case) {
        request->lifetime = lifetime_of_ms(put->lifetime_ms);
    }
    mean_put_condition(put, meaning);
    request->kind = kind_of(meaning, put->kind);
    request->wants_previous = put->return_previous;
    request->wants_version = put->return_version;
}

static void mean_get(struct meaning *meaning)
{
    const MESSAGE(GetRequest) *get = meaning->message->get;
    struct request *request = &meaning->request;
    request->bank = slice_of_string(get->bank);
    request->key = key_of(meaning, get->key);
    refuse_if(meaning, get->touch && get->change_case,
              "touch excludes lifetime_ms and persist");
    request->is_touch = get->touch || get->change_case;
    if (request->is_touch) {
        uint64_t value =
            get->change_case == CASE(GET_REQUEST__CHANGE_LIFETIME_MS)
                ? get->lifetime_ms
                : (uint64_t)get->persist;
        request->lifetime = changed(meaning, get->change_case, value);
    }
    request->wants_version = get->return_version;
    request->wants_lifetime = get->return_lifetime;
}

static void mean_remove(struct meaning *meaning)
{
    const MESSAGE(RemoveRequest) *remove = meaning->message->remove;
    struct request *request = &meaning->request;
    request->bank = slice_of_string(remove->bank);
    request->key = key_of(meaning, remove->key);
    if (remove->condition_case == CASE(REMOVE_REQUEST__CONDITION_IF_VERSION)) {
        request->condition.rule = CONDITION_VERSION;
        request->condition.version = remove->if_version;
    } else if (remove->condition_case) {
        request->condition.rule = CONDITION_VALUE;
        request->condition.value = slice_of_binary(remove->if_value);
    }
    request->wants_previous = remove->return_previous;
}

static void mean_touch(struct meaning *meaning)
{
    const MESSAGE(TouchRequest) *touch = meaning->message->touch;
    struct request *request = &meaning->request;
    request->bank = slice_of_string(touch->bank);
    request->key = key_of(meaning, touch->key);
    uint64_t value =
        touch->change_case == CASE(TOUCH_REQUEST__CHANGE_LIFETIME_MS)
            ? touch->lifetime_ms
            : (uint64_t)touch->persist;
    request->lifetime = changed(meaning, touch->change_case, value);
}

static bool mean_number(struct meaning *meaning, const MESSAGE(Number) * got,
                        struct number *number)
{
    if (!got) {
        return false;
    }
    refuse_if(meaning, !got->number_case,
              "initial, minimum and maximum must be real or integer when "
              "they are there");
    if (got->number_case == CASE(NUMBER__NUMBER_INTEGER)) {
        *number = (struct number){.is_integer = true, .integer = got->integer};
    } else {
        *number = (struct number){.real = got->real};
    }
    return true;
}

static void mean_incr(struct meaning *meaning)
{
    const MESSAGE(IncrRequest) *incr = meaning->message->incr;
    struct increment *increment = &meaning->request.increment;
    meaning->request.bank = slice_of_string(incr->bank);
    meaning->request.key = key_of(meaning, incr->key);
    refuse_if(meaning, !incr->delta_case,
              "delta must be there, real or integer");
    if (incr->delta_case == CASE(INCR_REQUEST__DELTA_INTEGER)) {
        increment->delta.is_integer = true;
        increment->delta.integer = incr->integer;
    } else {
        increment->delta.real = incr->real;
    }
    if (incr->lifetime_case) {
        increment->lifetime = lifetime_of_ms(incr->lifetime_ms);
    }
    increment->has_initial =
        mean_number(meaning, incr->initial, &increment->initial);
    increment->has_minimum =
        mean_number(meaning, incr->minimum, &increment->minimum);
    increment->has_maximum =
        mean_number(meaning, incr->maximum, &increment->maximum);
    increment->saturates = incr->saturate;
}

static struct batch_item *make_items(struct meaning *meaning, size_t count)
{
    meaning->items = calloc(count + 1, sizeof *meaning->items);
    meaning->request.items = meaning->items;
    meaning->request.item_count = count;
    return meaning->items;
}

static void mean_keys(struct meaning *meaning, size_t count,
                      const ProtobufCBinaryData *keys)
{
    struct batch_item *items = make_items(meaning, count);
    for (size_t i = 0; items && i < count; i++) {
        items[i].key = key_of(meaning, keys[i]);
    }
}

static void mean_get_many(struct meaning *meaning)
{
    const MESSAGE(GetManyRequest) *many = meaning->message->get_many;
    meaning->request.bank = slice_of_string(many->bank);
    meaning->request.wants_version = many->return_version;
    mean_keys(meaning, many->n_keys, many->keys);
}

static void mean_put_item(struct meaning *meaning,
                          const MESSAGE(PutManyItem) * got,
                          struct batch_item *item)
{
    item->value = slice_of_binary(got->value);
    item->kind = kind_of(meaning, got->kind);
    if (got->lifetime_case) {
        item->lifetime = lifetime_of_ms(got->lifetime_ms);
    }
}

static void mean_put_many(struct meaning *meaning)
{
    const MESSAGE(PutManyRequest) *many = meaning->message->put_many;
    meaning->request.bank = slice_of_string(many->bank);
    struct batch_item *items = make_items(meaning, many->n_items);
    for (size_t i = 0; items && i < many->n_items; i++) {
        mean_put_item(meaning, many->items[i], &items[i]);
    }
    for (size_t i = 0; items && i < many->n_items; i++) {
        items[i].key = key_of(meaning, many->items[i]->key);
    }
}

static void mean_remove_many(struct meaning *meaning)
{
    const MESSAGE(RemoveManyRequest) *many = meaning->message->remove_many;
    meaning->request.bank = slice_of_string(many->bank);
    mean_keys(meaning, many->n_keys, many->keys);
}

static void mean_touch_many(struct meaning *meaning)
{
    const MESSAGE(TouchManyRequest) *many = meaning->message->touch_many;
    meaning->request.bank = slice_of_string(many->bank);
    uint64_t value =
        many->change_case == CASE(TOUCH_MANY_REQUEST__CHANGE_LIFETIME_MS)
            ? many->lifetime_ms
            : (uint64_t)many->persist;
    meaning->request.lifetime = changed(meaning, many->change_case, value);
    mean_keys(meaning, many->n_keys, many->keys);
}

static void mean_meta(struct meaning *meaning)
{
    const MESSAGE(MetaRequest) *meta = meaning->message->meta;
    meaning->request.bank = slice_of_string(meta->bank);
    meaning->request.key = key_of(meaning, meta->key);
    meaning->request.wants_version = meta->return_version;
}

static void mean_append(struct meaning *meaning)
{
    const MESSAGE(AppendRequest) *append = meaning->message->append;
    meaning->request.bank = slice_of_string(append->bank);
    meaning->request.key = key_of(meaning, append->key);
    meaning->request.value = slice_of_binary(append->value);
    meaning->request.size_max = append->max_size;
}

static void mean_prepend(struct meaning *meaning)
{
    const MESSAGE(PrependRequest) *prepend = meaning->message->prepend;
    meaning->request.bank = slice_of_string(prepend->bank);
    meaning->request.key = key_of(meaning, prepend->key);
    meaning->request.value = slice_of_binary(prepend->value);
    meaning->request.size_max = prepend->max_size;
}

static void mean_bank_list(struct meaning *meaning)
{
    const MESSAGE(BankListRequest) *list = meaning->message->bank_list;
    meaning->request.prefix = slice_of_string(list->prefix);
    meaning->request.cursor = slice_of_binary(list->cursor);
    meaning->request.limit = list->limit;
    meaning->request.wants_counts = list->counts;
    refuse_if(meaning, !utf8_is_valid(meaning->request.prefix),
              "prefix must be valid UTF-8");
}

static void mean_bank_keys(struct meaning *meaning)
{
    const MESSAGE(BankKeysRequest) *list = meaning->message->bank_keys;
    meaning->request.bank = slice_of_string(list->bank);
    meaning->request.prefix = slice_of_binary(list->prefix);
    meaning->request.cursor = slice_of_binary(list->cursor);
    meaning->request.limit = list->limit;
}

static void mean_bank_entries(struct meaning *meaning)
{
    const MESSAGE(BankEntriesRequest) *list = meaning->message->bank_entries;
    meaning->request.bank = slice_of_string(list->bank);
    meaning->request.prefix = slice_of_binary(list->prefix);
    meaning->request.cursor = slice_of_binary(list->cursor);
    meaning->request.limit = list->limit;
}

static void mean_remove_by_prefix(struct meaning *meaning)
{
    const MESSAGE(RemoveByPrefixRequest) *remove =
        meaning->message->remove_by_prefix;
    meaning->request.bank = slice_of_string(remove->bank);
    meaning->request.prefix = slice_of_binary(remove->prefix);
    meaning->request.cursor = slice_of_binary(remove->cursor);
}

static void mean_bank_reset(struct meaning *meaning)
{
    meaning->request.bank = slice_of_string(meaning->message->bank_reset->bank);
}

static void mean_bank_stats(struct meaning *meaning)
{
    meaning->request.bank = slice_of_string(meaning->message->bank_stats->bank);
}

static void mean_bank_configure(struct meaning *meaning)
{
    const MESSAGE(BankConfigureRequest) *configure =
        meaning->message->bank_configure;
    struct bank_change *change = &meaning->request.change;
    meaning->request.bank = slice_of_string(configure->bank);
    const struct {
        bool is_there;
        uint64_t value;
        bool *has;
        uint64_t *limit;
    } limits[] = {
#define ROW(oneof, name)                                                       \
    {configure->oneof##_case != 0, (uint64_t)configure->name,                  \
     &change->has_##name, &change->limits.name},
        ROW(reserve, reserved) ROW(most, maximum) ROW(share, weight)
            ROW(count, maximum_entries) ROW(usual, default_lifetime_ms)
                ROW(longest, maximum_lifetime_ms) ROW(spread, lifetime_jitter)
                    ROW(access, read_only)
#undef ROW
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        *limits[i].has = limits[i].is_there;
        *limits[i].limit = limits[i].is_there ? limits[i].value : 0;
    }
    if (configure->full_case) {
        change->has_when_full = true;
        change->limits.when_full = (uint32_t)configure->when_full;
    }
}

static void mean_bank_drop(struct meaning *meaning)
{
    meaning->request.bank = slice_of_string(meaning->message->bank_drop->bank);
}

static void mean_bank_rename(struct meaning *meaning)
{
    const MESSAGE(BankRenameRequest) *rename = meaning->message->bank_rename;
    meaning->request.bank = slice_of_string(rename->bank);
    meaning->request.other = slice_of_string(rename->to);
}

static void mean_bank_swap(struct meaning *meaning)
{
    const MESSAGE(BankSwapRequest) *swap = meaning->message->bank_swap;
    meaning->request.bank = slice_of_string(swap->bank);
    meaning->request.other = slice_of_string(swap->other);
}

static void mean_hello(struct meaning *meaning)
{
    (void)meaning;
}

static void mean_ping(struct meaning *meaning)
{
    (void)meaning;
}

bool meaning_read(struct meaning *meaning, struct slice body)
{
    static void (*const readers[OP_COUNT])(struct meaning * meaning) = {
#define OP(NAME, name, number, flags) [OP_##NAME] = mean_##name,
#include "core/op.def"
#undef OP
    };
    *meaning =
        (struct meaning){.message = cacheserver__v1__request__unpack(
                             NULL, body.len, (const uint8_t *)body.data)};
    if (!meaning->message) {
        return false;
    }
    meaning->request.id = meaning->message->id;
    meaning->request.deadline_ms = meaning->message->deadline_ms;
    enum op op = op_of_number(meaning->message->op_case);
    refuse_if(meaning, op == OP_NONE, "");
    if (op) {
        readers[op](meaning);
    }
    meaning->request.op = meaning->refusal ? OP_NONE : op;
    return true;
}

void meaning_fini(struct meaning *meaning)
{
    cacheserver__v1__request__free_unpacked(meaning->message, NULL);
    free(meaning->items);
}

/* As protobuf-c has a string. */
static void end_at_nul(struct slice *text)
{
    const char *nul = text->len ? memchr(text->data, '\0', text->len) : NULL;
    if (nul) {
        text->len = (size_t)(nul - text->data);
    }
}

static bool same_as_meant(struct request *got, const struct meaning *meaning)
{
    bool held = EXPECT(meaning->refusal == NULL);
    end_at_nul(&got->bank);
    end_at_nul(&got->other);
    if (got->op == OP_BANK_LIST) {
        end_at_nul(&got->prefix);
    }
    return held && same_request(got, &meaning->request, op_info(got->op)->name);
}

/* The server looks at the whole of a prefix, protobuf-c ends it at a NUL. */
static bool refused_as_meant(const struct request *got,
                             const struct response *response,
                             const struct meaning *meaning)
{
    bool held = EXPECT(got->id == meaning->message->id);
    held = EXPECT_INT(got->op, OP_NONE) && held;
    if (got->prefix.len && memchr(got->prefix.data, '\0', got->prefix.len)) {
        return held;
    }
    held = EXPECT(meaning->refusal != NULL) && held;
    if (!meaning->refusal || !meaning->refusal[0]) {
        return held;
    }
    held = EXPECT_INT(response->status, STATUS_INVALID_ARGUMENT) && held;
    return EXPECT_TEXT(slice_of_string(response->message), meaning->refusal) &&
           held;
}

/* protobuf-c gives up when it has to put two Numbers together that are both
 * empty; those are in messages of incr. */
static bool may_baffle_protobuf_c(struct slice body)
{
    return field_find(body, CASE(REQUEST__OP_INCR)).data != NULL;
}

/* What protobuf-c cannot read is to be refused, too. */
bool meaning_holds(struct slice body, bool must_parse)
{
    const struct slice no_parse = SLICE_LITERAL("the request does not parse");
    struct request got;
    struct response response = {0};
    struct buffer scratch = {0};
    request_init(&got);
    enum message message =
        message_decode_request(body, &scratch, &got, &response);
    bool parses =
        message == MESSAGE_READY ||
        (message == MESSAGE_REFUSED &&
         !slice_starts_with(slice_of_string(response.message), no_parse));
    struct meaning meaning;
    bool held = EXPECT(parses || !must_parse);
    if (parses && !meaning_read(&meaning, body)) {
        held =
            EXPECT(message == MESSAGE_REFUSED || may_baffle_protobuf_c(body));
    } else if (parses) {
        held = message == MESSAGE_READY
                   ? same_as_meant(&got, &meaning)
                   : refused_as_meant(&got, &response, &meaning);
        meaning_fini(&meaning);
    }
    buffer_fini(&scratch);
    response_fini(&response);
    return held;
}
