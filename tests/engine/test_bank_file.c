/* The banks file beside a store: what a second start finds of the first. */
#include "engine/bank_file.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "core/bank_stats.h"
#include "core/response.h"
#include "store/store.h"
#include "support/folder.h"
#include "support/starve.h"
#include "support/test.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MIB = 1024 * 1024, PATH_ROOM = 512, THREADS = 4, ROUNDS = 200 };

/* A server without the rest of it. */
struct world {
    struct folder folder;
    char path[PATH_ROOM];
    struct store *store;
    struct bank_file *file;
    struct buffer why;
};

/* Starts from what the file holds. */
static bool start(struct world *world)
{
    const struct store_options options = {.memory_max = 100 * MIB};
    buffer_clear(&world->why);
    world->store = store_create(&options);
    CHECK(world->store);
    world->file = bank_file_open(world->path, world->store, &world->why);
    return world->file;
}

static void end(struct world *world)
{
    bank_file_close(&world->file);
    store_free(&world->store);
}

static void make(struct world *world, const char *text)
{
    *world = (struct world){.file = NULL};
    folder_init(&world->folder);
    snprintf(world->path, sizeof world->path, "%s/banks", world->folder.path);
    if (text) {
        folder_write_text(&world->folder, "banks", text);
    }
}

static void unmake(struct world *world)
{
    end(world);
    buffer_fini(&world->why);
    folder_fini(&world->folder);
}

/* What happens when the program is killed: the store is gone, and what is in
 * the file is what the system was told. */
static void restart(struct world *world)
{
    end(world);
    EXPECT(start(world));
    EXPECT_TEXT(buffer_peek(&world->why), "");
}

static enum status weigh(struct world *world, const char *bank, uint64_t weight)
{
    const struct bank_change change = {.limits.weight = weight,
                                       .has_weight = true};
    struct bank_limits limits = {0};
    enum status status = bank_file_configure(world->file, slice_of_string(bank),
                                             &change, &limits);
    EXPECT(status || limits.weight == weight);
    return status;
}

/* What `bank` weighs in the store; 0: there is none. */
static uint64_t weight_of(struct world *world, const char *bank)
{
    struct bank_stats stats;
    return store_bank_stats(world->store, slice_of_string(bank), &stats)
               ? 0
               : stats.weight;
}

static void put(struct world *world, const char *bank)
{
    const struct store_value value = {.bytes = SLICE_LITERAL("value")};
    EXPECT_INT(store_put(world->store, slice_of_string(bank),
                         SLICE_LITERAL("key"), &value),
               STATUS_OK);
}

static size_t read_file(const struct world *world, char *text, size_t room)
{
    FILE *file = fopen(world->path, "r");
    CHECK(file);
    size_t len = fread(text, 1, room, file);
    fclose(file);
    return len;
}

static uint64_t file_len(const struct world *world)
{
    struct stat facts;
    return stat(world->path, &facts) ? 0 : (uint64_t)facts.st_size;
}

/* How many lines the file has. */
static size_t count_lines(const struct world *world)
{
    char text[16 * 1024];
    size_t len = read_file(world, text, sizeof text);
    size_t lines = 0;
    for (size_t i = 0; i < len; i++) {
        lines += text[i] == '\n';
    }
    return lines;
}

static void file_that_is_not_there_comes_into_being(void)
{
    struct world world;
    make(&world, NULL);
    REQUIRE(start(&world));
    EXPECT_INT(access(world.path, F_OK), 0);
    EXPECT_INT(file_len(&world), 0);
    unmake(&world);
}

