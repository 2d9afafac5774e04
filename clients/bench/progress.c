#include "clients/bench/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR_WIDTH = 30 };

void progress_init(struct progress *progress, bool is_quiet)
{
    *progress = (struct progress){
        .is_shown = !is_quiet && isatty(STDERR_FILENO),
    };
}

void progress_start(struct progress *progress, const char *name,
                    const struct phase *phase)
{
    progress->name = name;
    progress->requests_max = phase->requests;
    progress->seconds_max = (double)phase->duration_ns / 1e9;
}

/* How much of the phase is over, 0 to 1. */
static double part_of(const struct progress *progress,
                      const struct driver_progress *now)
{
    double part = 0;
    if (progress->requests_max > 0) {
        part = (double)now->answered / (double)progress->requests_max;
    }
    if (progress->seconds_max > 0 &&
        now->seconds / progress->seconds_max > part) {
        part = now->seconds / progress->seconds_max;
    }
    return part < 1 ? part : 1;
}

void progress_show(void *arg, const struct driver_progress *now)
{
    const struct progress *progress = arg;
    if (!progress->is_shown || now->seconds <= 0) {
        return;
    }
    double part = part_of(progress, now);
    int filled = (int)(part * BAR_WIDTH);
    char bar[BAR_WIDTH + 1];
    memset(bar, '-', BAR_WIDTH);
    memset(bar, '#', (size_t)filled);
    bar[BAR_WIDTH] = '\0';
    fprintf(stderr,
            "\r%-8s [%s] %3.0f %%  %" PRIu64 " requests, %.0f a second\033[K",
            progress->name, bar, part * 100, now->answered,
            (double)now->answered / now->seconds);
    fflush(stderr);
}

void progress_end(struct progress *progress)
{
    if (progress->is_shown) {
        fprintf(stderr, "\r\033[K");
        fflush(stderr);
    }
}
