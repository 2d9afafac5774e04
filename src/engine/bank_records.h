/* What banks are set to, by name: what the banks file (engine/bank_file.h)
 * comes to. The caller locks. */
#ifndef CACHESERVER_ENGINE_BANK_RECORDS_H
#define CACHESERVER_ENGINE_BANK_RECORDS_H

#include "base/hash.h"
#include "base/slice.h"
#include "base/status.h"
#include "core/bank_stats.h"
#include "store/table.h"

#include <stddef.h>
#include <stdint.h>

struct buffer;

struct bank_record {
    struct table_node node; /* the name */
    struct bank_limits limits;
    size_t text_len; /* of its line; 0: it was never printed */
    uint64_t line;   /* where it was read; 0: nowhere */
    char name[];
};

struct bank_records {
    struct hash_key secret;
    struct table table;
    uint64_t text_len; /* of all lines */
};

/* Makes `records` empty. */
void bank_records_init(struct bank_records *records);

/* Frees all. */
void bank_records_fini(struct bank_records *records);

/* *Borrows* that of the bank `name`; NULL without one. */
struct bank_record *bank_records_find(const struct bank_records *records,
                                      struct slice name);

/* *Gives* one that is not among `records` yet, and makes room for it there;
 * NULL without memory. memory_free() takes it. */
struct bank_record *bank_records_prepare(struct bank_records *records,
                                         struct slice name);

/* *Takes* it in, to be set at once; there is none of its name. */
void bank_records_add(struct bank_records *records, struct bank_record *record);

/* Says what the bank is set to from now on, in a line of `text_len` bytes. */
void bank_records_set(struct bank_records *records, struct bank_record *record,
                      const struct bank_limits *limits, size_t text_len);

/* Takes it out and frees it. */
void bank_records_remove(struct bank_records *records,
                         struct bank_record *record);

/* Appends the next lines, as many as `walk` has steps or some more, and moves
 * it; notes how long they are. What is there from the first piece to the last
 * is in one of them. STATUS_NOMEM. */
enum status bank_records_print(struct bank_records *records,
                               struct table_walk *walk, struct buffer *out);

/* *Gives* them in the order of the lines where they were read; NULL without
 * memory. memory_free() takes it. */
struct bank_record **bank_records_by_line(const struct bank_records *records);

#endif
