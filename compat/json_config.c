/* cJSON parses; what it lets pass although it is not JSON (raw control
 * characters, leading zeros, bytes that are not UTF-8) our own scanner
 * finds. */
#include "compat/json_config.h"

#include "base/json_scan.h"
#include "base/memory.h"
#include "base/text.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_TEXT_LEN_MAX = 64 };

/* Whether cJSON, which does not tell, has met an allocation that failed. */
static _Thread_local bool was_starved;

static void *alloc_noting_failure(size_t size)
{
    void *block = memory_alloc(size);
    was_starved = was_starved || !block;
    return block;
}

static void use_our_memory(void)
{
    static bool is_done;
    if (!is_done) {
        cJSON_Hooks hooks = {alloc_noting_failure, memory_free};
        cJSON_InitHooks(&hooks);
        is_done = true;
    }
    was_starved = false;
}

/* Reads what `file` holds, up to a byte more than is allowed. */
static enum status read_all(FILE *file, struct buffer *content,
                            struct buffer *reason)
{
    char *room = buffer_reserve(content, JSON_CONFIG_LEN_MAX + 1);
    if (!room) {
        return STATUS_NOMEM;
    }
    size_t len = fread(room, 1, JSON_CONFIG_LEN_MAX + 1, file);
    if (ferror(file)) {
        text_append(reason, "cannot be read: %s", strerror(errno));
        return STATUS_INVALID_ARGUMENT;
    }
    if (len > JSON_CONFIG_LEN_MAX) {
        text_append(reason, "is longer than %d bytes", JSON_CONFIG_LEN_MAX);
        return STATUS_INVALID_ARGUMENT;
    }
    buffer_commit(content, len);
    return STATUS_OK;
}

static enum status read_file(const char *path, struct buffer *content,
                             struct buffer *reason)
{
    FILE *file = fopen(path, "re");
    if (!file && errno == ENOENT) {
        return STATUS_NOT_FOUND;
    }
    if (!file) {
        text_append(reason, "cannot be opened: %s", strerror(errno));
        return STATUS_INVALID_ARGUMENT;
    }
    enum status status = read_all(file, content, reason);
    fclose(file);
    return status;
}

/* Words the place `at` in `content` as editors count. */
static void append_place(struct slice content, size_t at, struct buffer *reason)
{
    unsigned line = 1;
    unsigned column = 1;
    for (size_t i = 0; i < at && i < content.len; i++) {
        bool is_end = content.data[i] == '\n';
        line += is_end;
        column = is_end ? 1 : column + 1;
    }
    text_append(reason, "line %u, column %u: ", line, column);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The first byte from `at` on that is not white space. */
static size_t skip_space(struct slice content, size_t at)
{
    while (at < content.len && is_space(content.data[at])) {
        at++;
    }
    return at;
}

/* Says why `content`, of which cJSON read `root` or nothing up to `at`, is
 * not taken; STATUS_OK when it is. */
static enum status judge(struct slice content, const cJSON *root, size_t at,
                         struct buffer *reason)
{
    static const char zero[] = "\\u0000";
    if (!root && was_starved) {
        return STATUS_NOMEM;
    }
    if (!root || at < content.len) {
        append_place(content, at, reason);
        text_append(reason,
                    root ? "something follows the object" : "this is not JSON");
        return STATUS_INVALID_ARGUMENT;
    }
    if (!json_is_valid(content, CJSON_NESTING_LIMIT)) {
        text_append(reason, "is not strict JSON: look for control characters, "
                            "leading zeros, bytes that are not UTF-8");
        return STATUS_INVALID_ARGUMENT;
    }
    if (memmem(content.data, content.len, zero, sizeof zero - 1)) {
        text_append(reason, "holds %s, which no setting may", zero);
        return STATUS_INVALID_ARGUMENT;
    }
    return STATUS_OK;
}

/* The root of `content`, *given*; NULL when `status` is not STATUS_OK. */
static cJSON *parse(struct slice content, struct buffer *reason,
                    enum status *status)
{
    const char *end = content.data;
    cJSON *root =
        cJSON_ParseWithLengthOpts(content.data, content.len, &end, false);
    size_t at = skip_space(content, (size_t)(end - content.data));
    *status = judge(content, root, at, reason);
    if (*status) {
        cJSON_Delete(root);
        return NULL;
    }
    return root;
}

/* The spelling of the number in `item`. cJSON keeps a double, whose whole
 * values are printed whole. */
static struct slice print_number(cJSON *item, char text[NUMBER_TEXT_LEN_MAX])
{
    double number = item->valuedouble;
    bool is_whole =
        fabs(number) < 9007199254740992.0 && floor(number) == number;
    if (is_whole) {
        snprintf(text, NUMBER_TEXT_LEN_MAX, "%.0f", number);
    } else if (!cJSON_PrintPreallocated(item, text, NUMBER_TEXT_LEN_MAX,
                                        false)) {
        text[0] = '\0';
    }
    return slice_of_string(text);
}

/* Whether `item` is a scalar, which is then worded in `pair`. */
static bool word_pair(cJSON *item, char number[NUMBER_TEXT_LEN_MAX],
                      struct config_pair *pair)
{
    pair->key = slice_of_string(item->string);
    pair->is_string = cJSON_IsString(item);
    if (cJSON_IsString(item)) {
        pair->value = slice_of_string(item->valuestring);
    } else if (cJSON_IsNumber(item)) {
        pair->value = print_number(item, number);
    } else if (cJSON_IsBool(item)) {
        pair->value =
            cJSON_IsTrue(item) ? SLICE_LITERAL("true") : SLICE_LITERAL("false");
    } else if (cJSON_IsNull(item)) {
        pair->value = SLICE_LITERAL("null");
    } else {
        return false;
    }
    return true;
}

static enum status hand_over(cJSON *root, config_pair_fn each, void *arg,
                             struct buffer *reason)
{
    if (!cJSON_IsObject(root)) {
        text_append(reason, "must be an object, as in {\"WORKERS\": 4}");
        return STATUS_INVALID_ARGUMENT;
    }
    enum status status = STATUS_OK;
    cJSON *item = root->child;
    for (; item && !status; item = item->next) {
        char number[NUMBER_TEXT_LEN_MAX];
        struct config_pair pair;
        if (!word_pair(item, number, &pair)) {
            text_append_shown(reason, pair.key);
            text_append(reason, " must be a string, a number, true or false");
            return STATUS_INVALID_ARGUMENT;
        }
        status = each(arg, &pair);
    }
    return status;
}

enum status json_config_read(const char *path, config_pair_fn each, void *arg,
                             struct buffer *reason)
{
    struct buffer content = {0};
    enum status status = read_file(path, &content, reason);
    if (status) {
        goto free_content;
    }
    use_our_memory();
    cJSON *root = parse(buffer_peek(&content), reason, &status);
    if (root) {
        status = hand_over(root, each, arg, reason);
        cJSON_Delete(root);
    }
free_content:
    buffer_fini(&content);
    return status;
}
