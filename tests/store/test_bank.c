/* A bank with hashes of the test's choosing, so that all entries are in one
 * shard and what happens there happens every time. */
#include "store/bank.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "core/response.h"
#include "store/agenda.h"
#include "store/cells.h"
#include "store/entry.h"
#include "store/ledger.h"
#include "store/listing.h"
#include "store/store.h"
#include "store/wreck.h"
#include "support/starve.h"
#include "support/test.h"

/* With so many timers the next one needs a new piece of memory. The far entry
 * is in the last shard, all others in the first. */
enum { ENTRIES = CELLS_OF_A_PIECE, FAR = ENTRIES + 1, NUMBERS };

static struct ledger ledger;
static struct agenda agenda;
static const struct commons commons = {&ledger, &agenda};
static uint64_t numbers[NUMBERS];

static struct hashed_key key_of(size_t i)
{
    numbers[i] = i;
    return (struct hashed_key){i == FAR ? UINT64_MAX : i,
                               slice_of(&numbers[i], sizeof numbers[i])};
}

static struct bank *open_bank(void)
{
    ledger_init(&ledger, 0);
    agenda_init(&agenda);
    struct bank *bank = bank_create(0, SLICE_LITERAL("bank"), &commons);
    if (!bank) {
        agenda_fini(&agenda);
    }
    return bank;
}

static void close_bank(struct bank *bank)
{
    bank_free(&bank);
    agenda_fini(&agenda);
}

static enum status put(struct bank *bank, size_t i, const char *value)
{
    const struct hashed_key key = key_of(i);
    struct entry *entry =
        entry_create(key.hash, key.bytes, slice_of_string(value), VALUE_TEXT);
    if (!entry) {
        return STATUS_NOMEM;
    }
    entry_set_lifetime(entry, 1000000);
    enum status status = bank_put(bank, entry);
    if (status) {
        entry_free(&entry);
    }
    return status;
}

static void expect_value(struct bank *bank, size_t i, const char *value)
{
    const struct hashed_key key = key_of(i);
    struct buffer bytes = {0};
    enum value_kind kind;
    EXPECT_INT(bank_get(bank, &key, NULL, &bytes, &kind), STATUS_OK);
    EXPECT_TEXT(buffer_peek(&bytes), value);
    buffer_fini(&bytes);
}

/* A bank with ENTRIES entries; NULL when the sweep is not that far yet. */
static struct bank *open_full_bank(void)
{
    struct bank *bank = open_bank();
    enum status status = bank ? STATUS_OK : STATUS_NOMEM;
    for (size_t i = 0; i < ENTRIES && !status; i++) {
        status = put(bank, i, "1");
    }
    if (status && bank) {
        close_bank(bank);
    }
    return status ? NULL : bank;
}

static void attempt_incr(void *arg)
{
    unsigned *refusals = arg;
    struct bank *bank = open_full_bank();
    if (!bank) {
        return;
    }
    const struct hashed_key key = key_of(5);
    const struct number one = {.is_integer = true, .integer = 1};
    struct number sum;
    uint64_t before = ledger_bytes(&ledger);
    enum status status = bank_incr(bank, &key, &one, &sum);
    *refusals += status == STATUS_NOMEM;
    memory_set_gate(NULL, NULL);
    expect_value(bank, 5, status ? "1" : "2");
    EXPECT_INT(ledger_bytes(&ledger), before);
    EXPECT_INT(bank->shards[0].expiry.heap.count, ENTRIES);
    close_bank(bank);
}

static void incr_without_memory_for_its_timer_changes_nothing(void)
{
    unsigned refusals = 0;
    starve(attempt_incr, &refusals);
    EXPECT_INT(refusals, 2); /* the entry, the timer's piece */
}

static void attempt_put(void *arg)
{
    unsigned *refusals = arg;
    struct bank *bank = open_full_bank();
    if (!bank) {
        return;
    }
    uint64_t before = ledger_bytes(&ledger);
    enum status status = put(bank, ENTRIES, "1");
    *refusals += status == STATUS_NOMEM;
    memory_set_gate(NULL, NULL);
    EXPECT_INT(ledger_bytes(&ledger) > before, status == STATUS_OK);
    EXPECT_INT(ledger_entries(&ledger), status ? ENTRIES : ENTRIES + 1);
    EXPECT_INT(bank->shards[0].expiry.heap.count, ledger_entries(&ledger));
    close_bank(bank);
}

static void put_without_memory_for_its_timer_changes_nothing(void)
{
    unsigned refusals = 0;
    starve(attempt_put, &refusals);
    EXPECT_INT(refusals, 2); /* the entry, the timer's piece */
}

static void attempt_first_timer(void *arg)
{
    unsigned *refusals = arg;
    struct bank *bank = open_bank();
    if (!bank) {
        return;
    }
    enum status status = put(bank, 0, "1");
    *refusals += status == STATUS_NOMEM;
    EXPECT_INT(ledger_bytes(&ledger) > 0, status == STATUS_OK);
    EXPECT_INT(timer_is_set(&bank->shards[0].alarm), status == STATUS_OK);
    EXPECT_INT(bank->shards[0].expiry.heap.count, status == STATUS_OK);
    close_bank(bank);
}

/* The entry, and two blocks for each row of cells: buckets, timers and the
 * agenda's alarms. */
static void first_put_without_memory_leaves_no_alarm(void)
{
    unsigned refusals = 0;
    starve(attempt_first_timer, &refusals);
    EXPECT_INT(refusals, 7);
}

/* Comes between two steps of a page, when the page needs more room. */
static bool reset_under_page(void *arg)
{
    struct bank *bank = arg;
    struct wreck_list list;
    memory_set_gate(NULL, NULL);
    struct wreck *wreck = wreck_create();
    CHECK(wreck);
    bank_reset(bank, wreck);
    wreck_list_init(&list);
    wreck_list_add(&list, wreck);
    wreck_list_fini(&list);
    EXPECT_INT(put(bank, FAR, "after"), STATUS_OK);
    return true;
}

static void page_under_a_reset_lists_nothing_from_after_it(void)
{
    struct bank *bank = open_full_bank();
    struct response response = {0};
    struct listing listing;
    struct cursor cursor = {0};
    const struct store_page page = {.limit = 1000};
    REQUIRE(bank != NULL);
    listing_start(&listing, &page, 0, &response);
    EXPECT_INT(listing_reserve(&listing), STATUS_OK);
    listing.room_needed = response.body.capacity;
    memory_set_gate(reset_under_page, bank);
    EXPECT_INT(bank_keys(bank, &listing, &cursor), STATUS_OK);
    memory_set_gate(NULL, NULL);
    EXPECT_INT(response.count, ENTRIES);
    EXPECT(!listing.walk.is_end);
    listing_start(&listing, &page, cursor.position, &response);
    EXPECT_INT(bank_keys(bank, &listing, &cursor), STATUS_ABORTED);
    response_fini(&response);
    close_bank(bank);
}

static const struct test_case cases[] = {
    TEST(incr_without_memory_for_its_timer_changes_nothing),
    TEST(put_without_memory_for_its_timer_changes_nothing),
    TEST(first_put_without_memory_leaves_no_alarm),
    TEST(page_under_a_reset_lists_nothing_from_after_it),
};

SUITE(store_bank, cases);
