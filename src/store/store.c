/*
 * store ---- table of banks ---- bank ---- index --.
 *   |                              |               | places
 *   |                              '---- space ----+--- segments of items
 *   +---- the space that small banks share --------'         |
 *   +---- wrecks: what resets left                      arena of blocks
 *   '---- epochs: what readers may still look at
 *
 * Lock order, outermost first:
 *
 *   0. store.configure_lock: who may have which limits, and which name.
 *   1. banks.lock, shared or exclusive: the table of banks. Given up before
 *      the work in a bank, which the epochs keep.
 *   2. spaces.lock: the list of spaces with an owner.
 *   3. space.job_lock: going through a segment of that space.
 *   4. bank.lock: what writers do. For a moment at a time.
 *   5. space.lock, the arena's, the epochs', wreck_list.lock,
 *      banks.dropped_lock, large_pool.lock: leaves.
 *
 * room.release_lock is only ever tried, and comes before bank.lock.
 *
 * A get takes none of them but the banks', shared, and a session that knows
 * the bank not even that.
 *
 * Memory. What counts against the limit is what the arena has taken, and what
 * indexes, banks, ghosts and large values take beside it, less the blocks
 * that only wait for readers to leave. store_work() keeps some of it free; a
 * put that finds none evicts a few items before it goes on.
 */
#include "store/store.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "core/bank_stats.h"
#include "core/number.h"
#include "core/response.h"
#include "store/bank.h"
#include "store/banks.h"
#include "store/commons.h"
#include "store/index_pool.h"
#include "store/job.h"
#include "store/large.h"
#include "store/lifetime.h"
#include "store/room.h"
#include "store/spaces.h"
#include "store/store_internal.h"
#include "store/wreck.h"

#include <pthread.h>
#include <sched.h>

enum {
    GATHER_STEP = 16, /* items that a put moves out of the shared space */
    WORK_ITEMS = 256, /* items of a space looked at in one store_work() */
    MOVE_STEP = 32,   /* regions of indexes moved in one */
    TIDY_STEP = 16,   /* spaces looked at in one */
    TRIM_EACH_MS = 100
};

#define ARENA_WITHOUT_LIMIT ((size_t)64 << 30)
#define ARENA_SLACK         ((size_t)64 << 20)

_Static_assert(STORE_MEMORY_MAX <= ARENA_LEN_MAX / 5 * 4,
               "an arena is a quarter larger than the limit");

_Static_assert(sizeof(struct index_block) <= sizeof(struct segment),
               "the arena's descriptors are for both");

struct store {
    struct hash_key keys_cursors_secret;
    struct hash_key banks_cursors_secret;
    _Atomic uint64_t bank_idle_ms;
    struct commons commons;
    struct space *shared; /* of the small banks */
    struct spaces spaces;
    struct wreck_list wrecks;
    struct banks banks;
    struct room room;
    pthread_mutex_t configure_lock;
    uint64_t reserved; /* by all banks together */
    /* store_work()'s: */
    uint64_t trimmed_ms;     /* when it last looked for free memory */
    bool has_tidied;         /* anything in this round over all spaces */
    uint64_t tidied_entries; /* seen in this round */
};

static struct bank *find_number(const void *banks, uint32_t number)
{
    return banks_find_number(banks, number);
}

/* A quarter more than may be used, since blocks of one length may leave holes
 * that those of another do not fit in. */
static size_t arena_len(uint64_t memory_max)
{
    if (memory_max == 0) {
        return ARENA_WITHOUT_LIMIT;
    }
    size_t len = memory_max + memory_max / 4 + ARENA_SLACK;
    return len < ARENA_LEN_MAX ? len : ARENA_LEN_MAX;
}

static void close_commons(struct commons *commons)
{
    epochs_free(&commons->epochs);
    index_pool_free(&commons->pool);
    departures_fini(&commons->departures, commons);
    large_pool_fini(&commons->large_pool);
    arena_free(&commons->arena);
}

static enum status open_commons(struct store *store,
                                const struct store_options *options)
{
    struct commons *commons = &store->commons;
    uint64_t memory_max = options->memory_max < STORE_MEMORY_MAX
                              ? options->memory_max
                              : STORE_MEMORY_MAX;
    commons->keys_secret = hash_key_random();
    commons->start_ms = clock_now_ms();
    commons_begin_versions(commons);
    commons->memory_max = memory_max;
    commons->find_bank = find_number;
    commons->hashes_of = bank_hash_items;
    commons->banks = &store->banks;
    commons->arena =
        arena_create(arena_len(memory_max), sizeof(struct segment));
    if (!commons->arena) {
        return STATUS_NOMEM;
    }
    large_pool_init(&commons->large_pool, options->memory_max);
    commons->epochs = epochs_create(commons);
    commons->pool = index_pool_create(commons->arena);
    if (!commons->epochs || !commons->pool ||
        departures_init(&commons->departures, commons)) {
        close_commons(commons);
        return STATUS_NOMEM;
    }
    commons->base = arena_base(commons->arena);
    return STATUS_OK;
}

