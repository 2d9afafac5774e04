/* Numbers are given anew when their bank was dropped: what still carries one
 * are items that no index points at, in segments that several banks share, and
 * whoever comes upon such an item asks the index. The cell of a free number
 * holds the next free one, and an odd bit to tell it from a bank.
 *
 * A bank is dropped in this order: no entry gets in any more, under its own
 * lock; it is out of the table; the generation changes; and then it is retired.
 * One farewell is retired for all that were dropped before it, so that
 * dropping needs no memory, and those dropped meanwhile wait for the next.
 *
 * One that is dropped by name, with what it holds, is out of the table at once
 * and keeps its number until a reset has cleared it away.
 *
 * Spaces go with their banks, but only on the thread that does the store's
 * work, so that it can walk over them as if they stayed. */
#include "store/banks.h"

#include "base/check.h"
#include "base/memory.h"
#include "core/bank_stats.h"
#include "store/commons.h"
#include "store/space.h"
#include "store/spaces.h"
#include "store/wreck.h"

enum {
    LOOKS = 1024,    /* at banks, in one banks_drop_idle() */
    DOOMED_STEP = 64 /* banks looked at in one banks_clear_doomed() */
};

struct bank_page {
    _Atomic uintptr_t cells[BANK_PAGE];
};

/* Writers go first, or a crowd of readers could keep a new bank waiting. */
static void init_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t attributes;
    CHECK(pthread_rwlockattr_init(&attributes) == 0);
    CHECK(pthread_rwlockattr_setkind_np(
              &attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0);
    CHECK(pthread_rwlock_init(lock, &attributes) == 0);
    pthread_rwlockattr_destroy(&attributes);
}

void banks_init(struct banks *banks, struct commons *commons,
                struct spaces *spaces, uint64_t max)
{
    banks->commons = commons;
    banks->spaces = spaces;
    banks->max = max;
    banks->secret = hash_key_random();
    banks->numbers = 1;
    banks->looked_at = 1;
    table_init(&banks->table, 0);
    init_lock(&banks->lock);
    pthread_mutex_init(&banks->dropped_lock, NULL);
}

static void free_banks(struct table_node *node)
{
    while (node) {
        struct bank *bank = bank_of_node(node);
        node = node->next;
        bank_free(&bank);
    }
}

void banks_fini(struct banks *banks)
{
    free_banks(table_drain(&banks->table, SIZE_MAX));
    free_banks(banks->doomed);
    table_fini(&banks->table);
    for (size_t i = 0; i < BANK_PAGES; i++) {
        memory_free(atomic_load(&banks->pages[i]));
    }
    pthread_mutex_destroy(&banks->dropped_lock);
    pthread_rwlock_destroy(&banks->lock);
}

struct hashed_key banks_hash_name(const struct banks *banks, struct slice name)
{
    return (struct hashed_key){.hash = hash_bytes(&banks->secret, name),
                               .bytes = name};
}

static struct bank *find_locked(const struct banks *banks,
                                const struct hashed_key *name)
{
    struct table_node *node =
        table_find(&banks->table, name->hash, name->bytes);
    return node ? bank_of_node(node) : NULL;
}

struct bank *banks_find(struct banks *banks, const struct hashed_key *name)
{
    pthread_rwlock_rdlock(&banks->lock);
    struct bank *bank = find_locked(banks, name);
    pthread_rwlock_unlock(&banks->lock);
    return bank;
}

static uintptr_t cell_of_free(uint32_t next)
{
    return (uintptr_t)next << 1 | 1;
}

struct bank *banks_find_number(const struct banks *banks, uint32_t number)
{
    const struct bank_page *page = atomic_load_explicit(
        &banks->pages[number / BANK_PAGE], memory_order_acquire);
    uintptr_t cell =
        page ? atomic_load_explicit(&page->cells[number % BANK_PAGE],
                                    memory_order_acquire)
             : 0;
    return cell & 1 ? NULL : (struct bank *)cell;
}

/* The cell of `number`; NULL without memory. */
static _Atomic uintptr_t *reserve_cell(struct banks *banks, uint32_t number)
{
    struct bank_page *page = atomic_load(&banks->pages[number / BANK_PAGE]);
    if (!page) {
        page = memory_alloc_zero(sizeof *page);
        if (!page) {
            return NULL;
        }
        atomic_store_explicit(&banks->pages[number / BANK_PAGE], page,
                              memory_order_release);
    }
    return &page->cells[number % BANK_PAGE];
}

