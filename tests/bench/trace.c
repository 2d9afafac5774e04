/* Keys become numbers in a hash table of their texts' hashes, of 64 bits:
 * that two of some million keys share one is not to be expected. */
#include "tests/bench/trace.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { FIELD_COUNT = 5, FIRST_COUNT = 1 << 16 };

static const struct hash_key secret = {1, 2};

struct cell {
    uint64_t hash; /* 0: empty */
    uint32_t key;
};

struct key_table {
    struct cell *cells;
    size_t count; /* a power of two */
    uint32_t keys;
};

/* What is known while a trace is read. A size of 0 is not known. */
struct reading {
    struct trace *trace;
    struct key_table table;
    size_t capacity;
    double start_s;
    bool has_start;
};

static struct cell *find_cell(const struct key_table *table, uint64_t hash)
{
    size_t i = hash & (table->count - 1);
    while (table->cells[i].hash && table->cells[i].hash != hash) {
        i = (i + 1) & (table->count - 1);
    }
    return &table->cells[i];
}

static void grow_table(struct key_table *table)
{
    struct key_table grown = {.count = table->count * 2, .keys = table->keys};
    grown.cells = memory_alloc_zero(grown.count * sizeof *grown.cells);
    CHECK(grown.cells);
    for (size_t i = 0; i < table->count; i++) {
        if (table->cells[i].hash) {
            *find_cell(&grown, table->cells[i].hash) = table->cells[i];
        }
    }
    memory_free(table->cells);
    *table = grown;
}

static uint32_t number_of(struct key_table *table, const char *text)
{
    uint64_t hash = hash_bytes(&secret, slice_of_string(text)) | 1;
    struct cell *cell = find_cell(table, hash);
    if (cell->hash) {
        return cell->key;
    }
    *cell = (struct cell){hash, table->keys++};
    uint32_t key = cell->key;
    if (table->keys > table->count / 2) {
        grow_table(table);
    }
    return key;
}

static bool is_known(const char *field)
{
    return strcmp(field, "-") != 0;
}

static uint32_t number_in(const char *field)
{
    return is_known(field) ? (uint32_t)strtoul(field, NULL, 10) : 0;
}

static uint32_t time_in(struct reading *reading, const char *field)
{
    double at_s = is_known(field) ? strtod(field, NULL) : 0;
    if (!reading->has_start) {
        reading->start_s = at_s;
        reading->has_start = true;
    }
    return at_s > reading->start_s ? (uint32_t)(at_s - reading->start_s) : 0;
}

static void add_request(struct reading *reading,
                        const struct trace_request *request)
{
    struct trace *trace = reading->trace;
    if (trace->count == reading->capacity) {
        reading->capacity *= 2;
        trace->requests = memory_resize(
            trace->requests, reading->capacity * sizeof *trace->requests);
        CHECK(trace->requests);
    }
    trace->requests[trace->count++] = *request;
    trace->has_ttls = trace->has_ttls || request->ttl_s > 0;
}

static bool op_in(const char *field, enum trace_op *op)
{
    static const char *const names[] = {"get", "set", "del"};
    for (int i = 0; i < 3; i++) {
        if (strncmp(field, names[i], 3) == 0) {
            *op = (enum trace_op)i;
            return true;
        }
    }
    return false;
}

static bool read_line(struct reading *reading, char *line)
{
    char *fields[FIELD_COUNT];
    char *rest = line;
    for (int i = 0; i < FIELD_COUNT; i++) {
        fields[i] = strtok_r(rest, " \n", &rest);
        if (!fields[i]) {
            return false;
        }
    }
    struct trace_request request = {
        .key = number_of(&reading->table, fields[1]),
        .value_len = number_in(fields[2]),
        .at_s = time_in(reading, fields[0]),
        .ttl_s = number_in(fields[4]),
    };
    if (!op_in(fields[3], &request.op)) {
        return false;
    }
    add_request(reading, &request);
    return true;
}

/* From the size of key and value. */
static uint32_t value_len_of(uint32_t size)
{
    return size > TRACE_KEY_LEN ? size - TRACE_KEY_LEN : 1;
}

/* A size that is not known is the last that was, or else the first that will
 * be. */
static void fill_in_sizes(struct trace *trace)
{
    uint32_t *sizes = memory_alloc_zero(trace->keys * sizeof *sizes + 1);
    CHECK(sizes);
    for (size_t i = trace->count; i-- > 0;) {
        const struct trace_request *request = &trace->requests[i];
        if (request->value_len) {
            sizes[request->key] = request->value_len;
        }
    }
    for (size_t i = 0; i < trace->count; i++) {
        struct trace_request *request = &trace->requests[i];
        uint32_t *size = &sizes[request->key];
        *size = request->value_len ? request->value_len : *size;
        request->value_len = *size ? value_len_of(*size) : TRACE_VALUE_LEN;
    }
    memory_free(sizes);
}

static void measure_footprint(struct trace *trace)
{
    bool *seen = memory_alloc_zero(trace->keys * sizeof *seen + 1);
    CHECK(seen);
    for (size_t i = 0; i < trace->count; i++) {
        const struct trace_request *request = &trace->requests[i];
        if (!seen[request->key] && request->op != TRACE_DEL) {
            seen[request->key] = true;
            trace->footprint += TRACE_KEY_LEN + request->value_len;
        }
    }
    memory_free(seen);
}

bool trace_read(struct trace *trace, FILE *file, size_t *line)
{
    struct reading reading = {
        .trace = trace,
        .table = {.count = FIRST_COUNT},
        .capacity = FIRST_COUNT,
    };
    char *text = NULL;
    size_t text_len = 0;
    bool is_good = true;
    reading.table.cells =
        memory_alloc_zero(FIRST_COUNT * sizeof *reading.table.cells);
    *trace = (struct trace){
        .requests = memory_alloc_or_die(FIRST_COUNT * sizeof *trace->requests)};
    CHECK(reading.table.cells);
    for (*line = 0; is_good && getline(&text, &text_len, file) > 0;) {
        *line += 1;
        is_good = text[0] == '#' || read_line(&reading, text);
    }
    trace->keys = reading.table.keys;
    memory_free(reading.table.cells);
    free(text); /* getline()'s own */
    fill_in_sizes(trace);
    measure_footprint(trace);
    return is_good;
}

void trace_fini(struct trace *trace)
{
    memory_free(trace->requests);
    *trace = (struct trace){0};
}

void trace_put_key(char out[TRACE_KEY_LEN], uint64_t key)
{
    for (int i = TRACE_KEY_LEN; i-- > 0; key >>= 4) {
        out[i] = "0123456789abcdef"[key & 15];
    }
}
