"""Fan-out, echoes and walkers, as many as a server takes, and their latency at half of that."""

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import partial

from machine import ROOT
from measures import BY_WALKER, by_client
from pairs import Side, alternate
from results import Result
from runner import Bench

FANOUT = "--test fanout --payload 128 --settle .1"
BODY = '{"val":7}'


@dataclass(frozen=True)
class Row:
    """Subscribers, messages in flight, and with whom: more often with those that are close."""

    subscribers: int
    window: int
    close: tuple[str, ...]
    others: tuple[str, ...]


FANOUTS = (
    Row(100, 16, (), ("socketify", "epoll-batch", "jac-cloud")),
    Row(1000, 16, ("socketify", "epoll-batch"), ("jac-cloud",)),
    Row(1000, 1, ("epoll",), ("socketify", "jac-cloud")),
    Row(5000, 16, (), ("socketify", "epoll-batch", "jac-cloud")),
)


def beside(
    bench: Bench, tag: str, close: tuple[str, ...], others: tuple[str, ...], options: str
) -> None:
    """This server between the others, of which some are close to it."""

    def side(name: str) -> Side:
        times = f"--warm {bench.seconds(0.4)} --connect-timeout 120"
        # The older server takes seconds for each window to thousands.
        if tag == "fanout5000w16" and name == "jac-cloud":
            times += f" --warm {bench.seconds(2)} --dur {bench.seconds(3)}"
        return Side(name, partial(bench.load, bench.server(name), f"{options} {times}"))

    names = bench.peers(*close) * bench.scale.pairs + bench.peers(*others)
    alternate(bench, tag, side("product"), map(side, names))


def fanout(bench: Bench) -> None:
    for row in FANOUTS:
        options = (
            f"{FANOUT} --n {bench.count(row.subscribers)} --window {row.window}"
            f" --dur {bench.seconds(1.2)}"
        )
        beside(bench, f"fanout{row.subscribers}w{row.window}", row.close, row.others, options)


def notify(bench: Bench) -> None:
    """The same by a walker. With many messages in an event it is the way of a message that is
    measured, notify_channels and back; with an event for each message the walkers count too.
    """
    server = bench.server("product")
    for subscribers in (100, 1000):
        for label, (batch, publishers, window) in BY_WALKER.items():
            options = (
                f"{FANOUT} --n {bench.count(subscribers)} --window {window}"
                f" --dur {bench.seconds(1.2)} --warm {bench.seconds(0.4)}"
            )
            by_walker = f"{options} --by-walker --batch {batch} --publishers {publishers}"
            alternate(
                bench,
                f"notify{subscribers}",
                Side(by_client(window), partial(bench.load, server, options)),
                [Side(label, partial(bench.load, server, by_walker))] * bench.scale.pairs,
            )


def echo(bench: Bench) -> None:
    for connections in (1, 64):
        options = f"--test echo --n {connections} --settle .1 --dur {bench.seconds(1.2)}"
        others = ("epoll", "socketify", "jac-cloud")
        beside(bench, f"echo{connections}", ("picows",), others, options)


def walker(bench: Bench) -> None:
    """A walker that reports what it was given, by WebSocket and by REST."""
    for connections in (1, 64):
        options = f"--n {connections} --settle .1 --dur {bench.seconds(1.5)}"
        beside(bench, f"walker{connections}", (), ("jac-cloud",), f"--test walker {options}")
        post = f"--test echo --proto http --path /walker/w --body {BODY} {options}"
        beside(bench, f"rest{connections}", (), ("jac-cloud",), post)


def unit(bench: Bench) -> None:
    """A unit of work beside the interpreter's own spawn and commit, in one process."""
    if bench.turn:  # its rounds are its own
        return
    rounds = 7 if bench.scale.seconds >= 1 else 1
    program = [sys.executable, str(ROOT / "benchmarks/unit_of_work.py"), str(rounds), "--json"]

    def take(name: str) -> Result:
        done = subprocess.run([*program, name], capture_output=True, text=True, check=True)
        result: Result = json.loads(done.stdout)
        return result

    for name in ("trivial", "writing"):
        bench.record(f"unit-{name}", "product", partial(take, name))


def latency(bench: Bench) -> None:
    """At half of the rate that this server reaches, whatever happens."""
    for tag, key, load, peers in (
        ("echo64", "msgs_s", "--test echo --n 64", ("product", "socketify", "picows", "epoll")),
        (
            "fanout1000w16",
            "pub_s",
            f"{FANOUT} --n {bench.count(1000)}",
            ("product", "socketify", "epoll", "epoll-batch"),
        ),
    ):
        times = f"--dur {bench.seconds(1.5)} --warm {bench.seconds(0.4)}"
        highest = bench.measured(tag, "product", key)
        if highest is None:  # where only this part is asked for
            found = bench.load(bench.server("product"), f"{load} {times}")
            highest = float(str(found[key]))
        rate = max(1, round(highest / 2))
        for name in bench.peers(*peers):
            options = f"{load} --rate {rate} {times}"
            bench.record(f"{tag}-half", name, partial(bench.load, bench.server(name), options))
