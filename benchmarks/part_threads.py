"""Two I/O threads beside one, the server on every core and a load generator on each."""

from functools import partial

from machine import CORES
from pairs import Side, alternate
from results import Result
from runner import Bench
from servers import Running

ONE, TWO = "1 I/O thread", "2 I/O threads"


def threads(bench: Bench) -> None:
    """As fast as it goes, then at a rate that one thread can hold: what is lost, what it costs."""
    subscribers = bench.count(500)
    load = f"--test fanout --payload 128 --n {subscribers} --settle .1"
    times = f"--dur {bench.seconds(2)} --warm {bench.seconds(0.5)}"
    servers = {ONE: bench.server("product-1"), TWO: bench.server("product-2")}

    def side(label: str, pace: str) -> Side:
        return Side(label, partial(from_every_core, bench, servers[label], f"{load} {pace}{times}"))

    fast = "--window 16 "
    alternate(bench, "threads", side(ONE, fast), [side(TWO, fast)] * bench.scale.pairs)
    highest = bench.measured("threads", ONE, "pub_s") or 0
    paced = f"--rate {max(1, round(highest / len(CORES) / 2))} "
    for label in servers:
        bench.record("threads-rate", label, side(label, paced).take)


def from_every_core(bench: Bench, server: Running, options: str) -> Result:
    """A load generator on each core, with a publisher and a channel of its own; their sums."""
    loads = [
        bench.start(server, f"{options} --channel bench{core}", core=str(core)) for core in CORES
    ]
    results = [load.result() for load in loads]
    server.settle()
    failed = [result for result in results if "error" in result]
    if failed:
        return failed[0]

    def numbers(key: str) -> list[float]:
        return [float(str(result[key])) for result in results]

    delivered = sum(numbers("deliv_s"))
    # Each generator has sampled the same server.
    cpu = sum(numbers("srv_cpu")) / len(results)
    return {
        "deliv_s": round(delivered),
        "pub_s": sum(numbers("pub_s")),
        "p50_us": max(numbers("p50_us")),
        "p99_us": max(numbers("p99_us")),
        "srv_cpu": round(cpu, 1),
        "lg_cpu": round(sum(numbers("lg_cpu"))),
        "us_each": round(1e4 * cpu / max(1, delivered), 4),
        "lost": round(sum(numbers("lost_windows")) + sum(numbers("undelivered"))),
        "closed_live": round(sum(numbers("closed_live"))),
        "bad": round(sum(numbers("bad"))),
        "dead": round(sum(numbers("dead"))),
    }
