/* What the store holds, added up: bytes against a limit, and entries. Any
 * thread, no lock. */
#ifndef CACHESERVER_TESTS_FIRST_STORE_LEDGER_H
#define CACHESERVER_TESTS_FIRST_STORE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

struct ledger {
    uint64_t bytes_max; /* 0: any; set once */
    _Atomic uint64_t bytes;
    _Atomic uint64_t entries;
};

void ledger_init(struct ledger *ledger, uint64_t bytes_max);

/* Charges `bytes`; false, and nothing charged, when they are beyond the
 * limit. */
bool ledger_charge(struct ledger *ledger, uint64_t bytes);

/* Charges `bytes`, limit or not. */
void ledger_charge_anyway(struct ledger *ledger, uint64_t bytes);

/* Takes back what was charged. */
void ledger_refund(struct ledger *ledger, uint64_t bytes);

void ledger_add_entry(struct ledger *ledger);
void ledger_remove_entries(struct ledger *ledger, uint64_t count);

uint64_t ledger_bytes(const struct ledger *ledger);
uint64_t ledger_entries(const struct ledger *ledger);

#endif