struct store *store_create(const struct store_options *options)
{
    struct store *store = memory_alloc_zero(sizeof *store);
    if (!store) {
        return NULL;
    }
    if (open_commons(store, options)) {
        goto free_store;
    }
    store->shared = space_create(&store->commons, NULL);
    if (!store->shared) {
        goto close_commons;
    }
    store->bank_idle_ms = options->bank_idle_ms;
    store->keys_cursors_secret = hash_key_random();
    store->banks_cursors_secret = hash_key_random();
    pthread_mutex_init(&store->configure_lock, NULL);
    spaces_init(&store->spaces, store->shared);
    banks_init(&store->banks, &store->commons, &store->spaces,
               options->banks_max);
    wreck_list_init(&store->wrecks);
    room_init(&store->room, &store->commons, &store->spaces, &store->wrecks);
    return store;

close_commons:
    close_commons(&store->commons);
free_store:
    memory_free(store);
    return NULL;
}

static void empty_space(struct space *space)
{
    struct list segments;
    list_init(&segments);
    space_detach(space, &segments);
    for (struct list *link; (link = list_pop(&segments));) {
        space_return(space->commons, LIST_ENTRY(link, struct segment, link));
    }
}

/* Nobody is inside, so all that is retired is due after some calls. */
static void release_all(struct store *store)
{
    bool has_more = true;
    while (has_more) {
        epochs_release(store->commons.epochs, SIZE_MAX);
        has_more = wreck_list_work(&store->wrecks) ||
                   epochs_have_retired(store->commons.epochs);
    }
}

static void free_all(struct store *store)
{
    release_all(store);
    wreck_list_fini(&store->wrecks);
    LIST_FOREACH (link, &store->spaces.owned) {
        empty_space(LIST_ENTRY(link, struct space, link));
    }
    banks_fini(&store->banks);
    spaces_fini(&store->spaces);
    empty_space(store->shared);
    space_free(&store->shared);
    close_commons(&store->commons);
}

/* Large values are not in the arena and would be lost with the index. */
static void reset_banks_with_large(struct store *store)
{
    uint32_t end = atomic_load(&store->banks.numbers);
    for (uint32_t number = 1; number < end; number++) {
        struct bank *bank = banks_find_number(&store->banks, number);
        if (bank && bank->large_bytes > 0 && wreck_bank(bank, &store->wrecks)) {
            return; /* Without memory some stays lost, at the very end. */
        }
    }
}

void store_free(struct store **store)
{
    struct store *freed = *store;
    if (!freed) {
        return;
    }
    reset_banks_with_large(freed);
    free_all(freed);
    room_fini(&freed->room);
    pthread_mutex_destroy(&freed->configure_lock);
    memory_free(freed);
    *store = NULL;
}

static uint64_t generation_of(const struct store *store)
{
    return atomic_load(&store->commons.generation);
}

/* To be called before the bank is found. */
static struct hashed_key hash_key_of(const struct store *store,
                                     struct slice key)
{
    return (struct hashed_key){
        .hash = hash_bytes(&store->commons.keys_secret, key),
        .bytes = key,
        .generation = generation_of(store),
    };
}

struct commons *store_commons(struct store *store)
{
    return &store->commons;
}

struct bank *store_find_bank(struct store *store, struct slice name)
{
    const struct hashed_key hashed = banks_hash_name(&store->banks, name);
    return banks_find(&store->banks, &hashed);
}

/* Enters the epochs and finds a bank, which stays until epochs_leave().
 * STATUS_NOT_FOUND, STATUS_NOMEM, and then it is not inside. */
static enum status enter_bank(struct store *store, struct slice name,
                              struct bank **bank)
{
    if (!epochs_enter(store->commons.epochs)) {
        return STATUS_NOMEM;
    }
    *bank = store_find_bank(store, name);
    if (*bank) {
        return STATUS_OK;
    }
    epochs_leave(store->commons.epochs);
    return STATUS_NOT_FOUND;
}

/* The bank, which comes into being if there is none: then `is_new`. */
static enum status open_bank(struct store *store, struct slice name,
                             struct bank **bank, bool *is_new)
{
    *is_new = false;
    *bank = store_find_bank(store, name);
    if (*bank) {
        return STATUS_OK;
    }
    uint64_t needed = sizeof **bank + name.len;
    if (room_is_short(&store->room, needed) &&
        !room_make(&store->room, needed)) {
        return STATUS_RESOURCE_EXHAUSTED;
    }
    const struct hashed_key hashed = banks_hash_name(&store->banks, name);
    return banks_open(&store->banks, &hashed, bank, is_new);
}

