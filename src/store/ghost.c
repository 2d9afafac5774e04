/* The first half of a hash, as a fraction of one, chooses the line: a key of
 * the fraction f is in line f * line_count. The last 16 bits are the
 * fingerprint. Within a line the oldest stand first, without gaps:
 *
 *     0        count                     30
 *     | oldest ... newest | 0 ... 0 | count |
 *
 * A line gets its keys by chance, some more, some fewer. With room for a
 * tenth more than is asked for, 3.4 % of the last `keys` have been pushed out
 * by then: with X of a Poisson distribution around 27, the expectation of
 * what X exceeds 30 by, over 27.
 *
 * With another number of lines, the keys of an old line belong to all the
 * new lines that cover some of its fractions, and nobody knows which of them
 * to which. So each new line gets the newest of every old line that it
 * overlaps with, in proportion to the overlap. What then stands where it does
 * not belong is never found, and is pushed out like the rest.
 *
 * A resize of many lines takes longer than one operation may. So a new line
 * is filled when it is first looked at; besides, each operation fills some
 * from the end, and what the rest does not need of the old lines goes back to
 * the system on the way. */
#include "store/ghost.h"

#include "base/memory.h"

#include <string.h>

enum {
    LINE_KEYS = 30,
    LINE_KEYS_ASKED = 27, /* nine tenths */
    LINE_LEN = 64,
    RESIZE_PART = 8, /* less than one in so many is not worth it */
    FILL_STEP = 2,   /* lines an operation */
    FILL_MANY = 64,  /* and a call of ghost_resize() */
    HELD_STEP = 1024 /* old lines given back at once */
};

struct line {
    uint16_t fingerprints[LINE_KEYS];
    uint16_t count;
    uint16_t is_filled; /* from the old lines; without any, no matter */
};

_Static_assert(sizeof(struct line) == LINE_LEN, "a line of the cache");

static struct line *line_at(const struct ghost_lines *lines, size_t i)
{
    return (struct line *)(void *)(lines->block + lines->offset) + i;
}

/* With one more, since memory_alloc() aligns to less than a line. */
static size_t lines_len(size_t count)
{
    return count ? (count + 1) * LINE_LEN : 0;
}

static bool alloc_lines(struct ghost_lines *lines, size_t count)
{
    lines->block = memory_alloc_zero(lines_len(count));
    lines->offset = LINE_LEN - (uintptr_t)lines->block % LINE_LEN;
    lines->count = count;
    return lines->block != NULL;
}

/* 0 is an empty place. */
static uint16_t fingerprint_of(uint64_t hash)
{
    uint16_t fingerprint = (uint16_t)hash;
    return fingerprint ? fingerprint : 1;
}

static uint64_t min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Adds the newest `share` of `from` to `line`, where there is room for them:
 * old among old and new among new. */
static void merge(struct line *line, const struct line *from, uint32_t share)
{
    const struct line there = *line;
    const uint16_t *added = &from->fingerprints[from->count - share];
    uint32_t i = 0, k = 0;
    while (i < there.count || k < share) {
        /* Who has come less far in his own row is next. */
        bool is_there =
            k == share || (i < there.count && i * share <= k * there.count);
        line->fingerprints[i + k] = is_there ? there.fingerprints[i] : added[k];
        i += is_there;
        k += !is_there;
    }
    line->count = (uint16_t)(i + k);
}

/* Fills line `i` from the old ones that it overlaps with. In units of which an
 * old line has as many as there are new ones, and the other way round. */
static void fill_line(const struct ghost *ghost, uint64_t i)
{
    struct line *line = line_at(&ghost->lines, i);
    uint64_t old_len = ghost->lines.count, len = ghost->old.count;
    uint64_t begin = i * len, end = begin + len;
    if (line->is_filled) {
        return;
    }
    line->is_filled = true;
    for (uint64_t k = begin / old_len; k * old_len < end; k++) {
        const struct line *old = line_at(&ghost->old, k);
        uint64_t from = max(begin, k * old_len);
        uint64_t to = min(end, (k + 1) * old_len);
        uint64_t share = ((to - from) * LINE_KEYS + len - 1) / len;
        share = min(share, old->count);
        share = min(share, LINE_KEYS - (uint64_t)line->count);
        merge(line, old, (uint32_t)share);
    }
}

