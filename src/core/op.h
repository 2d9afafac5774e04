/* The operations and what each needs, in one table (core/op.def) that
 * validation, faces, documentation and tests share. */
#ifndef CACHESERVER_CORE_OP_H
#define CACHESERVER_CORE_OP_H

#include <stddef.h>

enum op_flag {
    OP_BANK = 1,
    OP_KEY = 2,
    OP_VALUE = 4,
    OP_WRITE = 8,
    OP_LIST = 16,
    OP_LOCAL = 32,
    OP_BATCH = 64,
    OP_OTHER = 128
};

/* Dense, so that tables can be indexed by it. OP_NONE is no operation. */
enum op {
    OP_NONE,
#define OP(NAME, name, number, flags) OP_##NAME,
#include "core/op.def"
#undef OP
    OP_COUNT
};

struct op_info {
    const char *name;
    unsigned number; /* of the oneof field in the protocol */
    unsigned flags;  /* enum op_flag */
};

/* The row of `op`, which is not OP_NONE; static. */
const struct op_info *op_info(enum op op);

/* The operation with the oneof field `number`; OP_NONE when there is none. */
enum op op_of_number(unsigned number);

#endif
