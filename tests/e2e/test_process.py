"""The program itself: start, settings, signals, sockets, limits."""
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import threading
import time
import unittest

from server import PROGRAM, Server, is_sanitized, wait_for
from wire import Json, Wire


def run(*flags, env=None, cwd=None, files=()):
    """Runs the program to its end; for what must not serve."""
    return subprocess.run(
        [os.path.abspath(PROGRAM), *flags], capture_output=True, text=True,
        timeout=30, cwd=cwd or "/", env={**os.environ, **(env or {})})


class Start(unittest.TestCase):

    def test_it_prints_the_lines_of_the_documentation(self):
        with Server(workers=2) as server:
            lines = [line for line in server.lines if "Listening" not in line]
            self.assertEqual(lines, [
                "Worker 0 : Ready", "Worker 0 : Started",
                "Worker 1 : Ready", "Worker 1 : Started",
                "Server : Ready", "Server : Started"])

    def test_help_version_and_check_config(self):
        done = run("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("--memory-limit", done.stdout)
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 100)
        done = run("--version")
        self.assertRegex(done.stdout, r"^cacheserver \d+\.\d+\.\d+\n$")
        done = run("--check-config")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("configuration ok", done.stdout)

    def refused(self, *flags, words=(), **options):
        done = run(*flags, **options)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_bad_settings_are_one_clear_line(self):
        self.refused("--port", "70000", words=["70000", "65535"])
        self.refused("--workers", "none", words=["none"])
        self.refused("--nonsense", words=["nonsense"])
        self.refused(env={"CACHESERVER_WORKERS": "-1"}, words=["WORKERS", "-1"])
        self.refused(env={"CACHESERVER_NONSENSE": "1"}, words=["NONSENSE"])
        self.refused("--config", "/nonexistent.json",
                     words=["/nonexistent.json"])

    def test_the_configuration_file_takes_both_spellings(self):
        with Server() as place:
            path = os.path.join(place.folder.name, "config.json")
            for text, ok in (
                    ('{"WORKERS": 4, "SERVER_IP": "127.0.0.1",'
                     ' "SERVER_PORT": 10001}', True),
                    ('{"CACHE_WORKERS": 4, "CACHE_SERVER_IP": "127.0.0.1",'
                     ' "CACHE_SERVER_PORT": 10001, "CACHE_VERBOSE": false,'
                     ' "API_PATH": "/api"}', True),
                    ('{"SERVER_PORT": 1, "CACHE_SERVER_PORT": 2}', False),
                    ('{"SERVER_PORTS": 1}', False), ("{", False), ("[]", False)):
                with open(path, "w") as file:
                    file.write(text)
                done = run("--check-config", cwd=place.folder.name)
                self.assertEqual(done.returncode == 0, ok, (text, done))

    def test_a_port_that_is_taken_is_one_clear_line(self):
        with Server() as server:
            self.refused("--port", str(server.port),
                         words=[str(server.port), "in use"])

    def test_a_host_that_is_not_there_is_one_clear_line(self):
        self.refused("--bind", "192.0.2.1", "--port", "0", words=["192.0.2.1"])


class Sockets(unittest.TestCase):

    def ask(self, sock):
        sock.settimeout(10)
        sock.sendall(b'{"op":"put","bank":"b","key":"k","value":1}')
        self.assertEqual(sock.recv(100), b'{"status": "ok", "data": {}}')
        sock.close()

    def test_ipv4_and_ipv6_and_a_unix_socket(self):
        with Server("--bind", "127.0.0.1,::1", "--socket", "cache.sock") as s:
            self.ask(socket.create_connection(("127.0.0.1", s.port)))
            ports = [int(line.rpartition(":")[2]) for line in s.lines
                     if "[::1]" in line]
            self.ask(socket.create_connection(("::1", ports[0])))
            path = os.path.join(s.folder.name, "cache.sock")
            self.assertTrue(stat.S_ISSOCK(os.stat(path).st_mode))
            client = socket.socket(socket.AF_UNIX)
            client.connect(path)
            self.ask(client)
            s.stop()
            self.assertFalse(os.path.exists(path))

    def test_a_unix_socket_left_behind_is_replaced(self):
        with Server("--socket", "cache.sock") as server:
            server.stop(signal.SIGKILL)
            server.start()
            client = socket.socket(socket.AF_UNIX)
            client.connect(os.path.join(server.folder.name, "cache.sock"))
            self.ask(client)

    def test_a_unix_socket_that_is_served_is_one_clear_line(self):
        """Even when whoever serves it accepts nobody at the moment."""
        with Server() as place, socket.socket(socket.AF_UNIX) as owner:
            path = os.path.join(place.folder.name, "cache.sock")
            owner.bind(path)
            owner.listen(0)
            with socket.socket(socket.AF_UNIX) as waiting:
                waiting.connect(path)
                done = run("--port", "0", "--socket", path)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("in use", done.stderr)
            self.assertTrue(os.path.exists(path))

    def test_only_what_was_asked_for_is_listened_on(self):
        with Server() as server:
            lines = []
            for kind in ("tcp", "tcp6", "udp", "udp6"):
                with open(f"/proc/{server.process.pid}/net/{kind}") as table:
                    lines += [line.split() for line in table][1:]
            owned = set()
            folder = f"/proc/{server.process.pid}/fd"
            for fd in os.listdir(folder):
                target = os.readlink(os.path.join(folder, fd))
                if target.startswith("socket:["):
                    owned.add(target[8:-1])
            ours = [line for line in lines if line[9] in owned]
            self.assertEqual(len(ours), 1, ours)
            self.assertTrue(ours[0][1].startswith("0100007F:"))


