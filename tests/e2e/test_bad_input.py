"""What is no request: an error or a close, soon, with nothing executed, and
nobody else the worse for it."""
import os
import socket
import struct
import threading
import time
import unittest

import cache_pb2
from server import Server, is_sanitized, wait_for
from wire import Json, Wire

INVALID = b'{"status": "error", "message": "Invalid json"}'
SOON_S = 2.0 if is_sanitized() else 0.1
FRAME = 8 << 20


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


class BadInput(unittest.TestCase):
    """A canary works beside every attack."""
    seconds = 40

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server())

    def setUp(self):
        self.canary = self.enterContext(Json(self.server))
        self.canary.ask("put", bank="canary", key="k", value="alive")

    def tearDown(self):
        self.assertEqual(
            self.canary.ask("get", bank="canary", key="k")["data"], "alive")
        listed = self.canary.ask("bank.list")["data"]
        self.assertNotIn("pwned", listed)

    def attack(self, data):
        """Sends `data`; all that comes back until the close, which must come
        soon after the last byte was taken."""
        with self.server.connect() as sock:
            try:
                sock.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                return None
            start, got = time.monotonic(), b""
            try:
                while True:
                    more = sock.recv(65536)
                    if not more:
                        break
                    got += more
            except ConnectionResetError:
                pass
            self.assertLess(time.monotonic() - start, SOON_S)
            return got

    def test_foreign_protocols_are_answered_with_invalid_json(self):
        for data in (
                b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60\r\n"
                b'\r\n{"op":"put","bank":"pwned","key":"k","value":1}',
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                b"SSH-2.0-OpenSSH_9.2\r\n",
                b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n",
                b"set a 0 0 1\r\nb\r\n",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                b"\xef\xbb\xbf{}", b"\xff\xfe{\0}\0", b"\x80\x81\x82",
                bytes(range(8, 256)), b"}{", b"]", b",", b"nope", b"+1"):
            self.assertEqual(self.attack(data), INVALID, data)

    def test_nothing_after_bad_json_is_executed(self):
        data = b'x{"op":"put","bank":"pwned","key":"k","value":1}'
        self.assertEqual(self.attack(data), INVALID)
        data = (b'{"op":"get","bank":"b","key":"k",}'
                b'{"op":"put","bank":"pwned","key":"k","value":1}')
        self.assertEqual(self.attack(data), INVALID)

    def test_json_1001_deep_is_invalid(self):
        deep = b'{"op":"put","bank":"pwned","key":"k","value":'
        self.assertEqual(self.attack(deep + b"[" * 1000), INVALID)
        self.assertEqual(self.attack(b"[" * 1001), INVALID)
        self.assertEqual(self.attack(b'{"a":' * 1000000), INVALID)
        legal = deep.replace(b"pwned", b"deep") + b"[" * 999 + b"]" * 999 + b"}"
        with Json(self.server) as conn:
            conn.send(legal)
            self.assertEqual(conn.read(), {"status": "ok", "data": {}})

    def test_frames_beyond_the_maximum_are_closed(self):
        for size in (0xFFFFFFFF, 0x80000000, 0x08000000, FRAME + 1):
            data = struct.pack(">I", size)
            got = self.attack(data)
            self.assertIn(got, (b"", INVALID), hex(size))
            self.assertEqual(got, b"" if data[0] <= 7 else INVALID)

    def test_an_empty_frame_is_an_error_and_the_connection_stays(self):
        with Wire(self.server) as wire:
            wire.send(b"\0\0\0\0")
            self.assertEqual(wire.read().error.code, 3)
            self.assertEqual(wire.ask("ping").WhichOneof("result"), "ping")

    def test_errors_carry_the_id_and_name_the_field(self):
        put = cache_pb2.PutRequest
        cases = [
            (put(bank="b" * 256, key=b"k"), "bank"),
            (put(bank="a\0b", key=b"k"), "bank"),
            (put(bank="b", key=b"k" * 4097), "key"),
            (put(bank="b", key=b"k", value=b"\xff", kind=1), "value"),
            (put(bank="b", key=b"k", value=b"{", kind=2), "value"),
            (put(bank="b", key=b"k", value=b"{", kind=77), "kind"),
            (put(bank="b", key=b"\xff"), "key"),
        ]
        with Wire(self.server) as wire:
            for number, (message, name) in enumerate(cases):
                request = cache_pb2.Request(id=1000 + number, put=message)
                wire.send(Wire.pack(request.SerializeToString()))
                response = wire.read()
                self.assertEqual(response.id, 1000 + number)
                self.assertEqual(response.error.code, 3, name)
                self.assertIn(name, response.error.message)

    def test_operations_that_do_not_exist(self):
        with Wire(self.server) as wire:
            for body, code in ((field(99, b""), 12), (field(18, b""), 12),
                               (b"", 3)):
                wire.send(Wire.pack(b"\x08\x07" + body))
                response = wire.read()
                self.assertEqual((response.id, response.error.code), (7, code))

    def test_a_request_that_waited_beyond_its_deadline_is_not_begun(self):
        """It waits behind answers that the client does not read."""
        with Wire(self.server) as wire:
            wire.ask("put", bank="late", key=b"large", value=b"x" * (1 << 20))
            get = cache_pb2.GetRequest(bank="late", key=b"large")
            many = [cache_pb2.Request(id=n, get=get) for n in range(1, 65)]
            put = cache_pb2.PutRequest(bank="late", key=b"k", value=b"v")
            many.append(cache_pb2.Request(id=100, put=put, deadline_ms=50))
            put = cache_pb2.PutRequest(bank="late", key=b"l", value=b"v")
            many.append(cache_pb2.Request(id=101, put=put,
                                          deadline_ms=600000))
            wire.send(b"".join(Wire.pack(request.SerializeToString())
                               for request in many))
            with Wire(self.server) as other:
                deadline = time.monotonic() + 0.2
                while time.monotonic() < deadline:
                    other.ask("ping")
            answers = [wire.read() for _ in many]
            self.assertEqual([answer.id for answer in answers],
                             [request.id for request in many])
            self.assertEqual(answers[-2].error.code, 4)
            self.assertIn("deadline_ms", answers[-2].error.message)
            self.assertGreater(answers[-2].error.retry_ms, 0)
            self.assertEqual(answers[-1].WhichOneof("result"), "put")
            self.assertEqual(wire.ask("get", bank="late", key=b"k").error.code,
                             5)

    def test_a_deadline_holds_for_what_was_decoded_ahead(self):
        """Behind one answer that is larger than what may wait."""
        with Wire(self.server) as wire, Wire(self.server) as other:
            wire.ask("put", bank="ahead", key=b"large", value=b"x" * (8000000))
            get = cache_pb2.GetRequest(bank="ahead", key=b"large")
            put = cache_pb2.PutRequest(bank="ahead", key=b"k", value=b"v")
            many = [cache_pb2.Request(id=1, get=get),
                    cache_pb2.Request(id=2, put=put, deadline_ms=50)]
            wire.send(b"".join(Wire.pack(request.SerializeToString())
                               for request in many))
            over = time.monotonic() + 0.2
            while time.monotonic() < over:
                self.assertEqual(other.ask("get", bank="ahead",
                                           key=b"k").error.code, 5)
            self.assertEqual(len(wire.read().get.value), 8000000)
            self.assertEqual(wire.read().error.code, 4)

    def test_a_large_value_asked_for_many_times_holds_nobody_up(self):
        with Wire(self.server) as wire:
            wire.ask("put", bank="often", key=b"large", value=b"x" * 8000000)
            wire.ask("put", bank="often", key=b"small", value=b"y")
            begun = time.monotonic()
            results = wire.ask("get_many", bank="often",
                               keys=[b"large"] * 999 + [b"small"])
            self.assertLess(time.monotonic() - begun, 1)
            codes = [result.code for result in results.get_many.results]
            self.assertEqual(codes[:2], [0, 8])
            self.assertEqual(len(codes), 1000)

    def test_a_batch_beyond_all_bounds_is_refused_at_once(self):
        with Json(self.server) as client, Wire(self.server) as wire:
            answer = client.ask("get_many", bank="b", keys=[1] * 20000)
            self.assertEqual(answer["code"], 3)
            self.assertIn("10000", answer["message"])
            answer = client.ask("get_many", bank="b", keys=[1] * 1001)
            self.assertIn("at most 1000", answer["message"])
            error = wire.ask("get_many", bank="b", keys=[b""] * 10001).error
            self.assertEqual(error.code, 3)
            self.assertIn("10000", error.message)

    def test_counts_are_of_banks_alone(self):
        with Json(self.server) as client:
            client.ask("put", bank="counts", key="k", value="v")
            for op in ("bank.keys", "bank.entries"):
                answer = client.ask(op, bank="counts", counts=True)
                self.assertIn(answer["data"],
                              (["k"], [{"key": "k", "value": "v"}]))
            removed = client.ask("remove_by_prefix", bank="counts",
                                 counts=True, limit=1, cursor="x")
            self.assertEqual(removed["data"], 1)

    def bombs(self):
        """Frames that a careless unpacker blows up."""
        size = FRAME - 16
        nested = b""
        for _ in range(100000):
            nested = b"\x1b" + nested
        return {
            "empty sub-messages": field(2, b"") * (size // 2),
            "unknown sub-messages": field(1000, b"") * (size // 3),
            "unknown varints": b"\x50\x00" * (size // 2),
            "groups": nested,
            "nested": self.nest(100000),
            "field zero": b"\x00\x00",
            "long varint": b"\x08" + b"\xff" * 11,
            "wrong wire types": bytes(
                number << 3 | kind for number in range(1, 16)
                for kind in range(8)) * 10,
            "garbage": os.urandom(size),
        }

    @staticmethod
    def nest(depth):
        data = b""
        while len(data) < 3 * depth:
            data = field(2, data)
            if len(data) > 200000:
                break
        return data

    def seconds_to_refuse(self, body):
        with Wire(self.server, 30) as wire:
            wire.send(Wire.pack(b"\x08\x2a" + body))
            start = time.monotonic()
            try:
                self.assertEqual(wire.read().WhichOneof("result"), "error")
            except ConnectionError:
                pass
            return time.monotonic() - start

    def test_bombs_are_refused_soon(self):
        for name, body in self.bombs().items():
            # The machine may be busy with something else once or twice.
            took = min(self.seconds_to_refuse(body) for _ in range(3))
            self.assertLess(took, SOON_S, name)

    def test_bombs_cost_little_memory_which_is_given_back(self):
        if is_sanitized():
            self.skipTest("a sanitizer keeps freed memory back")
        for name, body in self.bombs().items():
            before = self.server.memory()
            peak = self.peak_memory(lambda: self.seconds_to_refuse(body))
            self.assertLess(peak - before, 4 * (FRAME + 4), name)
            wait_for(lambda: self.server.memory() - before < 2 << 20,
                     what=f"memory given back after {name}")

    def peak_memory(self, work):
        """The most that the server holds while `work` is done."""
        over, peak = threading.Event(), [0]

        def watch():
            while not over.is_set():
                peak[0] = max(peak[0], self.server.memory())

        watcher = threading.Thread(target=watch)
        watcher.start()
        work()
        over.set()
        watcher.join()
        return peak[0]

    def test_a_json_bomb_costs_little_memory(self):
        if is_sanitized():
            self.skipTest("a sanitizer keeps freed memory back")
        before = self.server.memory()
        text = b'{"op":"put","bank":"bomb","key":"k","value":['
        text += b"0," * ((FRAME - 16384) // 2) + b"0]}"
        with Json(self.server, 30) as conn:
            conn.send(text)
            self.assertEqual(conn.read()["status"], "ok")
            conn.ask("bank.reset", bank="bomb")
        wait_for(lambda: self.server.memory() - before < 2 << 20,
                 what="memory given back")

    def test_a_json_request_beyond_the_maximum_is_invalid(self):
        text = b'{"op":"put","bank":"pwned","key":"k","value":"'
        got = self.attack(text + b"x" * (FRAME + 1024))
        self.assertIn(got, (INVALID, None))

    def test_a_number_of_megabytes_holds_nobody_up(self):
        with Json(self.server, 60) as conn:
            conn.ask("put", bank="long", key="k", value="1" * (7 << 20))
            conn.send('{"op":"incr","bank":"long","key":"k","value":1}' * 100)
            start = time.monotonic()
            for _ in range(100):
                self.assertEqual(conn.read()["message"],
                                 "The value for key k isn't a number")
            self.assertLess(time.monotonic() - start, SOON_S)
            conn.ask("bank.reset", bank="long")

    def test_what_waits_behind_a_listing_costs_no_memory(self):
        keys, size, gets = 5000, 1 << 20, 100
        with Json(self.server, 60) as conn:
            conn.send("".join(
                '{"op":"put","bank":"long","key":%d,"value":0}' % i
                for i in range(keys)))
            for _ in range(keys):
                conn.read()
            conn.ask("put", bank="large", key="k", value="x" * size)
            before = self.server.memory()
            conn.send('{"op":"bank.keys","bank":"long"}' +
                      '{"op":"get","bank":"large","key":"k"}' * gets)
            self.assertEqual(len(conn.read()["data"]), keys)
            time.sleep(0.5)  # Nothing is read: what may be prepared, is.
            self.assertLess(self.server.memory() - before, gets * size // 4)
            for _ in range(gets):
                self.assertEqual(len(conn.read()["data"]), size)
            for bank in "long", "large":
                conn.ask("bank.reset", bank=bank)

    def test_a_connection_gives_back_the_memory_of_a_large_request(self):
        if is_sanitized():
            self.skipTest("a sanitizer keeps freed memory back")
        count, size = 20, 4 << 20
        conns = [Json(self.server, 30) for _ in range(count)]
        before = self.server.memory()
        for conn in conns:
            conn.ask("put", bank="large", key="k", value="x" * size)
        conns[0].ask("bank.reset", bank="large")
        wait_for(lambda: self.server.memory() - before < 2 << 20,
                 what="memory given back")
        for conn in conns:
            conn.close()

    def test_a_claim_costs_no_memory(self):
        before = self.server.memory()
        socks = [self.server.connect() for _ in range(200)]
        for sock in socks:
            sock.sendall(struct.pack(">I", FRAME) + b"\x08")
        with Wire(self.server) as wire:
            wire.ask("ping")
        if not is_sanitized():
            self.assertLess(self.server.memory() - before, 200 * 16384)
        for sock in socks:
            sock.close()

    def test_a_request_cut_off_by_the_end_is_not_executed(self):
        with self.server.connect() as sock:
            sock.sendall(b'{"op":"put","bank":"pwned","key":"k","value":1')
            sock.shutdown(socket.SHUT_WR)
            self.assertEqual(sock.recv(1000), INVALID)
            self.assertEqual(sock.recv(1000), b"")
        with Wire(self.server) as wire:
            frame = wire.frame("put", bank="pwned", key=b"k", value=b"v")
            wire.send(frame[:-1])
            wire.socket.shutdown(socket.SHUT_WR)
            self.assertTrue(wire.at_end())

    def test_clients_that_vanish_in_the_middle_do_no_harm(self):
        for _ in range(200):
            sock = self.server.connect()
            sock.sendall(b'{"op":"bank.keys","bank":"canary"}' * 50 + b'{"op":')
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack("ii", 1, 0))
            sock.close()


class Patience(unittest.TestCase):
    """Requests that do not end, readers that do not read."""
    seconds = 10

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server(
            "--partial-timeout", "0.3", "--write-timeout", "0.3",
            "--max-output", "65536"))

    def test_an_unfinished_request_has_a_bounded_time(self):
        with self.server.connect() as sock:
            start = time.monotonic()
            for byte in b'{"op":"get"':
                sock.sendall(bytes([byte]))
                time.sleep(0.01)  # More bytes do not renew the time.
            self.assertEqual(sock.recv(1000), INVALID)
            self.assertEqual(sock.recv(1000), b"")
            self.assertLess(time.monotonic() - start, 3)
        with Wire(self.server) as wire:
            wire.send(b"\0\0\0\x10\x08")
            self.assertTrue(wire.at_end())

    def test_an_idle_connection_has_all_the_time(self):
        with Json(self.server) as conn:
            conn.ask("put", bank="idle", key="k", value=1)
            conn.send("\n  \n")
            time.sleep(0.6)
            self.assertEqual(conn.ask("get", bank="idle", key="k")["data"], 1)

    def test_who_does_not_read_is_cut_off(self):
        with Json(self.server) as conn:
            conn.ask("put", bank="b", key="k", value="x" * 1000000)
            conn.socket.settimeout(5)
            with self.assertRaises((ConnectionError, BrokenPipeError)):
                for _ in range(100000):
                    conn.send('{"op":"get","bank":"b","key":"k"}' * 100)


class Fairness(unittest.TestCase):
    """Short requests that are long work, beside those of others."""
    seconds = 5

    def test_a_burst_of_work_leaves_others_their_turns(self):
        keys, burst = 20000, 1000
        with Server(workers=1) as server, Wire(server, 60) as busy, \
                Wire(server, 60) as other:
            for i in range(0, keys, burst):
                busy.send(b"".join(
                    busy.frame("put", bank="b", key=b"%d" % key)
                    for key in range(i, i + burst)))
                for _ in range(burst):
                    busy.read()
            work = b"".join(busy.frame("bank_keys", bank="b", prefix=b"none")
                            for _ in range(burst))
            shares = []
            for _ in range(5):
                start = time.monotonic()
                busy.send(work)
                other.ask("ping")
                waited = time.monotonic() - start
                for _ in range(burst):
                    busy.read()
                shares.append(waited / (time.monotonic() - start))
            self.assertLess(sorted(shares)[2], 0.25, shares)


class Idleness(unittest.TestCase):
    """Silence that is not wanted, and what is none."""
    seconds = 5

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server("--idle-timeout", "0.5"))

    def test_a_silent_connection_is_ended(self):
        with self.server.connect() as sock, Json(self.server) as conn:
            conn.ask("put", bank="b", key="k", value=1)
            self.assertEqual(sock.recv(1), b"")
            self.assertTrue(conn.at_end())

    def test_who_reads_slowly_is_not_silent(self):
        count, size = 10, 1 << 20
        with Json(self.server) as conn:
            conn.ask("put", bank="b", key="k", value="x" * size)
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(10)
            sock.connect(("127.0.0.1", self.server.port))
            sock.sendall(b'{"op":"get","bank":"b","key":"k"}' * count)
            time.sleep(1)  # The first answers wait for their reader.
            got = 0
            while more := sock.recv(1 << 20):
                got += more.count(b"x")
            self.assertEqual(got, count * size)
