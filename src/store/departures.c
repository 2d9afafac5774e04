/* A key belongs to a group of eight cells, by the first bits of its hash. A
 * cell has 14 bits of the hash and two that say how the key left; one of
 * zeroes is empty. The newest cell stands lowest, and the oldest falls out
 * at the end:
 *
 *     new ->  words[0]: 0 1 2 3  ->  words[1]: 4 5 6 7  -> forgotten
 *
 * Eight cells with 14 bits each: a key that none of them is for is taken for
 * one of them in 8 of 16,384 cases. Two who note into one group at the same
 * time may lose a note.
 *
 * When the groups double, each is copied to both that its keys now belong
 * to; when they halve, the newer half of two is kept. What then stands where
 * it does not belong is pushed out by and by. */
#include "store/departures.h"

#include "base/memory.h"
#include "store/commons.h"
#include "store/epoch.h"

#include <stdbool.h>

enum {
    CELL_BITS = 16,
    WORD_CELLS = 4,
    GROUP_CELLS = 8,
    LAST_SHIFT = 48, /* of the oldest cell in a word */
    MARK_MASK = 0xfffc,
    CELLS_MIN = 8192,
    ENTRIES_A_CELL = 2, /* so many entries, and another cell is worth it ... */
    MEMORY_SHARE = 128, /* ... within one part in so many of the limit */
    LOOKS = 32          /* groups asked whether they are full */
};

#define HOW_MASK       UINT64_C(3)
#define NO_LIMIT_CELLS ((uint64_t)16 << 20)

struct group {
    _Atomic uint64_t words[2];
};

struct departure_lines {
    struct retired retired; /* first */
    unsigned bits;          /* of the hash that tell the group */
    struct group groups[];
};

static size_t group_count(const struct departure_lines *lines)
{
    return (size_t)1 << lines->bits;
}

static size_t lines_len(const struct departure_lines *lines)
{
    return sizeof *lines + group_count(lines) * sizeof(struct group);
}

static struct departure_lines *create_lines(unsigned bits,
                                            struct commons *commons)
{
    struct departure_lines *lines = memory_alloc_zero(
        sizeof *lines + ((size_t)1 << bits) * sizeof(struct group));
    if (lines) {
        lines->bits = bits;
        atomic_fetch_add_explicit(&commons->other, lines_len(lines),
                                  memory_order_relaxed);
    }
    return lines;
}

static void free_lines(struct departure_lines *lines, struct commons *commons)
{
    atomic_fetch_sub_explicit(&commons->other, lines_len(lines),
                              memory_order_relaxed);
    memory_free(lines);
}

static void release_lines(struct retired *retired, void *arg)
{
    free_lines((struct departure_lines *)(void *)retired, arg);
}

static struct departure_lines *lines_of(const struct departures *departures)
{
    return atomic_load_explicit(&departures->lines, memory_order_acquire);
}

static struct group *group_of(struct departure_lines *lines, uint64_t hash)
{
    return &lines->groups[hash >> (64 - lines->bits)];
}

static uint64_t load(const struct group *group, int word)
{
    return atomic_load_explicit(&group->words[word], memory_order_relaxed);
}

static void store(struct group *group, int word, uint64_t cells)
{
    atomic_store_explicit(&group->words[word], cells, memory_order_relaxed);
}

/* The bits of a cell that are the key's; never all zero. */
static uint16_t mark_of(uint64_t hash)
{
    uint16_t mark = (uint16_t)(hash << 2);
    return mark ? mark : 4;
}

static unsigned log2_of(uint64_t n)
{
    return 63 - (unsigned)__builtin_clzll(n);
}

enum status departures_init(struct departures *departures,
                            struct commons *commons)
{
    struct departure_lines *lines =
        create_lines(log2_of(CELLS_MIN / GROUP_CELLS), commons);
    atomic_init(&departures->lines, lines);
    return lines ? STATUS_OK : STATUS_NOMEM;
}

void departures_fini(struct departures *departures, struct commons *commons)
{
    struct departure_lines *lines = lines_of(departures);
    if (lines) {
        free_lines(lines, commons);
    }
}

