/* What a process of this machine uses, as /proc and its CPU clock tell it. */
#ifndef CACHESERVER_CLIENTS_BENCH_PROCESS_H
#define CACHESERVER_CLIENTS_BENCH_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* `cpu_s` is exact to microseconds, its parts to a tick, a hundredth of a
 * second mostly. */
struct process_usage {
    double cpu_s;
    double user_s;
    double system_s;
    uint64_t rss; /* bytes of memory that it holds */
};

/* Looks at process `pid`, all threads, those that ended too; false when it is
 * not there or may not be looked at. */
bool process_look(pid_t pid, struct process_usage *usage);

#endif
