/* Inputs that end at an unreadable page, so that reading one byte too far
 * stops the program. */
#ifndef CACHESERVER_TESTS_SUPPORT_GUARD_H
#define CACHESERVER_TESTS_SUPPORT_GUARD_H

#include "base/slice.h"

/* A *copy* of `bytes` flush against an unreadable page; valid until
 * guard_free(). Ends the program when the system refuses. */
struct slice guard_copy(struct slice bytes);

/* *Takes* what guard_copy() gave. */
void guard_free(struct slice bytes);

#endif
