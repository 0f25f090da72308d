"""Runs the comparison: each part in turn, what is compared in pairs close in time, round by round.

A line of JSON for each run; summary.py makes tables of them, plots.py plots. A peer that is not set
up is left out.
"""

import argparse
import json
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from machine import allow_many_files
from part_clients import clients
from part_connections import connect, crowd, idle, large
from part_growth import growth
from part_neighbours import busy_workers, descriptors, flood, large_fanout, stall
from part_threads import threads
from part_throughput import echo, fanout, latency, notify, unit, walker
from results import read
from runner import Bench, Repeats, Scale

PARTS: dict[str, Callable[[Bench], None]] = {
    "fanout": fanout,
    "echo": echo,
    "latency": latency,
    "notify": notify,
    "walker": walker,
    "unit": unit,
    "idle": idle,
    "connect": connect,
    "stall": stall,
    "threads": threads,
    "growth": growth,
    "flood": flood,
    "workers": busy_workers,
    "large-fanout": large_fanout,
    "crowd": crowd,
    "descriptors": descriptors,
    "clients": clients,
    "large": large,
}
PEERS = "jac-cloud,socketify,picows,beast,epoll,epoll-batch"
QUICK = "fanout,echo,notify,walker,connect,stall,flood,workers"


def without(results: Path, parts: list[str]) -> None:
    """Takes what these parts measured before out of the results, and what cannot be read."""
    lines, left_out = read([results]) if results.exists() else ([], [])
    kept = [line for line in lines if line["part"] not in parts]
    results.write_text("".join(f"{json.dumps(line)}\n" for line in kept))
    for which in left_out:
        print(f"Taken out of the results: {which}", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="results, appended to")
    parser.add_argument("--only", help=f"these parts, in place of their results: {','.join(PARTS)}")
    parser.add_argument("--add", action="store_true", help="keep their results, add rounds to them")
    parser.add_argument("--peers", default=PEERS, help=f"of {PEERS}; this server is always there")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3, help="of a run that others disturbed")
    parser.add_argument(
        "--quiet", type=float, default=30, help="seconds to wait at most for a quiet machine then"
    )
    parser.add_argument(
        "--patience", type=float, default=300, help="seconds for all repeats and waits together"
    )
    parser.add_argument(
        "--quick", action="store_true", help="below two minutes: a round, without the slow peer"
    )
    parser.add_argument("--large", action="store_true", help="100,000 idle connections")
    parser.add_argument(
        "--tiny", action="store_true", help="shows that it works: no figure means anything"
    )
    options = parser.parse_args()
    if options.quick or options.tiny or options.large:
        options.rounds = 1
    if options.quick:
        options.repeats = 0  # on a busy machine they would take longer than was promised
    return options


def main() -> None:
    options = arguments()
    chosen = [name for name in PARTS if name != "large"]
    peers = options.peers.split(",")
    scale = Scale()
    if options.quick:
        chosen, scale = QUICK.split(","), Scale(seconds=0.4, pairs=1)
        peers = [name for name in peers if name != "jac-cloud"]
    if options.large:
        chosen = ["large"]
    if options.tiny:
        scale = Scale(seconds=0.1, sizes=0.02, pairs=1)
        peers = ["epoll", "epoll-batch"]
        chosen.remove("unit")
    if options.only:
        chosen = options.only.split(",")
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        raise SystemExit(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")

    partial_run = options.only or options.large
    if not options.add:
        without(options.out, chosen if partial_run else list(PARTS))
    repeats = Repeats(options.repeats, options.quiet, options.patience)
    bench = Bench(options.out, scale, peers, repeats, allow_many_files())
    failed: set[str] = set()
    try:
        for turn in range(options.rounds):
            for name in chosen:
                print(f"== {name}, round {turn + 1} of {options.rounds}", flush=True)
                bench.turn, bench.part = turn, name
                start = time.monotonic()
                try:
                    PARTS[name](bench)
                except Exception:  # noqa: BLE001 - the others are measured all the same
                    traceback.print_exc()
                    failed.add(name)
                print(f"   took {time.monotonic() - start:.0f} s", flush=True)
    finally:
        bench.close()
    if failed:
        raise SystemExit(f"failed: {', '.join(sorted(failed))}")


if __name__ == "__main__":
    main()
