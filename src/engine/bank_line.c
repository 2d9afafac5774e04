/* A line is proven to be JSON first, as a whole; then its members are taken
 * one by one, each value from where json_scan() says that it begins to where
 * it ends, so that the first that is not known can be named. */
#include "engine/bank_line.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/json_scan.h"
#include "base/json_string.h"
#include "base/text.h"
#include "base/units.h"
#include "core/limits.h"
#include "core/request.h"
#include "core/response.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    DEPTH_MAX = 16,  /* deeper than any value that is taken */
    LIMIT_ROOM = 128 /* for ", ", a limit's name and its value */
};

struct field {
    const char *name;
    enum bank_limit_form form;
    size_t offset; /* in struct bank_limits */
};

static const struct field fields[] = {
#define LIMIT(name, request, response, form, ...)                              \
    {#name, form, offsetof(struct bank_limits, name)},
#include "core/bank_limits.def"
#undef LIMIT
};

enum { FIELD_COUNT = sizeof fields / sizeof *fields };

static const char *const when_full_names[] = {
    [BANK_EVICT] = "evict", [BANK_REFUSE] = "refuse"};

static uint64_t *limit_at(struct bank_limits *limits, const struct field *field)
{
    return (uint64_t *)(void *)((char *)limits + field->offset);
}

static uint64_t limit_of(const struct bank_limits *limits,
                         const struct field *field)
{
    return *(const uint64_t *)(const void *)((const char *)limits +
                                             field->offset);
}

static int print_limit(const struct field *field, uint64_t value,
                       char text[LIMIT_ROOM])
{
    switch (field->form) {
    case LIMIT_NUMBER:
        return snprintf(text, LIMIT_ROOM, ", \"%s\": %" PRIu64, field->name,
                        value);
    case LIMIT_SWITCH:
        return snprintf(text, LIMIT_ROOM, ", \"%s\": %s", field->name,
                        value ? "true" : "false");
    case LIMIT_WHEN_FULL:
        return snprintf(text, LIMIT_ROOM, ", \"%s\": \"%s\"", field->name,
                        when_full_names[value]);
    }
    UNREACHABLE("all forms are above");
}

static enum status append_limits(struct buffer *out,
                                 const struct bank_limits *limits)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < FIELD_COUNT && !status; i++) {
        char text[LIMIT_ROOM];
        int len = print_limit(&fields[i], limit_of(limits, &fields[i]), text);
        CHECK(len > 0 && len < LIMIT_ROOM);
        status = buffer_append(out, slice_of(text, (size_t)len));
    }
    return status;
}

static enum status append_all(struct buffer *out, const struct bank_line *line)
{
    enum status status = buffer_append(out, SLICE_LITERAL("{\"bank\": \""));
    status = status ? status : json_string_escape(out, line->bank);
    status = status ? status : buffer_append(out, SLICE_LITERAL("\""));
    if (status) {
        return status;
    }
    status = line->is_dropped
                 ? buffer_append(out, SLICE_LITERAL(", \"dropped\": true"))
                 : append_limits(out, &line->limits);
    return status ? status : buffer_append(out, SLICE_LITERAL("}\n"));
}

enum status bank_line_append(struct buffer *out, const struct bank_line *line)
{
    size_t len = buffer_len(out);
    enum status status = append_all(out, line);
    if (status) {
        buffer_truncate(out, len);
    }
    return status;
}

/* A line that is being read. */
struct reader {
    char *at; /* what is still to be read, */
    char *end;
    struct bank_line *line;
    struct buffer *why;
    bool has_bank;
    bool has[FIELD_COUNT];
};

/* A value as it stands there, strings without their quotes. */
struct value {
    enum json_type type;
    char *text;
    size_t len;
};

static bool refuse(struct reader *reader, struct slice field, const char *what)
{
    text_append_shown(reader->why, field);
    text_append(reader->why, " %s", what);
    return false;
}

/* Goes to the first byte that is neither white space nor `mark`. */
static void skip(struct reader *reader, char mark)
{
    while (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\r' ||
           *reader->at == '\n' || *reader->at == mark) {
        reader->at++;
    }
}

static struct value take_value(struct reader *reader)
{
    struct json_scan scan;
    json_scan_start(&scan, NULL, 0, DEPTH_MAX);
    struct slice rest =
        slice_of(reader->at, (size_t)(reader->end - reader->at));
    CHECK(json_scan(&scan, rest) == JSON_SCAN_END);
    struct value value = {scan.type, reader->at, scan.at};
    if (value.type == JSON_STRING) {
        value.text++;
        value.len -= 2;
    }
    reader->at += scan.at;
    return value;
}

static struct slice slice_of_value(const struct value *value)
{
    return slice_of(value->text, value->len);
}

static bool read_bank(struct reader *reader, const struct value *value)
{
    const struct slice field = SLICE_LITERAL("bank");
    if (reader->has_bank) {
        return refuse(reader, field, "is there twice");
    }
    if (value->type != JSON_STRING) {
        return refuse(reader, field, "must be a string");
    }
    if (!json_string_is_whole(slice_of_value(value))) {
        return refuse(reader, field, "must be valid UTF-8");
    }
    reader->has_bank = true;
    reader->line->bank =
        slice_of(value->text, json_string_unescape(value->text, value->len));
    return true;
}

