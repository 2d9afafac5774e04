/* A field is found in a row of words, each with the form of what comes behind
 * it and the place where that goes. Words that do more than that have
 * functions. */
#include "wire/vectors.h"

#include "base/check.h"
#include "core/op.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINE_MAX_LEN = 2048 };

/* What a line can say of the vector that is read. */
struct line {
    const char *word;
    const char *rest; /* NULL: a message begins */
};

enum form { TEXT, NUMBER, NUMBER_32, SWITCH, KIND, OUTCOME, WHEN_FULL };

struct place {
    const char *word;
    enum form form;
    void *at;
};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static void stop(const struct vector *vector, const struct line *line)
{
    fprintf(stderr, "vector %s: not understood: %s %s\n", vector->name,
            line->word, line->rest ? line->rest : "");
    abort();
}

static bool is_word(const struct line *line, const char *word)
{
    return !strcmp(line->word, word);
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
    enum status status = STATUS_OK;
    while (status < STATUS_COUNT && strcmp(names[status], name) != 0) {
        status++;
    }
    CHECK(status < STATUS_COUNT);
    return status;
}

static enum value_kind kind_of_name(const char *name)
{
    CHECK(!strcmp(name, "TEXT") || !strcmp(name, "JSON"));
    return !strcmp(name, "TEXT") ? VALUE_TEXT : VALUE_JSON;
}

static bool switch_of_name(const char *name)
{
    CHECK(!strcmp(name, "true") || !strcmp(name, "false"));
    return !strcmp(name, "true");
}

static uint64_t when_full_of_name(const char *name)
{
    CHECK(!strcmp(name, "EVICT") || !strcmp(name, "REFUSE"));
    return !strcmp(name, "EVICT") ? BANK_EVICT : BANK_REFUSE;
}

static void take_place(struct vector *vector, const struct place *place,
                       const char *rest)
{
    switch (place->form) {
    case TEXT:
        *(struct slice *)place->at = take_text(vector, rest);
        break;
    case NUMBER:
        *(uint64_t *)place->at = strtoull(rest, NULL, 10);
        break;
    case NUMBER_32:
        *(uint32_t *)place->at = (uint32_t)strtoul(rest, NULL, 10);
        break;
    case SWITCH:
        *(bool *)place->at = switch_of_name(rest);
        break;
    case KIND:
        *(enum value_kind *)place->at = kind_of_name(rest);
        break;
    case OUTCOME:
        *(enum status *)place->at = status_of_name(rest);
        break;
    case WHEN_FULL:
        *(uint64_t *)place->at = when_full_of_name(rest);
        break;
    }
}

/* Whether `line` is one of `places`, and was taken there. */
static bool take_places(struct vector *vector, const struct place *places,
                        size_t count, const struct line *line)
{
    for (size_t i = 0; i < count && line->rest; i++) {
        if (is_word(line, places[i].word)) {
            take_place(vector, &places[i], line->rest);
            return true;
        }
    }
    return false;
}

/* `line` as one of the message `word`, with what stands behind the dot. */
static bool is_inside(const struct line *line, const char *word,
                      struct line *inner)
{
    size_t len = strlen(word);
    bool is_there = !strncmp(line->word, word, len) && line->word[len] == '.';
    *inner = (struct line){is_there ? line->word + len + 1 : "", line->rest};
    return is_there && line->rest;
}

