#include "base/memory.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static bool (*alloc_gate)(void *arg);
static void *alloc_gate_arg;

void memory_set_gate(bool (*gate)(void *arg), void *arg)
{
    alloc_gate = gate;
    alloc_gate_arg = arg;
}

bool memory_is_granted(void)
{
    return !alloc_gate || alloc_gate(alloc_gate_arg);
}

void *memory_alloc(size_t size)
{
    return memory_is_granted() ? malloc(size ? size : 1) : NULL;
}

void *memory_alloc_zero(size_t size)
{
    return memory_is_granted() ? calloc(1, size ? size : 1) : NULL;
}

void *memory_resize(void *block, size_t size)
{
    return memory_is_granted() ? realloc(block, size ? size : 1) : NULL;
}

void memory_free(void *block)
{
    free(block);
}

/* To be shown all pages at once costs half of what it does one by one. */
void *memory_map(size_t size)
{
    if (!memory_is_granted()) {
        return NULL;
    }
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

void memory_unmap(void *pages, size_t size)
{
    if (pages) {
        CHECK(munmap(pages, size) == 0);
    }
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
