"""The original's recorded exchanges over its JSON socket."""
import json
import os
import unittest

from replay import Replayer
from server import Server

HERE = os.path.dirname(os.path.abspath(__file__))


def cases():
    with open(os.path.join(HERE, "transcript.jsonl")) as lines:
        return [case for case in map(json.loads, lines)
                if not case.get("deviation")]


class Legacy(unittest.TestCase):
    """One method a case, added below; all on one server, as they name banks of
    their own, but for those that need an empty one."""
    seconds = 60

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server())

    def check(self, case):
        if not case.get("fresh_server"):
            self.assertEqual(Replayer(self.server.port).run(case), [])
            return
        with Server() as fresh:
            self.assertEqual(Replayer(fresh.port).run(case), [])


def add_case(case):
    def method(self):
        self.check(case)

    method.__doc__ = case["note"] or case["id"]
    setattr(Legacy, "test_" + case["id"].replace("-", "_"), method)


for recorded in cases():
    add_case(recorded)
