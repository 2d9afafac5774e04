"""The original's two performance studies, repeated: its README told them of
Python on a small cloud machine of 2017. Each repetition is one number of
seconds, as there."""
import json
import os
import socket
import statistics
import subprocess
import time

import rivals

OPERATIONS_IN_PROCESS, OPERATIONS = 100000, 10000

# Operations a second of the original, by the averages in its README's tables
# (the lines below those give the same figures to other tests).
ORIGINAL = {"put, in process": 828859, "get, in process": 485514,
            "put, one connection": 11064,
            "put, a connection each": 4468,
            "get, one connection": 12871}


def report(times, operations):
    """Prints the table of the original's README; answers its rows."""
    count = len(next(iter(times.values())))
    print(f"\nseconds for {operations:,} operations, {count} repetitions\n")
    print(f"{'':24}" + "".join(f"{n + 1:8}" for n in range(count))
          + f"{'average':>10} {'operations/s':>14} {'the original':>14}")
    rows = []
    for name, seconds in times.items():
        average = statistics.mean(seconds)
        print(f"{name:24}" + "".join(f"{one:8.4f}" for one in seconds)
              + f"{average:10.4f} {operations / average:14,.0f} "
              f"{ORIGINAL[name]:14,}")
        rows.append({"test": name, "operations": operations,
                     "average_s": average,
                     "operations_per_s": operations / average,
                     "original_per_s": ORIGINAL[name],
                     "seconds": " ".join(f"{one:.6f}" for one in seconds)})
    print("\nThe original's figures are its README's, on another machine.")
    return rows


def study1(args):
    """Puts and gets in process: the store alone, one thread."""
    done = subprocess.run(
        [os.path.join(args.build, "bin", "bench_study1"),
         str(OPERATIONS_IN_PROCESS), str(args.repetitions)],
        stdout=subprocess.PIPE, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    times = {f"{name}, in process": [float(one) for one in seconds]
             for name, *seconds in lines}
    return report(times, OPERATIONS_IN_PROCESS)


def exchange(sock, request, wanted):
    sock.sendall(request)
    answer = sock.recv(2048)
    if answer != wanted:
        raise SystemExit(f"bench: {request} was answered {answer}")


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def study2(args):
    """JSON over a socket, from Python, one request at a time."""
    stored = b'{"status": "ok", "data": {}}'
    puts, gets = [], []
    for i in range(OPERATIONS):
        entry = {"bank": "study", "key": f"key{i}"}
        value = f"value {i}"
        puts.append((json.dumps(
            {"op": "put", **entry, "value": value}).encode(), stored))
        gets.append((json.dumps({"op": "get", **entry}).encode(), json.dumps(
            {"status": "ok", "data": value}).encode()))

    def connect():
        return socket.create_connection(("127.0.0.1", server.port))

    def on_one_connection(exchanges):
        with connect() as sock:
            for request, wanted in exchanges:
                exchange(sock, request, wanted)

    def on_a_connection_each(exchanges):
        for request, wanted in exchanges:
            with connect() as sock:
                exchange(sock, request, wanted)

    tests = {"put, one connection": lambda: on_one_connection(puts),
             "put, a connection each": lambda: on_a_connection_each(puts),
             "get, one connection": lambda: on_one_connection(gets)}
    with rivals.started([rivals.ours(args.build, "ours", "json")]) as (server,):
        times = {name: [timed(work) for _ in range(args.repetitions)]
                 for name, work in tests.items()}
    return report(times, OPERATIONS)
