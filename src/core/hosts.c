#include "core/hosts.h"

#include <arpa/inet.h>

enum { NAME_LEN_MAX = 253 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct slice trim(struct slice text)
{
    while (text.len && is_blank(text.data[0])) {
        text = slice_after(text, 1);
    }
    while (text.len && is_blank(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

/* Takes an item off `list`, and the comma behind it. */
static struct slice take_item(struct slice *list)
{
    const char *comma = memchr(list->data, ',', list->len);
    size_t len = comma ? (size_t)(comma - list->data) : list->len;
    struct slice item = slice_of(list->data, len);
    *list = slice_after(*list, comma ? len + 1 : len);
    return trim(item);
}

/* `item`, copied to `text` with its terminator, less the brackets. */
static bool copy_host(struct slice item, char text[NAME_LEN_MAX + 1])
{
    if (item.len > 2 && item.data[0] == '[' && item.data[item.len - 1] == ']') {
        item = slice_of(item.data + 1, item.len - 2);
    }
    if (item.len == 0 || item.len > NAME_LEN_MAX) {
        return false;
    }
    memcpy(text, item.data, item.len);
    text[item.len] = '\0';
    return true;
}

/* Whether `text` is an address, its scope (`%eth0`) left aside. */
static bool is_ipv6(const char *text)
{
    struct in6_addr binary;
    char address[INET6_ADDRSTRLEN];
    size_t len = strcspn(text, "%");
    if (len >= sizeof address || (text[len] == '%' && !text[len + 1])) {
        return false;
    }
    memcpy(address, text, len);
    address[len] = '\0';
    return inet_pton(AF_INET6, address, &binary) == 1;
}

/* A host is an address or looks like a name; what is all digits and dots
 * was meant to be an address. */
static bool is_host(const char *text)
{
    static const char digits[] = "0123456789.";
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789.-_";
    struct in_addr binary;
    if (inet_pton(AF_INET, text, &binary) == 1 || is_ipv6(text)) {
        return true;
    }
    return text[strspn(text, plain)] == '\0' &&
           text[strspn(text, digits)] != '\0' && text[0] != '-';
}

bool hosts_clean(struct slice list, char *clean, size_t *count)
{
    char host[NAME_LEN_MAX + 1];
    struct slice rest = list;
    *count = 0;
    *clean = '\0';
    do {
        if (!copy_host(take_item(&rest), host) || !is_host(host)) {
            return false;
        }
        if (*count) {
            *clean++ = ',';
        }
        size_t len = strlen(host);
        memcpy(clean, host, len + 1);
        clean += len;
        ++*count;
    } while (rest.len);
    return true;
}
