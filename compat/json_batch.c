/* The scanner has gone over the whole request before, so that arrays here are
 * known to be right and only need to be taken apart. The items lie at the start
 * of the call's scratch memory, with keys that are no strings behind them; all
 * is reserved before the first is made, since nothing may move then. */
#include "compat/json_source.h"

#include "base/check.h"
#include "core/call.h"
#include "core/limits.h"

#include <string.h>

/* An array that is being gone through; `rest` begins behind what was taken. */
struct elements {
    char *at;
    char *end;
    struct json_scan scan;    /* of the element that was taken last */
    struct json_member whole; /* the same, as a member at `text` */
    char *text;               /* where it begins */
};

static bool is_between(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r' ||
           byte == ',';
}

static struct elements elements_of(const struct source *source,
                                   const struct json_member *array)
{
    char *start = source->text + array->at;
    return (struct elements){.at = start + 1, .end = start + array->len - 1};
}

/* Takes the next; false at the end. */
static bool next_element(struct elements *elements)
{
    while (elements->at < elements->end && is_between(*elements->at)) {
        elements->at++;
    }
    if (elements->at == elements->end) {
        return false;
    }
    /* The bracket behind the last one ends a number. */
    size_t len = (size_t)(elements->end - elements->at) + 1;
    struct json_scan *scan = &elements->scan;
    json_scan_start(scan, json_names, JSON_NAME_ENCODING + 1, JSON_DEPTH_MAX);
    CHECK(json_scan(scan, slice_of(elements->at, len)) == JSON_SCAN_END);
    elements->text = elements->at;
    elements->whole = (struct json_member){
        .at = 0,
        .len = scan->at,
        .type = scan->type,
        .has_escape = memchr(elements->at, '\\', scan->at) != NULL,
    };
    elements->at += scan->at;
    return true;
}

static bool is_scalar(enum json_type type)
{
    return type != JSON_ARRAY && type != JSON_OBJECT;
}

/* Makes room for the items of `array` and for what keys may need; how many
 * there are. False without memory, or when it is no array. */
static bool reserve_items(const struct source *source, enum json_name name)
{
    struct call *call = source->call;
    const struct json_member *array = source_find(source, name);
    if (array->type != JSON_ARRAY) {
        return source_refuse_member(source, name, "an array");
    }
    size_t count = 0;
    size_t numbers_len = 0;
    struct elements elements = elements_of(source, array);
    while (count <= BATCH_LEN_MAX && next_element(&elements)) {
        count++;
        numbers_len += elements.whole.type == JSON_STRING
                           ? 0
                           : elements.whole.len + SOURCE_KEY_MAX;
    }
    if (count > BATCH_LEN_MAX) {
        response_fail(&call->response, STATUS_INVALID_ARGUMENT,
                      "The %s are more than %d", json_names[name].data,
                      BATCH_LEN_MAX);
        return false;
    }
    size_t len = count * sizeof(struct batch_item);
    buffer_clear(&call->scratch);
    char *room = buffer_reserve(&call->scratch, len + numbers_len);
    if (!room) {
        response_fail(&call->response, STATUS_NOMEM, "%s",
                      status_text(STATUS_NOMEM));
        return false;
    }
    if (len) {
        memset(room, 0, len);
    }
    buffer_commit(&call->scratch, len);
    call->request.items = (const void *)room;
    call->request.item_count = count;
    return true;
}

static struct batch_item *items_of(const struct source *source)
{
    return (void *)buffer_first(&source->call->scratch);
}

bool batch_read_keys(const struct source *source)
{
    if (!reserve_items(source, JSON_NAME_KEYS)) {
        return false;
    }
    struct batch_item *items = items_of(source);
    struct elements elements =
        elements_of(source, source_find(source, JSON_NAME_KEYS));
    for (size_t i = 0; next_element(&elements); i++) {
        const struct source element = {&elements.scan, elements.text,
                                       source->call};
        if (!is_scalar(elements.whole.type)) {
            return source_refuse(source,
                                 "The keys must not be arrays or objects");
        }
        if (!source_read_key(&element, &elements.whole, &items[i].key)) {
            return false;
        }
    }
    return true;
}

static bool read_item(const struct source *element, struct batch_item *item)
{
    const struct json_member *key = source_find(element, JSON_NAME_KEY);
    if (element->scan->type != JSON_OBJECT || key->type == JSON_ABSENT ||
        !source_has(element, JSON_NAME_VALUE)) {
        return source_refuse(element,
                             "Each of the items needs a key and a value");
    }
    if (!is_scalar(key->type)) {
        return source_refuse(element,
                             "The key must not be an array or an object");
    }
    item->is_value_checked = true;
    return source_read_lifetime(element, JSON_NAME_LIFETIME, LIFETIME_DEFAULT,
                                &item->lifetime) &&
           source_read_value(element, JSON_NAME_VALUE, &item->value,
                             &item->kind) &&
           source_read_key(element, key, &item->key);
}

bool batch_read_items(const struct source *source)
{
    if (!reserve_items(source, JSON_NAME_ITEMS)) {
        return false;
    }
    struct batch_item *items = items_of(source);
    struct elements elements =
        elements_of(source, source_find(source, JSON_NAME_ITEMS));
    for (size_t i = 0; next_element(&elements); i++) {
        const struct source element = {&elements.scan, elements.text,
                                       source->call};
        if (!read_item(&element, &items[i])) {
            return false;
        }
    }
    return true;
}
