/* Allocation through one door, so that tests can make it fail. Results are
 * freed by memory_free(). Any thread. */
#ifndef CACHESERVER_BASE_MEMORY_H
#define CACHESERVER_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* *Gives* `size` bytes, not cleared; NULL when there are none. */
void *memory_alloc(size_t size);

/* *Gives* `size` bytes of zeroes; NULL when there are none. */
void *memory_alloc_zero(size_t size);

/* *Takes* `block` (may be NULL) and *gives* one of `size` bytes with its
 * content; on NULL `block` still belongs to the caller. */
void *memory_resize(void *block, size_t size);

/* *Takes* `block`; NULL is nothing. */
void memory_free(void *block);

/* Like memory_alloc_zero(), for start-up: ends the program with a line on
 * stderr when there is no memory. */
void *memory_alloc_or_die(size_t size);

/* *Gives* `size` bytes of zeroes in pages of their own, which are there at
 * once and which memory_unmap() gives back to the system at once; NULL when
 * there are none. *Takes* such pages, with the size that was asked for. */
void *memory_map(size_t size);
void memory_unmap(void *pages, size_t size);

/* For those who cut pieces out of memory that they have: whether the tests let
 * the next one be cut. */
bool memory_is_granted(void);

/* For tests, one thread: called before each allocation from now on; one
 * that it answers with false fails. NULL takes it away. */
void memory_set_gate(bool (*gate)(void *arg), void *arg);

#endif
