#include "wire/envelope.h"

#include "core/op.h"
#include "wire/field.h"

#include <stdbool.h>

static void take_message(struct envelope *envelope, const struct field *field)
{
    if (field->number == ENVELOPE_ERROR || op_of_number(field->number)) {
        envelope->number = field->number;
        envelope->message = field->bytes;
    } else {
        envelope->unknown = field->number;
    }
}

enum envelope_state envelope_read(struct slice body, struct envelope *envelope)
{
    struct field_reader reader = {.rest = body};
    struct field field;
    bool has_id = false;
    *envelope = (struct envelope){0};
    while (field_next(&reader, &field)) {
        if (field.number == ENVELOPE_ID && field.type == FIELD_VARINT) {
            envelope->id = field.value;
            has_id = true;
        } else if (field.number == ENVELOPE_ID) {
            reader.fault = "the id is no number";
        } else if (field.number == ENVELOPE_DEADLINE &&
                   field.type == FIELD_VARINT) {
            envelope->deadline_ms = (uint32_t)field.value;
        } else if (field.type == FIELD_BYTES) {
            take_message(envelope, &field);
        }
    }
    envelope->fault = reader.fault;
    if (!reader.fault) {
        return ENVELOPE_READY;
    }
    return has_id ? ENVELOPE_BROKEN : ENVELOPE_BAD;
}
