/* A machine with one state for each thing that may come next, and a bit a
 * level that says whether that level is an object or an array, so that
 * nothing recurses. A handler takes as much as it can: white space, a run of
 * plain bytes, digits. Each takes at least one byte or changes the state.
 *
 *            +----------- , -----------+
 *            v                         |
 *     NAME string COLON : VALUE ... AFTER --- } or ] ---> AFTER, or END
 *
 * FIRST_NAME and FIRST_ITEM are NAME and VALUE where the bracket may close
 * at once. The states of strings and numbers can be left and entered again
 * at every byte. */
#include "base/json_scan.h"

#include "base/check.h"
#include "base/json_plain.h"
#include "base/json_string.h"
#include "base/utf8.h"

enum state {
    STATE_VALUE,
    STATE_FIRST_ITEM,
    STATE_FIRST_NAME,
    STATE_NAME,
    STATE_COLON,
    STATE_AFTER,
    STATE_STRING,
    STATE_ESCAPE,
    STATE_HEX,
    STATE_CHARACTER,
    STATE_WORD,
    STATE_MINUS, /* here begin the states of a number */
    STATE_ZERO,
    STATE_INTEGER,
    STATE_POINT,
    STATE_FRACTION,
    STATE_E,
    STATE_E_SIGN,
    STATE_EXPONENT, /* and here they end */
    STATE_END,
    STATE_BAD
};

/* Each handler is told where to go on and where the input ends, which is
 * further on, and answers how far it came. */

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static const char *fail(struct json_scan *scan, const char *at)
{
    scan->state = STATE_BAD;
    return at;
}