static void every_limit_survives(void)
{
    const struct bank_change change = {
        .limits = {.reserved = 70000,
                   .maximum = 80000,
                   .weight = 7,
                   .maximum_entries = 8,
                   .default_lifetime_ms = 3,
                   .maximum_lifetime_ms = 4,
                   .lifetime_jitter = 90,
                   .when_full = BANK_REFUSE,
                   .read_only = true},
#define LIMIT(name, ...) .has_##name = true,
#include "core/bank_limits.def"
#undef LIMIT
    };
    const struct bank_change none = {.has_weight = false};
    const struct slice name = SLICE_LITERAL("a \"quoted\"\n\xe2\x82\xac name");
    struct bank_limits limits;
    struct world world;
    make(&world, NULL);
    REQUIRE(start(&world));
    EXPECT_INT(bank_file_configure(world.file, name, &change, &limits),
               STATUS_OK);
    restart(&world);
    EXPECT_INT(bank_file_configure(world.file, name, &none, &limits),
               STATUS_OK);
#define LIMIT(limit, ...) EXPECT_INT(limits.limit, change.limits.limit);
#include "core/bank_limits.def"
#undef LIMIT
    restart(&world);
    EXPECT_INT(bank_file_configure(world.file, name, &none, &limits),
               STATUS_OK);
    EXPECT_INT(limits.maximum, 80000);
    unmake(&world);
}

static void last_change_of_a_bank_counts(void)
{
    struct world world;
    make(&world, NULL);
    REQUIRE(start(&world));
    EXPECT_INT(weigh(&world, "a", 1), STATUS_OK);
    EXPECT_INT(weigh(&world, "b", 2), STATUS_OK);
    EXPECT_INT(weigh(&world, "a", 3), STATUS_OK);
    EXPECT_INT(count_lines(&world), 3);
    restart(&world);
    EXPECT_INT(weight_of(&world, "a"), 3);
    EXPECT_INT(weight_of(&world, "b"), 2);
    EXPECT_INT(count_lines(&world), 2);
    unmake(&world);
}

static void what_changes_nothing_is_not_written(void)
{
    struct world world;
    make(&world, NULL);
    REQUIRE(start(&world));
    put(&world, "plain");
    put(&world, "other");
    EXPECT_INT(weigh(&world, "a", 1), STATUS_OK);
    EXPECT_INT(weigh(&world, "a", 1), STATUS_OK);
    EXPECT_INT(bank_file_swap(world.file, SLICE_LITERAL("plain"),
                              SLICE_LITERAL("other")),
               STATUS_OK);
    EXPECT_INT(bank_file_rename(world.file, SLICE_LITERAL("plain"),
                                SLICE_LITERAL("renamed")),
               STATUS_OK);
    EXPECT_INT(bank_file_drop(world.file, SLICE_LITERAL("renamed")), STATUS_OK);
    EXPECT_INT(count_lines(&world), 1);
    unmake(&world);
}

static void drop_and_rename_survive(void)
{
    struct world world;
    make(&world, NULL);
    REQUIRE(start(&world));
    EXPECT_INT(weigh(&world, "a", 1), STATUS_OK);
    EXPECT_INT(weigh(&world, "b", 2), STATUS_OK);
    EXPECT_INT(bank_file_drop(world.file, SLICE_LITERAL("a")), STATUS_OK);
    EXPECT_INT(
        bank_file_rename(world.file, SLICE_LITERAL("b"), SLICE_LITERAL("c")),
        STATUS_OK);
    EXPECT_INT(count_lines(&world), 5);
    restart(&world);
    EXPECT_INT(weight_of(&world, "a"), 0);
    EXPECT_INT(weight_of(&world, "b"), 0);
    EXPECT_INT(weight_of(&world, "c"), 2);
    EXPECT_INT(count_lines(&world), 1);
    EXPECT_INT(
        bank_file_rename(world.file, SLICE_LITERAL("c"), SLICE_LITERAL("d")),
        STATUS_OK);
    EXPECT_INT(bank_file_drop(world.file, SLICE_LITERAL("d")), STATUS_OK);
    restart(&world);
    EXPECT_INT(count_lines(&world), 0);
    unmake(&world);
}