/* A bank was offered `fresh` and has taken it, unless it is still `left`. */
static void adopt_space(struct store *store, struct space *fresh,
                        struct space *left)
{
    if (left) {
        space_free(&left);
        return;
    }
    spaces_add(&store->spaces, fresh);
}

/* A bank that has become large gets a space; without memory, later. */
static void graduate(struct store *store, struct bank *bank)
{
    struct space *fresh = space_create(&store->commons, bank);
    if (fresh) {
        struct space *left = fresh;
        bank_graduate(bank, &left);
        adopt_space(store, fresh, left);
    }
}

/* After what may have added an entry, and came to `status`. */
static void settle(struct store *store, struct bank *bank, enum status status)
{
    if (!status && bank_wants_space(bank)) {
        graduate(store, bank);
    }
    bank_gather(bank, GATHER_STEP);
}

/* Whether an operation that came to `status` is to try again, since the bank
 * is at its maximum and a little was evicted from it. */
static bool makes_room(struct bank *bank, enum status *status, unsigned *tries)
{
    if (*status != STATUS_UNAVAILABLE) {
        return false;
    }
    if (++*tries == JOB_TRIES) {
        *status = STATUS_RESOURCE_EXHAUSTED;
        return false;
    }
    struct space *space = atomic_load(&bank->space);
    bool has_gathered = bank_gather(bank, JOB_STEP);
    if (job_evict_for_put(space, *tries, JOB_FOR_OWNER) != JOB_DONE &&
        !has_gathered) {
        sched_yield();
    }
    return true;
}

/* A value that is to be put, and how: as `visit` says if it is not NULL. */
struct put {
    const struct store_value *value;
    struct store_visit *visit;
};

static enum status put_value(struct store *store, struct bank *bank,
                             const struct hashed_key *key,
                             const struct put *put)
{
    const struct store_value *value = put->value;
    struct bank_value made = {
        .bytes = value->bytes,
        .kind = value->kind,
        .lifetime = value->lifetime,
    };
    if (value->bytes.len > ITEM_INSIDE_MAX) {
        made.large = large_create(&store->commons, value->bytes);
        if (!made.large) {
            return STATUS_NOMEM;
        }
    }
    enum status status;
    unsigned tries = 0;
    do {
        status = put->visit ? bank_put_if(bank, key, &made, put->visit)
                            : bank_put(bank, key, &made);
    } while (makes_room(bank, &status, &tries));
    large_free(&store->commons, made.large);
    settle(store, bank, status);
    return status;
}

/* A put of a lifetime that is over from the start. */
static enum status remove_instead(struct bank *bank,
                                  const struct hashed_key *key,
                                  struct store_visit *visit)
{
    const struct lifetime over = {LIFETIME_OVER, 0};
    struct store_visit plain = {0};
    struct store_visit *how = visit ? visit : &plain;
    enum condition_rule rule = how->condition.rule;
    enum status status = bank_read(bank, key, &over, how);
    bool is_well = status == STATUS_NOT_FOUND &&
                   (rule == CONDITION_NONE || rule == CONDITION_ABSENT);
    return is_well ? STATUS_OK : status;
}

/* The bank that is put into; where an entry must be there already, none comes
 * into being. */
static enum status open_bank_for(struct store *store, struct slice name,
                                 const struct put *put, struct bank **bank,
                                 bool *is_new)
{
    if (!put->visit || put->visit->condition.rule < CONDITION_PRESENT) {
        return open_bank(store, name, bank, is_new);
    }
    *bank = store_find_bank(store, name);
    return *bank ? STATUS_OK : STATUS_NOT_FOUND;
}

/* Inside the epochs: one try; STATUS_CANCELLED when the bank was dropped. */
static enum status put_once(struct store *store, struct bank *found,
                            struct slice name, const struct hashed_key *key,
                            const struct put *put)
{
    bool is_new = false;
    enum status status =
        found ? STATUS_OK : open_bank_for(store, name, put, &found, &is_new);
    if (status) {
        return status;
    }
    status = put->value->lifetime.rule == LIFETIME_OVER
                 ? remove_instead(found, key, put->visit)
                 : put_value(store, found, key, put);
    if (status && is_new) {
        banks_drop_new(&store->banks, found);
    }
    return status;
}

/* Makes room for `needed` bytes, if need be; `found` may be gone then. */
static enum status make_room(struct store *store, uint64_t needed,
                             struct bank **found)
{
    if (needed == 0 || !room_is_short(&store->room, needed)) {
        return STATUS_OK;
    }
    *found = NULL;
    return room_make(&store->room, needed) ? STATUS_OK
                                           : STATUS_RESOURCE_EXHAUSTED;
}

