/* Every operation's answer, field by field, as protobuf-c reads it. */
#include "support/test.h"
#include "wire/meaning.h"

#include <stdio.h>

#define MESSAGE(Name) Cacheserver__V1__##Name
#define CASE(NAME)    CACHESERVER__V1__##NAME

/* An answer, the one that it must be, and what was asked for. */
struct pair {
    const MESSAGE(Response) * got;
    const struct request *request;
    const struct response *must;
};

static bool same_bytes(ProtobufCBinaryData got, struct slice must)
{
    return EXPECT_SLICE(slice_of(got.data, got.len), must);
}

static bool same_text(const char *got, struct slice must)
{
    return EXPECT_SLICE(slice_of_string(got), must);
}

static bool same_value(const MESSAGE(GetResponse) * got,
                       const struct response *must)
{
    bool held = same_bytes(got->value, buffer_peek(&must->body));
    return EXPECT_INT(got->kind, must->kind) && held;
}

static bool same_previous(const MESSAGE(GetResponse) * got,
                          const struct response *must)
{
    bool held = EXPECT((got != NULL) == must->has_previous);
    if (!got || !held) {
        return held;
    }
    held = same_value(got, must);
    held = EXPECT(got->version == must->facts.version) && held;
    held = EXPECT(got->lifetime_ms == 0) && held;
    return EXPECT(got->remaining_ms == 0) && held;
}

static bool same_put(const struct pair *pair)
{
    const MESSAGE(PutResponse) *got = pair->got->put;
    uint64_t version = pair->request->wants_version ? pair->must->version : 0;
    bool held = EXPECT(got->version == version);
    return same_previous(got->previous, pair->must) && held;
}

static bool same_get(const struct pair *pair)
{
    const MESSAGE(GetResponse) *got = pair->got->get;
    const struct entry_facts *facts = &pair->must->facts;
    bool has_lifetime = pair->request->wants_lifetime && facts->lifetime_ms;
    bool held = same_value(got, pair->must);
    held = EXPECT(got->version ==
                  (pair->request->wants_version ? facts->version : 0)) &&
           held;
    held =
        EXPECT(got->lifetime_ms == (has_lifetime ? facts->lifetime_ms : 0)) &&
        held;
    return EXPECT(got->remaining_ms ==
                  (has_lifetime ? facts->remaining_ms : 0)) &&
           held;
}

static bool same_remove(const struct pair *pair)
{
    return same_previous(pair->got->remove->previous, pair->must);
}

static bool same_incr(const struct pair *pair)
{
    const MESSAGE(IncrResponse) *got = pair->got->incr;
    const struct number *must = &pair->must->number;
    if (must->is_integer) {
        return EXPECT_INT(got->sum_case, CASE(INCR_RESPONSE__SUM_INTEGER)) &&
               EXPECT_INT(got->integer, must->integer);
    }
    return EXPECT_INT(got->sum_case, CASE(INCR_RESPONSE__SUM_REAL)) &&
           EXPECT_SLICE(slice_of(&got->real, sizeof got->real),
                        slice_of(&must->real, sizeof must->real));
}

static bool same_result(const MESSAGE(GetManyResult) * got,
                        const struct batch_result *must, struct slice value)
{
    bool held = same_bytes(got->value, value);
    held = EXPECT_INT(got->kind, must->kind) && held;
    held = EXPECT(got->version == must->version) && held;
    return EXPECT_INT(got->code, status_code(must->status)) && held;
}

static bool same_get_many(const struct pair *pair)
{
    const MESSAGE(GetManyResponse) *got = pair->got->get_many;
    const struct batch_result *results = response_results(pair->must);
    struct slice values = buffer_peek(&pair->must->body);
    bool held = EXPECT_INT(got->n_results, pair->must->count);
    for (size_t i = 0; held && i < got->n_results; i++) {
        held = same_result(got->results[i], &results[i],
                           slice_of(values.data, results[i].len));
        values = slice_after(values, results[i].len);
    }
    return held;
}

static bool same_codes(size_t count, const MESSAGE(Code) * got,
                       const struct response *must)
{
    const struct batch_result *results = response_results(must);
    bool held = EXPECT_INT(count, must->count);
    for (size_t i = 0; held && i < count; i++) {
        held = EXPECT_INT(got[i], status_code(results[i].status));
    }
    return held;
}

static bool same_put_many(const struct pair *pair)
{
    const MESSAGE(PutManyResponse) *got = pair->got->put_many;
    return same_codes(got->n_codes, got->codes, pair->must);
}

