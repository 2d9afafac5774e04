/* The banks file: what banks were configured to, so that it survives the end
 * of the program. A text of lines (engine/bank_line.h), the last about a bank
 * counts. While one is open all changes of what banks are set to go through
 * it: each is in the file before it is carried out, and is taken back from
 * there if the store refuses it. The file is the program's own: nobody else
 * may write to it meanwhile.
 *
 * Any thread, but for bank_file_work(), which is one thread's, and opening and
 * closing. */
#ifndef CACHESERVER_ENGINE_BANK_FILE_H
#define CACHESERVER_ENGINE_BANK_FILE_H

#include "base/slice.h"
#include "base/status.h"

struct bank_change;
struct bank_file;
struct bank_limits;
struct buffer;
struct response;
struct store;

/* Reads the file at `path`, which need not be there, configures the banks of
 * `store` as it says, and writes it anew with no more than that. *Gives* the
 * open file, which borrows the store until it is closed; NULL with the reason
 * in `why`, which names the file, and the line and the field if it is for
 * those. The store may have been changed then. */
struct bank_file *bank_file_open(const char *path, struct store *store,
                                 struct buffer *why);

/* *Takes* the file: what was written is on the disk then. */
void bank_file_close(struct bank_file **file);

/* As the functions of the store are. STATUS_UNAVAILABLE besides when the file
 * cannot be written; STATUS_NOMEM. Nothing has changed then. */
enum status bank_file_configure(struct bank_file *file, struct slice bank,
                                const struct bank_change *change,
                                struct bank_limits *limits);
enum status bank_file_drop(struct bank_file *file, struct slice bank);
enum status bank_file_rename(struct bank_file *file, struct slice bank,
                             struct slice to);
enum status bank_file_swap(struct bank_file *file, struct slice bank,
                           struct slice other);

/* Makes `response` say that the file cannot be written, and why. */
void bank_file_blame(const struct bank_file *file, struct response *response);

/* Brings what was written to the disk, and writes the file anew when much of
 * it has been overtaken, or when something went wrong. Waits for the disk. To
 * be called again and again. */
void bank_file_work(struct bank_file *file);

#endif
