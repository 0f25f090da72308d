"""What one client or its walkers may do to others: stalls, floods, busy workers, full tables."""

import socket
import time
from collections.abc import Callable
from functools import partial

from flood import FLOODS, Flood
from machine import processor_seconds
from pairs import Side, alternate
from results import Result
from runner import Bench
from servers import Running

ECHO = "--test echo --n 64 --rate 3200 --payload 64"  # 50 a second each: below the default limit


def stall(bench: Bench) -> None:
    """2 of 200 subscribers never read."""
    live, stalled = bench.count(198), max(1, bench.count(2))
    times = f"--dur {bench.seconds(3)} --warm {bench.seconds(0.5)} --settle .1 --timeline"
    with bench.fresh("product") as server:
        base = Side("none stalled", partial(stalling, bench, server, f"--n {live} {times}"))
        who = f"--n {live + stalled} --stall {stalled / (live + stalled):.4f}"
        other = Side("2 stalled", partial(stalling, bench, server, f"{who} {times}"))
        alternate(bench, "stall", base, [other] * bench.scale.pairs)


def stalling(bench: Bench, server: Running, options: str) -> Result:
    result = bench.load(server, f"--test fanout --window 16 --payload 4096 {options}")
    if result.get("timeline"):
        memory = [second[3] for second in result["timeline"]]  # type: ignore[attr-defined]
        # From the first second, when the stalled ones' queues are full, to the end.
        result["grown_mb"] = round((memory[-1] - memory[0]) / 1024, 1)
    return result


def flood(bench: Bench) -> None:
    """Echoes of 64 clients, with all limits as they come, while another client floods."""
    times = f"--dur {bench.seconds(1.6)} --warm {bench.seconds(0.4)} --settle .1"
    with bench.fresh("product-guarded") as server:
        base = Side("alone", partial(bench.load, server, f"{ECHO} {times}"))
        others = [
            Side(kind, partial(beside_a_flood, bench, server, kind, times))
            for _ in range(bench.scale.pairs)
            for kind in FLOODS
        ]
        alternate(bench, "flood", base, others)


def beside_a_flood(bench: Bench, server: Running, kind: str, times: str) -> Result:
    with Flood(server.port, kind) as flooding:
        result = bench.load(server, f"{ECHO} {times}")
    return result | {"flooded_frames": flooding.frames(), "floods_ended": flooding.ended()}


def beside(
    bench: Bench, server: Running, other: str, connections: int, take: Callable[[], Result]
) -> Result:
    """What is measured while another load, of so many connections, is there."""
    running = bench.start(server, other)
    try:
        server.wait_for(connections)
        result = take()
    finally:
        running.stop()
    server.settle()
    return result


def busy_workers(bench: Bench) -> None:
    """Pings of 16 clients while 64 others have a walker in every worker, on both cores."""
    ping = f"--test ping --n 16 --rate 1000 --dur {bench.seconds(3)} --warm {bench.seconds(0.5)}"
    server = bench.server("product-1")
    alone = partial(bench.load, server, f"{ping} --settle .1")

    walkers = "--test walker --walker work --n 64 --dur 600"
    beside_walkers = partial(beside, bench, server, walkers, 64, alone)
    others = [Side("walkers in every worker", beside_walkers)] * bench.scale.pairs
    alternate(bench, "workers", Side("idle", alone), others)


def large_fanout(bench: Bench) -> None:
    """Echoes of 16 clients, while messages to 5,000 others take most of the server's core."""
    times = f"--dur {bench.seconds(2)} --warm {bench.seconds(0.5)} --settle .1"
    members = bench.count(5000)
    with bench.fresh("product") as server:
        alone = partial(bench.load, server, f"--test echo --n 16 --rate 1000 {times}")
        fanout = f"--test fanout --payload 128 --n {members} --rate {250_000 / members:.0f}"
        fanout += " --dur 600 --connect-timeout 120"
        beside_it = partial(beside, bench, server, fanout, members, alone)
        others = [Side("250,000 deliveries a second", beside_it)] * bench.scale.pairs
        alternate(bench, "large-fanout", Side("alone", alone), others)


def descriptors(bench: Bench) -> None:
    """At the limit of open files accepting pauses, those who are in are served; then it goes on."""
    if bench.turn:  # a state, not a speed
        return
    bench.record("descriptors", "product", partial(without_descriptors, bench))


def without_descriptors(bench: Bench) -> Result:
    seconds = bench.seconds(3)
    # More connections than the descriptors leave are let in, so that the descriptors run out.
    allowed = {"JAC_CLOUD_MAX_CONNECTIONS": "100000"}
    limit = 300
    with bench.fresh("product-guarded", ("prlimit", f"--nofile={limit}"), allowed) as server:
        # Once while there are descriptors: a sanitizer needs some for what it sees the first time.
        bench.load(server, "--test echo --n 1 --dur 0.2 --warm 0.1 --settle 0.1")
        echo = f"--test echo --n 20 --rate 400 --dur {seconds} --warm 1 --settle {bench.seconds(4)}"
        live = bench.start(server, echo)
        deadline = time.monotonic() + 30
        before = server.files()
        while server.files() < before + 20 and time.monotonic() < deadline:
            time.sleep(0.02)
        waiting = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(limit + 100)]
        while server.files() < limit - 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        at_limit = server.files()
        idle_from, cpu_from = time.monotonic(), processor_seconds(server.pid)
        time.sleep(bench.seconds(2))  # before the echoes begin: what is counted is the waiting
        cpu = processor_seconds(server.pid) - cpu_from
        idle_for = time.monotonic() - idle_from
        result = live.result()
        for connection in waiting:
            connection.close()
        resumed_from = time.monotonic()
        resumed = answers_health(server.port)
    return result | {
        "cpu_percent": round(100 * cpu / idle_for, 1),
        "files_at_limit": at_limit,
        "resumed": resumed,
        "resumed_s": round(time.monotonic() - resumed_from, 2),
    }


def answers_health(port: int) -> bool:
    """Whether a new connection is accepted and answered."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.settimeout(20)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        return connection.recv(65536).startswith(b"HTTP/1.1 200")
