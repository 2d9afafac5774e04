/* Short words for the tests of the store: names and values as text. */
#ifndef CACHESERVER_TESTS_STORE_STORE_KIT_H
#define CACHESERVER_TESTS_STORE_STORE_KIT_H

#include "store/store.h"

#include "core/bank_stats.h"
#include "core/response.h"
#include "support/test.h"

/* Where the fake clock starts in these tests. */
enum { KIT_START_MS = 1000000 };

/* A store without limits, on the fake clock at KIT_START_MS; ends the
 * program without memory. */
struct store *kit_open(void);
struct store *kit_open_limited(uint64_t memory_max, uint64_t banks_max);

/* Frees the store and lets the real clock run again. */
void kit_close(struct store *store);

/* Sets the fake clock so many milliseconds after KIT_START_MS. */
void kit_set_time(uint64_t after_ms);

/* Calls store_work() until nothing waits, nor for readers who have left. */
void kit_work(struct store *store);

/* Stores text for ever, or for some time. */
enum status kit_put(struct store *store, const char *bank, const char *key,
                    const char *value);
enum status kit_put_for(struct store *store, const char *bank, const char *key,
                        const char *value, uint64_t ms);

/* Stores `len` bytes. */
enum status kit_put_large(struct store *store, const char *bank,
                          const char *key, size_t len);

/* Stores `len` bytes, at most KIT_BYTES_MAX, under the key number `key`. */
enum { KIT_BYTES_MAX = 300 * 1024 };
enum status kit_put_bytes(struct store *store, const char *bank, uint64_t key,
                          size_t len);

/* Expects that the entry holds `value`; NULL: that there is none. */
void kit_expect(struct store *store, const char *bank, const char *key,
                const char *value);

enum status kit_touch(struct store *store, const char *bank, const char *key,
                      enum lifetime_rule rule, uint64_t ms);
enum status kit_remove(struct store *store, const char *bank, const char *key);

/* Adds an integer. */
enum status kit_incr(struct store *store, const char *bank, const char *key,
                     int64_t delta);

/* What is known of the bank, which is there. */
struct bank_stats kit_stats(struct store *store, const char *bank);

/* Changes limits: what `change` says. */
enum status kit_configure(struct store *store, const char *bank,
                          const struct bank_change *change);

/* As store_put_if(), store_read() without a touch, and store_remove_if();
 * all answer what they saw in `visit`. */
enum status kit_put_if(struct store *store, const char *bank, const char *key,
                       const char *value, struct store_visit *visit);
enum status kit_read(struct store *store, const char *bank, const char *key,
                     struct store_visit *visit);
enum status kit_remove_if(struct store *store, const char *bank,
                          const char *key, struct store_visit *visit);

/* The version that the entry has or is given now; 0: there is no entry. */
uint64_t kit_version(struct store *store, const char *bank, const char *key);

/* Makes the value longer by text, to any length. */
enum status kit_append(struct store *store, const char *bank, const char *key,
                       const char *piece);

/* Is shown the names of a list. */
struct kit_visitor {
    void (*visit)(void *arg, struct slice name);
    void *arg;
};

/* Walks all pages of the keys of `bank` (NULL: of the banks) that start with
 * `prefix`, `limit` a page; shows them to `visitor`, unless NULL; answers how
 * many there were. Expects each page to keep the limit. */
size_t kit_list(struct store *store, const char *bank, const char *prefix,
                uint32_t limit, const struct kit_visitor *visitor);

/* One page into `response`, which the caller has initialised. */
enum status kit_page(struct store *store, const char *bank, uint32_t limit,
                     struct slice cursor, struct response *response);

#endif
