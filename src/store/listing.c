/* A cursor is incarnation, position and a keyed hash over both and the
 * scope, so that one that was never given out for this list is told from
 * one that is out of date. */
#include "store/listing.h"

#include "base/check.h"
#include "base/clock.h"
#include "core/response.h"
#include "store/store.h"

/* Room for some of the longest keys, or for a step's worth of usual ones. */
enum { LISTING_ROOM = 16 * 1024 };

struct cursor_bytes {
    uint64_t incarnation;
    uint64_t position;
    uint64_t proof;
};

_Static_assert(sizeof(struct cursor_bytes) <= CURSOR_LEN_MAX,
               "a cursor has its place in a response");

static uint64_t prove(const struct cursor *cursor, const struct hash_key *key)
{
    uint64_t words[] = {cursor->scope, cursor->incarnation, cursor->position};
    return hash_bytes(key, slice_of(words, sizeof words));
}

enum status cursor_decode(struct cursor *cursor, const struct hash_key *key,
                          uint64_t scope, struct slice bytes)
{
    *cursor = (struct cursor){.scope = scope};
    if (bytes.len == 0) {
        return STATUS_OK;
    }
    struct cursor_bytes packed;
    if (bytes.len != sizeof packed) {
        return STATUS_INVALID_ARGUMENT;
    }
    memcpy(&packed, bytes.data, sizeof packed);
    cursor->incarnation = packed.incarnation;
    cursor->position = packed.position;
    return packed.proof == prove(cursor, key) ? STATUS_OK
                                              : STATUS_INVALID_ARGUMENT;
}

void cursor_encode(const struct cursor *cursor, const struct hash_key *key,
                   struct response *response)
{
    struct cursor_bytes packed = {cursor->incarnation, cursor->position,
                                  prove(cursor, key)};
    memcpy(response->cursor, &packed, sizeof packed);
    response->cursor_len = sizeof packed;
}

void listing_start(struct listing *listing, const struct store_page *page,
                   uint64_t position, struct response *response)
{
    CHECK(page->limit > 0);
    *listing = (struct listing){
        .kind = page->kind,
        .prefix = page->prefix,
        .bytes_max = page->bytes_max && page->bytes_max < LISTING_BYTES_MAX
                         ? page->bytes_max
                         : LISTING_BYTES_MAX,
        .end_us = clock_now_us() + LISTING_BUDGET_US,
        .response = response,
        .walk = {.position = position},
        .items_left = page->limit,
        .looks_left = LISTING_LOOKS_MAX,
        .room_needed = LISTING_ROOM,
    };
}

bool listing_is_over(const struct listing *listing)
{
    return listing->walk.is_end || listing->items_left == 0 ||
           listing->looks_left == 0 || clock_now_us() >= listing->end_us;
}

bool listing_is_full(const struct listing *listing, size_t len)
{
    size_t before = buffer_len(&listing->response->body);
    return before > 0 && before + len > listing->bytes_max;
}

enum status listing_reserve(struct listing *listing)
{
    struct buffer *body = &listing->response->body;
    return buffer_reserve(body, listing->room_needed) ? STATUS_OK
                                                      : STATUS_NOMEM;
}

/* Whether `node` fits into what is reserved; if not, says what is needed. */
static bool has_room(struct listing *listing, const struct table_node *node)
{
    const struct buffer *body = &listing->response->body;
    size_t needed = sizeof(uint32_t) + node->key.len;
    if (needed <= body->capacity - body->end) {
        return true;
    }
    listing->room_needed = needed > LISTING_ROOM ? needed : LISTING_ROOM;
    return false;
}

static enum status list_node(struct listing *listing, struct table_node *node,
                             bool (*is_there)(struct table_node *node))
{
    if (!slice_starts_with(node->key, listing->prefix) ||
        (is_there && !is_there(node))) {
        return STATUS_OK;
    }
    listing->items_left -= listing->items_left > 0;
    return response_add_item(listing->response, node->key);
}

/* Keys of one hash have one position, so they go onto one page, be it beyond
 * its limit or room. That two of a bank's keys share all 64 bits is as good
 * as impossible; that both are listed is not left to chance. */
static enum status list_position(struct listing *listing,
                                 struct table_node *node,
                                 bool (*is_there)(struct table_node *node))
{
    enum status status = STATUS_OK;
    for (; node && node->hash == listing->walk.position && !status;
         node = node->next) {
        status = list_node(listing, node, is_there);
    }
    listing->walk.is_end = listing->walk.position == UINT64_MAX;
    listing->walk.position++;
    return status;
}

enum status listing_step(struct listing *listing, const struct table *table,
                         bool (*is_there)(struct table_node *node))
{
    size_t granted = listing->looks_left < LISTING_LOOKS_STEP
                         ? listing->looks_left
                         : LISTING_LOOKS_STEP;
    struct table_walk *walk = &listing->walk;
    enum status status = STATUS_OK;
    walk->steps = granted;
    while (!status && walk->steps > 0 && !walk->is_end &&
           listing->items_left > 0) {
        struct table_node *node = table_seek(table, walk);
        if (!node || !has_room(listing, node)) {
            break;
        }
        status = list_position(listing, node, is_there);
    }
    listing->looks_left -= granted - walk->steps;
    return status;
}
