/* What writers do to one entry. A writer finds the item under the bank's lock
 * and changes it in place where its length stays; else a new item takes its
 * place.
 *
 * A version is given to an entry when somebody asks for it; from then on every
 * put gives it another. So an entry of which nobody ever asks has no bytes
 * for one. */
#include "store/bank_internal.h"

#include "base/buffer.h"
#include "core/bank_stats.h"
#include "core/number.h"
#include "store/commons.h"
#include "store/lifetime.h"
#include "store/store.h"

enum { PER_MILLE = 1000 };

/* Less by what the bank's jitter makes of the key. */
static uint64_t jittered(uint64_t ms, uint64_t percent, uint64_t hash)
{
    uint64_t less = (hash >> 32) % (percent * PER_MILLE / 100 + 1);
    uint64_t rest = ms - ms * less / PER_MILLE;
    return rest > 0 ? rest : 1;
}

static struct lifetime within_terms(const struct bank *bank,
                                    struct lifetime lifetime, uint64_t hash)
{
    struct bank_limits limits;
    bank_limits(bank, &limits);
    uint64_t longest = limits.maximum_lifetime_ms;
    if (lifetime.rule == LIFETIME_DEFAULT) {
        lifetime = lifetime_of_ms(limits.default_lifetime_ms);
    }
    if (longest && (lifetime.rule != LIFETIME_NEW || lifetime.ms > longest)) {
        lifetime = lifetime_of_ms(longest);
    }
    if (lifetime.rule == LIFETIME_NEW && limits.lifetime_jitter) {
        lifetime.ms = jittered(lifetime.ms, limits.lifetime_jitter, hash);
    }
    return lifetime;
}

/* The life of an entry that is given `lifetime` at `now`. */
static uint64_t life_for(const struct bank *bank, const struct hashed_key *key,
                         struct lifetime lifetime, uint64_t now)
{
    if (bank_terms(bank)) {
        lifetime = within_terms(bank, lifetime, key->hash);
    }
    return life_of(lifetime, now);
}

static bool is_read_only(const struct bank *bank)
{
    const struct bank_terms *terms = bank_terms(bank);
    return terms &&
           atomic_load_explicit(&terms->read_only, memory_order_relaxed);
}

enum status bank_check_writable(const struct bank *bank)
{
    if (bank->is_dropped) {
        return STATUS_CANCELLED;
    }
    return is_read_only(bank) ? STATUS_PERMISSION_DENIED : STATUS_OK;
}

/* Whether `key` may be written. */
static enum status check_write(const struct bank *bank,
                               const struct hashed_key *key)
{
    return bank_has_moved(bank, key) ? STATUS_CANCELLED
                                     : bank_check_writable(bank);
}

/* Of what is put over `found`, if anybody has ever asked for one. */
static uint64_t version_over(struct bank *bank, const struct bank_item *found)
{
    return found->item.version ? commons_next_version(bank->index.commons) : 0;
}

/* Writes `draft` where `found` is. */
static enum status replace(struct bank *bank, const struct bank_item *found,
                           struct draft *draft)
{
    enum status status = bank_rewrite(bank, found, draft);
    if (!status) {
        bank_drop_large(bank, found);
    }
    return status;
}

/* Puts `draft` where `found` is; one that is over counts as that. */
static enum status put_over(struct bank *bank, const struct bank_item *found,
                            struct draft *draft)
{
    uint64_t life = item_life(found->at, &found->item);
    enum status status = replace(bank, found, draft);
    if (status) {
        return status;
    }
    uint64_t now = found->item.has_life ? commons_now(bank->index.commons) : 0;
    if (life_is_over(life, now)) {
        bank_count_expiration(bank, life_end(life), now);
    } else {
        counters_tally(&bank->counters, TALLY_OVERWRITES, 1);
    }
    return STATUS_OK;
}

