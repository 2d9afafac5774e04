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
    response->count = 0;
    response->cursor_len = 0;
}

void response_fini(struct response *response)
{
    buffer_fini(&response->body);
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