class Signals(unittest.TestCase):
    seconds = 20

    def test_int_and_term_end_it_with_status_0(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with Server() as server:
                idle = server.connect()
                start = time.monotonic()
                self.assertEqual(server.stop(number), 0)
                self.assertLess(time.monotonic() - start, 5)
                self.assertEqual(idle.recv(1), b"")

    def test_what_is_owed_is_answered_before_the_end(self):
        with Server() as server, Json(server, 60) as conn:
            conn.ask("put", bank="b", key="k", value="x" * 1000000)
            conn.send('{"op":"get","bank":"b","key":"k"}' * 5)
            conn.read()
            stopper = threading.Thread(target=server.stop)
            stopper.start()
            for _ in range(4):
                self.assertEqual(len(conn.read()["data"]), 1000000)
            self.assertTrue(conn.at_end())
            stopper.join()

    def test_it_ends_within_5_s_under_load_and_with_a_stuck_client(self):
        with Server() as server:
            stuck = Json(server, 60)
            stuck.ask("put", bank="b", key="k", value="x" * 1000000)
            stuck.send('{"op":"get","bank":"b","key":"k"}' * 50)
            over = threading.Event()

            def load():
                try:
                    with Wire(server) as wire:
                        while not over.is_set():
                            wire.ask("put", bank="b", key=b"w", value=b"1")
                except (ConnectionError, OSError):
                    pass

            threads = [threading.Thread(target=load) for _ in range(4)]
            for thread in threads:
                thread.start()
            start = time.monotonic()
            self.assertEqual(server.stop(), 0)
            self.assertLess(time.monotonic() - start,
                            10 if is_sanitized() else 5)
            over.set()
            for thread in threads:
                thread.join()
            stuck.close()

    def test_hup_does_not_cut_the_drain_short(self):
        """Who ends a session sends both."""
        with Server() as server, Json(server, 60) as conn:
            conn.ask("put", bank="b", key="k", value="x" * 1000000)
            conn.send('{"op":"get","bank":"b","key":"k"}' * 50)
            conn.read()
            server.process.send_signal(signal.SIGTERM)
            wait_for(lambda: not self.is_listening(server))
            server.process.send_signal(signal.SIGHUP)
            for _ in range(49):
                self.assertEqual(len(conn.read()["data"]), 1000000)
            self.assertEqual(server.process.wait(30), 0)

    @staticmethod
    def is_listening(server):
        try:
            server.connect().close()
            return True
        except (ConnectionRefusedError, ConnectionResetError):
            return False

    def test_hup_reads_again_what_can_change(self):
        with Server() as server:
            server.stop()
            path = os.path.join(server.folder.name, "config.json")
            with open(path, "w") as file:
                file.write('{"VERBOSE": 0, "MAX_FRAME": "8M"}')
            server.start()
            with open(path, "w") as file:
                file.write('{"VERBOSE": 1, "MAX_FRAME": "64K", "WORKERS": 1}')
            server.process.send_signal(signal.SIGHUP)
            wait_for(lambda: "VERBOSE" in server.read_log(), what="the reload")
            with Wire(server) as wire:
                hello = wire.ask("hello").hello
                limits = {limit.name: limit.value for limit in hello.limits}
                self.assertEqual(limits["MAX_FRAME"], 65536)
                self.assertRegex(server.read_log(),
                                 r"INFO:.*127\.0\.0\.1:\d+.*connected")
            with open(path, "w") as file:
                file.write("{")
            server.process.send_signal(signal.SIGHUP)
            wait_for(lambda: "config.json" in server.read_log())
            with Wire(server) as wire:
                wire.ask("ping")


    def test_verbose_2_logs_each_request(self):
        with Server("--verbose", "2") as server:
            with Json(server) as conn, Wire(server) as wire:
                conn.ask("get", bank="secret", key="secret")
                conn.ask("nonsense")
                wire.ask("ping")
            for line in ("json: get: not found", "json: no op: invalid",
                         "protobuf: ping: ok"):
                wait_for(lambda: line in server.read_log(), what=line)
            self.assertRegex(server.read_log(),
                             r"DEBUG:127\.0\.0\.1:\d+: protobuf: ping")
            self.assertNotIn("secret", server.read_log())

    def test_hup_changes_the_write_timeout_of_open_connections(self):
        with Server() as server:
            server.stop()
            path = os.path.join(server.folder.name, "config.json")
            with open(path, "w") as file:
                file.write('{"WRITE_TIMEOUT": 3600}')
            server.start()
            with Json(server) as conn:
                conn.ask("put", bank="b", key="k", value="x" * 1000000)
                with open(path, "w") as file:
                    file.write('{"WRITE_TIMEOUT": 0.3}')
                server.process.send_signal(signal.SIGHUP)
                wait_for(lambda: "WRITE_TIMEOUT" in server.read_log())
                conn.ask("get", bank="b", key="k")
                conn.send('{"op":"get","bank":"b","key":"k"}' * 50)
                time.sleep(1)  # Nothing is read: the server gives up.
                with self.assertRaises(ConnectionError):
                    for _ in range(50):
                        conn.read()


PING = b"\0\0\0\5\x08\x01\x8a\x01\0"  # Request{id: 1, ping: {}}


class Exhaustion(unittest.TestCase):
    seconds = 20

    def test_connections_beyond_the_cap_are_closed(self):
        with Server("--max-connections", "20") as server:
            held = [Json(server) for _ in range(20)]
            for conn in held:
                conn.ask("put", bank="b", key="k", value=1)
            with server.connect() as extra:
                self.assertEqual(extra.recv(1), b"")
            for conn in held:
                self.assertEqual(conn.ask("get", bank="b", key="k")["data"], 1)
            held.pop().close()

            def is_served():
                with Json(server) as again:
                    try:
                        return again.ask("get", bank="b", key="k")["data"] == 1
                    except ConnectionError:
                        return False

            wait_for(is_served, what="room for another connection")
            self.assertEqual(server.read_log().count("MAX_CONNECTIONS"), 1)
            for conn in held:
                conn.close()

    def test_the_cap_leaves_files_for_all_workers(self):
        limit = 300
        with Server(workers=32) as server:
            path = os.path.join(server.folder.name, "config.json")
            server.stop()
            with open(path, "w") as file:
                file.write('{"VERBOSE": 0}')
            server.start()
            pid = server.process.pid
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, limit))
            with open(path, "w") as file:
                file.write('{"VERBOSE": 1}')
            server.process.send_signal(signal.SIGHUP)
            wait_for(lambda: "VERBOSE" in server.read_log(), what="the reload")
            socks = [server.connect() for _ in range(limit)]
            wait_for(lambda: re.search("MAX_CONNECTIONS allows|cannot accept",
                                       server.read_log()))
            self.assertNotIn("cannot accept", server.read_log())
            for sock in socks:
                sock.close()

    def test_running_out_of_files_does_not_spin(self):
        """The cap keeps below the limit of files; where something else uses
        them up the listener waits, and the others are served."""
        with Server(workers=1) as server, Json(server) as conn:
            pid = server.process.pid
            used = len(os.listdir(f"/proc/{pid}/fd"))
            soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 2, hard))
            extra = [server.connect() for _ in range(10)]
            wait_for(lambda: "cannot accept" in server.read_log())
            before = server.cpu_s()
            for _ in range(20):
                conn.ask("put", bank="b", key="k", value=1)
                time.sleep(0.02)
            self.assertLess(server.cpu_s() - before, 0.2)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
            for sock in extra:
                sock.sendall(b'{"op":"bank.list"}')
                self.assertTrue(sock.recv(100))
                sock.close()

    def test_ten_thousand_idle_connections_cost_at_most_8_kib_each(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        count = 10000
        if hard != resource.RLIM_INFINITY and hard < count + 200:
            self.skipTest(f"the system allows {hard} files, not {count + 200}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (count + 200, hard))
        with Server() as server:
            with Json(server) as conn:
                conn.ask("put", bank="b", key="k", value=1)
            before = server.memory()
            held = []
            for i in range(count):
                sock = server.connect(60)
                sock.sendall(b'{"op":"get","bank":"b","key":"k"}' if i % 2
                             else PING)
                held.append(sock)
            with Json(server, 60) as conn:
                self.assertEqual(conn.ask("get", bank="b", key="k")["data"], 1)
            if not is_sanitized():
                each = (server.memory() - before) / count
                print("bytes an idle connection:", int(each))
                self.assertLess(each, 8192)
            for sock in held:
                sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
