#include "support/starve.h"

#include "base/memory.h"

static unsigned allocations_left;
static bool has_struck;

static bool let_pass(void *arg)
{
    (void)arg;
    if (allocations_left == 0 && !has_struck) {
        has_struck = true;
        return false;
    }
    allocations_left -= allocations_left > 0;
    return true;
}

bool starve_has_struck(void)
{
    return has_struck;
}

unsigned starve(void (*attempt)(void *arg), void *arg)
{
    unsigned attempts = 0;
    do {
        allocations_left = attempts++;
        has_struck = false;
        memory_set_gate(let_pass, NULL);
        attempt(arg);
        memory_set_gate(NULL, NULL);
    } while (has_struck);
    return attempts;
}