static enum status put_into(struct store *store, struct bank *found,
                            struct slice name, const struct hashed_key *key,
                            const struct put *put)
{
    const struct store_value *value = put->value;
    CHECK(value->lifetime.rule != LIFETIME_SAME);
    bool is_removal = value->lifetime.rule == LIFETIME_OVER;
    uint64_t needed = is_removal ? 0 : key->bytes.len + value->bytes.len;
    enum status status = make_room(store, needed, &found);
    if (status) {
        return status;
    }
    if (!epochs_enter(store->commons.epochs)) {
        return STATUS_NOMEM;
    }
    struct hashed_key now = *key;
    do {
        status = put_once(store, found, name, &now, put);
        now.generation = generation_of(store);
        found = NULL;
    } while (status == STATUS_CANCELLED);
    epochs_leave(store->commons.epochs);
    return status;
}

enum status store_put_into(struct store *store, struct bank *found,
                           struct slice name, const struct hashed_key *key,
                           const struct store_value *value)
{
    return put_into(store, found, name, key, &(struct put){value, NULL});
}

enum status store_put(struct store *store, struct slice bank, struct slice key,
                      const struct store_value *value)
{
    const struct hashed_key hashed = hash_key_of(store, key);
    return store_put_into(store, NULL, bank, &hashed, value);
}

enum status store_put_if(struct store *store, struct slice bank,
                         struct slice key, const struct store_value *value,
                         struct store_visit *visit)
{
    const struct hashed_key hashed = hash_key_of(store, key);
    return put_into(store, NULL, bank, &hashed, &(struct put){value, visit});
}

/* What is done to an entry of a bank that is there: one try, STATUS_CANCELLED
 * when the bank got another name. */
static enum status read_once(struct store *store, struct slice bank,
                             struct slice key, const struct lifetime *touch,
                             struct store_visit *visit)
{
    const struct hashed_key hashed = hash_key_of(store, key);
    struct bank *found;
    enum status status = enter_bank(store, bank, &found);
    if (status) {
        return status;
    }
    unsigned tries = 0;
    do {
        status = bank_read(found, &hashed, touch, visit);
    } while (makes_room(found, &status, &tries));
    if (visit->bytes && (!touch || touch->rule != LIFETIME_OVER)) {
        bank_count_read(found, &hashed, status);
    }
    epochs_leave(store->commons.epochs);
    return status;
}

enum status store_read(struct store *store, struct slice bank, struct slice key,
                       const struct lifetime *touch, struct store_visit *visit)
{
    enum status status;
    do {
        status = read_once(store, bank, key, touch, visit);
    } while (status == STATUS_CANCELLED);
    return status;
}

static enum status get_and_touch(struct store *store, struct slice bank,
                                 struct slice key, const struct lifetime *touch,
                                 struct buffer *bytes, enum value_kind *kind)
{
    struct store_visit visit = {.bytes = bytes};
    enum status status = store_read(store, bank, key, touch, &visit);
    *kind = visit.facts.kind;
    return status;
}

enum status store_get(struct store *store, struct slice bank, struct slice key,
                      const struct lifetime *touch, struct buffer *bytes,
                      enum value_kind *kind)
{
    if (touch) {
        return get_and_touch(store, bank, key, touch, bytes, kind);
    }
    enum status status;
    do {
        const struct hashed_key hashed = hash_key_of(store, key);
        struct bank *found;
        status = enter_bank(store, bank, &found);
        if (!status) {
            status = bank_get(found, &hashed, bytes, kind);
            epochs_leave(store->commons.epochs);
        }
    } while (status == STATUS_CANCELLED);
    return status;
}

enum status store_remove(struct store *store, struct slice bank,
                         struct slice key)
{
    return store_touch(store, bank, key, (struct lifetime){LIFETIME_OVER, 0});
}

enum status store_remove_if(struct store *store, struct slice bank,
                            struct slice key, struct store_visit *visit)
{
    const struct lifetime over = {LIFETIME_OVER, 0};
    return store_read(store, bank, key, &over, visit);
}

enum status store_touch(struct store *store, struct slice bank,
                        struct slice key, struct lifetime lifetime)
{
    struct store_visit visit = {0};
    return store_read(store, bank, key, &lifetime, &visit);
}

static enum status incr(struct store *store, struct bank *bank,
                        const struct hashed_key *key,
                        const struct increment *increment, struct number *sum)
{
    enum status status;
    unsigned tries = 0;
    do {
        status = bank_incr(bank, key, increment, sum);
    } while (makes_room(bank, &status, &tries));
    settle(store, bank, status);
    return status;
}

