#include "tests/bench/replay.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

uint64_t replay_resident(int pid)
{
    char path[64] = "/proc/self/statm";
    unsigned long pages = 0;
    if (pid) {
        snprintf(path, sizeof path, "/proc/%d/statm", pid);
    }
    FILE *file = fopen(path, "r");
    CHECK(file);
    CHECK(fscanf(file, "%*u %lu", &pages) == 1);
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void replay_put_value(char *out, const char key[TRACE_KEY_LEN], size_t len)
{
    size_t head_len = len < TRACE_KEY_LEN ? len : TRACE_KEY_LEN;
    memcpy(out, key, head_len);
    memset(out + head_len, '.', len - head_len);
}

bool replay_is_value(const char *value, size_t len,
                     const char key[TRACE_KEY_LEN])
{
    return memcmp(value, key, len < TRACE_KEY_LEN ? len : TRACE_KEY_LEN) == 0;
}
