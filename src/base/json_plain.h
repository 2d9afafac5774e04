/* The bytes that mean themselves in every JSON string, printable ASCII but
 * neither quote nor backslash: most of what strings hold. Any thread.
 *
 * Runs of them are measured eight at a time by arithmetic on a whole word:
 * for each kind of byte to stop at, the high bit of every byte that is one
 * gets set. A borrow or carry may set bits above a true one, never below, so
 * that the lowest bit set is exact. */
#ifndef CACHESERVER_BASE_JSON_PLAIN_H
#define CACHESERVER_BASE_JSON_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool json_plain_is(char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* `byte` in every byte of a word. */
static inline uint64_t json_plain_each(unsigned char byte)
{
    return UINT64_C(0x0101010101010101) * byte;
}

/* The high bit of each byte of `word` that is 0. */
static inline uint64_t json_plain_zeros(uint64_t word)
{
    return (word - json_plain_each(1)) & ~word;
}

/* The high bit of each byte of `word` that is not plain. */
static inline uint64_t json_plain_specials(uint64_t word)
{
    uint64_t control = (word - json_plain_each(0x20)) & ~word;
    uint64_t high = word | (word + json_plain_each(1));
    uint64_t quote = json_plain_zeros(word ^ json_plain_each('"'));
    uint64_t backslash = json_plain_zeros(word ^ json_plain_each('\\'));
    return (control | high | quote | backslash) & json_plain_each(0x80);
}

/* How many bytes at the start of `len` bytes at `data` are plain. */
static inline size_t json_plain_len(const char *data, size_t len)
{
    size_t i = 0;
    for (uint64_t word; len - i >= sizeof word; i += sizeof word) {
        memcpy(&word, data + i, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        uint64_t special = json_plain_specials(word);
        if (special) {
            return i + (size_t)__builtin_ctzll(special) / 8;
        }
    }
    while (i < len && json_plain_is(data[i])) {
        i++;
    }
    return i;
}

#endif
