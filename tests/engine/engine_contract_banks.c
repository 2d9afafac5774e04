/* Operations on whole banks, what they are set to, and lists of entries. */
#include "engine/engine_contract_kit.h"

#include "base/check.h"
#include "core/op.h"
#include "core/response.h"

enum { ENTRIES = 120 };

static const char no_bank[] = "there is no such bank";

static enum status rename_bank(const struct bench *bench, enum op op,
                               const char *name, const char *other)
{
    struct request *request = task_begin(bench->task, op, name, NULL);
    request->other = task_text(bench->task, other);
    return task_run(bench, bench->task);
}

static enum status configure(const struct bench *bench, const char *bank,
                             const struct bank_change *change)
{
    task_begin(bench->task, OP_BANK_CONFIGURE, bank, NULL)->change = *change;
    return task_run(bench, bench->task);
}

static void set_read_only(const struct bench *bench, const char *bank,
                          bool is_it)
{
    const struct bank_change change = {.limits.read_only = is_it,
                                       .has_read_only = true};
    EXPECT_INT(configure(bench, bank, &change), STATUS_OK);
    EXPECT_INT(bench_response(bench)->limits.read_only, is_it);
}

void contract_every_operation_has_a_case(const struct engine_kind *kind)
{
    static const enum op covered[] = {
#define CONTRACT(op, name) OP_##op,
#include "engine/engine_contract.def"
#undef CONTRACT
    };
    (void)kind;
    for (int op = OP_NONE + 1; op < OP_COUNT; op++) {
        bool is_covered = op_info((enum op)op)->flags & OP_LOCAL;
        for (size_t i = 0; i < sizeof covered / sizeof *covered; i++) {
            is_covered = is_covered || covered[i] == (enum op)op;
        }
        if (!EXPECT(is_covered)) {
            fprintf(stderr, "no case of %s\n", op_info((enum op)op)->name);
        }
    }
}

void contract_bank_drop_takes_the_bank_with_all_it_has(
    const struct engine_kind *kind)
{
    const struct bank_change change = {.limits.weight = 7, .has_weight = true};
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "value");
    bench_put(&bench, "c", "k", "value");
    EXPECT_INT(configure(&bench, "b", &change), STATUS_OK);
    EXPECT_INT(bench_run_op(&bench, OP_BANK_DROP, "b", NULL), STATUS_OK);
    bench_run_op(&bench, OP_BANK_STATS, "b", NULL);
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, no_bank);
    bench_run_op(&bench, OP_BANK_DROP, "b", NULL);
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, no_bank);
    bench_expect_entry(&bench, "b", "k", NULL);
    bench_expect_entry(&bench, "c", "k", "value");
    bench_put(&bench, "b", "l", "again");
    EXPECT_INT(bench_run_op(&bench, OP_BANK_STATS, "b", NULL), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->stats.weight, BANK_WEIGHT_DEFAULT);
    EXPECT_INT(bench_response(&bench)->stats.entries, 1);
    bench_close(&bench);
}

void contract_bank_rename_changes_but_the_name(const struct engine_kind *kind)
{
    const struct bank_change change = {.limits.weight = 7, .has_weight = true};
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "value");
    bench_put(&bench, "c", "k", "other");
    EXPECT_INT(configure(&bench, "b", &change), STATUS_OK);
    rename_bank(&bench, OP_BANK_RENAME, "none", "new");
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, no_bank);
    rename_bank(&bench, OP_BANK_RENAME, "b", "c");
    bench_expect_refusal(&bench, STATUS_ALREADY_EXISTS,
                         "there is a bank of that name");
    bench_expect_entry(&bench, "b", "k", "value");
    bench_expect_entry(&bench, "c", "k", "other");
    EXPECT_INT(rename_bank(&bench, OP_BANK_RENAME, "b", ""), STATUS_OK);
    bench_expect_entry(&bench, "", "k", "value");
    bench_expect_entry(&bench, "b", "k", NULL);
    EXPECT_INT(bench_run_op(&bench, OP_BANK_STATS, "", NULL), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->stats.weight, 7);
    EXPECT_INT(bench_response(&bench)->stats.hits, 2);
    EXPECT_INT(bench_run_op(&bench, OP_BANK_LIST, "", NULL), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->count, 2);
    bench_close(&bench);
}

