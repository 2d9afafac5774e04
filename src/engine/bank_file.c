/* A change is written before it is carried out, because what the store has
 * dropped does not come back; so what the store can be known to refuse is not
 * written at all, and what it refuses all the same is cut off again. What does
 * not change what banks are set to is left to the store alone.
 *
 * The lock is held over both, so that the lines are in the order of the
 * changes. It comes before all locks of the store. */
#include "engine/bank_file.h"

#include "base/buffer.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "core/bank_stats.h"
#include "core/response.h"
#include "engine/bank_file_internal.h"
#include "engine/bank_line.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int bank_file_write(int fd, struct slice text)
{
    while (text.len > 0) {
        ssize_t len = write(fd, text.data, text.len);
        if (len < 0 && errno != EINTR) {
            return errno;
        }
        text = slice_after(text, len > 0 ? (size_t)len : 0);
    }
    return 0;
}

static void say_failed(struct bank_file *file)
{
    if (!file->has_failed) {
        log_event(LOG_ERROR, "%s cannot be written, changes are refused: %s",
                  file->path, strerrordesc_np(file->error));
    }
    file->has_failed = true;
}

/* With the lock held: the file ends after `len` bytes. */
static void cut(struct bank_file *file, uint64_t len)
{
    if (ftruncate(file->fd, (off_t)len)) {
        file->error = errno;
        file->is_broken = true;
        say_failed(file);
    }
    file->len = len;
}

/* With the lock held. */
static enum status append(struct bank_file *file, struct slice text)
{
    if (file->is_broken) {
        return STATUS_UNAVAILABLE;
    }
    int error = bank_file_write(file->fd, text);
    if (error) {
        file->error = error;
        say_failed(file);
        cut(file, file->len);
        return STATUS_UNAVAILABLE;
    }
    file->has_failed = false;
    file->is_dirty = true;
    file->len += text.len;
    return STATUS_OK;
}

/* A change that is to be written. */
struct change {
    struct buffer text;
    size_t text_len;             /* of the line that sets `record` */
    struct bank_record *record;  /* what is set, */
    struct bank_record *fresh;   /* which is this if it is new */
    struct bank_record *dropped; /* what goes */
    struct bank_limits limits;
};

/* Adds the line that says that the bank `name` is set to `limits`. */
static enum status note_set(struct bank_file *file, struct change *change,
                            struct slice name, const struct bank_limits *limits)
{
    const struct bank_line line = {.bank = name, .limits = *limits};
    change->limits = *limits;
    change->record = bank_records_find(&file->records, name);
    if (!change->record) {
        change->fresh = bank_records_prepare(&file->records, name);
        change->record = change->fresh;
    }
    size_t len = buffer_len(&change->text);
    if (!change->record || bank_line_append(&change->text, &line)) {
        return STATUS_NOMEM;
    }
    change->text_len = buffer_len(&change->text) - len;
    return STATUS_OK;
}

static enum status note_dropped(struct change *change,
                                struct bank_record *record)
{
    const struct bank_line line = {.bank = record->node.key,
                                   .is_dropped = true};
    change->dropped = record;
    return bank_line_append(&change->text, &line);
}

/* The store has carried it out. Nothing is taken out before what has room goes
 * in. */
static void settle(struct bank_file *file, struct change *change)
{
    if (change->fresh) {
        bank_records_add(&file->records, change->fresh);
        change->fresh = NULL;
    }
    if (change->record) {
        bank_records_set(&file->records, change->record, &change->limits,
                         change->text_len);
    }
    if (change->dropped) {
        bank_records_remove(&file->records, change->dropped);
    }
}

/* What the store is asked to do, in its own words. */
struct deed {
    enum status (*run)(struct store *store, struct deed *deed);
    struct slice bank;
    struct slice other;
    const struct bank_change *change;
    struct bank_limits *limits;
};

/* Writes `change` if it came to `status` without fault, carries `deed` out,
 * and takes the lines back if that is refused. Frees the change. */
static enum status carry_out(struct bank_file *file, struct change *change,
                             struct deed *deed, enum status status)
{
    uint64_t len = file->len;
    if (!status && buffer_len(&change->text)) {
        status = append(file, buffer_peek(&change->text));
    }
    if (!status) {
        status = deed->run(file->store, deed);
        if (!status) {
            settle(file, change);
        } else if (buffer_len(&change->text)) {
            cut(file, len);
        }
    }
    memory_free(change->fresh);
    buffer_fini(&change->text);
    return status;
}

static enum status run_configure(struct store *store, struct deed *deed)
{
    return store_bank_configure(store, deed->bank, deed->change, deed->limits);
}

/* With the lock held, as all below. */
static enum status configure(struct bank_file *file, struct deed *deed)
{
    struct change change = {.record = NULL};
    enum status status =
        store_bank_foresee(file->store, deed->bank, deed->change, deed->limits);
    if (status) {
        return status;
    }
    const struct bank_record *record =
        bank_records_find(&file->records, deed->bank);
    if (record &&
        !memcmp(&record->limits, deed->limits, sizeof record->limits)) {
        return STATUS_OK;
    }
    status = note_set(file, &change, deed->bank, deed->limits);
    return carry_out(file, &change, deed, status);
}

enum status bank_file_configure(struct bank_file *file, struct slice bank,
                                const struct bank_change *change,
                                struct bank_limits *limits)
{
    struct deed deed = {run_configure, bank, bank, change, limits};
    pthread_mutex_lock(&file->lock);
    enum status status = configure(file, &deed);
    pthread_mutex_unlock(&file->lock);
    return status;
}

