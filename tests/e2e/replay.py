"""Replays recorded exchanges of the original CacheServer against ours.

A case is a list of steps on one or more connections. A step may wait, send,
half-close or reset, and says which bytes come back and whether the server
closes. Where the original was wrong the step also says what a good server
answers (`want`, `want_closed`), and that is what must come.

What must be equal to the byte: envelopes, errors, strings, results of incr.
Other data must be the same JSON value, integers exactly and never an integer
for a float; listings may come in any order.
"""
import base64
import decimal
import json
import re
import select
import socket
import sys
import time

from wire import reset

sys.setrecursionlimit(10000)  # values nest up to 1,000 deep

SUCCESS = '{"status": "ok", "data": '
ANSWER_S = 5       # until an answer that must come
CLOSE_S = 2        # until a close that must come
QUIET_S = 0.05     # in which nothing more may come


class Step:
    """What one recorded step sends and what must come back."""

    def __init__(self, record):
        self.record = record
        self.conn = record.get("conn", "a")
        self.action = record.get("action", "")
        self.wait_s = record.get("before_ms", 0) / 1000
        self.sends = self._bytes("send")
        self.must = record.get("want", (self._bytes("recv") or b"").decode())
        self.must_close = record.get("want_closed", record["closed"])

    def _bytes(self, name):
        if name + "_b64" in self.record:
            return base64.b64decode(self.record[name + "_b64"])
        return self.record[name].encode() if name in self.record else None

    def template(self):
        text = self.record["send_template"]
        for i in range(*self.record["template_range"]):
            yield text.replace("{i}", str(i)).encode()


def split_answers(text):
    """The JSON values that follow each other in `text`: (text, value) each."""
    decoder = json.JSONDecoder(parse_float=decimal.Decimal)
    found, at = [], 0
    while at < len(text):
        value, end = decoder.raw_decode(text, at)
        found.append((text[at:end], value))
        at = end
    return found


def is_number(value):
    return isinstance(value, (int, float, decimal.Decimal)) \
        and not isinstance(value, bool)


def same_value(a, b):
    if is_number(a) and is_number(b):
        if isinstance(a, int) != isinstance(b, int):
            return False
        if isinstance(a, int):
            return a == b
        x, y = float(a), float(b)
        return x == y or (x != x and y != y)
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same_value, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same_value(a[k], b[k]) for k in a)
    return a == b


def same_set(a, b):
    """Whether two listings hold the same, each as often."""
    rest = list(b)
    for item in a:
        match = next((i for i, other in enumerate(rest)
                      if same_value(item, other)), None)
        if match is None:
            return False
        del rest[match]
    return not rest


def same_answer(got, must, sent):
    (got_text, got_value), (must_text, must_value) = got, must
    if got_text == must_text:
        return True
    both_succeed = got_text.startswith(SUCCESS) and must_text.startswith(SUCCESS)
    if not both_succeed or list(got_value) != ["status", "data"]:
        return False
    a, b = got_value["data"], must_value["data"]
    if b'"bank.keys"' in sent or b'"bank.list"' in sent:
        return isinstance(a, list) and isinstance(b, list) and same_set(a, b)
    if isinstance(b, str):  # only half a surrogate pair may be spelled anew
        return a == b and re.search("[\ud800-\udfff]", b) is not None
    return b'"incr"' not in sent and same_value(a, b)


def matches(got, must, sent):
    """Whether the text `got` is what `must` asks for."""
    if "<any>" in must:
        parts = map(re.escape, must.split("<any>"))
        return re.fullmatch(".*".join(parts), got, re.S) is not None
    if got == must:
        return True
    try:
        ours, theirs = split_answers(got), split_answers(must)
    except ValueError:
        return False
    return len(ours) == len(theirs) and all(
        same_answer(a, b, sent) for a, b in zip(ours, theirs))


def is_whole(text, must):
    """Whether as many answers have come as must."""
    try:
        answers = len(split_answers(text.decode()))
        expected = 1 if "<any>" in must else len(split_answers(must))
    except ValueError:
        return False
    return answers >= expected


def receive(sock, seconds):
    """The next bytes; b'' at the end, None when nothing came in time."""
    ready, _, _ = select.select([sock], [], [], max(0, seconds))
    if not ready:
        return None
    try:
        return sock.recv(1 << 20)
    except ConnectionResetError:
        return b""


def read_answer(sock, must, must_close):
    """What comes back: (bytes, closed). Waits for what must come, then a
    moment for what must not."""
    text, end = b"", time.monotonic() + ANSWER_S
    while must and not is_whole(text, must):
        more = receive(sock, end - time.monotonic())
        if not more:
            return text, more == b""
        text += more
    end = time.monotonic() + (CLOSE_S if must_close else QUIET_S)
    while True:
        more = receive(sock, end - time.monotonic())
        if not more:
            return text, more == b""
        text += more


class Replayer:
    """Runs one case against the server at a port."""

    def __init__(self, port):
        self.port = port
        self.conns = {}

    def conn(self, name):
        if name not in self.conns:
            self.conns[name] = socket.create_connection(
                ("127.0.0.1", self.port), 10)
        return self.conns[name]

    def run(self, case):
        """Answers a list of what was wrong; empty is right."""
        try:
            for number, record in enumerate(case["steps"]):
                wrong = self.step(Step(record))
                if wrong:
                    return [f"{case['id']} step {number}: {wrong}"]
            return []
        finally:
            for sock in self.conns.values():
                sock.close()

    def step(self, step):
        if step.wait_s:
            time.sleep(step.wait_s)
        if step.action.startswith("client resets"):
            reset(self.conns.pop(step.conn))
            return None
        if step.action.startswith("open another"):
            self.conn("another " + str(len(self.conns)))
            return None
        if "send_template" in step.record:
            return self.many(step)
        return self.one(step)

    def many(self, step):
        sock = self.conn(step.conn)
        for sent in step.template():
            sock.sendall(sent)
            text = b""
            while not is_whole(text, step.must):
                more = receive(sock, ANSWER_S)
                if not more:
                    break
                text += more
            if not matches(text.decode(), step.must, sent):
                return f"{sent!r}: must be {step.must!r}, is {text!r}"
        return None

    def one(self, step):
        sock = self.conn(step.conn)
        try:
            if step.sends is not None:
                sock.sendall(step.sends)
            if step.record.get("shutdown_wr"):
                sock.shutdown(socket.SHUT_WR)
            text, closed = read_answer(sock, step.must, step.must_close)
        except (BrokenPipeError, ConnectionResetError):
            text, closed = b"", True
        got = text.decode(errors="replace")
        if not matches(got, step.must, step.sends or b""):
            return f"must be {step.must[:300]!r}, is {got[:300]!r}"
        if closed != step.must_close:
            return f"closed must be {step.must_close}, is {closed}"
        return None
