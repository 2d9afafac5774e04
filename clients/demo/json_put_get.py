#!/usr/bin/env python3
"""Puts a value and gets it back, in JSON over a plain socket.

Needs nothing but Python 3. A request is one JSON object and so is its answer;
nothing separates them, each ends where its object ends.
"""
import argparse
import json
import socket
import sys


def ask(connection, request):
    """Sends `request` and returns the answer, both as Python objects."""
    text = json.dumps(request)
    print("->", text)
    connection.sendall(text.encode())
    received = b""
    while True:
        part = connection.recv(65536)
        if not part:
            sys.exit("the server closed the connection")
        received += part
        try:
            answer = json.loads(received)
        except ValueError:
            continue  # The rest of the object is still on its way.
        print("<-", received.decode())
        return answer


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=10001)
    args = parser.parse_args()

    entry = {"bank": "demo", "key": "greeting"}
    value = {"text": "Grüße", "answer": 42}
    with socket.create_connection((args.host, args.port), 10) as connection:
        ask(connection, {"op": "put", **entry, "value": value, "lifetime": 60})
        answer = ask(connection, {"op": "get", **entry})
    if answer != {"status": "ok", "data": value}:
        sys.exit("what came back is not what was put")


if __name__ == "__main__":
    main()
