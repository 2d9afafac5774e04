"""The Requests of model.py as either face takes them, and its answers as
Answers."""
import base64
import json

import cache_pb2
from model import (BYTES, FOR_EVER, JSON, NOT_FOUND, OVER, SAME, TEXT, Answer,
                   Divergence, Seen, is_utf8, must)
from wire import Json, Wire

LISTS = ("bank_list", "bank_keys", "bank_entries", "remove_by_prefix")


class WireFace:
    is_json = False

    def __init__(self, server):
        self.wire = Wire(server, 60)
        self.file = self.wire.socket.makefile("rb")
        self.last_id = 0

    def close(self):
        self.file.close()
        self.wire.close()

    def ask_all(self, requests):
        """All are on their way before an answer is read."""
        messages = [self.encode(request) for request in requests]
        self.wire.send(b"".join(self.wire.pack(m.SerializeToString())
                                for m in messages))
        answers = dict(self.read() for _ in messages)
        return [self.decode(request, answers[message.id])
                for request, message in zip(requests, messages)]

    def read(self):
        size = int.from_bytes(self.file.read(4), "big")
        response = cache_pb2.Response.FromString(self.file.read(size))
        return response.id, response

    def ask_list(self, request):
        whole, cursor = Answer(names=[], entries=[], table={}, number=0), b""
        while True:
            message = self.encode(request)
            getattr(message, request.op).cursor = cursor
            self.wire.send(self.wire.pack(message.SerializeToString()))
            _, response = self.read()
            if response.WhichOneof("result") == "error":
                return Answer(response.error.code)
            page = getattr(response, request.op)
            self.add_page(request, whole, page)
            cursor = page.cursor
            if not cursor:
                return whole

    @staticmethod
    def add_page(request, whole, page):
        if request.op == "remove_by_prefix":
            whole.number += page.removed
        elif request.op == "bank_entries":
            whole.entries += [(e.key, wire_seen(e)) for e in page.entries]
        elif request.op == "bank_keys":
            whole.names += page.keys
        else:
            whole.names += page.banks
            must(len(page.counts) == len(page.banks) * request.wants_counts,
                 page)
            whole.table.update((name, counts.entries) for name, counts
                               in zip(page.banks, page.counts))

    def encode(self, request):
        self.last_id += 1
        message = cache_pb2.Request(id=self.last_id)
        inner = getattr(message, request.op)
        inner.SetInParent()
        if request.op == "bank_list":
            inner.prefix = request.prefix.decode()
            inner.counts = request.wants_counts
        else:
            inner.bank = request.bank
        self.add_fields(request, inner)
        return message

    def add_fields(self, request, inner):
        op = request.op
        has = inner.DESCRIPTOR.fields_by_name
        for name, field in (("key", "key"), ("value", "value"),
                            ("kind", "kind"), ("keys", "keys"),
                            ("max_size", "size_max"), ("limit", "limit"),
                            ("return_previous", "wants_previous"),
                            ("return_version", "wants_version"),
                            ("return_lifetime", "wants_lifetime"),
                            ("saturate", "saturates"), ("to", "other"),
                            ("other", "other")):
            value = getattr(request, field)
            if name in has and name == "keys":
                inner.keys.extend(value)
            elif name in has and value:
                setattr(inner, name, value)
        if "prefix" in has and op != "bank_list":
            inner.prefix = request.prefix
        if request.condition:
            setattr(inner, "if_" + request.condition,
                    True if request.expected is None else request.expected)
        if op == "incr":
            add_incr(request, inner)
        if op == "put_many":
            for one in request.items:
                item = inner.items.add(key=one.key, value=one.value,
                                       kind=one.kind)
                add_lifetime(one.lifetime, item)
        for name, value in request.change.items():
            setattr(inner, name, value)
        add_lifetime(request.lifetime, inner)

    def decode(self, request, response):
        result = response.WhichOneof("result")
        inner = getattr(response, result)
        has = inner.DESCRIPTOR.fields_by_name
        answer = Answer(inner.code if result == "error" else 0)
        if "previous" in has and inner.HasField("previous"):
            answer.previous = wire_seen(inner.previous, False)
        if answer.code:
            return answer
        must(result == request.op, "answered by", result)
        if result in ("get", "meta"):
            answer.seen = wire_seen(inner, request.wants_lifetime or
                                    result == "meta")
        elif result == "put":
            answer.version = inner.version
        elif result == "incr":
            answer.number = getattr(inner, inner.WhichOneof("sum"))
        elif "size" in has:
            answer.number = inner.size
        elif "codes" in has:
            answer.codes = list(inner.codes)
        elif "results" in has:
            answer.results = [one.code or wire_seen(one, False)
                              for one in inner.results]
        elif result in ("bank_stats", "bank_configure"):
            answer.table = {name: getattr(inner, name) for name in has}
        return answer