static void swap_configures_the_other_bank(void)
{
    struct world world;
    make(&world, NULL);
    REQUIRE(start(&world));
    EXPECT_INT(weigh(&world, "a", 7), STATUS_OK);
    put(&world, "b");
    for (int i = 0; i < 2; i++) {
        EXPECT_INT(
            bank_file_swap(world.file, SLICE_LITERAL("b"), SLICE_LITERAL("a")),
            STATUS_OK);
        EXPECT_INT(weight_of(&world, "a"), 7);
        EXPECT_INT(weight_of(&world, "b"), BANK_WEIGHT_DEFAULT);
        EXPECT_INT(count_lines(&world), 2);
    }
    restart(&world);
    EXPECT_INT(weight_of(&world, "a"), 7);
    EXPECT_INT(weight_of(&world, "b"), BANK_WEIGHT_DEFAULT);
    unmake(&world);
}

static enum status set_two(struct world *world, const char *bank,
                           uint64_t reserved, uint64_t maximum)
{
    const struct bank_change change = {
        .limits = {.reserved = reserved, .maximum = maximum},
        .has_reserved = true,
        .has_maximum = true};
    struct bank_limits limits;
    return bank_file_configure(world->file, slice_of_string(bank), &change,
                               &limits);
}

static void what_the_store_refuses_is_not_written(void)
{
    const struct slice a = SLICE_LITERAL("a");
    const struct slice b = SLICE_LITERAL("b");
    const struct slice none = SLICE_LITERAL("none");
    const struct bank_change read_only = {.limits.read_only = 1,
                                          .has_read_only = true};
    struct bank_limits limits;
    struct world world;
    make(&world, NULL);
    REQUIRE(start(&world));
    EXPECT_INT(bank_file_configure(world.file, a, &read_only, &limits),
               STATUS_OK);
    EXPECT_INT(weigh(&world, "b", 2), STATUS_OK);
    put(&world, "plain");
    uint64_t len = file_len(&world);
    EXPECT_INT(set_two(&world, "b", 70000, 69999), STATUS_INVALID_ARGUMENT);
    EXPECT_INT(set_two(&world, "b", 71 * MIB, 0), STATUS_OUT_OF_RANGE);
    EXPECT_INT(bank_file_drop(world.file, a), STATUS_PERMISSION_DENIED);
    EXPECT_INT(bank_file_drop(world.file, none), STATUS_NOT_FOUND);
    EXPECT_INT(bank_file_rename(world.file, a, none), STATUS_PERMISSION_DENIED);
    EXPECT_INT(bank_file_rename(world.file, b, a), STATUS_ALREADY_EXISTS);
    EXPECT_INT(bank_file_rename(world.file, b, b), STATUS_ALREADY_EXISTS);
    EXPECT_INT(bank_file_rename(world.file, b, SLICE_LITERAL("plain")),
               STATUS_ALREADY_EXISTS);
    EXPECT_INT(bank_file_rename(world.file, none, a), STATUS_NOT_FOUND);
    EXPECT_INT(bank_file_swap(world.file, b, none), STATUS_NOT_FOUND);
    EXPECT_INT(bank_file_swap(world.file, b, a), STATUS_PERMISSION_DENIED);
    EXPECT_INT(bank_file_swap(world.file, SLICE_LITERAL("plain"), a),
               STATUS_PERMISSION_DENIED);
    EXPECT_INT(file_len(&world), len);
    unmake(&world);
}

/* Some of the allocations that fail are the store's, after the write. */
static void attempt_changes(void *arg)
{
    struct world *world = arg;
    uint64_t len = file_len(world);
    bool was_b = weight_of(world, "b");
    enum status status = was_b
                             ? bank_file_rename(world->file, SLICE_LITERAL("b"),
                                                SLICE_LITERAL("c"))
                             : bank_file_rename(world->file, SLICE_LITERAL("c"),
                                                SLICE_LITERAL("b"));
    EXPECT_INT(status, starve_has_struck() ? STATUS_NOMEM : STATUS_OK);
    EXPECT_INT(weight_of(world, "b") > 0, status ? was_b : !was_b);
    EXPECT_INT(file_len(world) == len, status != STATUS_OK);
    len = file_len(world);
    status = weigh(world, "fresh", 9);
    EXPECT(status == STATUS_OK || status == STATUS_NOMEM);
    EXPECT_INT(weight_of(world, "fresh"), status ? 0 : 9);
    EXPECT_INT(file_len(world) == len, status != STATUS_OK);
    while (!status && weight_of(world, "fresh")) {
        EXPECT(!bank_file_drop(world->file, SLICE_LITERAL("fresh")) ||
               starve_has_struck());
    }
}