static enum status run_drop(struct store *store, struct deed *deed)
{
    return store_bank_drop(store, deed->bank);
}

static enum status drop(struct bank_file *file, struct deed *deed)
{
    struct change change = {.record = NULL};
    struct bank_record *record = bank_records_find(&file->records, deed->bank);
    enum status status = STATUS_OK;
    if (record && !record->limits.read_only) {
        status = note_dropped(&change, record);
    }
    return carry_out(file, &change, deed, status);
}

enum status bank_file_drop(struct bank_file *file, struct slice bank)
{
    struct deed deed = {.run = run_drop, .bank = bank};
    pthread_mutex_lock(&file->lock);
    enum status status = drop(file, &deed);
    pthread_mutex_unlock(&file->lock);
    return status;
}

static bool is_bank(const struct bank_file *file, struct slice name)
{
    struct bank_stats stats;
    return !store_bank_stats(file->store, name, &stats);
}

static enum status run_rename(struct store *store, struct deed *deed)
{
    return store_bank_rename(store, deed->bank, deed->other);
}

static enum status rename_bank(struct bank_file *file, struct deed *deed)
{
    struct change change = {.record = NULL};
    struct bank_record *record = bank_records_find(&file->records, deed->bank);
    enum status status = STATUS_OK;
    if (record && !record->limits.read_only && !is_bank(file, deed->other)) {
        status = note_dropped(&change, record);
        status = status ? status
                        : note_set(file, &change, deed->other, &record->limits);
    }
    return carry_out(file, &change, deed, status);
}

enum status bank_file_rename(struct bank_file *file, struct slice bank,
                             struct slice to)
{
    struct deed deed = {.run = run_rename, .bank = bank, .other = to};
    pthread_mutex_lock(&file->lock);
    enum status status = rename_bank(file, &deed);
    pthread_mutex_unlock(&file->lock);
    return status;
}

static enum status run_swap(struct store *store, struct deed *deed)
{
    return store_bank_swap(store, deed->bank, deed->other);
}

/* What banks are set to stays with their names; but when one of the two was
 * configured, both are then. */
static enum status swap(struct bank_file *file, struct deed *deed)
{
    struct change change = {.record = NULL};
    const struct bank_record *one =
        bank_records_find(&file->records, deed->bank);
    const struct bank_record *two =
        bank_records_find(&file->records, deed->other);
    const struct bank_limits initial = bank_limits_initial();
    struct slice newcomer = one ? deed->other : deed->bank;
    const struct bank_record *known = one ? one : two;
    enum status status = STATUS_OK;
    if (!one != !two && !known->limits.read_only && is_bank(file, newcomer)) {
        status = note_set(file, &change, newcomer, &initial);
    }
    return carry_out(file, &change, deed, status);
}

enum status bank_file_swap(struct bank_file *file, struct slice bank,
                           struct slice other)
{
    struct deed deed = {.run = run_swap, .bank = bank, .other = other};
    pthread_mutex_lock(&file->lock);
    enum status status = swap(file, &deed);
    pthread_mutex_unlock(&file->lock);
    return status;
}

void bank_file_blame(const struct bank_file *file, struct response *response)
{
    response_fail(response, STATUS_UNAVAILABLE,
                  "BANKS_FILE cannot be written (%s): %s",
                  strerrordesc_np(file->error), file->path);
}

static void free_all(struct bank_file *file)
{
    bank_records_fini(&file->records);
    pthread_mutex_destroy(&file->lock);
    memory_free(file->fresh_path);
    memory_free(file->path);
    memory_free(file);
}

static char *join(const char *path, const char *end)
{
    size_t len = strlen(path) + strlen(end) + 1;
    char *joined = memory_alloc(len);
    if (joined) {
        snprintf(joined, len, "%s%s", path, end);
    }
    return joined;
}

static struct bank_file *create(const char *path, struct store *store)
{
    struct bank_file *file = memory_alloc_zero(sizeof *file);
    if (!file) {
        return NULL;
    }
    file->fd = -1;
    file->store = store;
    bank_records_init(&file->records);
    pthread_mutex_init(&file->lock, NULL);
    file->path = join(path, "");
    file->fresh_path = join(path, ".new");
    if (!file->path || !file->fresh_path) {
        free_all(file);
        return NULL;
    }
    return file;
}

static bool write_first(struct bank_file *file, struct buffer *why)
{
    int error = bank_file_rewrite(file);
    if (error) {
        text_append(why, "%s cannot be written: %s", file->fresh_path,
                    strerrordesc_np(error));
    }
    return !error;
}

struct bank_file *bank_file_open(const char *path, struct store *store,
                                 struct buffer *why)
{
    struct bank_file *file = create(path, store);
    if (!file) {
        text_append(why, "%s: %s", path, status_text(STATUS_NOMEM));
        return NULL;
    }
    if (!bank_file_load(file, why) || !write_first(file, why)) {
        bank_file_close(&file);
    }
    return file;
}

void bank_file_close(struct bank_file **file)
{
    struct bank_file *closed = *file;
    if (!closed) {
        return;
    }
    if (closed->is_dirty && fdatasync(closed->fd)) {
        log_event(LOG_ERROR, "%s may not be on the disk: %s", closed->path,
                  strerrordesc_np(errno));
    }
    if (closed->fd >= 0) {
        close(closed->fd);
    }
    free_all(closed);
    *file = NULL;
}