/* Whether `line` begins the next element of `word`. */
static bool is_next(struct vector *vector, const struct line *line,
                    const char *word)
{
    if (line->rest || !is_word(line, word)) {
        return false;
    }
    vector->parts++;
    CHECK(vector->parts <= VECTOR_PARTS_MAX);
    return true;
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

static void take_op(struct vector *vector, const struct line *line)
{
    struct request *request = &vector->request;
    request->op = op_of_name(line->rest);
    if (request->op == OP_TOUCH || request->op == OP_TOUCH_MANY) {
        request->lifetime.rule = LIFETIME_SAME;
    }
    if (request->op == OP_NONE && strcmp(line->rest, "error") != 0) {
        stop(vector, line);
    }
}

static void take_refusal(struct vector *vector, const char *rest)
{
    vector->is_refused = true;
    vector->is_closed = !strcmp(rest, "close");
    if (!vector->is_closed) {
        vector->response.status = status_of_name(rest);
    }
}

/* What stands before the operation's own fields. */
static bool take_head(struct vector *vector, const struct line *line)
{
    if (!line->rest) {
        return false;
    }
    if (is_word(line, "name")) {
        snprintf(vector->name, sizeof vector->name, "%s", line->rest);
    } else if (is_word(line, "direction")) {
        vector->is_request = !strcmp(line->rest, "request");
    } else if (is_word(line, "hex")) {
        take_hex(vector, line->rest);
    } else if (is_word(line, "id")) {
        vector->request.id = strtoull(line->rest, NULL, 10);
    } else if (is_word(line, "op")) {
        take_op(vector, line);
    } else if (is_word(line, "refused")) {
        take_refusal(vector, line->rest);
    } else {
        return false;
    }
    return true;
}

static bool take_lifetime(struct request *request, const struct line *line)
{
    bool is_incr = request->op == OP_INCR;
    struct lifetime *lifetime =
        is_incr ? &request->increment.lifetime : &request->lifetime;
    if (!line->rest) {
        return false;
    }
    if (is_word(line, "lifetime_ms")) {
        *lifetime = lifetime_of_ms(strtoull(line->rest, NULL, 10));
    } else if (is_word(line, "persist")) {
        lifetime->rule = LIFETIME_FOREVER;
    } else if (is_word(line, "expire_now")) {
        lifetime->rule = LIFETIME_OVER;
    } else if (is_word(line, "touch")) {
        lifetime->rule = LIFETIME_SAME;
    } else {
        return false;
    }
    request->is_touch = request->op == OP_GET;
    return true;
}

static bool take_number(struct number *number, const struct line *line)
{
    if (line->rest && is_word(line, "real")) {
        *number = (struct number){.real = strtod(line->rest, NULL)};
    } else if (line->rest && is_word(line, "integer")) {
        *number = (struct number){.is_integer = true,
                                  .integer = strtoll(line->rest, NULL, 10)};
    } else {
        return false;
    }
    return true;
}

static bool take_increment(struct increment *increment, const struct line *line)
{
    const struct {
        const char *word;
        struct number *number;
        bool *is_there;
    } numbers[] = {
        {"initial", &increment->initial, &increment->has_initial},
        {"minimum", &increment->minimum, &increment->has_minimum},
        {"maximum", &increment->maximum, &increment->has_maximum},
    };
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        struct line inner;
        if (!line->rest && is_word(line, numbers[i].word)) {
            *numbers[i].is_there = true;
            return true;
        }
        if (is_inside(line, numbers[i].word, &inner)) {
            return take_number(numbers[i].number, &inner);
        }
    }
    return take_number(&increment->delta, line);
}

static bool take_condition(struct vector *vector, const struct line *line)
{
    struct condition *condition = &vector->request.condition;
    bool is_true;
    const struct {
        enum condition_rule rule;
        struct place place;
    } words[] = {
        {CONDITION_ABSENT, {"if_absent", SWITCH, &is_true}},
        {CONDITION_PRESENT, {"if_present", SWITCH, &is_true}},
        {CONDITION_VERSION, {"if_version", NUMBER, &condition->version}},
        {CONDITION_VALUE, {"if_value", TEXT, &condition->value}},
    };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (take_places(vector, &words[i].place, 1, line)) {
            condition->rule = words[i].rule;
            return true;
        }
    }
    return false;
}

