/* Items are packed as a 32-bit length in the machine's order and the bytes. */
#include "core/response.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>

void response_clear(struct response *response)
{
    response->status = STATUS_OK;
    response->message[0] = '\0';
    buffer_clear(&response->body);
    response->kind = VALUE_BYTES;
    response->has_previous = false;
    response->count = 0;
    response->cursor_len = 0;
}

void response_fini(struct response *response)
{
    buffer_fini(&response->body);
    buffer_fini(&response->results);
}

void response_fail(struct response *response, enum status status,
                   const char *format, ...)
{
    CHECK(status != STATUS_OK);
    response_clear(response);
    response->status = status;
    va_list args;
    va_start(args, format);
    vsnprintf(response->message, sizeof response->message, format, args);
    va_end(args);
}

void response_fail_beside(struct response *response, enum status status,
                          const char *message)
{
    CHECK(status != STATUS_OK);
    response->status = status;
    snprintf(response->message, sizeof response->message, "%s", message);
}

enum status response_add_item(struct response *response, struct slice item)
{
    uint32_t len = (uint32_t)item.len;
    char *room = buffer_reserve(&response->body, sizeof len + item.len);
    if (!room) {
        return STATUS_NOMEM;
    }
    memcpy(room, &len, sizeof len);
    if (item.len) {
        memcpy(room + sizeof len, item.data, item.len);
    }
    buffer_commit(&response->body, sizeof len + item.len);
    response->count++;
    return STATUS_OK;
}

bool response_next_item(struct slice *items, struct slice *item)
{
    uint32_t len;
    if (items->len < sizeof len) {
        return false;
    }
    memcpy(&len, items->data, sizeof len);
    CHECK(len <= items->len - sizeof len);
    *item = slice_of(items->data + sizeof len, len);
    *items = slice_after(*items, sizeof len + len);
    return true;
}

size_t response_entry_len(size_t key_len, size_t value_len)
{
    return 3 * sizeof(uint32_t) + key_len + value_len +
           sizeof(struct entry_facts);
}

/* Three items of the packing: key, value, facts. */
void response_add_entry(struct response *response,
                        const struct entry_item *item)
{
    size_t count = response->count;
    const struct slice parts[] = {item->key, item->value,
                                  slice_of(&item->facts, sizeof item->facts)};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        CHECK(!response_add_item(response, parts[i]));
    }
    response->count = count + 1;
}

bool response_next_entry(struct slice *items, struct entry_item *item)
{
    struct slice facts;
    if (!response_next_item(items, &item->key)) {
        return false;
    }
    CHECK(response_next_item(items, &item->value) &&
          response_next_item(items, &facts) && facts.len == sizeof item->facts);
    memcpy(&item->facts, facts.data, sizeof item->facts);
    return true;
}
