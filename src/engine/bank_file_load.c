/* Only the last line about a bank counts, so all are read before the first
 * bank is configured. */
#include "base/buffer.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "core/request.h"
#include "engine/bank_file_internal.h"
#include "engine/bank_line.h"
#include "engine/embedded_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CHUNK = 64 * 1024,
    LINE_LEN_MAX = CHUNK, /* far beyond what is written */
    MODE = 0600
};

/* Starts the reason that something is wrong with the line `line`. */
static void blame(const struct bank_file *file, uint64_t line,
                  struct buffer *why)
{
    text_append(why, "%s: line %" PRIu64 ": ", file->path, line);
}

static bool blame_system(const struct bank_file *file, const char *what,
                         struct buffer *why)
{
    text_append(why, "%s %s: %s", file->path, what, strerrordesc_np(errno));
    return false;
}

static bool lacks_memory(const struct bank_file *file, struct buffer *why)
{
    text_append(why, "%s: %s", file->path, status_text(STATUS_NOMEM));
    return false;
}

/* Opens the file for this program alone. */
static bool open_file(struct bank_file *file, struct buffer *why)
{
    file->fd = open(file->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, MODE);
    struct stat facts;
    if (file->fd < 0 || fstat(file->fd, &facts)) {
        return blame_system(file, "cannot be opened", why);
    }
    if (!S_ISREG(facts.st_mode)) {
        text_append(why, "%s is no regular file", file->path);
        return false;
    }
    if (flock(file->fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
        text_append(why, "%s is in use by another server", file->path);
        return false;
    }
    return true;
}

/* What is read, and how far that is. */
struct reading {
    struct bank_file *file;
    struct buffer text;
    uint64_t lines;
    struct buffer *why;
};

static bool keep(struct reading *reading, const struct bank_line *line)
{
    struct bank_records *records = &reading->file->records;
    struct bank_record *record = bank_records_find(records, line->bank);
    if (line->is_dropped) {
        if (record) {
            bank_records_remove(records, record);
        }
        return true;
    }
    if (!record) {
        record = bank_records_prepare(records, line->bank);
        if (!record) {
            return lacks_memory(reading->file, reading->why);
        }
        bank_records_add(records, record);
    }
    bank_records_set(records, record, &line->limits, 0);
    record->line = reading->lines;
    return true;
}

static bool read_line(struct reading *reading, size_t len)
{
    struct bank_line line;
    struct buffer reason = {0};
    char *text = buffer_first(&reading->text);
    reading->lines++;
    bool is_good = bank_line_read(text, len, &line, &reason);
    if (!is_good) {
        struct slice said = buffer_peek(&reason);
        blame(reading->file, reading->lines, reading->why);
        text_append(reading->why, "%.*s", (int)said.len, said.data);
    }
    buffer_fini(&reason);
    return is_good && keep(reading, &line);
}

/* The lines that are whole. */
static bool read_lines(struct reading *reading)
{
    bool is_good = true;
    for (;;) {
        struct slice text = buffer_peek(&reading->text);
        const char *end = text.len ? memchr(text.data, '\n', text.len) : NULL;
        if (!is_good || !end) {
            break;
        }
        size_t len = (size_t)(end - text.data);
        is_good = read_line(reading, len);
        buffer_consume(&reading->text, len + 1);
    }
    if (is_good && buffer_len(&reading->text) > LINE_LEN_MAX) {
        blame(reading->file, reading->lines + 1, reading->why);
        text_append(reading->why, "this is longer than any line may be");
        return false;
    }
    return is_good;
}

/* What is behind the last whole line. */
static bool read_rest(const struct reading *reading)
{
    struct slice rest = buffer_peek(&reading->text);
    if (!bank_line_is_begun(rest)) {
        blame(reading->file, reading->lines + 1, reading->why);
        text_append(reading->why, "this is not JSON");
        return false;
    }
    if (rest.len > 0) {
        log_event(LOG_WARNING,
                  "%s: line %" PRIu64 " was not written to its end and is "
                  "ignored",
                  reading->file->path, reading->lines + 1);
    }
    return true;
}

static bool read_all(struct reading *reading)
{
    struct bank_file *file = reading->file;
    ssize_t len = 1;
    while (len > 0) {
        char *room = buffer_reserve(&reading->text, CHUNK);
        if (!room) {
            return lacks_memory(file, reading->why);
        }
        len = read(file->fd, room, CHUNK);
        if (len < 0) {
            return blame_system(file, "cannot be read", reading->why);
        }
        buffer_commit(&reading->text, (size_t)len);
        file->len += (uint64_t)len;
        if (!read_lines(reading)) {
            return false;
        }
    }
    return read_rest(reading);
}

static bool configure(struct bank_file *file, const struct bank_record *record,
                      struct buffer *why)
{
    const struct bank_line line = {.bank = record->node.key,
                                   .limits = record->limits};
    struct request request;
    struct bank_limits limits;
    bank_line_request(&line, &request);
    enum status status = store_bank_configure(file->store, request.bank,
                                              &request.change, &limits);
    if (status) {
        blame(file, record->line, why);
        text_append(why, "%s", refusal_text(status, &request));
    }
    return !status;
}

static bool configure_all(struct bank_file *file, struct buffer *why)
{
    struct bank_record **records = bank_records_by_line(&file->records);
    if (!records) {
        return lacks_memory(file, why);
    }
    bool is_good = true;
    for (size_t i = 0; i < file->records.table.count && is_good; i++) {
        is_good = configure(file, records[i], why);
    }
    memory_free(records);
    return is_good;
}

bool bank_file_load(struct bank_file *file, struct buffer *why)
{
    struct reading reading = {.file = file, .why = why};
    bool is_good = open_file(file, why) && read_all(&reading);
    buffer_fini(&reading.text);
    return is_good && configure_all(file, why);
}
