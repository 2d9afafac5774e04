#!/usr/bin/python3
"""CacheServer beside memcached, Redis, and a libuv server that does nothing.

    compare.py [servers]   CPU a request, over the depth of the pipeline
    compare.py memory      bytes an entry
    compare.py study1      the original's first study: the store in process
    compare.py study2      the original's second study: JSON over a socket
    compare.py hitratio TRACE...
                           miss ratios of traces, at equal memory
    compare.py stalls      what others notice of a reset and of an expiry
    compare.py many        CPU of a get of a hundred keys

All run on this machine, over loopback, with clients/bench: 16-byte keys,
32-byte values, 90 % gets, Zipf 0.99, 1 M keys, 32 connections, one thread of
client. Servers take turns in every round; what is told are medians, and
medians of the rounds' ratios. A run in which fewer than 99.9 % of the gets
were hits with the right value is no result. Tables, JSON, CSV and a chart go
to build/bench.
"""
import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE]

import charts
import hitratio
import many
import rivals
import stalls
import studies

# The mean lengths of requests and answers of protobuf: those of the ceiling.
FLOOR_REQUEST, FLOOR_ANSWER = 38, 40
HITS_LEAST = 99.9

# What is to be reached: CPU against the best peer, by depth.
TARGETS = {("ours, protobuf", 64): 0.30, ("ours, protobuf", 16): 0.48,
           ("ours, protobuf", 1): 0.86, ("ours, JSON", 1): 0.92}


# --- running cachebench ------------------------------------------------------

def cachebench(args, rival, *flags):
    """Runs it against `rival`; answers its report."""
    program = os.path.join(args.build, "bin", "cachebench")
    pin = ["taskset", "-c", str(os.cpu_count() - 1)] if args.pin else []
    done = subprocess.run(
        [*pin, program, "--protocol", rival.protocol, "--port",
         str(rival.port), "--server-pid", str(rival.pid), "--label",
         rival.name, "--connections", str(args.connections), "--json", "-",
         *map(str, flags)], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: cachebench against {rival.name} failed "
                         f"with status {done.returncode}")
    return json.loads(done.stdout)


def show(words):
    """A line on the terminal that the next one replaces."""
    if sys.stderr.isatty():
        print(f"\r{words}\033[K", end="", file=sys.stderr, flush=True)


# --- CPU a request -----------------------------------------------------------

def contenders(build, folder):
    return [
        rivals.ours(build, "ours, protobuf", "protobuf"),
        rivals.ours(build, "ours, JSON", "json"),
        rivals.memcached("memcached, 1 thread", "memcached", 1),
        rivals.memcached("memcached, 2 threads", "memcached", 2),
        rivals.memcached("memcached meta, 1 thread", "meta", 1),
        rivals.memcached("memcached meta, 2 threads", "meta", 2),
        rivals.redis("redis"),
        rivals.floor(build, "does nothing", FLOOR_REQUEST, FLOOR_ANSWER,
                     folder),
    ]


def kind_of(rival):
    if rival.protocol == "floor":
        return "ceiling"
    return "ours" if rival.is_ours else "peer"


def measure_once(args, rival, depth):
    report = cachebench(
        args, rival, "--keys", args.keys, "--no-load", "--depth", depth,
        "--seconds", args.seconds, "--warmup", args.warmup,
        "--floor-request", FLOOR_REQUEST, "--floor-answer", FLOOR_ANSWER)
    run = report["runs"][0]
    hits = run["hit_percent"]
    if hits is not None and hits < HITS_LEAST:
        raise SystemExit(f"bench: {rival.name}: only {hits} % hits")
    return run


def measure(args, all_rivals):
    """Runs by (depth, name), one a round; rounds begin with another."""
    runs = {(depth, rival.name): []
            for depth in args.depths for rival in all_rivals}
    for number in range(args.rounds):
        turn = number % len(all_rivals)
        for depth in args.depths:
            for rival in all_rivals[turn:] + all_rivals[:turn]:
                show(f"round {number + 1} of {args.rounds}, depth {depth}: "
                     f"{rival.name}")
                runs[depth, rival.name].append(
                    measure_once(args, rival, depth))
    show("")
    return runs


def ratio(runs, others):
    """The median of the rounds' ratios of `runs` to the least of `others`."""
    if not others:
        return None
    least = [min(run["server_us"] for run in peers) for peers in zip(*others)]
    return statistics.median(
        run["server_us"] / one for run, one in zip(runs, least))


