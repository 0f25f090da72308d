"""Prints the results of compare.py as Markdown: the machine, then tables.

They are throughput, throughput for each second of the server's processor time, and latency.

A cell is the median of the rounds, with the least and the most in brackets.
"""

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

Result = dict[str, object]
Results = dict[tuple[str, str], list[Result]]  # by tag and peer

# tag: what it measures, the field with its throughput, the unit of that
MEASURES = {
    "echo1": ("echo, 1 connection", "msgs_s", "messages/s"),
    "echo64": ("echo, 64 connections", "msgs_s", "messages/s"),
    "walker1": ("walker, 1 connection", "msgs_s", "walkers/s"),
    "walker64": ("walker, 64 connections", "msgs_s", "walkers/s"),
    "fanout100w16": ("fan-out to 100, window 16", "deliv_s", "deliveries/s"),
    "fanout1000w16": ("fan-out to 1,000, window 16", "deliv_s", "deliveries/s"),
    "fanout1000w1": ("fan-out to 1,000, window 1", "deliv_s", "deliveries/s"),
    "fanout5000w16": ("fan-out to 5,000, window 16", "deliv_s", "deliveries/s"),
    "rate1000x20": ("fan-out to 1,000, 20 messages/s", "deliv_s", "deliveries/s"),
    "stall": ("fan-out to 200, 2 of them stalled", "deliv_s", "deliveries/s"),
    "idle": ("10,000 idle connections", "kb_per_conn", "KB each"),
}


def values(results: list[Result], key: str, scale: float = 1) -> list[float]:
    return [float(str(result[key])) * scale for result in results if key in result]


def efficiency(results: list[Result], key: str) -> list[float]:
    """Throughput for each second of processor time that the server took."""
    return [
        float(str(result[key])) / (float(str(result["srv_cpu"])) / 100)
        for result in results
        if key in result and result.get("srv_cpu")
    ]


def cell(numbers: list[float], digits: int = 0) -> str:
    if not numbers:
        return ""
    median = f"{statistics.median(numbers):,.{digits}f}"
    if len(numbers) == 1:
        return median
    return f"{median} ({min(numbers):,.{digits}f}-{max(numbers):,.{digits}f})"


def ratio(ours: list[float], theirs: list[float], less_is_better: bool) -> str:
    if not ours or not theirs:
        return ""
    quotient = statistics.median(ours) / statistics.median(theirs)
    return f"{1 / quotient if less_is_better else quotient:.1f}"


def shown(peer: str) -> str:
    return "this server" if peer == "product" else peer


def row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def throughput_table(results: Results, peers: list[str]) -> None:
    others = [peer for peer in peers if peer != "product"]
    heads = (f"this server / {peer}" for peer in others)
    print(row(["throughput", "unit", *map(shown, peers), *heads, "others"]))
    print(row(["---", "---", *["---:"] * (len(peers) + len(others) + 1)]))
    for tag, (what, key, unit) in MEASURES.items():
        by_peer = {peer: values(results[tag, peer], key) for peer in peers}
        if not any(by_peer.values()):
            continue
        digits = 1 if tag == "idle" else 0
        ours = by_peer.get("product", [])
        disturbance = [n for peer in peers for n in values(results[tag, peer], "others")]
        print(
            row(
                [
                    what,
                    unit,
                    *(cell(by_peer[peer], digits) for peer in peers),
                    *(ratio(ours, by_peer[peer], tag == "idle") for peer in others),
                    f"{max(disturbance):.0f} %" if disturbance else "",
                ]
            )
        )


def efficiency_table(results: Results, peers: list[str]) -> None:
    others = [peer for peer in peers if peer != "product"]
    heads = (f"this server / {peer}" for peer in others)
    print(row(["for each second of the server's processor time", *map(shown, peers), *heads]))
    print(row(["---", *["---:"] * (len(peers) + len(others))]))
    for tag, (what, key, _) in MEASURES.items():
        by_peer = {peer: efficiency(results[tag, peer], key) for peer in peers}
        if tag == "idle" or not any(by_peer.values()):
            continue
        ours = by_peer.get("product", [])
        ratios = (ratio(ours, by_peer[peer], less_is_better=False) for peer in others)
        print(row([what, *(cell(by_peer[peer]) for peer in peers), *ratios]))


def latency_table(results: Results, peers: list[str]) -> None:
    print(row(["latency in ms, p50 / p99", *map(shown, peers)]))
    print(row(["---", *["---:"] * len(peers)]))
    for tag, (what, _, _) in MEASURES.items():
        cells = []
        for peer in peers:
            p50, p99 = (values(results[tag, peer], key, 1e-3) for key in ("p50_us", "p99_us"))
            both = (statistics.median(p50), statistics.median(p99)) if p50 and p99 else None
            cells.append(f"{both[0]:,.2f} / {both[1]:,.2f}" if both else "")
        if any(cells):
            print(row([what, *cells]))


def main() -> None:
    results: Results = defaultdict(list)
    peers: list[str] = []
    failed: list[Result] = []
    taken_on: set[tuple[str, str]] = set()
    for path in sys.argv[1:]:
        for line in Path(path).read_text().splitlines():
            result: Result = json.loads(line)
            name = str(result["label"])
            taken_on.add((str(result["machine"]), str(result["commit"])[:12]))
            if name not in peers:
                peers.append(name)
            if "error" in result or ("p50_us" not in result and result["tag"] != "idle"):
                failed.append(result)
            else:
                results[str(result["tag"]), name].append(result)

    for machine, commit in sorted(taken_on):
        print(f"Machine: {machine}. Commit: {commit}.\n")
    for table in (throughput_table, efficiency_table, latency_table):
        table(results, peers)
        print()
    for result in failed:
        print(f"failed: {result}")
    for result in (one for group in results.values() for one in group):
        if result.get("bad") or result.get("dead"):
            print(f"{result['label']} {result['tag']}: {result['bad']} bad, {result['dead']} lost")


if __name__ == "__main__":
    main()