static void without_memory_file_and_store_stay_the_same(void)
{
    struct world world;
    make(&world, NULL);
    REQUIRE(start(&world));
    EXPECT_INT(weigh(&world, "b", 2), STATUS_OK);
    EXPECT(starve(attempt_changes, &world) > 5);
    bool is_b = weight_of(&world, "b");
    restart(&world);
    EXPECT_INT(weight_of(&world, is_b ? "b" : "c"), 2);
    EXPECT_INT(weight_of(&world, is_b ? "c" : "b"), 0);
    unmake(&world);
}

static void attempt_open(void *arg)
{
    struct world *world = arg;
    struct buffer why = {0};
    struct bank_file *file = bank_file_open(world->path, world->store, &why);
    EXPECT_INT(file == NULL, starve_has_struck());
    bank_file_close(&file);
    buffer_fini(&why);
}

static void file_without_memory_is_not_opened(void)
{
    struct world world;
    make(&world, "{\"bank\": \"a\", \"weight\": 7}\n");
    REQUIRE(start(&world));
    bank_file_close(&world.file);
    EXPECT(starve(attempt_open, &world) > 8);
    EXPECT_INT(count_lines(&world), 1);
    unmake(&world);
}

static void expect_refused(const char *text, const char *reason)
{
    struct world world;
    char must[PATH_ROOM * 2];
    make(&world, text);
    EXPECT(!start(&world));
    snprintf(must, sizeof must, "%s: %s", world.path, reason);
    EXPECT_TEXT(buffer_peek(&world.why), must);
    char kept[1024];
    size_t len = read_file(&world, kept, sizeof kept);
    EXPECT_TEXT(slice_of(kept, len), text);
    unmake(&world);
}

static void bad_lines_end_the_start_and_are_kept(void)
{
    expect_refused("{\"bank\": \"a\"}\n\n", "line 2: this is not JSON");
    expect_refused("{\"bank\": \"a\"}\n{\"bank\": \"b\", \"colour\": 1}\n{",
                   "line 2: colour is no field that this version knows");
    expect_refused("{\"bank\": \"a\", \"weight\": 0}\n",
                   "line 1: weight is 0, at least 1 is needed");
    expect_refused("{\"WORKERS\": 4}", "line 1: this is not JSON");
    expect_refused("{\"bank\": \"a\", \"reserved\": 40000000}\n"
                   "{\"bank\": \"b\", \"reserved\": 60000000}\n"
                   "{\"bank\": \"c\", \"reserved\": 20000000}\n"
                   "{\"bank\": \"b\", \"reserved\": 30000000}\n",
                   "line 4: reserved: all banks together may reserve at most "
                   "70 % of the memory limit");
}

static void reserves_that_were_lowered_later_are_no_matter(void)
{
    struct world world;
    make(&world, "{\"bank\": \"a\", \"reserved\": 60000000}\n"
                 "{\"bank\": \"b\", \"reserved\": 60000000}\n"
                 "{\"bank\": \"a\", \"dropped\": true}\n"
                 "{\"bank\": \"no one\", \"dropped\": true}\n");
    EXPECT(start(&world));
    EXPECT_INT(weight_of(&world, "a"), 0);
    EXPECT_INT(weight_of(&world, "b"), BANK_WEIGHT_DEFAULT);
    unmake(&world);
}

static void line_without_an_end_is_ignored(void)
{
    struct world world;
    make(&world, "{\"bank\": \"a\", \"weight\": 7}\n"
                 "{\"bank\": \"a\", \"weight\": 8}");
    REQUIRE(start(&world));
    EXPECT_INT(weight_of(&world, "a"), 7);
    EXPECT_INT(count_lines(&world), 1);
    EXPECT_INT(weigh(&world, "a", 9), STATUS_OK);
    restart(&world);
    EXPECT_INT(weight_of(&world, "a"), 9);
    unmake(&world);
}