static bool read_number(const struct value *value, uint64_t *number)
{
    return value->type == JSON_INTEGER &&
           units_parse_number(slice_of_value(value), number);
}

static bool read_switch(const struct value *value, uint64_t *number)
{
    *number = value->type == JSON_TRUE;
    return value->type == JSON_TRUE || value->type == JSON_FALSE;
}

static bool read_when_full(const struct value *value, uint64_t *number)
{
    struct slice text = slice_of_value(value);
    for (*number = BANK_EVICT; *number <= BANK_REFUSE; ++*number) {
        if (value->type == JSON_STRING &&
            slice_equal(text, slice_of_string(when_full_names[*number]))) {
            return true;
        }
    }
    return false;
}

static bool read_limit(struct reader *reader, size_t i,
                       const struct value *value)
{
    static const struct {
        bool (*read)(const struct value *value, uint64_t *number);
        const char *rule;
    } forms[] = {
        [LIMIT_NUMBER] =
            {read_number,
             "must be a whole number, at most 18446744073709551615"},
        [LIMIT_SWITCH] = {read_switch, "must be true or false"},
        [LIMIT_WHEN_FULL] = {read_when_full, "must be \"evict\" or \"refuse\""},
    };
    const struct field *field = &fields[i];
    struct slice name = slice_of_string(field->name);
    if (reader->has[i]) {
        return refuse(reader, name, "is there twice");
    }
    reader->has[i] = true;
    return forms[field->form].read(value,
                                   limit_at(&reader->line->limits, field)) ||
           refuse(reader, name, forms[field->form].rule);
}

static bool read_member(struct reader *reader, struct slice name,
                        const struct value *value)
{
    if (slice_equal(name, SLICE_LITERAL("bank"))) {
        return read_bank(reader, value);
    }
    if (slice_equal(name, SLICE_LITERAL("dropped"))) {
        reader->line->is_dropped = true;
        return value->type == JSON_TRUE || refuse(reader, name, "must be true");
    }
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (slice_equal(name, slice_of_string(fields[i].name))) {
            return read_limit(reader, i, value);
        }
    }
    return refuse(reader, name, "is no field that this version knows");
}

/* The object's members; what is at the start is known to be one. */
static bool read_members(struct reader *reader)
{
    bool is_good = true;
    skip(reader, '{');
    while (is_good && *reader->at != '}') {
        struct value name = take_value(reader);
        name.len = json_string_unescape(name.text, name.len);
        skip(reader, ':');
        struct value value = take_value(reader);
        is_good = read_member(reader, slice_of_value(&name), &value);
        skip(reader, ',');
    }
    return is_good;
}

/* Whether a request to the same end would be allowed. */
static bool check_as_request(struct reader *reader)
{
    static const struct limits any = {.frame_len_max = FRAME_OVERHEAD_MAX};
    struct request request;
    struct response response = {.status = STATUS_OK};
    bank_line_request(reader->line, &request);
    bool is_good = request_check(&request, &any, &response);
    if (!is_good) {
        text_append(reader->why, "%s", response.message);
    }
    response_fini(&response);
    return is_good;
}

static bool check_whole(struct reader *reader)
{
    const struct bank_limits *limits = &reader->line->limits;
    if (!reader->has_bank) {
        return refuse(reader, SLICE_LITERAL("bank"), "is missing");
    }
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (reader->line->is_dropped && reader->has[i]) {
            return refuse(reader, slice_of_string(fields[i].name),
                          "must not stand beside dropped");
        }
    }
    if (!check_as_request(reader)) {
        return false;
    }
    return !limits->maximum || limits->reserved <= limits->maximum ||
           refuse(reader, SLICE_LITERAL("reserved"),
                  "must not be more than maximum");
}

bool bank_line_read(char *text, size_t len, struct bank_line *line,
                    struct buffer *why)
{
    *line = (struct bank_line){.limits = bank_limits_initial()};
    struct reader reader = {
        .at = text, .end = text + len, .line = line, .why = why};
    if (!json_is_valid(slice_of(text, len), DEPTH_MAX)) {
        text_append(why, "this is not JSON");
        return false;
    }
    skip(&reader, ' ');
    if (*reader.at != '{') {
        text_append(why, "this is no JSON object");
        return false;
    }
    return read_members(&reader) && check_whole(&reader);
}

/* What was cut off may also be there as zeroes after the power has failed. */
bool bank_line_is_begun(struct slice text)
{
    const struct slice start = SLICE_LITERAL("{\"bank\"");
    bool is_short = text.len < start.len;
    return text.len == 0 || text.data[0] == '\0' ||
           slice_starts_with(is_short ? start : text, is_short ? text : start);
}

void bank_line_request(const struct bank_line *line, struct request *request)
{
    request_init(request);
    request->op = OP_BANK_CONFIGURE;
    request->bank = line->bank;
    request->change.limits = line->limits;
#define LIMIT(name, ...) request->change.has_##name = true;
#include "core/bank_limits.def"
#undef LIMIT
}