/* Inside the epochs: one try; STATUS_CANCELLED when the bank was dropped. */
static enum status incr_once(struct store *store, struct slice name,
                             const struct hashed_key *key,
                             const struct increment *increment,
                             struct number *sum)
{
    bool is_new = false;
    struct bank *found = store_find_bank(store, name);
    enum status status = found ? STATUS_OK : STATUS_NOT_FOUND;
    if (!found && increment->has_initial) {
        status = open_bank(store, name, &found, &is_new);
    }
    status = status ? status : incr(store, found, key, increment, sum);
    if (status && is_new) {
        banks_drop_new(&store->banks, found);
    }
    return status;
}

enum status store_incr(struct store *store, struct slice bank, struct slice key,
                       const struct increment *increment, struct number *sum)
{
    struct hashed_key hashed = hash_key_of(store, key);
    struct bank *unused = NULL;
    uint64_t needed = increment->has_initial ? key.len + NUMBER_TEXT_MAX : 0;
    enum status status = make_room(store, needed, &unused);
    if (status) {
        return status;
    }
    if (!epochs_enter(store->commons.epochs)) {
        return STATUS_NOMEM;
    }
    do {
        status = incr_once(store, bank, &hashed, increment, sum);
        hashed.generation = generation_of(store);
    } while (status == STATUS_CANCELLED);
    epochs_leave(store->commons.epochs);
    return status;
}

/* STATUS_CANCELLED when it was dropped since it was found. */
static enum status check_writable(struct bank *bank)
{
    pthread_mutex_lock(&bank->lock);
    enum status status = bank_check_writable(bank);
    pthread_mutex_unlock(&bank->lock);
    return status;
}

/* Whether `old`, of `kind`, can be continued with `piece`. */
static enum status check_piece(const struct store_piece *piece,
                               const struct entry_facts *old)
{
    if (old->kind == VALUE_JSON ||
        (old->kind == VALUE_TEXT && !utf8_is_valid(piece->bytes))) {
        return STATUS_FAILED_PRECONDITION;
    }
    return old->size + piece->bytes.len > piece->size_max ? STATUS_OUT_OF_RANGE
                                                          : STATUS_OK;
}

/* One try, with `room` for the whole: STATUS_ABORTED when another came in
 * between, STATUS_CANCELLED when the bank was dropped. */
static enum status append_once(struct store *store, struct slice bank,
                               struct slice key,
                               const struct store_piece *piece,
                               struct buffer *room)
{
    struct store_visit seen = {.bytes = room};
    size_t before = piece->is_before ? piece->bytes.len : 0;
    enum status status = before ? buffer_append(room, piece->bytes) : STATUS_OK;
    const struct hashed_key hashed = hash_key_of(store, key);
    struct bank *found;
    status = status ? status : enter_bank(store, bank, &found);
    if (status) {
        return status;
    }
    status = check_writable(found);
    status = status ? status : bank_read(found, &hashed, NULL, &seen);
    epochs_leave(store->commons.epochs);
    status = status ? status : check_piece(piece, &seen.facts);
    if (!status && !before) {
        status = buffer_append(room, piece->bytes);
    }
    if (status) {
        return status;
    }
    struct slice whole = buffer_peek(room);
    struct store_visit visit = {
        .condition = {.rule = CONDITION_VALUE,
                      .value = slice_of(whole.data + before, seen.facts.size)},
        .is_continued = true};
    const struct store_value value = {.bytes = whole, .kind = seen.facts.kind};
    return store_put_if(store, bank, key, &value, &visit);
}

enum status store_append(struct store *store, struct slice bank,
                         struct slice key, const struct store_piece *piece,
                         uint64_t *size)
{
    struct buffer room = {0};
    enum status status;
    do {
        buffer_clear(&room);
        status = append_once(store, bank, key, piece, &room);
    } while (status == STATUS_ABORTED || status == STATUS_CANCELLED);
    *size = buffer_len(&room);
    buffer_fini(&room);
    return status;
}

enum status store_bank_reset(struct store *store, struct slice bank)
{
    struct bank *found;
    enum status status = enter_bank(store, bank, &found);
    if (status) {
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    }
    status = check_writable(found);
    if (!status) {
        status = wreck_bank(found, &store->wrecks);
    }
    epochs_leave(store->commons.epochs);
    return status == STATUS_CANCELLED ? STATUS_OK : status;
}

enum status store_bank_rename(struct store *store, struct slice bank,
                              struct slice to)
{
    const struct hashed_key hashed = banks_hash_name(&store->banks, bank);
    const struct hashed_key hashed_to = banks_hash_name(&store->banks, to);
    pthread_mutex_lock(&store->configure_lock);
    enum status status = banks_rename(&store->banks, &hashed, &hashed_to);
    pthread_mutex_unlock(&store->configure_lock);
    return status;
}

/* The bank's limits with `change`; STATUS_INVALID_ARGUMENT when they exclude
 * each other. */