/* The cell of `group` with `mark`; GROUP_CELLS when there is none. */
static int find_cell(const struct group *group, uint16_t mark)
{
    for (int word = 0; word < 2; word++) {
        uint64_t cells = load(group, word);
        for (int i = 0; cells; i++, cells >>= CELL_BITS) {
            if ((cells & MARK_MASK) == mark) {
                return word * WORD_CELLS + i;
            }
        }
    }
    return GROUP_CELLS;
}

void departures_note(struct departures *departures, uint64_t hash,
                     enum departure how)
{
    struct group *group = group_of(lines_of(departures), hash);
    int cell = find_cell(group, mark_of(hash));
    if (cell < GROUP_CELLS) {
        int word = cell / WORD_CELLS;
        int shift = cell % WORD_CELLS * CELL_BITS;
        store(group, word,
              (load(group, word) & ~(HOW_MASK << shift)) | (uint64_t)how
                                                               << shift);
        return;
    }
    uint64_t first = load(group, 0);
    uint64_t second = load(group, 1);
    store(group, 1, second << CELL_BITS | first >> LAST_SHIFT);
    store(group, 0, first << CELL_BITS | mark_of(hash) | (uint64_t)how);
}

enum departure departures_find(const struct departures *departures,
                               uint64_t hash)
{
    const struct group *group = group_of(lines_of(departures), hash);
    int cell = find_cell(group, mark_of(hash));
    if (cell == GROUP_CELLS) {
        return DEPARTURE_NONE;
    }
    uint64_t cells = load(group, cell / WORD_CELLS);
    return (enum departure)(cells >> cell % WORD_CELLS * CELL_BITS & HOW_MASK);
}

size_t departures_capacity(const struct departures *departures)
{
    return group_count(lines_of(departures)) * GROUP_CELLS;
}

/* A sample of the groups says whether most have begun to forget. */
static bool is_full(const struct departure_lines *lines)
{
    size_t full = 0;
    for (size_t i = 0; i < LOOKS; i++) {
        const struct group *group =
            &lines->groups[i * (group_count(lines) / LOOKS)];
        full += load(group, 1) >> LAST_SHIFT != 0;
    }
    return full > LOOKS / 2;
}

static uint64_t cells_wanted(const struct commons *commons, uint64_t entries)
{
    uint64_t cells = entries / ENTRIES_A_CELL;
    uint64_t most = commons->memory_max
                        ? commons->memory_max / MEMORY_SHARE / sizeof(uint16_t)
                        : NO_LIMIT_CELLS;
    cells = cells < most ? cells : most;
    return cells > CELLS_MIN ? cells : CELLS_MIN;
}

static void copy_groups(struct departure_lines *to,
                        const struct departure_lines *from)
{
    for (size_t i = 0; i < group_count(to); i++) {
        bool is_more = to->bits > from->bits;
        const struct group *one = &from->groups[is_more ? i / 2 : 2 * i];
        const struct group *other = is_more ? one : one + 1;
        store(&to->groups[i], 0, load(one, 0));
        store(&to->groups[i], 1, load(other, is_more));
    }
}

static void resize(struct departures *departures, struct commons *commons,
                   unsigned bits)
{
    struct departure_lines *old = lines_of(departures);
    struct departure_lines *fresh = create_lines(bits, commons);
    if (fresh) {
        copy_groups(fresh, old);
        atomic_store_explicit(&departures->lines, fresh, memory_order_release);
        epochs_retire(commons->epochs, &old->retired, release_lines);
    }
}

void departures_fit(struct departures *departures, struct commons *commons,
                    uint64_t entries)
{
    const struct departure_lines *lines = lines_of(departures);
    uint64_t wanted = cells_wanted(commons, entries);
    uint64_t there = departures_capacity(departures);
    if (there < wanted && is_full(lines)) {
        resize(departures, commons, lines->bits + 1);
    } else if (there > CELLS_MIN && there / 4 >= wanted) {
        resize(departures, commons, lines->bits - 1);
    }
}