void contract_bank_swap_changes_all_but_limits(const struct engine_kind *kind)
{
    const struct bank_change change = {.limits.weight = 7, .has_weight = true};
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "value");
    rename_bank(&bench, OP_BANK_SWAP, "b", "c");
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, no_bank);
    rename_bank(&bench, OP_BANK_SWAP, "c", "b");
    bench_expect_refusal(&bench, STATUS_NOT_FOUND, no_bank);
    bench_expect_entry(&bench, "b", "k", "value");
    bench_put(&bench, "c", "k", "other");
    EXPECT_INT(configure(&bench, "b", &change), STATUS_OK);
    EXPECT_INT(rename_bank(&bench, OP_BANK_SWAP, "b", "c"), STATUS_OK);
    bench_expect_entry(&bench, "b", "k", "other");
    bench_expect_entry(&bench, "c", "k", "value");
    EXPECT_INT(bench_run_op(&bench, OP_BANK_STATS, "b", NULL), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->stats.weight, 7);
    EXPECT_INT(bench_run_op(&bench, OP_BANK_STATS, "c", NULL), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->stats.weight, BANK_WEIGHT_DEFAULT);
    EXPECT_INT(rename_bank(&bench, OP_BANK_SWAP, "b", "b"), STATUS_OK);
    bench_expect_entry(&bench, "b", "k", "other");
    bench_close(&bench);
}