static enum status merge_limits(struct bank_limits *limits,
                                const struct bank_change *change)
{
#define LIMIT(name, ...)                                                       \
    limits->name = change->has_##name ? change->limits.name : limits->name;
#include "core/bank_limits.def"
#undef LIMIT
    return limits->maximum && limits->reserved > limits->maximum
               ? STATUS_INVALID_ARGUMENT
               : STATUS_OK;
}

/* Whether all reserves together leave enough when one goes from `old` to
 * `wanted`. */
static bool may_reserve(const struct store *store, uint64_t old,
                        uint64_t wanted)
{
    uint64_t max = store->commons.memory_max / 100 * BANK_RESERVES_PERCENT;
    uint64_t others = store->reserved - old;
    return wanted <= old || !store->commons.memory_max ||
           (others <= max && wanted <= max - others);
}

/* What bank_set_limits() takes is made before, so that it cannot fail; one that
 * was set to something before needs nothing. */
static enum status set_limits(struct store *store, struct bank *bank,
                              const struct bank_limits *limits)
{
    bool needs_space = !atomic_load(&bank->space)->owner;
    bool needs_terms = !atomic_load(&bank->terms);
    struct space *fresh =
        needs_space ? space_create(&store->commons, bank) : NULL;
    struct bank_terms *terms =
        needs_terms ? memory_alloc_zero(sizeof *terms) : NULL;
    if ((needs_space && !fresh) || (needs_terms && !terms)) {
        space_free(&fresh);
        memory_free(terms);
        return STATUS_NOMEM;
    }
    struct space *left = fresh;
    enum status status = bank_set_limits(bank, limits, &terms, &left);
    if (fresh) {
        adopt_space(store, fresh, left);
    }
    memory_free(terms);
    return status;
}

static enum status drop(struct store *store, struct slice name)
{
    const struct hashed_key hashed = banks_hash_name(&store->banks, name);
    struct bank *bank;
    enum status status = banks_drop(&store->banks, &hashed, &bank);
    if (!status) {
        struct bank_limits limits;
        bank_limits(bank, &limits);
        store->reserved -= limits.reserved;
        (void)wreck_bank(bank, &store->wrecks); /* Else store_work() does. */
    }
    return status;
}

enum status store_bank_drop(struct store *store, struct slice bank)
{
    if (!epochs_enter(store->commons.epochs)) {
        return STATUS_NOMEM;
    }
    pthread_mutex_lock(&store->configure_lock);
    enum status status = drop(store, bank);
    pthread_mutex_unlock(&store->configure_lock);
    epochs_leave(store->commons.epochs);
    return status;
}

/* With configure_lock held: each of two banks gets what the other is set to,
 * if either was configured. */
static enum status swap_limits(struct store *store, struct bank *one,
                               struct bank *other)
{
    struct bank_limits limits, other_limits;
    if (!atomic_load(&one->terms) && !atomic_load(&other->terms)) {
        return STATUS_OK;
    }
    bank_limits(one, &limits);
    bank_limits(other, &other_limits);
    /* As they are: from then on they can be set without memory. */
    enum status status = set_limits(store, one, &limits);
    status = status ? status : set_limits(store, other, &other_limits);
    status = status ? status : set_limits(store, one, &other_limits);
    return status ? status : set_limits(store, other, &limits);
}

/* The same. What they are set to first: a bank that is configured stays. */
static enum status swap(struct store *store, const struct hashed_key *name,
                        const struct hashed_key *other)
{
    struct bank *one = banks_find(&store->banks, name);
    struct bank *two = banks_find(&store->banks, other);
    if (!one || !two) {
        return STATUS_NOT_FOUND;
    }
    enum status status = check_writable(one);
    status = status ? status : check_writable(two);
    status = status ? status : swap_limits(store, one, two);
    if (!status) {
        status = banks_swap(&store->banks, name, other);
        if (status) {
            (void)swap_limits(store, one, two);
        }
    }
    return status == STATUS_CANCELLED ? STATUS_NOT_FOUND : status;
}

enum status store_bank_swap(struct store *store, struct slice bank,
                            struct slice other)
{
    const struct hashed_key hashed = banks_hash_name(&store->banks, bank);
    const struct hashed_key hashed_other =
        banks_hash_name(&store->banks, other);
    if (!epochs_enter(store->commons.epochs)) {
        return STATUS_NOMEM;
    }
    pthread_mutex_lock(&store->configure_lock);
    enum status status = swap(store, &hashed, &hashed_other);
    pthread_mutex_unlock(&store->configure_lock);
    epochs_leave(store->commons.epochs);
    return status;
}

/* With configure_lock held: makes of a bank's limits what `change` asks for, if
 * that may be. */
static enum status change_limits(const struct store *store,
                                 const struct bank_change *change,
                                 struct bank_limits *limits)
{
    uint64_t reserved = limits->reserved;
    enum status status = merge_limits(limits, change);
    if (!status && !may_reserve(store, reserved, limits->reserved)) {
        status = STATUS_OUT_OF_RANGE;
    }
    return status;
}