def add_incr(request, inner):
    form = "integer" if request.is_exact else "real"
    setattr(inner, form, request.delta)
    for name in ("initial", "minimum", "maximum"):
        if getattr(request, name) is not None:
            setattr(getattr(inner, name), form, getattr(request, name))


def add_lifetime(lifetime, inner):
    """One that is over is for touch alone."""
    if lifetime is None or lifetime == SAME and \
            "touch" not in inner.DESCRIPTOR.fields_by_name:
        return
    if lifetime == SAME:
        inner.touch = True
    elif lifetime == OVER:
        inner.expire_now = True
    elif lifetime == FOR_EVER and "persist" in inner.DESCRIPTOR.fields_by_name:
        inner.persist = True
    else:
        inner.lifetime_ms = lifetime


def wire_seen(inner, has_lifetime=True):
    has = inner.DESCRIPTOR.fields_by_name
    seen = Seen(kind=inner.kind)
    if "value" in has:
        seen.is_value = lambda value, _: value == inner.value
    if "size" in has:
        seen.size = inner.size
    if "version" in has:
        seen.version = inner.version
    if has_lifetime:
        seen.lifetime_ms = inner.lifetime_ms
        seen.remaining_ms = inner.remaining_ms
    return seen


# Numbers as they are spelled, and never equal to a string.
SPELLED = json.JSONDecoder(parse_float=lambda t: ("number", t),
                           parse_int=lambda t: ("number", t),
                           parse_constant=lambda t: ("number", t))
WORDS = ("evict", "refuse")
NAMES = {"remove": "delete"}
KINDS = ("bytes", "text", "json")
# What protobuf cannot have: the texts of these keys, and Python's names.
NUMBER_KEYS = {b"\xff1": "1", b"\xff2.5": "2.5", b"\xffnull": "None"}


class JsonFace:
    is_json = True

    def __init__(self, server):
        self.json = Json(server, 60)
        self.json.decoder = SPELLED

    def close(self):
        self.json.close()

    def ask_all(self, requests):
        self.json.send("".join(map(self.encode, requests)))
        return [self.decode(request, self.json.read()) for request in requests]

    def ask_list(self, request):
        """In one answer, or page by page if the request has a limit."""
        whole, cursor = Answer(names=[], entries=[], table={}, number=0), ""
        while True:
            more = {"limit": request.limit} if request.limit else {}
            if cursor:
                more["cursor"] = cursor
            self.json.send(self.encode(request, more))
            told = self.json.read()
            if told["status"] == "error":
                return self.decode(request, told)
            self.add_page(request, whole, told["data"])
            cursor = told.get("cursor", "")
            if not cursor:
                return whole

    @staticmethod
    def add_page(request, whole, data):
        if request.op == "remove_by_prefix":
            whole.number = whole_number(data)
        elif request.op == "bank_entries":
            whole.entries += [(json_key(one["key"]),
                               json_seen(one, one["value"], True))
                              for one in data]
        elif request.op == "bank_keys":
            whole.names += map(json_key, data)
        elif request.wants_counts:
            counts = {one["bank"]: whole_number(one["entries"])
                      for one in data}
            must(len(counts) == len(data), data)
            whole.names += counts
            whole.table.update(counts)
        else:
            whole.names += data

    def encode(self, request, more=()):
        """Members come with their JSON text."""
        op = request.op
        if op == "get" and request.lifetime is not None:
            name = "getouch"
        else:
            name = NAMES.get(op, op.replace("bank_", "bank."))
        members = {"op": quote(name)}
        if op != "bank_list":
            members["bank"] = quote(request.bank)
        if op in ("put", "get", "meta", "remove", "touch", "incr", "append",
                  "prepend"):
            members["key"] = key_text(request.key)
        if op in ("put", "append", "prepend"):
            add_value(members, request)
        elif op == "incr":
            self.add_incr(members, request)
        self.add_condition(members, request)
        self.add_rest(members, request)
        members.update((name, quote(value)) for name, value in
                       dict(more).items())
        return "{%s}" % ",".join(f'"{k}":{v}' for k, v in members.items())

    @staticmethod
    def add_incr(members, request):
        members["value"] = quote(request.delta)
        for name in ("initial", "minimum", "maximum"):
            if getattr(request, name) is not None:
                members[name] = quote(getattr(request, name))
        if request.is_exact:
            members["exact"] = "true"

    @staticmethod
    def add_condition(members, request):
        if request.condition == "value" and "encoding" in members or \
                request.condition == "value" and not is_utf8(request.expected):
            members["encoding"] = '"base64"'
            members["if_value"] = quote(to_base64(request.expected))
        elif request.condition == "value":
            members["if_value"] = quote(request.expected.decode())
        elif request.condition == "version":
            members["if_version"] = quote(request.expected)
        elif request.condition:
            members["if_" + request.condition] = "true"

    @staticmethod
    def add_rest(members, request):
        for name, field in (("return_previous", "wants_previous"),
                            ("return_version", "wants_version"),
                            ("return_lifetime", "wants_lifetime"),
                            ("saturate", "saturates"),
                            ("max_size", "size_max"),
                            ("counts", "wants_counts")):
            if getattr(request, field):
                members[name] = quote(getattr(request, field))
        if request.op in LISTS:
            members["prefix"] = quote(request.prefix.decode())
        if request.op == "bank_rename":
            members["to"] = quote(request.other)
        if request.op == "bank_swap":
            members["other"] = quote(request.other)
        if request.op.endswith("_many") and request.op != "put_many":
            members["keys"] = "[%s]" % ",".join(map(key_text, request.keys))
        if request.op == "put_many":
            members["items"] = "[%s]" % ",".join(map(item_text, request.items))
        for name, value in request.change.items():
            members[name] = quote(WORDS[value] if name == "when_full"
                                  else value)
        add_seconds(members, request)

    def decode(self, request, told):
        if told["status"] == "error":
            return self.decode_error(request, told)
        answer, data = Answer(), told["data"]
        if "previous" in told:
            answer.previous = json_seen(told["previous"],
                                        told["previous"]["value"])
        if request.op == "get":
            answer.seen = json_seen(told, data, request.wants_lifetime)
        elif request.op == "meta":
            answer.seen = json_seen(data, None, True)
            answer.seen.is_value = None
            answer.seen.kind = KINDS.index(data["kind"])
            answer.seen.size = whole_number(data["size"])
        elif request.op == "put":
            answer.version = whole_number(told.get("version", 0))
        elif request.op == "incr":
            answer.number = (int if request.is_exact else float)(data[1])
        elif request.op in ("append", "prepend"):
            answer.number = whole_number(data)
        elif request.op == "get_many":
            answer.results = [whole_number(one["code"]) if "code" in one
                              else json_seen(one, one["value"])
                              for one in data]
        elif request.op.endswith("_many"):
            answer.codes = [whole_number(code) for code in data]
        elif request.op in ("bank_stats", "bank_configure"):
            answer.table = {name: WORDS.index(value) if name == "when_full"
                            else whole_number(value)
                            for name, value in data.items()}
        else:
            must(data == {}, data)
        return answer

    @staticmethod
    def decode_error(request, told):
        answer = Answer(whole_number(told["code"]) if "code" in told else None)
        if "previous" in told:
            answer.previous = json_seen(told["previous"],
                                        told["previous"]["value"])
        has_key = request.op in ("put", "get", "meta", "remove", "touch",
                                 "incr", "append", "prepend")
        name = NUMBER_KEYS.get(request.key) or request.key.decode("utf-8",
                                                                  "replace")
        is_miss = told["message"] == f"Key {name} doesn't exist"
        if has_key and answer.code in (NOT_FOUND, None):
            must(is_miss == (answer.code == NOT_FOUND) or answer.code is None,
                 told)
            answer.code = NOT_FOUND if is_miss else None
        return answer


