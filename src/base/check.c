#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "cacheserver: %s:%d: check failed: %s\n", file, line, what);
    abort();
}

void *check_magic(void *pointer, unsigned tag, const char *file, int line)
{
    const struct magic *magic = pointer;
    if (!magic || magic->value != tag) {
        check_failed(file, line, "the object is of another type, or freed");
    }
    return pointer;
}
