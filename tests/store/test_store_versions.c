/* Versions: whatever happens to entries, the store is held to a model that
 * knows of each what it holds and which version it was last said to have. */
#include "store/store.h"

#include "base/memory.h"
#include "store/store_kit.h"
#include "support/test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MIB = 1024 * 1024, THREADS = 4 };

static void a_version_is_given_when_it_is_asked_for_and_stays(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "value");
    struct store_visit visit = {0};
    EXPECT_INT(kit_read(store, "b", "k", &visit), STATUS_OK);
    EXPECT_INT(visit.version, 0);
    uint64_t version = kit_version(store, "b", "k");
    EXPECT(version > 0);
    EXPECT(version < UINT64_C(1) << 53);
    EXPECT_INT(kit_version(store, "b", "k"), version);
    EXPECT_INT(kit_read(store, "b", "k", &visit), STATUS_OK);
    EXPECT_INT(visit.version, version);
    kit_expect(store, "b", "k", "value");
    kit_close(store);
}

static void every_write_of_the_value_gives_another_version(void)
{
    struct store *store = kit_open();
    struct store_visit visit = {.wants_version = true};
    EXPECT_INT(kit_put_if(store, "b", "k", "1", &visit), STATUS_OK);
    uint64_t last = visit.version;
    EXPECT(last > 0);
    for (int i = 0; i < 5; i++) {
        struct store_visit plain = {0};
        EXPECT_INT(i == 0   ? kit_put(store, "b", "k", "2")
                   : i == 1 ? kit_incr(store, "b", "k", 1)
                   : i == 2 ? kit_put_if(store, "b", "k", "3", &plain)
                   : i == 3 ? kit_append(store, "b", "k", "4")
                            : kit_put(store, "b", "k", "34"),
                   STATUS_OK);
        uint64_t version = kit_version(store, "b", "k");
        EXPECT(version > last);
        EXPECT(i != 2 || plain.version == version);
        last = version;
    }
    kit_close(store);
}

static void a_touch_leaves_the_version(void)
{
    struct store *store = kit_open();
    kit_put(store, "b", "k", "value");
    uint64_t version = kit_version(store, "b", "k");
    kit_touch(store, "b", "k", LIFETIME_NEW, 100);
    EXPECT_INT(kit_version(store, "b", "k"), version);
    kit_touch(store, "b", "k", LIFETIME_SAME, 0);
    EXPECT_INT(kit_version(store, "b", "k"), version);
    kit_touch(store, "b", "k", LIFETIME_FOREVER, 0);
    EXPECT_INT(kit_version(store, "b", "k"), version);
    kit_close(store);
}

static void an_entry_that_is_put_anew_has_another_version(void)
{
    struct store *store = kit_open();
    kit_put_for(store, "b", "k", "value", 10);
    uint64_t first = kit_version(store, "b", "k");
    kit_set_time(10);
    kit_put(store, "b", "k", "value");
    uint64_t second = kit_version(store, "b", "k");
    EXPECT(second > first);
    kit_remove(store, "b", "k");
    EXPECT_INT(kit_version(store, "b", "k"), 0);
    kit_put(store, "b", "k", "value");
    EXPECT(kit_version(store, "b", "k") > second);
    kit_close(store);
}

static void who_asks_for_no_version_pays_for_none(void)
{
    struct store *store = kit_open();
    struct store_visit visit = {.condition.rule = CONDITION_NONE};
    kit_put(store, "plain", "key", "value");
    uint64_t bytes = kit_stats(store, "plain").bytes;
    EXPECT_INT(kit_put_if(store, "b", "key", "value", &visit), STATUS_OK);
    EXPECT_INT(kit_stats(store, "b").bytes, bytes);
    EXPECT_INT(kit_read(store, "b", "key", &visit), STATUS_OK);
    EXPECT_INT(kit_append(store, "b", "key", ""), STATUS_OK);
    EXPECT_INT(kit_stats(store, "b").bytes, bytes);
    kit_version(store, "b", "key");
    EXPECT_INT(kit_stats(store, "b").bytes, bytes + 8);
    kit_put(store, "b", "key", "other");
    EXPECT_INT(kit_stats(store, "b").bytes, bytes + 8);
    kit_close(store);
}

