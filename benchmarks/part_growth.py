"""How costs grow: a publish by subscribers, a subscribe by channels, a walker by its graph."""

import json
import subprocess
from functools import partial

from websockets.sync.client import connect

from machine import BUILD
from results import Result
from runner import Bench
from servers import Running, without_ours

SUBSCRIBERS = (1, 10, 100, 1000, 3000, 10_000)
LEVELS = 5  # of a graph, ten nodes below each: 10, 110, 1,110 ... nodes
NODES_AN_EVENT = 1000


def growth(bench: Bench) -> None:
    publishes(bench)
    subscribes(bench)
    graphs(bench)


def publishes(bench: Bench) -> None:
    """The server's processor time for one message, with a window of 16."""
    server = bench.server("product")
    for subscribers in SUBSCRIBERS:
        n = bench.count(subscribers)
        options = (
            f"--test fanout --payload 128 --window 16 --n {n} --settle .2"
            f" --dur {bench.seconds(1)} --warm {bench.seconds(0.4)}"
        )
        bench.record("publish-growth", f"{subscribers:,}", partial(publish, bench, server, options))


def publish(bench: Bench, server: Running, options: str) -> Result:
    result = bench.load(server, options)
    if "pub_s" in result:
        cost = 1e4 * float(str(result["srv_cpu"])) / max(0.1, float(str(result["pub_s"])))
        result["us_each"] = round(cost, 2)
    return result


def subscribes(bench: Bench) -> None:
    """Processor time until so many sessions are in the hub, each in a channel of its own."""
    most = max(1000, round(1_000_000 * bench.scale.sizes))
    command = [str(BUILD / "bin/jac_hub_growth"), str(most)]
    found: list[Result] = []

    def take() -> Result:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=without_ours()
        )
        found[:] = [json.loads(line) for line in done.stdout.splitlines()]
        total = sum(float(str(step["joins_s"])) for step in found)
        return {"us_each": round(1e6 * total / most, 4), "steps": list(found)}

    bench.record("subscribe-growth", f"{most:,}", take)


def graphs(bench: Bench) -> None:
    """A walker that touches a few nodes of a graph which grows: one graph for all rounds."""
    if bench.turn:
        return
    levels = LEVELS if bench.scale.sizes >= 1 else 2
    with bench.fresh("product") as server:
        call(server, {"type": "walker", "walker": "plant", "response": True})
        nodes = 0
        for level in range(levels):
            grow(server, level)
            nodes += 10 ** (level + 1)
            options = f"--test walker --walker touch --n 1 --dur {bench.seconds(1.5)} --settle .1"
            take = partial(touch, bench, server, options)
            for _ in range(3 if bench.scale.seconds >= 1 else 1):
                bench.record("graph-growth", f"{nodes:,}", take)


def grow(server: Running, level: int) -> None:
    """Ten nodes below each of the deepest; of many nodes, one event for each branch of them."""
    branches: list[list[int]] = [[]]
    while 10 ** (level + 1) / len(branches) > NODES_AN_EVENT:
        branches = [[*branch, place] for branch in branches for place in range(10)]
    for branch in branches:
        context = {"depth": level, "branch": branch}
        call(server, {"type": "walker", "walker": "grow", "response": True, "context": context})


def call(server: Running, event: dict[str, object]) -> None:
    """One event, and its answer."""
    with connect(f"ws://127.0.0.1:{server.port}/websocket", max_size=None) as client:
        client.recv()  # the connection frame
        client.send(json.dumps(event))
        answer = json.loads(client.recv(120))
    if answer.get("status") != 200:
        raise RuntimeError(f"a walker failed: {answer}")


def touch(bench: Bench, server: Running, options: str) -> Result:
    result = bench.start(server, options, "--context", "{}").result()
    if "msgs_s" in result:
        cost = 1e4 * float(str(result["srv_cpu"])) / max(0.1, float(str(result["msgs_s"])))
        result["us_each"] = round(cost, 1)
    return result