def summarize(args, all_rivals, runs):
    """A row of medians for each depth and rival."""
    rows = []
    for depth in args.depths:
        by_kind = {kind: [runs[depth, rival.name] for rival in all_rivals
                          if kind_of(rival) == kind]
                   for kind in ("peer", "ceiling")}
        for rival in all_rivals:
            own = runs[depth, rival.name]
            cpu = [run["server_us"] for run in own]
            rows.append({
                "depth": depth, "server": rival.name, "kind": kind_of(rival),
                "server_us": statistics.median(cpu),
                "server_us_min": min(cpu), "server_us_max": max(cpu),
                "to_best_peer": ratio(own, by_kind["peer"]),
                "to_ceiling": ratio(own, by_kind["ceiling"]),
                "target": TARGETS.get((rival.name, depth)),
                **{name: statistics.median(run[name] for run in own)
                   for name in ("requests_per_s", "p50_us", "p99_us",
                                "client_us")},
                "hit_percent": min((run["hit_percent"] for run in own
                                    if run["hit_percent"] is not None),
                                   default=None)})
    return rows


def cell(number, form):
    return "-" if number is None else format(number, form)


def print_servers(args, rows):
    print(f"\nServer CPU a request, medians of {args.rounds} rounds of "
          f"{args.seconds:g} s, {args.connections} connections, "
          f"{args.keys} keys" + (", pinned" if args.pin else ""))
    for depth in args.depths:
        print(f"\n{'depth ' + str(depth):26} {'us':>7} {'least':>7} "
              f"{'most':>7} {'x best peer':>12} {'target':>8} "
              f"{'x ceiling':>10} {'requests/s':>11} {'p50 us':>9} "
              f"{'p99 us':>9} {'hit %':>7} {'client us':>10}")
        for row in rows:
            if row["depth"] != depth:
                continue
            target = "" if row["target"] is None else f"{row['target']:.2f}"
            print(f"{row['server']:26} {row['server_us']:7.3f} "
                  f"{row['server_us_min']:7.3f} {row['server_us_max']:7.3f} "
                  f"{cell(row['to_best_peer'], '.2f'):>12} {target:>8} "
                  f"{cell(row['to_ceiling'], '.2f'):>10} "
                  f"{row['requests_per_s']:11,.0f} {row['p50_us']:9,.0f} "
                  f"{row['p99_us']:9,.0f} {cell(row['hit_percent'], '.2f'):>7}"
                  f" {row['client_us']:10.3f}")


def print_json_to_protobuf(args, runs):
    """What JSON costs beside protobuf, if both were measured."""
    for depth in args.depths:
        protobuf = runs.get((depth, "ours, protobuf"))
        own = runs.get((depth, "ours, JSON"))
        if protobuf and own:
            target = ", target 1.5" if depth == 64 else ""
            print(f"JSON costs {ratio(own, [protobuf]):.2f} of protobuf at "
                  f"depth {depth}{target}")


def chart_servers(args, rows):
    panels = []
    for depth in args.depths:
        panels.append((f"{depth} request{'s' * (depth > 1)} in flight on each "
                       "connection", [
            (row["server"], row["server_us"],
             f"{row['server_us']:.2f} us" + (
                 "" if row["to_best_peer"] is None or row["kind"] == "peer"
                 else f", {row['to_best_peer']:.2f} of the best peer"),
             row["kind"])
            for row in rows if row["depth"] == depth]))
    return charts.bars(
        "Server CPU a request: shorter is better",
        f"{args.connections} connections, 90 % gets, Zipf 0.99, 16-byte keys, "
        f"32-byte values, {args.keys} keys; medians of {args.rounds} rounds",
        panels)


def compare_servers(args):
    with tempfile.TemporaryDirectory() as folder:
        chosen = [rival for rival in contenders(args.build, folder)
                  if any(word in rival.name for word in args.only.split(","))]
        if not chosen:
            raise SystemExit(f"bench: no server is called {args.only}")
        rivals.install(chosen)
        for rival in chosen if args.pin else []:
            rival.command = ["taskset", "-c", "0", *rival.command]
        with rivals.started(chosen):
            for rival in chosen:
                show(f"loading {rival.name}")
                if rival.protocol != "floor":
                    cachebench(args, rival, "--keys", args.keys,
                               "--load-only")
            runs = measure(args, chosen)
    rows = summarize(args, chosen, runs)
    print_servers(args, rows)
    print()
    print_json_to_protobuf(args, runs)
    write(args, "servers", rows, chart_servers(args, rows), {
        f"depth {depth}, {name}": values
        for (depth, name), values in runs.items()})


# --- bytes an entry ----------------------------------------------------------

