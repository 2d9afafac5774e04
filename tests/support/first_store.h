/* The first bank store, slow and plain, which the real one is compared with:
 * as the functions of store/store.h. */
#ifndef CACHESERVER_TESTS_SUPPORT_FIRST_STORE_H
#define CACHESERVER_TESTS_SUPPORT_FIRST_STORE_H

#include "store/store.h"

struct store *first_store_create(const struct store_options *options);
void first_store_free(struct store **store);
enum status first_store_put(struct store *store, struct slice bank,
                            struct slice key, const struct store_value *value);
enum status first_store_get(struct store *store, struct slice bank,
                            struct slice key, const struct lifetime *touch,
                            struct buffer *bytes, enum value_kind *kind);
enum status first_store_remove(struct store *store, struct slice bank,
                               struct slice key);
enum status first_store_touch(struct store *store, struct slice bank,
                              struct slice key, struct lifetime lifetime);
enum status first_store_incr(struct store *store, struct slice bank,
                             struct slice key,
                             const struct increment *increment,
                             struct number *sum);
enum status first_store_bank_reset(struct store *store, struct slice bank);
enum status first_store_bank_keys(struct store *store, struct slice bank,
                                  const struct store_page *page,
                                  struct response *response);
bool first_store_work(struct store *store);
struct store_usage first_store_usage(struct store *store);

#endif