static void endless_line_is_refused(void)
{
    enum { LONG = 200 * 1024 };
    struct world world;
    char *text = memory_alloc_or_die(LONG);
    memset(text, ' ', LONG);
    make(&world, NULL);
    folder_write(&world.folder, "banks", text, LONG);
    EXPECT(!start(&world));
    end(&world);
    memset(text + LONG - 100, '\n', 1);
    folder_write(&world.folder, "banks", text, LONG);
    EXPECT(!start(&world));
    memory_free(text);
    unmake(&world);
}

static void what_is_no_file_of_ones_own_is_refused(void)
{
    struct world world;
    struct buffer why = {0};
    make(&world, NULL);
    REQUIRE(start(&world));
    EXPECT(!bank_file_open(world.path, world.store, &why));
    EXPECT(memmem(why.data, why.end, "in use by another server", 24));
    buffer_clear(&why);
    EXPECT(!bank_file_open("/dev/null", world.store, &why));
    EXPECT_TEXT(buffer_peek(&why), "/dev/null is no regular file");
    buffer_clear(&why);
    EXPECT(!bank_file_open(world.folder.path, world.store, &why));
    EXPECT(memmem(why.data, why.end, "Is a directory", 14));
    buffer_clear(&why);
    EXPECT(!bank_file_open("/nonexistent/banks", world.store, &why));
    EXPECT_TEXT(buffer_peek(&why), "/nonexistent/banks cannot be opened: "
                                   "No such file or directory");
    buffer_fini(&why);
    unmake(&world);
}

static void long_file_is_written_anew(void)
{
    struct world world;
    make(&world, NULL);
    REQUIRE(start(&world));
    EXPECT_INT(chmod(world.path, 0640), 0);
    EXPECT_INT(weigh(&world, "b", 5), STATUS_OK);
    uint64_t len = file_len(&world);
    uint64_t weight = 0;
    while (file_len(&world) <= 4 * len + 64 * 1024) {
        bank_file_work(world.file);
        EXPECT_INT(weigh(&world, "a", ++weight % 9 + 1), STATUS_OK);
    }
    EXPECT(weight > 300);
    bank_file_work(world.file);
    EXPECT_INT(file_len(&world), 2 * len);
    struct stat facts;
    EXPECT_INT(stat(world.path, &facts), 0);
    EXPECT_INT(facts.st_mode & 0777, 0640);
    EXPECT_INT(weigh(&world, "c", 6), STATUS_OK);
    EXPECT_INT(count_lines(&world), 3);
    restart(&world);
    EXPECT_INT(weight_of(&world, "a"), weight % 9 + 1);
    EXPECT_INT(weight_of(&world, "b"), 5);
    EXPECT_INT(weight_of(&world, "c"), 6);
    unmake(&world);
}

/* Lets files grow to `len` bytes; 0: as far as they could before. */
static void limit_files(uint64_t len)
{
    static struct rlimit before;
    if (len) {
        signal(SIGXFSZ, SIG_IGN);
        CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
        const struct rlimit limit = {.rlim_cur = len,
                                     .rlim_max = before.rlim_max};
        CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    } else {
        CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    }
}

