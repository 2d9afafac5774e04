#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

static bool (*alloc_gate)(void *arg);
static void *alloc_gate_arg;

void memory_set_gate(bool (*gate)(void *arg), void *arg)
{
    alloc_gate = gate;
    alloc_gate_arg = arg;
}

static bool gate_allows(void)
{
    return !alloc_gate || alloc_gate(alloc_gate_arg);
}

void *memory_alloc(size_t size)
{
    return gate_allows() ? malloc(size ? size : 1) : NULL;
}

void *memory_alloc_zero(size_t size)
{
    return gate_allows() ? calloc(1, size ? size : 1) : NULL;
}

void *memory_resize(void *block, size_t size)
{
    return gate_allows() ? realloc(block, size ? size : 1) : NULL;
}

void memory_free(void *block)
{
    free(block);
}

void *memory_alloc_or_die(size_t size)
{
    void *block = memory_alloc_zero(size);
    if (!block) {
        fprintf(stderr, "cacheserver: no memory for %zu bytes\n", size);
        exit(1);
    }
    return block;
}
