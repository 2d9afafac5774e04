#include "engine/bank_records.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "engine/bank_line.h"

#include <stdlib.h>
#include <string.h>

static struct bank_record *record_of(struct table_node *node)
{
    return (struct bank_record *)(void *)((char *)node -
                                          offsetof(struct bank_record, node));
}

void bank_records_init(struct bank_records *records)
{
    records->secret = hash_key_random();
    records->text_len = 0;
    table_init(&records->table, 0);
}

void bank_records_fini(struct bank_records *records)
{
    struct table_node *node = table_drain(&records->table, SIZE_MAX);
    while (node) {
        struct bank_record *record = record_of(node);
        node = node->next;
        memory_free(record);
    }
    table_fini(&records->table);
}

struct bank_record *bank_records_find(const struct bank_records *records,
                                      struct slice name)
{
    struct table_node *node =
        table_find(&records->table, hash_bytes(&records->secret, name), name);
    return node ? record_of(node) : NULL;
}

struct bank_record *bank_records_prepare(struct bank_records *records,
                                         struct slice name)
{
    if (table_reserve(&records->table)) {
        return NULL;
    }
    struct bank_record *record = memory_alloc_zero(sizeof *record + name.len);
    if (!record) {
        return NULL;
    }
    if (name.len) {
        memcpy(record->name, name.data, name.len);
    }
    record->node.key = slice_of(record->name, name.len);
    record->node.hash = hash_bytes(&records->secret, name);
    return record;
}

void bank_records_add(struct bank_records *records, struct bank_record *record)
{
    table_insert(&records->table, &record->node);
}

void bank_records_set(struct bank_records *records, struct bank_record *record,
                      const struct bank_limits *limits, size_t text_len)
{
    records->text_len += text_len;
    records->text_len -= record->text_len;
    record->text_len = text_len;
    record->limits = *limits;
}

void bank_records_remove(struct bank_records *records,
                         struct bank_record *record)
{
    records->text_len -= record->text_len;
    table_remove(&records->table, &record->node);
    memory_free(record);
}

/* The next node, which the walk then has passed; others of its hash follow it
 * by `next`. NULL when there was none in the steps. */
static struct table_node *step(const struct bank_records *records,
                               struct table_walk *walk)
{
    struct table_node *node = table_seek(&records->table, walk);
    if (node) {
        walk->position = node->hash + 1;
        walk->is_end = node->hash == UINT64_MAX;
    }
    return node;
}

static bool is_alike(const struct table_node *node,
                     const struct table_node *first)
{
    return node && node->hash == first->hash;
}

static enum status print(struct bank_records *records, struct table_node *node,
                         struct buffer *out)
{
    struct bank_record *record = record_of(node);
    const struct bank_line line = {.bank = node->key, .limits = record->limits};
    size_t len = buffer_len(out);
    enum status status = bank_line_append(out, &line);
    if (!status) {
        bank_records_set(records, record, &line.limits, buffer_len(out) - len);
    }
    return status;
}

enum status bank_records_print(struct bank_records *records,
                               struct table_walk *walk, struct buffer *out)
{
    enum status status = STATUS_OK;
    while (!status && walk->steps > 0 && !walk->is_end) {
        struct table_node *first = step(records, walk);
        struct table_node *node = first;
        for (; !status && is_alike(node, first); node = node->next) {
            status = print(records, node, out);
        }
    }
    return status;
}

static int compare_lines(const void *a, const void *b)
{
    uint64_t one = (*(struct bank_record *const *)a)->line;
    uint64_t two = (*(struct bank_record *const *)b)->line;
    return one < two ? -1 : one > two;
}

struct bank_record **bank_records_by_line(const struct bank_records *records)
{
    size_t count = 0;
    struct bank_record **all =
        memory_alloc((records->table.count + 1) * sizeof(struct bank_record *));
    struct table_walk walk = {.steps = SIZE_MAX};
    while (all && !walk.is_end) {
        struct table_node *first = step(records, &walk);
        struct table_node *node = first;
        for (; is_alike(node, first); node = node->next) {
            all[count++] = record_of(node);
        }
    }
    if (all) {
        qsort(all, count, sizeof(struct bank_record *), compare_lines);
    }
    return all;
}
