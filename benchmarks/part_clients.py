"""The same with other clients than wsload: Python's `websockets` and Node's `ws`.

They are slower than the servers, so that what tells is the servers' processor time for a message.
"""

import json
import shutil
import subprocess
import sys
from functools import partial

from machine import BUILD, LOAD_CORE, ROOT, processor_seconds
from results import Result
from runner import Bench
from servers import Running, without_ours

CLIENTS = {
    "websockets": (sys.executable, str(ROOT / "benchmarks/clients/websockets_load.py")),
    "ws": ("node", str(BUILD / "ws-node/ws_load.js")),
}


def clients(bench: Bench) -> None:
    for client, command in CLIENTS.items():
        if not (shutil.which(command[0]) and (ROOT / command[1]).exists()):
            print(f"Left out: the client {client} is not set up here", flush=True)
            continue
        for test, many in (("echo", 64), ("fanout", 100)):
            for name in bench.peers("product", "socketify", "picows"):
                take = partial(drive, bench, bench.server(name), command, test, bench.count(many))
                bench.record(f"{client}-{test}", name, take)


def drive(bench: Bench, server: Running, command: tuple[str, ...], test: str, many: int) -> Result:
    arguments = [server.protocol, str(server.port), test, str(many), str(bench.seconds(1.5))]
    before = processor_seconds(server.pid)
    done = subprocess.run(
        ["taskset", "-c", LOAD_CORE, *command, *arguments],
        env=without_ours(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    cpu = processor_seconds(server.pid) - before
    try:
        result: Result = json.loads(done.stdout)
    except ValueError:
        return {"error": (done.stdout + done.stderr)[-400:]}
    received = float(str(result["received"]))
    return result | {"us_each": round(1e6 * cpu / max(1.0, received), 2)}