/* With configure_lock held. */
static enum status configure(struct store *store, struct bank *bank,
                             const struct bank_change *change,
                             struct bank_limits *limits)
{
    bank_limits(bank, limits);
    uint64_t reserved = limits->reserved;
    if (check_writable(bank) == STATUS_CANCELLED) {
        return STATUS_CANCELLED; /* Its reserve is not counted any more. */
    }
    enum status status = change_limits(store, change, limits);
    status = status ? status : set_limits(store, bank, limits);
    if (!status) {
        store->reserved += limits->reserved - reserved;
    }
    return status;
}

/* Inside the epochs: one try; STATUS_CANCELLED when the bank was dropped. */
static enum status configure_once(struct store *store, struct slice bank,
                                  const struct bank_change *change,
                                  struct bank_limits *limits)
{
    bool is_new;
    struct bank *found;
    enum status status = open_bank(store, bank, &found, &is_new);
    if (status) {
        return status;
    }
    pthread_mutex_lock(&store->configure_lock);
    status = configure(store, found, change, limits);
    pthread_mutex_unlock(&store->configure_lock);
    if (status && is_new) {
        banks_drop_new(&store->banks, found);
    }
    return status;
}

enum status store_bank_configure(struct store *store, struct slice bank,
                                 const struct bank_change *change,
                                 struct bank_limits *limits)
{
    if (!epochs_enter(store->commons.epochs)) {
        return STATUS_NOMEM;
    }
    enum status status;
    do {
        status = configure_once(store, bank, change, limits);
    } while (status == STATUS_CANCELLED);
    epochs_leave(store->commons.epochs);
    return status;
}

enum status store_bank_foresee(struct store *store, struct slice bank,
                               const struct bank_change *change,
                               struct bank_limits *limits)
{
    if (!epochs_enter(store->commons.epochs)) {
        return STATUS_NOMEM;
    }
    pthread_mutex_lock(&store->configure_lock);
    const struct bank *found = store_find_bank(store, bank);
    *limits = bank_limits_initial();
    if (found) {
        bank_limits(found, limits);
    }
    enum status status = change_limits(store, change, limits);
    pthread_mutex_unlock(&store->configure_lock);
    epochs_leave(store->commons.epochs);
    return status;
}

enum status store_bank_stats(struct store *store, struct slice bank,
                             struct bank_stats *stats)
{
    struct bank *found;
    enum status status = enter_bank(store, bank, &found);
    if (!status) {
        bank_stats(found, stats);
        epochs_leave(store->commons.epochs);
    }
    return status;
}

void store_note_latency(struct store *store, struct slice bank, enum op op,
                        uint64_t ns)
{
    struct bank *found;
    if (enter_bank(store, bank, &found)) {
        return;
    }
    struct space *space = atomic_load(&found->space);
    if (space->owner) {
        atomic_fetch_add_explicit(&store->commons.other,
                                  latency_note(&space->latency, op, ns),
                                  memory_order_relaxed);
    }
    epochs_leave(store->commons.epochs);
}

size_t store_bank_latencies(struct store *store, struct slice bank,
                            struct op_latency *told)
{
    struct bank *found;
    size_t count = 0;
    if (enter_bank(store, bank, &found)) {
        return 0;
    }
    struct space *space = atomic_load(&found->space);
    for (enum op op = OP_NONE + 1; space->owner && op < OP_COUNT; op++) {
        count += latency_tell(&space->latency, op, &told[count]);
    }
    epochs_leave(store->commons.epochs);
    return count;
}

enum status store_bank_keys(struct store *store, struct slice bank,
                            const struct store_page *page,
                            struct response *response)
{
    struct cursor cursor;
    struct bank *found;
    uint64_t scope = banks_hash_name(&store->banks, bank).hash;
    enum status status = cursor_decode(&cursor, &store->keys_cursors_secret,
                                       scope, page->cursor);
    response->cursor_len = 0;
    if (status) {
        return status;
    }
    status = enter_bank(store, bank, &found);
    if (status) {
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    }
    struct listing listing;
    listing_start(&listing, page, cursor.position, response);
    status = bank_keys(found, &listing, &cursor);
    epochs_leave(store->commons.epochs);
    if (status == STATUS_CANCELLED) {
        return STATUS_OK; /* It was dropped, and so are its entries. */
    }
    if (!status && !listing.walk.is_end) {
        cursor_encode(&cursor, &store->keys_cursors_secret, response);
    }
    return status;
}