/* With the lock held exclusively: `number` is `bank`'s. */
static void give_number(struct banks *banks, uint32_t number,
                        _Atomic uintptr_t *cell, struct bank *bank)
{
    if (number == banks->free_number) {
        banks->free_number = (uint32_t)(atomic_load(cell) >> 1);
    } else {
        atomic_store_explicit(&banks->numbers, number + 1,
                              memory_order_relaxed);
    }
    atomic_store_explicit(cell, (uintptr_t)bank, memory_order_release);
}

/* With the lock held exclusively. No two banks ever have the same incarnation,
 * so that no cursor fits another than its own, nor the same salt, so that none
 * is told of keys that left another of its name. */
static enum status add_bank(struct banks *banks, const struct hashed_key *name,
                            struct bank **bank)
{
    uint32_t number = banks->free_number ? banks->free_number : banks->numbers;
    uint64_t count = banks->table.count + atomic_load(&banks->doomed_count);
    if ((banks->max && count >= banks->max) ||
        number >= BANK_PAGE * BANK_PAGES) {
        return STATUS_RESOURCE_EXHAUSTED;
    }
    _Atomic uintptr_t *cell = reserve_cell(banks, number);
    if (!cell || table_reserve(&banks->table)) {
        return STATUS_NOMEM;
    }
    struct bank *fresh =
        bank_create(name->hash, name->bytes, number, banks->spaces->shared);
    if (!fresh) {
        return STATUS_NOMEM;
    }
    fresh->incarnation = ++banks->born << 32;
    fresh->salt =
        hash_bytes(&banks->secret,
                   slice_of(&fresh->incarnation, sizeof fresh->incarnation));
    table_insert(&banks->table, &fresh->node);
    give_number(banks, number, cell, fresh);
    *bank = fresh;
    return STATUS_OK;
}

enum status banks_open(struct banks *banks, const struct hashed_key *name,
                       struct bank **bank, bool *is_new)
{
    enum status status = STATUS_OK;
    pthread_rwlock_wrlock(&banks->lock);
    *bank = find_locked(banks, name);
    *is_new = !*bank;
    if (*is_new) {
        status = add_bank(banks, name, bank);
    }
    pthread_rwlock_unlock(&banks->lock);
    return status;
}

static void free_bank(struct banks *banks, struct bank *bank)
{
    struct space *space = atomic_load(&bank->space);
    if (space != banks->spaces->shared) {
        space_free(&space);
    }
    bank_free(&bank);
}

static void release_dropped(struct retired *retired, void *arg);

/* Retires those that wait, unless others are on their way. */
static void retire_dropped(struct banks *banks)
{
    pthread_mutex_lock(&banks->dropped_lock);
    bool is_free = !banks->leaving && banks->waiting;
    if (is_free) {
        banks->leaving = banks->waiting;
        banks->waiting = NULL;
    }
    pthread_mutex_unlock(&banks->dropped_lock);
    if (is_free) {
        epochs_retire(banks->commons->epochs, &banks->farewell,
                      release_dropped);
    }
}

static void release_dropped(struct retired *retired, void *arg)
{
    (void)arg;
    struct banks *banks = LIST_ENTRY(retired, struct banks, farewell);
    struct table_node *node = banks->leaving;
    while (node) {
        struct bank *bank = bank_of_node(node);
        node = node->next;
        free_bank(banks, bank);
    }
    pthread_mutex_lock(&banks->dropped_lock);
    banks->leaving = NULL;
    pthread_mutex_unlock(&banks->dropped_lock);
    retire_dropped(banks);
}

/* With the lock held exclusively: nobody finds `bank`, which is out of the
 * table, by number either. */
static void remove_number(struct banks *banks, struct bank *bank)
{
    struct bank_page *page = atomic_load(&banks->pages[bank->id / BANK_PAGE]);
    atomic_store_explicit(&page->cells[bank->id % BANK_PAGE],
                          cell_of_free(banks->free_number),
                          memory_order_release);
    banks->free_number = bank->id;
    atomic_fetch_add(&banks->commons->generation, 1);
    pthread_mutex_lock(&banks->dropped_lock);
    bank->node.next = banks->waiting;
    banks->waiting = &bank->node;
    pthread_mutex_unlock(&banks->dropped_lock);
}

/* A space of its own that has nothing left, and that is in the list. */
static bool may_leave_space(const struct banks *banks, const struct bank *bank,
                            bool with_space)
{
    const struct space *space = atomic_load(&bank->space);
    return space == banks->spaces->shared ||
           (with_space && list_is_linked(&space->link) &&
            space_weight(space) == 0);
}

