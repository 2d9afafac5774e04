/* What the files of the banks file share. */
#ifndef CACHESERVER_ENGINE_BANK_FILE_INTERNAL_H
#define CACHESERVER_ENGINE_BANK_FILE_INTERNAL_H

#include "base/slice.h"
#include "engine/bank_file.h"
#include "engine/bank_records.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bank_file {
    struct store *store; /* borrowed */
    char *path;
    char *fresh_path; /* what the file is called until it takes its place */
    pthread_mutex_t lock;
    /* Changes under the lock: */
    int fd; /* written by bank_file_work(), which alone reads it without */
    uint64_t len;
    struct bank_records records; /* what the first `len` bytes come to */
    bool is_dirty;               /* not all of it is on the disk */
    bool is_broken;    /* no more is written until it was written anew */
    bool has_failed;   /* the last write, and that was said */
    _Atomic int error; /* of the last that failed */
    /* bank_file_work()'s: */
    uint64_t retry_ms; /* not written anew before */
    bool is_late;      /* that has failed, and was said */
};

/* Writes all of `text` to `fd`, by one write(2) unless the system takes it in
 * pieces. 0, or what errno says; then a part may be there. */
int bank_file_write(int fd, struct slice text);

/* Opens the file and reads it into `records`, and configures the banks of the
 * store. False with the reason in `why`. */
bool bank_file_load(struct bank_file *file, struct buffer *why);

/* Writes the file anew, as bank_file_work() does. 0, or what errno says; then
 * the old one is still there. */
int bank_file_rewrite(struct bank_file *file);

#endif
