/* One line on stderr for one event: time, level, text. Who logs knows the
 * cause; the same event is logged once. Any thread. */
#ifndef CACHESERVER_BASE_LOG_H
#define CACHESERVER_BASE_LOG_H

#include <stdbool.h>

/* VERBOSE 0 prints errors and warnings, 1 also what happens to connections,
 * 2 also each request. */
enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* `verbose` is the setting VERBOSE, 0..2. Any thread, any time. */
void log_set_verbose(int verbose);

/* Whether `level` is printed; for what is costly to word. */
bool log_is_on(enum log_level level);

/* Prints a line; `format` as printf's, without a newline. Control
 * characters in the result are printed as `?`, so that an event stays one
 * line. A line is cut at LOG_LINE_MAX bytes. */
void log_event(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

enum { LOG_LINE_MAX = 1024 };

#endif