static bool same_remove_many(const struct pair *pair)
{
    const MESSAGE(RemoveManyResponse) *got = pair->got->remove_many;
    return same_codes(got->n_codes, got->codes, pair->must);
}

static bool same_touch_many(const struct pair *pair)
{
    const MESSAGE(TouchManyResponse) *got = pair->got->touch_many;
    return same_codes(got->n_codes, got->codes, pair->must);
}

static bool same_meta(const struct pair *pair)
{
    const MESSAGE(MetaResponse) *got = pair->got->meta;
    const struct entry_facts *facts = &pair->must->facts;
    uint64_t remaining = facts->lifetime_ms ? facts->remaining_ms : 0;
    bool held = EXPECT_INT(got->kind, facts->kind);
    held = EXPECT(got->size == facts->size) && held;
    held = EXPECT(got->version ==
                  (pair->request->wants_version ? facts->version : 0)) &&
           held;
    held = EXPECT(got->lifetime_ms == facts->lifetime_ms) && held;
    return EXPECT(got->remaining_ms == remaining) && held;
}

static bool same_append(const struct pair *pair)
{
    return EXPECT(pair->got->append->size == pair->must->facts.size);
}

static bool same_prepend(const struct pair *pair)
{
    return EXPECT(pair->got->prepend->size == pair->must->facts.size);
}

static bool same_cursor(ProtobufCBinaryData got, const struct response *must)
{
    return same_bytes(got, slice_of(must->cursor, must->cursor_len));
}

static bool same_counts(const MESSAGE(BankListResponse) * got,
                        const struct pair *pair)
{
    const struct bank_counts *must =
        (const void *)buffer_first(&pair->must->results);
    size_t count = pair->request->wants_counts ? pair->must->count : 0;
    bool held = EXPECT_INT(got->n_counts, count);
    for (size_t i = 0; held && i < count; i++) {
        held = EXPECT(got->counts[i]->entries == must[i].entries) &&
               EXPECT(got->counts[i]->bytes == must[i].bytes);
    }
    return held;
}

static bool same_bank_list(const struct pair *pair)
{
    const MESSAGE(BankListResponse) *got = pair->got->bank_list;
    struct slice items = buffer_peek(&pair->must->body);
    struct slice item;
    bool held = EXPECT_INT(got->n_banks, pair->must->count);
    for (size_t i = 0; held && response_next_item(&items, &item); i++) {
        held = same_text(got->banks[i], item);
    }
    held = same_cursor(got->cursor, pair->must) && held;
    return same_counts(got, pair) && held;
}

static bool same_bank_keys(const struct pair *pair)
{
    const MESSAGE(BankKeysResponse) *got = pair->got->bank_keys;
    struct slice items = buffer_peek(&pair->must->body);
    struct slice item;
    bool held = EXPECT_INT(got->n_keys, pair->must->count);
    for (size_t i = 0; held && response_next_item(&items, &item); i++) {
        held = same_bytes(got->keys[i], item);
    }
    return same_cursor(got->cursor, pair->must) && held;
}

static bool same_entry(const MESSAGE(BankEntry) * got,
                       const struct entry_item *must)
{
    const struct entry_facts *facts = &must->facts;
    uint64_t remaining = facts->lifetime_ms ? facts->remaining_ms : 0;
    bool held = same_bytes(got->key, must->key);
    held = same_bytes(got->value, must->value) && held;
    held = EXPECT_INT(got->kind, facts->kind) && held;
    held = EXPECT(got->lifetime_ms == facts->lifetime_ms) && held;
    return EXPECT(got->remaining_ms == remaining) && held;
}

static bool same_bank_entries(const struct pair *pair)
{
    const MESSAGE(BankEntriesResponse) *got = pair->got->bank_entries;
    struct slice items = buffer_peek(&pair->must->body);
    struct entry_item item;
    bool held = EXPECT_INT(got->n_entries, pair->must->count);
    for (size_t i = 0; held && response_next_entry(&items, &item); i++) {
        held = same_entry(got->entries[i], &item);
    }
    return same_cursor(got->cursor, pair->must) && held;
}

static bool same_remove_by_prefix(const struct pair *pair)
{
    const MESSAGE(RemoveByPrefixResponse) *got = pair->got->remove_by_prefix;
    bool held = EXPECT(got->removed == pair->must->count);
    return same_cursor(got->cursor, pair->must) && held;
}

