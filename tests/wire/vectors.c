#include "wire/vectors.h"

#include "base/check.h"
#include "core/op.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINE_MAX_LEN = 2048 };

static void stop(const struct vector *vector, const char *line)
{
    fprintf(stderr, "vector %s: not understood: %s\n", vector->name, line);
    abort();
}

static int hex_digit(char c)
{
    CHECK((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

static char hex_byte(const char *text)
{
    return (char)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
}

static void take_hex(struct vector *vector, const char *rest)
{
    while (*rest) {
        char byte = hex_byte(rest);
        CHECK(!buffer_append(&vector->frame, slice_of(&byte, 1)));
        rest += rest[2] ? 3 : 2;
    }
}

/* Unescapes the text in quotes at the start of `rest`. */
static struct slice take_text(struct vector *vector, const char *rest)
{
    size_t start = vector->texts_len;
    CHECK(*rest == '"');
    for (rest++; *rest != '"'; rest++) {
        CHECK(*rest && vector->texts_len < VECTOR_TEXT_MAX);
        char byte = *rest;
        if (byte == '\\' && rest[1] == 'x') {
            byte = hex_byte(rest + 2);
            rest += 3;
        } else if (byte == '\\') {
            byte = *++rest;
        }
        vector->texts[vector->texts_len++] = byte;
    }
    return slice_of(vector->texts + start, vector->texts_len - start);
}

static enum status status_of_name(const char *name)
{
    static const char *const names[] = {
#define STATUS(name, ...) #name,
#include "base/status.def"
#undef STATUS
    };
    for (enum status status = STATUS_OK + 1; status < STATUS_COUNT; status++) {
        if (!strcmp(names[status], name)) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum value_kind kind_of_name(const char *name)
{
    return !strcmp(name, "TEXT") ? VALUE_TEXT : VALUE_JSON;
}

static enum op op_of_name(const char *name)
{
    for (enum op op = OP_NONE + 1; op < OP_COUNT; op++) {
        if (!strcmp(op_info(op)->name, name)) {
            return op;
        }
    }
    return OP_NONE;
}

static void take_op(struct vector *vector, const char *name)
{
    vector->request.op = op_of_name(name);
    if (vector->request.op == OP_TOUCH) {
        vector->request.lifetime.rule = LIFETIME_SAME;
    }
    if (vector->request.op == OP_NONE && strcmp(name, "error") != 0) {
        stop(vector, name);
    }
}

static void take_refusal(struct vector *vector, const char *rest)
{
    vector->is_refused = true;
    vector->is_closed = !strcmp(rest, "close");
    vector->response.status = status_of_name(rest);
    CHECK(vector->is_closed != (vector->response.status != STATUS_OK));
}

/* What stands before the operation's own fields. */
static bool take_head(struct vector *vector, const char *word, const char *rest)
{
    if (!strcmp(word, "name")) {
        snprintf(vector->name, sizeof vector->name, "%s", rest);
    } else if (!strcmp(word, "direction")) {
        vector->is_request = !strcmp(rest, "request");
    } else if (!strcmp(word, "hex")) {
        take_hex(vector, rest);
    } else if (!strcmp(word, "id")) {
        vector->request.id = strtoull(rest, NULL, 10);
    } else if (!strcmp(word, "op")) {
        take_op(vector, rest);
    } else if (!strcmp(word, "refused")) {
        take_refusal(vector, rest);
    } else {
        return !strcmp(word, "deadline_ms");
    }
    return true;
}

static bool take_lifetime(struct request *request, const char *word,
                          const char *rest)
{
    if (!strcmp(word, "lifetime_ms")) {
        request->lifetime = lifetime_of_ms(strtoull(rest, NULL, 10));
    } else if (!strcmp(word, "persist")) {
        request->lifetime.rule = LIFETIME_FOREVER;
    } else if (!strcmp(word, "expire_now")) {
        request->lifetime.rule = LIFETIME_OVER;
    } else if (!strcmp(word, "touch")) {
        request->is_touch = true;
        request->lifetime.rule = LIFETIME_SAME;
    } else {
        return false;
    }
    return true;
}

static bool take_number(struct number *number, const char *word,
                        const char *rest)
{
    if (!strcmp(word, "real")) {
        number->real = strtod(rest, NULL);
    } else if (!strcmp(word, "integer")) {
        number->is_integer = true;
        number->integer = strtoll(rest, NULL, 10);
    } else {
        return false;
    }
    return true;
}

static bool take_change(struct bank_change *change, const char *word,
                        const char *rest)
{
    uint64_t value = strtoull(rest, NULL, 10);
    if (!strcmp(word, "reserved")) {
        change->has_reserved = true;
        change->limits.reserved = value;
    } else if (!strcmp(word, "maximum")) {
        change->has_maximum = true;
        change->limits.maximum = value;
    } else if (!strcmp(word, "weight")) {
        change->has_weight = true;
        change->limits.weight = value;
    } else {
        return false;
    }
    return true;
}

static bool take_request_field(struct vector *vector, const char *word,
                               const char *rest)
{
    struct request *request = &vector->request;
    struct {
        const char *word;
        struct slice *slice;
    } texts[] = {
        {"bank", &request->bank},     {"key", &request->key},
        {"value", &request->value},   {"prefix", &request->prefix},
        {"cursor", &request->cursor},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!strcmp(word, texts[i].word)) {
            *texts[i].slice = take_text(vector, rest);
            return true;
        }
    }
    if (!strcmp(word, "kind")) {
        request->kind = kind_of_name(rest);
    } else if (!strcmp(word, "limit")) {
        request->limit = (uint32_t)strtoul(rest, NULL, 10);
    } else {
        return take_lifetime(request, word, rest) ||
               take_change(&request->change, word, rest) ||
               take_number(&request->increment.delta, word, rest);
    }
    return true;
}

static void add_item(struct vector *vector, struct slice item)
{
    CHECK(!response_add_item(&vector->response, item));
}

static void add_limit(struct vector *vector, const char *rest)
{
    char name[100];
    struct slice text = take_text(vector, rest);
    snprintf(name, sizeof name, "limit:%.*s", (int)text.len, text.data);
    add_item(vector, slice_of_string(name));
    add_item(vector, slice_of_string(strrchr(rest, ' ') + 1));
}

/* A table. */
static bool take_answer_item(struct vector *vector, const char *word,
                             const char *rest)
{
    if (!strcmp(word, "keys") || !strcmp(word, "banks")) {
        add_item(vector, take_text(vector, rest));
    } else if (!strcmp(word, "version")) {
        add_item(vector, SLICE_LITERAL("version"));
        add_item(vector, take_text(vector, rest));
    } else if (!strcmp(word, "features")) {
        add_item(vector, SLICE_LITERAL("feature"));
        add_item(vector, take_text(vector, rest));
    } else if (!strcmp(word, "limits")) {
        add_limit(vector, rest);
    } else {
        return false;
    }
    return true;
}

static bool take_stat(struct bank_stats *stats, const char *word,
                      const char *rest)
{
    struct {
        const char *word;
        uint64_t *value;
    } fields[] = {
#define STAT(name, number) {#name, &stats->name},
#include "core/bank_stats.def"
#undef STAT
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (!strcmp(word, fields[i].word)) {
            *fields[i].value = strtoull(rest, NULL, 10);
            return true;
        }
    }
    return false;
}

static bool take_limit(struct bank_limits *limits, const char *word,
                       const char *rest)
{
    struct bank_change change = {.limits = *limits};
    bool is_taken = take_change(&change, word, rest);
    *limits = change.limits;
    return is_taken;
}

static bool take_answer_field(struct vector *vector, const char *word,
                              const char *rest)
{
    struct response *response = &vector->response;
    if (!strcmp(word, "value")) {
        CHECK(!buffer_append(&response->body, take_text(vector, rest)));
    } else if (!strcmp(word, "kind")) {
        response->kind = kind_of_name(rest);
    } else if (!strcmp(word, "code")) {
        response->status = status_of_name(rest);
    } else if (!strcmp(word, "message")) {
        struct slice text = take_text(vector, rest);
        memcpy(response->message, text.data, text.len);
        response->message[text.len] = '\0';
    } else if (!strcmp(word, "cursor")) {
        struct slice text = take_text(vector, rest);
        memcpy(response->cursor, text.data, text.len);
        response->cursor_len = text.len;
    } else {
        return take_answer_item(vector, word, rest) ||
               (vector->request.op == OP_BANK_STATS &&
                take_stat(&response->stats, word, rest)) ||
               (vector->request.op == OP_BANK_CONFIGURE &&
                take_limit(&response->limits, word, rest)) ||
               take_number(&response->number, word, rest);
    }
    return true;
}

static void take_line(struct vector *vector, char *line)
{
    char *space = strchr(line, ' ');
    if (!space) {
        stop(vector, line);
        return;
    }
    *space = '\0';
    const char *rest = space + 1;
    bool is_field = vector->is_request ? take_request_field(vector, line, rest)
                                       : take_answer_field(vector, line, rest);
    if (!is_field && !take_head(vector, line, rest)) {
        stop(vector, line);
    }
}

static void vector_fini(struct vector *vector)
{
    buffer_fini(&vector->frame);
    response_fini(&vector->response);
    *vector = (struct vector){0};
}

static size_t finish(struct vector *vector,
                     void (*check)(struct vector *vector))
{
    bool is_there = vector->name[0] != '\0';
    if (is_there) {
        check(vector);
    }
    vector_fini(vector);
    return is_there;
}

size_t vectors_each(const char *file, void (*check)(struct vector *vector))
{
    char path[512];
    snprintf(path, sizeof path, "%s/proto/vectors/%s", SOURCE_DIR, file);
    FILE *stream = fopen(path, "r");
    CHECK(stream);
    static struct vector vector;
    char line[LINE_MAX_LEN];
    size_t count = 0;
    while (fgets(line, sizeof line, stream)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '\0') {
            count += finish(&vector, check);
        } else if (line[0] != '#') {
            take_line(&vector, line);
        }
    }
    fclose(stream);
    return count + finish(&vector, check);
}