/* A limit of a bank, to be set or set. */
static bool take_limit(struct vector *vector, struct bank_change *change,
                       const struct line *line)
{
    bool is_read_only = false;
    const struct place places[] = {
#define LIMIT(name, request, response, form, ...)                              \
    {#name, (form) == LIMIT_WHEN_FULL ? WHEN_FULL : NUMBER,                    \
     &change->limits.name},
#include "core/bank_limits.def"
#undef LIMIT
    };
    const struct place access = {"read_only", SWITCH, &is_read_only};
    if (take_places(vector, &access, 1, line)) {
        change->limits.read_only = is_read_only;
        change->has_read_only = true;
        return true;
    }
#define LIMIT(name, ...)                                                       \
    change->has_##name = change->has_##name || is_word(line, #name);
#include "core/bank_limits.def"
#undef LIMIT
    return take_places(vector, places, COUNT_OF(places), line);
}

static bool take_item(struct vector *vector, const struct line *line)
{
    struct request *request = &vector->request;
    bool is_key = line->rest && is_word(line, "keys");
    struct line begin = {is_key ? "items" : line->word,
                         is_key ? NULL : line->rest};
    struct line inner;
    request->items = vector->items;
    if (is_next(vector, &begin, "items")) {
        request->item_count = vector->parts;
        if (is_key) {
            vector->items[vector->parts - 1].key =
                take_text(vector, line->rest);
        }
        return true;
    }
    if (!is_inside(line, "items", &inner) || vector->parts == 0) {
        return false;
    }
    struct batch_item *item = &vector->items[vector->parts - 1];
    const struct place places[] = {
        {"key", TEXT, &item->key},
        {"value", TEXT, &item->value},
        {"kind", KIND, &item->kind},
    };
    if (is_word(&inner, "lifetime_ms")) {
        item->lifetime = lifetime_of_ms(strtoull(inner.rest, NULL, 10));
        return true;
    }
    return take_places(vector, places, COUNT_OF(places), &inner);
}

