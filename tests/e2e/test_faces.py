"""JSON and protobuf clients share entries, through one port."""
import base64
import json
import random
import socket
import threading
import time
import os
import unittest

import cache_pb2
from server import Server, is_sanitized
from wire import Json, Wire

LONG = "TEST_LONG" in os.environ


class Shared(unittest.TestCase):
    """What one protocol writes the other reads."""

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server())

    def setUp(self):
        self.json = self.enterContext(Json(self.server))
        self.wire = self.enterContext(Wire(self.server))
        self.bank = self.id()

    def test_every_kind_of_json_value_is_read_by_protobuf_and_back(self):
        texts = ['"text"', '"\\u00e9\\ud83d\\ude00"', '""', "1", "-0.5", "1.50",
                 "12345678901234567890", "0.1", "1e400", "true", "false",
                 "null", "NaN", "-Infinity", "[]", "{}", '[1, {"a":null}]',
                 '{"a":1,"b":[2.50]}', '"\\ud800"']
        for number, text in enumerate(texts):
            key = f"k{number}"
            self.json.send('{"op":"put","bank":%s,"key":"%s","value":%s}' % (
                json.dumps(self.bank), key, text))
            self.assertEqual(self.json.read()["status"], "ok")
            got = self.wire.ask("get", bank=self.bank, key=key.encode()).get
            is_text = text.startswith('"') and text != '"\\ud800"'
            self.assertEqual(got.kind, cache_pb2.VALUE_KIND_TEXT if is_text
                             else cache_pb2.VALUE_KIND_JSON, text)
            self.assertEqual(got.value, json.loads(text).encode() if is_text
                             else text.encode())
            back = self.wire.ask("put", bank=self.bank, key=b"b" + key.encode(),
                                 value=got.value, kind=got.kind)
            self.assertEqual(back.WhichOneof("result"), "put")
            self.json.ask("get", bank=self.bank, key="b" + key)
            self.assertEqual(self.json.last_text,
                             '{"status": "ok", "data": %s}' % (
                                 json.dumps(json.loads(text)) if is_text
                                 else text))

    def test_both_tell_the_same_of_a_bank(self):
        for number in range(20):
            self.wire.ask("put", bank=self.bank, key=b"k%d" % number,
                          value=b"value", lifetime_ms=60000)
        self.json.ask("put", bank=self.bank, key="k0", value="other")
        self.json.ask("get", bank=self.bank, key="k1")
        self.wire.ask("get", bank=self.bank, key=b"none")
        self.wire.ask("remove", bank=self.bank, key=b"k2")
        self.json.ask("get", bank=self.bank, key="k2")
        told = self.json.ask("bank.stats", bank=self.bank)["data"]
        stats = self.wire.ask("bank_stats", bank=self.bank).bank_stats
        must = {field.name: getattr(stats, field.name)
                for field in stats.DESCRIPTOR.fields}
        must.update(when_full="evict", latencies={})
        self.assertEqual(told, must)
        self.assertEqual(told["entries"], 19)
        self.assertEqual(told["hits"], 1)
        self.assertEqual(told["misses_never_seen"], 1)
        self.assertEqual(told["misses_removed"], 1)
        self.assertEqual(told["overwrites"], 1)
        self.assertEqual(told["weight"], 100)

    def test_both_tell_how_long_operations_took(self):
        self.wire.ask("bank_configure", bank=self.bank, weight=50)
        for number in range(200):
            self.wire.ask("put", bank=self.bank, key=b"k", value=b"v")
        told = self.json.ask("bank.stats", bank=self.bank)["data"]["latencies"]
        self.assertGreaterEqual(told["put"]["samples"], 2)
        self.assertGreater(told["put"]["p50_ns"], 0)
        self.assertGreaterEqual(told["put"]["p99_ns"], told["put"]["p50_ns"])
        stats = self.wire.ask("bank_stats", bank=self.bank).bank_stats
        self.assertIn("put", [latency.op for latency in stats.latencies])
        self.assertGreater(max(latency.max_ns for latency in stats.latencies),
                           0)

    def test_both_set_and_keep_the_limits_of_a_bank(self):
        limits = self.json.ask("bank.configure", bank=self.bank,
                               maximum=65536, weight=50)
        self.assertEqual(limits["data"], {
            "reserved": 0, "maximum": 65536, "weight": 50,
            "maximum_entries": 0, "default_lifetime_ms": 0,
            "maximum_lifetime_ms": 0, "lifetime_jitter": 0,
            "when_full": "evict", "read_only": False})
        limits = self.wire.ask("bank_configure", bank=self.bank,
                               reserved=1000).bank_configure
        self.assertEqual((limits.reserved, limits.maximum, limits.weight),
                         (1000, 65536, 50))
        for number in range(1000):
            answer = self.wire.ask("put", bank=self.bank, key=b"%d" % number,
                                   value=b"v" * 200)
            self.assertEqual(answer.WhichOneof("result"), "put")
        stats = self.json.ask("bank.stats", bank=self.bank)["data"]
        self.assertLessEqual(stats["bytes"], 65536)
        self.assertGreater(stats["bytes"], 50000)
        self.assertEqual(stats["evictions"] + stats["entries"], 1000)

    def test_limits_out_of_their_bounds_are_refused_by_both(self):
        error = self.wire.ask("bank_configure", bank=self.bank,
                              maximum=65535).error
        self.assertEqual(error.code, 3)
        self.assertEqual(self.json.ask("bank.configure", bank=self.bank,
                                       maximum=65535)["message"],
                         error.message)
        error = self.wire.ask("bank_configure", bank=self.bank,
                              reserved=1 << 60).error
        self.assertEqual(error.code, 11)
        self.assertIn("70 %", error.message)
        self.assertEqual(self.wire.ask("bank_configure", bank=self.bank,
                                       weight=0).error.code, 3)
        error = self.wire.ask("bank_stats", bank="no such bank").error
        self.assertEqual(error.code, 5)
        self.assertEqual(self.json.ask("bank.stats", bank="no such bank"),
                         {"status": "error", "message": error.message,
                          "code": 5})

    def test_bytes_are_a_string_when_utf8_and_base64_otherwise(self):
        for value in (b"plain", "é€".encode(), b"\xff\x00\x80", bytes(range(256))):
            self.wire.ask("put", bank=self.bank, key=b"k", value=value)
            answer = self.json.ask("get", bank=self.bank, key="k")
            if "encoding" in answer:
                self.assertEqual(answer["encoding"], "base64")
                self.assertEqual(base64.b64decode(answer["data"]), value)
                self.assertRaises(UnicodeDecodeError, value.decode)
            else:
                self.assertEqual(answer["data"].encode(), value)

    def test_json_stores_bytes_from_base64(self):
        value = bytes(range(256))
        self.json.ask("put", bank=self.bank, key="k", encoding="base64",
                      value=base64.b64encode(value).decode())
        got = self.wire.ask("get", bank=self.bank, key=b"k").get
        self.assertEqual((got.value, got.kind),
                         (value, cache_pb2.VALUE_KIND_BYTES))

    def test_numeric_keys_are_listed_unquoted(self):
        for key in ("1", "2.5", "true", "null", '"1"', "1e22", "-0", "NaN",
                    "123456789012345678901234567890"):
            self.json.send('{"op":"put","bank":%s,"key":%s,"value":0}' % (
                json.dumps(self.bank), key))
            self.assertEqual(self.json.read()["status"], "ok")
        self.json.ask("bank.keys", bank=self.bank)
        listed = self.json.last_text[len('{"status": "ok", "data": ['):-2]
        self.assertEqual(sorted(listed.split(", ")), sorted(
            ["1", "2.5", "null", '"1"', "10000000000000000000000", "0", "NaN",
             "123456789012345678901234567890"]))
        keys = self.wire.ask("bank_keys", bank=self.bank).bank_keys.keys
        self.assertIn(b"\xff1", keys)
        self.assertIn(b"1", keys)

    def test_a_leading_ff_in_a_key_is_refused_from_protobuf(self):
        error = self.wire.ask("put", bank=self.bank, key=b"\xff1").error
        self.assertEqual(error.code, 3)
        self.assertIn("key", error.message)

    def test_keys_with_nul_are_not_aliases(self):
        self.wire.ask("put", bank=self.bank, key=b"a\0b", value=b"1")
        self.assertEqual(self.wire.ask("get", bank=self.bank, key=b"a")
                         .error.code, 5)
        self.assertEqual(self.json.ask("get", bank=self.bank, key="a\0b")
                         ["data"], "1")

    def test_a_key_that_is_not_utf8_is_listed_as_base64(self):
        self.wire.ask("put", bank=self.bank, key=b"\x80\x81", value=b"")
        listed = self.json.ask("bank.keys", bank=self.bank)["data"]
        self.assertEqual(listed, [{"base64": base64.b64encode(
            b"\x80\x81").decode()}])

    def test_incr_is_exact_for_integers_and_double_as_the_original(self):
        self.wire.ask("put", bank=self.bank, key=b"n", value=b"9007199254740992")
        request = cache_pb2.Request(id=9)
        request.incr.bank, request.incr.key = self.bank, b"n"
        request.incr.integer = 1
        self.wire.send(Wire.pack(request.SerializeToString()))
        self.assertEqual(self.wire.read().incr.integer, 9007199254740993)
        answer = self.json.ask("incr", bank=self.bank, key="n", value=1)
        self.assertEqual(self.json.last_text,
                         '{"status": "ok", "data": 9007199254740992.0}')
        self.assertIsInstance(answer["data"], float)

    def test_lifetimes_are_shared(self):
        self.json.ask("put", bank=self.bank, key="k", value=1, lifetime=0.05)
        time.sleep(0.1)
        self.assertEqual(self.wire.ask("get", bank=self.bank, key=b"k")
                         .error.code, 5)

    def test_hello_names_version_features_and_limits(self):
        hello = self.wire.ask("hello").hello
        self.assertRegex(hello.version, r"^\d+\.\d+\.\d+$")
        self.assertIn("bank_keys", list(hello.features))
        limits = {limit.name: limit.value for limit in hello.limits}
        self.assertEqual(limits["MAX_FRAME"], 8 << 20)
        self.assertEqual(self.wire.ask("ping").WhichOneof("result"), "ping")


