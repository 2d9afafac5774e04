/* A row of pointer-sized cells that grows and shrinks at its end without ever
 * moving one, so that a step takes no longer in a long row than in a short
 * one. What hash tables and heaps of the store are made of. The caller
 * locks. */
#ifndef CACHESERVER_STORE_CELLS_H
#define CACHESERVER_STORE_CELLS_H

#include "base/check.h"
#include "base/status.h"

#include <stddef.h>

enum { CELLS_OF_A_PIECE = 32 };

/* Owns its memory. Zeroes are an empty row, which holds none. */
struct cells {
    void **pieces;
    size_t room; /* pieces that `pieces` has room for */
    size_t count;
};

/* Empties the row. */
void cells_fini(struct cells *cells);

/* Adds a cell of zeroes at the end; STATUS_NOMEM, and nothing changed. */
enum status cells_push(struct cells *cells);

/* Takes the last `n` cells away, or all there are. */
void cells_drop(struct cells *cells, size_t n);

/* The cell at `index`, which is one of the row's; *borrowed* until dropped. */
static inline void *cells_at(const struct cells *cells, size_t index)
{
    CHECK(index < cells->count);
    void **piece = (void **)cells->pieces[index / CELLS_OF_A_PIECE];
    return &piece[index % CELLS_OF_A_PIECE];
}

#endif
