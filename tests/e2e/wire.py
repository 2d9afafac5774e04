"""The two protocols as a test speaks them: nothing but sockets, the generated
messages, and the standard library."""
import json
import socket
import struct

import cache_pb2


class Json:
    """One JSON connection; answers are told apart by where a value ends."""

    def __init__(self, server, timeout=10):
        self.socket = server.connect(timeout)
        self.decoder = json.JSONDecoder()
        self.text = ""

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def read(self):
        while True:
            try:
                value, end = self.decoder.raw_decode(self.text)
            except ValueError:
                more = self.socket.recv(1 << 20)
                if not more:
                    raise ConnectionError(f"closed after {self.text!r}")
                self.text += more.decode("ascii")
                continue
            self.last_text, self.text = self.text[:end], self.text[end:]
            return value

    def ask(self, op=None, **fields):
        self.send(json.dumps({"op": op, **fields}))
        return self.read()

    def at_end(self):
        return not self.text and self.socket.recv(1) == b""

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Wire:
    """One protobuf connection."""

    def __init__(self, server, timeout=10):
        self.socket = server.connect(timeout)
        self.last_id = 0

    def frame(self, op, request_id=None, **fields):
        request = cache_pb2.Request()
        self.last_id = self.last_id + 1 if request_id is None else request_id
        request.id = self.last_id
        message = getattr(request, op)
        message.SetInParent()
        for name, value in fields.items():
            if isinstance(value, list):
                getattr(message, name).extend(value)
            else:
                setattr(message, name, value)
        return self.pack(request.SerializeToString())

    @staticmethod
    def pack(body):
        return struct.pack(">I", len(body)) + body

    def send(self, data):
        self.socket.sendall(data)

    def read_exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(min(count - len(data), 1 << 20))
            if not more:
                raise ConnectionError(f"closed after {len(data)} of {count}")
            data += more
        return data

    def read(self):
        size, = struct.unpack(">I", self.read_exactly(4))
        return cache_pb2.Response.FromString(self.read_exactly(size))

    def ask(self, op, **fields):
        self.send(self.frame(op, **fields))
        response = self.read()
        assert response.id == self.last_id, (response.id, self.last_id)
        return response

    def at_end(self):
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def reset(sock):
    """Closes with a reset instead of an end."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    sock.close()