static void full_disk_refuses_changes_and_loses_none(void)
{
    struct world world;
    make(&world, NULL);
    REQUIRE(start(&world));
    EXPECT_INT(weigh(&world, "a", 1), STATUS_OK);
    EXPECT_INT(weigh(&world, "b", 2), STATUS_OK);
    put(&world, "plain");
    uint64_t len = file_len(&world);
    for (uint64_t room = 0; room < 30; room += 10) {
        limit_files(len + room);
        EXPECT_INT(weigh(&world, "a", 3), STATUS_UNAVAILABLE);
        EXPECT_INT(weigh(&world, "new", 3), STATUS_UNAVAILABLE);
        EXPECT_INT(bank_file_rename(world.file, SLICE_LITERAL("a"),
                                    SLICE_LITERAL("c")),
                   STATUS_UNAVAILABLE);
        EXPECT_INT(bank_file_drop(world.file, SLICE_LITERAL("b")),
                   STATUS_UNAVAILABLE);
        EXPECT_INT(bank_file_swap(world.file, SLICE_LITERAL("b"),
                                  SLICE_LITERAL("plain")),
                   STATUS_UNAVAILABLE);
        EXPECT_INT(weigh(&world, "a", 1), STATUS_OK);
        limit_files(0);
        EXPECT_INT(file_len(&world), len);
        EXPECT_INT(weight_of(&world, "a"), 1);
        EXPECT_INT(weight_of(&world, "b"), 2);
        EXPECT_INT(weight_of(&world, "c"), 0);
        EXPECT_INT(weight_of(&world, "new"), 0);
    }
    struct response response = {.status = STATUS_OK};
    bank_file_blame(world.file, &response);
    EXPECT_INT(response.status, STATUS_UNAVAILABLE);
    EXPECT(strstr(response.message, world.path));
    EXPECT(strstr(response.message, "File too large"));
    response_fini(&response);
    EXPECT_INT(weigh(&world, "a", 4), STATUS_OK);
    restart(&world);
    EXPECT_INT(weight_of(&world, "a"), 4);
    EXPECT_INT(weight_of(&world, "b"), 2);
    unmake(&world);
}

static void file_that_was_removed_is_written_anew(void)
{
    struct world world;
    make(&world, NULL);
    REQUIRE(start(&world));
    EXPECT_INT(weigh(&world, "a", 1), STATUS_OK);
    EXPECT_INT(unlink(world.path), 0);
    bank_file_work(world.file);
    EXPECT_INT(weigh(&world, "b", 2), STATUS_UNAVAILABLE);
    bank_file_work(world.file);
    EXPECT_INT(weigh(&world, "b", 3), STATUS_OK);
    restart(&world);
    EXPECT_INT(weight_of(&world, "a"), 1);
    EXPECT_INT(weight_of(&world, "b"), 3);
    unmake(&world);
}

static void writing_anew_that_fails_is_tried_again(void)
{
    struct world world;
    char obstacle[PATH_ROOM];
    make(&world, NULL);
    REQUIRE(start(&world));
    snprintf(obstacle, sizeof obstacle, "%.200s/banks.new", world.folder.path);
    EXPECT_INT(weigh(&world, "a", 1), STATUS_OK);
    EXPECT_INT(mkdir(obstacle, 0700), 0);
    EXPECT_INT(unlink(world.path), 0);
    clock_set_fake(1000);
    bank_file_work(world.file);
    bank_file_work(world.file);
    EXPECT_INT(rmdir(obstacle), 0);
    bank_file_work(world.file);
    EXPECT_INT(weigh(&world, "a", 2), STATUS_UNAVAILABLE);
    clock_set_fake(6000);
    bank_file_work(world.file);
    EXPECT_INT(weigh(&world, "a", 3), STATUS_OK);
    clock_set_fake(0);
    restart(&world);
    EXPECT_INT(weight_of(&world, "a"), 3);
    unmake(&world);
}

/* A thread with banks of its own, which it configures, renames, drops. */
struct actor {
    pthread_t thread;
    struct world *world;
    unsigned number;
    uint64_t weight;
};

static void *act(void *arg)
{
    struct actor *actor = arg;
    char one[24];
    char two[24];
    snprintf(one, sizeof one, "one %u", actor->number);
    snprintf(two, sizeof two, "two %u", actor->number);
    for (unsigned i = 0; i < ROUNDS; i++) {
        actor->weight = i + 1;
        EXPECT_INT(weigh(actor->world, one, i + 1), STATUS_OK);
        EXPECT_INT(bank_file_rename(actor->world->file, slice_of_string(one),
                                    slice_of_string(two)),
                   STATUS_OK);
        EXPECT_INT(bank_file_rename(actor->world->file, slice_of_string(two),
                                    slice_of_string(one)),
                   STATUS_OK);
        EXPECT_INT(weigh(actor->world, two, 5), STATUS_OK);
        EXPECT_INT(bank_file_drop(actor->world->file, slice_of_string(two)),
                   STATUS_OK);
    }
    return NULL;
}