static inline const char *skip_space(const char *at, const char *end)
{
    while (at < end &&
           (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')) {
        at++;
    }
    return at;
}

static inline bool is_in_object(const struct json_scan *scan)
{
    unsigned level = scan->depth - 1;
    return scan->objects[level / 64] >> level % 64 & 1;
}

static inline void begin_value(struct json_scan *scan, const char *at,
                               enum json_type type)
{
    if (scan->depth == 1 && scan->member) {
        scan->member->at = (size_t)(at - scan->start);
        scan->member->type = type;
        scan->member->has_escape = false;
    } else if (scan->depth == 0) {
        scan->type = type;
    }
}

/* The number that has begun is no integer. */
static void make_real(struct json_scan *scan)
{
    if (scan->depth == 1 && scan->member) {
        scan->member->type = JSON_REAL;
    } else if (scan->depth == 0) {
        scan->type = JSON_REAL;
    }
}

/* The value ends before `at`. */
static inline const char *end_value(struct json_scan *scan, const char *at)
{
    if (scan->depth == 1 && scan->member) {
        scan->member->len = (size_t)(at - scan->start) - scan->member->at;
        scan->member = NULL;
    }
    scan->state = scan->depth ? STATE_AFTER : STATE_END;
    return at;
}

static const char *open_bracket(struct json_scan *scan, const char *at,
                                enum json_type type)
{
    if (scan->depth == scan->depth_max) {
        return fail(scan, at);
    }
    begin_value(scan, at, type);
    uint64_t bit = UINT64_C(1) << scan->depth % 64;
    if (type == JSON_OBJECT) {
        scan->objects[scan->depth / 64] |= bit;
        scan->state = STATE_FIRST_NAME;
    } else {
        scan->objects[scan->depth / 64] &= ~bit;
        scan->state = STATE_FIRST_ITEM;
    }
    scan->depth++;
    return at + 1;
}

static inline const char *close_bracket(struct json_scan *scan, const char *at)
{
    scan->depth--;
    return end_value(scan, at + 1);
}

static inline const char *begin_string(struct json_scan *scan, const char *at,
                                       bool is_name)
{
    scan->is_name = is_name;
    scan->has_escape = false;
    scan->state = STATE_STRING;
    return at + 1;
}

static const char *begin_word(struct json_scan *scan, const char *at,
                              enum json_type type, const char *word)
{
    begin_value(scan, at, type);
    scan->word = word + 1;
    scan->state = STATE_WORD;
    return at + 1;
}

static const char *begin_number(struct json_scan *scan, const char *at,
                                enum state state)
{
    begin_value(scan, at, JSON_INTEGER);
    scan->state = state;
    return at + 1;
}

static const char *on_value_start(struct json_scan *scan, const char *at)
{
    switch (*at) {
    case '"':
        begin_value(scan, at, JSON_STRING);
        return begin_string(scan, at, false);
    case '{':
        return open_bracket(scan, at, JSON_OBJECT);
    case '[':
        return open_bracket(scan, at, JSON_ARRAY);
    case 't':
        return begin_word(scan, at, JSON_TRUE, "true");
    case 'f':
        return begin_word(scan, at, JSON_FALSE, "false");
    case 'n':
        return begin_word(scan, at, JSON_NULL, "null");
    case 'N':
        return begin_word(scan, at, JSON_REAL, "NaN");
    case 'I':
        return begin_word(scan, at, JSON_REAL, "Infinity");
    case '-':
        return begin_number(scan, at, STATE_MINUS);
    case '0':
        return begin_number(scan, at, STATE_ZERO);
    default:
        return is_digit(*at) ? begin_number(scan, at, STATE_INTEGER)
                             : fail(scan, at);
    }
}

static inline const char *on_value(struct json_scan *scan, const char *at,
                                   const char *end)
{
    at = skip_space(at, end);
    return at < end ? on_value_start(scan, at) : at;
}

static const char *on_first_item(struct json_scan *scan, const char *at,
                                 const char *end)
{
    at = skip_space(at, end);
    if (at == end) {
        return at;
    }
    return *at == ']' ? close_bracket(scan, at) : on_value_start(scan, at);
}

static inline const char *on_name(struct json_scan *scan, const char *at,
                                  const char *end)
{
    at = skip_space(at, end);
    if (at == end) {
        return at;
    }
    if (*at == '"') {
        scan->name_at = (size_t)(at - scan->start) + 1;
        return begin_string(scan, at, true);
    }
    bool may_close = scan->state == STATE_FIRST_NAME;
    return *at == '}' && may_close ? close_bracket(scan, at) : fail(scan, at);
}

static inline const char *on_colon(struct json_scan *scan, const char *at,
                                   const char *end)
{
    at = skip_space(at, end);
    if (at == end) {
        return at;
    }
    if (*at != ':') {
        return fail(scan, at);
    }
    scan->state = STATE_VALUE;
    return on_value(scan, at + 1, end);
}

static inline const char *on_after(struct json_scan *scan, const char *at,
                                   const char *end)
{
    at = skip_space(at, end);
    if (at == end) {
        return at;
    }
    bool is_object = is_in_object(scan);
    if (*at == ',') {
        scan->state = is_object ? STATE_NAME : STATE_VALUE;
        return at + 1;
    }
    char bracket = is_object ? '}' : ']';
    return *at == bracket ? close_bracket(scan, at) : fail(scan, at);
}

/* Whether the text of `inside` is `name`. Stops at the first difference. */
static bool unescaped_is(struct slice inside, struct slice name)
{
    while (inside.len) {
        char point[4];
        size_t len = utf8_encode(json_string_next(&inside), point);
        if (!slice_starts_with(name, slice_of(point, len))) {
            return false;
        }
        name = slice_after(name, len);
    }
    return name.len == 0;
}

static struct json_member *find_member(struct json_scan *scan,
                                       struct slice inside)
{
    for (unsigned i = 0; i < scan->name_count; i++) {
        bool is_it = scan->has_escape ? unescaped_is(inside, scan->names[i])
                                      : slice_equal(inside, scan->names[i]);
        if (is_it) {
            return &scan->members[i];
        }
    }
    return NULL;
}

static inline const char *end_string(struct json_scan *scan, const char *quote)
{
    if (scan->is_name) {
        if (scan->depth == 1) {
            const char *name = scan->start + scan->name_at;
            scan->member =
                find_member(scan, slice_of(name, (size_t)(quote - name)));
        }
        scan->state = STATE_COLON;
        return quote + 1;
    }
    if (scan->depth == 1 && scan->member) {
        scan->member->has_escape = scan->has_escape;
    }
    return end_value(scan, quote + 1);
}

/* Begins a character of several bytes: how many, and between what the second
 * one must be (RFC 3629, section 4). */
static const char *begin_character(struct json_scan *scan, const char *at)
{
    unsigned char lead = (unsigned char)*at;
    if (lead < 0xc2 || lead > 0xf4) {
        return fail(scan, at);
    }
    scan->left = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    scan->low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    scan->high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    scan->state = STATE_CHARACTER;
    return at + 1;
}

static const char *on_character(struct json_scan *scan, const char *at,
                                const char *end)
{
    for (; at < end && scan->left; scan->left--) {
        unsigned char byte = (unsigned char)*at++;
        if (byte < scan->low || byte > scan->high) {
            return fail(scan, at);
        }
        scan->low = 0x80;
        scan->high = 0xbf;
    }
    if (scan->left == 0) {
        scan->state = STATE_STRING;
    }
    return at;
}

static inline const char *on_string(struct json_scan *scan, const char *at,
                                    const char *end)
{
    at += json_plain_len(at, (size_t)(end - at));
    if (at == end) {
        return at;
    }
    unsigned char byte = (unsigned char)*at;
    if (byte == '"') {
        return end_string(scan, at);
    }
    if (byte == '\\') {
        scan->has_escape = true;
        scan->state = STATE_ESCAPE;
        return at + 1;
    }
    if (byte >= 0x80) {
        return begin_character(scan, at);
    }
    return byte == 0x7f ? at + 1 : fail(scan, at);
}

static const char *on_escape(struct json_scan *scan, const char *at)
{
    switch (*at) {
    case 'u':
        scan->left = 4;
        scan->state = STATE_HEX;
        return at + 1;
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        scan->state = STATE_STRING;
        return at + 1;
    default:
        return fail(scan, at);
    }
}

static bool is_hex_digit(char byte)
{
    char letter = (char)(byte | 0x20);
    return is_digit(byte) || (letter >= 'a' && letter <= 'f');
}

static const char *on_hex(struct json_scan *scan, const char *at,
                          const char *end)
{
    for (; at < end && scan->left; scan->left--) {
        if (!is_hex_digit(*at++)) {
            return fail(scan, at);
        }
    }
    if (scan->left == 0) {
        scan->state = STATE_STRING;
    }
    return at;
}

static const char *on_word(struct json_scan *scan, const char *at,
                           const char *end)
{
    for (; at < end && *scan->word; scan->word++) {
        if (*at++ != *scan->word) {
            return fail(scan, at);
        }
    }
    return *scan->word ? at : end_value(scan, at);
}

enum number_byte {
    BYTE_ZERO,
    BYTE_DIGIT,
    BYTE_POINT,
    BYTE_E,
    BYTE_SIGN,
    BYTE_OTHER,
    BYTE_COUNT
};

/* What a byte leads to in each state of a number. At END the number has
 * ended before it. */
static const unsigned char number_states[][BYTE_COUNT] = {
#define ROW(state, zero, digit, point, e, sign, other)                         \
    [STATE_##state -                                                           \
        STATE_MINUS] = {STATE_##zero, STATE_##digit, STATE_##point,            \
                        STATE_##e,    STATE_##sign,  STATE_##other}
    ROW(MINUS, ZERO, INTEGER, BAD, BAD, BAD, BAD),
    ROW(ZERO, BAD, BAD, POINT, E, END, END),
    ROW(INTEGER, INTEGER, INTEGER, POINT, E, END, END),
    ROW(POINT, FRACTION, FRACTION, BAD, BAD, BAD, BAD),
    ROW(FRACTION, FRACTION, FRACTION, END, E, END, END),
    ROW(E, EXPONENT, EXPONENT, BAD, BAD, E_SIGN, BAD),
    ROW(E_SIGN, EXPONENT, EXPONENT, BAD, BAD, BAD, BAD),
    ROW(EXPONENT, EXPONENT, EXPONENT, END, END, END, END),
#undef ROW
};

static enum number_byte number_byte(char byte)
{
    switch (byte) {
    case '0':
        return BYTE_ZERO;
    case '.':
        return BYTE_POINT;
    case 'e':
    case 'E':
        return BYTE_E;
    case '+':
    case '-':
        return BYTE_SIGN;
    default:
        return is_digit(byte) ? BYTE_DIGIT : BYTE_OTHER;
    }
}

/* -Infinity, after its minus. */
static const char *begin_infinity(struct json_scan *scan, const char *at)
{
    make_real(scan);
    scan->word = "Infinity";
    scan->state = STATE_WORD;
    return at;
}

static const char *on_number(struct json_scan *scan, const char *at,
                             const char *end)
{
    for (; at < end; at++) {
        unsigned row = scan->state - STATE_MINUS;
        unsigned next = number_states[row][number_byte(*at)];
        if (next == STATE_END) {
            return end_value(scan, at);
        }
        if (next == STATE_BAD) {
            bool is_word = scan->state == STATE_MINUS && *at == 'I';
            return is_word ? begin_infinity(scan, at) : fail(scan, at);
        }
        if (next == STATE_POINT || next == STATE_E) {
            make_real(scan);
        }
        scan->state = next;
    }
    return at;
}

static inline const char *step(struct json_scan *scan, const char *at,
                               const char *end)
{
    switch (scan->state) {
    case STATE_VALUE:
        return on_value(scan, at, end);
    case STATE_FIRST_ITEM:
        return on_first_item(scan, at, end);
    case STATE_FIRST_NAME:
    case STATE_NAME:
        return on_name(scan, at, end);
    case STATE_COLON:
        return on_colon(scan, at, end);
    case STATE_AFTER:
        return on_after(scan, at, end);
    case STATE_STRING:
        return on_string(scan, at, end);
    case STATE_ESCAPE:
        return on_escape(scan, at);
    case STATE_HEX:
        return on_hex(scan, at, end);
    case STATE_CHARACTER:
        return on_character(scan, at, end);
    case STATE_WORD:
        return on_word(scan, at, end);
    default:
        return on_number(scan, at, end);
    }
}

void json_scan_start(struct json_scan *scan, const struct slice *names,
                     unsigned count, unsigned depth_max)
{
    CHECK(count <= JSON_NAMES_MAX);
    CHECK(depth_max <= JSON_SCAN_DEPTH_MAX);
    scan->at = 0;
    scan->type = JSON_ABSENT;
    scan->names = names;
    scan->name_count = count;
    scan->depth_max = depth_max;
    scan->depth = 0;
    scan->state = STATE_VALUE;
    scan->member = NULL;
    for (unsigned i = 0; i < count; i++) {
        scan->members[i].type = JSON_ABSENT;
    }
}

static enum json_scan_result scan_result(const struct json_scan *scan)
{
    return scan->state == STATE_END   ? JSON_SCAN_END
           : scan->state == STATE_BAD ? JSON_SCAN_BAD
                                      : JSON_SCAN_MORE;
}

enum json_scan_result json_scan(struct json_scan *scan, struct slice input)
{
    CHECK(scan->at <= input.len);
    if (scan->at == input.len) {
        return scan_result(scan);
    }
    scan->start = input.data;
    const char *at = input.data + scan->at;
    const char *end = input.data + input.len;
    while (at < end && scan->state < STATE_END) {
        at = step(scan, at, end);
    }
    scan->at = (size_t)(at - input.data);
    return scan_result(scan);
}

bool json_scan_may_end(const struct json_scan *scan)
{
    return scan->depth == 0 &&
           (scan->state == STATE_ZERO || scan->state == STATE_INTEGER ||
            scan->state == STATE_FRACTION || scan->state == STATE_EXPONENT);
}

bool json_is_valid(struct slice text, unsigned depth_max)
{
    struct json_scan scan;
    json_scan_start(&scan, NULL, 0, depth_max);
    enum json_scan_result result = json_scan(&scan, text);
    if (result == JSON_SCAN_MORE) {
        return json_scan_may_end(&scan);
    }
    const char *end = text.data + text.len;
    return result == JSON_SCAN_END &&
           skip_space(text.data + scan.at, end) == end;
}
