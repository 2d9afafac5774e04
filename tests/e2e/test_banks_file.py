"""What banks were configured to survives the end of the server."""
import json
import os
import resource
import signal
import subprocess
import unittest

from server import PROGRAM, Server, wait_for
from wire import Wire

ODD = 'a "bank"\n\\ \u20ac \U0001f600'
ALL = {"reserved": 70000, "maximum": 1 << 40, "weight": 7,
       "maximum_entries": 8, "default_lifetime_ms": 3000,
       "maximum_lifetime_ms": 4000, "lifetime_jitter": 90, "when_full": 1,
       "read_only": True}


def started(**options):
    return Server("--banks-file", "banks", "--memory-limit", "100M", **options)


class Banks:
    """What the tests ask of a server."""

    def __init__(self, server):
        self.wire = Wire(server)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.close()

    def configure(self, bank, **change):
        answer = self.wire.ask("bank_configure", bank=bank, **change)
        assert not answer.HasField("error"), answer.error
        return {field.name: value for field, value
                in answer.bank_configure.ListFields()}

    def put(self, bank):
        self.wire.ask("put", bank=bank, key=b"k", value=b"v")

    def weight(self, bank):
        answer = self.wire.ask("bank_stats", bank=bank)
        return answer.bank_stats.weight or None


class BanksFile(unittest.TestCase):

    def path(self, server):
        return os.path.join(server.folder.name, "banks")

    def lines(self, server):
        with open(self.path(server)) as file:
            return [json.loads(line) for line in file]

    def again(self, server):
        """Kills the server, and starts it again."""
        server.stop(signal.SIGKILL)
        server.start()

    def test_every_limit_survives_a_kill(self):
        with started() as server:
            with Banks(server) as banks:
                self.assertEqual(banks.configure(ODD, **ALL), ALL)
                banks.configure("other")
            for _ in range(2):
                self.again(server)
                with Banks(server) as banks:
                    self.assertEqual(banks.configure(ODD), ALL)
                    self.assertEqual(banks.configure("other"), {"weight": 100})
            self.assertEqual(
                {line["bank"]: line["weight"] for line in self.lines(server)},
                {ODD: 7, "other": 100})
            self.assertNotIn("WARNING", server.read_log())

    def test_an_orderly_end_keeps_it_too(self):
        with started() as server:
            with Banks(server) as banks:
                banks.configure("a", weight=5)
            self.assertEqual(server.stop(), 0)
            server.start()
            with Banks(server) as banks:
                self.assertEqual(banks.configure("a"), {"weight": 5})

    def test_drop_rename_and_swap_survive(self):
        with started() as server:
            with Banks(server) as banks:
                for number, bank in enumerate(("dropped", "old", "one")):
                    banks.configure(bank, weight=number + 1)
                banks.put("two")
                for op, fields in (
                        ("bank_drop", {"bank": "dropped"}),
                        ("bank_rename", {"bank": "old", "to": "new"}),
                        ("bank_swap", {"bank": "one", "other": "two"})):
                    answer = banks.wire.ask(op, **fields)
                    self.assertEqual(answer.WhichOneof("result"), op)
            self.again(server)
            with Banks(server) as banks:
                self.assertEqual(
                    {name: banks.weight(name) for name in
                     ("dropped", "old", "new", "one", "two")},
                    {"dropped": None, "old": None, "new": 2, "one": 3,
                     "two": 100})
            self.assertEqual({line["bank"] for line in self.lines(server)},
                             {"new", "one", "two"})

    def test_a_line_that_was_not_written_to_its_end_is_a_warning(self):
        with started() as server:
            with Banks(server) as banks:
                banks.configure("a", weight=5)
            server.stop(signal.SIGKILL)
            with open(self.path(server), "a") as file:
                file.write('{"bank": "a", "weight": 6')
            server.start()
            with Banks(server) as banks:
                self.assertEqual(banks.configure("a"), {"weight": 5})
            self.assertIn("line 2", server.read_log())
            self.assertIn("WARNING", server.read_log())

    def refused(self, text, *words):
        with Server() as place:
            with open(self.path(place), "w") as file:
                file.write(text)
            done = subprocess.run(
                [os.path.abspath(PROGRAM), "--port", "0", "--http-port", "0",
                 "--memory-limit", "100M", "--banks-file", "banks"],
                capture_output=True, text=True, timeout=30,
                cwd=place.folder.name)
            with open(self.path(place)) as file:
                self.assertEqual(file.read(), text)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("cacheserver: banks"))
        for word in words:
            self.assertIn(word, done.stderr)

    def test_a_file_that_is_not_understood_is_one_clear_line(self):
        good = '{"bank": "a"}\n'
        self.refused(good + "nonsense\n", "line 2", "JSON")
        self.refused(good + '{"bank": "a", "weight": 0}\n', "line 2", "weight")
        self.refused('{"WORKERS": 4}\n', "line 1", "WORKERS")
        self.refused('{"bank": "a", "reserved": 80000000}\n', "line 1",
                     "reserved", "70 %")

    def test_a_file_of_another_version_is_refused_by_its_field(self):
        self.refused('{"bank": "a", "colour": "red"}\n', "line 1", "colour")

    def test_two_servers_do_not_share_a_file(self):
        with started() as server:
            with self.assertRaisesRegex(AssertionError, "in use"):
                with Server("--banks-file", self.path(server)):
                    pass

    def test_a_file_that_cannot_be_written_refuses_changes(self):
        with started() as server, Banks(server) as banks:
            for number in range(20):
                banks.configure(f"bank {number}", weight=number + 1)
            size = os.path.getsize(self.path(server))
            pid = server.process.pid
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size + 20, hard))
            for op, fields in (
                    ("bank_configure", {"bank": "bank 0", "weight": 50}),
                    ("bank_drop", {"bank": "bank 0"}),
                    ("bank_rename", {"bank": "bank 0", "to": "new"})):
                error = banks.wire.ask(op, **fields).error
                self.assertEqual(error.code, 14)
                self.assertIn("banks", error.message)
                self.assertIn("File too large", error.message)
            self.assertEqual(banks.configure("bank 0"), {"weight": 1})
            banks.put("bank 0")
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
            banks.configure("bank 1", weight=60)
            self.assertIn("cannot be written", server.read_log())
            self.again(server)
            with Banks(server) as later:
                self.assertEqual(later.weight("bank 0"), 1)
                self.assertEqual(later.weight("bank 1"), 60)
                self.assertEqual(later.weight("new"), None)

    def test_the_file_is_kept_short_while_the_server_runs(self):
        with started() as server, Banks(server) as banks:
            def change():
                for number in range(200):
                    banks.configure("a", weight=number % 100 + 1)
                return os.path.getsize(self.path(server))
            longest = change()
            while longest < 60000:
                longest = change()
            change()
            wait_for(lambda: change() < longest, what="a shorter file")
            banks.configure("a", weight=77)
            self.again(server)
            with Banks(server) as later:
                self.assertEqual(later.weight("a"), 77)

    def test_without_the_setting_nothing_is_kept(self):
        with Server() as server:
            with Banks(server) as banks:
                banks.configure("a", weight=5)
            self.assertEqual(os.listdir(server.folder.name), ["log"])
            self.again(server)
            with Banks(server) as banks:
                self.assertIsNone(banks.weight("a"))


if __name__ == "__main__":
    unittest.main()
