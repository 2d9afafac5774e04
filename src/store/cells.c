/* Cells lie in pieces of equal size behind a list of pieces. Only the list
 * is ever copied: a quarter of a byte for each cell. */
#include "store/cells.h"

#include "base/memory.h"

#include <stdbool.h>

enum { PIECES_MIN = 4 };

static bool make_room_in_list(struct cells *cells)
{
    size_t room = cells->room ? cells->room * 2 : PIECES_MIN;
    void **pieces = memory_resize(cells->pieces, room * sizeof *pieces);
    if (!pieces) {
        return false;
    }
    cells->pieces = pieces;
    cells->room = room;
    return true;
}

static bool add_piece(struct cells *cells, size_t index)
{
    if (index == cells->room && !make_room_in_list(cells)) {
        return false;
    }
    cells->pieces[index] = memory_alloc(CELLS_OF_A_PIECE * sizeof(void *));
    return cells->pieces[index] != NULL;
}

enum status cells_push(struct cells *cells)
{
    bool is_piece_full = cells->count % CELLS_OF_A_PIECE == 0;
    if (is_piece_full && !add_piece(cells, cells->count / CELLS_OF_A_PIECE)) {
        return STATUS_NOMEM;
    }
    cells->count++;
    *(void **)cells_at(cells, cells->count - 1) = NULL;
    return STATUS_OK;
}

void cells_drop(struct cells *cells, size_t n)
{
    for (; n > 0 && cells->count > 0; n--) {
        cells->count--;
        if (cells->count % CELLS_OF_A_PIECE == 0) {
            memory_free(cells->pieces[cells->count / CELLS_OF_A_PIECE]);
        }
    }
    if (cells->count == 0) {
        memory_free(cells->pieces);
        *cells = (struct cells){0};
    }
}

void cells_fini(struct cells *cells)
{
    cells_drop(cells, cells->count);
}