/* Gives back the old lines that the unfilled ones do not need. */
static void trim_old(struct ghost *ghost)
{
    uint64_t new_count = ghost->lines.count;
    size_t needed =
        (ghost->unfilled * ghost->old.count + new_count - 1) / new_count;
    if (needed == 0) {
        memory_free(ghost->old.block);
        ghost->old = (struct ghost_lines){0};
        ghost->old_held = 0;
    } else if (ghost->old_held - needed >= HELD_STEP) {
        void *block = memory_resize(ghost->old.block, lines_len(needed));
        ghost->old.block = block ? block : ghost->old.block;
        ghost->old_held = block ? needed : ghost->old_held;
    }
}

static void fill_some(struct ghost *ghost, int count)
{
    for (int n = 0; n < count && ghost->unfilled > 0; n++) {
        fill_line(ghost, --ghost->unfilled);
    }
    trim_old(ghost);
}

/* The line of `hash`, filled. Not without lines. */
static struct line *find_line(struct ghost *ghost, uint64_t hash)
{
    size_t i = (size_t)((hash >> 32) * ghost->lines.count >> 32);
    if (ghost->old.block) {
        fill_line(ghost, i);
        fill_some(ghost, FILL_STEP);
    }
    return line_at(&ghost->lines, i);
}

static void line_remove(struct line *line, uint32_t i)
{
    line->count--;
    memmove(&line->fingerprints[i], &line->fingerprints[i + 1],
            (line->count - i) * sizeof line->fingerprints[0]);
    line->fingerprints[line->count] = 0;
}

void ghost_add(struct ghost *ghost, uint64_t hash)
{
    if (ghost->lines.count == 0) {
        return;
    }
    struct line *line = find_line(ghost, hash);
    if (line->count == LINE_KEYS) {
        line_remove(line, 0);
    }
    line->fingerprints[line->count++] = fingerprint_of(hash);
}

bool ghost_take(struct ghost *ghost, uint64_t hash)
{
    if (ghost->lines.count == 0) {
        return false;
    }
    struct line *line = find_line(ghost, hash);
    uint16_t fingerprint = fingerprint_of(hash);
    for (uint32_t i = 0; i < LINE_KEYS; i++) {
        if (line->fingerprints[i] == fingerprint) {
            line_remove(line, i);
            return true;
        }
    }
    return false;
}

size_t ghost_used(const struct ghost *ghost)
{
    return lines_len(ghost->lines.count) + lines_len(ghost->old_held);
}

void ghost_fini(struct ghost *ghost)
{
    memory_free(ghost->lines.block);
    memory_free(ghost->old.block);
    *ghost = (struct ghost){0};
}

static bool is_near(size_t count, size_t wanted)
{
    size_t apart = count < wanted ? wanted - count : count - wanted;
    return apart <= wanted / RESIZE_PART;
}

enum status ghost_resize(struct ghost *ghost, size_t keys)
{
    size_t count = (keys + LINE_KEYS_ASKED - 1) / LINE_KEYS_ASKED;
    if (count == 0) {
        ghost_fini(ghost);
        return STATUS_OK;
    }
    if (ghost->old.block) {
        fill_some(ghost, FILL_MANY);
        return STATUS_OK;
    }
    if (is_near(ghost->lines.count, count)) {
        return STATUS_OK;
    }
    struct ghost fresh = {
        .old = ghost->lines, .old_held = ghost->lines.count, .unfilled = count};
    if (!alloc_lines(&fresh.lines, count)) {
        return STATUS_NOMEM;
    }
    *ghost = fresh;
    return STATUS_OK;
}
