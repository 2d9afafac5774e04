/* A binary heap; each timer knows its place in it. */
#include "first_store/expiry.h"

#include "base/check.h"

/* The cell of place `place`. */
static struct timer **cell_of(const struct expiry *expiry, size_t place)
{
    return cells_at(&expiry->heap, place - 1);
}

static void put_at(struct expiry *expiry, size_t place, struct timer *timer)
{
    *cell_of(expiry, place) = timer;
    timer->place = place;
}

/* `timer` belongs at `place` or nearer to the top. */
static void sift_up(struct expiry *expiry, size_t place, struct timer *timer)
{
    while (place > 1) {
        struct timer *above = *cell_of(expiry, place / 2);
        if (above->due <= timer->due) {
            break;
        }
        put_at(expiry, place, above);
        place /= 2;
    }
    put_at(expiry, place, timer);
}

/* `timer` belongs at `place` or farther from the top. */
static void sift_down(struct expiry *expiry, size_t place, struct timer *timer)
{
    for (;;) {
        size_t below = place * 2;
        if (below > expiry->heap.count) {
            break;
        }
        struct timer *least = *cell_of(expiry, below);
        if (below < expiry->heap.count) {
            struct timer *other = *cell_of(expiry, below + 1);
            least = other->due < least->due ? other : least;
        }
        if (timer->due <= least->due) {
            break;
        }
        size_t least_place = least->place;
        put_at(expiry, place, least);
        place = least_place;
    }
    put_at(expiry, place, timer);
}

enum status expiry_add(struct expiry *expiry, struct timer *timer, uint64_t due)
{
    CHECK(!timer_is_set(timer));
    enum status status = cells_push(&expiry->heap);
    if (status) {
        return status;
    }
    timer->due = due;
    sift_up(expiry, expiry->heap.count, timer);
    return STATUS_OK;
}

void expiry_move(struct expiry *expiry, struct timer *timer, uint64_t due)
{
    CHECK(timer_is_set(timer));
    CHECK(*cell_of(expiry, timer->place) == timer);
    bool is_sooner = due < timer->due;
    timer->due = due;
    if (is_sooner) {
        sift_up(expiry, timer->place, timer);
    } else {
        sift_down(expiry, timer->place, timer);
    }
}

void expiry_remove(struct expiry *expiry, struct timer *timer)
{
    if (!timer_is_set(timer)) {
        return;
    }
    size_t place = timer->place;
    CHECK(*cell_of(expiry, place) == timer);
    struct timer *last = *cell_of(expiry, expiry->heap.count);
    cells_drop(&expiry->heap, 1);
    timer->place = 0;
    if (last != timer) {
        last->place = place;
        *cell_of(expiry, place) = last;
        expiry_move(expiry, last, last->due);
        sift_up(expiry, last->place, last);
    }
}

struct timer *expiry_first(const struct expiry *expiry)
{
    return expiry->heap.count > 0 ? *cell_of(expiry, 1) : NULL;
}
