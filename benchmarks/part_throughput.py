"""Fan-out, echoes and walkers, as many as a server takes, and their latency at half of that."""

import json
import subprocess
import sys
from functools import partial

from machine import ROOT
from runner import Bench, Result
from servers import Running

FANOUT = "--test fanout --payload 128 --settle .2"
# Subscribers, messages in flight, servers.
FANOUTS = (
    (100, 16, ("product", "jac-cloud", "socketify", "epoll-batch")),
    (1000, 16, ("product", "jac-cloud", "socketify", "epoll-batch")),
    (1000, 1, ("product", "jac-cloud", "socketify", "epoll")),
    (5000, 16, ("product", "jac-cloud", "socketify", "epoll-batch")),
)
ECHOES = ("product", "jac-cloud", "socketify", "picows", "epoll")


def fanout(bench: Bench) -> None:
    for subscribers, window, peers in FANOUTS:
        for name in bench.peers(*peers):
            server = bench.server(name)
            # The older server takes seconds for each message to thousands.
            warm = bench.seconds(2 if name == "jac-cloud" and subscribers > 1000 else 0.8)
            options = (
                f"{FANOUT} --n {bench.count(subscribers)} --window {window}"
                f" --dur {bench.seconds(2)} --warm {warm} --connect-timeout 120"
            )
            bench.record(
                f"fanout{subscribers}w{window}", name, partial(bench.load, server, options)
            )
            server.settle()


def notify(bench: Bench) -> None:
    """The same by a walker. In batches it is the way of a message that is measured, notify_channels
    and back; with a walker's event for each message the walkers count too.
    """
    server = bench.server("product")
    ways = {
        "client event": "",
        "16 messages an event": "--by-walker --batch 16",
        "an event a message": "--by-walker --publishers 8",
    }
    for subscribers in (100, 1000):
        for label, way in ways.items():
            options = (
                f"{FANOUT} --n {bench.count(subscribers)} --window 16 --dur {bench.seconds(2)}"
                f" --warm {bench.seconds(0.8)} {way}"
            )
            bench.record(f"notify{subscribers}", label, partial(bench.load, server, options))
            server.settle()


def echo(bench: Bench) -> None:
    for connections in (1, 64):
        for name in bench.peers(*ECHOES):
            server = bench.server(name)
            options = (
                f"--test echo --n {connections} --settle .1 --dur {bench.seconds(2)}"
                f" --warm {bench.seconds(0.4)}"
            )
            bench.record(f"echo{connections}", name, partial(bench.load, server, options))


def walker(bench: Bench) -> None:
    """A walker that reports what it was given, by WebSocket and by REST."""
    times = f"--dur {bench.seconds(2.5)} --warm {bench.seconds(0.5)} --settle .1"
    for connections in (1, 64):
        for name in bench.peers("product", "jac-cloud"):
            server = bench.server(name)
            load = f"--test walker --n {connections} {times}"
            bench.record(f"walker{connections}", name, partial(bench.load, server, load))
            rest = Running(name, server.pid, server.port, "http")
            post = f"--test echo --path /walker/w --n {connections} {times}"
            bench.record(
                f"rest{connections}", name, partial(bench.load, rest, post, "--body", '{"val":7}')
            )


def unit(bench: Bench) -> None:
    """A unit of work beside the interpreter's own spawn and commit, in one process."""
    rounds = 3 if bench.scale.seconds >= 1 else 1
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
        ("echo64", "msgs_s", "--test echo --n 64", ECHOES),
        (
            "fanout1000w16",
            "pub_s",
            f"{FANOUT} --n {bench.count(1000)}",
            ("product", "socketify", "epoll", "epoll-batch"),
        ),
    ):
        times = f"--dur {bench.seconds(3)} --warm {bench.seconds(0.5)} --settle .2"
        highest = bench.measured(tag, "product", key)
        if highest is None:  # where only this part is asked for
            found = bench.load(bench.server("product"), f"{load} {times}")
            highest = float(str(found[key]))
        rate = max(1, round(highest / 2))
        for name in bench.peers(*(peer for peer in peers if peer != "jac-cloud")):
            server = bench.server(name)
            options = f"{load} --rate {rate} {times}"
            bench.record(f"{tag}-half", name, partial(bench.load, server, options))
            server.settle()
