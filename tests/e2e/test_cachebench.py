"""cachebench: against the real server over both protocols, against memcached
and Redis where they are installed, and against servers that misbehave."""
import csv
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import xml.etree.ElementTree

from server import PROGRAM, Server, is_sanitized, wait_for

BENCH = os.path.join(os.path.dirname(os.path.abspath(PROGRAM)), "cachebench")
BUILD = os.path.dirname(os.path.dirname(os.path.abspath(PROGRAM)))
COMPARE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(
    __file__))), "bench", "compare.py")
SMALL = ["--keys", "2K", "--requests", "5K", "--warmup", "0"]


def run(*flags, status=0):
    """Runs cachebench to its end; answers what it printed."""
    done = subprocess.run([BENCH, *map(str, flags)], capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == status, (flags, done)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done.stderr if status else done.stdout


def run_json(*flags, status=0):
    """Runs it with --json; answers the report and its runs by phase."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "report.json")
        run(*flags, "--json", path, status=status)
        with open(path) as file:
            report = json.load(file)
    return report, {r["phase"]: r for r in report["runs"]}


class OurServer(unittest.TestCase):
    seconds = 10

    @classmethod
    def setUpClass(cls):
        cls.server = Server(workers=1)
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def at(self, protocol, bank):
        return ["--protocol", protocol, "--port", self.server.port,
                "--bank", bank, "--server-pid", self.server.process.pid]

    def test_every_get_is_a_hit_after_the_load(self):
        for protocol in ("protobuf", "json"):
            report, runs = run_json(*self.at(protocol, "hits-" + protocol),
                                    *SMALL, "--depth", "1,16")
            self.assertEqual(report["protocol"], protocol)
            self.assertEqual(runs["load"]["sets"], 2000)
            self.assertEqual(len(report["runs"]), 3)
            for each in report["runs"][1:]:
                self.assertEqual(each["requests"], 5000)
                self.assertEqual(each["hits"], each["gets"])
                self.assertEqual(each["gets"] + each["sets"], 5000)
                self.assertGreater(each["gets"], 4300)
                self.assertGreater(each["server_us"], 0)
                self.assertGreater(each["client_us"], 0)
                self.assertGreaterEqual(each["max_us"], each["p50_us"])

    def test_both_protocols_see_the_same_values(self):
        run(*self.at("protobuf", "shared"), *SMALL, "--load-only")
        _, runs = run_json(*self.at("json", "shared"), *SMALL, "--no-load",
                           "--gets", 100)
        self.assertEqual(runs["run"]["hits"], 5000)

    def test_wrong_values_are_found(self):
        bank = self.at("protobuf", "wrong")
        run(*bank, *SMALL, "--load-only", "--seed", 1)
        _, runs = run_json(*bank, *SMALL, "--no-load", "--gets", 100,
                           "--seed", 2, status=1)
        self.assertEqual(runs["run"]["wrong"], 5000)
        self.assertEqual(runs["run"]["hits"], 0)

    def test_misses_are_no_hits_and_can_be_refilled(self):
        bank = self.at("json", "misses")
        _, runs = run_json(*bank, *SMALL, "--no-load", "--gets", 100)
        self.assertEqual(runs["run"]["misses"], 5000)
        _, runs = run_json(*bank, *SMALL, "--no-load", "--gets", 100,
                           "--refill")
        self.assertEqual(runs["run"]["requests"], 5000)
        self.assertEqual(runs["run"]["sets"], runs["run"]["refills"])
        self.assertGreater(runs["run"]["refills"], 500)
        self.assertGreater(runs["run"]["hits"], 1000)

    def test_threads_and_large_values(self):
        for protocol in ("protobuf", "json"):
            _, runs = run_json(
                *self.at(protocol, "large-" + protocol), "--keys", 200,
                "--requests", 2000, "--warmup", 0, "--value-size", "0-200K",
                "--depth", 16, "--threads", 2, "--connections", 5,
                "--gets", 60)
            self.assertEqual(runs["load"]["requests"], 200)
            self.assertEqual(runs["run"]["requests"], 2000)
            self.assertEqual(runs["run"]["hits"], runs["run"]["gets"])

    def test_a_fixed_rate_is_kept(self):
        _, runs = run_json(*self.at("protobuf", "rate"), "--keys", 100,
                           "--rate", 500, "--seconds", 1, "--warmup", 0)
        self.assertEqual(runs["run"]["requests"], 500)
        self.assertAlmostEqual(runs["run"]["seconds"], 1, delta=0.5)
        self.assertIsNotNone(runs["run"]["late_p99_us"])

    def test_the_memory_of_an_entry(self):
        report, runs = run_json(*self.at("protobuf", "memory"), "--keys",
                                "50K", "--memory")
        self.assertEqual(runs["check"]["hits"], 50000)
        self.assertEqual(report["memory"]["entries"], 50000)
        if not is_sanitized():
            self.assertTrue(32 < report["memory"]["bytes_an_entry"] < 500)

    def test_a_unix_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "s")
            with Server("--socket", path, workers=1):
                _, runs = run_json("--socket", path, *SMALL)
        self.assertEqual(runs["run"]["hits"], runs["run"]["gets"])

    def test_all_forms_of_the_report(self):
        flags = [*self.at("protobuf", "forms"), *SMALL, "--depth", "1,4",
                 "--label", "a name"]
        table = run(*flags)
        self.assertIn("a name: protobuf on 127.0.0.1", table)
        self.assertIn("requests/s", table)
        rows = list(csv.DictReader(io.StringIO(run(*flags, "--csv", "-"))))
        self.assertEqual([row["phase"] for row in rows],
                         ["load", "run", "run"])
        self.assertEqual([row["depth"] for row in rows], ["32", "1", "4"])
        report = json.loads(run(*flags, "--json", "-"))
        self.assertEqual(report["settings"]["keys"], 2000)
        plot = xml.etree.ElementTree.fromstring(run(*flags, "--plot", "-"))
        self.assertEqual(sum("polyline" in e.tag for e in plot.iter()), 2)
        self.assertEqual(run(*flags, "--quiet"), "")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Peers(unittest.TestCase):
    seconds = 5

    def bench(self, program, command, protocols):
        if not shutil.which(program):
            self.skipTest(program + " is not installed")
        port = free_port()
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen(
                [part.format(port=port) for part in command], cwd=folder,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                wait_for(lambda: self.is_open(port), what=program)
                for protocol in protocols:
                    self.check(protocol, port, process.pid)
            finally:
                process.kill()
                process.wait()

    @staticmethod
    def is_open(port):
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", port)) == 0

    def check(self, protocol, port, pid):
        for lifetime in (0, 100):
            report, _ = run_json(
                "--protocol", protocol, "--port", port, "--server-pid", pid,
                *SMALL, "--depth", "1,16", "--lifetime", lifetime,
                "--value-size", "0-5K")
            for each in report["runs"][1:]:
                self.assertEqual(each["requests"], 5000)
                self.assertEqual(each["hits"], each["gets"])
        # Of 2,000 more keys nothing is known.
        _, runs = run_json("--protocol", protocol, "--port", port, *SMALL,
                           "--key-prefix", "other:", "--no-load", "--gets",
                           100)
        self.assertEqual(runs["run"]["misses"], 5000)

    def test_memcached(self):
        self.bench("memcached", ["memcached", "-u", "nobody", "-U", "0", "-l",
                                 "127.0.0.1", "-p", "{port}"],
                   ["memcached", "meta"])

    def test_redis(self):
        self.bench("redis-server", ["redis-server", "--port", "{port}",
                                    "--bind", "127.0.0.1", "--save", "",
                                    "--appendonly", "no"], ["redis"])


class Fake:
    """A server of one thread a connection that does `serve(sock)`."""

    def __init__(self, serve):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.serve = serve
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=[sock],
                             daemon=True).start()

    def _serve(self, sock):
        with sock:
            try:
                self.serve(sock)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


def lines(sock):
    text = b""
    while True:
        more = sock.recv(65536)
        if not more:
            return
        text += more
        *whole, text = text.split(b"\r\n")
        yield from whole


class Misbehaviour(unittest.TestCase):

    def refused(self, *flags, status=1, words=()):
        text = run(*flags, status=status)
        self.assertEqual(len(text.splitlines()), 1, text)
        self.assertTrue(text.startswith("cachebench: "), text)
        for word in words:
            self.assertIn(word, text)

    def test_a_command_line_that_makes_no_sense(self):
        self.refused("--depth", "0", status=2, words=["--depth 0", "4096"])
        self.refused("--nonsense", status=2, words=["--nonsense"])

    def test_nobody_listens(self):
        self.refused("--port", free_port(), words=["connection refused"])
        self.refused("--host", "host.invalid", words=["host.invalid"])

    def test_no_process_to_look_at(self):
        with Fake(lambda sock: sock.recv(1)) as fake:
            self.refused("--port", fake.port, "--server-pid", 4194304,
                         words=["4194304"])

    def test_a_server_that_closes(self):
        def serve(sock):
            sock.recv(10)
        with Fake(serve) as fake:
            self.refused("--port", fake.port, *SMALL,
                         words=["the connection ended"])

    def test_a_server_that_speaks_something_else(self):
        def serve(sock):
            sock.recv(10)
            sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            sock.recv(1)
        for protocol in ("protobuf", "json", "redis"):
            with Fake(serve) as fake:
                self.refused("--protocol", protocol, "--port", fake.port,
                             *SMALL, words=["this is no answer of", "HTTP"])

    def test_a_server_that_says_too_much(self):
        def serve(sock):
            sock.recv(1)
            sock.sendall(b"STORED\r\n" * 100)
            sock.recv(1)
        with Fake(serve) as fake:
            self.refused("--protocol", "memcached", "--port", fake.port,
                         "--load-depth", 1, *SMALL, words=["nobody asked for"])

    def test_a_server_that_is_silent(self):
        def serve(sock):
            while sock.recv(65536):
                pass
        with Fake(serve) as fake:
            self.refused("--port", fake.port, *SMALL, "--timeout", 0.5,
                         words=["no answer for"])

    def test_a_server_that_refuses(self):
        def serve(sock):
            for line in lines(sock):
                if line.startswith(b"set"):
                    sock.sendall(b"SERVER_ERROR not today\r\n")
        with Fake(serve) as fake:
            text = subprocess.run(
                [BENCH, "--protocol", "memcached", "--port", str(fake.port),
                 "--keys", "10", "--load-only", "--connections", "1"],
                capture_output=True, text=True, timeout=60)
        self.assertEqual(text.returncode, 1)
        self.assertIn("the first: SERVER_ERROR not today", text.stdout)

    def test_answers_that_come_byte_by_byte(self):
        def serve(sock):
            rest = iter(lines(sock))
            for line in rest:
                if line.startswith(b"set"):
                    value = next(rest)
                    values[line.split()[1]] = value
                    answer = b"STORED\r\n"
                else:
                    value = values[line.split()[1]]
                    answer = b"VALUE %s 0 %d\r\n%s\r\nEND\r\n" % (
                        line.split()[1], len(value), value)
                for byte in answer:
                    sock.sendall(bytes([byte]))
        values = {}
        with Fake(serve) as fake:
            _, runs = run_json("--protocol", "memcached", "--port", fake.port,
                               "--keys", 20, "--requests", 100, "--warmup", 0,
                               "--connections", 2, "--depth", 4)
        self.assertEqual(runs["run"]["hits"], runs["run"]["gets"])

    def test_a_stall_is_felt_by_all_who_would_have_asked(self):
        """At a fixed rate a stall of half a second delays all that were due
        meanwhile, whether or not they could be sent; in a closed loop only
        who was waiting notices."""
        def serve(sock):
            count = 0
            for line in lines(sock):
                if not line.startswith(b"get"):
                    continue
                count += 1
                if count == 100:
                    time.sleep(0.5)
                sock.sendall(b"END\r\n")
        flags = ["--protocol", "memcached", "--keys", 10, "--no-load",
                 "--gets", 100, "--connections", 1, "--warmup", 0,
                 "--requests", 1000]
        with Fake(serve) as fake:
            _, runs = run_json("--port", fake.port, *flags, "--rate", 500)
        # Of 1,000 requests 250 were due in the stall, half of them in its
        # first half.
        self.assertGreater(runs["run"]["p90_us"], 200e3)
        self.assertGreater(runs["run"]["max_us"], 480e3)
        with Fake(serve) as fake:
            _, runs = run_json("--port", fake.port, *flags)
        self.assertLess(runs["run"]["p90_us"], 100e3)
        self.assertGreater(runs["run"]["max_us"], 480e3)


class Compare(unittest.TestCase):
    """The script that runs all servers side by side, for a moment."""
    seconds = 5

    def run_script(self, *flags):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, COMPARE, *flags, "--build", BUILD, "--out",
                 folder], capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, 0, done)
            self.assertIn("written: ", done.stdout)
            results = {}
            for name in os.listdir(folder):
                with open(os.path.join(folder, name)) as file:
                    results[name] = file.read()
        return done.stdout, results

    def test_servers(self):
        table, results = self.run_script(
            "servers", "--rounds", "2", "--seconds", "0.1", "--warmup", "0",
            "--keys", "500", "--depths", "4", "--only", "ours,nothing")
        rows = json.loads(results["servers.json"])["rows"]
        self.assertIn("ours, protobuf", [row["server"] for row in rows])
        for row in rows:
            self.assertIn(row["server"], table)
            self.assertGreater(row["server_us"], 0)
            self.assertGreater(row["to_ceiling"], 0)
        self.assertEqual(len(list(csv.DictReader(
            io.StringIO(results["servers.csv"])))), len(rows))
        xml.etree.ElementTree.fromstring(results["servers.svg"])

    def test_study1(self):
        table, results = self.run_script("study1", "--repetitions", "2")
        self.assertIn("put, in process", table)
        self.assertEqual(len(json.loads(results["study1.json"])["rows"]), 2)


if __name__ == "__main__":
    unittest.main()
