/* Linear hashing (Litwin, 1980) over chains in split order (Shalev and
 * Shavit, 2006).
 *
 * A bucket holds the nodes whose hashes begin with certain bits, sorted by
 * hash. Its number is those bits read backwards, so that bucket b at depth d
 * splits into b (next bit 0) and b + 2^d (next bit 1): the table grows by
 * appending one bucket and cutting one chain in two, wherever its hashes
 * turn from 0 to 1.
 *
 *     prefix   depth                         5 buckets, no prefix: 0 and 4
 *     |  4   |   d   |   rest  |             have depth 3, the others 2
 *     hash, highest bit first                0:000 4:001 2:01 1:10 3:11
 *
 * All hashes of a bucket lie in one interval, and buckets taken in the order
 * of their intervals give all nodes in the order of their hashes. That order
 * does not change when buckets split or merge, so a walk may stop at a hash
 * and go on from there whatever has happened: it meets each node that stays
 * exactly once.
 *
 * Buckets are as many as nodes, at most four times as many after removals.
 * Growth that finds no memory is left to a later insertion; chains are
 * longer meanwhile. */
#include "store/table.h"

#include "base/check.h"

enum {
    GROW_STEPS = 2,   /* at an insertion; one is enough unless some failed */
    SHRINK_STEPS = 8, /* at a removal; four are enough */
    SPARSE = 4        /* buckets a node from which on the table shrinks */
};

static uint64_t reverse_bits(uint64_t x)
{
    x = (x >> 1 & 0x5555555555555555u) | (x & 0x5555555555555555u) << 1;
    x = (x >> 2 & 0x3333333333333333u) | (x & 0x3333333333333333u) << 2;
    x = (x >> 4 & 0x0f0f0f0f0f0f0f0fu) | (x & 0x0f0f0f0f0f0f0f0fu) << 4;
    return __builtin_bswap64(x);
}

/* The bits after the prefix, the first of them lowest. */
static size_t bits_of(const struct table *table, uint64_t hash)
{
    return (size_t)reverse_bits(hash << table->prefix_bits);
}

/* The least d with 2^d >= n; n is not 0. */
static unsigned depth_for(size_t n)
{
    return n == 1 ? 0 : 64 - (unsigned)__builtin_clzll(n - 1);
}

static size_t bucket_of(const struct table *table, uint64_t hash)
{
    size_t count = table->buckets.count;
    size_t span = (size_t)1 << depth_for(count);
    size_t bucket = bits_of(table, hash) & (span - 1);
    return bucket < count ? bucket : bucket & (span / 2 - 1);
}

/* The bits that all hashes in `bucket` share beyond the prefix. */
static unsigned depth_of(const struct table *table, size_t bucket)
{
    size_t count = table->buckets.count;
    unsigned depth = depth_for(count);
    size_t half = ((size_t)1 << depth) / 2;
    bool is_split = bucket >= half || bucket + half < count;
    return is_split ? depth : depth - 1;
}

/* The bucket that the last one of `count` was split off from. */
static size_t parent_of_last(size_t count)
{
    size_t last = count - 1;
    return last ^ (size_t)1 << (depth_for(count) - 1);
}

static struct table_node **head_of(const struct table *table, size_t bucket)
{
    return cells_at(&table->buckets, bucket);
}

/* The link to the first node of `bucket` that is not before `hash`. */
static struct table_node **link_at(const struct table *table, size_t bucket,
                                   uint64_t hash)
{
    struct table_node **link = head_of(table, bucket);
    while (*link && (*link)->hash < hash) {
        link = &(*link)->next;
    }
    return link;
}

/* The link to `node`, which is there. */
static struct table_node **link_to(const struct table *table,
                                   const struct table_node *node)
{
    size_t bucket = bucket_of(table, node->hash);
    struct table_node **link = link_at(table, bucket, node->hash);
    while (*link != node) {
        CHECK(*link && (*link)->hash == node->hash);
        link = &(*link)->next;
    }
    return link;
}

