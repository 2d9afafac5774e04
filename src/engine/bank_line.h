/* A line of the banks file (engine/bank_file.h): a JSON object that says what
 * a bank is set to,
 *
 *     {"bank": "sessions", "reserved": 0, ..., "read_only": false}
 *
 * with all limits of core/bank_limits.def, or that there is no such bank any
 * more: {"bank": "sessions", "dropped": true}. Any thread. */
#ifndef CACHESERVER_ENGINE_BANK_LINE_H
#define CACHESERVER_ENGINE_BANK_LINE_H

#include "base/slice.h"
#include "base/status.h"
#include "core/bank_stats.h"

#include <stdbool.h>
#include <stddef.h>

struct buffer;
struct request;

struct bank_line {
    struct slice bank; /* borrowed */
    bool is_dropped;
    struct bank_limits limits; /* unless it is dropped */
};

/* Appends the line with its end; STATUS_NOMEM, and nothing changed. */
enum status bank_line_append(struct buffer *out, const struct bank_line *line);

/* Reads the `len` bytes at `text`, without the line's end, which are changed
 * and which `line` then borrows from; a limit that is not there is what it is
 * at first. False when it is not understood or not allowed: then `why` has
 * got the reason, which names the field. */
bool bank_line_read(char *text, size_t len, struct bank_line *line,
                    struct buffer *why);

/* Whether a write that was cut off may have left `text`. */
bool bank_line_is_begun(struct slice text);

/* Makes `request` the one that configures the bank so. */
void bank_line_request(const struct bank_line *line, struct request *request);

#endif
