/* Listing is by position of the hash, a region of the index at a time: its
 * keys are put in the order of their hashes, and the page takes what it has
 * room for from its position on. Hashes are even, so that to deal them out to
 * as many bins as there may be keys leaves next to nothing to sort.
 *
 * Keys of one hash have one position, so they go onto one page or none, be it
 * beyond its limit. */
#include "store/bank_internal.h"

#include "base/buffer.h"
#include "core/response.h"
#include "store/commons.h"
#include "store/lifetime.h"

enum { BIN_BITS = 11, BINS = 1 << BIN_BITS, HASH_BITS = 64 };

struct key_at {
    uint64_t hash;
    uint64_t place;
};

/* The keys of a region from a position on. */
struct region_keys {
    size_t count;
    struct key_at keys[INDEX_ITEMS_MAX];
};

struct region_places {
    size_t count;
    uint64_t places[INDEX_ITEMS_MAX];
    uint64_t hashes[INDEX_ITEMS_MAX];
};

static void collect_place(void *arg, uint64_t place)
{
    struct region_places *region = arg;
    region->places[region->count++] = place;
}

/* Leaves those before `position` out. */
static void drop_before(struct region_places *region, uint64_t position)
{
    size_t kept = 0;
    for (size_t i = 0; i < region->count; i++) {
        if (region->hashes[i] >= position) {
            region->hashes[kept] = region->hashes[i];
            region->places[kept] = region->places[i];
            kept++;
        }
    }
    region->count = kept;
}

/* How far hashes from `low` to `high` are shifted to be a bin's number. */
static unsigned bin_shift(uint64_t low, uint64_t high)
{
    unsigned bits = HASH_BITS - (unsigned)__builtin_clzll((high - low) | 1);
    return bits > BIN_BITS ? bits - BIN_BITS : 0;
}

static void insertion_sort(struct key_at *keys, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct key_at key = keys[i];
        size_t k = i;
        for (; k > 0 && keys[k - 1].hash > key.hash; k--) {
            keys[k] = keys[k - 1];
        }
        keys[k] = key;
    }
}

static void sort(const struct region_places *region, struct region_keys *sorted)
{
    uint16_t ends[BINS] = {0}; /* first how many, then where the next goes */
    uint64_t low = UINT64_MAX;
    uint64_t high = 0;
    for (size_t i = 0; i < region->count; i++) {
        low = region->hashes[i] < low ? region->hashes[i] : low;
        high = region->hashes[i] > high ? region->hashes[i] : high;
    }
    unsigned shift = bin_shift(low, high);
    for (size_t i = 0; i < region->count; i++) {
        ends[(region->hashes[i] - low) >> shift]++;
    }
    uint16_t sum = 0;
    for (size_t i = 0; i < BINS; i++) {
        sum = (uint16_t)(sum + ends[i]);
        ends[i] = (uint16_t)(sum - ends[i]);
    }
    for (size_t i = 0; i < region->count; i++) {
        uint16_t at = ends[(region->hashes[i] - low) >> shift]++;
        sorted->keys[at] =
            (struct key_at){region->hashes[i], region->places[i]};
    }
    sorted->count = region->count;
    insertion_sort(sorted->keys, sorted->count);
}

/* What the steps of one region share. */
struct region_page {
    struct bank *bank;
    struct listing *listing;
    uint64_t now;
};

/* Finds the item at `place`, if it is one that is looked for. */
static bool find_wanted(const struct region_page *page,
                        const struct key_at *key, struct bank_item *found)
{
    bank_item_at(page->bank, key->place, found);
    found->hash = key->hash;
    struct slice name =
        slice_of(found->at + found->item.key_at, found->item.key_len);
    return !life_is_over(item_life(found->at, &found->item), page->now) &&
           slice_starts_with(name, page->listing->prefix);
}

/* Bytes of the answer that it takes. */
static size_t len_in_answer(enum listing_kind kind, const struct item *item)
{
    switch (kind) {
    case LISTING_KEYS:
        return sizeof(uint32_t) + item->key_len;
    case LISTING_ENTRIES:
        return response_entry_len(item->key_len, item->value_len);
    case LISTING_REMOVE:
        break;
    }
    return 0;
}