static _Atomic bool is_over;

static void *work(void *arg)
{
    struct world *world = arg;
    while (!atomic_load(&is_over)) {
        bank_file_work(world->file);
    }
    return NULL;
}

static void changes_of_many_threads_survive_writing_anew(void)
{
    struct world world;
    struct actor actors[THREADS];
    pthread_t worker;
    atomic_store(&is_over, false);
    make(&world, NULL);
    REQUIRE(start(&world));
    for (unsigned i = 0; i < THREADS; i++) {
        actors[i] = (struct actor){.world = &world, .number = i};
        CHECK(!pthread_create(&actors[i].thread, NULL, act, &actors[i]));
    }
    CHECK(!pthread_create(&worker, NULL, work, &world));
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(actors[i].thread, NULL);
    }
    atomic_store(&is_over, true);
    pthread_join(worker, NULL);
    bank_file_work(world.file);
    EXPECT(file_len(&world) < 70 * 1024);
    restart(&world);
    EXPECT_INT(count_lines(&world), THREADS);
    for (unsigned i = 0; i < THREADS; i++) {
        char one[24];
        snprintf(one, sizeof one, "one %u", i);
        EXPECT_INT(weight_of(&world, one), actors[i].weight);
    }
    unmake(&world);
}

/* More banks than a piece, so that a rewriting takes several. */
static void many_banks_survive(void)
{
    enum { MANY = 1000 };
    struct world world;
    char name[24];
    make(&world, NULL);
    REQUIRE(start(&world));
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            snprintf(name, sizeof name, "bank %u", i);
            EXPECT_INT(weigh(&world, name, i + round + 1), STATUS_OK);
        }
    }
    uint64_t len = file_len(&world);
    bank_file_work(world.file);
    EXPECT(file_len(&world) * 7 < len * 2);
    restart(&world);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "bank %u", i);
        EXPECT_INT(weight_of(&world, name), i + 4);
    }
    unmake(&world);
}

static ino_t inode_of(const struct world *world)
{
    struct stat facts;
    CHECK(!stat(world->path, &facts));
    return facts.st_ino;
}

/* What people write may be shorter than what the program makes of it. */
static void short_lines_do_not_make_the_file_seem_long(void)
{
    enum { MANY = 1000 };
    struct buffer text = {0};
    struct world world;
    make(&world, NULL);
    for (unsigned i = 0; i < MANY; i++) {
        text_append(&text, "{\"bank\": \"%u\"}\n", i);
    }
    folder_write(&world.folder, "banks", text.data, buffer_len(&text));
    buffer_fini(&text);
    REQUIRE(start(&world));
    ino_t inode = inode_of(&world);
    bank_file_work(world.file);
    EXPECT_INT(inode_of(&world), inode);
    unmake(&world);
}

static const struct test_case cases[] = {
    TEST(file_that_is_not_there_comes_into_being),
    TEST(every_limit_survives),
    TEST(last_change_of_a_bank_counts),
    TEST(what_changes_nothing_is_not_written),
    TEST(drop_and_rename_survive),
    TEST(swap_configures_the_other_bank),
    TEST(what_the_store_refuses_is_not_written),
    TEST(without_memory_file_and_store_stay_the_same),
    TEST(file_without_memory_is_not_opened),
    TEST(bad_lines_end_the_start_and_are_kept),
    TEST(reserves_that_were_lowered_later_are_no_matter),
    TEST(line_without_an_end_is_ignored),
    TEST(endless_line_is_refused),
    TEST(what_is_no_file_of_ones_own_is_refused),
    TEST(long_file_is_written_anew),
    TEST(full_disk_refuses_changes_and_loses_none),
    TEST(file_that_was_removed_is_written_anew),
    TEST(writing_anew_that_fails_is_tried_again),
    TEST(changes_of_many_threads_survive_writing_anew),
    TEST(many_banks_survive),
    TEST(short_lines_do_not_make_the_file_seem_long),
};

SUITE(engine_bank_file, cases);
