#include "first_store/shard.h"

#include "base/check.h"
#include "base/clock.h"
#include "first_store/agenda.h"
#include "first_store/ledger.h"

/* What a table gives up at a time when its shard ends. */
enum { FINI_STEP = 1024 };

void shard_init(struct shard *shard, const struct commons *commons)
{
    *shard = (struct shard){
        .alarm_due = NEVER,
        .commons = commons,
    };
    table_init(&shard->table, SHARD_BITS);
    CHECK(pthread_mutex_init(&shard->lock, NULL) == 0);
}

void shard_fini(struct shard *shard)
{
    CHECK(!shard->is_locked);
    while (shard->table.count > 0) {
        entry_free_list(table_drain(&shard->table, FINI_STEP));
    }
    table_fini(&shard->table);
    cells_fini(&shard->expiry.heap);
    pthread_mutex_destroy(&shard->lock);
}

void shard_lock(struct shard *shard)
{
    pthread_mutex_lock(&shard->lock);
    CHECK(!shard->is_locked);
    shard->is_locked = true;
}

void shard_unlock(struct shard *shard)
{
    CHECK(shard->is_locked);
    shard->is_locked = false;
    pthread_mutex_unlock(&shard->lock);
}

/* The entry of `key`, be its lifetime over or not. */
static struct entry *find_any(struct shard *shard, uint64_t hash,
                              struct slice key)
{
    CHECK(shard->is_locked);
    struct table_node *node = table_find(&shard->table, hash, key);
    return node ? entry_of_node(node) : NULL;
}

struct entry *shard_find(struct shard *shard, uint64_t hash, struct slice key)
{
    struct entry *entry = find_any(shard, hash, key);
    return entry && !entry_is_over(entry) ? entry : NULL;
}

/* Sees to it that the alarm goes off at `due` or before. */
static enum status set_alarm(struct shard *shard, uint64_t due)
{
    if (due >= shard->alarm_due) {
        return STATUS_OK;
    }
    enum status status = agenda_set(shard->commons->agenda, &shard->alarm, due);
    if (!status) {
        shard->alarm_due = due;
    }
    return status;
}

static enum status set_timer(struct shard *shard, struct entry *entry,
                             uint64_t due)
{
    enum status status = set_alarm(shard, due);
    if (status) {
        return status;
    }
    if (timer_is_set(&entry->timer)) {
        expiry_move(&shard->expiry, &entry->timer, due);
        return STATUS_OK;
    }
    return expiry_add(&shard->expiry, &entry->timer, due);
}

/* Charges what `entry` takes more than `old`, or refunds what it takes
 * less. */
static bool charge(struct ledger *ledger, const struct entry *entry,
                   const struct entry *old, bool is_charged_anyway)
{
    uint64_t now = entry_charge(entry);
    uint64_t before = old ? entry_charge(old) : 0;
    if (now <= before) {
        ledger_refund(ledger, before - now);
        return true;
    }
    if (is_charged_anyway) {
        ledger_charge_anyway(ledger, now - before);
        return true;
    }
    return ledger_charge(ledger, now - before);
}

/* A shard that nobody else sees yet may be given up when this fails, so what
 * can fail comes before the alarm, which others do see. */
enum status shard_store(struct shard *shard, struct entry *entry,
                        bool is_charged_anyway, struct entry **replaced)
{
    struct ledger *ledger = shard->commons->ledger;
    struct entry *old = find_any(shard, entry->node.hash, entry->node.key);
    enum status status = table_reserve(&shard->table);
    if (!status && entry->timer.due != NEVER) {
        status = expiry_add(&shard->expiry, &entry->timer, entry->timer.due);
    }
    if (status) {
        return status;
    }
    status = STATUS_RESOURCE_EXHAUSTED;
    if (!charge(ledger, entry, old, is_charged_anyway)) {
        goto unset_timer;
    }
    status = set_alarm(shard, entry->timer.due);
    if (status) {
        goto take_charge_back;
    }
    if (old) {
        expiry_remove(&shard->expiry, &old->timer);
        table_replace(&shard->table, &old->node, &entry->node);
    } else {
        table_insert(&shard->table, &entry->node);
        ledger_add_entry(ledger);
    }
    *replaced = old;
    return STATUS_OK;

take_charge_back:
    ledger_charge_anyway(ledger, old ? entry_charge(old) : 0);
    ledger_refund(ledger, entry_charge(entry));
unset_timer:
    expiry_remove(&shard->expiry, &entry->timer);
    return status;
}

struct entry *shard_take(struct shard *shard, struct entry *entry)
{
    CHECK(shard->is_locked);
    expiry_remove(&shard->expiry, &entry->timer);
    table_remove(&shard->table, &entry->node);
    ledger_refund(shard->commons->ledger, entry_charge(entry));
    ledger_remove_entries(shard->commons->ledger, 1);
    return entry;
}

enum status shard_touch(struct shard *shard, struct entry *entry,
                        struct lifetime lifetime)
{
    CHECK(shard->is_locked);
    uint64_t lifetime_ms = lifetime.rule == LIFETIME_SAME
                               ? entry->lifetime_ms
                               : entry_lifetime_ms(lifetime);
    if (lifetime_ms == 0) {
        expiry_remove(&shard->expiry, &entry->timer);
        entry_set_lifetime(entry, 0);
        return STATUS_OK;
    }
    enum status status = set_timer(shard, entry, clock_now_ms() + lifetime_ms);
    if (!status) {
        entry->lifetime_ms = lifetime_ms;
    }
    return status;
}

/* Sets the alarm for the entry that is due first, later than it was. */
static void put_alarm_off(struct shard *shard)
{
    struct timer *first = expiry_first(&shard->expiry);
    uint64_t due = first ? first->due : NEVER;
    enum status status = agenda_set(shard->commons->agenda, &shard->alarm, due);
    CHECK(status == STATUS_OK);
    shard->alarm_due = due;
}

struct table_node *shard_expire(struct shard *shard, uint64_t now_ms,
                                size_t count)
{
    CHECK(shard->is_locked);
    struct table_node *taken = NULL;
    struct timer *first = expiry_first(&shard->expiry);
    for (; count > 0 && first && first->due <= now_ms; count--) {
        struct entry *entry = shard_take(shard, entry_of_timer(first));
        entry->node.next = taken;
        taken = &entry->node;
        first = expiry_first(&shard->expiry);
    }
    if (shard->alarm_due != NEVER) {
        put_alarm_off(shard);
    }
    return taken;
}