/* With the lock held exclusively: whether `bank` could be closed, and then it
 * is, and its space out of the list. One that was dropped by name may have been
 * configured. */
static bool close_bank(struct banks *banks, struct bank *bank, bool with_space)
{
    pthread_mutex_lock(&banks->spaces->lock);
    pthread_mutex_lock(&bank->lock);
    bool is_closed = bank->wreck_count == 0 &&
                     (bank->is_dropped || !atomic_load(&bank->terms)) &&
                     atomic_load(&bank->entries) == 0 &&
                     may_leave_space(banks, bank, with_space);
    if (is_closed) {
        struct space *space = atomic_load(&bank->space);
        bank->is_dropped = true;
        if (space != banks->spaces->shared) {
            spaces_remove(banks->spaces, space);
        }
    }
    pthread_mutex_unlock(&bank->lock);
    pthread_mutex_unlock(&banks->spaces->lock);
    return is_closed;
}

static bool is_dropped(struct bank *bank)
{
    pthread_mutex_lock(&bank->lock);
    bool is_it = bank->is_dropped;
    pthread_mutex_unlock(&bank->lock);
    return is_it;
}

static bool drop(struct banks *banks, struct bank *bank, bool with_space)
{
    pthread_rwlock_wrlock(&banks->lock);
    bool is_closed = !is_dropped(bank) && close_bank(banks, bank, with_space);
    if (is_closed) {
        table_remove(&banks->table, &bank->node);
        remove_number(banks, bank);
    }
    pthread_rwlock_unlock(&banks->lock);
    if (is_closed) {
        retire_dropped(banks);
    }
    return is_closed;
}

void banks_drop_new(struct banks *banks, struct bank *bank)
{
    drop(banks, bank, false);
}

static bool is_idle(const struct bank *bank, uint64_t now_ms, uint64_t idle_ms)
{
    uint64_t since_s =
        atomic_load_explicit(&bank->empty_since_s, memory_order_relaxed);
    return atomic_load_explicit(&bank->entries, memory_order_relaxed) == 0 &&
           !atomic_load_explicit(&bank->terms, memory_order_relaxed) &&
           now_ms > (since_s + 1) * 1000 + idle_ms;
}

void banks_drop_idle(struct banks *banks, uint64_t idle_ms)
{
    uint64_t now_ms = commons_now(banks->commons);
    uint32_t end = atomic_load_explicit(&banks->numbers, memory_order_relaxed);
    if (!epochs_enter(banks->commons->epochs)) {
        return;
    }
    for (uint32_t i = 0; i < LOOKS && i < end; i++) {
        banks->looked_at =
            banks->looked_at + 1 < end ? banks->looked_at + 1 : 1;
        struct bank *bank = banks_find_number(banks, banks->looked_at);
        if (bank && is_idle(bank, now_ms, idle_ms)) {
            drop(banks, bank, true);
        }
    }
    epochs_leave(banks->commons->epochs);
}

/* With the lock held exclusively. */
static enum status find_writable(const struct banks *banks,
                                 const struct hashed_key *name,
                                 struct bank **bank)
{
    *bank = find_locked(banks, name);
    if (!*bank) {
        return STATUS_NOT_FOUND;
    }
    struct bank_limits limits;
    bank_limits(*bank, &limits);
    return limits.read_only ? STATUS_PERMISSION_DENIED : STATUS_OK;
}

static void close_to_entries(struct bank *bank)
{
    pthread_mutex_lock(&bank->lock);
    bank->is_dropped = true;
    pthread_mutex_unlock(&bank->lock);
}

/* With the lock held exclusively: it is the last to be looked at. */
static void add_doomed(struct banks *banks, struct table_node *node)
{
    node->next = NULL;
    if (banks->doomed) {
        banks->doomed_last->next = node;
    } else {
        banks->doomed = node;
    }
    banks->doomed_last = node;
    atomic_fetch_add(&banks->doomed_count, 1);
}

enum status banks_drop(struct banks *banks, const struct hashed_key *name,
                       struct bank **bank)
{
    pthread_rwlock_wrlock(&banks->lock);
    enum status status = find_writable(banks, name, bank);
    if (!status) {
        close_to_entries(*bank);
        table_remove(&banks->table, &(*bank)->node);
        atomic_fetch_add(&banks->commons->generation, 1);
        add_doomed(banks, &(*bank)->node);
    }
    pthread_rwlock_unlock(&banks->lock);
    return status;
}

