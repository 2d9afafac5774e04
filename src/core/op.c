#include "core/op.h"

#include "base/check.h"

static const struct op_info table[OP_COUNT] = {
#define OP(NAME, name, number, flags) [OP_##NAME] = {#name, number, flags},
#include "core/op.def"
#undef OP
};

const struct op_info *op_info(enum op op)
{
    CHECK(op > OP_NONE && op < OP_COUNT);
    return &table[op];
}

enum op op_of_number(unsigned number)
{
    for (enum op op = OP_NONE + 1; op < OP_COUNT; op++) {
        if (table[op].number == number) {
            return op;
        }
    }
    return OP_NONE;
}
