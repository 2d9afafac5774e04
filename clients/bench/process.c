#include "clients/bench/process.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { STAT_MAX = 1024, PATH_LEN_MAX = 64 };

/* Reads the file `name` of `pid` as a text. */
static bool read_file(pid_t pid, const char *name, char text[STAT_MAX])
{
    char path[PATH_LEN_MAX];
    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    FILE *file = fopen(path, "re");
    if (!file) {
        return false;
    }
    size_t len = fread(text, 1, STAT_MAX - 1, file);
    fclose(file);
    text[len] = '\0';
    return len > 0;
}

/* The fields after the program's name, which may hold anything, are numbers:
 * user and system time are the 12th and the 13th. */
static bool read_times(pid_t pid, struct process_usage *usage)
{
    char text[STAT_MAX];
    if (!read_file(pid, "stat", text)) {
        return false;
    }
    const char *fields = strrchr(text, ')');
    unsigned long user;
    unsigned long system;
    if (!fields || sscanf(fields + 1,
                          " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu "
                          "%lu",
                          &user, &system) != 2) {
        return false;
    }
    double ticks = (double)sysconf(_SC_CLK_TCK);
    usage->user_s = (double)user / ticks;
    usage->system_s = (double)system / ticks;
    usage->cpu_s = usage->user_s + usage->system_s;
    return true;
}

static bool read_memory(pid_t pid, struct process_usage *usage)
{
    char text[STAT_MAX];
    unsigned long pages;
    if (!read_file(pid, "statm", text) ||
        sscanf(text, "%*u %lu", &pages) != 1) {
        return false;
    }
    usage->rss = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return true;
}

bool process_look(pid_t pid, struct process_usage *usage)
{
    *usage = (struct process_usage){0};
    if (!read_times(pid, usage) || !read_memory(pid, usage)) {
        return false;
    }
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(pid, &clock) == 0 &&
        clock_gettime(clock, &time) == 0) {
        usage->cpu_s = (double)time.tv_sec + (double)time.tv_nsec / 1e9;
    }
    return true;
}
