"""Two I/O threads beside one, the server on every core and a load generator on each."""

from functools import partial

from machine import CORES
from runner import Bench, Result
from servers import Running

LABELS = {"product-1": "1 I/O thread", "product-2": "2 I/O threads"}


def threads(bench: Bench) -> None:
    """As fast as it goes, then at a rate that one thread can hold: what is lost, what it costs."""
    subscribers = bench.count(500)
    load = f"--test fanout --payload 128 --n {subscribers} --settle .3"
    times = f"--dur {bench.seconds(3)} --warm {bench.seconds(1)}"
    for name, label in LABELS.items():
        take = partial(from_every_core, bench, bench.server(name), f"{load} --window 16 {times}")
        bench.record("threads", label, take)
        bench.server(name).settle()
    highest = bench.measured("threads", LABELS["product-1"], "pub_s") or 0
    rate = max(1, round(highest / len(CORES) / 2))
    for name, label in LABELS.items():
        take = partial(from_every_core, bench, bench.server(name), f"{load} --rate {rate} {times}")
        bench.record("threads-rate", label, take)
        bench.server(name).settle()


def from_every_core(bench: Bench, server: Running, options: str) -> Result:
    """A load generator on each core, with a publisher and a channel of its own; their sums."""
    loads = [
        bench.start(server, f"{options} --channel bench{core}", core=str(core)) for core in CORES
    ]
    results = [load.result() for load in loads]
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
