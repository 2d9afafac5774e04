"""Two faces, one truth: whatever is done through JSON and protobuf, in turns,
is what a model in Python does."""
import os
import random
import time
import unittest

from faces import LISTS, NUMBER_KEYS, JsonFace, WireFace
from model import (BYTES, FOR_EVER, JSON, OVER, SAME, TEXT, Model, Request,
                   is_utf8)
from server import Server, is_sanitized

LONG = "TEST_LONG" in os.environ
DAY_MS = 86400000
FAR_MS = 550000000000  # beyond 2^39: for ever
RUN_BYTES = 100000  # that may be on their way before the answers are read

BANKS = ["", "a", "b", "bänk", "bank 2"]
SPARE = ["new", "newer", "newest"]  # to be renamed to
KEYS = [b"", b"a\0b", b"1", "ключ".encode()] + [b"k%d" % i for i in range(20)]
WIRE_KEYS = [b"\x80\x81"]
PREFIXES = [b"", b"k", b"k1", "к".encode(), b"none"]
WIRE_PREFIXES = [b"\xff", b"\x80", "к".encode()[:1]]
TEXTS = ["", "12", " 7 ", "1.5", "-3", "1e3", "nan", "9223372036854775807",
         "word", "é€😀", "a\0b"]
JSONS = ["1.50", "5", "-0.0", "true", "null", "NaN", '[1, {"a": 2.50}]', "{}",
         "12345678901234567890", "9223372036854775806", "1e400"]
WIRE_JSONS = ['"12"', '"x\\u00e9"', " 8 ", "[]"]
SIZES = [1, 10, 100, 1000, 1000, 5000]

OPS = dict(put=22, get=14, remove=6, touch=4, incr=12, append=4, prepend=3,
           meta=4, get_many=4, put_many=3, remove_many=2, touch_many=2,
           bank_list=0.6, bank_keys=1, bank_entries=1, remove_by_prefix=0.6,
           bank_stats=1, bank_configure=1.2, bank_reset=0.2, bank_drop=0.6,
           bank_rename=0.6, bank_swap=0.6)


