/* How much of the machine this process may use, which in a container is less
 * than what the machine has. Any thread. */
#ifndef CACHESERVER_BASE_MACHINE_H
#define CACHESERVER_BASE_MACHINE_H

#include <stdint.h>

struct machine {
    uint64_t processors; /* at least 1 */
    uint64_t memory;     /* bytes */
};

/* What the affinity of this process, the physical memory and the control
 * groups leave. */
void machine_look(struct machine *machine);

/* Lowers `machine` to what the control groups of this process allow, both
 * versions; what cannot be read allows everything. `root` stands before
 * every path that is read: "" for the real ones. */
void machine_apply_cgroups(struct machine *machine, const char *root);

/* Raises the number of files that this process may open as far as the system
 * lets it, and answers what it is then. */
uint64_t machine_raise_fd_limit(void);

#endif
