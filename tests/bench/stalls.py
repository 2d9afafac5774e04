"""What others notice while very much happens at once: a bank of ten million
keys is listed, or reset, or a million entries expire together, while 32
connections work in another bank, at a third of what they could reach (open
loop, so that a stall delays whatever was due in it)."""
import concurrent.futures
import json
import socket
import statistics
import time

import rivals

DOOMED, BRIEF, FEW = 10000000, 1000000, 1000
LOAD_DEPTH = 32    # cachebench's own
SHARE_OF_PEAK = 0.3
RUN_S = 6          # of a run in the middle of which something happens
RESET_AFTER_S = 2
LIFETIME_S = 10
BACK_S = 10        # by when memory is back after it was over
MIB = 1 << 20


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise SystemExit("bench: the server is gone")


def ask(server, request):
    """Sends a JSON request; answers the milliseconds to its answer."""
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begun = time.perf_counter()
        sock.sendall(json.dumps(request).encode())
        answer = sock.recv(4096)
        took = time.perf_counter() - begun
    if json.loads(answer)["status"] != "ok":
        raise SystemExit(f"bench: {request} was answered {answer}")
    return took * 1000


class Load:
    """The 32 connections, and what they reach when nothing else happens."""

    def __init__(self, cachebench, args, server):
        self.cachebench, self.args, self.server = cachebench, args, server
        cachebench(args, server, "--keys", args.keys, "--load-only")
        self.rate = 0
        self.rate = int(SHARE_OF_PEAK * self.run(2)["requests_per_s"])

    def run(self, seconds):
        return self.cachebench(
            self.args, self.server, "--keys", self.args.keys, "--no-load",
            "--depth", 1, "--rate", self.rate, "--seconds", seconds,
            "--warmup", 0.5)["runs"][0]

    def fill(self, bank, keys, *flags):
        self.cachebench(self.args, self.server, "--bank", bank, "--keys", keys,
                        "--load-only", *flags)

    def run_beside(self, happening):
        """A run, and what `happening` answers meanwhile."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            run = pool.submit(self.run, RUN_S)
            told = happening()
            return run.result(), told


def list_all(server, bank):
    """Reads a whole list as it comes; answers how many keys it had."""
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(json.dumps({"op": "bank.keys", "bank": bank}).encode())
        commas, last = 0, b""
        while not last.endswith(b"]}"):
            piece = sock.recv(1 << 20)
            if not piece:
                raise SystemExit("bench: a listing was cut off")
            commas += piece.count(b'", "')
            last = (last + piece)[-8:]
    return commas


def listing(load):
    """What is listed is filled here, for the reset as well."""
    load.fill("doomed", DOOMED)

    def happening():
        time.sleep(1)
        begun = time.monotonic()
        return list_all(load.server, "doomed"), time.monotonic() - begun

    return load.run_beside(happening)


def reset(load):

    def happening():
        time.sleep(RESET_AFTER_S)
        return ask(load.server, {"op": "bank.reset", "bank": "doomed"})

    return load.run_beside(happening)


def expiry(load):
    """Memory is looked at in the load's presence: it is what a server at work
    has, and what the brief entries add to it."""
    pid = load.server.pid
    before = resident(pid)
    load.fill("brief", BRIEF, "--lifetime", LIFETIME_S)
    full = resident(pid)
    over = time.monotonic() + LIFETIME_S
    time.sleep(LIFETIME_S - RUN_S / 2)

    def happening():
        time.sleep(max(0, over + BACK_S - time.monotonic()))
        return before, full, resident(pid)

    return load.run_beside(happening)


def expiry_alone(server, cachebench, args):
    """The same in a server that has nothing else and is left alone. It has
    served as many connections before, with next to no keys, so that what it
    keeps for them does not count as the entries'."""
    cachebench(args, server, "--keys", FEW, "--depth", LOAD_DEPTH,
               "--seconds", 1)
    before = resident(server.pid)
    cachebench(args, server, "--bank", "brief", "--keys", BRIEF,
               "--lifetime", LIFETIME_S, "--load-only")
    full = resident(server.pid)
    time.sleep(LIFETIME_S + BACK_S)
    return before, full, resident(server.pid)


def row(what, value, unit, target=None):
    return {"what": what, "value": value, "unit": unit, "target": target,
            "is_kept": None if target is None else value <= target}


def rows_of_memory(what, memory):
    before, full, after = memory
    return [row(f"{what}: RSS before", before / MIB, "MiB"),
            row(f"{what}: with the entries", full / MIB, "MiB"),
            row(f"{what}: {BACK_S} s after, beside before", after / before,
                "x", 1.1)]


def measure_round(args, cachebench):
    server = rivals.ours(args.build, "ours", "protobuf")
    with rivals.started([server]):
        alone = expiry_alone(server, cachebench, args)
    server = rivals.ours(args.build, "ours", "protobuf")
    with rivals.started([server]):
        load = Load(cachebench, args, server)
        quiet = load.run(RUN_S)
        beside_expiry, memory = expiry(load)
        beside_listing, (listed, listing_s) = listing(load)
        beside_reset, took_ms = reset(load)
    if listed < DOOMED * 0.99:  # Commas may be cut in two.
        raise SystemExit(f"bench: a listing had only {listed} keys")
    return [
        row("load", load.rate, "requests/s"),
        row("quiet: p99", quiet["p99_us"] / 1000, "ms"),
        row("quiet: longest", quiet["max_us"] / 1000, "ms"),
        row(f"listing of {DOOMED:,} keys: took", listing_s, "s"),
        row("listing: p99 of the others", beside_listing["p99_us"] / 1000,
            "ms", 2),
        row("listing: longest", beside_listing["max_us"] / 1000, "ms"),
        row(f"reset of {DOOMED:,} keys: answered", took_ms, "ms", 5),
        row("reset: p99 of the others", beside_reset["p99_us"] / 1000, "ms",
            2),
        row("reset: longest", beside_reset["max_us"] / 1000, "ms"),
        row(f"{BRIEF:,} keys expire: p99 of the others",
            beside_expiry["p99_us"] / 1000, "ms"),
        row("expiry: longest", beside_expiry["max_us"] / 1000, "ms", 10),
        *rows_of_memory("expiry beside the load", memory),
        *rows_of_memory("expiry in an empty server", alone)]


def median_row(same):
    middle = dict(same[0], value=statistics.median(
        one["value"] for one in same))
    if middle["target"] is not None:
        middle["is_kept"] = middle["value"] <= middle["target"]
    return dict(middle, least=min(one["value"] for one in same),
                most=max(one["value"] for one in same))


def compare(args, cachebench, write):
    rounds = [measure_round(args, cachebench) for _ in range(args.rounds)]
    rows = [median_row(same) for same in zip(*rounds)]
    print(f"\n{'medians of ' + str(args.rounds) + ' rounds':48} {'':>10} "
          f"{'least':>10} {'most':>10} {'target':>8}")
    for one in rows:
        target = "" if one["target"] is None else f"{one['target']:g}"
        verdict = "" if one["is_kept"] is not False else "  NOT WELL"
        print(f"{one['what']:48} {one['value']:10,.2f} {one['least']:10,.2f} "
              f"{one['most']:10,.2f} {target:>8} {one['unit']}{verdict}")
    write(args, "stalls", rows, None, {})
