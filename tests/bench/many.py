"""Gets of a hundred keys at once: CPU a request, beside Redis' MGET and
memcached's get with many keys, in turns."""
import json
import os
import statistics
import subprocess

import rivals

KEYS, BATCH, CONNECTIONS = 1000000, 100, 32
TARGET = 0.35    # of the best peer
HITS_LEAST = 99.9


def measure(args, rival):
    done = subprocess.run(
        [os.path.join(args.build, "bin", "bench_many"), rival.protocol,
         str(rival.port), str(rival.pid), str(KEYS), str(BATCH),
         str(CONNECTIONS), str(args.seconds)],
        stdout=subprocess.PIPE, text=True, check=True)
    told = json.loads(done.stdout)
    if told["hit_percent"] < HITS_LEAST:
        raise SystemExit(f"bench: {rival.name} found only "
                         f"{told['hit_percent']} % of the keys")
    return told["cpu_us"]


def contenders(args):
    return [rivals.ours(args.build, "ours, get_many", "protobuf"),
            rivals.redis("redis, MGET"),
            rivals.memcached("memcached, get", "memcached", 1)]


def compare(args, write):
    rounds = []
    for _ in range(args.rounds):
        costs = {}
        for rival in contenders(args):
            with rivals.started([rival]):
                costs[rival.name] = measure(args, rival)
        rounds.append(costs)
    rows = []
    print(f"\nServer CPU of a get of {BATCH} keys, medians of {args.rounds} "
          f"rounds\n\n{'':24} {'us':>9} {'least':>9} {'most':>9} "
          f"{'x best peer':>12} {'target':>7}")
    for rival in contenders(args):
        name = rival.name
        costs = [one[name] for one in rounds]
        best = [min(cost for peer, cost in one.items() if peer != name and
                    not peer.startswith("ours")) for one in rounds]
        ratio = statistics.median(cost / peer
                                  for cost, peer in zip(costs, best))
        target = TARGET if rival.is_ours else None
        rows.append({"server": name, "cpu_us": statistics.median(costs),
                     "least": min(costs), "most": max(costs),
                     "x_best_peer": ratio, "target": target})
        print(f"{name:24} {statistics.median(costs):9.2f} {min(costs):9.2f} "
              f"{max(costs):9.2f} {ratio:12.2f} "
              f"{'' if target is None else target:>7}")
    write(args, "many", rows, None, {})
