/* What the bank store is to do, written as plainly as possible: lists that
 * are searched from the start, entries that are looked at one by one. What
 * the store is compared with, operation by operation. One thread. */
#ifndef CACHESERVER_TESTS_SUPPORT_STORE_MODEL_H
#define CACHESERVER_TESTS_SUPPORT_STORE_MODEL_H

#include "store/store.h"

#include <stddef.h>

struct store_model;

/* *Gives* an empty model; never fails. */
struct store_model *store_model_create(void);

/* *Takes* the model. */
void store_model_free(struct store_model **model);

/* As the functions of the store. */
enum status store_model_put(struct store_model *model, struct slice bank,
                            struct slice key, const struct store_value *value);
enum status store_model_touch(struct store_model *model, struct slice bank,
                              struct slice key, struct lifetime lifetime);
enum status store_model_incr(struct store_model *model, struct slice bank,
                             struct slice key, const struct number *delta,
                             struct number *sum);
void store_model_bank_reset(struct store_model *model, struct slice bank);

/* As store_get() without a touch; `bytes` are *borrowed* until the model
 * changes. */
enum status store_model_get(struct store_model *model, struct slice bank,
                            struct slice key, struct slice *bytes,
                            enum value_kind *kind);

/* How many keys of `bank` start with `prefix`; of all banks, how many
 * entries; how many banks. */
size_t store_model_count_keys(struct store_model *model, struct slice bank,
                              struct slice prefix);
size_t store_model_count_entries(struct store_model *model);
size_t store_model_count_banks(struct store_model *model);

#endif
