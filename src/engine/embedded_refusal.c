/* The texts of refusals, by operation and status. */
#include "engine/embedded_internal.h"

static const char *text_of_configure(enum status status)
{
    if (status == STATUS_INVALID_ARGUMENT) {
        return "reserved must not be more than maximum";
    }
    if (status == STATUS_OUT_OF_RANGE) {
        return "reserved: all banks together may reserve at most 70 % of the "
               "memory limit";
    }
    return NULL;
}

static const char *text_of_condition(const struct request *request)
{
    return request->condition.rule == CONDITION_VERSION
               ? "the entry has another version than if_version"
               : "the entry has another value than if_value";
}

static const char *text_of_incr(enum status status,
                                const struct request *request)
{
    const struct increment *increment = &request->increment;
    if (status == STATUS_FAILED_PRECONDITION) {
        return increment->delta.is_integer ? "the value is not an integer"
                                           : "the value is not a number";
    }
    if (status == STATUS_OUT_OF_RANGE) {
        return increment->has_minimum || increment->has_maximum
                   ? "the sum is not from minimum to maximum, or integer "
                     "overflow"
                   : "integer overflow";
    }
    return NULL;
}

static const char *text_of_append(enum status status)
{
    if (status == STATUS_FAILED_PRECONDITION) {
        return "the value is JSON, or text that this piece is none of";
    }
    return status == STATUS_OUT_OF_RANGE
               ? "the value would have more bytes than max_size"
               : NULL;
}

static const char *text_of_listing(enum status status)
{
    if (status == STATUS_INVALID_ARGUMENT) {
        return "cursor was not given out by this server";
    }
    return status == STATUS_ABORTED
               ? "the bank was reset since the cursor was given out"
               : NULL;
}

static const char *text_of_bank(enum status status)
{
    if (status == STATUS_NOT_FOUND) {
        return "there is no such bank";
    }
    return status == STATUS_ALREADY_EXISTS ? "there is a bank of that name"
                                           : NULL;
}

/* What only this operation says of `status`; NULL: nothing. */
static const char *text_of_op(enum status status, const struct request *request)
{
    unsigned flags = op_info(request->op)->flags;
    switch ((unsigned)request->op) {
    case OP_BANK_CONFIGURE:
        return text_of_configure(status);
    case OP_INCR:
        return text_of_incr(status, request);
    case OP_APPEND:
    case OP_PREPEND:
        return text_of_append(status);
    case OP_BANK_STATS:
    case OP_BANK_DROP:
    case OP_BANK_RENAME:
    case OP_BANK_SWAP:
        return text_of_bank(status);
    default:
        break;
    }
    if (flags & OP_LIST) {
        return text_of_listing(status);
    }
    return status == STATUS_ABORTED ? text_of_condition(request) : NULL;
}

const char *refusal_text(enum status status, const struct request *request)
{
    const char *text = text_of_op(status, request);
    if (text) {
        return text;
    }
    if (status == STATUS_NOT_FOUND) {
        return ""; /* A miss is no news, and is to cost few bytes. */
    }
    if (status == STATUS_ALREADY_EXISTS) {
        return "the entry is there";
    }
    if (status == STATUS_PERMISSION_DENIED) {
        return "the bank is read-only";
    }
    return status == STATUS_RESOURCE_EXHAUSTED
               ? "the limit of memory or of banks is reached"
               : status_text(status);
}