static enum status put_new(struct bank *bank, const struct hashed_key *key,
                           struct draft *draft)
{
    bank_lay_out(bank, draft);
    enum status status = bank_check_room(bank, &draft->item, NULL);
    if (status) {
        return status;
    }
    draft->queue = space_queue_of(bank->space, key->hash);
    return bank_add_item(bank, key->hash, draft);
}

static struct draft draft_of(const struct bank *bank,
                             const struct hashed_key *key,
                             const struct bank_value *value)
{
    return (struct draft){
        .item = {.kind = value->kind, .value_len = (uint32_t)value->bytes.len},
        .life = life_for(bank, key, value->lifetime,
                         commons_now(bank->index.commons)),
        .key = key->bytes,
        .value = value->large ? value->large : value->bytes.data,
    };
}

enum status bank_put(struct bank *bank, const struct hashed_key *key,
                     struct bank_value *value)
{
    struct draft draft = draft_of(bank, key, value);
    struct bank_item found;
    pthread_mutex_lock(&bank->lock);
    enum status status = check_write(bank, key);
    if (!status && bank_find_item(bank, key, &found)) {
        draft.item.version = version_over(bank, &found);
        status = put_over(bank, &found, &draft);
    } else if (!status) {
        status = put_new(bank, key, &draft);
    }
    pthread_mutex_unlock(&bank->lock);
    if (!status) {
        value->large = NULL;
    }
    return status;
}

/* Whether what the condition demands of `found` is so; NULL: no entry. */
static enum status check_condition(const struct condition *condition,
                                   const struct bank_item *found)
{
    switch (condition->rule) {
    case CONDITION_ABSENT:
        return found ? STATUS_ALREADY_EXISTS : STATUS_OK;
    case CONDITION_PRESENT:
        return found ? STATUS_OK : STATUS_NOT_FOUND;
    case CONDITION_VERSION:
        return !found                                      ? STATUS_NOT_FOUND
               : found->item.version == condition->version ? STATUS_OK
                                                           : STATUS_ABORTED;
    case CONDITION_VALUE:
        return !found ? STATUS_NOT_FOUND
               : slice_equal(bank_value_of(found), condition->value)
                   ? STATUS_OK
                   : STATUS_ABORTED;
    case CONDITION_NONE:
        break;
    }
    return STATUS_OK;
}

static void tell_life(struct entry_facts *facts, uint64_t life, uint64_t now)
{
    bool is_finite = life_end(life) != LIFE_FOREVER;
    facts->lifetime_ms = is_finite ? life_ms(life) : 0;
    facts->remaining_ms = is_finite ? life_end(life) - now : 0;
}

void bank_tell(const struct bank_item *found, uint64_t now,
               struct entry_facts *facts)
{
    *facts = (struct entry_facts){.version = found->item.version,
                                  .size = found->item.value_len,
                                  .kind = found->item.kind};
    tell_life(facts, item_life(found->at, &found->item), now);
}

/* Tells of `found`; false when there is no room for its bytes yet. */
static bool tell(struct store_visit *visit, const struct bank_item *found,
                 uint64_t now)
{
    struct slice value = bank_value_of(found);
    struct buffer *bytes = visit->bytes;
    if (bytes && value.len > bytes->capacity - bytes->end) {
        visit->room_needed = value.len;
        return false;
    }
    visit->was_there = true;
    bank_tell(found, now, &visit->facts);
    if (bytes) {
        (void)buffer_append(bytes, value);
    }
    return true;
}

/* What is done under the lock; it stops early when `room_needed` is set. */
typedef enum status (*visit_fn)(struct bank *bank, const struct hashed_key *key,
                                struct store_visit *visit, const void *what);

/* Room cannot be allocated under the lock; so the first try may only find out
 * how much is needed, and whenever the value has grown there is another. */
