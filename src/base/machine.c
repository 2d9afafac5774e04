/* A limit on any group above ours is a limit on us, so each file is read in
 * our own group and in all groups above it. In a container the path that the
 * kernel names may not exist in what is mounted there; the walk upwards then
 * meets the files that do, at the mount's top. */
#include "base/machine.h"

#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PATH_LEN_MAX = 4096, LINE_LEN_MAX = 4096 };

/* Where the groups of one hierarchy are mounted, and what to do with each. */
struct hierarchy {
    const char *mount;
    void (*apply)(struct machine *machine, const char *group);
};

static void lower(uint64_t *limit, uint64_t to)
{
    if (to < *limit) {
        *limit = to;
    }
}

static bool open_file(const char *group, const char *name, FILE **file)
{
    char path[PATH_LEN_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", group, name);
    *file = fopen(path, "re");
    return *file;
}

/* The number that `name` in `group` starts with; false for `max`, `-1` and
 * files that are not there. */
static bool read_number(const char *group, const char *name, uint64_t *number)
{
    FILE *file;
    if (!open_file(group, name, &file)) {
        return false;
    }
    int64_t read = -1;
    bool is_number = fscanf(file, "%" SCNd64, &read) == 1 && read > 0;
    fclose(file);
    *number = (uint64_t)read;
    return is_number;
}

static void apply_quota(struct machine *machine, uint64_t quota,
                        uint64_t period)
{
    if (period > 0) {
        lower(&machine->processors, quota / period + (quota % period != 0));
    }
}

static void apply_unified(struct machine *machine, const char *group)
{
    uint64_t memory;
    if (read_number(group, "memory.max", &memory)) {
        lower(&machine->memory, memory);
    }
    FILE *file;
    if (!open_file(group, "cpu.max", &file)) {
        return;
    }
    uint64_t quota;
    uint64_t period;
    if (fscanf(file, "%" SCNu64 " %" SCNu64, &quota, &period) == 2) {
        apply_quota(machine, quota, period);
    }
    fclose(file);
}

static void apply_memory(struct machine *machine, const char *group)
{
    uint64_t memory;
    if (read_number(group, "memory.limit_in_bytes", &memory)) {
        lower(&machine->memory, memory);
    }
}

static void apply_cpu(struct machine *machine, const char *group)
{
    uint64_t quota;
    uint64_t period;
    if (read_number(group, "cpu.cfs_quota_us", &quota) &&
        read_number(group, "cpu.cfs_period_us", &period)) {
        apply_quota(machine, quota, period);
    }
}

/* Applies the group `path` of `hierarchy` and those above it. */
static void walk_up(struct machine *machine, const char *root,
                    const struct hierarchy *hierarchy, const char *path)
{
    char group[PATH_LEN_MAX];
    int top = snprintf(group, sizeof group, "%s%s", root, hierarchy->mount);
    int len =
        snprintf(group, sizeof group, "%s%s%s", root, hierarchy->mount, path);
    if (len < 0 || len >= PATH_LEN_MAX) {
        return;
    }
    for (;;) {
        hierarchy->apply(machine, group);
        char *slash = strrchr(group, '/');
        if (!slash || slash - group < top) {
            return;
        }
        *slash = '\0';
    }
}

/* Whether `controllers`, separated by commas, hold `name`. */
static bool has_controller(const char *controllers, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = controllers; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (!strncmp(at, name, len) && (at[len] == ',' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

/* A line is `ID:CONTROLLERS:PATH`; the unified hierarchy names no
 * controllers. */
static void apply_line(struct machine *machine, const char *root, char *line)
{
    static const struct hierarchy unified = {"/sys/fs/cgroup", apply_unified};
    static const struct hierarchy memory = {"/sys/fs/cgroup/memory",
                                            apply_memory};
    static const struct hierarchy cpu = {"/sys/fs/cgroup/cpu", apply_cpu};
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path) {
        return;
    }
    controllers++;
    *path++ = '\0';
    if (*controllers == '\0') {
        walk_up(machine, root, &unified, path);
    }
    if (has_controller(controllers, "memory")) {
        walk_up(machine, root, &memory, path);
    }
    if (has_controller(controllers, "cpu")) {
        walk_up(machine, root, &cpu, path);
    }
}

void machine_apply_cgroups(struct machine *machine, const char *root)
{
    FILE *file;
    char own[PATH_LEN_MAX];
    snprintf(own, sizeof own, "%s/proc/self", root);
    if (!open_file(own, "cgroup", &file)) {
        return;
    }
    char line[LINE_LEN_MAX];
    while (fgets(line, sizeof line, file)) {
        apply_line(machine, root, line);
    }
    fclose(file);
}

void machine_look(struct machine *machine)
{
    cpu_set_t processors;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    machine->processors = online > 0 ? (uint64_t)online : 1;
    if (sched_getaffinity(0, sizeof processors, &processors) == 0) {
        machine->processors = (uint64_t)CPU_COUNT(&processors);
    }
    machine->memory =
        (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    machine_apply_cgroups(machine, "");
}

uint64_t machine_raise_fd_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) {
        return 1024; /* What POSIX systems start with. */
    }
    rlim_t soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) ? soft : limit.rlim_cur;
}