class Draw:
    """Requests at random, with an eye on what the model holds."""

    def __init__(self, seed, model):
        self.rand, self.model = random.Random(seed), model

    def some(self, part):
        return self.rand.random() < part

    def request(self, face):
        rand = self.rand
        op = rand.choices(list(OPS), OPS.values())[0]
        request = Request(op, rand.choice(SPARE if self.some(0.05) else BANKS))
        more = getattr(self, op, None)
        if op in ("put", "get", "remove", "touch", "incr", "append", "prepend",
                  "meta"):
            request.key = self.key(face)
        if op in LISTS:
            self.list(request, face)
        if more:
            more(request, face)
        return request

    def key(self, face):
        if self.some(0.05):
            return self.rand.choice(list(NUMBER_KEYS) if face.is_json
                                    else WIRE_KEYS)
        return self.rand.choice(KEYS)

    def value(self, request, face):
        rand = self.rand
        request.kind = rand.choice((BYTES, TEXT, TEXT, JSON))
        size = 60000 if self.some(0.003) else rand.choice(SIZES)
        if self.some(0.0003):
            size = 300000
        if request.kind == JSON:
            request.value = rand.choice(
                JSONS if face.is_json else JSONS + WIRE_JSONS).encode()
        elif self.some(0.6):
            request.value = rand.choice(TEXTS).encode()
        elif request.kind == BYTES:
            request.value = rand.randbytes(rand.randrange(size))
        else:
            request.value = b"x" * rand.randrange(size)

    def lifetime(self, face, *others):
        """None asks for the usual."""
        over = [OVER] if face.is_json else []
        return self.rand.choice([None, None, None, FOR_EVER, DAY_MS,
                                 30 * DAY_MS, FAR_MS, *others, *over])

    def condition(self, request, names):
        entry = None
        if request.bank in self.model.banks:
            entry = self.model.banks[request.bank].entries.get(request.key)
        request.condition = self.rand.choice(names)
        if request.condition == "version":
            request.expected = 0 if self.some(0.02) else 77
            if entry and entry.version and self.some(0.8):
                request.expected = entry.version
        if request.condition == "value":
            request.expected = entry.value if entry and self.some(0.8) \
                else b"other"

    def put(self, request, face):
        self.value(request, face)
        request.lifetime = self.lifetime(face)
        if self.some(0.5):
            self.condition(request, ("absent", "present", "version", "value"))
            if request.condition == "value" and not is_utf8(request.expected):
                # JSON has one encoding for both.
                request.kind = BYTES
        request.wants_previous = self.some(0.3)
        # What is over at once has none.
        request.wants_version = self.some(0.3) and request.lifetime != OVER

    def get(self, request, face):
        request.lifetime = self.lifetime(face, SAME, SAME, *[None] * 12)
        request.wants_version = self.some(0.4)
        request.wants_lifetime = self.some(0.4)

    def meta(self, request, face):
        request.wants_version = self.some(0.4)

    def remove(self, request, face):
        if self.some(0.5):
            self.condition(request, ("version", "value"))
        request.wants_previous = self.some(0.3)

    def touch(self, request, face):
        request.lifetime = self.lifetime(face, SAME, OVER) \
            if self.some(0.7) else SAME
        if request.lifetime is None:
            request.lifetime = SAME

    def touch_many(self, request, face):
        self.get_many(request, face)
        request.wants_version = False
        self.touch(request, face)
        if request.lifetime == OVER and not face.is_json:
            request.lifetime = FOR_EVER

    def incr(self, request, face):
        rand = self.rand
        request.is_exact = self.some(0.5)
        numbers = (1, 1, -1, 5, 1 << 62, -(1 << 63)) if request.is_exact \
            else (1.0, 1.0, -0.5, 1e300, 0.1, float("inf"))
        request.delta = rand.choice(numbers)
        for name in ("initial", "minimum", "maximum"):
            if self.some(0.3):
                setattr(request, name, rand.choice(numbers))
        request.saturates = self.some(0.3)
        if request.initial is not None:
            request.lifetime = self.lifetime(face)

    def append(self, request, face):
        self.value(request, face)
        request.size_max = self.rand.choice((0, 0, 10, 1000, 100000))

    prepend = append

    def get_many(self, request, face):
        request.keys = [self.key(face) for _ in
                        range(self.rand.choice((0, 1, 3, 8)))]
        request.wants_version = self.some(0.3)

    def remove_many(self, request, face):
        request.keys = [self.key(face) for _ in range(self.rand.randrange(4))]

    def put_many(self, request, face):
        for _ in range(self.rand.choice((0, 1, 3, 8))):
            item = Request("put", key=self.key(face),
                           lifetime=self.lifetime(face))
            self.value(item, face)
            request.items.append(item)

    def list(self, request, face):
        names = request.op == "bank_list"
        request.prefix = self.rand.choice(
            [bank.encode()[:2] for bank in BANKS] if names else PREFIXES
            if face.is_json else PREFIXES + WIRE_PREFIXES)
        if names and not is_utf8(request.prefix):
            request.prefix = b""
        request.limit = self.rand.choice((0, 0, 1, 5)) \
            if request.op != "remove_by_prefix" else 0
        request.wants_counts = names and self.some(0.5)

    def bank_configure(self, request, face):
        choices = dict(
            reserved=(0, 1000, 5000, 1 << 60), maximum=(0, 4000000, 1 << 30),
            weight=(1, 100, 1000000), maximum_entries=(0, 1000000),
            default_lifetime_ms=(0, DAY_MS, FAR_MS),
            maximum_lifetime_ms=(0, 10 * DAY_MS, FAR_MS),
            lifetime_jitter=(0, 10, 90), when_full=(0, 1),
            read_only=(False, False, False, True))
        for name in self.rand.sample(list(choices), self.rand.randrange(5)):
            request.change[name] = self.rand.choice(choices[name])
        bank = self.model.banks.get(request.bank)
        if bank and bank.limits["read_only"]:
            request.change["read_only"] = False

    def bank_drop(self, request, face):
        if self.some(0.7):
            request.bank = self.rand.choice(SPARE)

    def bank_rename(self, request, face):
        request.other = self.rand.choice(SPARE if self.some(0.7) else BANKS)

    def bank_swap(self, request, face):
        request.other = self.rand.choice(BANKS + SPARE)


class TwoFaces(unittest.TestCase):
    seconds = 25

    def test_json_and_protobuf_agree_with_the_model(self):
        seed = int(os.environ.get("TEST_SEED", time.time_ns()))
        print("seed", seed)
        total = 1000000 if LONG else 10000 if is_sanitized() else 40000
        model = Model()
        draw = Draw(seed, model)
        with Server() as server:
            faces = [JsonFace(server), WireFace(server)]
            for face in faces:
                self.addCleanup(face.close)
            done, codes = 0, {}
            while done < total:
                done += self.run_some(draw, draw.rand.choice(faces), codes,
                                      f"seed {seed}, after {done}")
        self.look_at(codes)

    def run_some(self, draw, face, codes, about):
        """Many on their way at once, but that a list ends them: it is asked
        for page by page."""
        requests, size = [], 0
        for _ in range(draw.rand.randint(1, 60)):
            requests.append(draw.request(face))
            size += weight(requests[-1])
            if requests[-1].op in LISTS or size > RUN_BYTES:
                break
        lists = [requests.pop()] if requests[-1].op in LISTS else []
        answers = face.ask_all(requests) if requests else []
        answers += [face.ask_list(request) for request in lists]
        for at, (request, answer) in enumerate(zip(requests + lists, answers)):
            try:
                draw.model.check(request, answer)
            except (AssertionError, LookupError) as failure:
                self.fail(f"{about} + {at}: {failure!r}: "
                          f"{type(face).__name__} {request} {answer}")
            pair = request.op, bool(answer.code)
            codes[pair] = codes.get(pair, 0) + 1
        return len(answers)

    def look_at(self, codes):
        """Everything has been done, and done well more than once."""
        for op in OPS:
            self.assertGreater(codes.get((op, False), 0), 1, codes)


def weight(request):
    return 100 + len(request.value) + len(request.expected or b"") * 2 \
        if isinstance(request.expected, bytes) else 100 + len(request.value)


if __name__ == "__main__":
    unittest.main()