static void moves_leave_the_version(void)
{
    enum { KEYS = 1500, LEN = 1000 };
    static char value[LEN + 1];
    static uint64_t versions[KEYS];
    struct store *store = kit_open_limited(8 * MIB, 0);
    memset(value, 'v', LEN);
    const struct bank_change change = {.limits.reserved = 3 * MIB,
                                       .has_reserved = true};
    char key[16];
    for (int i = 0; i < KEYS; i++) { /* becomes large enough for its own */
        snprintf(key, sizeof key, "k%d", i);
        EXPECT_INT(kit_put(store, "kept", key, value), STATUS_OK);
        versions[i] = kit_version(store, "kept", key);
    }
    EXPECT_INT(kit_configure(store, "kept", &change), STATUS_OK);
    for (int i = 0; i < 20 * KEYS; i++) {
        snprintf(key, sizeof key, "k%d", i);
        EXPECT_INT(kit_put(store, "flood", key, value), STATUS_OK);
        if (i % 8 == 1 && i < KEYS) { /* holes, so that it is compacted */
            kit_remove(store, "kept", key);
            versions[i] = 0;
        }
    }
    kit_work(store);
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "k%d", i);
        if (versions[i]) {
            EXPECT_INT(kit_version(store, "kept", key), versions[i]);
        }
    }
    EXPECT_INT(kit_stats(store, "kept").evictions, 0);
    kit_close(store);
}

/* What the model knows of an entry. */
enum { MODEL_KEYS = 60, MODEL_LEN = 400, MODEL_LARGE = 300 * 1024 };

struct entry {
    bool is_there;
    uint64_t version; /* that was told and holds; 0: none was */
    uint64_t newest;  /* that was ever told */
    size_t len;
    char *value;
};

struct scene {
    struct store *store;
    struct entry entries[MODEL_KEYS];
    uint64_t random;
    struct entry *one; /* that is dealt with, and its key */
    struct slice key;
    char name[16];
    char *made;
};

static const struct slice bank = {"b", 1};

static uint64_t draw(struct scene *scene, uint64_t count)
{
    return test_random(&scene->random) % count;
}

static struct slice draw_value(struct scene *scene)
{
    size_t len = draw(scene, 100) ? draw(scene, MODEL_LEN)
                                  : MODEL_LARGE + draw(scene, 10);
    memset(scene->made, (int)('a' + draw(scene, 26)), len);
    return slice_of(scene->made, len);
}

static void store_in_model(struct scene *scene, struct slice value)
{
    struct entry *entry = scene->one;
    memory_free(entry->value);
    entry->value = memory_alloc_or_die(value.len + 1);
    memcpy(entry->value, value.data, value.len);
    entry->len = value.len;
    entry->is_there = true;
    entry->version = 0;
}

/* A version that is told for the first time is newer than those before. */
static void learn(struct scene *scene, uint64_t version)
{
    EXPECT(version > scene->one->newest);
    scene->one->newest = version;
    scene->one->version = version;
}

static void do_put(struct scene *scene)
{
    const struct store_value value = {.bytes = draw_value(scene)};
    EXPECT_INT(store_put(scene->store, bank, scene->key, &value), STATUS_OK);
    store_in_model(scene, value.bytes);
}

/* What is to come of a condition. */
static enum status foretell(const struct entry *entry,
                            const struct condition *condition)
{
    switch (condition->rule) {
    case CONDITION_ABSENT:
        return entry->is_there ? STATUS_ALREADY_EXISTS : STATUS_OK;
    case CONDITION_PRESENT:
        return entry->is_there ? STATUS_OK : STATUS_NOT_FOUND;
    case CONDITION_VERSION:
        return !entry->is_there                       ? STATUS_NOT_FOUND
               : entry->version == condition->version ? STATUS_OK
                                                      : STATUS_ABORTED;
    case CONDITION_VALUE:
        return !entry->is_there ? STATUS_NOT_FOUND
               : slice_equal(slice_of(entry->value, entry->len),
                             condition->value)
                   ? STATUS_OK
                   : STATUS_ABORTED;
    case CONDITION_NONE:
        break;
    }
    return STATUS_OK;
}

static struct condition draw_condition(struct scene *scene,
                                       enum condition_rule least)
{
    const struct entry *entry = scene->one;
    bool is_good = draw(scene, 2) && entry->is_there;
    struct condition condition = {.rule = CONDITION_NONE};
    if (draw(scene, 5)) {
        condition.rule = (enum condition_rule)(
            least + draw(scene, CONDITION_VALUE - least + 1));
    }
    condition.version =
        is_good && entry->version ? entry->version : 1 + draw(scene, 1000);
    condition.value = is_good ? slice_of(entry->value, entry->len)
                              : SLICE_LITERAL("none has this");
    return condition;
}

/* Expects what was there before in `visit`. */
static void expect_previous(const struct scene *scene,
                            const struct store_visit *visit, enum status status)
{
    const struct entry *entry = scene->one;
    bool is_told = entry->is_there && status != STATUS_NOT_FOUND;
    EXPECT_INT(visit->was_there, is_told);
    EXPECT_SLICE(buffer_peek(visit->bytes),
                 is_told ? slice_of(entry->value, entry->len)
                         : SLICE_LITERAL(""));
    EXPECT(!is_told || visit->facts.size == entry->len);
    EXPECT(!is_told || !entry->version ||
           visit->facts.version == entry->version);
}

