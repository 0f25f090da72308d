"""Compares REST with uvicorn, and shows what REST does to an echo by WebSocket.

Both servers run on core 0, the load generator on core 1, with 64 connections that are kept. Each
round goes over all servers; the figures are medians of the rounds.
"""

import argparse
import json
import statistics
import subprocess
from collections import defaultdict
from dataclasses import dataclass

from machine import BUILD, DISTURBED, LOAD_CORE, busy_percent, machine, wait_until_quiet
from results import cell
from servers import Running, serving
from summary import row

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


def ratio(ours: list[float], theirs: list[float], less_is_better: bool) -> str:
    if not ours or not theirs:
        return ""
    quotient = statistics.median(ours) / statistics.median(theirs)
    return f"{1 / quotient if less_is_better else quotient:.1f}"


def start_load(server: Running, *options: str) -> "subprocess.Popen[str]":
    command = ["taskset", "-c", LOAD_CORE, str(BUILD / "bin/wsload"), "--port", str(server.port)]
    command += ["--pid", str(server.pid), "--settle", ".1", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def result_of(process: "subprocess.Popen[str]") -> Result:
    output, _ = process.communicate(timeout=120)
    result: Result = json.loads(output)
    if process.returncode or result["bad"] or result["dead"]:
        raise SystemExit(f"a run failed: {output}")
    return result


def http(server: Running, seconds: float, *options: str) -> Result:
    options = ("--proto", "http", "--n", "64", "--dur", str(seconds), "--warm", ".5", *options)
    return result_of(start_load(server, *options))


def echo(server: Running, seconds: float) -> "subprocess.Popen[str]":
    """Eight clients, 2,000 echoes a second together, so that both runs ask for the same."""
    options = ("--proto", "jac", "--n", "8", "--rate", "2000", "--payload", "64")
    return start_load(server, *options, "--dur", str(seconds), "--warm", ".5")


class Figures:
    """What was measured, round by round."""

    def __init__(self) -> None:
        self.rates: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.costs: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.alone: list[float] = []
        self.beside: list[float] = []

    def measure_requests(self, peer: str, seconds: float) -> None:
        with serving(peer) as server:
            for tag, target in TARGETS.items():
                result = http(server, seconds, *target.options)
                self.rates[peer, tag].append(result["msgs_s"])
                self.costs[peer, tag].append(1e4 * result["srv_cpu"] / max(1, result["msgs_s"]))

    def measure_echo(self, seconds: float) -> None:
        with serving(OURS) as server:
            highest = http(server, seconds, "--path", ITEM)["msgs_s"]
            self.alone.append(result_of(echo(server, seconds))["p99_us"])
            echoing = echo(server, seconds)
            http(server, seconds, "--path", ITEM, "--rate", str(highest / 2))
            self.beside.append(result_of(echoing)["p99_us"])

    def show(self) -> None:
        self._table("requests a second", self.rates, 0, less_is_better=False)
        self._table("microseconds of processor time a request", self.costs, 1, less_is_better=True)
        print(row(["p99 of an echo by WebSocket in us", "alone", "beside REST", "ratio", "goal"]))
        print(row(["---", *["---:"] * 4]))
        quotient = ratio(self.beside, self.alone, less_is_better=False)
        what = "8 clients, REST at half of its highest rate"
        print(row([what, cell(self.alone), cell(self.beside), quotient, "2.0"]))

    def _table(
        self,
        what: str,
        figures: dict[tuple[str, str], list[float]],
        digits: int,
        less_is_better: bool,
    ) -> None:
        goals = [] if less_is_better else ["goal"]
        print(row([what, "this server", "uvicorn", "ratio", *goals]))
        print(row(["---", *["---:"] * (3 + len(goals))]))
        for tag, target in TARGETS.items():
            ours, theirs = figures[OURS, tag], figures[THEIRS, target.against or tag]
            cells = [cell(ours, digits), cell(theirs, digits), ratio(ours, theirs, less_is_better)]
            print(row([target.what, *cells, *([target.goal] if goals else [])]))
        print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="of each run")
    parser.add_argument(
        "--quiet", type=float, default=0, help="seconds to wait at most for a quiet machine"
    )
    options = parser.parse_args()

    figures = Figures()
    disturbed = 0
    for turn in range(options.rounds):
        for peer in (OURS, THEIRS):
            wait_until_quiet(options.quiet)
            disturbed += busy_percent() > DISTURBED
            figures.measure_requests(peer, options.seconds)
        figures.measure_echo(options.seconds)
        print(f"round {turn + 1} of {options.rounds} is done", flush=True)
    print(
        f"\nMachine: {machine()}. Other work took more than {DISTURBED} % of a core before "
        f"{disturbed} of the runs.\n"
    )
    figures.show()


if __name__ == "__main__":
    main()
