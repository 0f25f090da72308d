"""Connections: what an idle one holds, how many a second come, what idle ones cost the others."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from runner import Bench, Result
from servers import NotStarted, Running

IDLE = "--test idle --ramp 64"


def idle(bench: Bench) -> None:
    """Memory growth of a server that has had no connection before."""
    for name in bench.peers("product", "jac-cloud", "socketify", "epoll-batch"):
        # The older server takes half a minute for 10,000.
        many = bench.count(2000 if name == "jac-cloud" else 10_000)
        bench.record("idle", name, partial(on_a_fresh_server, bench, name, many, 1.5))


def on_a_fresh_server(bench: Bench, name: str, many: int, settle: float) -> Result:
    with bench.fresh(name) as server:
        options = f"{IDLE} --n {many} --settle {bench.seconds(settle)}"
        return bench.start(server, options, "--connect-timeout", "120").result()


def large(bench: Bench) -> None:
    """100,000 idle connections, from as many addresses as their ports ask for."""
    wanted = 100_000
    many = bench.count(wanted)
    if many < wanted * bench.scale.sizes:
        print(
            f"{many:,} idle connections instead of {wanted:,}: a process may open "
            f"{bench.most_files:,} files here, and only a privileged one may raise that",
            flush=True,
        )
    sources = 1 + many // 20_000

    def take() -> Result:
        with bench.fresh("product") as server:
            options = f"{IDLE} --n {many} --sources {sources} --settle {bench.seconds(3)}"
            return bench.start(server, options, "--connect-timeout", "300").result(400)

    bench.record("idle-large", "product", take)


def connect(bench: Bench) -> None:
    """Handshakes a second, 64 at once, every connection kept; for us with the first message."""
    many = bench.count(5000)
    for _ in range(2):  # short runs: two in turns
        for name in bench.peers("product", "beast", "epoll"):
            server = bench.server(name)
            bench.record(
                "connect", name, partial(bench.load, server, f"{IDLE} --n {many} --settle 0")
            )
            server.settle()


def crowd(bench: Bench) -> None:
    """100 active clients, alone and beside 10,000 that are idle."""
    active, many = bench.count(100), bench.count(10_000)
    times = f"--dur {bench.seconds(3)} --warm {bench.seconds(0.5)} --settle .2"

    def take(server: Running, options: str) -> Result:
        return bench.load(server, f"--test echo --n {active} {options} {times}")

    with bench.fresh("product") as server:
        for tag, options in (("crowd", ""), ("crowd-p99", "--rate 5000")):
            bench.record(tag, "alone", partial(take, server, options))
        with idling(bench, server, many):
            for tag, options in (("crowd", ""), ("crowd-p99", "--rate 5000")):
                bench.record(tag, "beside 10,000 idle", partial(take, server, options))


@contextmanager
def idling(bench: Bench, server: Running, many: int) -> Iterator[None]:
    """So many idle connections, until the end of the block."""
    crowd = bench.start(server, f"{IDLE} --n {many} --settle 600")
    try:
        deadline = time.monotonic() + 60
        while server.files() < many:
            if time.monotonic() > deadline or crowd.process.poll() is not None:
                raise NotStarted(f"{many} idle connections did not come about")
            time.sleep(0.2)
        yield
    finally:
        crowd.stop()
