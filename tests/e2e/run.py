#!/usr/bin/python3
"""Runs the end-to-end tests against a server program.

    run.py --server PROGRAM [--only TEXT] [--jobs N] [--long] [--quick]

Test classes run side by side, each with servers of its own on free ports. The
last line is `N passed, N failed, N skipped`.
"""
import argparse
import concurrent.futures
import io
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(ROOT, "build", "python")]


def classes(only):
    """Every test class, those that take longest first."""
    found = {}

    def walk(suite):
        for test in suite:
            if isinstance(test, unittest.TestSuite):
                walk(test)
            elif only in test.id():
                found.setdefault(type(test), []).append(test)

    walk(unittest.TestLoader().discover(HERE, "test_*.py"))
    return sorted(found.values(), key=lambda tests: -getattr(
        type(tests[0]), "seconds", 1))


def run_class(tests):
    text = io.StringIO()
    runner = unittest.TextTestRunner(stream=text, verbosity=2)
    return runner.run(unittest.TestSuite(tests)), text.getvalue()


def report(results):
    passed = failed = skipped = 0
    for result, text in results:
        bad = len(result.failures) + len(result.errors)
        failed += bad
        skipped += len(result.skipped)
        passed += result.testsRun - bad - len(result.skipped)
        for test, why in result.skipped:
            print(f"skipped {test}: {why}")
        if bad:
            print(text)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed or not passed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--long", action="store_true")
    args = parser.parse_args()
    os.environ["CACHESERVER"] = os.path.abspath(args.server)
    if args.long:
        os.environ["TEST_LONG"] = "1"
    with concurrent.futures.ProcessPoolExecutor(args.jobs) as pool:
        jobs = [pool.submit(run_named, [t.id() for t in tests])
                for tests in classes(args.only)]
        return report([job.result() for job in jobs])


class Result:
    """What of a unittest result can travel between processes."""

    def __init__(self, result):
        self.testsRun = result.testsRun
        self.failures = [str(test) for test, _ in result.failures]
        self.errors = [str(test) for test, _ in result.errors]
        self.skipped = [(str(test), why) for test, why in result.skipped]


def run_named(names):
    result, text = run_class(unittest.TestLoader().loadTestsFromNames(names))
    return Result(result), text


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