enum status store_bank_list(struct store *store, const struct store_page *page,
                            struct response *response)
{
    struct cursor cursor;
    enum status status =
        cursor_decode(&cursor, &store->banks_cursors_secret, 0, page->cursor);
    response->cursor_len = 0;
    if (status) {
        return status;
    }
    struct listing listing;
    listing_start(&listing, page, cursor.position, response);
    while (!status && !listing_is_over(&listing)) {
        status = listing_reserve(&listing);
        if (!status) {
            pthread_rwlock_rdlock(&store->banks.lock);
            status = listing_step(&listing, &store->banks.table, NULL);
            pthread_rwlock_unlock(&store->banks.lock);
        }
    }
    if (!status && !listing.walk.is_end) {
        cursor.position = listing.walk.position;
        cursor_encode(&cursor, &store->banks_cursors_secret, response);
    }
    return status;
}

/* What remembers keys that are gone is fitted to how many there are. */
static void size_ghost(struct store *store, struct space *space)
{
    enum { USUAL_LEN = 128 };
    uint64_t entries = space->owner ? atomic_load(&space->owner->entries)
                                    : space_used(space) / USUAL_LEN;
    space_size_ghost(space, entries);
    store->tidied_entries += entries;
}

/* Answers whether there was anything to do in `space`; a bank whose maximum was
 * lowered comes down to it. */
static bool tidy_space(struct space *space)
{
    bool has_more = job_tidy(space, WORK_ITEMS);
    struct bank *owner = space->owner;
    if (owner && bank_is_over(owner)) {
        has_more =
            job_evict(space, WORK_ITEMS, JOB_FOR_OWNER) == JOB_DONE || has_more;
    }
    return (owner && bank_gather(owner, WORK_ITEMS)) || has_more;
}

/* Goes to the next spaces, in a round; answers whether there was anything to
 * do in the last round or it is not complete. */
static bool tidy(struct store *store)
{
    for (int i = 0; i < TIDY_STEP; i++) {
        struct space *space = store->spaces.tidied;
        if (space == store->shared) {
            store->has_tidied = false;
            store->tidied_entries = 0;
        }
        size_ghost(store, space);
        store->has_tidied = tidy_space(space) || store->has_tidied;
        space = spaces_next(&store->spaces, space);
        store->spaces.tidied = space ? space : store->shared;
        if (!space) {
            struct commons *commons = &store->commons;
            departures_fit(&commons->departures, commons,
                           store->tidied_entries);
            return store->has_tidied;
        }
    }
    return true;
}

/* A region that has no bank any more is a wreck's, or was just retired. */
static bool move_region(void *arg, uint32_t owner, struct index_piece *piece)
{
    struct bank *bank = find_number(arg, owner);
    return !bank || bank_move_region(bank, piece);
}

static bool tidy_indexes(struct store *store)
{
    return index_pool_work(store->commons.pool, MOVE_STEP, move_region,
                           &store->banks);
}

/* Free memory that was not wanted for a while goes, a piece each time. */
static bool trim(struct store *store)
{
    uint64_t now_ms = commons_now(&store->commons);
    if (now_ms >= store->trimmed_ms + TRIM_EACH_MS) {
        store->trimmed_ms = now_ms;
        arena_trim(store->commons.arena);
    }
    return large_pool_trim(&store->commons.large_pool, now_ms);
}

/* Inside the epochs: items in shared segments name their banks by number. */
static bool go_through_segments(struct store *store)
{
    if (!epochs_enter(store->commons.epochs)) {
        return false;
    }
    bool has_more = room_evict_ahead(&store->room);
    has_more = tidy_indexes(store) || has_more;
    has_more = tidy(store) || has_more;
    epochs_leave(store->commons.epochs);
    return has_more;
}

bool store_work(struct store *store)
{
    bool has_more = trim(store);
    uint64_t bank_idle_ms = atomic_load(&store->bank_idle_ms);
    if (bank_idle_ms) {
        banks_drop_idle(&store->banks, bank_idle_ms);
    }
    has_more = room_release(&store->room) || has_more;
    banks_clear_doomed(&store->banks, &store->wrecks);
    return go_through_segments(store) || has_more;
}

bool store_is_short(const struct store *store)
{
    return room_is_low(&store->room);
}

void store_set_bank_idle(struct store *store, uint64_t idle_ms)
{
    atomic_store(&store->bank_idle_ms, idle_ms);
}

struct store_usage store_usage(struct store *store)
{
    struct store_usage usage = {0};
    struct banks *banks = &store->banks;
    pthread_rwlock_rdlock(&banks->lock);
    usage.banks = banks->table.count;
    uint32_t end = atomic_load(&banks->numbers);
    for (uint32_t number = 1; number < end; number++) {
        const struct bank *bank = banks_find_number(banks, number);
        usage.entries += bank ? atomic_load(&bank->entries) : 0;
    }
    pthread_rwlock_unlock(&banks->lock);
    usage.bytes = commons_used(&store->commons);
    return usage;
}