static void do_put_if(struct scene *scene)
{
    struct buffer before = {0};
    struct store_visit visit = {.condition =
                                    draw_condition(scene, CONDITION_ABSENT),
                                .wants_version = draw(scene, 2),
                                .bytes = &before};
    const struct store_value value = {.bytes = draw_value(scene)};
    enum status must = foretell(scene->one, &visit.condition);
    EXPECT_INT(store_put_if(scene->store, bank, scene->key, &value, &visit),
               must);
    expect_previous(scene, &visit, must);
    if (!must) {
        bool had_version = scene->one->is_there && scene->one->version;
        store_in_model(scene, value.bytes);
        EXPECT(visit.version || !(had_version || visit.wants_version));
        if (visit.version) {
            learn(scene, visit.version);
        }
    }
    buffer_fini(&before);
}

static void do_remove_if(struct scene *scene)
{
    struct buffer before = {0};
    struct store_visit visit = {.condition =
                                    draw_condition(scene, CONDITION_VERSION),
                                .bytes = &before};
    enum status must = scene->one->is_there
                           ? foretell(scene->one, &visit.condition)
                           : STATUS_NOT_FOUND;
    EXPECT_INT(store_remove_if(scene->store, bank, scene->key, &visit), must);
    expect_previous(scene, &visit, must);
    scene->one->is_there = scene->one->is_there && must;
    buffer_fini(&before);
}

static void do_append(struct scene *scene)
{
    enum { LEN_MAX = MODEL_LARGE + 5 * MODEL_LEN };
    struct entry *entry = scene->one;
    const struct store_piece piece = {
        .bytes = slice_of("a piece of a value", draw(scene, 18)),
        .is_before = draw(scene, 2),
        .size_max = LEN_MAX,
    };
    uint64_t size = 0;
    enum status must = !entry->is_there ? STATUS_NOT_FOUND
                       : entry->len + piece.bytes.len > LEN_MAX
                           ? STATUS_OUT_OF_RANGE
                           : STATUS_OK;
    EXPECT_INT(store_append(scene->store, bank, scene->key, &piece, &size),
               must);
    if (!must) {
        size_t at = piece.is_before ? piece.bytes.len : 0;
        memcpy(scene->made + at, entry->value, entry->len);
        memcpy(scene->made + (at ? 0 : entry->len), piece.bytes.data,
               piece.bytes.len);
        store_in_model(scene,
                       slice_of(scene->made, entry->len + piece.bytes.len));
        EXPECT_INT(size, entry->len);
    }
}

/* Looks, and asks for the version half of the times. */
static void do_read(struct scene *scene)
{
    struct buffer bytes = {0};
    struct store_visit visit = {.wants_version = draw(scene, 2),
                                .bytes = &bytes};
    enum status must = scene->one->is_there ? STATUS_OK : STATUS_NOT_FOUND;
    EXPECT_INT(store_read(scene->store, bank, scene->key, NULL, &visit), must);
    expect_previous(scene, &visit, must);
    EXPECT(must || visit.version || !visit.wants_version);
    if (visit.version && scene->one->version) {
        EXPECT_INT(visit.version, scene->one->version);
    } else if (visit.version) {
        learn(scene, visit.version);
    }
    buffer_fini(&bytes);
}

/* No lifetime ends here: the clock stands. */
static void do_touch(struct scene *scene)
{
    const struct lifetime lifetime = {
        (enum lifetime_rule)(LIFETIME_FOREVER + draw(scene, 3)), 100};
    EXPECT_INT(store_touch(scene->store, bank, scene->key, lifetime),
               scene->one->is_there ? STATUS_OK : STATUS_NOT_FOUND);
}

static void do_remove(struct scene *scene)
{
    EXPECT_INT(store_remove(scene->store, bank, scene->key),
               scene->one->is_there ? STATUS_OK : STATUS_NOT_FOUND);
    scene->one->is_there = false;
}

static void do_any(struct scene *scene)
{
    static void (*const deeds[])(struct scene *) = {
        do_put,  do_put_if, do_put_if, do_append, do_append,
        do_read, do_read,   do_touch,  do_remove, do_remove_if,
    };
    size_t number = draw(scene, MODEL_KEYS);
    int len = snprintf(scene->name, sizeof scene->name, "key %zu", number);
    scene->key = slice_of(scene->name, (size_t)len);
    scene->one = &scene->entries[number];
    deeds[draw(scene, sizeof deeds / sizeof *deeds)](scene);
}