def compare_memory(args):
    day = 24 * 3600
    rows = []
    chosen = [rivals.ours(args.build, "ours", "protobuf"),
              rivals.memcached("memcached", "memcached", 1),
              rivals.redis("redis")]
    rivals.install(chosen)
    for lifetime, limit in ((0, 64), (day, 72)):
        for rival in chosen:
            show(f"{rival.name}, lifetime {lifetime} s")
            with rivals.started([rival]):
                report = cachebench(args, rival, "--memory", "--keys",
                                    args.entries, "--lifetime", lifetime)
            memory = report["memory"]
            rows.append({
                "server": rival.name, "lifetime_s": lifetime,
                "kind": kind_of(rival), "entries": memory["entries"],
                "bytes_an_entry": memory["bytes_an_entry"],
                "target": limit if rival.is_ours else None,
                "is_whole": memory["entries"] == args.entries})
    show("")
    print(f"\nGrowth of RSS an entry, {args.entries} entries of a 16-byte key "
          "and a 32-byte value, all read back\n")
    print(f"{'server':12} {'lifetime':>9} {'bytes':>8} {'target':>8} "
          f"{'entries':>10}")
    for row in rows:
        print(f"{row['server']:12} {'yes' if row['lifetime_s'] else 'no':>9} "
              f"{row['bytes_an_entry']:8.1f} {cell(row['target'], 'd'):>8} "
              f"{row['entries']:10d}"
              + ("" if row["is_whole"] else "  some are missing"))
    panels = [(f"{'with' if lifetime else 'without'} a lifetime", [
        (row["server"], row["bytes_an_entry"],
         f"{row['bytes_an_entry']:.1f} bytes", row["kind"])
        for row in rows if row["lifetime_s"] == lifetime])
        for lifetime in (0, day)]
    write(args, "memory", rows, charts.bars(
        "Memory an entry: shorter is better",
        f"growth of RSS over {args.entries} entries of a 16-byte key and a "
        "32-byte value", panels), {})


# --- results -----------------------------------------------------------------

def write(args, name, rows, chart, details):
    """Leaves NAME.json, .csv and .svg in the folder for results."""
    os.makedirs(args.out, exist_ok=True)
    base = os.path.join(args.out, name)
    with open(base + ".json", "w") as file:
        json.dump({"settings": {key: value for key, value in vars(args).items()
                                if isinstance(value, (int, float, list))},
                   "rows": rows, "runs": details}, file, indent=1)
    with open(base + ".csv", "w", newline="") as file:
        table = csv.DictWriter(file, fieldnames=list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    if chart:
        with open(base + ".svg", "w") as file:
            file.write(chart)
    print(f"\nwritten: {base}.json, .csv" + (", .svg" if chart else ""))


def study(args, name):
    run = {"study1": studies.study1, "study2": studies.study2}[name]
    write(args, name, run(args), None, {})


# --- the command line --------------------------------------------------------

def depths(text):
    return [int(part) for part in text.split(",")]


def shares(text):
    return [float(part) for part in text.split(",")]


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", nargs="?", default="servers", choices=[
        "servers", "memory", "study1", "study2", "hitratio",
        "stalls", "many"], metavar="WHAT")
    parser.add_argument("traces", nargs="*", metavar="TRACE",
                        help="of hitratio: `timestamp key size op ttl` a "
                        "line, plain or .zst")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"),
                        help="where the programs are (build)")
    parser.add_argument("--out", default=os.path.join(ROOT, "build", "bench"),
                        help="where results go (build/bench)")
    parser.add_argument("--rounds", type=int, default=5,
                        help="of servers, stalls, many: rounds (5)")
    parser.add_argument("--seconds", type=float, default=3,
                        help="of servers: of each run (3)")
    parser.add_argument("--warmup", type=float, default=0.5,
                        help="of servers: seconds before each run (0.5)")
    parser.add_argument("--depths", type=depths, default=[64, 16, 1],
                        help="of servers: requests in flight (64,16,1)")
    parser.add_argument("--keys", type=int, default=1000000,
                        help="of servers: keys (1000000)")
    parser.add_argument("--connections", type=int, default=32,
                        help="connections (32)")
    parser.add_argument("--only", default="",
                        help="of servers: those with one of these words in\n"
                        "their names, commas between")
    parser.add_argument("--pin", action="store_true",
                        help="of servers: keep them on the first processor\n"
                        "and the client on the last")
    parser.add_argument("--entries", type=int, default=4000000,
                        help="of memory: entries (4000000)")
    parser.add_argument("--repetitions", type=int, default=9,
                        help="of the studies (9)")
    parser.add_argument("--shares", type=shares, default=[0.01, 0.1, 0.3],
                        help="of hitratio: memory, as parts of the footprint\n"
                        "(0.01,0.1,0.3)")
    parser.add_argument("--least", type=float, default=64,
                        help="of hitratio: MiB of memory at least (64)")
    parser.add_argument("--requests", type=int, default=50000000,
                        help="of hitratio: requests of a cell at most, 0 for\n"
                        "all (50000000)")
    parser.add_argument("--through-server", action="store_true",
                        help="of hitratio: ours over a socket besides")
    return parser.parse_intermixed_args()


def main():
    args = parse()
    args.build, args.out = map(os.path.abspath, (args.build, args.out))
    rivals.end_on_signals()
    if args.what == "servers":
        compare_servers(args)
    elif args.what == "memory":
        compare_memory(args)
    elif args.what == "hitratio":
        hitratio.compare(args, write)
    elif args.what == "stalls":
        stalls.compare(args, cachebench, write)
    elif args.what == "many":
        many.compare(args, write)
    else:
        study(args, args.what)


if __name__ == "__main__":
    main()