static enum status visit_bank(struct bank *bank, const struct hashed_key *key,
                              struct store_visit *visit, visit_fn act,
                              const void *what)
{
    size_t len_before = visit->bytes ? buffer_len(visit->bytes) : 0;
    enum status status = STATUS_OK;
    visit->room_needed = 0;
    do {
        if (visit->bytes && !buffer_reserve(visit->bytes, visit->room_needed)) {
            return STATUS_NOMEM;
        }
        visit->room_needed = 0;
        visit->was_there = false;
        pthread_mutex_lock(&bank->lock);
        status = act(bank, key, visit, what);
        pthread_mutex_unlock(&bank->lock);
    } while (visit->room_needed > 0);
    bool is_refused =
        status == STATUS_ABORTED || status == STATUS_ALREADY_EXISTS;
    if (status && !is_refused) {
        visit->was_there = false;
        if (visit->bytes) {
            buffer_truncate(visit->bytes, len_before);
        }
    }
    return status;
}

static enum status put_if(struct bank *bank, const struct hashed_key *key,
                          struct store_visit *visit, const void *what)
{
    const struct bank_value *value = what;
    struct draft draft = draft_of(bank, key, value);
    uint64_t now = commons_now(bank->index.commons);
    struct bank_item found;
    enum status status = check_write(bank, key);
    if (status) {
        return status;
    }
    bool is_there = bank_find_alive(bank, key, now, &found);
    if (is_there && !tell(visit, &found, now)) {
        return STATUS_OK;
    }
    status = check_condition(&visit->condition, is_there ? &found : NULL);
    if (status) {
        return status;
    }
    if (visit->wants_version || (is_there && found.item.version)) {
        draft.item.version = commons_next_version(bank->index.commons);
    }
    if (is_there && visit->is_continued) {
        if (found.item.kind != value->kind) {
            return STATUS_ABORTED;
        }
        draft.life = item_life(found.at, &found.item);
    }
    visit->version = draft.item.version;
    if (!is_there) {
        return put_new(bank, key, &draft);
    }
    return visit->is_continued ? replace(bank, &found, &draft)
                               : put_over(bank, &found, &draft);
}

enum status bank_put_if(struct bank *bank, const struct hashed_key *key,
                        struct bank_value *value, struct store_visit *visit)
{
    enum status status = visit_bank(bank, key, visit, put_if, value);
    if (!status) {
        value->large = NULL;
    }
    return status;
}

/* The entry gets room for a lifetime or a version, which it has not. */
static enum status restate(struct bank *bank, const struct bank_item *found,
                           uint64_t life, uint64_t version)
{
    struct draft draft = {
        .item = {.version = version,
                 .kind = found->item.kind,
                 .value_len = found->item.value_len},
        .life = life,
        .key = slice_of(found->at + found->item.key_at, found->item.key_len),
        .value = bank_value_of(found).data,
    };
    return bank_rewrite(bank, found, &draft);
}

/* Its own again; the jitter is in it already. */
static uint64_t restarted_life(const struct bank *bank, uint64_t life,
                               uint64_t now)
{
    uint64_t ms = life_ms(life);
    if (life_end(life) == LIFE_FOREVER) {
        return life;
    }
    if (bank_terms(bank)) {
        struct bank_limits limits;
        bank_limits(bank, &limits);
        uint64_t longest = limits.maximum_lifetime_ms;
        ms = longest && longest < ms ? longest : ms;
    }
    return life_of_ms(ms, now);
}

static uint64_t touched_life(const struct bank *bank,
                             const struct hashed_key *key, uint64_t life,
                             struct lifetime lifetime, uint64_t now)
{
    return lifetime.rule == LIFETIME_SAME ? restarted_life(bank, life, now)
                                          : life_for(bank, key, lifetime, now);
}

/* Gives `found` the lifetime `touch`, if that is not NULL, and a version if it
 * is to have one. */
static enum status refresh(struct bank *bank, const struct hashed_key *key,
                           const struct bank_item *found,
                           const struct lifetime *touch,
                           struct store_visit *visit)
{
    uint64_t now = commons_now(bank->index.commons);
    uint64_t old = item_life(found->at, &found->item);
    uint64_t life = touch ? touched_life(bank, key, old, *touch, now) : old;
    uint64_t version = found->item.version;
    if (visit->wants_version && !version) {
        version = commons_next_version(bank->index.commons);
    }
    if (touch) {
        tell_life(&visit->facts, life, now);
    }
    visit->version = version;
    if (version != found->item.version ||
        (life != LIFE_FOREVER && !found->item.has_life)) {
        return restate(bank, found, life, version);
    }
    if (life != old) {
        bank_set_life(bank, found, life);
    }
    return STATUS_OK;
}

