/* Reads without the lock: what was copied is believed if the index says
 * afterwards that nothing has changed. */
#include "store/bank_internal.h"

#include "base/buffer.h"
#include "store/commons.h"
#include "store/lifetime.h"
#include "store/store.h"

enum { READ_TRIES = 16 /* without the lock */ };

/* What a reader makes of one place. */
enum look { LOOK_OTHER, LOOK_HIT, LOOK_OVER, LOOK_AGAIN, LOOK_NOMEM };

static void count_get(struct bank *bank, enum counter what)
{
    counters_count(&bank->counters, what, &bank->index.commons->other);
}

static void count_miss(struct bank *bank, const struct hashed_key *key)
{
    static const enum counter counters[] = {
        [DEPARTURE_EXPIRED] = COUNTER_EXPIRED,
        [DEPARTURE_EVICTED] = COUNTER_EVICTED,
        [DEPARTURE_REMOVED] = COUNTER_REMOVED,
        [DEPARTURE_RESET] = COUNTER_RESET,
        [DEPARTURE_NONE] = COUNTER_NEVER_SEEN,
    };
    enum departure how = departures_find(&bank->index.commons->departures,
                                         bank_departure_hash(bank, key->hash));
    count_get(bank, counters[how]);
}

void bank_count_read(struct bank *bank, const struct hashed_key *key,
                     enum status status)
{
    if (status == STATUS_NOT_FOUND) {
        count_miss(bank, key);
    } else if (!status) {
        count_get(bank, COUNTER_HIT);
    }
}

/* Appends the value to `bytes` as it seems to be; whether it was so, the
 * reader knows afterwards. A length is believed only when it is proven. */
static enum look copy_value(const struct index_reader *reader,
                            const struct bank_item *seen, struct buffer *bytes)
{
    const struct item *item = &seen->item;
    if (item->is_wide && !index_is_valid(reader)) {
        return LOOK_AGAIN;
    }
    char *room = buffer_reserve(bytes, item->value_len);
    if (!room) {
        return LOOK_NOMEM;
    }
    char *from = seen->at + item->value_at;
    if (item->is_large) {
        from = item_large(seen->at, item);
        if (!index_is_valid(reader)) {
            return LOOK_AGAIN;
        }
    }
    item_copy_out(room, from, item->value_len);
    return LOOK_HIT;
}

static enum look look_at(const struct bank *bank,
                         const struct index_reader *reader,
                         const struct hashed_key *key, struct bank_item *seen,
                         struct buffer *bytes)
{
    seen->at = arena_at(bank->index.commons->base, reader->place);
    if (!item_read(seen->at, &seen->item) ||
        !item_has_key(seen->at, &seen->item, key->bytes)) {
        return LOOK_OTHER;
    }
    uint64_t life = item_life(seen->at, &seen->item);
    enum look look =
        seen->item.has_life &&
                life_is_over(life, commons_now(bank->index.commons))
            ? LOOK_OVER
            : copy_value(reader, seen, bytes);
    if (look == LOOK_NOMEM) {
        return look;
    }
    return index_is_valid(reader) ? look : LOOK_AGAIN;
}

static enum status get(struct bank *bank, const struct hashed_key *key,
                       struct buffer *bytes, enum value_kind *kind)
{
    struct index_reader reader;
    struct bank_item seen;
    unsigned tries = 0;
    index_start(&reader, &bank->index, key->hash);
    while (tries < READ_TRIES && index_next(&reader)) {
        switch (look_at(bank, &reader, key, &seen, bytes)) {
        case LOOK_OTHER:
            break;
        case LOOK_AGAIN:
            tries++;
            index_start(&reader, &bank->index, key->hash);
            break;
        case LOOK_HIT:
            item_warm(seen.at);
            count_get(bank, COUNTER_HIT);
            buffer_commit(bytes, seen.item.value_len);
            *kind = seen.item.kind;
            return STATUS_OK;
        case LOOK_OVER:
            count_get(bank, COUNTER_EXPIRED);
            return STATUS_NOT_FOUND;
        case LOOK_NOMEM:
            return STATUS_NOMEM;
        }
    }
    if (tries == READ_TRIES) {
        struct store_visit visit = {.bytes = bytes};
        enum status status = bank_read(bank, key, NULL, &visit);
        bank_count_read(bank, key, status);
        *kind = visit.facts.kind;
        return status;
    }
    count_miss(bank, key);
    return STATUS_NOT_FOUND;
}

enum status bank_get(struct bank *bank, const struct hashed_key *key,
                     struct buffer *bytes, enum value_kind *kind)
{
    size_t len_before = buffer_len(bytes);
    enum status status = get(bank, key, bytes, kind);
    if (!bank_has_moved(bank, key)) {
        return status;
    }
    buffer_truncate(bytes, len_before);
    return STATUS_CANCELLED;
}
