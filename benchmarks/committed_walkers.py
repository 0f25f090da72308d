"""Walkers that write, committed by eight threads: each on a node of its own, or all on one.

In one process, on a graph in a file. usage: committed_walkers.py [seconds of each run [folder]]
"""

import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Literal

from jac_cloud._native import Unit
from jac_cloud.runtime import Caller, Interpreter
from unit_of_work import APP

THREADS = 8
USERS = 64


def run(
    folder: Path, synchronous: Literal["normal", "full"], users: int, seconds: float
) -> tuple[float, float]:
    """Walkers a second, and microseconds of processor time for each."""
    (folder / "walkers.jac").write_text(APP)
    interpreter = Interpreter(folder / "data", synchronous=synchronous)
    try:
        spec = interpreter.load(folder / "walkers.jac")["writing"]
        callers = [Caller(interpreter.create_root()) for _ in range(users)]
        for caller in callers:
            interpreter.run(spec, b"{}", caller, None, Unit)
        counts = [0] * THREADS
        began, cpu = time.monotonic(), time.process_time()

        def work(number: int) -> None:
            while time.monotonic() < began + seconds:
                caller = callers[(number + THREADS * counts[number]) % users]
                interpreter.run(spec, b"{}", caller, None, Unit)
                counts[number] += 1

        threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took, used = time.monotonic() - began, time.process_time() - cpu
        return sum(counts) / took, used / sum(counts) * 1e6
    finally:
        interpreter.close()


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    place = sys.argv[2] if len(sys.argv) > 2 else None
    print("| `graph_synchronous` | nodes | walkers a second | us of processor time each |")
    print("| --- | --- | ---: | ---: |")
    for synchronous in ("normal", "full"):
        for users, nodes in ((USERS, "one for each of 64 users"), (1, "one")):
            with tempfile.TemporaryDirectory(dir=place) as name:
                rate, used = run(Path(name), synchronous, users, seconds)
            print(f"| {synchronous} | {nodes} | {rate:,.0f} | {used:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
