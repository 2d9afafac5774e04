/* The sums are only sums: no other memory is reached through them, so all
 * orders are relaxed. The limit holds because charging compares and adds in
 * one step. */
#include "first_store/ledger.h"

#include "base/check.h"

#include <stdatomic.h>

void ledger_init(struct ledger *ledger, uint64_t bytes_max)
{
    ledger->bytes_max = bytes_max;
    atomic_init(&ledger->bytes, 0);
    atomic_init(&ledger->entries, 0);
}

static bool is_beyond(const struct ledger *ledger, uint64_t used, uint64_t more)
{
    uint64_t max = ledger->bytes_max;
    return max > 0 && (used > max || more > max - used);
}

bool ledger_charge(struct ledger *ledger, uint64_t bytes)
{
    uint64_t used = ledger_bytes(ledger);
    do {
        if (is_beyond(ledger, used, bytes)) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(
        &ledger->bytes, &used, used + bytes, memory_order_relaxed,
        memory_order_relaxed));
    return true;
}

void ledger_charge_anyway(struct ledger *ledger, uint64_t bytes)
{
    atomic_fetch_add_explicit(&ledger->bytes, bytes, memory_order_relaxed);
}

void ledger_refund(struct ledger *ledger, uint64_t bytes)
{
    uint64_t used =
        atomic_fetch_sub_explicit(&ledger->bytes, bytes, memory_order_relaxed);
    CHECK(used >= bytes);
}

void ledger_add_entry(struct ledger *ledger)
{
    atomic_fetch_add_explicit(&ledger->entries, 1, memory_order_relaxed);
}

void ledger_remove_entries(struct ledger *ledger, uint64_t count)
{
    uint64_t there = atomic_fetch_sub_explicit(&ledger->entries, count,
                                               memory_order_relaxed);
    CHECK(there >= count);
}

uint64_t ledger_bytes(const struct ledger *ledger)
{
    return atomic_load_explicit(&ledger->bytes, memory_order_relaxed);
}

uint64_t ledger_entries(const struct ledger *ledger)
{
    return atomic_load_explicit(&ledger->entries, memory_order_relaxed);
}
