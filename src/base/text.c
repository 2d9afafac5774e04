#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

void text_append(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    /* One byte more: vsnprintf ends with a zero, which is not committed. */
    char *room = len < 0 ? NULL : buffer_reserve(buffer, (size_t)len + 1);
    if (!room) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(room, (size_t)len + 1, format, arguments);
    va_end(arguments);
    buffer_commit(buffer, (size_t)len);
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

void text_append_shown(struct buffer *buffer, struct slice bytes)
{
    char shown[TEXT_SHOWN_MAX];
    size_t len = bytes.len < TEXT_SHOWN_MAX ? bytes.len : TEXT_SHOWN_MAX;
    for (size_t i = 0; i < len; i++) {
        shown[i] = bytes.data[i];
        if (is_control(shown[i])) {
            shown[i] = '?';
        }
    }
    const char *rest = len < bytes.len ? "..." : "";
    text_append(buffer, "%.*s%s", (int)len, shown, rest);
}