class Stream(unittest.TestCase):
    """Wherever the stream is cut, and however much is sent at once."""
    seconds = 20

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server())

    def requests_and_answers(self):
        sent, must = b"", b""
        for i in range(4):
            sent += b'{"op":"put","bank":"cut","key":"k%d","value":"\xc3\xa9%d"}' % (i, i)
            sent += b' \r\n{"op":"get","bank":"cut","key":"k%d"}\n' % i
            must += b'{"status": "ok", "data": {}}'
            must += b'{"status": "ok", "data": "\\u00e9%d"}' % i
        return sent, must

    def exchange(self, pieces, answer_len):
        with self.server.connect() as sock:
            for piece in pieces:
                sock.sendall(piece)
            got = b""
            while len(got) < answer_len:
                got += sock.recv(65536)
            return got

    def test_json_split_in_two_at_every_byte(self):
        sent, must = self.requests_and_answers()
        for cut in range(len(sent) + 1):
            self.assertEqual(self.exchange([sent[:cut], sent[cut:]], len(must)),
                             must, cut)

    def test_json_one_byte_at_a_time(self):
        sent, must = self.requests_and_answers()
        pieces = [sent[i:i + 1] for i in range(len(sent))]
        self.assertEqual(self.exchange(pieces, len(must)), must)

    def test_protobuf_split_in_two_at_every_byte(self):
        with Wire(self.server) as wire:
            sent = wire.frame("put", bank="cut", key=b"w", value=b"v" * 20)
            sent += wire.frame("get", bank="cut", key=b"w")
            for cut in range(len(sent) + 1):
                wire.send(sent[:cut])
                wire.send(sent[cut:])
                self.assertEqual(wire.read().WhichOneof("result"), "put")
                self.assertEqual(wire.read().get.value, b"v" * 20)

    def test_ten_thousand_requests_in_one_write(self):
        with Json(self.server, 60) as conn:
            conn.ask("put", bank="many", key="n", value=0)
            text = '{"op":"incr","bank":"many","key":"n","value":1}' * 10000
            sender = threading.Thread(target=conn.send, args=(text,))
            sender.start()
            for i in range(10000):
                self.assertEqual(conn.read()["data"], i + 1.0)
            sender.join()
        with Wire(self.server, 60) as wire:
            frames = b"".join(wire.frame("get", bank="many", key=b"n")
                              for _ in range(10000))
            sender = threading.Thread(target=wire.send, args=(frames,))
            sender.start()
            for i in range(10000):
                response = wire.read()
                self.assertEqual((response.id, response.get.value),
                                 (i + 1, b"10000.0"))
            sender.join()

    def test_large_values_come_back_whole(self):
        with Json(self.server, 60) as conn, Wire(self.server, 60) as wire:
            for size in (65535, 65536, 1 << 20, (8 << 20) - 8192):
                value = random.Random(size).randbytes(size)
                answer = wire.ask("put", bank="large", key=b"k", value=value)
                self.assertEqual(answer.WhichOneof("result"), "put")
                got = wire.ask("get", bank="large", key=b"k").get.value
                self.assertEqual(got, value)
            text = "é" * (1 << 20)
            self.assertEqual(conn.ask("put", bank="large", key="j", value=text),
                             {"status": "ok", "data": {}})
            self.assertEqual(conn.ask("get", bank="large", key="j")["data"],
                             text)

    def test_answers_owed_are_sent_after_a_half_close(self):
        with Wire(self.server) as wire:
            frames = b"".join(wire.frame("ping") for _ in range(100))
            wire.send(frames)
            wire.socket.shutdown(socket.SHUT_WR)
            self.assertEqual([wire.read().id for _ in range(100)],
                             list(range(1, 101)))
            self.assertTrue(wire.at_end())

    def test_a_reader_that_pauses_gets_everything(self):
        """The server stops reading from one who does not read."""
        with Json(self.server, 60) as conn:
            value = "x" * 100000
            conn.ask("put", bank="slow", key="k", value=value)
            before = self.server.memory()
            text = '{"op":"get","bank":"slow","key":"k"}' * 2000
            sender = threading.Thread(target=conn.send, args=(text,))
            sender.start()
            time.sleep(0.3)  # What must not happen has no event.
            if not is_sanitized():
                self.assertLess(self.server.memory() - before, 8 << 20)
            for _ in range(2000):
                self.assertEqual(conn.read()["data"], value)
            sender.join()


