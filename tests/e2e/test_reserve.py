"""What a bank is promised while others flood the server: its reserve, and
that none exceeds its maximum."""
import os
import random
import time
import unittest

import cache_pb2
from server import Server
from test_linear import run_all
from wire import Wire

LONG = "TEST_LONG" in os.environ
MIB = 1 << 20
MEMORY = 64 * MIB
SOURCE = random.Random(1).randbytes(2 * MIB)
SIZES = [10, 10, 100, 100, 1000, 1000, 5000, 20000, 100000, 400000]
BURST = 20
ENTRY_MOST = 8192  # bytes that are charged beside the value


def value_of(number):
    """That of one key: its size and bytes follow from its number."""
    rand = random.Random(number)
    size = rand.randint(0, rand.choice(SIZES))
    start = rand.randrange(len(SOURCE) - size)
    return SOURCE[start:start + size]


def walk(wire, bank):
    """All entries, page by page."""
    cursor = b""
    while True:
        page = wire.ask("bank_entries", bank=bank, cursor=cursor).bank_entries
        yield from page.entries
        cursor = page.cursor
        if not cursor:
            return


class Flood:
    """Puts and appends at random into a bank until it is told to stop; keys
    that are met again change their size."""

    def __init__(self, server, bank, seed, is_over):
        self.rand = random.Random(seed)
        self.bank, self.is_over, self.done = bank, is_over, 0
        self.wire = Wire(server, 60)

    def run(self):
        with self.wire:
            while not self.is_over():
                self.wire.send(b"".join(self.frame() for _ in range(BURST)))
                for _ in range(BURST):
                    answer = self.wire.read()
                    # An append may find its entry gone.
                    assert answer.error.code in (
                        0, cache_pb2.CODE_NOT_FOUND), (self.bank, answer)
                self.done += BURST

    def frame(self):
        number = self.rand.randrange(100000)
        value = value_of(self.rand.randrange(1 << 30))
        op = "append" if len(value) < 1000 and self.rand.random() < 0.2 \
            else "put"
        return self.wire.frame(op, bank=self.bank, key=b"%d" % number,
                               value=value)


class Reserve(unittest.TestCase):
    seconds = 20

    def setUp(self):
        self.server = self.enterContext(Server(
            "--memory-limit", str(MEMORY), workers=4))
        self.wire = self.enterContext(Wire(self.server, 60))

    def flood(self, *banks, watch=lambda is_over: None):
        """A connection for each, for some seconds."""
        end = time.monotonic() + (60 if LONG else 3)

        def is_over():
            return time.monotonic() > end

        floods = [Flood(self.server, bank, seed, is_over)
                  for seed, bank in enumerate(banks)]
        run_all(lambda: watch(is_over), *(flood.run for flood in floods))

    def configure(self, bank, **limits):
        answer = self.wire.ask("bank_configure", bank=bank, **limits)
        self.assertEqual(answer.WhichOneof("result"), "bank_configure", answer)

    def stats(self, wire, bank):
        return wire.ask("bank_stats", bank=bank).bank_stats

    def fill(self, bank, most):
        """Puts the keys from 0 on while `most` bytes hold them; answers how
        many there are."""
        count = left = 0
        while True:
            needed = len(value_of(count)) + ENTRY_MOST
            if left < needed:
                left = most - self.stats(self.wire, bank).bytes
            if left < needed:
                return count
            answer = self.wire.ask("put", bank=bank, key=b"%d" % count,
                                   value=value_of(count))
            self.assertEqual(answer.WhichOneof("result"), "put")
            left -= needed
            count += 1

    def test_a_bank_within_its_reserve_loses_nothing_to_a_flood(self):
        reserved = MEMORY // 2
        self.configure("kept", reserved=reserved)
        count = self.fill("kept", reserved)
        stats = self.stats(self.wire, "kept")
        self.assertGreater(stats.bytes, reserved * 0.98)
        self.assertLessEqual(stats.bytes, reserved)
        self.flood("flood", "flood", "other")
        for bank in ("flood", "other"):
            self.assertGreater(self.stats(self.wire, bank).evictions, 100)
        stats = self.stats(self.wire, "kept")
        self.assertEqual((stats.entries, stats.evictions), (count, 0))
        for number in range(count):
            got = self.wire.ask("get", bank="kept", key=b"%d" % number)
            self.assertEqual(got.WhichOneof("result"), "get", number)
            self.assertEqual(got.get.value, value_of(number), number)

    def test_no_bank_is_ever_seen_beyond_its_maximum(self):
        maximum, maximum_entries = 4 * MIB, 500
        self.configure("bytes", maximum=maximum)
        self.configure("entries", maximum_entries=maximum_entries)
        seen = {"bytes": [], "entries": []}
        self.flood("bytes", "bytes", "entries", "entries", "flood",
                   watch=lambda is_over: self.watch(seen, is_over))
        for (bank, sizes), most in zip(seen.items(),
                                       (maximum, maximum_entries)):
            self.assertLessEqual(max(sizes), most, bank)
            self.assertGreater(max(sizes), most * 0.9, bank)
            self.assertGreater(len(sizes), 20)
            stats, entries = self.count(bank)
            self.assertEqual(len({e.key for e in entries}), len(entries))
            self.assertEqual(len(entries), stats.entries)
            self.assertLess(sum(len(e.key) + len(e.value) for e in entries),
                            stats.bytes)

    def count(self, bank):
        """What is told of it and what a walk finds, when nothing came in
        between: the server still makes a little room ahead."""
        for _ in range(100):
            stats = self.stats(self.wire, bank)
            entries = list(walk(self.wire, bank))
            if self.stats(self.wire, bank) == stats:
                return stats, entries
        self.fail(f"{bank} does not come to rest")

    def watch(self, seen, is_over):
        with Wire(self.server, 60) as wire:
            while not is_over():
                for bank, sizes in seen.items():
                    sizes.append(getattr(self.stats(wire, bank), bank))


if __name__ == "__main__":
    unittest.main()