/* `what` is the lifetime that it is given, or NULL. */
static enum status read_and_touch(struct bank *bank,
                                  const struct hashed_key *key,
                                  struct store_visit *visit, const void *what)
{
    const struct lifetime *touch = what;
    uint64_t now = commons_now(bank->index.commons);
    struct bank_item found;
    if (bank_has_moved(bank, key)) {
        return STATUS_CANCELLED;
    }
    if (touch && is_read_only(bank)) {
        return STATUS_PERMISSION_DENIED;
    }
    if (!bank_find_alive(bank, key, now, &found)) {
        return STATUS_NOT_FOUND;
    }
    if (!tell(visit, &found, now)) {
        return STATUS_OK;
    }
    enum status status = check_condition(&visit->condition, &found);
    if (status) {
        return status;
    }
    if (touch && touch->rule == LIFETIME_OVER) {
        bank_note_departure(bank, found.hash, DEPARTURE_REMOVED);
        bank_unlink(bank, &found);
        return STATUS_OK;
    }
    item_warm(found.at);
    return refresh(bank, key, &found, touch, visit);
}

enum status bank_read(struct bank *bank, const struct hashed_key *key,
                      const struct lifetime *touch, struct store_visit *visit)
{
    return visit_bank(bank, key, visit, read_and_touch, touch);
}

static struct draft draft_of_number(const struct hashed_key *key,
                                    const struct number *number,
                                    char text[NUMBER_TEXT_MAX])
{
    return (struct draft){
        .item = {.kind = VALUE_JSON,
                 .value_len = (uint32_t)number_print_json(number, text)},
        .key = key->bytes,
        .value = text,
    };
}

static enum status incr_item(struct bank *bank, const struct hashed_key *key,
                             const struct bank_item *found,
                             const struct increment *increment,
                             struct number *sum)
{
    char text[NUMBER_TEXT_MAX];
    enum status status = number_increment(found->item.kind,
                                          bank_value_of(found), increment, sum);
    if (status) {
        return status;
    }
    struct draft draft = draft_of_number(key, sum, text);
    draft.item.version = version_over(bank, found);
    draft.life = item_life(found->at, &found->item);
    return replace(bank, found, &draft);
}

/* An entry that was not there counts as one that holds `initial`; it does not
 * come into being when it would be over at once. */
static enum status begin_item(struct bank *bank, const struct hashed_key *key,
                              const struct increment *increment, uint64_t now,
                              struct number *sum)
{
    char text[NUMBER_TEXT_MAX];
    size_t len = number_print_json(&increment->initial, text);
    enum status status =
        number_increment(VALUE_JSON, slice_of(text, len), increment, sum);
    if (status || increment->lifetime.rule == LIFETIME_OVER) {
        return status;
    }
    struct draft draft = draft_of_number(key, sum, text);
    draft.life = life_for(bank, key, increment->lifetime, now);
    return put_new(bank, key, &draft);
}

enum status bank_incr(struct bank *bank, const struct hashed_key *key,
                      const struct increment *increment, struct number *sum)
{
    struct bank_item found;
    uint64_t now = commons_now(bank->index.commons);
    pthread_mutex_lock(&bank->lock);
    enum status status = check_write(bank, key);
    if (!status && bank_find_alive(bank, key, now, &found)) {
        status = incr_item(bank, key, &found, increment, sum);
    } else if (!status) {
        status = increment->has_initial
                     ? begin_item(bank, key, increment, now, sum)
                     : STATUS_NOT_FOUND;
    }
    pthread_mutex_unlock(&bank->lock);
    return status;
}