void contract_bank_configure_sets_each_limit_alone(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    struct bank_limits wanted = bank_limits_initial();
    const struct bank_limits all = {.reserved = 1,
                                    .maximum = 100000,
                                    .weight = 3,
                                    .maximum_entries = 4,
                                    .default_lifetime_ms = 5,
                                    .maximum_lifetime_ms = 6,
                                    .lifetime_jitter = 7,
                                    .when_full = BANK_REFUSE,
                                    .read_only = true};
    EXPECT_INT(configure(&bench, "b", &(struct bank_change){0}), STATUS_OK);
#define LIMIT(limit, ...)                                                      \
    wanted.limit = all.limit;                                                  \
    EXPECT_INT(configure(&bench, "b",                                          \
                         &(struct bank_change){.limits.limit = all.limit,      \
                                               .has_##limit = true}),          \
               STATUS_OK);                                                     \
    EXPECT(!memcmp(&bench_response(&bench)->limits, &wanted, sizeof wanted));
#include "core/bank_limits.def"
#undef LIMIT
    EXPECT_INT(bench_run_op(&bench, OP_BANK_STATS, "b", NULL), STATUS_OK);
#define LIMIT(limit, ...)                                                      \
    EXPECT_INT(bench_response(&bench)->stats.limit, all.limit);
#include "core/bank_limits.def"
#undef LIMIT
    bench_close(&bench);
}

/* Makes `op` a request that would change the entry "n" of bank "b", which
 * holds 1, or the bank. */
static void begin_change(const struct bench *bench, enum op op,
                         struct batch_item *item)
{
    struct request *request = task_begin(bench->task, op, "b", "n");
    *item = (struct batch_item){.key = task_text(bench->task, "n")};
    request->items = item;
    request->item_count = 1;
    request->value = task_text(bench->task, "2");
    request->lifetime = (struct lifetime){LIFETIME_NEW, 1};
    request->increment.delta =
        (struct number){.is_integer = true, .integer = 1};
    request->other =
        task_text(bench->task, op == OP_BANK_SWAP ? "other" : "new");
    if (op == OP_TOUCH || op == OP_TOUCH_MANY) {
        request->value = slice_of("", 0);
    }
}

void contract_read_only_banks_refuse_every_change(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "n", "1");
    bench_put(&bench, "other", "n", "1");
    set_read_only(&bench, "b", true);
    for (int op = OP_NONE + 1; op < OP_COUNT; op++) {
        unsigned flags = op_info((enum op)op)->flags;
        if (!(flags & OP_WRITE) || op == OP_BANK_CONFIGURE) {
            continue;
        }
        struct batch_item item;
        begin_change(&bench, (enum op)op, &item);
        enum status status = task_run(&bench, bench.task);
        if (flags & OP_BATCH) {
            EXPECT_INT(status, STATUS_OK);
            status = response_results(bench_response(&bench))[0].status;
            EXPECT_INT(status, STATUS_PERMISSION_DENIED);
        } else {
            bench_expect_refusal(&bench, STATUS_PERMISSION_DENIED,
                                 "the bank is read-only");
        }
    }
    struct request *request = task_begin(bench.task, OP_GET, "b", "n");
    request->is_touch = true;
    request->lifetime.rule = LIFETIME_SAME;
    task_run(&bench, bench.task);
    bench_expect_refusal(&bench, STATUS_PERMISSION_DENIED,
                         "the bank is read-only");
    rename_bank(&bench, OP_BANK_SWAP, "other", "b");
    bench_expect_refusal(&bench, STATUS_PERMISSION_DENIED,
                         "the bank is read-only");
    bench_set_time(1000);
    bench_expect_entry(&bench, "b", "n", "1");
    bench_expect_entry(&bench, "other", "n", "1");
    EXPECT_INT(bench_run_op(&bench, OP_BANK_ENTRIES, "b", NULL), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->count, 1);
    set_read_only(&bench, "b", false);
    EXPECT_INT(bench_run_op(&bench, OP_BANK_DROP, "b", NULL), STATUS_OK);
    bench_close(&bench);
}

void contract_a_bank_that_refuses_is_full_when_it_is(
    const struct engine_kind *kind)
{
    static const char text[] = "the limit of memory or of banks is reached";
    const struct bank_change change = {
        .limits = {.maximum_entries = 1, .when_full = BANK_REFUSE},
        .has_maximum_entries = true,
        .has_when_full = true};
    struct bench bench = bench_open(kind);
    EXPECT_INT(configure(&bench, "b", &change), STATUS_OK);
    EXPECT_INT(bench_put(&bench, "b", "k", "value"), STATUS_OK);
    bench_put(&bench, "b", "l", "value");
    bench_expect_refusal(&bench, STATUS_RESOURCE_EXHAUSTED, text);
    struct request *request = task_begin(bench.task, OP_INCR, "b", "l");
    request->increment.delta.is_integer = true;
    request->increment.initial.is_integer = true;
    request->increment.has_initial = true;
    task_run(&bench, bench.task);
    bench_expect_refusal(&bench, STATUS_RESOURCE_EXHAUSTED, text);
    bench_expect_entry(&bench, "b", "l", NULL);
    EXPECT_INT(bench_put(&bench, "b", "k", "a longer value"), STATUS_OK);
    EXPECT_INT(bench_run_op(&bench, OP_REMOVE, "b", "k"), STATUS_OK);
    EXPECT_INT(bench_put(&bench, "b", "l", "value"), STATUS_OK);
    bench_close(&bench);
}

void contract_a_bank_has_lifetimes_of_its_own(const struct engine_kind *kind)
{
    const struct bank_change change = {
        .limits = {.default_lifetime_ms = 100, .maximum_lifetime_ms = 1000},
        .has_default_lifetime_ms = true,
        .has_maximum_lifetime_ms = true};
    struct bench bench = bench_open(kind);
    EXPECT_INT(configure(&bench, "b", &change), STATUS_OK);
    bench_put(&bench, "b", "usual", "value");
    bench_put_for(&bench, "b", "long", "value", 5000);
    bench_put_with(&bench, "b", "forever", "value",
                   (struct lifetime){.rule = LIFETIME_FOREVER});
    bench_set_time(99);
    bench_expect_entry(&bench, "b", "usual", "value");
    bench_set_time(100);
    bench_expect_entry(&bench, "b", "usual", NULL);
    bench_set_time(999);
    bench_expect_entry(&bench, "b", "long", "value");
    bench_expect_entry(&bench, "b", "forever", "value");
    bench_set_time(1000);
    bench_expect_entry(&bench, "b", "long", NULL);
    bench_expect_entry(&bench, "b", "forever", NULL);
    bench_close(&bench);
}

void contract_bank_list_answers_counts(const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    bench_put(&bench, "b", "k", "value");
    bench_put(&bench, "c", "k", "value");
    bench_put(&bench, "c", "l", "a much longer value");
    task_begin(bench.task, OP_BANK_LIST, "", NULL)->wants_counts = true;
    EXPECT_INT(task_run(&bench, bench.task), STATUS_OK);
    const struct response *response = bench_response(&bench);
    EXPECT_INT(response->count, 2);
    REQUIRE(buffer_len(&response->results) == 2 * sizeof(struct bank_counts));
    const struct bank_counts *counts =
        (const void *)buffer_first(&response->results);
    struct slice names = buffer_peek(&response->body);
    struct slice name;
    for (size_t i = 0; response_next_item(&names, &name); i++) {
        bool is_c = name.data[0] == 'c';
        EXPECT_INT(counts[i].entries, is_c ? 2 : 1);
        EXPECT(counts[i].bytes > (is_c ? 25 : 5));
        EXPECT(counts[i].bytes < (is_c ? 100 : 50));
    }
    bench_close(&bench);
}

static void put_entries(const struct bench *bench)
{
    for (int i = 0; i < ENTRIES; i++) {
        char key[16];
        snprintf(key, sizeof key, "n%d", i);
        EXPECT_INT(i % 2 ? bench_put_for(bench, "b", key, key, 1000)
                         : bench_put(bench, "b", key, key),
                   STATUS_OK);
    }
}

static void expect_entry_of_list(const struct entry_item *entry,
                                 unsigned times[ENTRIES])
{
    unsigned number = 0;
    for (size_t i = 1; i < entry->key.len; i++) {
        number = number * 10 + (unsigned)(entry->key.data[i] - '0');
    }
    REQUIRE(number < ENTRIES);
    times[number]++;
    EXPECT_SLICE(entry->value, entry->key);
    EXPECT_INT(entry->facts.kind, VALUE_TEXT);
    EXPECT_INT(entry->facts.lifetime_ms, number % 2 ? 1000 : 0);
    EXPECT_INT(entry->facts.remaining_ms, number % 2 ? 600 : 0);
}

/* Walks to the end; `times` may be NULL. Answers how many came. */
static size_t walk(const struct bench *bench, enum op op, const char *prefix,
                   uint32_t limit, unsigned times[ENTRIES])
{
    char cursor[CURSOR_LEN_MAX];
    size_t cursor_len = 0;
    size_t count = 0;
    do {
        struct request *request = task_begin(bench->task, op, "b", NULL);
        request->prefix = task_text(bench->task, prefix);
        request->cursor = task_bytes(bench->task, slice_of(cursor, cursor_len));
        request->limit = limit;
        if (!EXPECT_INT(task_run(bench, bench->task), STATUS_OK)) {
            break;
        }
        const struct response *response = bench_response(bench);
        EXPECT(response->count <= limit);
        count += response->count;
        struct slice items = buffer_peek(&response->body);
        struct entry_item entry;
        while (times && response_next_entry(&items, &entry)) {
            expect_entry_of_list(&entry, times);
        }
        cursor_len = response->cursor_len;
        memcpy(cursor, response->cursor, cursor_len);
    } while (cursor_len > 0);
    return count;
}

void contract_bank_entries_answers_each_once_with_its_value(
    const struct engine_kind *kind)
{
    static const uint32_t page_limits[] = {1, 7, 1000};
    struct bench bench = bench_open(kind);
    put_entries(&bench);
    bench_set_time(400);
    for (size_t i = 0; i < sizeof page_limits / sizeof *page_limits; i++) {
        unsigned times[ENTRIES] = {0};
        EXPECT_INT(walk(&bench, OP_BANK_ENTRIES, "", page_limits[i], times),
                   ENTRIES);
        for (size_t k = 0; k < ENTRIES; k++) {
            EXPECT_INT(times[k], 1);
        }
        memset(times, 0, sizeof times);
        EXPECT_INT(walk(&bench, OP_BANK_ENTRIES, "n11", page_limits[i], times),
                   11);
        EXPECT_INT(times[11] + times[110] + times[119], 3);
    }
    bench_set_time(1000);
    EXPECT_INT(walk(&bench, OP_BANK_ENTRIES, "", 1000, NULL), ENTRIES / 2);
    EXPECT_INT(bench_run_op(&bench, OP_BANK_STATS, "b", NULL), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->stats.hits, 0);
    bench_close(&bench);
}

void contract_remove_by_prefix_removes_those_and_no_others(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    put_entries(&bench);
    bench_put(&bench, "c", "n11", "stays");
    EXPECT_INT(walk(&bench, OP_REMOVE_BY_PREFIX, "x", 10, NULL), 0);
    EXPECT_INT(walk(&bench, OP_REMOVE_BY_PREFIX, "n11", 3, NULL), 11);
    EXPECT_INT(walk(&bench, OP_REMOVE_BY_PREFIX, "n11", 3, NULL), 0);
    bench_expect_entry(&bench, "b", "n115", NULL);
    bench_expect_entry(&bench, "b", "n1", "n1");
    EXPECT_INT(walk(&bench, OP_BANK_KEYS, "", 50, NULL), ENTRIES - 11);
    EXPECT_INT(walk(&bench, OP_REMOVE_BY_PREFIX, "", 1000, NULL), ENTRIES - 11);
    EXPECT_INT(walk(&bench, OP_BANK_KEYS, "", 50, NULL), 0);
    bench_expect_entry(&bench, "c", "n11", "stays");
    EXPECT_INT(bench_run_op(&bench, OP_BANK_LIST, "", NULL), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->count, 2);
    bench_close(&bench);
}

/* The operations that go through the entries of a bank. */
static const enum op walks[] = {OP_BANK_KEYS, OP_BANK_ENTRIES,
                                OP_REMOVE_BY_PREFIX};
enum { WALKS = sizeof walks / sizeof *walks };

void contract_walks_of_an_unknown_bank_find_nothing(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    for (size_t i = 0; i < WALKS; i++) {
        EXPECT_INT(bench_run_op(&bench, walks[i], "none", NULL), STATUS_OK);
        EXPECT_INT(bench_response(&bench)->count, 0);
        EXPECT_INT(bench_response(&bench)->cursor_len, 0);
    }
    EXPECT_INT(bench_run_op(&bench, OP_BANK_LIST, "", NULL), STATUS_OK);
    EXPECT_INT(bench_response(&bench)->count, 0);
    bench_close(&bench);
}

void contract_walks_refuse_a_cursor_that_was_never_given_out(
    const struct engine_kind *kind)
{
    struct bench bench = bench_open(kind);
    put_entries(&bench);
    for (size_t i = 0; i < WALKS; i++) {
        task_begin(bench.task, walks[i], "b", NULL)->cursor =
            task_text(bench.task, "twenty-four bytes made up");
        task_run(&bench, bench.task);
        bench_expect_refusal(&bench, STATUS_INVALID_ARGUMENT,
                             "cursor was not given out by this server");
    }
    EXPECT_INT(walk(&bench, OP_BANK_KEYS, "", 1000, NULL), ENTRIES);
    bench_close(&bench);
}

void contract_walks_do_not_go_on_in_another_bank_of_the_name(
    const struct engine_kind *kind)
{
    static const enum op ends[] = {OP_BANK_RESET, OP_BANK_DROP, OP_BANK_SWAP};
    for (size_t i = 0; i < WALKS * 3; i++) {
        struct bench bench = bench_open(kind);
        put_entries(&bench);
        bench_put(&bench, "other", "k", "value");
        task_begin(bench.task, walks[i / 3], "b", NULL)->limit = 3;
        EXPECT_INT(task_run(&bench, bench.task), STATUS_OK);
        char cursor[CURSOR_LEN_MAX];
        size_t len = bench_response(&bench)->cursor_len;
        memcpy(cursor, bench_response(&bench)->cursor, len);
        EXPECT(len > 0);
        EXPECT_INT(rename_bank(&bench, ends[i % 3], "b", "other"), STATUS_OK);
        bench_put(&bench, "b", "k", "value");
        task_begin(bench.task, walks[i / 3], "b", NULL)->cursor =
            task_bytes(bench.task, slice_of(cursor, len));
        task_run(&bench, bench.task);
        bench_expect_refusal(
            &bench, STATUS_ABORTED,
            "the bank was reset since the cursor was given out");
        bench_expect_entry(&bench, "b", "k", "value");
        bench_close(&bench);
    }
}
