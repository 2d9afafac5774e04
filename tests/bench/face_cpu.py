#!/usr/bin/python3
"""CPU a request of the JSON and the protobuf face, beside a libuv server that
does nothing with requests and answers of the same length.

    face_cpu.py --build FOLDER [--rounds N] [--requests N]

One worker, 32 connections, 1 and 64 requests in flight on each; get of a
32-byte value under a 16-byte key. The servers take turns in each round; the
table holds medians of microseconds of server CPU a request, and medians of the
rounds' ratios to the server that does nothing. User and system time from /proc
of the server while the load runs.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(TESTS, "e2e"),
                os.path.join(ROOT, "build", "python")]

KEY, VALUE, CONNECTIONS = "key:000000000042", "v" * 32, 32


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Floor:
    """The server that does nothing, for one length of request and answer."""

    def __init__(self, build, exchange):
        self.process = subprocess.Popen(
            [os.path.join(build, "bin", "bench_floor"),
             str(len(exchange.request)), exchange.files[1]],
            stdout=subprocess.PIPE)
        self.pid = self.process.pid
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Exchange:
    """A request with its answer, as files for the load, and who answers."""

    def __init__(self, folder, name, request, answer):
        self.name, self.request, self.answer = name, request, answer
        self.files = []
        for what, data in (("request", request), ("answer", answer)):
            path = os.path.join(folder, name.replace(" ", "-") + "." + what)
            with open(path, "wb") as file:
                file.write(data)
            self.files.append(path)


def load(build, port, pid, exchange, depth, count):
    """Microseconds of CPU of process `pid` a request."""
    before = cpu_s(pid)
    subprocess.run(
        [os.path.join(build, "bin", "bench_load"), str(port), *exchange.files,
         str(CONNECTIONS), str(depth), str(count)],
        check=True, stdout=subprocess.DEVNULL)
    return (cpu_s(pid) - before) / count * 1e6


def exchanges(server, folder):
    from wire import Json, Wire
    with Json(server) as conn:
        conn.ask("put", bank="bench", key=KEY, value=VALUE)
    request = f'{{"op":"get","bank":"bench","key":"{KEY}"}}'.encode()
    answer = f'{{"status": "ok", "data": "{VALUE}"}}'.encode()
    yield Exchange(folder, "json", request, answer)
    with Wire(server) as wire:
        frame = wire.frame("get", request_id=7, bank="bench", key=KEY.encode())
        wire.send(frame)
        response = Wire.pack(wire.read().SerializeToString())
    yield Exchange(folder, "protobuf", frame, response)


def measure(build, server, exchange, depth, count, rounds):
    floor = Floor(build, exchange)
    ours, nothing = [], []
    try:
        load(build, server.port, server.process.pid, exchange, depth, count // 4)
        for _ in range(rounds):
            nothing.append(load(build, floor.port, floor.pid, exchange, depth,
                                count))
            ours.append(load(build, server.port, server.process.pid, exchange,
                             depth, count))
    finally:
        floor.stop()
    ratios = [a / b for a, b in zip(ours, nothing)]
    return (statistics.median(ours), statistics.median(nothing),
            statistics.median(ratios), min(ratios), max(ratios))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=400000)
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    os.environ["CACHESERVER"] = os.path.join(build, "bin", "cacheserver")
    from server import Server
    print("face      in flight   us a request   doing nothing   ratio"
          "   (least, most)")
    with tempfile.TemporaryDirectory() as folder, Server(workers=1) as server:
        for exchange in exchanges(server, folder):
            for depth in (1, 64):
                count = args.requests * (1 if depth == 1 else 8)
                us, floor, ratio, least, most = measure(
                    build, server, exchange, depth, count, args.rounds)
                print(f"{exchange.name:9} 32 x {depth:<5} {us:12.2f} "
                      f"{floor:15.2f} {ratio:9.2f}   ({least:.2f}, {most:.2f})")


if __name__ == "__main__":
    main()
