"""What many clients do to one entry at once is as if they had come one by one:
counters, compare-and-set, and whatever else short histories hold."""
import json
import os
import random
import threading
import time
import unittest

import cache_pb2
from linear import (ABORTED, ALREADY_EXISTS, NOT_FOUND, Event,
                    is_linearizable)
from server import Server, is_sanitized
from wire import Json, Wire

LONG = "TEST_LONG" in os.environ


def seed():
    return int(os.environ.get("TEST_SEED", time.time_ns()))


def run_all(*functions):
    """Runs them side by side; what one raises is raised here."""
    failures = []

    def run(function):
        try:
            function()
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(function,))
               for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class Counter(unittest.TestCase):
    seconds = 20
    connections, burst = 64, 125

    def test_exact_increments_of_64_connections_are_all_told_apart(self):
        rounds = 125 if LONG else 13
        total = rounds * self.connections * self.burst
        with Server(workers=4) as server:
            clients = [self.enterContext(Wire(server, 60))
                       for _ in range(self.connections)]
            clients[0].ask("put", bank="linear", key=b"n", value=b"0")
            sums = self.count(clients, rounds)
            self.assertEqual(len(sums), total)
            self.assertEqual(set(sums), set(range(1, total + 1)))
            got = clients[0].ask("get", bank="linear", key=b"n").get
            self.assertEqual(got.value, b"%d" % total)

    def count(self, clients, rounds):
        """Everyone has a burst on its way before the first answer is read."""
        frames = clients[0].frame("incr", bank="linear", key=b"n",
                                  integer=1) * self.burst
        files = [self.enterContext(client.socket.makefile("rb"))
                 for client in clients]
        parse, sums = cache_pb2.Response.FromString, []
        for _ in range(rounds):
            for client in clients:
                client.send(frames)
            for file in files:
                for _ in range(self.burst):
                    size = int.from_bytes(file.read(4), "big")
                    sums.append(parse(file.read(size)).incr.integer)
        return sums


class CompareAndSet(unittest.TestCase):
    seconds = 10

    def test_no_update_is_lost_between_get_and_put_if_version(self):
        each = 3000 if LONG else 300
        with Server(workers=4) as server:
            with Wire(server) as wire:
                wire.ask("put", bank="linear", key=b"n", value=b"0",
                         kind=cache_pb2.VALUE_KIND_JSON)
            clients = [WireClient(server) for _ in range(4)]
            clients += [JsonClient(server) for _ in range(2)]
            versions = []
            run_all(*(lambda client=client: self.add(client, each, versions)
                      for client in clients))
            must = each * len(clients)
            with WireClient(server) as client:
                self.assertEqual(client.ask("get", "n").told, must)
            self.assertEqual(len(set(versions)), must)

    def add(self, client, count, versions):
        with client:
            while count:
                seen = client.ask("get", "n")
                put = client.ask("put_if_version", "n", value=seen.told + 1,
                                 named=seen.version)
                self.assertIn(put.code, (0, ABORTED))
                if not put.code:
                    self.assertNotEqual(put.version, seen.version)
                    versions.append(put.version)
                    count -= 1


class Pieces(unittest.TestCase):
    seconds = 5

    def test_every_piece_is_in_the_value_once_at_its_end(self):
        each = 2000 if LONG else 500
        with Server(workers=4) as server:
            with Wire(server) as wire:
                wire.ask("put", bank="linear", key=b"k", value=b"|")
            sizes = []
            ops = ["append", "prepend"] * 3
            run_all(*(lambda op=op, at=at: self.add(server, op, at, each,
                                                    sizes)
                      for at, op in enumerate(ops)))
            with Wire(server) as wire:
                value = wire.ask("get", bank="linear", key=b"k").get.value
        self.assertEqual(len(set(sizes)), each * len(ops))
        before, after = (
            [half[at:at + 8] for at in range(0, len(half), 8)]
            for half in value.decode().split("|"))
        for at, op in enumerate(ops):
            pieces = after if op == "append" else before[::-1]
            self.assertEqual([p for p in pieces if p.startswith(f"{at}:")],
                             [f"{at}:{i:06}" for i in range(each)])
        self.assertEqual(len(before) + len(after), each * len(ops))

    def add(self, server, op, at, count, sizes):
        with Wire(server, 60) as wire:
            for i in range(count):
                answer = wire.ask(op, bank="linear", key=b"k",
                                  value=b"%d:%06d" % (at, i))
                sizes.append(getattr(answer, op).size)


