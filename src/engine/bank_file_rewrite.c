/* The file is written anew beside the old one, which changes go on being
 * appended to: first all records, piece by piece, then what was appended
 * meanwhile, as it stands there. A record may be from before or after a change
 * that is appended; the line about it comes later and counts. With the lock
 * held the last of it is copied and the new file takes the old one's place. */
#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "engine/bank_file_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PIECE = 64,           /* records printed with the lock held */
    COPY_LEN = 16 * 1024, /* bytes */
    SLACK = 64 * 1024,    /* that a file may be too long */
    RETRY_MS = 5 * 1000,
    FOLDER_MAX = 4096,
    MODE = 0600
};

/* A file in the making. */
struct fresh {
    struct bank_file *file;
    int fd;
    uint64_t len;
    uint64_t copied; /* how far the old one need not be looked at any more */
};

static int append(struct fresh *fresh, struct slice text)
{
    fresh->len += text.len;
    return bank_file_write(fresh->fd, text);
}

static uint64_t locked_len(struct bank_file *file)
{
    pthread_mutex_lock(&file->lock);
    uint64_t len = file->len;
    pthread_mutex_unlock(&file->lock);
    return len;
}

/* The next records. */
static int print_piece(struct fresh *fresh, struct table_walk *walk,
                       struct buffer *text)
{
    struct bank_file *file = fresh->file;
    buffer_clear(text);
    walk->steps = PIECE;
    pthread_mutex_lock(&file->lock);
    enum status status = bank_records_print(&file->records, walk, text);
    pthread_mutex_unlock(&file->lock);
    return status ? ENOMEM : append(fresh, buffer_peek(text));
}

static int print_records(struct fresh *fresh)
{
    struct buffer text = {0};
    struct table_walk walk = {.position = 0};
    int error = 0;
    while (!error && !walk.is_end) {
        error = print_piece(fresh, &walk, &text);
    }
    buffer_fini(&text);
    return error;
}

/* Copies what the old file has up to `end`. */
static int copy(struct fresh *fresh, uint64_t end)
{
    char bytes[COPY_LEN];
    int error = 0;
    while (!error && fresh->copied < end) {
        uint64_t left = end - fresh->copied;
        ssize_t len = pread(fresh->file->fd, bytes,
                            left < COPY_LEN ? (size_t)left : COPY_LEN,
                            (off_t)fresh->copied);
        if (len <= 0) {
            return len < 0 ? errno : EIO;
        }
        fresh->copied += (uint64_t)len;
        error = append(fresh, slice_of(bytes, (size_t)len));
    }
    return error;
}

static int fill(struct fresh *fresh)
{
    int error = print_records(fresh);
    error = error ? error : copy(fresh, locked_len(fresh->file));
    return error ? error : fsync(fresh->fd) ? errno : 0;
}

/* With the lock held: swaps the files. */
static int take_place(struct fresh *fresh)
{
    struct bank_file *file = fresh->file;
    uint64_t synced = fresh->len;
    int error = copy(fresh, file->len);
    if (!error && rename(file->fresh_path, file->path)) {
        error = errno;
    }
    if (!error) {
        int old = file->fd;
        file->fd = fresh->fd;
        fresh->fd = old;
        file->len = fresh->len;
        file->is_broken = false;
        file->is_dirty = fresh->len > synced;
    }
    return error;
}

/* Opened with the rights of the old one, and locked as that is. */
static int open_fresh(struct fresh *fresh)
{
    struct stat facts;
    fresh->fd = open(
        fresh->file->fresh_path,
        O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, MODE);
    if (fresh->fd < 0 || fstat(fresh->file->fd, &facts) ||
        fchmod(fresh->fd, facts.st_mode & 07777)) {
        return errno;
    }
    (void)flock(fresh->fd, LOCK_EX | LOCK_NB);
    return 0;
}

/* The folder, too, has to know on the disk which file it is, where folders can
 * be told to. */
static int sync_folder(const struct bank_file *file)
{
    const char *slash = strrchr(file->path, '/');
    char folder[FOLDER_MAX] = ".";
    if (slash) {
        int len = slash == file->path ? 1 : (int)(slash - file->path);
        snprintf(folder, sizeof folder, "%.*s", len, file->path);
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = fd < 0 || fsync(fd) ? errno : 0;
    if (fd >= 0) {
        close(fd);
    }
    return error == EINVAL ? 0 : error;
}

static int replace(struct fresh *fresh)
{
    struct bank_file *file = fresh->file;
    int error = open_fresh(fresh);
    error = error ? error : fill(fresh);
    if (!error) {
        pthread_mutex_lock(&file->lock);
        error = take_place(fresh);
        pthread_mutex_unlock(&file->lock);
    }
    if (error && fresh->fd >= 0) {
        unlink(file->fresh_path);
    }
    return error;
}

int bank_file_rewrite(struct bank_file *file)
{
    struct fresh fresh = {.file = file, .copied = locked_len(file)};
    int error = replace(&fresh);
    if (fresh.fd >= 0) {
        close(fresh.fd);
    }
    return error ? error : sync_folder(file);
}

/* The same while it is in use: what fails is tried again later. */
static bool renew(struct bank_file *file)
{
    int error = bank_file_rewrite(file);
    if (error) {
        file->retry_ms = clock_now_ms() + RETRY_MS;
    }
    if (error && !file->is_late) {
        log_event(LOG_ERROR, "%s cannot be written anew: %s", file->path,
                  strerrordesc_np(error));
    }
    file->is_late = error;
    return !error;
}

/* Whether the file is the one that has the name. */
static int look_for_name(const struct bank_file *file)
{
    struct stat facts;
    return fstat(file->fd, &facts) ? errno : facts.st_nlink == 0 ? ENOENT : 0;
}

/* What the system has failed to bring to the disk it may have forgotten. */
static void sync_file(struct bank_file *file)
{
    int error = fdatasync(file->fd) ? errno : look_for_name(file);
    if (error) {
        log_event(LOG_ERROR,
                  "%s may not be on the disk and is written anew: %s",
                  file->path, strerrordesc_np(error));
        pthread_mutex_lock(&file->lock);
        file->error = error;
        file->is_broken = true;
        pthread_mutex_unlock(&file->lock);
    }
}

void bank_file_work(struct bank_file *file)
{
    pthread_mutex_lock(&file->lock);
    bool is_dirty = file->is_dirty;
    bool is_long = file->len > 2 * file->records.text_len + SLACK;
    bool is_due =
        (file->is_broken || is_long) && clock_now_ms() >= file->retry_ms;
    file->is_dirty = false;
    pthread_mutex_unlock(&file->lock);
    if (!(is_due && renew(file)) && is_dirty) {
        sync_file(file);
    }
}