/* There is room in the answer. */
static void take_item(const struct region_page *page,
                      const struct bank_item *found)
{
    struct response *response = page->listing->response;
    struct entry_item entry = {
        .key = slice_of(found->at + found->item.key_at, found->item.key_len)};
    switch (page->listing->kind) {
    case LISTING_KEYS:
        (void)response_add_item(response, entry.key);
        break;
    case LISTING_ENTRIES:
        entry.value = bank_value_of(found);
        bank_tell(found, page->now, &entry.facts);
        response_add_entry(response, &entry);
        break;
    case LISTING_REMOVE:
        bank_note_departure(page->bank, found->hash, DEPARTURE_REMOVED);
        bank_unlink(page->bank, found);
        response->count++;
        break;
    }
}

/* Takes `count` items of one hash; false when there is no room for all. */
static bool list_position(const struct region_page *page,
                          const struct key_at *keys, size_t count)
{
    struct listing *listing = page->listing;
    struct buffer *body = &listing->response->body;
    struct bank_item found;
    size_t needed = 0;
    for (size_t i = 0; i < count; i++) {
        if (find_wanted(page, &keys[i], &found)) {
            needed += len_in_answer(listing->kind, &found.item);
        }
    }
    if (listing_is_full(listing, needed)) {
        listing->items_left = 0;
        return false;
    }
    if (needed > body->capacity - body->end) {
        listing->room_needed = 2 * needed;
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (find_wanted(page, &keys[i], &found)) {
            listing->items_left -= listing->items_left > 0;
            take_item(page, &found);
        }
    }
    return true;
}

static size_t count_of_one_hash(const struct region_keys *region, size_t from)
{
    size_t count = 1;
    while (from + count < region->count &&
           region->keys[from + count].hash == region->keys[from].hash) {
        count++;
    }
    return count;
}

/* Reads all keys of the region at `position`; answers where the next is. */
static uint64_t read_region(const struct bank *bank, uint64_t position,
                            struct region_keys *sorted)
{
    struct region_places region;
    region.count = 0;
    uint64_t next =
        index_walk_region(&bank->index, position, collect_place, &region);
    if (region.count > 0) {
        bank->index.commons->hashes_of(bank->index.commons, region.places,
                                       region.hashes, region.count);
    }
    drop_before(&region, position);
    sort(&region, sorted);
    return next;
}

/* Lists from the region at the walk's position, and moves the position. */
static void list_region(struct bank *bank, struct listing *listing)
{
    struct region_keys region;
    struct table_walk *walk = &listing->walk;
    const struct region_page page = {bank, listing,
                                     commons_now(bank->index.commons)};
    uint64_t next = read_region(bank, walk->position, &region);
    size_t count;
    for (size_t i = 0; i < region.count; i += count) {
        count = count_of_one_hash(&region, i);
        walk->position = region.keys[i].hash;
        if (listing->items_left == 0 ||
            !list_position(&page, &region.keys[i], count)) {
            return;
        }
    }
    walk->position = next;
    walk->is_end = next == 0;
    size_t looks = region.count + 1;
    listing->looks_left -=
        looks < listing->looks_left ? looks : listing->looks_left;
}

/* With the lock held. That the bank was dropped is the cursor's affair. */
static enum status check_listing(const struct bank *bank,
                                 const struct listing *listing)
{
    enum status status =
        listing->kind == LISTING_REMOVE ? bank_check_writable(bank) : STATUS_OK;
    return status == STATUS_CANCELLED ? STATUS_OK : status;
}

enum status bank_keys(struct bank *bank, struct listing *listing,
                      struct cursor *cursor)
{
    bool is_start = cursor->position == 0;
    bool is_current = true;
    enum status status = STATUS_OK;
    while (!status && is_current && !listing_is_over(listing)) {
        status = listing_reserve(listing);
        if (status) {
            return status;
        }
        pthread_mutex_lock(&bank->lock);
        if (is_start) {
            cursor->incarnation = bank->incarnation;
            is_start = false;
        }
        is_current = bank->incarnation == cursor->incarnation;
        status = check_listing(bank, listing);
        if (!status && is_current) {
            list_region(bank, listing);
        } else if (!status && listing->walk.position == cursor->position) {
            status = STATUS_ABORTED;
        }
        pthread_mutex_unlock(&bank->lock);
    }
    cursor->position = listing->walk.position;
    return status;
}
