"""Connections: what an idle one holds, how many a second come, what idle ones cost the others."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from pairs import Side, alternate
from results import Result
from runner import Bench
from servers import Running

IDLE = "--test idle --ramp 64"


def idle(bench: Bench) -> None:
    """Memory growth of a server that has had no connection before."""
    for name in bench.peers("product", "jac-cloud", "socketify", "epoll-batch"):
        if bench.turn and name != "product":  # they hold the same in every round
            continue
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

    def side(name: str) -> Side:
        server = bench.server(name)
        return Side(name, partial(bench.load, server, f"{IDLE} --n {many} --settle 0"))

    # Short runs: twice as many.
    others = bench.peers("beast") * (2 * bench.scale.pairs) + bench.peers("epoll")
    alternate(bench, "connect", side("product"), map(side, others))


def crowd(bench: Bench) -> None:
    """100 active clients, alone and beside 10,000 that are idle."""
    active, many = bench.count(100), bench.count(10_000)
    times = f"--dur {bench.seconds(1.5)} --warm {bench.seconds(0.4)} --settle .1"

    with bench.fresh("product") as server:

        def alone(options: str) -> Result:
            return bench.load(server, f"--test echo --n {active} {options} {times}")

        def beside(options: str) -> Result:
            with idling(bench, server, many):
                result = alone(options)
            server.settle()
            return result

        for tag, options in (("crowd", ""), ("crowd-p99", "--rate 5000")):
            others = [Side("beside 10,000 idle", partial(beside, options))] * bench.scale.pairs
            alternate(bench, tag, Side("alone", partial(alone, options)), others)


@contextmanager
def idling(bench: Bench, server: Running, many: int) -> Iterator[None]:
    """So many idle connections, until the end of the block."""
    crowd = bench.start(server, f"{IDLE} --n {many} --settle 600")
    try:
        server.wait_for(many)
        yield
    finally:
        crowd.stop()