class Banks(unittest.TestCase):
    """Banks come and go beside those who use them."""
    seconds = 10
    burst = 100
    may_be = {"put": {0}, "bank_drop": {0, NOT_FOUND}, "bank_reset": {0},
              "bank_configure": {0}, "remove_by_prefix": {0},
              "bank_rename": {0, NOT_FOUND, ALREADY_EXISTS},
              "bank_swap": {0, NOT_FOUND}, "bank_keys": {0},
              "append": {0, NOT_FOUND}, "remove": {0, NOT_FOUND}}

    def test_nobody_is_told_of_a_drop_that_came_in_between(self):
        bursts = 5000 if LONG else 100 if is_sanitized() else 400
        self.told = set()
        put, drop = ("put", {"key": b"k", "value": b"v"}), ("bank_drop", {})
        reset, swap = ("bank_reset", {}), ("bank_swap", {"other": "other"})
        others = [("bank_rename", {"to": "other"}), swap,
                  ("remove_by_prefix", {}), ("bank_configure", {"weight": 5}),
                  ("append", {"key": b"k", "value": b"v"}),
                  ("bank_keys", {}), ("remove", {"key": b"k"})]
        with Server(workers=4) as server:
            run_all(*(lambda ops=ops: self.repeat(server, ops, bursts)
                      for ops in ([put, drop], [drop, put], [reset], others)))
        for op, codes in self.may_be.items():
            told = {code for name, code in self.told if name == op}
            self.assertLessEqual(told, codes, op)
            self.assertTrue(told, op)

    def repeat(self, server, ops, bursts):
        with Wire(server, 60) as wire:
            frames = b"".join(
                wire.frame(op, bank="linear", **fields)
                for _ in range(self.burst // len(ops)) for op, fields in ops)
            for _ in range(bursts):
                wire.send(frames)
                for _ in range(self.burst // len(ops)):
                    for op, _ in ops:
                        self.told.add((op, wire.read().error.code))


class WireClient(Wire):
    """Asks for what an Event describes, and answers the Event."""

    def ask(self, op, key, value=0, named=0):
        request = cache_pb2.Request(id=1)
        message = getattr(request, op.split("_")[0])
        message.bank, message.key = "linear", key.encode()
        if op.startswith("put"):
            message.value, message.return_version = b"%d" % value, True
        if op.startswith("incr"):
            message.integer = value
        if op == "get":
            message.return_version = True
        if op == "put_if_absent":
            message.if_absent = True
        if op == "put_if_version":
            message.if_version = named
        if op == "incr_from_0":
            message.initial.integer = 0
        begin = time.monotonic_ns()
        self.send(self.pack(request.SerializeToString()))
        answer = self.read()
        end = time.monotonic_ns()
        return Event(begin, end, op, value, named, answer.error.code,
                     int(answer.get.value or answer.incr.integer),
                     answer.get.version or answer.put.version)


class JsonClient(Json):
    """The same over JSON."""

    more = {"put": {"return_version": True},
            "put_if_absent": {"return_version": True, "if_absent": True},
            "put_if_version": {"return_version": True},
            "get": {"return_version": True},
            "remove": {},
            "incr": {"exact": True},
            "incr_from_0": {"exact": True, "initial": 0}}

    def ask(self, op, key, value=0, named=0):
        name = op.split("_")[0].replace("remove", "delete")
        fields = {"op": name, "bank": "linear", "key": key, **self.more[op]}
        if op.startswith(("put", "incr")):
            fields["value"] = value
        if op == "put_if_version":
            fields["if_version"] = named
        text = json.dumps(fields)
        begin = time.monotonic_ns()
        self.send(text)
        answer = self.read()
        end = time.monotonic_ns()
        is_miss = answer.get("message") == f"Key {key} doesn't exist"
        told = answer.get("data")
        return Event(begin, end, op, value, named,
                     answer.get("code", NOT_FOUND if is_miss else 0),
                     int(told or 0) if told != {} else 0,
                     answer.get("version", 0))


class Histories(unittest.TestCase):
    """Three clients, two of them on protobuf, do at random what they like to
    one entry."""
    seconds = 15
    ops = ("put", "put_if_absent", "put_if_version", "put_if_version", "get",
           "get", "remove", "incr", "incr", "incr_from_0")

    def setUp(self):
        self.seed = seed()
        print("seed", self.seed)

    def record(self, server, count):
        """`count` histories, each of a key of its own."""
        histories = [[] for _ in range(count)]
        start = threading.Barrier(3)

        def play(client, number):
            rand = random.Random(self.seed + number)
            with client:
                for at, history in enumerate(histories):
                    start.wait(60)
                    self.play(client, rand, f"{at}", number, history)

        run_all(lambda: play(WireClient(server), 0),
                lambda: play(WireClient(server), 1),
                lambda: play(JsonClient(server), 2))
        return histories

    def play(self, client, rand, key, number, history):
        version = 1
        for at in range(rand.randint(4, 6)):
            op = rand.choice(self.ops)
            value = 1 if op.startswith("incr") else (number * 10 + at) * 100
            event = client.ask(op, key, value, version)
            version = event.version or version
            history.append(event)

    def test_recorded_histories_are_linearizable(self):
        count = 1000 if LONG else 100
        with Server(workers=4) as server:
            histories = self.record(server, count)
        for history in histories:
            about = f"seed {self.seed}: {sorted(history)}"
            self.assertTrue(is_linearizable(history), about)
            # A version is one value's, and a value has one.
            told = {(e.version, e.told if e.op == "get" else e.value)
                    for e in history if e.version}
            self.assertEqual(len(told), len({v for v, _ in told}), about)
        # Else nothing was proven.
        self.assertGreater(sum(map(overlaps, histories)), count)
        events = [event for history in histories for event in history]
        for op in set(self.ops):
            self.assertIn(0, [e.code for e in events if e.op == op], op)

    def test_what_is_told_wrongly_in_them_is_noticed(self):
        with Server(workers=4) as server:
            histories = self.record(server, 20)
        for history in histories:
            for at, event in enumerate(history):
                wrong = event._replace(told=event.told + 7) \
                    if event.told else event._replace(code=3)
                self.assertFalse(is_linearizable(
                    history[:at] + [wrong] + history[at + 1:]))


def overlaps(history):
    """Pairs of events of different clients that were on their way at once."""
    ordered = sorted(history)
    return sum(a.end > b.begin for i, a in enumerate(ordered)
               for b in ordered[i + 1:])


class Checker(unittest.TestCase):
    """What is_linearizable() lets pass and what not."""

    def refuses(self, *events):
        self.assertFalse(is_linearizable(events))

    def accepts(self, *events):
        self.assertTrue(is_linearizable(events))

    def test_an_old_value_is_read_only_while_the_put_is_on_its_way(self):
        puts = Event(0, 1, "put", 5), Event(2, 6, "put", 6)
        self.accepts(*puts, Event(3, 4, "get", told=5))
        self.accepts(*puts, Event(3, 4, "get", told=6))
        self.refuses(*puts, Event(7, 8, "get", told=5))
        self.refuses(*puts, Event(3, 4, "get", told=7))

    def test_two_readers_agree_on_the_order(self):
        puts = Event(0, 1, "put", 5), Event(2, 9, "put", 6)
        self.refuses(*puts, Event(3, 4, "get", told=6),
                     Event(5, 6, "get", told=5))

    def test_a_lost_increment_is_refused(self):
        put = Event(0, 1, "put", 5)
        self.refuses(put, Event(2, 5, "incr", 1, told=6),
                     Event(3, 4, "incr", 1, told=6))
        self.accepts(put, Event(2, 5, "incr", 1, told=7),
                     Event(3, 4, "incr", 1, told=6))

    def test_only_one_of_two_is_the_first(self):
        self.refuses(Event(0, 5, "put_if_absent", 1),
                     Event(1, 4, "put_if_absent", 2))
        self.accepts(Event(0, 5, "put_if_absent", 1),
                     Event(1, 4, "put_if_absent", 2, code=ALREADY_EXISTS))

    def test_a_version_is_good_for_one_put(self):
        begin = Event(0, 1, "put", 5, version=3)
        self.refuses(begin, Event(2, 5, "put_if_version", 6, 3, version=4),
                     Event(3, 4, "put_if_version", 7, 3, version=5))
        self.accepts(begin, Event(2, 5, "put_if_version", 6, 3, version=4),
                     Event(3, 4, "put_if_version", 7, 3, code=ABORTED))
        self.refuses(begin, Event(2, 3, "incr", 1, told=6),
                     Event(4, 5, "get", told=6, version=3),
                     Event(6, 7, "get", told=6, version=4))

    def test_what_was_removed_is_gone(self):
        events = Event(0, 1, "put", 5), Event(2, 3, "remove")
        self.accepts(*events, Event(4, 5, "get", code=NOT_FOUND))
        self.refuses(*events, Event(4, 5, "get", told=5))


if __name__ == "__main__":
    unittest.main()
