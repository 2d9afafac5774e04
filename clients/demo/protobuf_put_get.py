#!/usr/bin/env python3
"""Puts a value and gets it back, in protobuf over a plain socket.

Needs Python 3 with its protobuf library (Debian: python3-protobuf) and the
messages, generated into a folder that PYTHONPATH names:

    protoc --proto_path=proto --python_out=FOLDER cache.proto
"""
import argparse
import socket
import struct
import sys

from google.protobuf.text_format import MessageToString

import cache_pb2 as cache


def read_exactly(connection, count):
    received = b""
    while len(received) < count:
        part = connection.recv(count - len(received))
        if not part:
            sys.exit("the server closed the connection")
        received += part
    return received


def ask(connection, request):
    """Sends a Request and returns the Response: four bytes with the length,
    then the message, either way."""
    print("->", MessageToString(request, as_one_line=True))
    body = request.SerializeToString()
    connection.sendall(struct.pack(">I", len(body)) + body)
    (length,) = struct.unpack(">I", read_exactly(connection, 4))
    response = cache.Response.FromString(read_exactly(connection, length))
    print("<-", MessageToString(response, as_one_line=True))
    return response


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=10001)
    args = parser.parse_args()

    put = cache.Request(id=1)
    put.put.bank = "demo"
    put.put.key = b"picture"
    put.put.value = bytes([0x89, 0x50, 0x4E, 0x47])
    put.put.lifetime_ms = 60000

    get = cache.Request(id=2)
    get.get.bank = put.put.bank
    get.get.key = put.put.key

    with socket.create_connection((args.host, args.port), 10) as connection:
        ask(connection, put)
        answer = ask(connection, get)
    if answer.get.value != put.put.value:
        sys.exit("what came back is not what was put")


if __name__ == "__main__":
    main()
