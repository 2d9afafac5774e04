/* A line is built whole and written by one write(2), so that lines of
 * several threads never mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* Read by every thread; no other memory hangs on it. */
static _Atomic int log_verbose;

void log_set_verbose(int verbose)
{
    atomic_store_explicit(&log_verbose, verbose, memory_order_relaxed);
}

bool log_is_on(enum log_level level)
{
    int verbose = atomic_load_explicit(&log_verbose, memory_order_relaxed);
    return (int)level <= (int)LOG_WARNING + verbose;
}

static size_t print_head(char *line, enum log_level level)
{
    static const char *const names[] = {"ERROR", "WARNING", "INFO", "DEBUG"};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm parts;
    gmtime_r(&now.tv_sec, &parts);
    size_t len = strftime(line, LOG_LINE_MAX, "%Y-%m-%dT%H:%M:%S", &parts);
    return len + (size_t)snprintf(line + len, LOG_LINE_MAX - len,
                                  ".%03ldZ:%s:", now.tv_nsec / 1000000,
                                  names[level]);
}

static void mask_control_characters(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            *text = '?';
        }
    }
}

void log_event(enum log_level level, const char *format, ...)
{
    if (!log_is_on(level)) {
        return;
    }
    char line[LOG_LINE_MAX + 1];
    size_t len = print_head(line, level);
    va_list args;
    va_start(args, format);
    int text_len = vsnprintf(line + len, LOG_LINE_MAX - len, format, args);
    va_end(args);
    mask_control_characters(line + len);
    len += text_len > 0 ? (size_t)text_len : 0;
    if (len > LOG_LINE_MAX - 1) {
        len = LOG_LINE_MAX - 1;
    }
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0) {
        return; /* There is nowhere left to say so. */
    }
}
