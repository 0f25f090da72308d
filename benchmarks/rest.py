"""Compares REST with uvicorn, and shows what REST does to an echo by WebSocket.

Both servers run on core 0, the load generator on core 1, 64 connections that are kept. Each round
goes over both servers; the figures are medians of the rounds.
"""

import argparse
import json
import statistics
import subprocess
from collections import defaultdict
from dataclasses import dataclass

from compare import BUILD, DISTURBED, PORT, busy_percent, serving, wait_until_quiet
from summary import cell, machine, ratio, row

OURS, THEIRS = "rest", "uvicorn"
ITEM = "/items/5?q=a"


@dataclass(frozen=True)
class Target:
    """A kind of request: its options for wsload, and which of uvicorn's it is compared with."""

    what: str
    goal: str
    options: tuple[str, ...]
    against: str = ""


TARGETS = {
    "bare": Target("a bare ASGI application", "1.2", ("--path", "/")),
    "get": Target("FastAPI, GET with a query", "1.0", ("--path", ITEM)),
    "post": Target(
        "FastAPI, POST of JSON", "1.0", ("--path", "/items", "--body", '{"name":"a","count":2}')
    ),
    "health": Target(
        "`/healthz`, to the bare application", "5.0", ("--path", "/healthz"), against="bare"
    ),
    "health-route": Target("`/healthz`, to a route of FastAPI", "", ("--path", "/healthz")),
}

Result = dict[str, float]


def start_load(pid: int, *options: str) -> "subprocess.Popen[str]":
    command = ["taskset", "-c", "1", str(BUILD / "bin/wsload"), "--port", str(PORT)]
    command += ["--pid", str(pid), "--settle", ".1", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def result_of(process: "subprocess.Popen[str]") -> Result:
    output, _ = process.communicate(timeout=120)
    result: Result = json.loads(output)
    if process.returncode or result["bad"] or result["dead"]:
        raise SystemExit(f"a run failed: {output}")
    return result


def http(pid: int, seconds: float, *options: str) -> Result:
    options = ("--proto", "http", "--n", "64", "--dur", str(seconds), "--warm", ".5", *options)
    return result_of(start_load(pid, *options))


def echo(pid: int, seconds: float) -> "subprocess.Popen[str]":
    """Eight clients, 2,000 echoes a second together, so that both runs ask for the same."""
    options = ("--proto", "jac", "--n", "8", "--rate", "2000", "--payload", "64")
    return start_load(pid, *options, "--dur", str(seconds), "--warm", ".5")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="of each run")
    parser.add_argument(
        "--quiet", type=float, default=0, help="seconds to wait at most for a quiet machine"
    )
    options = parser.parse_args()

    rates: dict[tuple[str, str], list[float]] = defaultdict(list)
    costs: dict[tuple[str, str], list[float]] = defaultdict(list)  # microseconds of the server's
    alone: list[float] = []
    beside: list[float] = []
    disturbed = 0
    for turn in range(options.rounds):
        for peer in (OURS, THEIRS):
            wait_until_quiet(options.quiet)
            disturbed += busy_percent() > DISTURBED
            with serving(peer) as pid:
                for tag, target in TARGETS.items():
                    result = http(pid, options.seconds, *target.options)
                    rates[peer, tag].append(result["msgs_s"])
                    costs[peer, tag].append(1e4 * result["srv_cpu"] / max(1, result["msgs_s"]))
                if peer == OURS:
                    alone.append(result_of(echo(pid, options.seconds))["p99_us"])
                    half = str(rates[OURS, "get"][-1] / 2)
                    echoing = echo(pid, options.seconds)
                    http(pid, options.seconds, "--path", ITEM, "--rate", half)
                    beside.append(result_of(echoing)["p99_us"])
        print(
            f"round {turn + 1} of {options.rounds}: "
            f"{ {'/'.join(key): round(values[-1]) for key, values in rates.items()} }",
            flush=True,
        )

    print(
        f"\nMachine: {machine()}. {options.rounds} rounds, before {disturbed} of "
        f"{2 * options.rounds} runs other work took more than {DISTURBED} % of a core.\n"
    )
    print(row(["requests a second", "this server", "uvicorn", "ratio", "goal"]))
    print(row(["---", *["---:"] * 4]))
    for tag, target in TARGETS.items():
        ours, theirs = rates[OURS, tag], rates[THEIRS, target.against or tag]
        print(row([target.what, cell(ours), cell(theirs), ratio(ours, theirs, False), target.goal]))
    print()
    print(row(["microseconds of processor time a request", "this server", "uvicorn", "ratio"]))
    print(row(["---", *["---:"] * 3]))
    for tag, target in TARGETS.items():
        ours, theirs = costs[OURS, tag], costs[THEIRS, target.against or tag]
        print(row([target.what, cell(ours, 1), cell(theirs, 1), ratio(ours, theirs, True)]))
    print()
    print(row(["p99 of an echo by WebSocket, microseconds", "alone", "beside REST", "ratio"]))
    print(row(["---", *["---:"] * 3]))
    quotient = statistics.median(beside) / statistics.median(alone)
    what = "8 clients, REST at half of its highest rate"
    print(row([what, cell(alone), cell(beside), f"{quotient:.1f}"]))


if __name__ == "__main__":
    main()