static bool add_bucket(struct table *table)
{
    if (cells_push(&table->buckets) != STATUS_OK) {
        return false;
    }
    size_t last = table->buckets.count - 1;
    if (last == 0) {
        return true;
    }
    size_t parent = parent_of_last(table->buckets.count);
    struct table_node **link = head_of(table, parent);
    while (*link && !(bits_of(table, (*link)->hash) & (last ^ parent))) {
        link = &(*link)->next;
    }
    *head_of(table, last) = *link;
    *link = NULL;
    return true;
}

static void remove_bucket(struct table *table)
{
    size_t last = table->buckets.count - 1;
    if (last > 0) {
        size_t parent = parent_of_last(table->buckets.count);
        *link_at(table, parent, UINT64_MAX) = *head_of(table, last);
    }
    cells_drop(&table->buckets, 1);
}

static void grow(struct table *table)
{
    for (int i = 0; i < GROW_STEPS && table->buckets.count < table->count;
         i++) {
        if (!add_bucket(table)) {
            return;
        }
    }
}

static void shrink(struct table *table)
{
    for (int i = 0;
         i < SHRINK_STEPS && table->buckets.count > SPARSE * table->count;
         i++) {
        remove_bucket(table);
    }
}

void table_init(struct table *table, unsigned prefix_bits)
{
    CHECK(prefix_bits < 64);
    *table = (struct table){.prefix_bits = prefix_bits};
}

void table_fini(struct table *table)
{
    CHECK(table->count == 0);
    cells_fini(&table->buckets);
}

enum status table_reserve(struct table *table)
{
    return table->buckets.count > 0 || add_bucket(table) ? STATUS_OK
                                                         : STATUS_NOMEM;
}

struct table_node *table_find(const struct table *table, uint64_t hash,
                              struct slice key)
{
    if (table->count == 0) {
        return NULL;
    }
    struct table_node *node = *link_at(table, bucket_of(table, hash), hash);
    while (node && node->hash == hash && !slice_equal(node->key, key)) {
        node = node->next;
    }
    return node && node->hash == hash ? node : NULL;
}

void table_insert(struct table *table, struct table_node *node)
{
    CHECK(table->buckets.count > 0);
    size_t bucket = bucket_of(table, node->hash);
    struct table_node **link = link_at(table, bucket, node->hash);
    node->next = *link;
    *link = node;
    table->count++;
    grow(table);
}

void table_replace(struct table *table, struct table_node *old,
                   struct table_node *node)
{
    CHECK(node->hash == old->hash);
    node->next = old->next;
    *link_to(table, old) = node;
    old->next = NULL;
}

void table_remove(struct table *table, struct table_node *node)
{
    *link_to(table, node) = node->next;
    node->next = NULL;
    table->count--;
    shrink(table);
}

/* The last hash that can be in the bucket of `position`. */
static uint64_t end_of_bucket(const struct table *table, uint64_t position)
{
    unsigned depth = 0;
    if (table->buckets.count > 0) {
        depth = depth_of(table, bucket_of(table, position));
    }
    CHECK(table->prefix_bits + depth < 64);
    return position | UINT64_MAX >> (table->prefix_bits + depth);
}

struct table_node *table_seek(const struct table *table,
                              struct table_walk *walk)
{
    CHECK(walk->steps > 0);
    CHECK(!walk->is_end);
    uint64_t end = walk->position | UINT64_MAX >> table->prefix_bits;
    while (walk->steps > 0) {
        walk->steps--;
        struct table_node *node = NULL;
        if (table->count > 0) {
            size_t bucket = bucket_of(table, walk->position);
            node = *link_at(table, bucket, walk->position);
        }
        if (node) {
            walk->position = node->hash;
            return node;
        }
        uint64_t last = end_of_bucket(table, walk->position);
        walk->position = last + 1;
        walk->is_end = last == UINT64_MAX;
        if (last == end) {
            return NULL;
        }
    }
    return NULL;
}

struct table_node *table_drain(struct table *table, size_t steps)
{
    struct table_node *taken = NULL;
    for (; steps > 0 && table->buckets.count > 0; steps--) {
        struct table_node **head = head_of(table, table->buckets.count - 1);
        struct table_node *node = *head;
        if (!node) {
            cells_drop(&table->buckets, 1);
            continue;
        }
        *head = node->next;
        node->next = taken;
        taken = node;
        table->count--;
    }
    return taken;
}
