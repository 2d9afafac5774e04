"""The original's recorded exchanges over its JSON socket."""
import json
import os
import re
import unittest

from replay import Replayer
from server import Server

HERE = os.path.dirname(os.path.abspath(__file__))


def cases():
    with open(os.path.join(HERE, "transcript.jsonl")) as lines:
        return [case for case in map(json.loads, lines)
                if not case.get("deviation")]


class Recorded:
    """One method a case, added below; all of a group on one server, as they
    name banks of their own, but for those that need an empty one."""
    seconds = 30

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server())

    def replay(self, case):
        if not case.get("fresh_server"):
            return Replayer(self.server.port).run(case)
        with Server() as fresh:
            return Replayer(fresh.port).run(case)

    def check(self, case):
        wrong = self.replay(case)
        if wrong and any("before_ms" in step for step in case["steps"]):
            # A lifetime may end while a busy machine holds the test up.
            wrong = self.replay(case)
        self.assertEqual(wrong, [])


def method_of(case):
    def method(self):
        self.check(case)

    method.__doc__ = case["id"] + ": " + (case["note"] or case["group"])
    return method


def add_cases():
    """A class a group, so that groups run side by side."""
    groups = {}
    for case in cases():
        name = "test_" + re.sub(r"\W", "_", case["id"])
        groups.setdefault(case["group"], {})[name] = method_of(case)
    for group, methods in groups.items():
        name = "Legacy_" + group.replace("-", "_")
        globals()[name] = type(name, (Recorded, unittest.TestCase),
                               {**methods, "__module__": __name__})


add_cases()
