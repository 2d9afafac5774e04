"""What the server must hold, in Python, and what it must answer: the same for
whatever protocol asks. Its operations take a Request and the Answer to it in
the form that both faces of test_two_faces.py translate theirs into, and raise
Divergence where the two do not go together."""
import json
import math
import re
from dataclasses import dataclass, field, replace
from typing import Optional

BYTES, TEXT, JSON = range(3)
INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED = 3, 5, 6, 7
FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE = 9, 10, 11
FOR_EVER = 0
OVER = -1  # a lifetime
SAME = -2  # the entry's own once more
LIFETIME_END = 1 << 39
INT_MIN, INT_MAX = -(1 << 63), (1 << 63) - 1
FIRST_LIMITS = dict(reserved=0, maximum=0, weight=100, maximum_entries=0,
                    default_lifetime_ms=0, maximum_lifetime_ms=0,
                    lifetime_jitter=0, when_full=0, read_only=False)


class Divergence(AssertionError):
    pass


class Refused(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.code = code


def must(is_so, *about):
    if not is_so:
        raise Divergence(" ".join(map(repr, about)))


@dataclass
class Request:
    op: str
    bank: str = ""
    key: bytes = b""
    value: bytes = b""
    kind: int = BYTES
    lifetime: Optional[int] = None  # ms, FOR_EVER, OVER, SAME; None: default
    condition: Optional[str] = None  # absent, present, version, value
    expected: object = None  # by the condition
    wants_previous: bool = False
    wants_version: bool = False
    wants_lifetime: bool = False
    is_exact: bool = True  # incr, with:
    delta: object = 0
    initial: object = None
    minimum: object = None
    maximum: object = None
    saturates: bool = False
    size_max: int = 0
    keys: list = field(default_factory=list)
    items: list = field(default_factory=list)  # put_many: Requests
    prefix: bytes = b""
    limit: int = 0
    wants_counts: bool = False
    change: dict = field(default_factory=dict)
    other: str = ""


@dataclass
class Seen:
    """A value as a face saw it; `is_value` tells whether it is what an entry
    holds. None: not told."""
    is_value: object = None
    kind: Optional[int] = None
    size: Optional[int] = None
    version: Optional[int] = None
    lifetime_ms: Optional[int] = None
    remaining_ms: Optional[int] = None


@dataclass
class Answer:
    code: Optional[int] = 0  # None: an error without a code
    seen: Optional[Seen] = None
    previous: Optional[Seen] = None
    version: int = 0
    number: object = None  # a sum, a size, a count
    codes: Optional[list] = None
    results: Optional[list] = None  # Seens and codes
    names: Optional[list] = None
    entries: Optional[list] = None  # keys with Seens
    table: Optional[dict] = None  # limits, statistics


@dataclass
class Entry:
    value: bytes
    kind: int
    lifetime: tuple = (0, 0)  # ms, at least and at most; 0: for ever
    version: Optional[int] = 0  # 0: nobody has asked; None: not told yet


class Bank:
    def __init__(self):
        self.entries, self.limits = {}, dict(FIRST_LIMITS)
        self.gets = {True: [0, 0], False: [0, 0]}  # hits, misses: see count()

    def count(self, is_hit, is_removal):
        """A get that removes as well may count or not."""
        self.gets[is_hit][0] += not is_removal
        self.gets[is_hit][1] += 1

    def lifetime(self, lifetime):
        """What an entry gets that is given `lifetime`."""
        if lifetime is None:
            lifetime = self.limits["default_lifetime_ms"]
        if lifetime >= LIFETIME_END:
            lifetime = FOR_EVER
        most = self.limits["maximum_lifetime_ms"]
        if 0 < most < LIFETIME_END and not 0 < lifetime <= most:
            lifetime = most
        jitter = self.limits["lifetime_jitter"]
        return lifetime * (100 - jitter) // 100, lifetime

    def again(self, lifetime):
        most = self.limits["maximum_lifetime_ms"]
        if lifetime[1] and 0 < most < LIFETIME_END:
            lifetime = min(lifetime[0], most), min(lifetime[1], most)
        return lifetime


class Model:
    def __init__(self):
        self.banks = {}
        self.versions = set()  # all that were told

    def check(self, request, answer):
        """Does what `request` asks, to which the server says `answer`."""
        try:
            if request.condition == "version" and request.expected == 0:
                raise Refused(INVALID_ARGUMENT)
            getattr(self, request.op)(request, answer)
        except Refused as refused:
            must(answer.code in (refused.code, None), "refused with",
                 refused.code, answer)
        else:
            must(answer.code == 0, "not refused", answer)

    # What all of them use

    def writable(self, name):
        bank = self.banks.get(name)
        if bank and bank.limits["read_only"]:
            raise Refused(PERMISSION_DENIED)
        return bank

    def entry(self, request, bank):
        if not bank or request.key not in bank.entries:
            raise Refused(NOT_FOUND)
        return bank.entries[request.key]

    def open(self, name):
        return self.banks.setdefault(name, Bank())

    def tell_version(self, entry, version):
        """It was asked for, so it must be there."""
        must(version, "no version")
        if not entry.version:
            must(version not in self.versions, "version used again", version)
            entry.version = version
            self.versions.add(version)
        must(version == entry.version, "version", version, entry.version)

    def compare(self, entry, seen):
        must(seen, "nothing told of", entry)
        must(seen.is_value is None or seen.is_value(entry.value, entry.kind),
             "value", entry)
        must(seen.kind in (None, entry.kind), "kind", seen.kind, entry)
        must(seen.size in (None, len(entry.value)), "size", seen.size, entry)
        self.compare_lifetime(entry, seen)

    @staticmethod
    def compare_lifetime(entry, seen):
        if seen.lifetime_ms is None:
            return
        least, most = entry.lifetime
        # It is kept to 19 bits, rounded up.
        must(least <= seen.lifetime_ms <= most * (1 + 2**-18), "lifetime",
             seen.lifetime_ms, entry)
        must(bool(most) == bool(seen.lifetime_ms) == bool(seen.remaining_ms),
             "for ever?", seen, entry)
        if most:
            entry.lifetime = seen.lifetime_ms, seen.lifetime_ms
            must(seen.lifetime_ms - 3600000 < seen.remaining_ms
                 <= seen.lifetime_ms, "remaining", seen, entry)

    def check_previous(self, request, entry, answer):
        """`entry` is there, or not, and the condition held or not."""
        if not entry or not request.wants_previous:
            must(answer.previous is None, "previous", answer)
            return
        self.compare(entry, answer.previous)
        version = answer.previous.version
        if entry.version is None:
            self.tell_version(entry, version)
        must(version == entry.version, "previous version", version, entry)

    def check_condition(self, request, entry, answer):
        condition = request.condition
        if not entry and condition in ("present", "version", "value"):
            raise Refused(NOT_FOUND)
        self.check_previous(request, entry, answer)
        if not entry:
            return
        if condition == "absent":
            raise Refused(ALREADY_EXISTS)
        if condition == "version" and request.expected != entry.version:
            # One that is not told yet is none that can be named.
            raise Refused(ABORTED)
        if condition == "value" and request.expected != entry.value:
            raise Refused(ABORTED)

    @staticmethod
    def changed(entry):
        """Its version, then, is another; unknown unless nobody asks."""
        entry.version = 0 if entry.version == 0 else None

    # Operations

    def put(self, request, answer):
        bank = self.writable(request.bank)
        old = bank.entries.get(request.key) if bank else None
        self.check_condition(request, old, answer)
        bank = self.open(request.bank)
        if request.lifetime == OVER:
            bank.entries.pop(request.key, None)
            return
        entry = Entry(request.value, request.kind,
                      bank.lifetime(request.lifetime),
                      old.version if old else 0)
        bank.entries[request.key] = entry
        self.changed(entry)
        if request.wants_version:
            self.tell_version(entry, answer.version)

    def get(self, request, answer):
        bank = self.banks.get(request.bank)
        if request.lifetime is not None:
            self.writable(request.bank)
        if bank:
            bank.count(request.key in bank.entries, request.lifetime == OVER)
        entry = self.entry(request, bank)
        if request.lifetime == OVER:
            del bank.entries[request.key]
            must(answer.seen.is_value(entry.value, entry.kind), entry)
            return
        self.touch_entry(bank, entry, request.lifetime)
        self.look(request, entry, answer)

    def meta(self, request, answer):
        entry = self.entry(request, self.banks.get(request.bank))
        self.look(request, entry, answer)

    def look(self, request, entry, answer):
        self.compare(entry, answer.seen)
        if request.wants_version:
            self.tell_version(entry, answer.seen.version)
        else:
            must(not answer.seen.version, "version", answer)

    def remove(self, request, answer):
        bank = self.writable(request.bank)
        entry = self.entry(request, bank)
        self.check_condition(request, entry, answer)
        del bank.entries[request.key]

    @staticmethod
    def touch_entry(bank, entry, lifetime):
        if lifetime == SAME:
            entry.lifetime = bank.again(entry.lifetime)
        elif lifetime is not None:
            entry.lifetime = bank.lifetime(lifetime)

    def touch(self, request, answer):
        bank = self.writable(request.bank)
        entry = self.entry(request, bank)
        if request.lifetime == OVER:
            del bank.entries[request.key]
        else:
            self.touch_entry(bank, entry, request.lifetime)

    def incr(self, request, answer):
        if None not in (request.minimum, request.maximum) and \
                request.minimum > request.maximum:
            raise Refused(INVALID_ARGUMENT)
        bank = self.writable(request.bank)
        entry = bank.entries.get(request.key) if bank else None
        if entry:
            value = number_of(entry, request.is_exact)
        elif request.initial is None:
            raise Refused(NOT_FOUND)
        else:
            value = request.initial
        total = add(value, request)
        must(is_same_number(total, answer.number), "sum", total, answer)
        text = json.dumps(total).encode()
        if entry:
            entry.value, entry.kind = text, JSON
            self.changed(entry)
            return
        bank = self.open(request.bank)
        if request.lifetime != OVER:
            bank.entries[request.key] = Entry(text, JSON,
                                              bank.lifetime(request.lifetime))

    def append(self, request, answer):
        bank = self.banks.get(request.bank)
        if bank:
            self.writable(request.bank)
        entry = self.entry(request, bank)
        if entry.kind == JSON or entry.kind == TEXT and \
                not is_utf8(request.value):
            raise Refused(FAILED_PRECONDITION)
        size = len(entry.value) + len(request.value)
        if request.size_max and size > request.size_max:
            raise Refused(OUT_OF_RANGE)
        must(answer.number == size, "size", answer, size)
        entry.value = request.value + entry.value \
            if request.op == "prepend" else entry.value + request.value
        self.changed(entry)

    prepend = append

    def get_many(self, request, answer):
        must(len(answer.results) == len(request.keys), answer)
        for key, result in zip(request.keys, answer.results):
            one = replace(request, op="get", key=key)
            self.check(one, Answer(code=result) if isinstance(result, int)
                       else Answer(seen=result))

    def each(self, ones, answer):
        must(len(answer.codes) == len(ones), answer)
        for one, code in zip(ones, answer.codes):
            self.check(one, Answer(code=code))

    def put_many(self, request, answer):
        self.each([replace(item, op="put", bank=request.bank)
                   for item in request.items], answer)

    def remove_many(self, request, answer):
        self.each([replace(request, op="remove", key=key)
                   for key in request.keys], answer)

    def touch_many(self, request, answer):
        self.each([replace(request, op="touch", key=key)
                   for key in request.keys], answer)

    def listed(self, request):
        bank = self.banks.get(request.bank)
        return {key: entry for key, entry in bank.entries.items()
                if key.startswith(request.prefix)} if bank else {}

    def same_set(self, listed, wanted):
        must(len(listed) == len(set(listed)), "listed twice", listed)
        must(set(listed) == set(wanted), "listed", listed, list(wanted))

    def bank_keys(self, request, answer):
        self.same_set(answer.names, self.listed(request))

    def bank_entries(self, request, answer):
        wanted = self.listed(request)
        self.same_set([key for key, _ in answer.entries], wanted)
        for key, seen in answer.entries:
            self.compare(wanted[key], seen)

    def remove_by_prefix(self, request, answer):
        bank = self.writable(request.bank)
        gone = self.listed(request)
        must(answer.number == len(gone), "removed", answer, len(gone))
        for key in gone:
            del bank.entries[key]

    def bank_list(self, request, answer):
        prefix = request.prefix.decode()
        self.same_set(answer.names, [name for name in self.banks
                                     if name.startswith(prefix)])
        for name, entries in (answer.table or {}).items():
            must(entries == len(self.banks[name].entries), name, entries)

    def bank_reset(self, request, answer):
        bank = self.writable(request.bank)
        if bank:
            bank.entries.clear()

    def bank_stats(self, request, answer):
        bank = self.banks.get(request.bank)
        if not bank:
            raise Refused(NOT_FOUND)
        table = answer.table
        must(table["entries"] == len(bank.entries), table, len(bank.entries))
        misses = sum(count for name, count in table.items()
                     if name.startswith("misses"))
        for count, (least, most) in ((table["hits"], bank.gets[True]),
                                     (misses, bank.gets[False])):
            must(least <= count <= most, table, bank.gets)
        must({name: table[name] for name in bank.limits} == bank.limits,
             table, bank.limits)

    def bank_configure(self, request, answer):
        bank = self.banks.get(request.bank)
        limits = {**(bank.limits if bank else FIRST_LIMITS), **request.change}
        if limits["maximum"] and limits["reserved"] > limits["maximum"]:
            raise Refused(INVALID_ARGUMENT)
        if limits["reserved"] > 1 << 40:
            raise Refused(OUT_OF_RANGE)
        must(answer.table == limits, answer, limits)
        self.open(request.bank).limits = limits

    def bank_drop(self, request, answer):
        if not self.writable(request.bank):
            raise Refused(NOT_FOUND)
        del self.banks[request.bank]

    def bank_rename(self, request, answer):
        bank = self.writable(request.bank)
        if not bank:
            raise Refused(NOT_FOUND)
        if request.other in self.banks:
            raise Refused(ALREADY_EXISTS)
        self.banks[request.other] = self.banks.pop(request.bank)

    def bank_swap(self, request, answer):
        banks = self.banks
        one, other = request.bank, request.other
        if one not in banks or other not in banks:
            raise Refused(NOT_FOUND)
        self.writable(one), self.writable(other)
        banks[one], banks[other] = banks[other], banks[one]
        limits = banks[one].limits
        banks[one].limits = banks[other].limits
        banks[other].limits = limits


def is_utf8(value):
    try:
        value.decode()
        return True
    except UnicodeDecodeError:
        return False


def number_of(entry, is_exact):
    """The number that an entry holds, as the original's float() reads it."""
    try:
        value = entry.value.decode()
        if len(entry.value) > 4096:
            raise ValueError
        if entry.kind == JSON:
            value = json.loads(value)
        if isinstance(value, (list, dict, type(None))):
            raise ValueError
        real = float(value)
    except (ValueError, OverflowError):
        raise Refused(FAILED_PRECONDITION) from None
    if not is_exact:
        return real
    is_written_whole = isinstance(value, int) or isinstance(value, str) and \
        re.fullmatch(r"\s*[+-]?[\d_]+\s*", value)
    if not is_written_whole and (not math.isfinite(real) or real % 1):
        raise Refused(FAILED_PRECONDITION)
    return int(value if is_written_whole else real)


def add(value, request):
    """Within the bounds, and for an exact one within 64 bits."""
    total = value + request.delta
    if request.is_exact:
        beyond = value if not INT_MIN <= value <= INT_MAX else total
        if not INT_MIN <= beyond <= INT_MAX:
            if not request.saturates:
                raise Refused(OUT_OF_RANGE)
            total = INT_MAX if beyond > 0 else INT_MIN
    bounded = total
    if request.maximum is not None and total > request.maximum:
        bounded = request.maximum
    elif request.minimum is not None and total < request.minimum:
        bounded = request.minimum
    if bounded is not total and not request.saturates:
        raise Refused(OUT_OF_RANGE)
    return bounded


def is_same_number(one, other):
    return type(one) is type(other) and (one == other or one != one and
                                         other != other)
