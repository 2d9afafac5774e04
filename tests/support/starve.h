/* Allocation failures, swept: the n-th allocation fails, for every n, until
 * the code under test needs no more than n. One thread. */
#ifndef CACHESERVER_TESTS_SUPPORT_STARVE_H
#define CACHESERVER_TESTS_SUPPORT_STARVE_H

#include <stdbool.h>

/* Calls `attempt` with the 1st, 2nd, 3rd ... allocation failing, until one
 * attempt meets no failure. `attempt` checks that it fails cleanly or
 * succeeds; the return value says how many attempts there were. */
unsigned starve(void (*attempt)(void *arg), void *arg);

/* Whether the attempt that runs has met its failure already. */
bool starve_has_struck(void);

#endif
