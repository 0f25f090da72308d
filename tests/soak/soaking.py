"""Wears a server for a long time, and looks for what wears out.

usage: soaking.py [--connects 1000000] [--seconds 600] [--seed 1]
"""

import argparse
import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from churn import churn, resident_bytes
from figures import OPEN, Figures
from mixed import Mixed
from support import JAC, MEMORY_FACTOR, REPOSITORY, ServerProcess, copy_app, eventually

MIB = 1 << 20
PER = 100_000
# What walkers, REST and slow peers may keep for good of what they once needed.
MIXED_GROWTH = MEMORY_FACTOR * 16 * MIB
# A slow peer may be behind by no more than this: what it does not read is soon too much.
SETTINGS = {**OPEN, "message_rate": 0, "outbox_bytes": 1 << 18, "io_threads": 2}


def start(folder: Path, jac: Path = JAC, **settings: Any) -> ServerProcess:
    """A server of this folder's app, with its data under `folder`."""
    app = copy_app(REPOSITORY / "tests" / "soak" / "soak.jac", folder)
    # A sanitizer keeps what was freed, to see who uses it still; here it would be taken for growth.
    options = os.environ.get("ASAN_OPTIONS", "verbosity=0")
    options += ":quarantine_size_mb=0:thread_local_quarantine_size_kb=0"
    env = {**os.environ, "ASAN_OPTIONS": options}
    return ServerProcess(app, {**SETTINGS, **settings}, env=env, jac=jac)


def tables_are_empty(server: ServerProcess) -> None:
    """Waits until nobody is connected and nobody is remembered."""

    def is_empty() -> bool:
        figures = Figures(server)
        return not any(map(figures, ("sessions", "targets", "outbox_bytes", "queue_depth")))

    eventually(is_empty, "empty tables", 30)
    # One is who asks; the time after its answer belongs to it too.
    eventually(lambda: Figures(server)("connections") <= 2, "no connection left", 30)


@dataclass(frozen=True)
class Growth:
    """How the memory of a server grew behind its first so many connects."""

    first: int
    connects: int
    bytes: int

    def __str__(self) -> str:
        return f"{self.bytes / 1024:+.0f} KiB over {self.connects:,} after the first {self.first:,}"

    def is_bounded(self) -> bool:
        """By 1 MiB for each 100,000, and in all where there are fewer: pages come in steps."""
        return self.bytes < MEMORY_FACTOR * MIB * max(1.0, self.connects / PER)


def come_and_go(server: ServerProcess, connects: int, seed: int) -> Growth:
    """All come and leave; the first tenth is not counted: it fills what is kept for the next."""
    began = time.monotonic()
    samples = []
    for done, memory in churn(server, connects, seed):
        samples.append((done, memory))
        rate = done / (time.monotonic() - began)
        print(f"{done:>9,} connects, {memory / MIB:.1f} MiB, {rate:,.0f} a second", flush=True)
    tables_are_empty(server)
    (first, before), (last, after) = samples[0], samples[-1]
    return Growth(first, last - first, after - before)


def mix(server: ServerProcess, seconds: float, seed: int) -> int:
    """The mixed load for so long; how many bytes the server has grown since its first tenth."""
    asyncio.run(Mixed(server, max(2.0, seconds / 10), seed).run())
    before = resident_bytes(server.process.pid)
    mixed = Mixed(server, seconds, seed + 1)
    asyncio.run(mixed.run())
    print(", ".join(f"{count:,} {what}" for what, count in mixed.counts.items()), flush=True)
    tables_are_empty(server)
    return resident_bytes(server.process.pid) - before


def main() -> None:
    """Both, on one server."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--connects", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        server = start(Path(folder))
        try:
            growth = come_and_go(server, asked.connects, asked.seed)
            print(f"connects: {growth}; all tables empty", flush=True)
            assert growth.is_bounded()
            grown = mix(server, asked.seconds, asked.seed)
            print(f"mixed load: {grown / 1024:+.0f} KiB in {asked.seconds:.0f} s; nothing lost")
            assert grown < MIXED_GROWTH
            assert server.stop() == 0, server.log()
        finally:
            server.kill()


if __name__ == "__main__":
    main()