static void entries_and_versions_are_as_a_model_has_them(void)
{
    int rounds = test_is_long() ? 1000 * 1000 : 20 * 1000;
    static struct scene scene;
    scene = (struct scene){.store = kit_open(), .random = test_seed()};
    scene.made = memory_alloc_or_die(MODEL_LARGE + 10 * MODEL_LEN);
    for (int i = 0; i < rounds; i++) {
        do_any(&scene);
        if (i % 500 == 0) {
            kit_work(scene.store); /* compacts */
        }
    }
    for (int i = 0; i < MODEL_KEYS; i++) {
        memory_free(scene.entries[i].value);
    }
    memory_free(scene.made);
    kit_close(scene.store);
}

/* Threads that make the versions of one entry, and some of many. */
struct maker {
    pthread_t thread;
    struct store *store;
    int number;
    uint64_t *versions;
    size_t count;
    unsigned wrong;
};

enum { VERSIONS = 20000 };

static void *make_versions(void *arg)
{
    struct maker *maker = arg;
    char own[16];
    snprintf(own, sizeof own, "own %d", maker->number);
    while (maker->count < VERSIONS) {
        struct store_visit visit = {.wants_version = true};
        const char *key = maker->count % 2 ? own : "all";
        maker->wrong +=
            kit_put_if(maker->store, "b", key, "value", &visit) != STATUS_OK;
        maker->versions[maker->count++] = visit.version;
    }
    return NULL;
}

static int compare_versions(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static void no_two_threads_are_given_the_same_version(void)
{
    static uint64_t versions[THREADS * VERSIONS];
    struct maker makers[THREADS];
    struct store *store = kit_open();
    for (int i = 0; i < THREADS; i++) {
        makers[i] = (struct maker){
            .store = store, .number = i, .versions = versions + i * VERSIONS};
        REQUIRE(pthread_create(&makers[i].thread, NULL, make_versions,
                               &makers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(makers[i].thread, NULL);
        EXPECT_INT(makers[i].wrong, 0);
    }
    qsort(versions, THREADS * VERSIONS, sizeof *versions, compare_versions);
    size_t doubles = 0;
    for (size_t i = 1; i < THREADS * VERSIONS; i++) {
        doubles += versions[i] == versions[i - 1];
    }
    EXPECT_INT(doubles, 0);
    kit_close(store);
}

/* Threads that count by reading a version and putting if it still holds. */
static void *count_by_versions(void *arg)
{
    enum { TIMES = 5000 };
    struct maker *maker = arg;
    struct buffer bytes = {0};
    while (maker->count < TIMES) {
        char text[24];
        struct store_visit seen = {.wants_version = true, .bytes = &bytes};
        buffer_clear(&bytes);
        maker->wrong += kit_read(maker->store, "b", "n", &seen) != STATUS_OK;
        long number = 0;
        struct slice value = buffer_peek(&bytes);
        for (size_t i = 0; i < value.len; i++) {
            number = 10 * number + (value.data[i] - '0');
        }
        snprintf(text, sizeof text, "%ld", number + 1);
        struct store_visit visit = {
            .condition = {.rule = CONDITION_VERSION, .version = seen.version}};
        enum status status = kit_put_if(maker->store, "b", "n", text, &visit);
        maker->count += status == STATUS_OK;
        maker->wrong += status != STATUS_OK && status != STATUS_ABORTED;
    }
    buffer_fini(&bytes);
    return NULL;
}

static void puts_by_version_lose_no_update(void)
{
    struct maker makers[THREADS];
    struct store *store = kit_open();
    kit_put(store, "b", "n", "0");
    for (int i = 0; i < THREADS; i++) {
        makers[i] = (struct maker){.store = store, .number = i};
        REQUIRE(pthread_create(&makers[i].thread, NULL, count_by_versions,
                               &makers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(makers[i].thread, NULL);
        EXPECT_INT(makers[i].wrong, 0);
    }
    kit_expect(store, "b", "n", "20000");
    kit_close(store);
}

static const struct test_case cases[] = {
    TEST(a_version_is_given_when_it_is_asked_for_and_stays),
    TEST(every_write_of_the_value_gives_another_version),
    TEST(a_touch_leaves_the_version),
    TEST(an_entry_that_is_put_anew_has_another_version),
    TEST(who_asks_for_no_version_pays_for_none),
    TEST(moves_leave_the_version),
    TEST(entries_and_versions_are_as_a_model_has_them),
    TEST(no_two_threads_are_given_the_same_version),
    TEST(puts_by_version_lose_no_update),
};

SUITE(store_versions, cases);