def quote(value):
    return json.dumps(value)


def to_base64(value):
    return base64.b64encode(value).decode()


def key_text(key):
    return key[1:].decode() if key in NUMBER_KEYS else quote(key.decode())


def json_key(listed):
    if isinstance(listed, dict):
        return base64.b64decode(listed["base64"])
    if isinstance(listed, str):
        return listed.encode()
    return b"\xffnull" if listed is None else b"\xff" + listed[1].encode()


def whole_number(told):
    return int(told[1]) if isinstance(told, tuple) else told


def add_value(members, request):
    if request.kind == BYTES:
        members["encoding"] = '"base64"'
        members["value"] = quote(to_base64(request.value))
    elif request.kind == TEXT:
        members["value"] = quote(request.value.decode())
    else:
        members["value"] = request.value.decode()


def add_seconds(members, request):
    name = "lifetime" if request.op in ("put", "incr") else "new_lifetime"
    if request.lifetime not in (None, SAME):
        members[name] = quote(-1 if request.lifetime == OVER
                              else request.lifetime // 1000)


def item_text(item):
    members = {"key": key_text(item.key)}
    add_value(members, item)
    add_seconds(members, item)
    return "{%s}" % ",".join(f'"{k}":{v}' for k, v in members.items())


def json_seen(told, data, has_lifetime=False):
    def is_value(value, kind):
        if kind == JSON:
            return data == SPELLED.decode(value.decode())
        if kind == TEXT or is_utf8(value):
            return data == value.decode() and "encoding" not in told
        return data == to_base64(value) and told["encoding"] == "base64"

    seen = Seen(is_value, version=whole_number(told.get("version", 0)))
    if has_lifetime:
        seen.lifetime_ms = whole_number(told.get("lifetime_ms", 0))
        seen.remaining_ms = whole_number(told.get("remaining_ms", 0))
    return seen
