/* The fields of a protobuf message, one after another, as its wire format
 * has them: read from bytes that nobody vouches for, and written. Knows no
 * message; what a number or bytes mean is the caller's. Any thread. */
#ifndef CACHESERVER_WIRE_FIELD_H
#define CACHESERVER_WIRE_FIELD_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers are those of the wire format; 3 and 4, groups, are refused. */
enum field_type {
    FIELD_VARINT = 0,
    FIELD_FIXED64 = 1,
    FIELD_BYTES = 2,
    FIELD_FIXED32 = 5
};

/* A length has 32 bits: at most so many bytes. */
enum { FIELD_LENGTH_LEN_MAX = 5 };

/* One field; `bytes` counts for FIELD_BYTES, `value` for the others. */
struct field {
    uint32_t number; /* 1 .. 2^29 - 1 */
    enum field_type type;
    uint64_t value;
    struct slice bytes;
};

/* A message being read. `fault` is NULL until something is found that is no
 * field, and then says what, in words (static). */
struct field_reader {
    struct slice rest;
    const char *fault;
};

/* Reads the next field; its bytes borrow from the message. False at the end
 * and at a fault, and from then on. */
bool field_next(struct field_reader *reader, struct field *field);

/* The bytes of the last field `number` of type FIELD_BYTES in `message`,
 * which is one without a fault; borrowed, empty when there is none. */
struct slice field_find(struct slice message, uint32_t number);

/* Where a message is written to: `at` is the next byte, or NULL to only
 * count. `len` is how many bytes were written, or counted. Whoever sets `at`
 * has counted and made room. */
struct field_writer {
    char *at;
    size_t len;
};

/* Each writes a field, whatever its value; that a default value is left out
 * is the caller's. */
void field_put_varint(struct field_writer *writer, uint32_t number,
                      uint64_t value);
void field_put_fixed64(struct field_writer *writer, uint32_t number,
                       uint64_t value);
void field_put_bytes(struct field_writer *writer, uint32_t number,
                     struct slice bytes);

/* Writes one byte of a FIELD_BYTES that was started. */
static inline void field_put_byte(struct field_writer *writer,
                                  unsigned char byte)
{
    if (writer->at) {
        *writer->at++ = (char)byte;
    }
    writer->len++;
}

/* Writes the start of a FIELD_BYTES whose `len` bytes are written next. */
void field_put_head(struct field_writer *writer, uint32_t number, size_t len);

/* A signed number as sint64 has it: small ones of either sign are short. */
static inline uint64_t field_zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}
static inline int64_t field_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (value & 1 ? UINT64_MAX : 0));
}

#endif
