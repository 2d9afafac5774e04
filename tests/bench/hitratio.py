"""Miss ratios at equal memory: traces replayed through the store in process,
memcached and Redis.

A cell is a trace with a share of its footprint as memory, at least as much as
`least`; for that, as many copies of the trace as it takes, each with keys of
its own, are replayed in step. Memory is what a process has resident above
what it had when it was empty, at the end of the replay. A server's limit is
moved until that is the cell's: at most that for ours, at least nearly that,
and up to some per cent more, for the peers, whose memory cannot be set as
finely. A cell that would take more than `requests` is replayed from
the trace's start as far as they reach, by everybody."""
import json
import os
import shutil
import subprocess
import sys
import time

import charts
import rivals

MIB = 1 << 20
ATTEMPTS = 5
# What part of a cell's memory a server may come to.
OURS_FITS, PEER_FITS = (0.98, 1.0), (0.985, 1.06)
FAST_CLOCK = 200


class Server:
    """One that is measured: how to replay through it with a limit. `ratio`
    is its limit to the memory that it took, as known so far."""

    def __init__(self, name, fits, ratio, start, protocol=None):
        self.name, self.fits, self.ratio = name, fits, ratio
        self.start, self.protocol = start, protocol
        self.ratio_at_first = ratio


def fast(build, rival):
    rival.environment = {
        "LD_PRELOAD": os.path.join(build, "tests", "bench",
                                   "libfast_clock.so"),
        "FAST_CLOCK": str(FAST_CLOCK)}
    return rival


def servers(args):
    build = args.build
    chosen = [
        Server("ours", OURS_FITS, 0.95, None),
        Server("memcached", PEER_FITS, 0.93,
               lambda limit: fast(build, rivals.memcached(
                   "memcached", "meta", 1, round(limit / MIB))),
               "meta"),
        *(Server(f"Redis {policy}", PEER_FITS, 0.95,
                 lambda limit, policy=policy: fast(build, rivals.redis(
                     "redis", int(limit), f"allkeys-{policy}")), "redis")
          for policy in ("lru", "lfu"))]
    if args.through_server:
        chosen.append(Server(
            "ours, through the server", OURS_FITS, 0.95,
            lambda limit: rivals.ours(build, "ours", "protobuf",
                                      "--memory-limit", str(int(limit))),
            "protobuf"))
    return chosen


def reader_of(trace):
    return ["zstd", "-dcq", trace] if trace.endswith(".zst") else [
        "cat", trace]


