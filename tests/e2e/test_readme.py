"""The examples of README.md, run as they stand there but for the port."""
import os
import re
import subprocess
import sys
import unittest

from server import Server

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def readme(port):
    with open(os.path.join(ROOT, "README.md")) as file:
        return file.read().replace("10001", str(port))


def run(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True,
                          timeout=30)
    return done.stdout + done.stderr


class Readme(unittest.TestCase):

    def test_the_shell_examples_print_what_they_say(self):
        with Server() as server:
            examples = re.findall(
                r"^    \$ (.*\n(?:      .*\n)*)((?:    [^$ ].*\n)+)",
                readme(server.port), re.M)
            self.assertEqual(len(examples), 2)
            for command, output in examples:
                self.assertEqual(run("sh", "-c", command).strip(),
                                 output.strip())

    def test_the_json_example_in_python_runs(self):
        with Server() as server:
            text = self.python_examples(server.port)[0]
            self.assertEqual(
                run(sys.executable, "-c", text),
                "{'status': 'ok', 'data': {}}\n"
                "{'status': 'ok', 'data': ['red', 1.5]}\n")

    def test_the_protobuf_example_in_python_runs(self):
        with Server() as server:
            text = self.python_examples(server.port)[1]
            self.assertEqual(run(sys.executable, "-c", text),
                             "id: 1\nput {\n}\n\nb'green'\n")

    def test_the_rate_limiter_and_the_sequence_run(self):
        with Server() as server:
            text = self.python_examples(server.port)[2]
            self.assertEqual(run(sys.executable, "-c", text),
                             "[True, True, True, False]\n1\n2\n")
            self.assertEqual(run(sys.executable, "-c", text),
                             "[False, False, False, False]\n3\n4\n")

    def test_the_lock_is_one_owners_at_a_time(self):
        with Server() as server:
            text = self.python_examples(server.port)[3]
            for _ in range(2):
                self.assertEqual(
                    run(sys.executable, "-c", text),
                    "None\n"
                    "{'status': 'error', 'message': 'the entry has another "
                    "value than if_value', 'code': 10}\n"
                    "{'status': 'ok', 'data': {}}\n")

    def python_examples(self, port):
        found = re.findall(r"```python\n(.*?)```", readme(port), re.S)
        self.assertEqual(len(found), 4)
        return found


if __name__ == "__main__":
    unittest.main()