/* With the lock held exclusively. */
static bool clear_bank(struct banks *banks, struct bank *bank,
                       struct wreck_list *wrecks)
{
    if (atomic_load(&bank->entries) > 0) {
        (void)wreck_bank(bank, wrecks); /* Without memory, next time. */
        return false;
    }
    return close_bank(banks, bank, true);
}

void banks_clear_doomed(struct banks *banks, struct wreck_list *wrecks)
{
    if (!atomic_load_explicit(&banks->doomed_count, memory_order_relaxed)) {
        return;
    }
    pthread_rwlock_wrlock(&banks->lock);
    uint64_t count = atomic_load(&banks->doomed_count);
    for (uint64_t i = 0; i < DOOMED_STEP && i < count; i++) {
        struct table_node *node = banks->doomed;
        struct bank *bank = bank_of_node(node);
        banks->doomed = node->next;
        atomic_fetch_sub(&banks->doomed_count, 1);
        if (clear_bank(banks, bank, wrecks)) {
            remove_number(banks, bank);
        } else {
            add_doomed(banks, node);
        }
    }
    pthread_rwlock_unlock(&banks->lock);
    retire_dropped(banks);
}

/* Banks that are to have other names, as many as `count`. */
struct renaming {
    struct bank *banks[2];
    struct hashed_key to[2];
    char *names[2];
    size_t count;
};

static enum status copy_names(struct renaming *renaming)
{
    for (size_t i = 0; i < renaming->count; i++) {
        struct slice to = renaming->to[i].bytes;
        renaming->names[i] = memory_alloc(to.len ? to.len : 1);
        if (!renaming->names[i]) {
            return STATUS_NOMEM;
        }
        if (to.len) {
            memcpy(renaming->names[i], to.data, to.len);
        }
    }
    return STATUS_OK;
}

/* With the lock held exclusively. The table must not become so empty meanwhile
 * that it would need memory to take them again: so there is a guest. Who has
 * found a bank and comes to it only now finds it moved. */
static void rename_all(struct banks *banks, struct renaming *renaming)
{
    struct table_node guest = {.key = SLICE_LITERAL("")};
    table_insert(&banks->table, &guest);
    for (size_t i = 0; i < renaming->count; i++) {
        table_remove(&banks->table, &renaming->banks[i]->node);
    }
    for (size_t i = 0; i < renaming->count; i++) {
        const struct hashed_key to = {
            .hash = renaming->to[i].hash,
            .bytes = slice_of(renaming->names[i], renaming->to[i].bytes.len),
            .generation = atomic_load(&banks->commons->generation) + 1,
        };
        bank_set_name(renaming->banks[i], &to);
        renaming->names[i] = NULL;
        table_insert(&banks->table, &renaming->banks[i]->node);
    }
    table_remove(&banks->table, &guest);
    atomic_fetch_add(&banks->commons->generation, 1);
}

static void free_names(struct renaming *renaming)
{
    for (size_t i = 0; i < renaming->count; i++) {
        memory_free(renaming->names[i]);
    }
}

enum status banks_rename(struct banks *banks, const struct hashed_key *name,
                         const struct hashed_key *to)
{
    struct renaming renaming = {.to = {*to}, .count = 1};
    enum status status = copy_names(&renaming);
    if (!status) {
        pthread_rwlock_wrlock(&banks->lock);
        status = find_writable(banks, name, &renaming.banks[0]);
        if (!status && find_locked(banks, to)) {
            status = STATUS_ALREADY_EXISTS;
        }
        if (!status) {
            rename_all(banks, &renaming);
        }
        pthread_rwlock_unlock(&banks->lock);
    }
    free_names(&renaming);
    return status;
}

enum status banks_swap(struct banks *banks, const struct hashed_key *name,
                       const struct hashed_key *other)
{
    struct renaming renaming = {.to = {*other, *name}, .count = 2};
    enum status status = copy_names(&renaming);
    if (!status) {
        pthread_rwlock_wrlock(&banks->lock);
        status = find_writable(banks, name, &renaming.banks[0]);
        status =
            status ? status : find_writable(banks, other, &renaming.banks[1]);
        if (!status && renaming.banks[0] != renaming.banks[1]) {
            rename_all(banks, &renaming);
        }
        pthread_rwlock_unlock(&banks->lock);
    }
    free_names(&renaming);
    return status;
}