class Listings(unittest.TestCase):
    """Long lists stream, and hold each name once."""
    seconds = 30

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server())

    def fill(self, bank, count):
        with Wire(self.server, 60) as wire:
            for start in range(0, count, 1000):
                keys = range(start, min(start + 1000, count))
                wire.send(b"".join(
                    wire.frame("put", bank=bank, key=b"key:%07d" % i, value=b"")
                    for i in keys))
                for _ in keys:
                    wire.read()

    def test_json_lists_every_key_once_while_others_come_and_go(self):
        count = 20000
        self.fill("once", count)
        is_over = threading.Event()

        def churn():
            with Wire(self.server, 60) as wire:
                number = 0
                while not is_over.is_set():
                    key = b"new:%d" % number
                    wire.ask("put", bank="once", key=key, value=b"")
                    if number % 3 == 0:
                        wire.ask("remove", bank="once", key=key)
                    number += 1

        other = threading.Thread(target=churn)
        other.start()
        try:
            with Json(self.server, 60) as conn:
                for _ in range(3):
                    keys = conn.ask("bank.keys", bank="once")["data"]
                    self.assertEqual(len(keys), len(set(keys)))
                    stayed = {key for key in keys if key.startswith("key:")}
                    self.assertEqual(len(stayed), count)
        finally:
            is_over.set()
            other.join()

    def test_pages_end_and_prefixes_hold(self):
        self.fill("pages", 3000)
        with Wire(self.server) as wire:
            keys, cursor = [], b""
            while True:
                page = wire.ask("bank_keys", bank="pages", prefix=b"key:0001",
                                cursor=cursor, limit=70).bank_keys
                self.assertLessEqual(len(page.keys), 70)
                keys += page.keys
                cursor = page.cursor
                if not cursor:
                    break
        self.assertEqual(sorted(keys), [b"key:%07d" % i
                                        for i in range(1000, 2000)])

    def test_a_cursor_is_refused_after_a_reset(self):
        self.fill("gone", 2000)
        with Wire(self.server) as wire:
            page = wire.ask("bank_keys", bank="gone", limit=10).bank_keys
            wire.ask("bank_reset", bank="gone")
            error = wire.ask("bank_keys", bank="gone", cursor=page.cursor).error
            self.assertEqual(error.code, 10)
            error = wire.ask("bank_keys", bank="gone", cursor=b"nonsense").error
            self.assertEqual(error.code, 3)
            self.assertIn("cursor", error.message)

    def test_banks_are_listed_once_each(self):
        with Json(self.server, 60) as conn, Wire(self.server, 60) as wire:
            names = {f"list-bank-{i}" for i in range(3000)}
            for name in names:
                wire.ask("put", bank=name, key=b"k", value=b"")
            listed = [name for name in conn.ask("bank.list")["data"]
                      if name.startswith("list-bank-")]
            self.assertEqual(len(listed), 3000)
            self.assertEqual(set(listed), names)

    def test_answers_stay_in_order_behind_a_long_listing(self):
        self.fill("order", 10000)
        with Json(self.server, 60) as conn:
            conn.send('{"op":"bank.keys","bank":"order"}'
                      '{"op":"get","bank":"order","key":"none"}'
                      '{"op":"bank.keys","bank":"order-none"}')
            self.assertEqual(len(conn.read()["data"]), 10000)
            self.assertEqual(conn.read()["message"], "Key none doesn't exist")
            self.assertEqual(conn.read()["data"], [])


