/* What operations on one entry ask for beside its bytes, and what is told of
 * it. */
#ifndef CACHESERVER_CORE_ENTRY_H
#define CACHESERVER_CORE_ENTRY_H

#include "base/slice.h"
#include "core/value.h"

#include <stdbool.h>
#include <stdint.h>

/* What must be so for an operation to take place. */
enum condition_rule {
    CONDITION_NONE,
    CONDITION_ABSENT,  /* there is no entry; else STATUS_ALREADY_EXISTS */
    CONDITION_PRESENT, /* there is one; without one STATUS_NOT_FOUND, as for
                          the next two */
    CONDITION_VERSION, /* it has `version`; else STATUS_ABORTED */
    CONDITION_VALUE    /* its bytes are `value`; else STATUS_ABORTED */
};

struct condition {
    enum condition_rule rule;
    uint64_t version; /* not 0 */
    struct slice value;
};

/* An entry as it was when it was looked at. */
struct entry_facts {
    uint64_t version;      /* 0: nobody has asked for it yet */
    uint64_t size;         /* bytes of the value */
    uint64_t lifetime_ms;  /* that it was given; 0: it lives for ever */
    uint64_t remaining_ms; /* at least 1; counts if it does not */
    enum value_kind kind;
};

#endif