static bool same_bank_stats(const struct pair *pair)
{
    const MESSAGE(BankStatsResponse) *got = pair->got->bank_stats;
    const struct bank_stats *must = &pair->must->stats;
    bool held = true;
#define STAT(name, number)                                                     \
    held = EXPECT((uint64_t)got->name == must->name) && held;
#include "core/bank_stats.def"
#undef STAT
    return held;
}

static bool same_bank_configure(const struct pair *pair)
{
    const MESSAGE(BankConfigureResponse) *got = pair->got->bank_configure;
    const struct bank_limits *must = &pair->must->limits;
    bool held = true;
#define LIMIT(name, ...)                                                       \
    held = EXPECT((uint64_t)got->name == must->name) && held;
#include "core/bank_limits.def"
#undef LIMIT
    return held;
}

static bool same_hello_item(const MESSAGE(HelloResponse) * got,
                            const struct slice pair[2], size_t at[2])
{
    const struct slice limit = SLICE_LITERAL("limit:");
    if (!slice_starts_with(pair[0], limit)) {
        return slice_equal(pair[0], SLICE_LITERAL("version"))
                   ? same_text(got->version, pair[1])
                   : EXPECT(at[0] < got->n_features) &&
                         same_text(got->features[at[0]++], pair[1]);
    }
    char number[24];
    if (!EXPECT(at[1] < got->n_limits)) {
        return false;
    }
    const MESSAGE(Limit) *got_limit = got->limits[at[1]++];
    snprintf(number, sizeof number, "%llu",
             (unsigned long long)got_limit->value);
    return same_text(got_limit->name, slice_after(pair[0], limit.len)) &&
           EXPECT_TEXT(pair[1], number);
}

static bool same_hello(const struct pair *pair)
{
    const MESSAGE(HelloResponse) *got = pair->got->hello;
    struct slice items = buffer_peek(&pair->must->body);
    struct slice words[2];
    size_t at[2] = {0, 0};
    bool held = true;
    while (held && response_next_item(&items, &words[0]) &&
           response_next_item(&items, &words[1])) {
        held = same_hello_item(got, words, at);
    }
    return EXPECT_INT(got->n_features, at[0]) &&
           EXPECT_INT(got->n_limits, at[1]) && held;
}

static bool same_nothing(const struct pair *pair)
{
    (void)pair;
    return true;
}

static bool same_error(const struct pair *pair)
{
    const MESSAGE(Error) *got = pair->got->error;
    enum status status = pair->must->status;
    bool held = EXPECT_INT(got->code, status_code(status));
    held =
        same_text(got->message, slice_of_string(pair->must->message)) && held;
    held = EXPECT_INT(got->retry_ms, status_retry_ms(status)) && held;
    return same_previous(got->previous, pair->must) && held;
}

static bool (*const comparers[OP_COUNT])(const struct pair *pair) = {
    [OP_PUT] = same_put,
    [OP_GET] = same_get,
    [OP_REMOVE] = same_remove,
    [OP_TOUCH] = same_nothing,
    [OP_INCR] = same_incr,
    [OP_GET_MANY] = same_get_many,
    [OP_PUT_MANY] = same_put_many,
    [OP_REMOVE_MANY] = same_remove_many,
    [OP_TOUCH_MANY] = same_touch_many,
    [OP_META] = same_meta,
    [OP_APPEND] = same_append,
    [OP_PREPEND] = same_prepend,
    [OP_BANK_LIST] = same_bank_list,
    [OP_BANK_KEYS] = same_bank_keys,
    [OP_BANK_ENTRIES] = same_bank_entries,
    [OP_REMOVE_BY_PREFIX] = same_remove_by_prefix,
    [OP_BANK_RESET] = same_nothing,
    [OP_BANK_STATS] = same_bank_stats,
    [OP_BANK_CONFIGURE] = same_bank_configure,
    [OP_BANK_DROP] = same_nothing,
    [OP_BANK_RENAME] = same_nothing,
    [OP_BANK_SWAP] = same_nothing,
    [OP_HELLO] = same_hello,
    [OP_PING] = same_nothing,
};

bool same_answer(const MESSAGE(Response) * got, const struct request *request,
                 const struct response *must, const char *what)
{
    const struct pair pair = {got, request, must};
    bool is_error = must->status != STATUS_OK;
    unsigned number =
        is_error ? CASE(RESPONSE__RESULT_ERROR) : op_info(request->op)->number;
    bool held = EXPECT(got->id == request->id);
    held = EXPECT_INT(got->result_case, number) && held;
    if (held) {
        held = is_error ? same_error(&pair) : comparers[request->op](&pair);
    }
    if (!held) {
        fprintf(stderr, "  in %s\n", what);
    }
    return held;
}
