"""Whether what several clients did to one entry, and were told, could have
been done one by one: the search of Wing and Gong, which goes through all orders
that the times allow, with what Lowe added, that nothing is looked at twice.

The entry is a Cell or None; what a client asked and was told is an Event. A
version counts from when somebody is told of it: until then it is None, and is
none that a client can name."""
from typing import NamedTuple, Optional

NOT_FOUND, ALREADY_EXISTS, ABORTED = 5, 6, 10


class Cell(NamedTuple):
    value: int
    version: Optional[int] = None


class Event(NamedTuple):
    begin: int
    end: int
    op: str  # a method of Sequential
    value: int = 0  # put: what; incr: by how much
    named: int = 0  # put_if_version
    code: int = 0  # and then what was told:
    told: int = 0  # the value or the sum
    version: int = 0


class Misfit(Exception):
    """The answer cannot come from this entry."""


class Sequential:
    """Each operation answers the entry as it is then."""

    def put(self, cell, event):
        fits(event.code == 0)
        return Cell(event.value, event.version or None)

    def put_if_absent(self, cell, event):
        if cell:
            fits(event.code == ALREADY_EXISTS)
            return cell
        return self.put(cell, event)

    def put_if_version(self, cell, event):
        if not cell or cell.version != event.named:
            fits(event.code == (ABORTED if cell else NOT_FOUND))
            return cell
        return self.put(cell, event)

    def get(self, cell, event):
        if not cell:
            fits(event.code == NOT_FOUND)
            return cell
        fits(event.code == 0 and event.told == cell.value)
        fits(cell.version in (None, event.version))
        return cell._replace(version=event.version)

    def remove(self, cell, event):
        fits(event.code == (0 if cell else NOT_FOUND))
        return None

    def incr(self, cell, event):
        if not cell:
            fits(event.code == NOT_FOUND)
            return cell
        fits(event.code == 0 and event.told == cell.value + event.value)
        return Cell(event.told)

    def incr_from_0(self, cell, event):
        return self.incr(cell or Cell(0), event)


def fits(is_so):
    if not is_so:
        raise Misfit


def is_linearizable(history):
    """Whether there is an order in which each event comes between its begin
    and its end and was told what was so."""
    sequential, seen = Sequential(), set()
    todo = [(frozenset(range(len(history))), None)]
    while todo:
        left, cell = todo.pop()
        if not left:
            return True
        if (left, cell) in seen:
            continue
        seen.add((left, cell))
        first_end = min(history[i].end for i in left)
        for i in left:
            event = history[i]
            if event.begin > first_end:
                continue
            try:
                after = getattr(sequential, event.op)(cell, event)
            except Misfit:
                continue
            todo.append((left - {i}, after))
    return False
