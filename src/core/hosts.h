/* Lists of hosts as people write them: IP addresses, in brackets or not, and
 * names, with commas between. Any thread. */
#ifndef CACHESERVER_CORE_HOSTS_H
#define CACHESERVER_CORE_HOSTS_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

/* Writes `list` to `clean`, which has room for its length and a terminator,
 * without blanks and brackets, and tells how many there are in `count`. False
 * when an item is neither an address nor could be a name. */
bool hosts_clean(struct slice list, char *clean, size_t *count);

#endif