class Model(unittest.TestCase):
    """64 connections of both kinds against a model, from a printed seed."""
    seconds = 40

    def test_64_connections_agree_with_the_model(self):
        seed = int(os.environ.get("TEST_SEED", time.time_ns()))
        print("seed", seed)
        rounds = 4000 if LONG else 150 if is_sanitized() else 400
        with Server() as server:
            with Wire(server) as wire:
                wire.ask("put", bank="model", key=b"sum", value=b"0")
            clients = [ModelClient(server, seed + i, i) for i in range(64)]
            threads = [threading.Thread(target=c.run, args=(rounds,))
                       for c in clients]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for client in clients:
                self.assertIsNone(client.failure, f"seed {seed}")
            with Json(server) as conn:
                total = conn.ask("get", bank="model", key="sum")["data"]
            self.assertEqual(float(total), sum(c.added for c in clients))


class ModelClient:
    """Owns the keys that begin with its number, so that it knows what they
    hold, and adds to one key that all share."""

    def __init__(self, server, seed, number):
        self.server, self.number = server, number
        self.random = random.Random(seed)
        self.entries, self.added, self.failure = {}, 0, None
        self.wire = Wire(server, 60)
        self.json = Json(server, 60)

    def run(self, rounds):
        try:
            for _ in range(rounds):
                self.step()
        except Exception as failure:  # Reported by the test's thread.
            self.failure = repr(failure)
        finally:
            self.wire.close()
            self.json.close()

    def step(self):
        key = f"{self.number}:{self.random.randrange(20)}"
        kind = self.random.choice(["put", "put", "get", "get", "remove", "add"])
        protocol = self.random.choice([self.over_json, self.over_wire])
        protocol(kind, key)

    def must(self, got, wanted):
        if got != wanted:
            raise AssertionError(f"got {got!r}, must be {wanted!r}")

    def over_json(self, kind, key):
        if kind == "add":
            self.json.ask("incr", bank="model", key="sum", value=1)
            self.added += 1
        elif kind == "put":
            value = "v" * self.random.randrange(2000)
            self.json.ask("put", bank="model", key=key, value=value)
            self.entries[key] = value
        else:
            op = "delete" if kind == "remove" else "get"
            answer = self.json.ask(op, bank="model", key=key)
            known = self.entries.get(key)
            if known is None:
                self.must(answer.get("message"), f"Key {key} doesn't exist")
            else:
                self.must(answer["data"], {} if op == "delete" else known)
            if kind == "remove":
                self.entries.pop(key, None)

    def over_wire(self, kind, key):
        if kind == "add":
            request = cache_pb2.Request(id=1)
            request.incr.bank, request.incr.key = "model", b"sum"
            request.incr.real = 2
            self.wire.send(Wire.pack(request.SerializeToString()))
            self.wire.read()
            self.added += 2
        elif kind == "put":
            value = "w" * self.random.randrange(2000)
            self.wire.ask("put", bank="model", key=key.encode(),
                          value=value.encode(), kind=cache_pb2.VALUE_KIND_TEXT)
            self.entries[key] = value
        else:
            answer = self.wire.ask(kind, bank="model", key=key.encode())
            known = self.entries.get(key)
            self.must(answer.WhichOneof("result"),
                      "error" if known is None else kind)
            if kind == "get" and known is not None:
                self.must(answer.get.value.decode(), known)
            if kind == "remove":
                self.entries.pop(key, None)
