/* Values that are too large for a segment: each has memory of its own, which
 * goes when no reader can be in it. */
#ifndef CACHESERVER_STORE_LARGE_H
#define CACHESERVER_STORE_LARGE_H

#include "base/slice.h"

#include <stddef.h>
#include <stdint.h>

struct commons;

/* *Gives* a *copy* of `bytes`, charged; NULL without memory. */
char *large_create(struct commons *commons, struct slice bytes);

/* *Takes* `large`, which readers may still see. */
void large_retire(struct commons *commons, char *large);

/* *Takes* `large`, which nobody has seen. */
void large_free(struct commons *commons, char *large);

/* *Takes* `large`, which `leaving` counts, and which no reader can be in. */
void large_release(struct commons *commons, char *large);

/* What one of `len` bytes is charged with. */
uint64_t large_charge(size_t len);

#endif