def run(args, trace, *words):
    """Runs bench_hitratio with the trace; answers its report."""
    program = os.path.join(args.build, "bin", "bench_hitratio")
    with subprocess.Popen(reader_of(trace), stdout=subprocess.PIPE) as reader:
        done = subprocess.run([program, *map(str, words)], stdin=reader.stdout,
                              stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode or reader.returncode:
        raise SystemExit(f"bench: {trace}: replay {words[0]} failed")
    return json.loads(done.stdout)


def show(words):
    print(words, file=sys.stderr, flush=True)


def replay(args, server, trace, plan, limit):
    where = (plan["copies"], plan["part"])
    if not server.start:
        return run(args, trace, "store", *where, int(limit))
    with rivals.started([server.start(limit)]) as (rival,):
        return run(args, trace, server.protocol, *where, rival.port, rival.pid)


def next_limit(limit, found, memory, server):
    """The limit to try next, aiming at the middle of what fits."""
    aim = memory * sum(server.fits) / 2
    moved = limit * aim / found
    step = MIB if server.protocol == "meta" else 0
    if step and abs(moved - limit) < step:
        moved = limit + (step if aim > found else -step)
    return moved


def measure(args, server, trace, plan):
    """Replays until the memory is the cell's; answers the last report. What
    does not grow with its limit has all that it wants."""
    memory, limit, before = plan["memory"], server.ratio * plan["memory"], None
    least, most = (part * memory for part in server.fits)
    best = None
    for attempt in range(ATTEMPTS):
        start = time.monotonic()
        report = replay(args, server, trace, plan, limit)
        found = report["memory"]
        report.update(limit=int(limit), attempts=attempt + 1,
                      miss_ratio=report["misses"] / report["gets"])
        show(f"  {server.name}: {report['miss_ratio']:.4f} with "
             f"{found / MIB:.1f} of {memory / MIB:.1f} MiB "
             f"(limit {limit / MIB:.1f}, {time.monotonic() - start:.0f} s)")
        if best is None or abs(found - memory) < abs(best["memory"] - memory):
            best = report
        if least <= found <= most:
            server.ratio = limit / memory
            break
        has_all = before and found < least and limit > before[0] and \
            found < before[1] * 1.005
        if has_all:
            break
        before = (limit, found)
        limit = min(next_limit(limit, found, memory, server), 2 * memory)
    return best


def measure_cell(args, all_servers, trace, share):
    plan = run(args, trace, "plan", share, args.least * MIB, args.requests)
    name = os.path.basename(trace).split(".")[0]
    part = plan["part"] / plan["requests"]
    show(f"{name}, {share:.0%}: {plan['copies']} copies, {part:.0%} of each, "
         f"{plan['memory'] / MIB:.1f} MiB")
    reports = {server.name: measure(args, server, trace, plan)
               for server in all_servers}
    ours = reports["ours"]["miss_ratio"]
    redis = min(reports["Redis lru"]["miss_ratio"],
                reports["Redis lfu"]["miss_ratio"])
    memcached = reports["memcached"]["miss_ratio"]
    row = {"trace": name, "share": share, "memory_mib":
           round(plan["memory"] / MIB, 1), "copies": plan["copies"],
           "replayed": round(part, 4), "ours": ours, "memcached": memcached,
           "redis": redis, "redis_lru": reports["Redis lru"]["miss_ratio"],
           "redis_lfu": reports["Redis lfu"]["miss_ratio"],
           "is_not_above": ours <= min(memcached, redis)}
    for server in all_servers:
        row[server.name + ", MiB"] = round(
            reports[server.name]["memory"] / MIB, 1)
    through = reports.get("ours, through the server")
    row["through_server"] = through["miss_ratio"] if through else None
    return row, reports


def print_table(rows):
    print(f"\n{'trace':18} {'size':>5} {'MiB':>7} {'copies':>7} "
          f"{'replayed':>9} {'ours':>8} {'memcached':>10} {'Redis':>8} "
          f"{'ours to the better':>19}")
    for row in rows:
        better = min(row["memcached"], row["redis"])
        print(f"{row['trace']:18} {row['share']:5.0%} {row['memory_mib']:7.1f} "
              f"{row['copies']:7} {row['replayed']:9.1%} {row['ours']:8.4f} "
              f"{row['memcached']:10.4f} {row['redis']:8.4f} "
              f"{row['ours'] / better - 1:+18.1%}"
              + ("" if row["is_not_above"] else "  ABOVE")
              + (f"  through the server {row['through_server']:.4f}"
                 if row["through_server"] else ""))
    fine = sum(row["is_not_above"] for row in rows)
    print(f"\nours is not above either in {fine} of {len(rows)} cells")


def bars_of(row):
    is_lru = row["redis_lru"] <= row["redis_lfu"]
    names = {"ours": f"{row['share']:.0%} of the footprint: ours",
             "memcached": "memcached",
             "redis": "Redis, LRU" if is_lru else "Redis, LFU"}
    return [(name, row[key], f"{row[key]:.4f}",
             "ours" if key == "ours" else "peer")
            for key, name in names.items()]


def chart(rows):
    panels = {}
    for row in rows:
        panels.setdefault(row["trace"], []).extend(bars_of(row))
    return charts.bars("Miss ratio at equal memory: shorter is better",
                       "resident memory above the empty process, the same for "
                       "all; Redis with the better of LRU and LFU",
                       list(panels.items()))


def compare(args, write):
    if not args.traces:
        raise SystemExit("bench: hitratio needs traces")
    traces = [os.path.join(os.environ.get("BENCH_FROM", "."), trace)
              for trace in args.traces]
    if any(trace.endswith(".zst") for trace in traces) and not shutil.which(
            "zstd"):
        raise SystemExit("bench: zstd is not installed")
    all_servers = servers(args)
    rivals.install([server.start(64 * MIB) for server in all_servers
                    if server.start])
    rows, details = [], {}
    for trace in traces:
        for server in all_servers:
            server.ratio = server.ratio_at_first
        for share in args.shares:
            row, reports = measure_cell(args, all_servers, trace, share)
            rows.append(row)
            details[f"{row['trace']}, {share:.0%}"] = reports
            write(args, "hitratio", rows, chart(rows), details)
    print_table(rows)