static bool take_request_field(struct vector *vector, const struct line *line)
{
    struct request *request = &vector->request;
    const struct place places[] = {
        {"bank", TEXT, &request->bank},
        {"key", TEXT, &request->key},
        {"value", TEXT, &request->value},
        {"prefix", TEXT, &request->prefix},
        {"cursor", TEXT, &request->cursor},
        {"to", TEXT, &request->other},
        {"other", TEXT, &request->other},
        {"kind", KIND, &request->kind},
        {"limit", NUMBER_32, &request->limit},
        {"deadline_ms", NUMBER_32, &request->deadline_ms},
        {"max_size", NUMBER, &request->size_max},
        {"counts", SWITCH, &request->wants_counts},
        {"return_previous", SWITCH, &request->wants_previous},
        {"return_version", SWITCH, &request->wants_version},
        {"return_lifetime", SWITCH, &request->wants_lifetime},
        {"saturate", SWITCH, &request->increment.saturates},
    };
    return take_places(vector, places, COUNT_OF(places), line) ||
           take_lifetime(request, line) || take_condition(vector, line) ||
           (request->op == OP_BANK_CONFIGURE &&
            take_limit(vector, &request->change, line)) ||
           (request->op == OP_INCR &&
            take_increment(&request->increment, line)) ||
           take_item(vector, line);
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

static bool take_hello(struct vector *vector, const struct line *line)
{
    if (!line->rest || vector->request.op != OP_HELLO) {
        return false;
    }
    if (is_word(line, "version")) {
        add_item(vector, SLICE_LITERAL("version"));
        add_item(vector, take_text(vector, line->rest));
    } else if (is_word(line, "features")) {
        add_item(vector, SLICE_LITERAL("feature"));
        add_item(vector, take_text(vector, line->rest));
    } else if (is_word(line, "limits")) {
        add_limit(vector, line->rest);
    } else {
        return false;
    }
    return true;
}

static bool take_stat(struct vector *vector, const struct line *line)
{
    struct bank_stats *stats = &vector->response.stats;
    bool is_read_only = false;
    const struct place switches[] = {
        {"read_only", SWITCH, &is_read_only},
        {"when_full", WHEN_FULL, &stats->when_full},
    };
    const struct place places[] = {
#define STAT(name, number) {#name, NUMBER, &stats->name},
#include "core/bank_stats.def"
#undef STAT
    };
    if (take_places(vector, switches, COUNT_OF(switches), line)) {
        stats->read_only = stats->read_only || is_read_only;
        return true;
    }
    return take_places(vector, places, COUNT_OF(places), line);
}

static bool take_answered_limit(struct vector *vector, const struct line *line)
{
    struct bank_change change = {.limits = vector->response.limits};
    bool is_taken = take_limit(vector, &change, line);
    vector->response.limits = change.limits;
    return is_taken;
}

static bool take_previous(struct vector *vector, const struct line *line)
{
    struct response *response = &vector->response;
    struct slice value = {0};
    const struct place places[] = {
        {"value", TEXT, &value},
        {"kind", KIND, &response->kind},
        {"version", NUMBER, &response->facts.version},
    };
    struct line inner;
    if (!line->rest && is_word(line, "previous")) {
        response->has_previous = true;
        return true;
    }
    if (!is_inside(line, "previous", &inner) ||
        !take_places(vector, places, COUNT_OF(places), &inner)) {
        return false;
    }
    CHECK(!buffer_append(&response->body, value));
    return true;
}

/* What is answered only if it is asked for was. */
static bool take_facts(struct vector *vector, const struct line *line)
{
    struct request *request = &vector->request;
    struct response *response = &vector->response;
    bool is_put = request->op == OP_PUT;
    const struct place places[] = {
        {"size", NUMBER, &response->facts.size},
        {"lifetime_ms", NUMBER, &response->facts.lifetime_ms},
        {"remaining_ms", NUMBER, &response->facts.remaining_ms},
        {"version", NUMBER,
         is_put ? &response->version : &response->facts.version},
        {"kind", KIND,
         request->op == OP_META ? &response->facts.kind : &response->kind},
    };
    request->wants_version = request->wants_version || is_word(line, "version");
    request->wants_lifetime =
        request->wants_lifetime || is_word(line, "lifetime_ms");
    return take_places(vector, places, COUNT_OF(places), line);
}

static bool take_result(struct vector *vector, const struct line *line)
{
    struct response *response = &vector->response;
    struct line code = {line->word, NULL};
    struct line inner;
    if (line->rest && is_next(vector, &code, "codes")) {
        response->count = vector->parts;
        vector->results[vector->parts - 1].status = status_of_name(line->rest);
        return true;
    }
    if (is_next(vector, line, "results")) {
        response->count = vector->parts;
        return true;
    }
    if (!is_inside(line, "results", &inner) || vector->parts == 0) {
        return false;
    }
    struct batch_result *result = &vector->results[vector->parts - 1];
    struct slice value = {0};
    const struct place places[] = {
        {"value", TEXT, &value},
        {"kind", KIND, &result->kind},
        {"version", NUMBER, &result->version},
        {"code", OUTCOME, &result->status},
    };
    bool is_taken = take_places(vector, places, COUNT_OF(places), &inner);
    CHECK(!buffer_append(&response->body, value));
    result->len += value.len;
    return is_taken;
}

static bool take_entry(struct vector *vector, const struct line *line)
{
    struct line inner;
    if (is_next(vector, line, "entries")) {
        return true;
    }
    if (!is_inside(line, "entries", &inner) || vector->parts == 0) {
        return false;
    }
    struct entry_item *entry = &vector->entries[vector->parts - 1];
    const struct place places[] = {
        {"key", TEXT, &entry->key},
        {"value", TEXT, &entry->value},
        {"kind", KIND, &entry->facts.kind},
        {"lifetime_ms", NUMBER, &entry->facts.lifetime_ms},
        {"remaining_ms", NUMBER, &entry->facts.remaining_ms},
    };
    return take_places(vector, places, COUNT_OF(places), &inner);
}

static bool take_counts(struct vector *vector, const struct line *line)
{
    struct line inner;
    if (is_next(vector, line, "counts")) {
        vector->request.wants_counts = true;
        return true;
    }
    if (!is_inside(line, "counts", &inner) || vector->parts == 0) {
        return false;
    }
    struct bank_counts *counts = &vector->counts[vector->parts - 1];
    const struct place places[] = {
        {"entries", NUMBER, &counts->entries},
        {"bytes", NUMBER, &counts->bytes},
    };
    return take_places(vector, places, COUNT_OF(places), &inner);
}

/* The server has it from the code. */
static bool take_retry(const struct vector *vector, const struct line *line)
{
    return line->rest && is_word(line, "retry_ms") &&
           strtoull(line->rest, NULL, 10) ==
               status_retry_ms(vector->response.status);
}

static bool take_plain_answer(struct vector *vector, const struct line *line)
{
    struct response *response = &vector->response;
    struct slice text = {0};
    uint64_t removed = 0;
    const struct place places[] = {
        {"code", OUTCOME, &response->status},
        {"removed", NUMBER, &removed},
        {"value", TEXT, &text},
        {"message", TEXT, &text},
        {"cursor", TEXT, &text},
        {"keys", TEXT, &text},
        {"banks", TEXT, &text},
    };
    if (!take_places(vector, places, COUNT_OF(places), line)) {
        return false;
    }
    if (is_word(line, "removed")) {
        response->count = removed;
    } else if (is_word(line, "value")) {
        CHECK(!buffer_append(&response->body, text));
    } else if (is_word(line, "message")) {
        memcpy(response->message, text.data, text.len);
        response->message[text.len] = '\0';
    } else if (is_word(line, "cursor")) {
        memcpy(response->cursor, text.data, text.len);
        response->cursor_len = text.len;
    } else if (is_word(line, "keys") || is_word(line, "banks")) {
        add_item(vector, text);
    }
    return true;
}

static bool take_answer_field(struct vector *vector, const struct line *line)
{
    enum op op = vector->request.op;
    if (op == OP_BANK_STATS || op == OP_BANK_CONFIGURE) {
        return op == OP_BANK_STATS ? take_stat(vector, line)
                                   : take_answered_limit(vector, line);
    }
    return take_hello(vector, line) || take_plain_answer(vector, line) ||
           take_facts(vector, line) || take_previous(vector, line) ||
           take_result(vector, line) || take_entry(vector, line) ||
           take_counts(vector, line) || take_retry(vector, line) ||
           (line->rest && take_number(&vector->response.number, line));
}

static void take_line(struct vector *vector, char *text)
{
    char *space = strchr(text, ' ');
    struct line line = {text, space ? space + 1 : NULL};
    if (space) {
        *space = '\0';
    }
    bool is_field = vector->is_request ? take_request_field(vector, &line)
                                       : take_answer_field(vector, &line);
    if (!is_field && !take_head(vector, &line)) {
        stop(vector, &line);
    }
}

static void vector_fini(struct vector *vector)
{
    buffer_fini(&vector->frame);
    response_fini(&vector->response);
    *vector = (struct vector){0};
}

static void add_result(struct vector *vector, const void *result, size_t size)
{
    CHECK(!buffer_append(&vector->response.results, slice_of(result, size)));
}

/* What came one by one goes where the server has it. */
static void gather(struct vector *vector)
{
    bool is_entries = vector->request.op == OP_BANK_ENTRIES;
    bool is_counts = vector->request.op == OP_BANK_LIST;
    for (size_t i = 0; !vector->is_request && i < vector->parts; i++) {
        if (is_entries) {
            response_add_entry(&vector->response, &vector->entries[i]);
        } else if (is_counts) {
            add_result(vector, &vector->counts[i], sizeof vector->counts[i]);
        } else {
            add_result(vector, &vector->results[i], sizeof vector->results[i]);
        }
    }
}

static size_t finish(struct vector *vector,
                     void (*check)(struct vector *vector))
{
    bool is_there = vector->name[0] != '\0';
    if (is_there) {
        gather(vector);
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
