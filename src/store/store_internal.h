/* What store.c lets the sessions do. */
#ifndef CACHESERVER_STORE_STORE_INTERNAL_H
#define CACHESERVER_STORE_STORE_INTERNAL_H

#include "base/slice.h"
#include "base/status.h"

struct bank;
struct commons;
struct hashed_key;
struct store;
struct store_value;

struct commons *store_commons(struct store *store);

/* NULL without one. Any thread, inside the epochs as long as it uses it. */
struct bank *store_find_bank(struct store *store, struct slice name);

/* store_put() where the bank may be known: `found` is the one called `name`,
 * or NULL. Leaves the epochs and enters them again when it must wait for
 * memory. */
enum status store_put_into(struct store *store, struct bank *found,
                           struct slice name, const struct hashed_key *key,
                           const struct store_value *value);

#endif
